"""Formats of tables, one module each, and their registry.

The API and its description offer all of them; `autoconnect run --export` writes CSV.
"""

from collections.abc import Mapping

from autoconnect.exports import csv, json
from autoconnect.exports.base import Format

#: All formats by name; the first one is the default.
FORMATS: Mapping[str, Format] = {module.FORMAT.name: module.FORMAT for module in (json, csv)}
