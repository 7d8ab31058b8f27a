"""Any file has the outcome that the oracle of the input contract gives it, by each mapper and however it is cut."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoconnect.core.dialect import DialectOptions
from autoconnect.core.layout import Layout
from autoconnect.core.metrics import CATALOGUE
from autoconnect.core.outcome import Limits, Outcome, reduce
from autoconnect.core.partial import Partial
from autoconnect.core.plan import Part
from autoconnect.core.schema import Folding
from autoconnect.core.sniffer import body, sample, sniff_bytes
from autoconnect.core.splits import ByteRange
from autoconnect.errors import RecordCrossesBatch, SourceError
from autoconnect.generate import DIALECTS, generate
from autoconnect.mapping import MapperName, make_mapper
from autoconnect.planning import BatchSize
from tests.files import File, any_files
from tests.oracle import Reading, dialect, metric, read_file, samples, with_display_names
from tests.unit.batches import cells_of_cube, cells_of_rows, cuts, merged, ranges_between_records, reader
from tests.unit.jobs import run_job

MAPPERS: Sequence[MapperName] = ("plain", "kernel")
FOLDINGS: Sequence[Folding] = ("on", "on", "case", "off")
ANY_FILES = any_files() | any_files(breaks=True)


def layout_of(file: File, reading: Reading) -> Layout | None:
    """The layout of a file, None if planning fails; the oracle judges each part in the same way."""
    layout = sniffed(file)
    if layout is None or reading.dialect is None:
        assert (layout, reading.dialect) == (None, None), reading.failure
        return None
    parts = layout.dialect_fields()
    assert {name: parts[name] for name in reading.dialect.parts} == reading.dialect.parts
    assert layout.positions == reading.dialect.columns.used
    return layout


def sniffed(file: File) -> Layout | None:
    with suppress(SourceError):
        return sniff_bytes(file.data, DialectOptions.read(file.given)).layout
    return None


def map_each(mapper: MapperName, data: bytes, layout: Layout, ranges: Sequence[ByteRange]) -> list[Partial]:
    """The partial of each batch."""
    partials = []
    for batch, (start, length) in enumerate(ranges):
        made = make_mapper(mapper, layout)
        made.add(batch, length, reader(data, start))
        partials.append(made.partial())
    return partials


def assert_same(outcome: Outcome, reading: Reading, folding: Folding) -> None:
    """A job has the cells, rejects, notes and metrics of the oracle, and fails if the oracle does."""
    assert (outcome.failure is None) == (reading.failure is None), (outcome.failure, reading.failure)
    assert cells_of_cube(outcome.cube) == cells_of_rows(reading.rows)
    found = [
        (row["line"], row["reason"], row["column"], row["column"] and row["value"]) for row in outcome.rejects.rows
    ]
    assert found == [(reject.line, reject.reason, reject.column, reject.value) for reject in reading.rejects]
    notes, expected = (
        sorted((note.code, note.count, note.line or 0) for note in notes) for notes in (outcome.notes, reading.notes)
    )
    assert notes == expected
    assert_same_metrics(outcome, reading, folding)


def assert_same_metrics(outcome: Outcome, reading: Reading, folding: Folding) -> None:
    rows = with_display_names(reading.rows, folding)
    for name, table in outcome.metrics.items():
        assert list(table.rows) == metric(name, rows, reading.rows_read, len(reading.rejects)), name
    assert outcome.metrics.keys() == CATALOGUE.keys()


def assert_read_as_the_oracle_reads_it(
    mapper: MapperName, file: File, folding: Folding, ratio: float, data: st.DataObject
) -> None:
    reading = read_file(file.data, file.given, folding, ratio)
    layout = layout_of(file, reading)
    if layout is None:
        return
    ranges = data.draw(cuts(file.data, layout.data_start, layout.line_end))
    try:
        partials = map_each(mapper, file.data, layout, ranges)
    except RecordCrossesBatch:
        ranges = ranges_between_records(file.data, layout, data.draw(st.integers(1, 300)))
        partials = map_each(mapper, file.data, layout, ranges)
    parts = [Part("source.csv", "version", layout)]
    total = data.draw(merged(partials))
    assert_same(reduce([total], parts, Limits(1_000_000, ratio), folding), reading, folding)


@pytest.mark.parametrize("mapper", MAPPERS)
@settings(max_examples=200)
@given(ANY_FILES, st.sampled_from(FOLDINGS), st.sampled_from((1.0, 0.1)), st.data())
def test_any_file_is_read_as_the_oracle_reads_it(
    mapper: MapperName, file: File, folding: Folding, ratio: float, data: st.DataObject
) -> None:
    assert_read_as_the_oracle_reads_it(mapper, file, folding, ratio, data)


@pytest.fixture(scope="module")
def tiny_samples() -> Iterator[None]:
    """A few rows of the head and of windows of 300 bytes: small files are sampled as large ones are."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (sample, samples):
            patch.setattr(module, "WINDOWS", 5)
            patch.setattr(module, "WINDOW_BYTES", 300)
        patch.setattr(body, "HEAD_ROWS", 3)
        patch.setattr(dialect, "SAMPLE_ROWS", 3)
        patch.setattr(body, "WINDOW_ROWS", 2)
        patch.setattr(samples, "WINDOW_ROWS", 2)
        yield


@settings(max_examples=200)
@given(ANY_FILES)
def test_any_file_is_judged_from_the_same_rows_as_the_oracle_judges_it(tiny_samples: None, file: File) -> None:
    layout_of(file, read_file(file.data, file.given))


@pytest.mark.parametrize("mapper", MAPPERS)
@pytest.mark.parametrize("name", DIALECTS)
def test_made_up_transactions_of_each_dialect_have_the_metrics_of_the_oracle(
    name: str, mapper: MapperName, tmp_path: Path
) -> None:
    writer, path = DIALECTS[name], tmp_path / "transactions.csv"
    path.write_bytes("".join(generate(4_000, 7, 0.02, writer)).encode(writer.encoding))
    outcome = run_job(path, mapper, BatchSize(workers=1, fixed_bytes=64 << 10))
    assert_same(outcome, read_file(path.read_bytes()), "on")
