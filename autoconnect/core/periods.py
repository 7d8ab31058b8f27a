"""Earlier periods: what a selection is compared with."""

from dataclasses import replace

import numpy as np

from autoconnect.core.selection import Days, Selection


def previous(selection: Selection, days: Days | None) -> Selection | None:
    """The period of equal length just before that of a selection; a bound that it lacks is its first or last day."""
    period = _period(selection, days)
    if period is None:
        return None
    first, last = period
    return replace(selection, first=2 * first - last - 1, last=first - 1)


def year_before(selection: Selection, days: Days | None) -> Selection | None:
    """The same period a year earlier; a bound that it lacks is the selection's first or last day."""
    period = _period(selection, days)
    return None if period is None else same_dates_before(replace(selection, first=period[0], last=period[1]))


def same_dates_before(selection: Selection, _: Days | None = None) -> Selection:
    """The bounds of a selection moved a year back; a bound that it lacks stays open."""
    first, last = selection.first, selection.last
    return replace(
        selection,
        first=None if first is None else _same_date(first),
        last=None if last is None else _last_date(last),
    )


def _period(selection: Selection, days: Days | None) -> Days | None:
    """The first and the last day that a selection covers, None if there is none."""
    first_day, last_day = days or (None, None)
    first = first_day if selection.first is None else selection.first
    last = last_day if selection.last is None else selection.last
    return None if first is None or last is None or first > last else (first, last)


def _same_date(day: int) -> int:
    """The same date a year before: the 28th for 29 February. Years before 1 exist, too."""
    month = _month(day)
    return min(_first_day(month - 12) + day - _first_day(month), _first_day(month - 11) - 1)


def _last_date(day: int) -> int:
    """The same date a year before, but the last day of a month stays the last."""
    month = _month(day)
    return _first_day(month - 11) - 1 if day + 1 == _first_day(month + 1) else _same_date(day)


def _month(day: int) -> int:
    return int(np.datetime64(day, "D").astype("datetime64[M]").astype(np.int64))


def _first_day(month: int) -> int:
    return int(np.datetime64(month, "M").astype("datetime64[D]").astype(np.int64))
