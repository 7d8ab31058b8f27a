"""The rows of an answer."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, model_validator

from autoconnect.errors import AutoConnectError

if TYPE_CHECKING:
    import pandas as pd

Value = str | int | Decimal | None
#: What a filter or an option of a metric can be; several values are those of any.
Filter = str | int | date | Sequence[str] | None


class TablePage(BaseModel):
    """The fields of an answer for a metric or a roll-up that are read."""

    columns: list[str]
    rows: list[dict[str, Value]]
    note: str | None = None
    next_cursor: str | None = None

    @model_validator(mode="after")
    def _rows_have_all_columns(self) -> Self:
        if any(row.keys() < set(self.columns) for row in self.rows):
            raise ValueError("a row lacks a column")
        return self


class RejectPage(BaseModel):
    """The fields of an answer for rejects that are read."""

    items: list[dict[str, Value]]
    truncated: bool = False
    next_cursor: str | None = None


class Rows(list[dict[str, Value]]):
    """Rows, a dict each; numbers with a fraction are Decimals, and days and months are texts.

    `columns` has their names, in order, also if there is no row. `answer` is the API's answer as a whole, with the rows
    of all pages: its job, its filters, its note.
    """

    def __init__(self, columns: Sequence[str], rows: Sequence[dict[str, Value]], answer: Mapping[str, Any]) -> None:
        super().__init__(rows)
        self.columns = list(columns)
        self.answer = answer

    def to_pandas(self) -> "pd.DataFrame":
        """The rows as a data frame, with exact Decimals; raises AutoConnectError if pandas is not installed."""
        try:
            import pandas as pd
        except ImportError:
            raise AutoConnectError(
                "to_pandas() needs pandas, which is not installed; run: pip install pandas"
            ) from None
        return pd.DataFrame(list(self), columns=self.columns)


def parameters_of(filters: Mapping[str, Filter]) -> dict[str, str | list[str]]:
    """Filters as parameters of a call: without those that are None, and without the `_` of names such as `from_`."""
    return {name.removesuffix("_"): _parameter(value) for name, value in filters.items() if value is not None}


def _parameter(value: Filter) -> str | list[str]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [str(each) for each in value]
    return str(value)


def roll_up(
    group_by: str | Sequence[str], measures: str | Sequence[str], order: str | Sequence[str]
) -> dict[str, str | None]:
    """The parameters of a roll-up, whose columns are separated by commas."""
    given = {"group_by": group_by, "measures": measures, "order": order}
    return {
        name: columns if isinstance(columns, str) else ",".join(columns) for name, columns in given.items() if columns
    }
