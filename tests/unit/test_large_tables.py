"""A large table needs little memory: its rows are made when they are read, and are those of a plain list."""

import pickle
import tracemalloc
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

import pytest

from api import computations
from api.computations import Computation
from api.cubes import Result
from autoconnect.core.cube import Cube
from autoconnect.core.metrics import CATALOGUE, compute
from autoconnect.core.metrics.base import JobFacts, Number
from autoconnect.core.names import Folded
from autoconnect.core.periods import same_dates_before
from autoconnect.core.rollup import MEASURES, RollUp
from autoconnect.core.selection import Selection
from autoconnect.core.table import LazyRows, Row, Table
from autoconnect.core.tabulate import tabulate
from autoconnect.exports import FORMATS
from tests import oracle
from tests.large import cube_of_models
from tests.unit.batches import cube_of_rows

CELLS = 60_000
FACTS = JobFacts(1, 0, has_cost=False)


def table_of_metric(name: str) -> Callable[[Cube], Table]:
    metric = CATALOGUE[name]
    largest = {name: option.highest for name, option in metric.options.items() if isinstance(option, Number)}
    return lambda cube: compute(metric, cube, FACTS, largest)


TABLES: dict[str, Callable[[Cube], Table]] = {
    **{name: table_of_metric(name) for name in CATALOGUE},
    "query": RollUp(["city", "model", "day"], list(MEASURES), ["-average_ticket", "city"]).run,
    "days": RollUp(["type", "day", "year", "month"], list(MEASURES)).run,
}


@pytest.mark.parametrize("cities", [1, 20, CELLS])
@pytest.mark.parametrize("name", TABLES)
def test_a_computation_needs_no_more_memory_than_it_takes(name: str, cities: int) -> None:
    """The figures by which the API admits computations are right, for few large cities and for many small ones."""
    cube = cube_of_models(CELLS // cities, cities)
    result = Result("job", "version", Folded(cube), "on", FACTS, datetime.now(UTC), complete=True)
    computation = Computation(lambda _, cells: TABLES[name](cells), FORMATS["json"], lambda _: {})
    computation.write(result, cube)  # what is loaded or cached once does not count
    tracemalloc.start()
    body = computation.write(result, cube)
    next(body.pieces)
    kept_bytes, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    a_piece = 2 << 20
    assert peak_bytes < CELLS * computations._CELL_BYTES + a_piece
    assert kept_bytes < body.kept_bytes + a_piece


def test_a_comparison_takes_memory_for_the_cells_of_both_periods() -> None:
    """Given 10 cells of December 2023, and 30 of December 2022, half of them in Lyon / When Lyon's 2023 is compared

    I expect memory for 20 cells, and for the copies of them.
    """
    rows = [
        oracle.Row("1", date(year, 12, day), city, "vente", "A4", 100)
        for year, days in ((2022, 15), (2023, 5))
        for day in range(1, days + 1)
        for city in ("Lyon", "Paris")
    ]
    cube = cube_of_rows(rows)
    result = Result("job", "version", Folded(cube), "on", FACTS, datetime.now(UTC), complete=True)
    for earlier, cells in (((), 5), ((same_dates_before,), 20)):
        computation = Computation(
            lambda _, cells: TABLES["summary"](cells),
            FORMATS["json"],
            lambda _: {},
            selection=Selection.read(city=["lyon"], first="2023-12", last="2023-12"),
            earlier=earlier,
        )
        mask = computation.selection.mask(cube)
        bytes_of_a_cell = computations._CELL_BYTES + cube.nbytes // len(cube)
        assert computation.peak_bytes(result, mask) == cells * bytes_of_a_cell


def test_lazy_rows_are_like_a_list_of_rows() -> None:
    rows = LazyRows([1, 2, 3], lambda number: {"n": number})
    expected: Sequence[Row] = [{"n": 1}, {"n": 2}, {"n": 3}]
    assert rows == expected
    assert expected == rows
    assert rows != expected[:2]
    assert rows != 1
    assert list(rows) == expected
    assert (len(rows), rows[0], rows[-1], rows[1:], rows[:0]) == (3, {"n": 1}, {"n": 3}, expected[1:], [])
    assert Table((), rows) == Table((), expected)
    assert pickle.loads(pickle.dumps(Table((), rows))) == Table((), expected)


def test_groups_are_the_same_one_by_one_and_in_pieces() -> None:
    groups = tabulate(cube_of_models(2_500, 1), ("city", "model"), ("transactions",))
    assert len(groups) == 2_500
    assert list(groups) == [groups[number] for number in range(2_500)]
    assert list(groups[1_000:1_003]) == [
        {"city": 0, "model": 1_000 + n, "transactions": 1 + (1_000 + n) % 3} for n in range(3)
    ]
