"""Names that are the same: what is folded, which spelling is shown, and what the note says."""

from collections import Counter
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoconnect.core.names import fold, key_of, note_of
from autoconnect.core.schema import Folding
from tests.oracle import Row
from tests.unit.batches import cube_of_rows

SPELLINGS = (
    *("Saint-Étienne", "saint etienne", "SAINT_ETIENNE", "Saint\u2019Etienne"),
    *("Lyon", "LYON", "Lión", "Йод", "Иод"),
)


def row(city: str, model: str = "Clio") -> Row:
    return Row("1", date(2024, 1, 31), city, "vente", model, 100)


@pytest.mark.parametrize(
    ("name", "other", "foldings"),
    [
        ("Lyon", "LYON", ("on", "case")),
        ("Lyon", "Lyón", ("on",)),
        ("Saint-Étienne", "saint  ÉTIENNE", ("on", "case")),
        ("Saint-Étienne", "saint' \u2019_-etienne", ("on",)),
        ("L'Haÿ", "L\u2019Hay", ("on",)),
        ("Straße", "STRASSE", ("on", "case")),
        ("Lyon", "Lyon 2", ()),
        ("St Etienne", "Saint Etienne", ()),
        ("Йод", "Иод", ()),
        ("BMW X3", "BMWX3", ()),
    ],
)
def test_what_is_the_same(name: str, other: str, foldings: tuple[Folding, ...]) -> None:
    modes: tuple[Folding, ...] = ("on", "case", "off")
    assert tuple(mode for mode in modes if key_of(name, mode) == key_of(other, mode)) == foldings


def test_a_name_of_many_accents_takes_a_time_in_proportion_to_its_length() -> None:
    """It would take minutes if the accents were sorted as a whole."""
    assert key_of("e" + "\u0301\u0323" * 200_000, "on") == "e"


def test_the_spelling_with_most_transactions_is_shown_and_of_equals_the_first() -> None:
    cube = cube_of_rows([row("lyon"), row("Lyon"), row("LYON"), row("LYON"), row("PARIS"), row("Paris")])

    folded = fold(cube, "on")

    assert folded.cube.cities == ("LYON", "PARIS")
    assert folded.cities == {"LYON": {"LYON": 2, "Lyon": 1, "lyon": 1}, "PARIS": {"PARIS": 1, "Paris": 1}}
    assert folded.models == {}


def test_a_cube_without_such_names_stays_as_it_is() -> None:
    cube = cube_of_rows([row("Lyon"), row("Paris")])

    assert fold(cube, "on").cube is cube
    assert fold(cube_of_rows([row("Lyon"), row("LYON")]), "off").cube.cities == ("LYON", "Lyon")


def test_the_note_lists_the_other_spellings_with_their_counts() -> None:
    rows = [row("Lyon"), row("Lyon"), row("LYON"), row("lyon"), row("lyon"), row("lyon", "CLIO")]
    (note,) = note_of(fold(cube_of_rows(rows), "on"))

    assert (note.code, note.count, note.line) == ("names_merged", 3, None)
    assert note.message.endswith(": Lyon (2) as lyon, CLIO (1) as Clio, LYON (1) as lyon.")
    assert not [*note_of(fold(cube_of_rows([row("Lyon")]), "on"))]


@given(st.lists(st.tuples(st.sampled_from(SPELLINGS), st.sampled_from(SPELLINGS)), max_size=12))
def test_folding_adds_up_what_is_the_same(names: list[tuple[str, str]]) -> None:
    rows = [row(city, model) for city, model in names]
    counts = Counter((key_of(city, "on"), key_of(model, "on")) for city, model in names)

    folded = fold(cube_of_rows(rows), "on").cube

    cells = zip(folded.city, folded.model, folded.measures["transactions"], strict=True)
    keys = {
        (key_of(folded.cities[city], "on"), key_of(folded.models[model], "on")): int(count)
        for city, model, count in cells
    }
    assert keys == counts
    assert fold(folded, "on").cube == folded
    assert set(folded.cities) <= {city for city, _ in names}
