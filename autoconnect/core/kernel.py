"""The kernel: compiled loops that take the rows they are sure of from a block of bytes, and leave every other line.

It works on blocks that stay in the processor's cache, in three steps:

1. `index_block` compares 64 bytes at a time and lists the positions of all delimiters, line feeds and quotes.
2. `read_rows` walks over that list, record by record, and reads the fields it needs. Names of cities, types and models
   become codes, one for each distinct text; what a text means is not known here.
3. `fold_rows` adds rows to cells. Between 2 and 3, the caller judges the texts it has not seen before.

A line is left to the plain mapper wherever a rule of the input would have to be known twice: nothing is ever rejected
here. Tricks that pay: fields are compared, hashed and converted in words of 8 bytes, loaded from any address, digits
four at a time by multiplication; a cell is one cache line, and rows are first read into small arrays, so that many
cells are fetched at once.

All compiled code is in this one file: its cache on disk is renewed when this file changes, and would not be for others.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])
Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
Ints32 = NDArray[np.int32]
Ints = NDArray[np.int64]
#: In compiled code an integer is one of the machine, whatever Python would make of it.
Int = Any

#: Bytes that must be readable before and behind a block: a word is loaded up to its own length off a field's end.
MARGIN = 64

#: In place of a value: the field is missing, or only the plain mapper can tell what it is.
ABSENT, UNSURE = -1, -2
#: In place of what a name means: rows that have it are left to the plain mapper.
REFUSED = -1
#: Of types: that of rentals, of which alone a duration is looked at.
RENTAL = 0
MAX_MONTHS = 1_200

MAX_INT64 = 2**63 - 1
#: A day counted from 1970-01-01 is larger than minus this.
DAY_BIAS = 1 << 20
#: Bits of a cell's key: day, type, model, and above them city.
DAY_BITS, TYPE_BITS, NAME_BITS = 22, 1, 20

#: Rows whose cells are found, and on their way into the first-level cache, before they are added.
_CHUNK = 128

_U = np.uint64
_LF, _CR, _QUOTE = np.uint8(10), np.uint8(13), np.uint8(34)
_LOW = _U(0x0101010101010101)
_HIGH = _U(0x8080808080808080)
_ZEROS = _U(0x3030303030303030)
_ABOVE_9 = _U(0x7676767676767676)
_DATE_SHAPE = _U(0x2D30302D30303030)  # "0000-00-" as a word
_MIX = (_U(0x9E3779B97F4A7C15), _U(0xC2B2AE3D27D4EB4F))
#: What is kept of the first and the second word of a text of so many bytes, 16 for all longer ones.
_FIRST = np.array([(1 << 8 * min(size, 8)) - 1 for size in range(17)], np.uint64)
_SECOND = np.array([(1 << 8 * max(size - 8, 0)) - 1 for size in range(17)], np.uint64)


class Block(NamedTuple):
    """Bytes of a batch from `begin` to `end` of `data`, where a record begins, in physical line `line` of the batch.

    `positions` has room for one entry a byte and 16 more.
    """

    data: Bytes
    positions: Ints32
    begin: int
    end: int
    line: int


class Shape(NamedTuple):
    """How records are written: number of fields, places of the columns (-1: there is none), marks as bytes.

    `missing` are the words for a missing value, each its bytes as a word of 8 with its size as the highest one;
    `month_starts` the first day, counted from 1970-01-01, of each month from 0001-01 to 10000-01.
    """

    fields: int
    id: int
    date: int
    city: int
    type: int
    model: int
    price: int
    duration: int
    cost: int
    delimiter: np.uint8
    decimal: np.uint8
    utf8: bool
    max_record_bytes: int
    missing: Words
    month_starts: Ints32


class Names(NamedTuple):
    """The distinct texts of a column, in order of appearance: their place there is their code.

    `slots` is an open-addressing hash table of codes plus one; `first` and `second` are the first 16 bytes of each
    text; its `size` bytes are at `start` in `text`. `used` holds the number of texts and of bytes in `text`.
    """

    slots: Ints32
    first: Words
    second: Words
    size: Ints
    start: Ints
    text: Bytes
    used: Ints


class Texts(NamedTuple):
    """The texts of the three columns of names."""

    city: Names
    type: Names
    model: Names


class Meanings(NamedTuple):
    """For the code of each text: the number of its name, the code of its type, or REFUSED."""

    city: Ints32
    type: Ints32
    model: Ints32


class Rows(NamedTuple):
    """Rows of a block: where each is, the codes of its texts, and its values."""

    start: Ints32
    end: Ints32
    line: Ints32
    city: Ints32
    type: Ints32
    model: Ints32
    day: Ints32
    months: Ints32
    cell: Ints32
    price: Ints
    cost: Ints


class Lines(NamedTuple):
    """Records that are left to the plain mapper: where they are in the block, their lines; `used` is their number."""

    start: Ints32
    end: Ints32
    line: Ints32
    used: Ints


class Cells(NamedTuple):
    """Cells in pages of 2^shift days of one city, type and model: with shift 0 a page is a cell.

    `slots` is an open-addressing hash table of pages plus one, by their `key`; `used` holds the number of pages.
    A cell is a row of `measures`: transactions and, above 32 bits, durations; revenue; greatest price; MAX_INT64 less
    the least price; months; months squared; greatest months; MAX_MONTHS + 1 less the least months. So it begins as
    zeros. `costs`, of length 0 where there is no such column, has: rows with a cost, cost, revenue of those rows.
    """

    slots: Ints32
    key: Ints
    measures: Ints
    costs: Ints
    shift: int
    used: Ints


def make_rows(room: int) -> Rows:
    """Room for so many rows."""
    columns: dict[str, Any] = dict.fromkeys(Rows._fields, np.int32) | {"price": np.int64, "cost": np.int64}
    return Rows(**{name: np.empty(room, dtype) for name, dtype in columns.items()})


def make_lines(room: int) -> Lines:
    """Room for so many records."""
    return Lines(
        start=np.empty(room, np.int32),
        end=np.empty(room, np.int32),
        line=np.empty(room, np.int32),
        used=np.zeros(1, np.int64),
    )


def _jit(**options: bool) -> Callable[[Function], Function]:
    """Without references being counted: nothing here makes an array or keeps one."""
    compiler: Any = njit
    found: Callable[[Function], Function] = compiler(
        nogil=True, boundscheck=False, error_model="numpy", _nrt=False, **options
    )
    return found


#: Compiled at the first call, once for all processes, to run without the interpreter's lock.
compiled = _jit(cache=True)
#: Compiled into the functions that call it.
inlined = _jit(forceinline=True)


def _generated(function: Callable[..., Any]) -> Callable[..., Any]:
    """An operation of the processor, by what generates its code."""
    found: Callable[..., Any] = intrinsic(function)
    return found


def _llvm_function(builder: Any, kind: Any, name: str) -> Any:
    find: Any = cgutils.get_or_insert_function
    return find(builder.module, kind, name)


@_generated
def _load(_: Any, data: Any, place: Any) -> Any:
    """The word of 8 bytes at any place of an array of bytes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        address = builder.bitcast(builder.gep(array.data, [arguments[1]]), ir.IntType(64).as_pointer())
        return builder.load(address, align=1)

    return types.uint64(data, types.int64), generate


@_generated
def _at(_: Any, array: Any, place: Any) -> Any:
    """An element of an array. Its place is taken as it is, where `array[place]` would look for negative ones."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.load(builder.gep(values.data, [arguments[1]]))

    return array.dtype(array, types.int64), generate


@_generated
def _put(_: Any, array: Any, place: Any, value: Any) -> Any:
    """Writes an element of an array, at a place that is taken as it is."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = context.make_array(signature.args[0])(context, builder, arguments[0])
        builder.store(arguments[2], builder.gep(values.data, [arguments[1]]))
        return context.get_dummy_value()

    return types.void(array, types.int64, array.dtype), generate


def _mask_of(test: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
    """What generates code for a word that has a bit for each of 64 bytes: whether `test` is true of it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        vector = ir.VectorType(ir.IntType(8), 64)
        address = builder.bitcast(builder.gep(array.data, [arguments[1]]), vector.as_pointer())
        bits = test(builder, builder.load(address, align=1), arguments)
        return builder.bitcast(bits, ir.IntType(64))

    return generate


@_generated
def _match(_: Any, data: Any, place: Any, byte: Any) -> Any:
    """Which of the 64 bytes at a place are the given one, as bits."""

    def equal(builder: Any, found: Any, arguments: Any) -> Any:
        none = ir.Constant(found.type, ir.Undefined)
        one = builder.insert_element(none, arguments[2], ir.Constant(ir.IntType(32), 0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), 64), [0] * 64)
        return builder.icmp_unsigned("==", found, builder.shuffle_vector(one, none, everywhere))

    return types.uint64(data, types.int64, types.uint8), _mask_of(equal)


@_generated
def _match_high(_: Any, data: Any, place: Any) -> Any:
    """Which of the 64 bytes at a place are not ASCII, as bits."""

    def negative(builder: Any, found: Any, _: Any) -> Any:
        return builder.icmp_signed("<", found, ir.Constant(found.type, [0] * 64))

    return types.uint64(data, types.int64), _mask_of(negative)


@_generated
def _fetch(_: Any, array: Any, place: Any) -> Any:
    """Has the processor load the cache line of an element, to be written to soon."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        function = _llvm_function(builder, kind, "llvm.prefetch.p0")
        address = builder.bitcast(builder.gep(values.data, [arguments[1]]), pointer)
        builder.call(function, [address, number(1), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


def _bit_count(name: str, *flags: Any) -> Callable[..., Any]:
    def generate(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        kinds = [word, *(flag.type for flag in flags)]
        function = _llvm_function(builder, ir.FunctionType(word, kinds), f"llvm.{name}.i64")
        return builder.call(function, [arguments[0], *flags])

    return generate


@_generated
def _lowest(_: Any, word: Any) -> Any:
    """Place of the lowest bit that is set; 64 where none is."""
    return types.int64(types.uint64), _bit_count("cttz", ir.Constant(ir.IntType(1), 0))


@_generated
def _bits(_: Any, word: Any) -> Any:
    """How many bits are set."""
    return types.int64(types.uint64), _bit_count("ctpop")


@compiled
def index_block(block: Block, delimiter: np.uint8) -> tuple[Int, bool]:
    """Lists the positions of all delimiters, line feeds and quotes: their number, and whether all bytes are ASCII."""
    data, positions, begin, end, _ = block
    count = 0
    high = _U(0)
    for base in range(begin, end, 64):
        found = _match(data, base, delimiter) | _match(data, base, _LF) | _match(data, base, _QUOTE)
        foreign = _match_high(data, base)
        left = end - base
        if left < 64:
            inside = (_U(1) << _U(left)) - _U(1)
            found &= inside
            foreign &= inside
        high |= foreign
        # Eight at once, even if there are fewer: what is written too much is written over by the next ones.
        here = _bits(found)
        for offset in range(8):
            _put(positions, count + offset, base + _lowest(found))
            found &= found - _U(1)
        if here > 8:
            for offset in range(8, 16):
                _put(positions, count + offset, base + _lowest(found))
                found &= found - _U(1)
            for offset in range(16, here):
                _put(positions, count + offset, base + _lowest(found))
                found &= found - _U(1)
        count += here
    return count, high == _U(0)


@inlined
def _has_unknown_characters(data: Bytes, start: Int, end: Int, utf8: bool) -> bool:
    """Whether bytes beyond ASCII are there that are not surely characters.

    Of UTF-8, all of two bytes and most of three are known here; of Windows-1252, all but its five gaps.
    """
    place = start
    while place < end:
        byte = _at(data, place)
        if byte < 0x80:
            place += 1
        elif not utf8:
            if byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D):
                return True
            place += 1
        elif 0xC2 <= byte < 0xE0:
            if place + 1 >= end or _at(data, place + 1) & 0xC0 != 0x80:
                return True
            place += 2
        elif 0xE1 <= byte < 0xED:
            if place + 2 >= end or _at(data, place + 1) & 0xC0 != 0x80 or _at(data, place + 2) & 0xC0 != 0x80:
                return True
            place += 3
        else:
            return True
    return False


@inlined
def _hash(data: Bytes, start: Int, size: Int, first: np.uint64, second: np.uint64) -> np.uint64:
    mixed = (first ^ _U(size)) * _MIX[0] ^ second * _MIX[1]
    for place in range(start + 16, start + size - 7, 8):
        mixed = (mixed ^ (mixed >> _U(29)) ^ _load(data, place)) * _MIX[0]
    if size > 16:  # the last word, of which some may be in already
        mixed = (mixed ^ (mixed >> _U(29)) ^ _load(data, start + size - 8)) * _MIX[1]
    return mixed ^ (mixed >> _U(32))


@inlined
def _intern(data: Bytes, start: Int, end: Int, names: Names) -> Int:
    """The code of a text, which is added where it is new. There must be room for one more in each array."""
    size = end - start
    kept = min(size, 16)
    first = _load(data, start) & _at(_FIRST, kept)
    second = _load(data, start + 8) & _at(_SECOND, kept)
    wrap = names.slots.shape[0] - 1
    slot = np.int64(_hash(data, start, size, first, second) & _U(wrap))
    while True:
        code = _at(names.slots, slot) - 1
        if code < 0:
            break
        if _at(names.first, code) == first and _at(names.second, code) == second and _at(names.size, code) == size:
            known = names.start[code]
            place = 16
            while place < size and data[start + place] == names.text[known + place]:
                place += 1
            if place >= size:
                return code
        slot = (slot + 1) & wrap
    code = names.used[0]
    names.slots[slot] = code + 1
    names.first[code] = first
    names.second[code] = second
    names.size[code] = size
    names.start[code] = names.used[1]
    for place in range(size):
        names.text[names.used[1] + place] = _at(data, start + place)
    names.used[0] += 1
    names.used[1] += size
    return code


@compiled
def rehash_names(names: Names) -> None:
    """Fills the empty `slots` of texts that are there."""
    wrap = names.slots.shape[0] - 1
    for code in range(names.used[0]):
        mixed = _hash(names.text, names.start[code], names.size[code], names.first[code], names.second[code])
        slot = np.int64(mixed & _U(wrap))
        while names.slots[slot] > 0:
            slot = (slot + 1) & wrap
        names.slots[slot] = code + 1


@inlined
def _digits(data: Bytes, start: Int, end: Int) -> Int:
    """The number that a field of 1 to 8 digits is; UNSURE of all others."""
    size = end - start
    # The last digit is the word's highest byte; what stands before the field is cleared to digits of 0.
    word = (_load(data, end - 8) ^ _ZEROS) & (~_U(0) << _U(64 - 8 * min(max(size, 1), 8)))
    known = (size >= 1) & (size <= 8) & (((word + _ABOVE_9) | word) & _HIGH == 0)
    word = word * _U(10) + (word >> _U(8))
    pairs = _U(0x000000FF000000FF)
    word = (word & pairs) * _U(0x000F424000000064) + ((word >> _U(16)) & pairs) * _U(0x0000271000000001)
    return np.int64(word >> _U(32)) if known else UNSURE


@inlined
def _amount(data: Bytes, start: Int, end: Int, decimal: np.uint8) -> Int:
    """The cents of an amount of 1 to 8 digits and up to 2 decimals; UNSURE of all others."""
    size = end - start
    if size > 3 and data[end - 3] == decimal:
        units, cents = _digits(data, start, end - 3), _digits(data, end - 2, end)
    elif size > 2 and data[end - 2] == decimal:
        units, cents = _digits(data, start, end - 2), 10 * _digits(data, end - 1, end)
    else:
        units, cents = _digits(data, start, end), 0
    return 100 * units + cents if units >= 0 and cents >= 0 else UNSURE


@inlined
def _day(data: Bytes, start: Int, end: Int, month_starts: Ints32) -> Int:
    """The day that a field begins with; UNSURE where it isn't surely one. `month_starts` is that of all months."""
    size = end - start
    if size < 10 or (size > 10 and _at(data, start + 10) != 84 and _at(data, start + 10) != 32):  # T or a space
        return UNSURE
    word = _load(data, start) ^ _DATE_SHAPE
    tens, ones = np.int64(_at(data, start + 8)) - 48, np.int64(_at(data, start + 9)) - 48
    if ((word + _ABOVE_9) | word) & _HIGH or word & _U(0xFF0000FF00000000) or not (0 <= tens <= 9 and 0 <= ones <= 9):
        return UNSURE
    place = np.int64
    year = (
        place(word & _U(0xFF)) * 1_000
        + place((word >> _U(8)) & _U(0xFF)) * 100
        + place((word >> _U(16)) & _U(0xFF)) * 10
        + place((word >> _U(24)) & _U(0xFF))
    )
    month = place((word >> _U(40)) & _U(0xFF)) * 10 + place((word >> _U(48)) & _U(0xFF))
    day = tens * 10 + ones
    if year < 1 or month < 1 or month > 12:
        return UNSURE
    first = np.int64(_at(month_starts, 12 * year + month - 13))
    if day < 1 or day > _at(month_starts, 12 * year + month - 12) - first:
        return UNSURE
    return first + day - 1


@inlined
def _is_word(data: Bytes, start: Int, end: Int, words: Words) -> bool:
    """Whether a field is one of some words of at most 7 bytes each, its size the highest byte."""
    size = end - start
    if size > 7:
        return False
    word = (_load(data, start) & _FIRST[size]) | (_U(size) << _U(56))
    found = False
    for other in words:
        found |= word == other
    return found


@inlined
def _is_there(data: Bytes, start: Int, end: Int, missing: Words) -> bool:
    """Whether a field surely has a value: nothing odd at its ends, and none of the words for a missing one."""
    if end <= start or not (32 < _at(data, start) < 127) or not (32 < _at(data, end - 1) < 127):
        return False
    if _at(data, start) == _QUOTE:
        return False
    return not _is_word(data, start, end, missing)


@inlined
def _bare(data: Bytes, start: Int, end: Int) -> tuple[Int, Int]:
    """A field without the quotes around it, if it has such."""
    if data[start] == _QUOTE and end - start >= 2 and data[end - 1] == _QUOTE:
        return start + 1, end - 1
    return start, end


@inlined
def _field(positions: Ints32, entry: Int, start: Int, end: Int, place: Int, fields: Int) -> tuple[Int, Int]:
    """Where a field of a record begins and ends; the positions of its fields' ends are from `entry` on."""
    begin = start if place == 0 else _at(positions, entry + place - 1) + 1
    return begin, end if place == fields - 1 else _at(positions, entry + place)


@inlined
def _keep(lines: Lines, start: Int, end: Int, line: Int) -> None:
    count = lines.used[0]
    lines.start[count] = start
    lines.end[count] = end
    lines.line[count] = line
    lines.used[0] = count + 1


@inlined
def _walk(
    data: Bytes, end: Int, positions: Ints32, count: Int, entry: Int, start: Int, shape: Shape
) -> tuple[Int, Int, Int]:
    """Walks over the record that begins at `start` and has its first position at `entry`, quotes or not.

    Its fields' ends are written from `entry` on, as many as a record should have. Returns their true number, the entry
    of the line feed that ends it, and the number of line feeds inside of it; (0, 0, 0) where its end is not in sight.
    """
    fields = breaks = 0
    begin = start
    place = entry
    while place < count:
        position = _at(positions, place)
        byte = _at(data, position)
        if byte == _QUOTE:
            if position == begin:
                place += 1
                while True:
                    if place >= count or _at(positions, place) - begin > shape.max_record_bytes:
                        return 0, 0, 0
                    position = _at(positions, place)
                    if data[position] == _QUOTE:
                        if position + 1 >= end:
                            return 0, 0, 0
                        if _at(data, position + 1) != _QUOTE:
                            break
                        place += 1
                    elif data[position] == _LF:
                        breaks += 1
                    place += 1
            place += 1
            continue
        if fields < shape.fields:
            _put(positions, entry + fields, position)
        fields += 1
        if byte == _LF:
            return fields, place, breaks
        begin = position + 1
        place += 1
    return 0, 0, 0


@compiled
def read_rows(
    block: Block, count: Int, ascii_only: bool, shape: Shape, texts: Texts, rows: Rows, left: Lines
) -> tuple[Int, Int, Int]:
    """Reads all records that end in the block, of which `index_block` has listed `count` positions.

    Rows it is sure of go to `rows`, the others to `left`; a blank line goes nowhere. Returns the number of rows, where
    the first record begins that does not end in the block, and the line of that.
    """
    data, positions, begin, end, line = block
    missing = shape.missing
    found = 0
    start = begin
    entry = 0
    fields = shape.fields
    while entry < count:
        plain = entry + fields <= count and _at(data, _at(positions, entry + fields - 1)) == _LF
        if plain:
            for place in range(entry, entry + fields - 1):
                plain &= _at(data, _at(positions, place)) == shape.delimiter
        seen, last, breaks = fields, entry + fields - 1, 0
        if not plain:
            seen, last, breaks = _walk(data, end, positions, count, entry, start, shape)
            if seen == 0:
                break
        stop = _at(positions, last)
        following = stop + 1
        if stop > start and data[stop - 1] == _CR:
            stop -= 1
        if stop > start:
            sure = seen == fields and stop - start <= shape.max_record_bytes
            if sure and not ascii_only:
                sure = not _has_unknown_characters(data, start, stop, shape.utf8)
            if sure:
                a, b = _field(positions, entry, start, stop, shape.id, fields)
                a, b = _bare(data, a, b)
                sure = _is_there(data, a, b, missing)
                a, b = _field(positions, entry, start, stop, shape.date, fields)
                a, b = _bare(data, a, b)
                day = _day(data, a, b, shape.month_starts)
                a, b = _field(positions, entry, start, stop, shape.price, fields)
                a, b = _bare(data, a, b)
                price = _amount(data, a, b, shape.decimal)
                months = cost = ABSENT
                if shape.duration >= 0:
                    a, b = _field(positions, entry, start, stop, shape.duration, fields)
                    a, b = _bare(data, a, b)
                    # Without a branch: whether there is a duration is as good as random.
                    months = _digits(data, a, b)
                    months = months if (months >= 1) & (months <= MAX_MONTHS) else UNSURE
                    months = months if b > a else ABSENT
                    if months == UNSURE and _is_word(data, a, b, missing):
                        months = ABSENT
                if shape.cost >= 0:
                    a, b = _field(positions, entry, start, stop, shape.cost, fields)
                    a, b = _bare(data, a, b)
                    if b > a:
                        cost = _amount(data, a, b, shape.decimal)
                        if cost < 0 and _is_word(data, a, b, missing):
                            cost = ABSENT
                sure = sure and day != UNSURE and price >= 0 and cost != UNSURE
                if sure:
                    a, b = _field(positions, entry, start, stop, shape.city, fields)
                    _put(rows.city, found, _intern(data, a, b, texts.city))
                    a, b = _field(positions, entry, start, stop, shape.type, fields)
                    _put(rows.type, found, _intern(data, a, b, texts.type))
                    a, b = _field(positions, entry, start, stop, shape.model, fields)
                    _put(rows.model, found, _intern(data, a, b, texts.model))
                    _put(rows.start, found, start)
                    _put(rows.end, found, stop)
                    _put(rows.line, found, line)
                    _put(rows.day, found, day)
                    _put(rows.months, found, months)
                    _put(rows.price, found, price)
                    _put(rows.cost, found, cost)
                    found += 1
            if not sure:
                _keep(left, start, stop, line)
        line += 1 + breaks
        start = following
        entry = last + 1
    return found, start, line


@inlined
def _page(cells: Cells, key: Int) -> Int:
    """The page of a key, which is added where it is new; -1 where there is no room for it."""
    wrap = cells.slots.shape[0] - 1
    mixed = _U(key) * _MIX[0]
    slot = np.int64((mixed ^ (mixed >> _U(32))) & _U(wrap))
    while True:
        page = _at(cells.slots, slot) - 1
        if page < 0:
            break
        if _at(cells.key, page) == key:
            return page
        slot = (slot + 1) & wrap
    page = cells.used[0]
    if page == cells.key.shape[0]:
        return -1
    cells.slots[slot] = page + 1
    cells.key[page] = key
    cells.used[0] = page + 1
    return page


@inlined
def _place_rows(rows: Rows, begin: Int, end: Int, meanings: Meanings, cells: Cells, left: Lines) -> Int:
    """Finds the cells of rows, and leaves those that have none; returns the row at which there was no more room."""
    within = (1 << cells.shift) - 1
    for row in range(begin, end):
        city = _at(meanings.city, _at(rows.city, row))
        kind = _at(meanings.type, _at(rows.type, row))
        model = _at(meanings.model, _at(rows.model, row))
        # ABSENT, but for rentals; without a branch, since types come in no order.
        months = _at(rows.months, row) | -np.int32(kind != RENTAL)
        _put(rows.months, row, months)
        _put(rows.cell, row, REFUSED)
        if (city < 0) | (kind < 0) | (model < 0) | (months == UNSURE):
            _keep(left, _at(rows.start, row), _at(rows.end, row), _at(rows.line, row))
            continue
        day = np.int64(_at(rows.day, row)) + DAY_BIAS
        names = (np.int64(city) << NAME_BITS | np.int64(model)) << TYPE_BITS | np.int64(kind)
        page = _page(cells, names << DAY_BITS | day >> cells.shift)
        if page < 0:
            return row
        cell = page << cells.shift | (day & within)
        _fetch(cells.measures, cell << 3)
        _put(rows.cell, row, cell)
    return end


@inlined
def _add_rows(rows: Rows, begin: Int, end: Int, cells: Cells) -> None:
    """Adds rows to the cells that were found for them."""
    measures, costs = cells.measures, cells.costs
    for row in range(begin, end):
        if _at(rows.cell, row) < 0:
            continue
        cell = _U(_at(rows.cell, row))
        price, months = _at(rows.price, row), np.int64(_at(rows.months, row))
        timed = np.int64(months > 0)
        months *= timed
        measures[cell, 0] += 1 + (timed << 32)
        measures[cell, 1] += price
        measures[cell, 2] = max(measures[cell, 2], price)
        measures[cell, 3] = max(measures[cell, 3], MAX_INT64 - price)
        measures[cell, 4] += months
        measures[cell, 5] += months * months
        measures[cell, 6] = max(measures[cell, 6], months)
        measures[cell, 7] = max(measures[cell, 7], timed * (MAX_MONTHS + 1 - months))
        if costs.shape[0] > 0 and rows.cost[row] >= 0:
            costs[cell, 0] += 1
            costs[cell, 1] += rows.cost[row]
            costs[cell, 2] += price


@compiled
def fold_rows(rows: Rows, begin: Int, end: Int, meanings: Meanings, cells: Cells, left: Lines) -> Int:
    """Adds rows `begin` to `end` to their cells; those with a text that is REFUSED go to `left`.

    Returns the row at which there was no more room for another page, `end` if there was.
    """
    row = begin
    while row < end:
        stop = min(row + _CHUNK, end)
        placed = _place_rows(rows, row, stop, meanings, cells, left)
        _add_rows(rows, row, placed, cells)
        if placed < stop:
            return placed
        row = stop
    return end


@compiled
def move_cells(source: Cells, target: Cells) -> None:
    """Copies all cells in use to a table that has room for them, whatever the shift of each."""
    for page in range(source.used[0]):
        names = source.key[page] >> DAY_BITS << DAY_BITS
        first_day = (source.key[page] - names) << source.shift
        for offset in range(1 << source.shift):
            cell = page << source.shift | offset
            if source.measures[cell, 0] > 0:
                day = first_day + offset
                copy = _page(target, names | (day >> target.shift)) << target.shift | (day & ((1 << target.shift) - 1))
                for measure in range(source.measures.shape[1]):
                    target.measures[copy, measure] = source.measures[cell, measure]
                if source.costs.shape[0] > 0:
                    for measure in range(source.costs.shape[1]):
                        target.costs[copy, measure] = source.costs[cell, measure]
