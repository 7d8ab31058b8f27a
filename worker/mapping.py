"""The mapper of a worker: which one, how it reads a claimed batch, and compiling it before the first batch."""

from collections.abc import Callable

from autoconnect.broker.batches import Claim
from autoconnect.core.layout import Layout, sniff
from autoconnect.core.mapper import Mapper, PlainMapper, ReadInto
from autoconnect.settings import Settings
from autoconnect.sources import open_source, unpack_lines

_HEADER = b"id,date,city,type,model,price,rental_months,cost\n"
#: More models than the kernel's tables have room for at first, so that the code that grows them runs, too.
_WARM_UP_MODELS = 2_000
_WARM_UP_BLOCK_BYTES = 4_096


def make_mapper(settings: Settings, layout: Layout) -> Mapper:
    """The mapper that the settings name, for a source of that layout."""
    if settings.mapper == "plain":
        return PlainMapper(layout)
    from autoconnect.core.kernel.mapper import KernelMapper  # imported only if needed: it loads a compiler

    return KernelMapper(layout)


def add_claim(mapper: Mapper, claim: Claim, settings: Settings, before_block: Callable[[], None]) -> None:
    """Map a claimed batch; `before_block` is called before each read, and stops the mapping by raising.

    Raises SourceError if the source cannot be read as planned, and RecordCrossesBatch.
    """

    def add(length: int, read: ReadInto) -> None:
        def read_block(block_offset: int, buffer: memoryview) -> int:
            before_block()
            return read(block_offset, buffer)

        mapper.add(claim.id.batch, length, read_block)

    offset, length = claim.range
    if claim.lines is not None:
        data, ahead = unpack_lines(claim.lines)
        add(len(data), _reader_of(data + ahead))
        return
    with open_source(claim.source, claim.version, settings) as file:
        add(length, lambda block_offset, buffer: file.read_into(offset + block_offset, buffer))


def warm_up(mapper_name: str) -> None:
    """Run all code of a mapper once: this compiles it, or loads what was compiled before."""
    if mapper_name == "plain":
        return
    from autoconnect.core.kernel.mapper import KernelMapper

    rows = "".join(f'{model},2024-01-31,"A",rental,{model},1.5,2,\n' for model in range(_WARM_UP_MODELS)).encode()
    mapper = KernelMapper(sniff(_HEADER, []), block_bytes=_WARM_UP_BLOCK_BYTES)
    mapper.add(0, len(rows), _reader_of(rows))
    mapper.partial()


def _reader_of(data: bytes) -> ReadInto:
    def read(offset: int, buffer: memoryview) -> int:
        block = memoryview(data)[offset : offset + len(buffer)]
        buffer[: len(block)] = block
        return len(block)

    return read
