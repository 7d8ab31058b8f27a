"""Numbers, names and times of a report as texts in its language."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from autoconnect.core.charts import Style
from autoconnect.core.charts import texts as chart_texts
from autoconnect.core.charts.texts import NONE, shown
from autoconnect.core.table import Column, Kind, Value
from autoconnect.exports.report.words import COLUMNS, WORDS

#: Characters of a name or value that are shown.
MAX_SHOWN = 80
#: Decimals of ratios: two, but for r², which is close to 0 or 1.
_R2_DIGITS = 4


@dataclass(frozen=True)
class Texts:
    """The texts of a language, with the currency of the file."""

    style: Style
    words: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", WORDS[self.style.language])

    def say(self, key: str, **parts: object) -> str:
        """A text with its parts filled in."""
        return self.words[key].format(**parts)

    def heading(self, column: str) -> str:
        """The heading of a column."""
        return COLUMNS[self.style.language].get(column, column)

    def count(self, value: Value) -> str:
        return self._narrow(chart_texts.number(self.style, value))

    def money(self, value: Value) -> str:
        """An amount with cents and the sign of its currency."""
        return self._narrow(chart_texts.money(self.style, value, 2))

    def rounded_money(self, value: Value) -> str:
        """An amount without cents, unless it is small."""
        return self._narrow(chart_texts.money(self.style, value))

    def percent(self, value: Value, digits: int = 2, *, signed: bool = False) -> str:
        return self._narrow(chart_texts.percent(self.style, value, digits, signed))

    def month(self, value: Value) -> str:
        return chart_texts.month(self.style, value)

    def day(self, value: Value) -> str:
        return chart_texts.day(self.style, value)

    def time(self, moment: datetime) -> str:
        """A moment, to the minute, in UTC."""
        moment = moment.astimezone(UTC)
        return f"{self.day(moment.date().isoformat())}, {moment:%H:%M} UTC"

    def cell(self, column: Column, value: Value) -> str:
        """A value of a table, as its column is read."""
        if column.kind is Kind.MONEY:
            return self.money(value)
        if column.kind is Kind.PERCENT:
            return self.percent(value, signed=_is_change(column))
        if column.kind in (Kind.RATIO, Kind.DURATION):
            return self._decimal(column, value)
        if column.kind in (Kind.COUNT, Kind.RANK):
            return self.count(value)
        if column.kind is Kind.MONTH:
            return self.month(value).replace(" ", "\u00a0")
        return cut(value)

    def _decimal(self, column: Column, value: Value) -> str:
        digits = _R2_DIGITS if column.name == "r2" else 2 if isinstance(value, Decimal) else 0
        return chart_texts.number(self.style, value, digits)

    def _narrow(self, text: str) -> str:
        """French sets signs after numbers apart by the same narrow space as thousands."""
        return text.replace("\u00a0", "\u202f") if self.style.language == "fr" else text


def cut(text: object, most: int = MAX_SHOWN) -> str:
    """The start of a text that anyone may have written, without signs that cannot be shown; None is a dash."""
    if text is None:
        return NONE
    start = shown(str(text)[: most + 1])
    return start if len(start) <= most else f"{start[:most]}\u2026"


def _is_change(column: Column) -> bool:
    return "change" in column.name or "growth" in column.name
