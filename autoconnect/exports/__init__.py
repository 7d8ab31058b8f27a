"""The formats in which tables leave, one module each; the API, the command line and OpenAPI read this registry."""

from collections.abc import Mapping

from autoconnect.exports import csv, json
from autoconnect.exports.base import Format

#: All formats by name; the first one is the default.
FORMATS: Mapping[str, Format] = {module.FORMAT.name: module.FORMAT for module in (json, csv)}
