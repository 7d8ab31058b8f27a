"""Formats of tables, one module each, and their registry.

The API and its description offer all of them; `autoconnect run --export` writes those that are files. A module imports
the library of its format only when a table is written.
"""

from collections.abc import Mapping

from autoconnect.exports import csv, json, parquet, xlsx
from autoconnect.exports.base import Format

#: All formats by name; the first one is the default.
FORMATS: Mapping[str, Format] = {module.FORMAT.name: module.FORMAT for module in (json, csv, xlsx, parquet)}
