"""Hostile names: reading one takes time linear in its length, not quadratic."""

from datetime import date

from autoconnect.core.schema import header_name
from autoconnect.core.selection import Selection
from autoconnect.core.sniffer import sniff_bytes
from tests.oracle import Row
from tests.unit.batches import cube_of_rows

#: Half a million accents in the wrong order.
ACCENTS = "\u0301\u0316" * 250_000


def test_a_city_with_half_a_million_accents_equals_the_one_without() -> None:
    cube = cube_of_rows([Row("1", date(2024, 1, 31), "Orléans", "vente", "Clio", 100)])

    assert len(Selection.read(city=[f"Orl{ACCENTS}e\u0301ans"]).apply(cube)) == 1


def test_a_column_with_half_a_million_accents_is_unknown() -> None:
    assert header_name(f" MODE{ACCENTS} ") == f"mode{ACCENTS}"


def test_a_column_name_may_have_any_number_of_spaces_around_it_and_decomposed_accents() -> None:
    spaces = " " * 1_000
    header = f"id,date,ville,type,{spaces}mode\u0300le{spaces},prix,dur\u00e9e_location_mois\n"
    assert {"model", "duration"} <= sniff_bytes(header.encode()).layout.positions.keys()
