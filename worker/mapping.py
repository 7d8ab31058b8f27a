"""From a claim to a mapper that has read it: which one, where it reads, and compiling it before it is needed."""

from collections.abc import Callable

from autoconnect.broker.batches import Claim
from autoconnect.core.layout import Layout, sniff
from autoconnect.core.mapper import Mapper, PlainMapper, ReadInto
from autoconnect.settings import Settings
from autoconnect.sources import open_source, unpack_lines

_HEADER = b"id,date,city,type,model,price,rental_months,cost\n"
#: More models than the kernel's tables have room for at first, so that all of it is run.
_MODELS = 2_000
_BLOCK_BYTES = 4_096


def make_mapper(settings: Settings, layout: Layout) -> Mapper:
    """The mapper that the settings name, for a source."""
    if settings.mapper == "plain":
        return PlainMapper(layout)
    from autoconnect.core.kernel_mapper import KernelMapper  # not before it is needed: it loads a compiler

    return KernelMapper(layout)


def add_claim(mapper: Mapper, claim: Claim, settings: Settings, before_block: Callable[[], None]) -> None:
    """Maps a claimed batch; `before_block` is called before each read, and ends it by raising.

    Raises SourceError where the source cannot be read as planned, and RecordCrossesBatch.
    """

    def add(length: int, read: ReadInto) -> None:
        def read_block(place: int, buffer: memoryview) -> int:
            before_block()
            return read(place, buffer)

        mapper.add(claim.id.batch, length, read_block)

    offset, length = claim.range
    if claim.lines is not None:
        data, ahead = unpack_lines(claim.lines)
        add(len(data), _reader_of(data + ahead))
        return
    with open_source(claim.source, claim.version, settings) as file:
        add(length, lambda place, buffer: file.read_into(offset + place, buffer))


def warm_up(mapper_name: str) -> None:
    """Compiles the mapper that is so called, or loads what was compiled before, by running all of it."""
    if mapper_name == "plain":
        return
    from autoconnect.core.kernel_mapper import KernelMapper

    rows = "".join(f'{model},2024-01-31,"A",rental,{model},1.5,2,\n' for model in range(_MODELS)).encode()
    mapper = KernelMapper(sniff(_HEADER, []), block_bytes=_BLOCK_BYTES)
    mapper.add(0, len(rows), _reader_of(rows))
    mapper.partial()


def _reader_of(data: bytes) -> ReadInto:
    def read(offset: int, buffer: memoryview) -> int:
        piece = memoryview(data)[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        return len(piece)

    return read
