"""Formats of tables, one module each, and their registry for the API, the command line and OpenAPI."""

from collections.abc import Mapping

from autoconnect.exports import csv, json
from autoconnect.exports.base import Format

#: All formats by name; the first one is the default.
FORMATS: Mapping[str, Format] = {module.FORMAT.name: module.FORMAT for module in (json, csv)}
