"""Gives parameters and bodies a single type: FastAPI adds null if a value is optional."""

from typing import Any

_NULL = {"type": "null"}


def make_plain(schema: dict[str, Any]) -> None:
    """Replace `anyOf` one type or null by this type, in place, and drop a default of null."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != _NULL]
    if len(kinds) == 1:
        del schema["anyOf"]
        schema.update({**kinds[0], **schema})
    if schema.get("default", "") is None:
        del schema["default"]
