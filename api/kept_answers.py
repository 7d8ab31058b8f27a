"""Answers in memory, by the version of the result that each was made from: none is ever wrong, only unused."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

#: The most bytes that answers take, unless ANSWER_CACHE_BYTES is set: thousands of metrics.
_DEFAULT_BYTES = 16 << 20
#: Shares of the memory for cubes and computations that they take at most: by default, so that the cube of the largest
#: job still fits, and if ANSWER_CACHE_BYTES is set.
_DEFAULT_SHARE, _MAX_SHARE = 1 / 16, 1 / 2
#: Bytes above which an answer is not kept: it is made in pieces, and sending it takes longer than making it.
MAX_ANSWER_BYTES = 1 << 20
#: Bytes that an answer takes besides its texts, with its key and seven headers (measured: 1,500).
_OBJECT_BYTES = 2_048

Headers = Sequence[tuple[bytes, bytes]]


class Key(NamedTuple):
    """All that an answer depends on; `version` is never used twice."""

    job_id: str
    version: str
    path: str
    query: bytes
    accept: bytes
    zipped: bool


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer with status 200; its body is compressed if `headers` say so."""

    headers: Headers
    etag: bytes
    body: bytes

    def bytes_under(self, key: Key) -> int:
        """The bytes of memory that it takes, with its key."""
        texts = sum(len(name) + len(value) for name, value in self.headers)
        return _OBJECT_BYTES + texts + len(self.body) + len(key.path) + len(key.query) + len(key.accept)


class KeptAnswers:
    """The answers used last, as many as fit into `size` bytes. Only the event loop's thread changes them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.bytes = self.hits = self.misses = 0
        self._answers: OrderedDict[Key, KeptAnswer] = OrderedDict()

    def find(self, key: Key) -> KeptAnswer | None:
        """The answer under a key; counts whether there is one."""
        answer = self._answers.get(key)
        if answer is None:
            self.misses += 1
            return None
        self.hits += 1
        self._answers.move_to_end(key)
        return answer

    def keep(self, key: Key, answer: KeptAnswer) -> None:
        """Keep an answer in place of those that nobody has asked for longest."""
        size = answer.bytes_under(key)
        if size > min(self.size, MAX_ANSWER_BYTES + _OBJECT_BYTES):
            return
        if replaced := self._answers.pop(key, None):
            self.bytes -= replaced.bytes_under(key)
        self._answers[key] = answer
        self.bytes += size
        while self.bytes > self.size:
            oldest, dropped = self._answers.popitem(last=False)
            self.bytes -= dropped.bytes_under(oldest)


def kept_bytes(setting: int | None, spare_bytes: int) -> int:
    """The bytes for answers, out of those for cubes and computations; `setting` is ANSWER_CACHE_BYTES."""
    if setting is None:
        return min(_DEFAULT_BYTES, int(spare_bytes * _DEFAULT_SHARE))
    return min(setting, int(spare_bytes * _MAX_SHARE))
