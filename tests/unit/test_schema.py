"""Names of columns, words for no value, and what is trimmed of a field."""

import pytest

from autoconnect.core.schema import COLUMNS, bracket_currency, header_name, is_missing, meaning_of, trimmed


@pytest.mark.parametrize("meaning", COLUMNS)
def test_each_name_has_its_meaning_however_it_is_written(meaning: str) -> None:
    for name in COLUMNS[meaning].names:
        for written in (
            name,
            name.upper(),
            name.replace("_", " "),
            name.replace("_", "-"),
            f" {name}. ",
            f"\ufeff{name}",
        ):
            assert meaning_of(written) == meaning


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("Modèle", "model"),
        ("MODE\u0300LE", "model"),
        ("Durée location mois", "duration"),
        ("Coût", "cost"),
        ("N° Transaction", "id"),
        ("ty\u200bpe", "type"),
        ("sale", None),
        ("prix2", None),
        ("prixx", None),
        ("", None),
        ("e\u0301" * 5_000, None),
    ],
)
def test_names_are_compared_without_accents_and_invisible_characters(name: str, meaning: str | None) -> None:
    assert meaning_of(name) == meaning


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("Prix (€)", "price"),
        ("prix [EUR]", "price"),
        ("Prix (TTC)", "price"),
        ("Prix (€ HT)", "price"),
        ("Montant (CHF) (ht)", "price"),
        ("cout ($)", "cost"),
        ("duree_mois (mois)", "duration"),
        ("rental months (Months)", "duration"),
        ("Durée (mois)", "duration"),
        ("Durée location [Mois]", "duration"),
        ("Rental (months)", "duration"),
        ("Durée mois (mois) (HT)", "duration"),
        ("Durée (jours)", None),
        ("Durée (months)", None),
        ("Prix (k€)", None),
        ("Prix (€/mois)", None),
        ("Prix ()", None),
        ("Prix (mois)", None),
        ("duree_mois (jours)", None),
        ("Prix (€", None),
        ("(€)", None),
    ],
)
def test_a_bracket_is_ignored_if_it_holds_a_currency_a_tax_word_or_the_unit(name: str, meaning: str | None) -> None:
    assert meaning_of(name) == meaning


@pytest.mark.parametrize(
    ("name", "currency"), [("Prix (€)", "EUR"), ("prix [USD TTC]", "USD"), ("prix €", None), ("Prix (k€)", None)]
)
def test_the_currency_of_a_header_is_in_its_bracket(name: str, currency: str | None) -> None:
    assert bracket_currency(name) == currency


def test_a_long_name_is_folded_in_little_time() -> None:
    assert header_name("\u0301\u0323" * 500_000) != ""


WORDS = "null nil none nan na n/a #n/a <na> \\n - -- ? (vide) (blank) undefined"
ERRORS = "#REF! #VALUE! #NAME? #DIV/0! #NUM! #NULL!"


@pytest.mark.parametrize("word", ["", *WORDS.split(), *ERRORS.split()])
def test_words_for_no_value_are_missing_without_case(word: str) -> None:
    assert is_missing(word)
    assert is_missing(word.upper())
    assert is_missing(word.title())
    assert not is_missing(f"{word}x")


@pytest.mark.parametrize(
    "around", ["", " ", "\t", "\u00a0", "\u202f", "\u200b", "\u200e", "\ufeff", "\u00ad", " \u200b \ufeff"]
)
def test_fields_are_trimmed_of_white_space_and_invisible_characters(around: str) -> None:
    assert trimmed(f"{around}a \u200bé{around}") == "a \u200bé"
    assert trimmed(around) == ""
