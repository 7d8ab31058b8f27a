"""What the columns of a file mean: section 2 of the contract."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from tests.oracle.failures import CannotPlan
from tests.oracle.fields import CURRENCIES, is_invisible, trim, without_case_and_accents

#: The names of the columns, by meaning; names of one meaning are in the order of the contract.
HEADERS: Mapping[str, Sequence[str]] = {
    "id": ("transaction_id", "id", "id_transaction", "n° transaction", "numero", "number", "reference"),
    "date": ("date", "date_transaction", "date_vente", "date de vente", "transaction_date", "sale_date", "jour", "day"),
    "city": ("ville", "city", "commune", "town"),
    "type": ("type", "type_transaction", "transaction_type", "operation"),
    "model": ("modele", "model", "modele_vehicule", "vehicule", "vehicle", "car"),
    "price": (
        *("prix", "price", "montant", "amount", "prix_ttc", "prix_ht", "prix_vente", "montant_ttc", "montant_ht"),
        "sale_price",
    ),
    "duration": ("duree_location_mois", "duree_mois", "rental_months", "duration_months"),
    "cost": ("cout", "cost", "cout_ht", "cout_ttc", "cout_achat", "prix_achat", "purchase_price"),
    "currency": ("devise", "monnaie", "currency"),
}
OPTIONAL = ("duration", "cost", "currency")
NEEDED = tuple(meaning for meaning in HEADERS if meaning not in OPTIONAL)
#: Words that make a bracket of a name one that is ignored, and those that do so for a duration.
MONEY = frozenset({*CURRENCIES, "ht", "ttc"})
MONEY_OR_MONTHS = MONEY | {"mois", "months"}
_BRACKET = r"\([^()]*\)|\[[^\[\]]*\]"

#: What a user says about columns: the name of a column, `=text` for a constant, or None for a column not to use.
Given = Mapping[str, str | None]


@dataclass(frozen=True)
class Columns:
    """The columns of a file; `meanings` are those of all columns by position, `used` the positions that are read."""

    given: Given
    names: Sequence[str]
    meanings: Mapping[int, str]
    used: Mapping[str, int]
    constants: Mapping[str, str]
    second_ids: Sequence[int]
    unknown: Sequence[int]
    cost_not_used: bool

    def name(self, meaning: str) -> str:
        """The header name of a meaning, or the meaning itself if it is a constant."""
        return trim(self.names[self.used[meaning]]) if meaning in self.used else meaning


@cache
def compared(name: str, ignored: frozenset[str] = frozenset()) -> str:
    """A header name as it is compared: without case, accents, spaces, `_`, `-`, `.`, invisible characters.

    Brackets that hold nothing but ignored words are left out.
    """

    def replace(bracket: re.Match[str]) -> str:
        words = words_in(bracket[0])
        return "" if words and words <= ignored else bracket[0]

    text = without_case_and_accents(re.sub(_BRACKET, replace, name))
    return "".join(char for char in text if not char.isspace() and not is_invisible(char) and char not in "_-.")


def words_in(bracket: str) -> set[str]:
    """The words between brackets."""
    visible = "".join(char for char in bracket[1:-1] if not is_invisible(char))
    return set(without_case_and_accents(visible).split())


def meaning_by_table(name: str) -> str | None:
    """What a header name means by the contract's table; the unit of a duration may be in a bracket."""
    opened = re.sub(r"[(\[]\s*(mois|months)\s*[)\]]", r"\1", name, flags=re.IGNORECASE)
    for meaning, names in HEADERS.items():
        forms = {compared(name, MONEY)}
        if meaning == "duration":
            forms |= {compared(name, MONEY_OR_MONTHS), compared(opened, MONEY)}
        if forms & {compared(other) for other in names}:
            return meaning
    return None


_meaning_by_table = cache(meaning_by_table)


def asked_names(given: Given) -> dict[str, str]:
    """The names of columns among what is given."""
    return {meaning: text for meaning, text in given.items() if text is not None and not text.startswith("=")}


def meanings_of(names: Sequence[str], given: Given) -> dict[int, str]:
    """The meaning of each column that has one, by position. What is given for a meaning replaces the table's names.

    Of several columns that are the same as a given name, the closest ones count.
    """
    meanings: dict[int, str] = {}
    closeness: dict[int, int] = {}
    for position, name in enumerate(names):
        found = [(_closeness(name, text, meaning), meaning) for meaning, text in asked_names(given).items()]
        closeness[position], asked = max(found, default=(0, ""))
        meaning = asked if closeness[position] else _meaning_by_table(name)
        if meaning and (closeness[position] or meaning not in given):
            meanings[position] = meaning
    best = {
        meaning: max(closeness[position] for position, found in meanings.items() if found == meaning)
        for meaning in set(meanings.values())
    }
    return {position: meaning for position, meaning in meanings.items() if closeness[position] == best[meaning]}


def _closeness(name: str, asked: str, meaning: str) -> int:
    """0 if a name is not the same as a given one; 3 if it is written in the same way, 2 if it has the same brackets."""
    ignored = MONEY_OR_MONTHS if meaning == "duration" else MONEY
    if trim(name) == trim(asked):
        return 3
    return 2 if compared(name) == compared(asked) else int(compared(name, ignored) == compared(asked, ignored))


def constants_of(given: Given) -> dict[str, str]:
    """The constants among what is given: `=Lyon` stands for a column that the file lacks."""
    return {meaning: text[1:] for meaning, text in given.items() if text is not None and text.startswith("=")}


def lacking(names: Sequence[str], given: Given) -> list[str]:
    """The needed meanings that no column and no constant has."""
    found = {*meanings_of(names, given).values(), *constants_of(given)}
    return [meaning for meaning in NEEDED if meaning not in found]


def choose_columns(names: Sequence[str], given: Given) -> Columns:
    """Choose the columns that are read. Two columns of one meaning are a failure, unless it is the id."""
    meanings = meanings_of(names, given)
    places = {meaning: [at for at, found in meanings.items() if found == meaning] for meaning in HEADERS}
    for meaning, text in asked_names(given).items():
        if not places[meaning]:
            raise CannotPlan(f"No column is named {text!r}, which is given as {meaning}.")
    places["id"].sort(key=lambda position: _rank(names[position]))
    for meaning, positions in places.items():
        if meaning != "id" and len(positions) > 1:
            pair = " and ".join(repr(trim(names[position])) for position in positions)
            raise CannotPlan(f"The columns {pair} both mean {meaning}: choose one with --column {meaning}=NAME.")
    used = {meaning: positions[0] for meaning, positions in places.items() if positions}
    clash = {"cost", "price"} <= used.keys() and _have_other_taxes(names[used["price"]], names[used["cost"]])
    clash = clash and "cost" not in asked_names(given)
    if clash:
        del used["cost"]
    unknown = [at for at, name in enumerate(names) if at not in meanings and _deserves_a_note(name, given)]
    return Columns(given, names, meanings, used, constants_of(given), places["id"][1:], unknown, clash)


def _deserves_a_note(name: str, given: Given) -> bool:
    """Whether a column without meaning has a name, and is not one that the user asked not to use."""
    meaning = _meaning_by_table(name)
    left_out = meaning is not None and meaning in given and given[meaning] is None
    return trim(name) != "" and not left_out


def _rank(name: str) -> int:
    """The place of an id's name in the contract's list; a given name may have none."""
    names = [compared(other) for other in HEADERS["id"]]
    return names.index(compared(name, MONEY)) if compared(name, MONEY) in names else len(names)


def _have_other_taxes(price: str, cost: str) -> bool:
    """Whether both names carry a tax word and these differ."""
    return bool(tax_words(price) and tax_words(cost)) and tax_words(price) != tax_words(cost)


def tax_words(name: str) -> set[str]:
    """`ht` and `ttc`, if the name has them as words, in a bracket or not, or after the word for an amount."""
    visible = "".join(char for char in name if not is_invisible(char))
    joined = re.match("(?:prix|montant|cout)(ht|ttc)(?![a-z])", compared(name))
    words = re.findall("[a-z]+", without_case_and_accents(visible))
    return {"ht", "ttc"} & {*words, *(joined.groups() if joined else ())}


def currencies_of_header(name: str) -> set[str | None]:
    """The currencies in the brackets of a header name."""
    words = {word for bracket in re.findall(_BRACKET, name) for word in words_in(bracket)}
    return {CURRENCIES[word] for word in words if word in CURRENCIES}


def fitted(texts: Sequence[str], columns: Columns, surplus: int, has_end: bool) -> list[str] | None:
    """The fields of a row, as many as the header has; None if their number is wrong.

    The empty fields of the surplus are dropped. Fields may lack at the end if their columns are optional or unused, but
    not in a last record without line end.
    """
    count = len(columns.names)
    if len(texts) == count + surplus and not any(texts[count:]):
        return list(texts[:count])
    needed = [place for meaning, place in columns.used.items() if meaning in NEEDED]
    if has_end and len(texts) < count and len(texts) > max(needed, default=-1):
        return [*texts, *[""] * (count - len(texts))]
    return None
