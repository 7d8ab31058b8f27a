"""The correct answers, computed as plainly as possible: with the csv module, lists of rows and fractions.

The oracle shares no line with the product, reads a whole file at once and is slow; all fast code is compared with it.
It cannot judge a carriage return that is not part of a line end, nor a quote that is never closed.
"""

import csv
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, NamedTuple, TypeVar

Table = list[dict[str, Any]]
Key = TypeVar("Key", bound=Hashable)

# --- From a file to rows ---------------------------------------------------------------------------------------------

MISSING = {"", "NULL", "null", "NaN", "NA", "None", r"\N"}
TYPES = {"vente": "vente", "sale": "vente", "location": "location", "rental": "location"}
HEADERS = {
    "id": "transaction_id id",
    "date": "date",
    "city": "ville city",
    "type": "type",
    "model": "modele modèle model",
    "price": "prix price montant amount",
    "months": "duree_location_mois durée_location_mois rental_months",
    "cost": "cout coût cost",
}
MAX_CENTS = 9_999_999_999_99


class Row(NamedTuple):
    """An accepted transaction; amounts are in cents, and only rentals that carry a duration have `months`."""

    id: str
    day: date
    city: str
    type: str
    model: str
    price: int
    months: int | None = None
    cost: int | None = None


def read_rows(data: bytes, encoding: str = "utf-8", delimiter: str = ",") -> tuple[list[Row], list[tuple[int, str]]]:
    """The accepted rows of a whole file, and the line number (from 1) and reason of each other row."""
    csv.field_size_limit(1 << 24)
    text = data.removeprefix(b"\xef\xbb\xbf").decode(encoding, "surrogateescape")  # bad bytes become surrogates
    lines = re.findall(r"[^\n]*\n|[^\n]+\Z", text)
    reader = csv.reader(lines, delimiter=delimiter)
    header = [name.strip().lower() for name in next(filter(None, reader))]
    rows, rejects, start = [], [], reader.line_num
    for fields in reader:
        raw = "".join(lines[start : reader.line_num]).removesuffix("\n").removesuffix("\r")
        row = read_row(header, fields, raw.encode(encoding, "surrogateescape"), encoding, delimiter) if fields else None
        if isinstance(row, Row):
            rows.append(row)
        elif row is not None:
            rejects.append((start + 1, row))
        start = reader.line_num
    return rows, rejects


def read_row(header: Sequence[str], fields: Sequence[str], raw: bytes, encoding: str, delimiter: str) -> Row | str:
    """The row, or the first reason to reject it."""
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return "bad_encoding"
    if len(raw) > 1 << 20:
        return "record_too_long"
    if len(fields) != len(header):
        return "field_count"
    value = dict.fromkeys(HEADERS, "")
    for meaning, names in HEADERS.items():
        for name, field in zip(header, fields, strict=True):
            if name in names.split() and field.strip() not in MISSING:
                value[meaning] = field.strip()
    day = re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2})([T ].*)?", value["date"], re.DOTALL)
    city, model = (re.sub(r"[\s_]+", " ", value[name]).strip() for name in ("city", "model"))
    kind = TYPES.get(value["type"].lower())
    price, cost = (cents(value[name], "," if delimiter == ";" else ".") for name in ("price", "cost"))
    rental_months = value["months"] if kind == "location" else ""
    faults = {
        "missing_id": not value["id"],
        "bad_date": not day or not is_date(day[1]),
        "missing_city": not city,
        "unknown_type": not kind,
        "missing_model": not model,
        "negative_price": price is not None and value["price"].startswith("-"),
        "bad_price": price is None,
        "bad_duration": rental_months != "" and not is_duration(rental_months),
        "bad_cost": value["cost"] != "" and (cost is None or value["cost"].startswith("-")),
    }
    for reason, applies in faults.items():
        if applies:
            return reason
    assert day
    assert kind
    assert price is not None
    months = int(rental_months) if rental_months else None
    return Row(value["id"], date.fromisoformat(day[1]), city, kind, model, price, months, cost)


def cents(text: str, mark: str) -> int | None:
    """An amount in cents without its minus sign; None if the text is no amount."""
    if not re.fullmatch(rf"-?[0-9]+([{mark}][0-9]{{1,2}})?", text):
        return None
    amount = int(Fraction(text.replace(mark, ".").lstrip("-")) * 100)
    return amount if amount <= MAX_CENTS else None


def is_date(text: str) -> bool:
    """Whether the text is a day of the calendar."""
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def is_duration(text: str) -> bool:
    """Whether the text is a number of months that a rental may last."""
    return re.fullmatch("[0-9]+", text) is not None and 1 <= int(text) <= 1200


# --- From rows to metrics --------------------------------------------------------------------------------------------


def select(
    rows: Iterable[Row],
    city: Sequence[str] = (),
    model: Sequence[str] = (),
    first: str | None = None,
    last: str | None = None,
    type: str | None = None,  # noqa: A002 - users know the filter by this name
) -> list[Row]:
    """The rows that match filters as a user writes them."""
    cities, models = set(map(plain, city)), set(map(plain, model))
    return [
        row
        for row in rows
        if (not city or plain(row.city) in cities)
        and (not model or plain(row.model) in models)
        and (first is None or row.day.isoformat()[: len(first)] >= first)
        and (last is None or row.day.isoformat()[: len(last)] <= last)
        and (type is None or row.type == TYPES[type.lower()])
    ]


def plain(name: str) -> str:
    """A name without case, accents, spaces and underscores."""
    letters = unicodedata.normalize("NFD", name)
    return "".join(a for a in letters if not unicodedata.combining(a) and not a.isspace() and a != "_").casefold()


def metric(name: str, rows: Sequence[Row], rows_read: int, rows_rejected: int, **options: int) -> Table:
    """The table of a metric over the selected rows; `rows_read` and `rows_rejected` are the job's."""
    if name == "summary":
        return [{**summary(rows), "rows_read": rows_read, "rows_rejected": rows_rejected}]
    return METRICS[name](rows, **options)


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """The columns of `summary` that depend on the selected rows."""
    days = sorted(row.day.isoformat() for row in rows)
    return {
        "transactions": len(rows),
        "revenue": revenue(rows),
        "cities": len({row.city for row in rows}),
        "models": len({row.model for row in rows}),
        "first_date": days[0] if rows else None,
        "last_date": days[-1] if rows else None,
    }


def monthly_revenue(rows: Sequence[Row]) -> Table:
    """Revenue per city and month."""
    return [
        {
            "city": city,
            "month": month_text(month),
            "transactions": len(group),
            "revenue": revenue(group),
            "sales_revenue": revenue(sales(group)),
            "rental_revenue": revenue(rentals(group)),
        }
        for (city, month), group in grouped(rows, lambda row: (row.city, month_of(row)))
    ]


def sales_rental_split(rows: Sequence[Row]) -> Table:
    """Shares of sales and rentals per city."""
    return [
        {
            "city": city,
            "sales": len(sales(group)),
            "rentals": len(rentals(group)),
            "sales_pct": over(100 * len(sales(group)), len(group)),
            "rentals_pct": over(100 * len(rentals(group)), len(group)),
            "sales_revenue": revenue(sales(group)),
            "rental_revenue": revenue(rentals(group)),
            "sales_revenue_pct": over(100 * total(sales(group)), total(group)),
            "rental_revenue_pct": over(100 * total(rentals(group)), total(group)),
        }
        for city, group in grouped(rows, lambda row: row.city)
    ]


def city_comparison(rows: Sequence[Row]) -> Table:
    """Cities by revenue."""
    last = max(map(month_of, rows), default=0)
    cities = sorted(grouped(rows, lambda row: row.city), key=lambda item: (-total(item[1]), item[0]))
    return [
        {
            "city": city,
            "rank": rank,
            "transactions": len(group),
            "revenue": revenue(group),
            "revenue_pct": over(100 * total(group), total(rows)),
            "average_ticket": average(group),
            "average_sale": average(sales(group)),
            "average_rental": average(rentals(group)),
            "best_month": month_text(best_month(group)),
            "last_month_growth_pct": growth(by_month(group), last),
        }
        for rank, (city, group) in enumerate(cities, 1)
    ]


def top_models(rows: Sequence[Row], n: int = 5) -> Table:
    """The n models with the most transactions per city."""
    table = []
    for city, group in grouped(rows, lambda row: row.city):
        models = grouped(group, lambda row: row.model)
        models.sort(key=lambda item: (-len(item[1]), -total(item[1]), item[0]))
        for rank, (model, of_model) in enumerate(models[:n], 1):
            numbers = {"transactions": len(of_model), "sales": len(sales(of_model)), "rentals": len(rentals(of_model))}
            table.append({"city": city, "rank": rank, "model": model, **numbers, "revenue": revenue(of_model)})
    return table


def seasonality(rows: Sequence[Row]) -> Table:
    """Each month compared with the month before and with all months."""
    months = by_month(rows)
    table = []
    for month, group in grouped(rows, month_of):
        same_month = [amount for other, amount in months.items() if other % 12 == month % 12]
        index = over(Fraction(sum(same_month), len(same_month)), Fraction(total(rows), len(months)))
        change = growth(months, month)
        numbers = {"transactions": len(group), "revenue": revenue(group)}
        table.append({"month": month_text(month), **numbers, "change_pct": change, "seasonal_index": index})
    return table


def rental_duration(rows: Sequence[Row]) -> Table:
    """Durations of the rentals that carry one."""
    table = []
    for (city, model), group in grouped([row for row in rows if row.months], lambda row: (row.city, row.model)):
        months = [row.months for row in group if row.months]
        table.append(
            {
                "city": city,
                "model": model,
                "rentals": len(months),
                "mean_months": over(sum(months), len(months)),
                "std_months": deviation(months),
                "min_months": min(months),
                "max_months": max(months),
            }
        )
    return table


def margins(rows: Sequence[Row]) -> Table:
    """Margins of the rows that carry a cost."""
    table = []
    for (city, kind), group in grouped([row for row in rows if row.cost is not None], lambda row: (row.city, row.type)):
        margin = sum(row.price - (row.cost or 0) for row in group)
        numbers = {"mean_margin": over(margin, 100 * len(group)), "margin_rate_pct": over(100 * margin, total(group))}
        table.append({"city": city, "type": kind, "transactions": len(group), **numbers})
    return table


def trend(rows: Sequence[Row], months: int = 3) -> Table:
    """A line through the last months of each city, and of all together."""
    table = [{"city": city, **line(by_month(group), months)} for city, group in grouped(rows, lambda row: row.city)]
    return [*table, {"city": None, **line(by_month(rows), months)}]


def line(revenues: Mapping[int, int], months: int) -> dict[str, Any]:
    """Ordinary least squares by the textbook; amounts are in cents until the end."""
    names = ("slope_per_month", "r2", "forecast_month", "forecast_revenue")
    x = sorted(revenues)[-months:]
    if len(x) < 2:
        return {"months_used": len(x), **dict.fromkeys(names)}
    y = [revenues[month] for month in x]
    mean_x, mean_y = Fraction(sum(x), len(x)), Fraction(sum(y), len(y))
    products = sum(((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)), Fraction(0))
    slope = products / sum(((a - mean_x) ** 2 for a in x), Fraction(0))
    line_at = [mean_y + slope * (a - mean_x) for a in x]
    explained, total_squares = (sum(((a - mean_y) ** 2 for a in values), Fraction(0)) for values in (line_at, y))
    forecast = mean_y + slope * (x[-1] + 1 - mean_x)
    values = over(slope, 100), over(explained, total_squares, 4), month_text(x[-1] + 1), over(forecast, 100)
    return {"months_used": len(x), **dict(zip(names, values, strict=True))}


METRICS: Mapping[str, Callable[..., Table]] = {
    "monthly-revenue": monthly_revenue,
    "sales-rental-split": sales_rental_split,
    "city-comparison": city_comparison,
    "top-models": top_models,
    "seasonality": seasonality,
    "rental-duration": rental_duration,
    "margins": margins,
    "trend": trend,
}


# --- From rows to any roll-up ----------------------------------------------------------------------------------------

KEYS: Mapping[str, Callable[[Row], Any]] = {
    "city": lambda row: row.city,
    "month": lambda row: month_text(month_of(row)),
    "type": lambda row: row.type,
    "model": lambda row: row.model,
    "day": lambda row: row.day.isoformat(),
    "year": lambda row: row.day.year,
}
MEASURES: Mapping[str, Callable[[Sequence[Row]], Any]] = {
    "transactions": len,
    "revenue": lambda rows: revenue(rows),
    "average_ticket": lambda rows: average(rows),
    "min_price": lambda rows: over(min(row.price for row in rows), 100),
    "max_price": lambda rows: over(max(row.price for row in rows), 100),
    "sales": lambda rows: len(sales(rows)),
    "rentals": lambda rows: len(rentals(rows)),
    "mean_months": lambda rows: over(sum(row.months or 0 for row in rows), sum(row.months is not None for row in rows)),
}


def query(rows: Sequence[Row], group_by: Sequence[str], measures: Sequence[str]) -> Table:
    """Any roll-up of the rows, sorted by its keys."""
    groups = grouped(rows, lambda row: tuple(KEYS[key](row) for key in group_by))
    return [
        dict(zip(group_by, key, strict=True)) | {name: MEASURES[name](group) for name in measures}
        for key, group in groups
    ]


# --- Helpers ---------------------------------------------------------------------------------------------------------


def grouped(rows: Iterable[Row], key: Callable[[Row], Key]) -> list[tuple[Key, list[Row]]]:
    """Rows grouped by a key, in the order of the keys."""
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return sorted(groups.items(), key=lambda item: item[0])


def sales(rows: Iterable[Row]) -> list[Row]:
    """The cars that were sold."""
    return [row for row in rows if row.type == "vente"]


def rentals(rows: Iterable[Row]) -> list[Row]:
    """The cars that were rented."""
    return [row for row in rows if row.type == "location"]


def total(rows: Iterable[Row]) -> int:
    """Revenue in cents."""
    return sum(row.price for row in rows)


def revenue(rows: Iterable[Row]) -> Decimal | None:
    """Revenue in euros."""
    return over(total(rows), 100)


def average(rows: Sequence[Row]) -> Decimal | None:
    """The mean price in euros."""
    return over(total(rows), 100 * len(rows))


def over(part: Fraction | int, whole: Fraction | int, digits: int = 2) -> Decimal | None:
    """`part / whole`, rounded half-even, as Python's `round` does; None if `whole` is 0."""
    return Decimal(round(Fraction(part) / whole * 10**digits)) / 10**digits if whole else None


def deviation(values: Sequence[int]) -> Decimal:
    """The population standard deviation; with 60 digits, only the last rounding shows."""
    n = len(values)
    with localcontext(prec=60):
        return (Decimal(n * sum(value**2 for value in values) - sum(values) ** 2).sqrt() / n).quantize(Decimal("0.01"))


def month_of(row: Row) -> int:
    """The number of a row's calendar month."""
    return row.day.year * 12 + row.day.month - 1


def month_text(month: int) -> str:
    """A month's number as `YYYY-MM`."""
    return f"{month // 12:04}-{month % 12 + 1:02}"


def by_month(rows: Iterable[Row]) -> dict[int, int]:
    """Revenue in cents of each month present."""
    return {month: total(group) for month, group in grouped(rows, month_of)}


def best_month(rows: Iterable[Row]) -> int:
    """The month of the highest revenue, the earliest on a tie."""
    months = by_month(rows)
    return min(months, key=lambda month: (-months[month], month))


def growth(months: Mapping[int, int], month: int) -> Decimal | None:
    """The change of a month's revenue from the calendar month before, in percent; None if either is missing."""
    if month not in months or month - 1 not in months:
        return None
    return over(100 * (months[month] - months[month - 1]), months[month - 1])
