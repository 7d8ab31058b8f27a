"""The texts of charts: numbers, amounts and dates in each language, readable in each theme."""

import re
from decimal import Decimal
from pathlib import Path
from string import Formatter

import pytest

import api
from autoconnect.core import charts
from autoconnect.core.charts.base import FONT, PALETTES, colours_of, legend, note_lines
from autoconnect.core.charts.sales_rental_split import COLOURS, ON_COLOURS
from autoconnect.core.charts.style import THEMES, Style
from autoconnect.core.charts.texts import day, money, money_labels, month, month_names, number, percent
from autoconnect.core.charts.words import WORDS

ENGLISH, FRENCH = Style(currency="EUR"), Style(language="fr", currency="EUR")


@pytest.mark.parametrize(
    ("style", "texts"),
    [
        (ENGLISH, ["1,234,567.5", "€1,234,568", "€12.30", "+€1,500", "\u2212€1,500", "12.3%", "+0.5%"]),
        (
            FRENCH,
            [
                *("1\u202f234\u202f567,5", "1\u202f234\u202f568\u00a0€", "12,30\u00a0€", "+1\u202f500\u00a0€"),
                *("\u22121\u202f500\u00a0€", "12,3\u00a0%", "+0,5\u00a0%"),
            ],
        ),
    ],
)
def test_numbers_have_the_form_of_the_language(style: Style, texts: list[str]) -> None:
    amounts = [money(style, amount) for amount in (1234568, Decimal("12.3"))]
    changes = [money(style, 1500, signed=True), money(style, -1500)]
    shares = [percent(style, Decimal("12.34")), percent(style, Decimal("0.5"), signed=True)]
    assert [number(style, Decimal("1234567.5"), 1), *amounts, *changes, *shares] == texts


def test_a_number_that_rounds_to_zero_has_no_sign() -> None:
    assert number(ENGLISH, Decimal("-0.04"), 1, signed=True) == "0.0"
    assert money(ENGLISH, 0, signed=True) == "€0"
    assert number(ENGLISH, -10) == "\u221210"


def test_a_missing_value_is_a_dash() -> None:
    assert {number(ENGLISH, None), money(FRENCH, None), percent(FRENCH, None), day(FRENCH, None)} == {"\u2013"}


@pytest.mark.parametrize(
    ("currency", "english", "french"),
    [
        (None, "1,500", "1\u202f500"),
        ("USD", "$1,500", "1\u202f500\u00a0$"),
        ("GBP", "£1,500", "1\u202f500\u00a0£"),
        ("CHF", "CHF\u00a01,500", "1\u202f500\u00a0CHF"),
    ],
)
def test_amounts_have_the_sign_of_the_currency_or_none(currency: str | None, english: str, french: str) -> None:
    assert money(Style(currency=currency), 1500) == english
    assert money(Style(currency=currency, language="fr"), 1500) == french
    assert ("$" in money_labels(Style(currency=currency))) == (currency == "USD")


def test_dates_have_the_form_of_the_language() -> None:
    assert [day(ENGLISH, "2024-03-01"), month(ENGLISH, "2024-12")] == ["1 Mar 2024", "Dec 2024"]
    assert [day(FRENCH, "2024-03-01"), day(FRENCH, "2024-08-21")] == ["1er mars 2024", "21 août 2024"]


def test_the_languages_have_the_same_words_and_fill_in_the_same() -> None:
    assert WORDS["en"].keys() == WORDS["fr"].keys()
    for key, text in WORDS["en"].items():
        fields = [{name for _, name, _, _ in Formatter().parse(words)} for words in (text, WORDS["fr"][key])]
        assert fields[0] == fields[1], key
    assert len(month_names(ENGLISH)) == len(month_names(FRENCH)) == 12


def test_the_font_is_that_of_the_dashboard() -> None:
    tokens = Path(api.__file__).parent / "static" / "dashboard" / "styles" / "tokens.css"
    assert f"--font: {FONT};" in tokens.read_text()


def test_lines_make_up_their_notes_when_they_are_joined() -> None:
    notes = ["No row of the source carries a cost, so there is no margin to compute.", "A second note."]
    lines = note_lines(Style(width=320), notes)
    assert len(lines) > 2
    assert "".join(lines) == " ".join(notes)
    assert note_lines(Style(), []) == []


def test_a_legend_cuts_no_label_while_there_is_room_below_or_beside_it() -> None:
    narrow, wide = Style(width=320), Style(width=960)
    few, many = ["Chiffre d'affaires", "Droite ajustée", "Prévision"], [f"A long name of city {n}" for n in range(9)]
    assert legend(wide, few)["columns"] == len(few)
    assert legend(narrow, few)["columns"] == 1
    assert legend(narrow, few)["labelLimit"] >= 12 * len(few[0]) * 0.6
    assert legend(narrow, many)["columns"] == 2


def test_every_word_is_used() -> None:
    folder = Path(charts.__file__).parent
    code = "".join(path.read_text() for path in folder.glob("*.py") if path.name != "words.py")
    assert [key for key in WORDS["en"] if f'"{key}"' not in code] == []


def test_words_in_expressions_end_no_string() -> None:
    for words in WORDS.values():
        expressed = [words[key] for key in ("thousand", "million", "billion", "months")]
        assert not re.search(r"['\"\\]", "".join(expressed))


def test_texts_stand_out_from_what_is_behind_them() -> None:
    for theme in THEMES:
        colours = Style(theme=theme).colours
        for text in (colours.text, colours.muted):
            assert min(contrast(text, colours.background), contrast(text, colours.tile)) >= 4.5
    assert all(contrast(*pair) >= 4.5 for pair in zip(ON_COLOURS, COLOURS, strict=True))


def test_colours_stand_out_from_the_background() -> None:
    for theme, palette in PALETTES.items():
        background = Style(theme=theme).colours.background
        assert min(contrast(colour, background) for colour in palette) > 2
        assert len(set(palette)) == 12


def test_a_city_keeps_its_colour_under_every_filter() -> None:
    cities = tuple(f"City {n:02}" for n in range(12))
    everything = colours_of(Style(cities=cities), cities, cities)
    for city in cities:
        assert colours_of(Style(cities=cities), [city], [city]) == {city: everything[city]}
    assert colours_of(Style(), cities, reversed(cities)) == everything


def test_no_two_cities_of_a_picture_share_a_colour_while_there_are_others() -> None:
    cities = [f"City {n:02}" for n in range(40)]
    shown = [cities[n] for n in (0, 12, 24, 36, 1, 13, 11, 23)]
    colours = colours_of(Style(), shown, cities)
    assert len(set(colours.values())) == len(shown)
    assert colours["City 00"] == colours_of(Style(), cities, cities)["City 00"]
    assert colours_of(Style(), cities, cities).keys() == set(cities)


def contrast(one: str, other: str) -> float:
    """The ratio of contrast of two colours, as WCAG 2 defines it."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
