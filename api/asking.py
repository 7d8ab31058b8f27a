"""What a request learns of the result that it asks for: passed on in its scope from the outermost layer inwards."""

from dataclasses import dataclass
from typing import cast

from starlette.types import Scope

from api.cubes import Result
from autoconnect.broker.results import ResultInfo

#: The name of a request's asking in its scope.
_ASKING = "autoconnect.asking"


@dataclass
class Asking:
    """`info` is what was read after the request arrived of the result of `job_id` (None: the published one).

    `version` is the id and the version of the result that the answer is made from, once that is known.
    """

    job_id: str | None = None
    info: ResultInfo | None = None
    version: tuple[str, str] | None = None

    def info_of(self, job_id: str | None) -> ResultInfo | None:
        """What was read of this result, None if nothing was."""
        return self.info if job_id == self.job_id else None

    def answer_from(self, result: Result) -> None:
        """Say which result the answer is made from; that of an open job has no version."""
        self.version = (result.job_id, result.version) if result.complete else None

    def within(self, scope: Scope) -> Scope:
        """The scope that passes it on."""
        return {**scope, _ASKING: self}


def asking_of(scope: Scope) -> Asking:
    """What a request has learned so far; nothing, if no layer has asked."""
    return cast(Asking, scope.get(_ASKING) or Asking())
