"""Judge how a source is written: its dialect, and the columns of its header, from a sample of its bytes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from autoconnect.core.dialect import NOTHING_GIVEN, Currency, Dialect, DialectOptions
from autoconnect.core.headers import Headers
from autoconnect.core.layout import Layout
from autoconnect.core.meanings import Meanings
from autoconnect.core.notes import shown
from autoconnect.core.records import Form
from autoconnect.core.schema import folded_word, meaning_of, trimmed
from autoconnect.core.sniffer.amounts import judge_decimal, shape_of, study_amounts
from autoconnect.core.sniffer.body import Body
from autoconnect.core.sniffer.columns import Columns, find_columns
from autoconnect.core.sniffer.commas import check_commas
from autoconnect.core.sniffer.currency import judge_currency
from autoconnect.core.sniffer.dates import judge_dates
from autoconnect.core.sniffer.encoding import bom_bytes, judge_encoding
from autoconnect.core.sniffer.header import find_header
from autoconnect.core.sniffer.kinds import check_kind
from autoconnect.core.sniffer.lines import LINE_ENDS, SepLine, judge_line_end, read_sep_line
from autoconnect.core.sniffer.rows import Row, RowReader, Rows, judge_surplus
from autoconnect.core.sniffer.sample import Sample, read_sample
from autoconnect.core.sniffer.sightings import Judged, Sighting, given
from autoconnect.core.sniffer.start import Line, Start
from autoconnect.core.width import width_of


@dataclass(frozen=True)
class Sniffed:
    """The layout of a source, and, for each part of its dialect, one short sentence that says what decided it."""

    layout: Layout
    evidence: Mapping[str, str]


def sniff(sample: Sample, options: DialectOptions = NOTHING_GIVEN) -> Sniffed:
    """Judge a source; what the options give is not judged.

    Raises SourceError with one sentence if the source cannot be read, or if the sample does not settle a part.
    """
    check_kind(sample.head)
    head = sample.head[bom_bytes(sample.head) :]
    parts = _judge_lines(head, sample, options)
    line_end = LINE_ENDS[parts["line_end"].value]
    sep = read_sep_line(head, line_end, options.delimiter)
    start = Start(head, parts["encoding"].value, line_end, sep)
    meanings = Meanings(options.columns)
    header = find_header(start, meanings, options)
    line, data_start = header.line, len(sample.head) - len(head) + start.end(header.line)
    columns = find_columns(line.fields, meanings, str(line))
    parts |= _judged_header(line, sep, options)
    form = Form(line.delimiter.encode(), line_end, start.encoding)
    headers = Headers(line.fields, meanings, line.delimiter, has_sep_line=sep is not None)
    body = Body(sample, data_start, line.number + line.breaks + 1, RowReader(form, headers, columns.positions))
    parts |= _judge_fields(body, line, columns, options)
    layout = Layout(
        dialect=Dialect(**{name: part.value for name, part in parts.items()}, given=options.given),
        fields=len(line.fields),
        positions=columns.positions,
        data_start=data_start,
        header_lines=line.number + line.breaks,
        names=tuple(line.fields),
        meanings=tuple(_shown_meanings(line, meanings)),
        constants=columns.constants,
        given_columns=options.columns,
        types={folded_word(trimmed(word)): name for word, name in options.types.items()},
        notes=(*header.notes, *columns.notes),
        has_sep_line=sep is not None,
    )
    return Sniffed(layout, {name: part.evidence for name, part in parts.items()})


def sniff_bytes(data: bytes, options: DialectOptions = NOTHING_GIVEN) -> Sniffed:
    """Judge a source by a sample that is taken from all of its bytes."""
    return sniff(read_sample(len(data), lambda offset, length: data[offset : offset + length]), options)


def _judge_lines(head: bytes, sample: Sample, options: DialectOptions) -> dict[str, Judged[Any]]:
    """The parts of the dialect that the bytes tell."""
    encoding = given(options.encoding) or judge_encoding(head, sample.windows, is_whole=sample.is_whole)
    return {"encoding": encoding, "line_end": given(options.line_end) or judge_line_end(head)}


def _judged_header(line: Line, sep: SepLine | None, options: DialectOptions) -> dict[str, Judged[Any]]:
    """The parts of the dialect that the header tells."""
    found_by = f"line 1 is {shown(sep.text)}" if sep else f"line {line.number} is a header with it"
    found = f"line {line.number} names all needed columns"
    return {
        "delimiter": given(options.delimiter) or Judged(line.delimiter, found_by),
        "header": given(options.header) or Judged(line.number, found),
    }


def _judge_fields(body: Body, line: Line, columns: Columns, options: DialectOptions) -> dict[str, Judged[Any]]:
    """The parts of the dialect that the rows tell."""
    head, reader = body.read_head(), body.reader
    surplus = given(options.surplus) or judge_surplus(head.rows, len(line.fields), reader)
    width = width_of(len(line.fields), surplus.value, columns.positions)

    def is_right(row: Row) -> bool:
        return reader.fits(row, width)

    rows = Rows(
        [*filter(is_right, head.rows), *body.window_rows(head.end, is_right)], columns.positions, columns.constants
    )
    amounts = study_amounts(rows.values("price", "cost", alike=shape_of))
    price = columns.positions.get("price")
    if line.delimiter == "," and price is not None and not amounts.uses and options.decimal is None:
        check_commas(head.rows, price)
    bracket = None if price is None else Sighting(line.fields[price], line.number)
    decimal = given(options.decimal) or judge_decimal(amounts)
    is_comma_proved = decimal.value == "," and amounts.is_comma_proved
    return {
        "surplus": surplus,
        "decimal": decimal,
        "currency": _given_currency(options) or judge_currency(amounts.currencies, bracket, rows.values("currency")),
        "dates": given(options.dates) or judge_dates(rows.values("date"), is_comma_proved=is_comma_proved),
    }


def _shown_meanings(line: Line, meanings: Meanings) -> Iterator[str | None]:
    """What each name of the header means, whether the column is used or not."""
    for name, meaning in zip(line.fields, meanings.of(line.fields), strict=True):
        yield meaning or meaning_of(name)


def _given_currency(options: DialectOptions) -> Judged[Currency | None] | None:
    return Judged(None, "given") if options.currency == "none" else given(options.currency)
