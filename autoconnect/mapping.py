"""Mapping: batches become a partial. Any engine can call it; the worker calls it batch by batch."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Literal

from autoconnect.core.inline import unpack_lines
from autoconnect.core.layout import Layout
from autoconnect.core.mapper import Mapper, PlainMapper, ReadInto
from autoconnect.core.partial import Partial, merge_partials
from autoconnect.core.plan import MappableBatch, Plan
from autoconnect.core.sniffer import sniff_bytes
from autoconnect.sources.local import Folders, open_source

MapperName = Literal["kernel", "plain"]

_HEADER = b"id,date,city,type,model,price,rental_months,cost\n"
#: More models and days than the kernel's tables hold at first, so that warming up runs the code that grows them.
_MODELS = 2_000
_BLOCK_BYTES = 4_096


def map_batches(plan: Plan, numbers: Iterable[int], folders: Folders, mapper_name: MapperName = "kernel") -> Partial:
    """Map the batches of a plan that have these numbers, and return their partial.

    Raises RecordCrossesBatch if a record does not end within its batch: the source must be planned between records.
    Raises SourceError if a file cannot be read as planned, and CubeError if a sum would leave 64 bits.
    """
    mappers: dict[int, Mapper] = {}
    for number in numbers:
        batch = plan.batches[number]
        part = plan.parts[batch.part]
        if batch.part not in mappers:
            mappers[batch.part] = make_mapper(mapper_name, part.layout)
        add_batch(mappers[batch.part], MappableBatch(number, part, batch.range), folders)
    return merge_partials(mapper.partial() for mapper in mappers.values())


def make_mapper(name: MapperName, layout: Layout) -> Mapper:
    """A new mapper for batches of one layout."""
    if name == "plain":
        return PlainMapper(layout)
    from autoconnect.core.kernel.mapper import KernelMapper  # only if needed: it loads a compiler

    return KernelMapper(layout)


def add_batch(
    mapper: Mapper, batch: MappableBatch, folders: Folders, before_block: Callable[[], None] = lambda: None
) -> None:
    """Map one batch; `before_block` runs before each read, and may raise to end the mapping.

    Raises as `map_batches` does.
    """

    def add(length: int, read: ReadInto) -> None:
        def read_block(offset: int, buffer: memoryview) -> int:
            before_block()
            return read(offset, buffer)

        mapper.add(batch.number, length, read_block)

    if batch.lines is not None:
        data, ahead = unpack_lines(batch.lines)
        add(len(data), reader_of(data + ahead))
        return
    start, length = batch.range
    with open_source(batch.part.name, batch.part.version, folders) as file:
        add(length, lambda offset, buffer: file.read_into(start + offset, buffer))


def warm_up(name: MapperName) -> None:
    """Compile a mapper, or load its compiled code, by running all of it."""
    if name == "plain":
        return
    from autoconnect.core.kernel.mapper import KernelMapper

    days = (date(2000, 1, 1) + timedelta(days=model) for model in range(_MODELS))
    rows = "".join(f'{model},{day},"A",rental,{model},1.5,2,\n' for model, day in enumerate(days)).encode()
    mapper = KernelMapper(sniff_bytes(_HEADER + rows).layout, block_bytes=_BLOCK_BYTES)
    mapper.add(0, len(rows), reader_of(rows))
    mapper.partial()


def reader_of(data: bytes) -> ReadInto:
    """The function by which `Mapper.add` reads a batch that is in memory."""

    def read(offset: int, buffer: memoryview) -> int:
        piece = memoryview(data)[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        return len(piece)

    return read
