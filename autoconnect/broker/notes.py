"""The notes of a job in the form in which its hash keeps them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace

from autoconnect.core.notes import Note, shortened

#: Bytes of the messages of a job's notes: a message may list names that are long.
_MAX_BYTES = 32 << 10


def notes_json(notes: Sequence[Note]) -> str:
    """Notes as JSON; the longest messages are cut if all of them together have more than 32 KiB."""
    longest = _longest([len(note.message.encode()) for note in notes])
    kept = [asdict(replace(note, message=shortened(note.message, longest))) for note in notes]
    return json.dumps(kept, ensure_ascii=False)


def _longest(lengths: Sequence[int]) -> int:
    """The bytes that each message may have: shorter ones leave more for the others."""
    left = _MAX_BYTES
    for taken, length in enumerate(sorted(lengths)):
        share = left // (len(lengths) - taken)
        if length > share:
            return share
        left -= length
    return _MAX_BYTES
