"""Ranges cover a source without gap or overlap and end at line ends, whatever the lines are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoconnect.core.splits import batch_bytes, cut
from autoconnect.errors import SourceError

LINES = st.lists(st.sampled_from((b"\n", b"ab\n", b"\r\n", b"x" * 50 + b"\n", b"y" * 5_000 + b"\n")), max_size=20)


@given(
    LINES, st.sampled_from((b"", b"no line end")), st.sampled_from((b"\n", b"\r")), st.integers(1, 12_000), st.data()
)
def test_ranges_tile_the_source_and_each_ends_after_a_line_end(
    lines: list[bytes], last_line: bytes, line_end: bytes, size: int, data: st.DataObject
) -> None:
    lines = [line.replace(b"\n", line_end) for line in lines]
    source = b"".join(lines) + last_line
    start = len(b"".join(lines[: data.draw(st.integers(0, len(lines)))]))
    ranges = list(cut(start, len(source), size, lambda offset, length: source[offset : offset + length], line_end))

    assert b"".join(source[offset : offset + length] for offset, length in ranges) == source[start:]
    position = start
    for offset, length in ranges:
        assert offset == position
        position += length
        batch = source[offset:position]
        assert batch.endswith(line_end) or position == len(source)
        assert length >= size or position == len(source)
        assert line_end not in batch[size - 1 : -1]  # it ends at the first edge that is far enough


@pytest.mark.parametrize(("line_end", "name"), [(b"\n", "line feed"), (b"\r", "carriage return")])
def test_a_line_that_is_far_too_long_is_refused(monkeypatch: pytest.MonkeyPatch, line_end: bytes, name: str) -> None:
    monkeypatch.setattr("autoconnect.core.splits._MAX_LINE_BYTES", 10_000)
    source = b"x" * 20_000 + line_end
    with pytest.raises(SourceError, match=f"longer than 10,000 bytes; lines must end with a {name}"):
        list(cut(0, len(source), 1, lambda offset, length: source[offset : offset + length], line_end))


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
