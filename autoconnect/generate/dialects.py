"""The dialects that transactions can be written in, by name."""

import unicodedata
from collections.abc import Mapping

from autoconnect.generate.transactions import CITIES, MODELS
from autoconnect.generate.writer import Writer

PLAIN = Writer()

_NO_BREAK_SPACE = "\u00a0"


def _french_amount(cents: int) -> str:
    return f"{_grouped(cents, _NO_BREAK_SPACE, ',')}{_NO_BREAK_SPACE}€"


def _american_amount(cents: int) -> str:
    """An amount in quotes if it has a comma, as spreadsheets write it."""
    sign = "-" * (cents < 0)
    amount = f"{sign}${_grouped(abs(cents), ',', '.')}"
    return f'"{amount}"' if "," in amount else amount


def _german_amount(cents: int) -> str:
    return _grouped(cents, ".", ",")


def _swiss_amount(cents: int) -> str:
    return _grouped(cents, "'", ".")


def _float(cents: int) -> str:
    return str(cents / 100)


def _grouped(cents: int, group: str, decimal: str) -> str:
    sign, (units, rest) = "-" * (cents < 0), divmod(abs(cents), 100)
    return f"{sign}{units:,}".replace(",", group) + f"{decimal}{rest:02}"


def _other_spellings(name: str) -> tuple[str, ...]:
    accented = name.replace("Mercedes", "Mercédès")
    nfd = unicodedata.normalize("NFD", accented)
    return (name.upper(), accented, name.lower().replace(" ", "-"), nfd, name.replace(" ", "_"))


#: To add a dialect, add an entry.
DIALECTS: Mapping[str, Writer] = {
    "plain": PLAIN,
    "fr-excel": Writer(
        header=("N° transaction", "Date de vente", "Ville", "Type", "Modèle", "Prix (€)", "Durée location mois"),
        encoding="cp1252",
        between=";",
        line_end="\r\n",
        date="{2:02}/{1:02}/{0}",
        amount=_french_amount,
    ),
    "us": Writer(
        header=("Transaction ID", "Sale Date", "City", "Type", "Model", "Price", "Rental Months"),
        types=("rental", "sale"),
        line_end="\r\n",
        date="{1}/{2}/{0}",
        amount=_american_amount,
    ),
    "de": Writer(title="\ufeff", between=";", line_end="\r\n", date="{2:02}.{1:02}.{0}", amount=_german_amount),
    "swiss": Writer(between=";", line_end="\r", date="{2:02}.{1:02}.{0}", amount=_swiss_amount),
    "pandas": Writer(numbered=True, amount=_float, months="{}.0", missing="nan"),
    "pipes": Writer(between="|"),
    "spaces": Writer(before=" ", between=" , ", after=" "),
    "mixed": Writer(spellings={name: _other_spellings(name) for name in (*CITIES, *MODELS)}),
    "titles": Writer(title="Ventes et locations de tous les sites\nExport du 02/01/2025\n\n", surplus=",,"),
}
