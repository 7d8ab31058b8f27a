"""Ranges cover a source without gap or overlap and end at line ends, whatever the lines are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoconnect.core.splits import batch_bytes, cut

LINES = st.lists(st.sampled_from((b"\n", b"ab\n", b"\r\n", b"x" * 50 + b"\n", b"y" * 5_000 + b"\n")), max_size=20)


@given(LINES, st.sampled_from((b"", b"no line feed")), st.integers(1, 12_000), st.data())
def test_ranges_tile_the_source_and_each_ends_after_a_line_feed(
    lines: list[bytes], last_line: bytes, size: int, data: st.DataObject
) -> None:
    source = b"".join(lines) + last_line
    start = len(b"".join(lines[: data.draw(st.integers(0, len(lines)))]))
    ranges = list(cut(start, len(source), size, lambda offset, length: source[offset : offset + length]))

    assert b"".join(source[offset : offset + length] for offset, length in ranges) == source[start:]
    position = start
    for offset, length in ranges:
        assert offset == position
        position += length
        batch = source[offset:position]
        assert batch.endswith(b"\n") or position == len(source)
        assert length >= size or position == len(source)
        assert b"\n" not in batch[size - 1 : -1]  # it ends at the first edge that is far enough


def test_only_a_window_around_each_cut_is_read() -> None:
    line = b"x" * 99 + b"\n"
    requested_bytes: list[int] = []

    def read(offset: int, length: int) -> bytes:
        requested_bytes.append(length)
        return (line * 50)[offset % 100 :][:length]

    ranges = list(cut(0, 100 * 10**9, 32 << 20, read))
    assert len(ranges) == len(requested_bytes) == 2_981
    assert sum(requested_bytes) < 15_000_000


@pytest.mark.parametrize(
    ("size", "workers", "expected"),
    [(1, 3, 64 << 10), (12_000_000, 3, 1_000_000), (10**12, 3, 4 << 20), (12_000_000, 0, 3_000_000)],
)
def test_a_batch_is_a_quarter_of_a_workers_share_within_bounds(size: int, workers: int, expected: int) -> None:
    assert batch_bytes(size, workers, largest=4 << 20) == expected
