"""Sources for tests of the sniffer, made of a header and a few rows."""

import pytest

from autoconnect.core.dialect import NOTHING_GIVEN, DialectOptions
from autoconnect.core.sniffer import Sniffed, sniff_bytes
from autoconnect.errors import SourceError

HEADER = "id,date,ville,type,modele,prix"
POSITIONS = {"id": 0, "date": 1, "city": 2, "type": 3, "model": 4, "price": 5}
ROW = {"id": "T1", "date": "2024-01-15", "ville": "Lyon", "type": "vente", "modele": "Clio", "prix": "10000"}


def source(*rows: dict[str, str], header: str = HEADER, delimiter: str = ",") -> bytes:
    """A source with a row for each mapping of names to fields; other fields are those of ROW, or empty."""
    names = header.split(",")
    lines = [names, *([{**ROW, **row}.get(name, "") for name in names] for row in rows)]
    return "".join(f"{delimiter.join(line)}\n" for line in lines).encode()


def sniffed(data: bytes, **given: object) -> Sniffed:
    """What the sniffer makes of a source, with what a user gives."""
    return sniff_bytes(data, DialectOptions.read(given) if given else NOTHING_GIVEN)


def failure(data: bytes, **given: object) -> str:
    """The sentence with which the sniffer refuses a source."""
    with pytest.raises(SourceError) as caught:
        sniffed(data, **given)
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert sentence.endswith(".")
    return sentence
