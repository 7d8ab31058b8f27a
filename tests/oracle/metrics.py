"""The metrics, as section 3 of the design defines them, from lists of rows and fractions."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from tests.oracle.arithmetic import (
    Table,
    average,
    best_month,
    by_month,
    deviation,
    grouped,
    growth,
    month_of,
    month_text,
    over,
    rentals,
    revenue,
    sales,
    total,
)
from tests.oracle.periods import previous, same_dates, year
from tests.oracle.rollup import select
from tests.oracle.rows import Row


def metric(
    name: str,
    rows: Sequence[Row],
    rows_read: int,
    rows_rejected: int,
    filters: Mapping[str, Any] | None = None,
    **options: Any,
) -> Table:
    """The table of a metric over the rows that the filters of `select` leave; `rows` are all rows of the job.

    `rows_read` and `rows_rejected` are the job's.
    """
    filters = filters or {}
    of_period: dict[str, Any] = {key: filters.get(key) for key in ("first", "last")}
    others = {key: value for key, value in filters.items() if key not in of_period}
    of_all_days = select(rows, **others)
    selected = select(of_all_days, **of_period)
    if name == "summary":
        compared = comparison(of_all_days, selected, options.get("compare"), **of_period)
        return [{**summary(selected), **compared, "rows_read": rows_read, "rows_rejected": rows_rejected}]
    if name == "year-over-year":
        return year_over_year(selected, same_dates(of_all_days, **of_period))
    return METRICS[name](selected, **options)


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


def comparison(
    rows: Sequence[Row], selected: Sequence[Row], compare: str | None, first: str | None, last: str | None
) -> dict[str, Any]:
    """The columns that `compare` adds to `summary`."""
    if compare is None:
        return {}
    earlier = {"previous": previous, "year": year}[compare](rows, selected, first, last)
    now, before = figures(selected), figures(earlier)
    columns: dict[str, Any] = {f"{name}_date_before": summary(earlier)[f"{name}_date"] for name in ("first", "last")}
    for name, value in now.items():
        unit = 100 if name in ("revenue", "average_ticket") else 1
        old = before[name]
        columns[name] = None if value is None else over(value, unit)
        columns[f"{name}_before"] = None if old is None else over(old, unit)
        columns[f"{name}_change_pct"] = None if value is None or old is None else over(100 * (value - old), old)
    return columns


def figures(rows: Sequence[Row]) -> dict[str, Fraction | int | None]:
    """The figures that `compare` compares, exactly; amounts are in cents."""
    return {
        "transactions": len(rows),
        "revenue": total(rows),
        "average_ticket": Fraction(total(rows), len(rows)) if rows else None,
        "sales": len(sales(rows)),
        "rentals": len(rentals(rows)),
    }


def year_over_year(rows: Sequence[Row], earlier: Sequence[Row]) -> Table:
    """Revenue per city and month, next to that of the earlier rows of the month a year before."""
    cents = {key: total(group) for key, group in grouped(earlier, lambda row: (row.city, month_of(row)))}
    table = []
    for (city, month), group in grouped(rows, lambda row: (row.city, month_of(row))):
        old = cents.get((city, month - 12))
        before, change = (None, None) if old is None else (over(old, 100), over(100 * (total(group) - old), old))
        numbers = {"transactions": len(group), "revenue": revenue(group)}
        compared = {"revenue_last_year": before, "change_pct": change}
        table.append({"city": city, "month": month_text(month), **numbers, **compared})
    return table


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
