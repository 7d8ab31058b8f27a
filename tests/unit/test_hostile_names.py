"""Names that are no names: what is made of them takes time by their length, not by its square."""

from autoconnect.core.layout import sniff
from autoconnect.core.schema import header_name
from autoconnect.core.selection import Selection

#: Accents that stand in the wrong order.
ACCENTS = "\u0301\u0316" * 250_000


def test_a_city_with_half_a_million_accents_is_the_one_without() -> None:
    assert Selection.read(city=[f"Orl{ACCENTS}e\u0301ans"]) == Selection.read(city=["orleans"])


def test_a_column_with_half_a_million_accents_is_none_of_ours() -> None:
    assert header_name(f" MODE{ACCENTS} ") == f"mode{ACCENTS}"


def test_a_column_may_stand_between_any_number_of_spaces_its_accents_composed_or_not() -> None:
    spaces = " " * 1_000
    header = f"id,date,ville,type,{spaces}mode\u0300le{spaces},prix,dur\u00e9e_location_mois\n"
    assert {"model", "duration"} <= sniff(header.encode(), []).positions.keys()
