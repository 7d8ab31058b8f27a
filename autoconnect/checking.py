"""Checking: how a source would be read, from a sample of it. Nothing is stored."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice

import numpy as np

from autoconnect.core.batch_tally import BatchTally
from autoconnect.core.cube import Cube, Ints
from autoconnect.core.dialect import NOTHING_GIVEN, DialectOptions
from autoconnect.core.exact import day_name, money
from autoconnect.core.findings import notes_of
from autoconnect.core.layout import Layout
from autoconnect.core.lines import FileLines
from autoconnect.core.outcome import reject_rows
from autoconnect.core.partial import Partial
from autoconnect.core.plan import Part
from autoconnect.core.records import Record, ahead_bytes, split_records
from autoconnect.core.rows import Row, Values, read_rows
from autoconnect.core.schema import ABSENT, TYPES
from autoconnect.errors import RecordCrossesBatch
from autoconnect.models import CheckedColumn, CheckedRow, JobDialect, JobNote, RejectedRow, SourceCheck
from autoconnect.planning import sniff_file
from autoconnect.sources.local import Folders, SourceFile, find_source, open_source

#: Bytes after the header from which rows are read: a record has no more.
_BYTES = 1 << 20
#: Records that are read, and rows, accepted and rejected ones, that are shown.
_RECORDS, _SHOWN = 1_000, 20


def check(name: str, folders: Folders, options: DialectOptions = NOTHING_GIVEN) -> SourceCheck:
    """How a file would be read, with the evidence for each part of its dialect.

    Raises SourceError if it cannot be read, or if its sample does not settle a part of its dialect.
    """
    source = find_source(name, folders)
    with open_source(name, source.version, folders) as file:
        sniffed = sniff_file(file, options)
        layout = sniffed.layout
        records = _first_records(file, layout)
    rows = list(read_rows(records, layout))
    total = _total(rows, layout)
    lines = FileLines({0: 0}, [Part(source.name, source.version, layout)])
    rejects = islice(reject_rows(total, lines), _SHOWN)
    return SourceCheck(
        source=source.name,
        dialect=JobDialect(**layout.dialect_fields()),
        evidence=dict(sniffed.evidence),
        columns=list(_columns(layout)),
        rows=list(islice(_accepted(rows, layout), _SHOWN)),
        rejects=[RejectedRow.model_validate(row) for row in rejects],
        notes=[JobNote(**vars(note)) for note in (*layout.notes, *notes_of(total, lines))],
    )


def _first_records(file: SourceFile, layout: Layout) -> list[Record]:
    data = file.read(layout.data_start, _BYTES)
    if layout.data_start + len(data) < file.size:
        data = data[: data.rfind(layout.line_end) + 1]
    ahead = file.read(layout.data_start + len(data), ahead_bytes()) if b'"' in data else b""
    records: list[Record] = []
    with suppress(RecordCrossesBatch):
        records.extend(islice(split_records(data, ahead, layout.form), _RECORDS))
    return records


def _columns(layout: Layout) -> Iterator[CheckedColumn]:
    used = {index: meaning for meaning, index in layout.positions.items()}
    for index, (name, meaning) in enumerate(zip(layout.names, layout.meanings, strict=True)):
        yield CheckedColumn(name=name, meaning=used.get(index, meaning), used=index in used)


def _total(rows: Sequence[Row], layout: Layout) -> Partial:
    """The partial of the rows; its cube has a cell for each accepted row, without amounts."""
    tally = BatchTally(layout, batch=0)
    for row in rows:
        tally.add(row)
    accepted = [row.values for row in rows if row.values]
    cities, city = _coded([values.city for values in accepted])
    models, model = _coded([values.model for values in accepted])
    none = Cube.empty()
    transactions = np.ones(len(accepted), np.int64)
    measures = {**none.measures, "transactions": transactions}
    cube = replace(none, cities=cities, models=models, city=city, model=model, measures=measures)
    return Partial(cube, {}, dict(tally.rejected), tally.rejects, tally.first_rejects, tally.sightings)


def _coded(names: Sequence[str]) -> tuple[tuple[str, ...], Ints]:
    """The distinct names, and the index among them of each name."""
    codes: dict[str, int] = {}
    indexes = [codes.setdefault(name, len(codes)) for name in names]
    return tuple(codes), np.array(indexes, np.int64)


def _accepted(rows: Sequence[Row], layout: Layout) -> Iterator[CheckedRow]:
    for row in rows:
        if row.values:
            yield _shown(row.values, layout.header_lines + 1 + row.record.line)


def _shown(values: Values, line: int) -> CheckedRow:
    return CheckedRow(
        line=line,
        date=day_name(values.date),
        city=values.city,
        type=TYPES[values.type],
        model=values.model,
        price=money(values.price),
        duration=None if values.duration == ABSENT else values.duration,
        cost=None if values.cost == ABSENT else money(values.cost),
    )
