"""The keys of the API: the name of each, and what it allows."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

#: Characters of a key: fewer could be guessed.
MIN_KEY_CHARACTERS = 16
_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)


class Role(StrEnum):
    """What a key allows: `read` only safe methods, `write` everything."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True)
class ApiKey:
    """A key, under a name that may be logged."""

    name: str
    role: Role
    key: str = field(repr=False)


def parse_api_keys(text: str) -> tuple[ApiKey, ...]:
    """Return the keys in a text: `NAME:ROLE:KEY` or `KEY`, separated by commas.

    A KEY alone has the role `write`, and is named by its position, such as `key-1`. Raises ValueError, whose message
    shows nothing of the text.
    """
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    if not entries:
        raise ValueError("it holds no key; expected one or more, separated by commas")
    if not (text.isascii() and text.isprintable()):
        raise ValueError("it has characters that a header cannot carry; expected printable ASCII")
    keys = tuple(_parse(entry, position) for position, entry in enumerate(entries, start=1))
    if len({key.key for key in keys}) < len(keys):
        raise ValueError("it holds the same key twice; expected each key once, with one role")
    return keys


def _parse(entry: str, position: int) -> ApiKey:
    name, role, key = _fields(entry, position)
    if not _NAME.fullmatch(name) or role not in [*Role]:
        raise ValueError(
            f"entry {position} cannot be read; expected KEY or NAME:ROLE:KEY, with a name of up to 64 letters, digits, "
            "dots, dashes or underscores, and the role read or write"
        )
    if len(key) < MIN_KEY_CHARACTERS:
        raise ValueError(
            f"the key of entry {position} is too short; expected at least {MIN_KEY_CHARACTERS} characters, such as "
            "those of `openssl rand -hex 16`"
        )
    return ApiKey(name, Role(role), key)


def _fields(entry: str, position: int) -> tuple[str, str, str]:
    """The name, role and key of an entry; an unreadable entry has no name."""
    if ":" not in entry:
        return f"key-{position}", Role.WRITE, entry
    name, role, key = [*entry.split(":", 2), "", ""][:3]
    return name, role, key.strip()
