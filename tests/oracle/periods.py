"""Earlier periods, as docs/metrics.md defines them: rows of the days that a selection is compared with."""

from collections.abc import Sequence
from datetime import date, timedelta

from tests.oracle.rows import Row

#: Year, month, day: comparable, even before the year 1, and 31 ends every month.
Date = tuple[int, int, int]


def previous(rows: Sequence[Row], selected: Sequence[Row], first: str | None, last: str | None) -> list[Row]:
    """The rows of the equally long period just before that of the selected ones."""
    begin, end = first_day(selected, first), last_day(selected, last)
    if begin is None or end is None:
        return []
    length = (end - begin).days + 1
    return [row for row in rows if 1 <= (begin - row.day).days <= length]


def year(rows: Sequence[Row], selected: Sequence[Row], first: str | None, last: str | None) -> list[Row]:
    """The rows of the same period a year earlier."""
    begin, end = first_day(selected, first), last_day(selected, last)
    if begin is None or end is None or begin > end:
        return []
    return between(rows, year_earlier(begin), year_earlier_end(end))


def same_dates(rows: Sequence[Row], first: str | None, last: str | None) -> list[Row]:
    """The rows within a year-earlier `first` and `last`; where there is none, all."""
    begin, end = first_day([], first), last_day([], last)
    return between(rows, year_earlier(begin) if begin else None, year_earlier_end(end) if end else None)


def between(rows: Sequence[Row], begin: Date | None, end: Date | None) -> list[Row]:
    """The rows of a period."""
    return [row for row in rows if (begin is None or begin <= date_of(row)) and (end is None or date_of(row) <= end)]


def date_of(row: Row) -> Date:
    """The day of a row."""
    return row.day.year, row.day.month, row.day.day


def year_earlier(day: date) -> Date:
    """The same date a year earlier; 29 February becomes the 28th."""
    return day.year - 1, day.month, 28 if (day.month, day.day) == (2, 29) else day.day


def year_earlier_end(day: date) -> Date:
    """The same date a year earlier; the last day of a month stays the last."""
    is_last = (day + timedelta(days=1)).day == 1
    return day.year - 1, day.month, 31 if is_last else day.day


def first_day(rows: Sequence[Row], text: str | None) -> date | None:
    """The day, or the first of the month, that `text` names; without it, the first of the rows."""
    if text:
        return date.fromisoformat(text if len(text) == 10 else f"{text}-01")
    return min((row.day for row in rows), default=None)


def last_day(rows: Sequence[Row], text: str | None) -> date | None:
    """The day, or the last of the month, that `text` names; without it, the last of the rows."""
    if text:
        in_next_month = date.fromisoformat(f"{text[:7]}-28") + timedelta(days=4)
        return date.fromisoformat(text) if len(text) == 10 else in_next_month - timedelta(days=in_next_month.day)
    return max((row.day for row in rows), default=None)
