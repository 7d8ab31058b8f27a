"""The kernel: compiled loops that take the rows they are sure of from a block of bytes, and leave every other line.

It works on blocks that stay in the processor's cache, in three steps:

1. `index_block` compares 64 bytes at a time and lists the positions of all delimiters, line feeds and quotes.
2. `read_rows` walks over that list, CHUNK records at a time, and reads the fields it needs, column by column. Names of
   neighbouring columns become one code, the same for the same text; what a text means is not known here.
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
from numba.core import cgutils, config
from numba.extending import intrinsic
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])
Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
Ints32 = NDArray[np.int32]
Ints = NDArray[np.int64]
#: In compiled code an integer is one of the machine, whatever Python would make of it.
Int = Any

#: Bytes that must be readable before and behind a block, since so many are loaded at once wherever a field begins.
MARGIN = 64

#: In place of a value: the field is missing, or only the plain mapper can tell what it is.
ABSENT, UNSURE = -1, -2
#: In place of what a text means, and of the cell of a row: such rows are left to the plain mapper.
REFUSED = -1
#: In place of a code: the text was not found at first sight.
_MISSED = -2
#: Of types: that of rentals, of which alone a duration is looked at.
RENTAL = 0
MAX_MONTHS = 1_200

MAX_INT64 = 2**63 - 1
#: A day, counted from 1970-01-01, that is before all others: from there on none is negative.
DAY_ZERO = -(1 << 20)
#: Bits of a cell's key: day, type, model, and above them city.
DAY_BITS, TYPE_BITS, NAME_BITS = 22, 1, 20

#: So many rows are read column by column, and so many cells are found before rows are added to them: what that takes
#: stays in the first-level cache.
CHUNK = 128

_U = np.uint64
_LF, _CR, _QUOTE = np.uint8(10), np.uint8(13), np.uint8(34)
_HIGH = _U(0x8080808080808080)
_ZEROS = _U(0x3030303030303030)
_ABOVE_9 = _U(0x7676767676767676)
_DATE_SHAPE, _DATE_MARKS = _U(0x30302D30302D3030), _U(0x0000FF0000FF0000)  # "00-00-00" as a word, and its marks
_MIX = 0x9E3779B97F4A7C15
#: What is kept of a word at the start of a field of so many bytes.
_FIRST = np.array([(1 << 8 * size) - 1 for size in range(8)], np.uint64)
#: What is kept of a word at the end of a field of so many bytes, 8 for all longer ones.
_LAST = np.array([(1 << 64) - (1 << 64 - 8 * size) for size in range(9)], np.uint64)
#: Bytes of a text that are compared at once; longer ones take longer.
HEAD = 64


class Block(NamedTuple):
    """Bytes of a batch from `begin` to `end` of `data`, where a record begins, in physical line `line` of the batch.

    `positions` has room for one entry a byte and 16 more.
    """

    data: Bytes
    positions: Ints32
    begin: int
    end: int
    line: int


class Span(NamedTuple):
    """Neighbouring fields that are taken as one text: their places. There is none where `first` is -1."""

    first: int
    last: int


class Shape(NamedTuple):
    """How records are written: number of fields, places of the columns (-1: there is none), marks as bytes.

    `names` are the spans of city, type and model. `missing` are the words for a missing value, each its bytes as a word
    of 8 with its size as the highest one; `month_starts` the first day, counted from DAY_ZERO, of each month from
    0001-01 to 10000-01.
    """

    fields: int
    id: int
    date: int
    price: int
    duration: int
    cost: int
    names: tuple[Span, Span, Span]
    delimiter: np.uint8
    decimal: np.uint8
    utf8: bool
    max_record_bytes: int
    missing: Words
    month_starts: Ints32


class Names(NamedTuple):
    """The distinct texts of a span, in order of appearance: their place there is their code.

    `slots` is an open-addressing hash table: a text's size plus one above 32 bits, below them its code; 0 is an empty
    slot. Its first HEAD bytes are in `heads`, filled up with zeros, its `size` bytes at `start` in `text`. `used` holds
    the number of texts and of bytes in `text`.
    """

    slots: Ints
    heads: Bytes
    size: Ints
    start: Ints
    text: Bytes
    used: Ints


Texts = tuple[Names, Names, Names]
#: For the code of each text of each span: the bits of its names in the key of a cell, or REFUSED.
Meanings = tuple[Ints, Ints, Ints]


class Rows(NamedTuple):
    """Rows of a block: where each is, the codes of its texts, its values, and its cell.

    `entry` is the place among positions of the end of its first field; a `day` is counted from DAY_ZERO.
    """

    start: Ints32
    end: Ints32
    line: Ints32
    entry: Ints32
    first: Ints32
    second: Ints32
    third: Ints32
    day: Ints32
    months: Ints32
    cell: Ints32
    price: Ints
    cost: Ints


class Place(NamedTuple):
    """How far a block is walked over: the next row, the next entry of positions, where a record begins, its line."""

    row: int
    entry: int
    start: int
    line: int


class Lines(NamedTuple):
    """Records that are left to the plain mapper: where they are in the block, their lines; `used` is their number."""

    start: Ints32
    end: Ints32
    line: Ints32
    used: Ints


class Cells(NamedTuple):
    """Cells in pages of 2^shift days of one city, type and model: with shift 0 a page is a cell.

    `slots` is an open-addressing hash table, two words a slot: the `key` of a page plus one (0: the slot is empty), and
    the page. `used` holds the number of pages.
    A cell is a row of `measures`: transactions and, above 32 bits, durations; revenue; greatest price; MAX_INT64 less
    the least price; months; months squared; greatest months; MAX_MONTHS + 1 less the least months. So it begins as
    zeros. `costs`, of length 0 where there is no such column, has: rows with a cost, cost, revenue of those rows.
    """

    slots: Ints
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


# Numba leaves it off: it puts neighbouring measures of a cell into one vector.
_options: Any = config
_options.SLP_VECTORIZE = 1

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


def _masked(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """64 bytes at a place of an array, all but the first `size` of them cleared."""
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    vector, size = ir.VectorType(ir.IntType(8), 64), arguments[2]
    address = builder.bitcast(builder.gep(array.data, [arguments[1]]), vector.as_pointer())
    found = builder.load(address, align=1)
    word = size.type
    few = builder.sub(builder.shl(word(1), builder.and_(size, word(63))), word(1))
    bits = builder.select(builder.icmp_signed("<", size, word(64)), few, word(-1))
    mask = builder.bitcast(bits, ir.VectorType(ir.IntType(1), 64))
    return builder.select(mask, found, ir.Constant(vector, None))


@_generated
def _hash(_: Any, data: Any, place: Any, size: Any) -> Any:
    """A hash of all of up to 64 bytes: words times odd numbers."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words = builder.bitcast(_masked(context, builder, signature, arguments), ir.VectorType(ir.IntType(64), 8))
        odd = ir.Constant(words.type, [(_MIX * (2 * lane + 1)) % 2**64 | 1 for lane in range(8)])
        reduce = _llvm_function(builder, ir.FunctionType(ir.IntType(64), [words.type]), "llvm.vector.reduce.add.v8i64")
        mixed = builder.add(builder.call(reduce, [builder.mul(words, odd)]), arguments[2])
        mixed = builder.mul(builder.xor(mixed, builder.lshr(mixed, mixed.type(32))), mixed.type(_MIX))
        return builder.lshr(mixed, mixed.type(32))

    return types.int64(data, types.int64, types.int64), generate


@_generated
def _is_same(_: Any, data: Any, place: Any, size: Any, heads: Any, head: Any) -> Any:
    """Whether up to 64 bytes are those of a head."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left = _masked(context, builder, signature, arguments)
        array = context.make_array(signature.args[3])(context, builder, arguments[3])
        address = builder.bitcast(builder.gep(array.data, [arguments[4]]), left.type.as_pointer())
        different = builder.icmp_unsigned("!=", left, builder.load(address, align=1))
        return builder.icmp_unsigned("==", builder.bitcast(different, ir.IntType(64)), ir.IntType(64)(0))

    return types.boolean(data, types.int64, types.int64, heads, types.int64), generate


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
def _hash_all(data: Bytes, start: Int, size: Int) -> Int:
    """The hash of a text of any size."""
    mixed = _hash(data, start, min(size, HEAD))
    for place in range(start + HEAD, start + size, HEAD):
        mixed = (mixed * 31) ^ _hash(data, place, min(start + size - place, HEAD))
    return mixed & 0x7FFFFFFF


@compiled
def _intern(data: Bytes, start: Int, size: Int, names: Names) -> Int:
    """The code of a text, which is added where it is new. There must be room for one more in each array."""
    wrap, short = names.slots.shape[0] - 1, min(size, HEAD)
    slot = _hash_all(data, start, size) & wrap
    while names.slots[slot] != 0:
        code = names.slots[slot] & 0xFFFFFFFF
        if names.slots[slot] >> 32 == size + 1 and _is_same(data, start, short, names.heads, HEAD * code):
            place = HEAD
            while place < size and data[start + place] == names.text[names.start[code] + place]:
                place += 1
            if place >= size:
                return code
        slot = (slot + 1) & wrap
    code = names.used[0]
    names.slots[slot] = (size + 1) << 32 | code
    names.size[code] = size
    names.start[code] = names.used[1]
    for place in range(size):
        names.text[names.used[1] + place] = data[start + place]
    for place in range(HEAD):
        names.heads[HEAD * code + place] = data[start + place] if place < size else 0
    names.used[0] += 1
    names.used[1] += size
    return code


@compiled
def rehash_names(names: Names) -> None:
    """Fills the empty `slots` of texts that are there. `text` must be readable for HEAD bytes behind its last one."""
    wrap = names.slots.shape[0] - 1
    for code in range(names.used[0]):
        slot = _hash_all(names.text, names.start[code], names.size[code]) & wrap
        while names.slots[slot] != 0:
            slot = (slot + 1) & wrap
        names.slots[slot] = (names.size[code] + 1) << 32 | code


@inlined
def _are_digits(word: np.uint64) -> bool:
    """Whether each byte of a word, from which the digit 0 was taken, is at most 9."""
    return bool(((word + _ABOVE_9) | word) & _HIGH == 0)


@inlined
def _number(word: np.uint64) -> Int:
    """The number that 8 digits are, of which the lowest byte is the first."""
    word = word * _U(10) + (word >> _U(8))
    pairs = _U(0x000000FF000000FF)
    word = (word & pairs) * _U(0x000F424000000064) + ((word >> _U(16)) & pairs) * _U(0x0000271000000001)
    return np.int64(word >> _U(32))


@inlined
def _digits(data: Bytes, start: Int, end: Int) -> Int:
    """The number that a field of up to 8 digits is, 0 if it is empty; UNSURE of all others."""
    size = end - start
    # The last digit is the word's highest byte; what stands before the field is cleared to digits of 0.
    word = (_load(data, end - 8) ^ _ZEROS) & _at(_LAST, min(size, 8))
    return _number(word) if (size <= 8) & _are_digits(word) else UNSURE


@inlined
def _amount(data: Bytes, start: Int, end: Int, decimal: np.uint8) -> Int:
    """The cents of an amount of 1 to 8 digits and up to 2 decimals; UNSURE of all others."""
    size = end - start
    if (size > 3) & (size < 10) and _at(data, end - 3) == decimal:
        # The usual form: its digits, without the mark, are one word.
        units = (_load(data, end - 9) ^ _ZEROS) & (~_U(0) << _U(72 - 8 * size)) & _U(0x0000FFFFFFFFFFFF)
        word = units | (_load(data, end - 8) ^ _ZEROS) & _U(0xFFFF000000000000)
        return _number(word) if _are_digits(word) else UNSURE
    if size > 3 and _at(data, end - 3) == decimal:
        units, cents = _digits(data, start, end - 3), _digits(data, end - 2, end)
    elif size > 2 and _at(data, end - 2) == decimal:
        units, cents = _digits(data, start, end - 2), 10 * _digits(data, end - 1, end)
    elif size > 0:
        units, cents = _digits(data, start, end), 0
    else:
        return UNSURE
    return 100 * units + cents if units >= 0 and cents >= 0 else UNSURE


@inlined
def _day(data: Bytes, start: Int, end: Int, month_starts: Ints32) -> Int:
    """The day that a field begins with; UNSURE where it isn't surely one. `month_starts` is that of all months."""
    size = end - start
    if size < 10 or (size > 10 and _at(data, start + 10) != 84 and _at(data, start + 10) != 32):  # T or a space
        return UNSURE
    century = (_load(data, start) ^ _ZEROS) & _U(0xFFFF)
    rest = _load(data, start + 2) ^ _DATE_SHAPE
    pairs = rest * _U(10) + (rest >> _U(8))
    year = np.int64((century & _U(0xFF)) * _U(1_000) + (century >> _U(8)) * _U(100) + (pairs & _U(0xFF)))
    month = np.int64((pairs >> _U(24)) & _U(0xFF))
    day = np.int64(pairs >> _U(48)) & 0xFF
    place = 12 * year + month - 13
    known = _are_digits(century) & _are_digits(rest) & (rest & _DATE_MARKS == 0)
    if not known & (month >= 1) & (month <= 12) & (place >= 0):
        return UNSURE
    first = np.int64(_at(month_starts, place))
    last = np.int64(_at(month_starts, place + 1)) - 1
    return first + day - 1 if (day >= 1) & (first + day - 1 <= last) else UNSURE


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
def _keep(lines: Lines, start: Int, end: Int, line: Int) -> None:
    count = lines.used[0]
    lines.start[count] = start
    lines.end[count] = end
    lines.line[count] = line
    lines.used[0] = count + 1


@inlined
def _span(positions: Ints32, rows: Rows, row: Int, place: Int, fields: Int) -> tuple[Int, Int]:
    """Where a field of a row begins and ends."""
    entry = _at(rows.entry, row) + place
    begin = _at(rows.start, row) if place == 0 else _at(positions, entry - 1) + 1
    return begin, _at(rows.end, row) if place == fields - 1 else _at(positions, entry)


@inlined
def _field(block: Block, rows: Rows, row: Int, place: Int, fields: Int) -> tuple[Int, Int]:
    """The same, without the quotes around it."""
    begin, end = _span(block.positions, rows, row, place, fields)
    if _at(block.data, begin) == _QUOTE and end - begin >= 2 and _at(block.data, end - 1) == _QUOTE:
        return begin + 1, end - 1
    return begin, end


# Each of what follows reads one column of some rows, in a loop of its own, which needs few registers. Where it pays,
# that loop reads only what is usual, and another one the rest.


@compiled
def _read_ids_and_days(block: Block, shape: Shape, rows: Rows, first: Int, last: Int) -> None:
    """The day is UNSURE, too, where there isn't surely an id: nothing odd at its ends, no word for a missing one."""
    data, short = block.data, False
    for row in range(first, last):
        begin, end = _field(block, rows, row, shape.id, shape.fields)
        left, right = _at(data, begin), _at(data, end - 1)
        there = (end > begin) & (left > 32) & (left < 127) & (left != _QUOTE) & (right > 32) & (right < 127)
        short |= end - begin < 8
        begin, end = _field(block, rows, row, shape.date, shape.fields)
        day = _day(data, begin, end, shape.month_starts)
        _put(rows.day, row, day if there else UNSURE)
    if short:
        for row in range(first, last):
            begin, end = _field(block, rows, row, shape.id, shape.fields)
            if _is_word(data, begin, end, shape.missing):
                rows.day[row] = UNSURE


@compiled
def _read_amounts(block: Block, shape: Shape, rows: Rows, first: Int, last: Int, place: Int, cents: Ints) -> None:
    """A missing amount is UNSURE, too."""
    for row in range(first, last):
        begin, end = _field(block, rows, row, place, shape.fields)
        _put(cents, row, _amount(block.data, begin, end, shape.decimal))


@compiled
def _read_missing_costs(block: Block, shape: Shape, rows: Rows, first: Int, last: Int) -> None:
    for row in range(first, last):
        if rows.cost[row] == UNSURE:
            begin, end = _field(block, rows, row, shape.cost, shape.fields)
            if _is_word(block.data, begin, end, shape.missing):
                rows.cost[row] = ABSENT


@compiled
def _read_months(block: Block, shape: Shape, rows: Rows, first: Int, last: Int) -> None:
    """0 where there is no duration: no branch may tell these from others, since they come in no order."""
    for row in range(first, last):
        begin, end = _field(block, rows, row, shape.duration, shape.fields)
        months = _digits(block.data, begin, end)
        if months < 0 or months > MAX_MONTHS or ((months == 0) & (end > begin)):
            months = 0 if _is_word(block.data, begin, end, shape.missing) else UNSURE
        _put(rows.months, row, months)


@compiled
def _read_texts(
    block: Block, shape: Shape, rows: Rows, first: Int, last: Int, span: Span, names: Names, codes: Ints32
) -> None:
    """Texts as they are, with quotes and the delimiters between fields: what is in them is not told here."""
    if span.first < 0:
        codes[first:last] = 0
        return
    data, slots, heads = block.data, names.slots, names.heads
    wrap = slots.shape[0] - 1
    missed = False
    for row in range(first, last):
        begin, _ = _span(block.positions, rows, row, span.first, shape.fields)
        _, end = _span(block.positions, rows, row, span.last, shape.fields)
        size = end - begin
        found = _at(slots, _hash(data, begin, size) & wrap)
        code = found & 0xFFFFFFFF
        same = (found >> 32 == size + 1) & (size <= HEAD) & _is_same(data, begin, size, heads, HEAD * code)
        missed |= not same
        _put(codes, row, np.int32(code if same else _MISSED))
    if missed:  # new, or long, or behind others that have the same slot
        for row in range(first, last):
            if codes[row] == _MISSED:
                begin, _ = _span(block.positions, rows, row, span.first, shape.fields)
                _, end = _span(block.positions, rows, row, span.last, shape.fields)
                codes[row] = _intern(data, begin, end - begin, names)


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
def _walk_records(
    block: Block, count: Int, ascii_only: bool, shape: Shape, rows: Rows, deferred: Lines, place: Place
) -> Place:
    """Walks on over the next records, which become rows; those that have not the right form go to `left`."""
    data, positions, _, end, _ = block
    fields, delimiter = shape.fields, shape.delimiter
    row, entry, start, line = place
    last_row = row + CHUNK
    while row < last_row and entry < count:
        last = entry
        while last < count and _at(data, _at(positions, last)) == delimiter:
            last += 1
        seen, breaks = last - entry + 1, 0
        if last == count or _at(data, _at(positions, last)) != _LF:
            seen, last, breaks = _walk(data, end, positions, count, entry, start, shape)
            if seen == 0:
                return Place(row, count, start, line)
        following = _at(positions, last) + 1
        stop = following - 1
        if stop > start and _at(data, stop - 1) == _CR:
            stop -= 1
        if stop > start:
            sure = (seen == fields) & (stop - start <= shape.max_record_bytes)
            if sure and not ascii_only:
                sure = not _has_unknown_characters(data, start, stop, shape.utf8)
            if sure:
                _put(rows.start, row, start)
                _put(rows.end, row, stop)
                _put(rows.line, row, line)
                _put(rows.entry, row, entry)
                row += 1
            else:
                _keep(deferred, start, stop, line)
        line += 1 + breaks
        start = following
        entry = last + 1
    return Place(row, entry, start, line)


@inlined
def _has_room(texts: Texts) -> bool:
    """Whether each span can take as many new texts as a chunk has rows."""
    least = texts[0].size.shape[0] - texts[0].used[0]
    least = min(least, texts[1].size.shape[0] - texts[1].used[0])
    least = min(least, texts[2].size.shape[0] - texts[2].used[0])
    return bool(least >= CHUNK)


@compiled
def read_rows(
    block: Block, count: Int, ascii_only: bool, shape: Shape, texts: Texts, rows: Rows, deferred: Lines
) -> tuple[Int, Int, Int]:
    """Reads all records that end in the block, of which `index_block` has listed `count` positions.

    Records of the right form go to `rows`, the others to `left`; a blank line goes nowhere. Returns the number of rows,
    where the first record begins that was not read, and its line: one that does not end in the block, or for which no
    room was left.
    """
    place = Place(0, 0, block.begin, block.line)
    while place.entry < count and place.row + CHUNK <= rows.day.shape[0] and _has_room(texts):
        first = place.row
        place = _walk_records(block, count, ascii_only, shape, rows, deferred, place)
        last = place.row
        _read_ids_and_days(block, shape, rows, first, last)
        _read_amounts(block, shape, rows, first, last, shape.price, rows.price)
        if shape.duration >= 0:
            _read_months(block, shape, rows, first, last)
        else:
            rows.months[first:last] = 0
        if shape.cost >= 0:
            _read_amounts(block, shape, rows, first, last, shape.cost, rows.cost)
            _read_missing_costs(block, shape, rows, first, last)
        else:
            rows.cost[first:last] = ABSENT
        _read_texts(block, shape, rows, first, last, shape.names[0], texts[0], rows.first)
        _read_texts(block, shape, rows, first, last, shape.names[1], texts[1], rows.second)
        _read_texts(block, shape, rows, first, last, shape.names[2], texts[2], rows.third)
    return place.row, place.start, place.line


@inlined
def _page(cells: Cells, key: Int) -> Int:
    """The page of a key, which is added where it is new; -1 where there is no room for it."""
    slots, wrap = cells.slots, cells.slots.shape[0] // 2 - 1
    mixed = _U(key) * _U(_MIX)
    slot = np.int64((mixed ^ (mixed >> _U(32))) & _U(wrap))
    while _at(slots, 2 * slot) != 0:
        if _at(slots, 2 * slot) == key + 1:
            return _at(slots, 2 * slot + 1)
        slot = (slot + 1) & wrap
    page = cells.used[0]
    if page == cells.key.shape[0]:
        return -1
    _put(slots, 2 * slot, key + 1)
    _put(slots, 2 * slot + 1, page)
    _put(cells.key, page, key)
    cells.used[0] = page + 1
    return page


@inlined
def _place_rows(rows: Rows, first: Int, last: Int, meanings: Meanings, cells: Cells, deferred: Lines) -> Int:
    """Finds the cells of rows, and leaves those that have none; returns the row at which there was no more room."""
    within = (1 << cells.shift) - 1
    for row in range(first, last):
        names = _at(meanings[0], _at(rows.first, row))
        names |= _at(meanings[1], _at(rows.second, row)) | _at(meanings[2], _at(rows.third, row))
        day = np.int64(_at(rows.day, row))
        # 0, but for rentals; without a branch, since types come in no order.
        months = _at(rows.months, row) & -np.int32((names >> DAY_BITS) & ((1 << TYPE_BITS) - 1) == RENTAL)
        _put(rows.months, row, months)
        sure = (names >= 0) & (day >= 0) & (months != UNSURE)
        if not sure & (_at(rows.price, row) >= 0) & (_at(rows.cost, row) != UNSURE):
            _put(rows.cell, row, REFUSED)
            _keep(deferred, _at(rows.start, row), _at(rows.end, row), _at(rows.line, row))
            continue
        page = _page(cells, names | day >> cells.shift)
        if page < 0:
            return row
        cell = page << cells.shift | (day & within)
        _fetch(cells.measures, cell << 3)
        _put(rows.cell, row, cell)
    return last


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
def fold_rows(rows: Rows, first: Int, last: Int, meanings: Meanings, cells: Cells, deferred: Lines) -> Int:
    """Adds rows `first` to `last` to their cells; those with a text that is REFUSED, or a doubt, go to `left`.

    Returns the row at which there was no more room for another page, `last` if there was.
    """
    row = first
    while row < last:
        stop = min(row + CHUNK, last)
        placed = _place_rows(rows, row, stop, meanings, cells, deferred)
        _add_rows(rows, row, placed, cells)
        if placed < stop:
            return placed
        row = stop
    return last


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
