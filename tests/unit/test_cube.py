"""A cube is exact or fails: sums that do not fit in 64 bits are errors, and so are too many cells."""

from collections import Counter
from dataclasses import replace
from datetime import date
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoconnect.core.cube import Cube, check_size, merge, roll_up
from autoconnect.errors import CubeError
from tests.oracle import Row
from tests.transactions import transactions
from tests.unit.batches import cells_of_cube, cells_of_rows, cube_of_rows

ROW = Row("1", date(2024, 1, 1), "Paris", "vente", "Audi A4", 0)
LARGEST = 2**63 - 1


@pytest.mark.parametrize("prices", [(LARGEST, 0), (LARGEST - 1, 1), (2**62, 2**62 - 1), (LARGEST,)])
def test_a_sum_may_be_the_largest_64_bit_integer(prices: tuple[int, ...]) -> None:
    cube = merge([cube_of_rows([ROW._replace(price=price)]) for price in prices])
    assert cube.measures["revenue"].tolist() == [LARGEST]


@pytest.mark.parametrize("prices", [(LARGEST, 1), (2**62, 2**62), (2**62,) * 4, (LARGEST,) * 5])
def test_a_larger_sum_fails_and_names_the_measure(prices: tuple[int, ...]) -> None:
    cubes = [cube_of_rows([ROW._replace(price=price)]) for price in prices]
    with pytest.raises(CubeError, match="revenue"):
        merge(cubes)


@given(st.lists(st.tuples(st.sampled_from([0, 1, 2**32, 2**62 - 1, 2**62, LARGEST]), st.integers(1, 2)), max_size=6))
def test_a_sum_is_exact_or_fails(sales: list[tuple[int, int]]) -> None:
    rows = [ROW._replace(price=price, day=date(2024, 1, day)) for price, day in sales]
    cubes = [cube_of_rows([row]) for row in rows]
    expected = cells_of_rows(rows)
    if any(cell["revenue"] > LARGEST for cell in expected.values()):
        with pytest.raises(CubeError, match="revenue"):
            merge(cubes)
    else:
        assert cells_of_cube(merge(cubes)) == expected


@given(st.lists(st.tuples(*[st.sampled_from([-(2**40), -1, 0, 1, 2**40])] * 4, st.integers(0, 9)), max_size=20))
def test_keys_that_are_far_apart_are_rolled_up_like_near_ones(entries: list[tuple[int, ...]]) -> None:
    """Given four keys that would overflow if packed into one number / I expect the sums that a dict gives."""
    sums: Counter[tuple[int, ...]] = Counter()
    for *key, number in entries:
        sums[tuple(key)] += number
    *keys, numbers = np.array(entries, np.int64).reshape(-1, 5).T
    distinct_keys, rolled_up = roll_up(keys, {"transactions": numbers})
    assert list(zip(*(key.tolist() for key in distinct_keys), strict=True)) == sorted(sums)
    assert rolled_up["transactions"].tolist() == [sums[key] for key in sorted(sums)]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0, 1, 7, 2**32, 2**58, 2**62])), max_size=8),
    st.sampled_from([1, 12]),
    st.booleans(),
)
def test_long_runs_and_entries_in_any_order_are_folded_exactly_or_fail(
    entries: list[tuple[int, int]], times: int, in_order: bool
) -> None:
    entries = sorted(entries * times) if in_order else entries * times
    groups: dict[int, list[int]] = {}
    for key, number in sorted(entries):
        groups.setdefault(key, []).append(number)
    keys, numbers = np.array(entries, np.int64).reshape(-1, 2).T
    for measure, fold in (("min_price", min), ("max_price", max), ("revenue", sum)):
        expected = [fold(group) for group in groups.values()]
        if any(number > LARGEST for number in expected):
            with pytest.raises(CubeError, match="revenue"):
                roll_up([keys], {measure: numbers})
        else:
            distinct, folded = roll_up([keys], {measure: numbers})
            assert (distinct[0].tolist(), folded[measure].tolist()) == (list(groups), expected)


@given(st.lists(st.dates(date(1900, 1, 1), date(2099, 12, 31)), max_size=20), st.booleans())
def test_each_day_is_in_its_month(days: list[date], are_near: bool) -> None:
    days = [date(2024 + day.year % 2, day.month, min(day.day, 28)) for day in days] * 100 if are_near else days
    cube = replace(Cube.empty(), day=np.array([(day - date(1970, 1, 1)).days for day in days], np.int64))
    assert cube.month().tolist() == [(day.year - 1970) * 12 + day.month - 1 for day in days]


def test_a_total_over_cells_fails_in_the_same_way() -> None:
    days = [cube_of_rows([ROW._replace(price=2**62, day=date(2024, 1, day))]) for day in (1, 2)]
    cube = merge(days)
    assert len(cube) == 2
    with pytest.raises(CubeError, match="revenue"):
        cube.total("revenue")


@settings(max_examples=40)
@given(st.lists(st.lists(transactions(), max_size=6), max_size=5), st.randoms())
def test_the_order_of_merging_does_not_matter(groups: list[list[Row]], random: Random) -> None:
    cubes = [cube_of_rows(rows) for rows in groups]
    shuffled = random.sample(cubes, len(cubes))
    cube = merge(cubes)
    assert merge(shuffled) == merge([cube]) == merge([merge(cubes[:2]), merge(cubes[2:])]) == cube
    assert cells_of_cube(cube) == cells_of_rows(row for rows in groups for row in rows)
    assert cube.total("transactions") == sum(map(len, groups))


def test_a_merged_cube_has_only_names_in_use() -> None:
    cube = cube_of_rows([ROW, ROW._replace(city="Lyon", model="Zoé")])
    paris = merge([cube.where(cube.city == cube.cities.index("Paris"))])
    assert (paris.cities, paris.models) == (("Paris",), ("Audi A4",))
    assert paris == cube_of_rows([ROW])


def test_cubes_that_differ_in_one_number_are_not_equal() -> None:
    cube = cube_of_rows([ROW])
    assert cube == cube_of_rows([ROW])
    assert cube != cube_of_rows([ROW._replace(price=1)])
    assert cube != replace(cube, measures={**cube.measures, "cost": np.array([1])})
    assert cube != Cube.empty()


def test_too_many_cells_fail_and_the_column_with_most_values_is_named() -> None:
    cube = cube_of_rows(
        [ROW._replace(model=f"model {number}", day=date(2024, 1, 1 + number % 2)) for number in range(1_001)]
    )
    check_size(cube, 1_001)
    with pytest.raises(CubeError, match=r"more than 1,000 .*AUTOCONNECT_MAX_CELLS.* is model, with 1,001\."):
        check_size(cube, 1_000)
