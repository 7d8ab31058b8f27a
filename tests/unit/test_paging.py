"""A cursor leads to its row of its own query and result, and is refused anywhere else."""

import pytest

from api.paging import cursor_at, owner_of, read_cursor
from autoconnect.errors import SelectionError

OWNER = owner_of("trend", {"city": ["Paris"]}, "job", "version")


@pytest.mark.parametrize("row", [0, 1, 1_000, 2**40])
def test_a_cursor_leads_to_its_row(row: int) -> None:
    assert read_cursor(cursor_at(row, OWNER), OWNER) == row


def test_no_cursor_is_the_first_row() -> None:
    assert read_cursor(None, OWNER) == 0


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "0", "1000", "none", "é", "=", "A" * 15, "A" * 16, "A" * 17, "/" * 16, "x" * 1_000),
        cursor_at(5, OWNER) + "A",
        cursor_at(5, OWNER)[:-1],
        cursor_at(5, owner_of("trend", {"city": ["Lyon"]}, "job", "version")),
        cursor_at(5, owner_of("trend", {"city": ["Paris"]}, "job", "other version")),
    ],
)
def test_any_other_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(SelectionError, match="begin again without a cursor"):
        read_cursor(cursor, OWNER)
