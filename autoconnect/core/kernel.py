"""The kernel: compiled loops that read the rows they are sure of from a block of bytes, and defer every other line.

A block stays in the processor's cache and is read in three steps:

1. `index_block` compares 64 bytes at a time and lists the positions of all delimiters, line feeds and quotes.
2. `read_rows` walks over that list, CHUNK records at a time, and reads the fields it needs, column by column. Names in
   neighbouring columns become one code, equal texts the same code. The kernel does not know what a text means.
3. `fold_rows` adds rows to cells. Between steps 2 and 3 the caller judges the texts that are new.

The kernel rejects nothing. It defers a line to the plain mapper wherever a rule of the input would otherwise have to
exist twice. These tricks pay: fields are compared, hashed and converted in words of 8 bytes, loaded from any address;
digits are converted four at a time by multiplication; a cell is one cache line; rows are first read into small arrays,
so that many cells are fetched at once.

All compiled code is in this one file: Numba renews its cache on disk when the file of a function changes, but not when
another file changes that the function calls into.
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
#: In compiled code an integer is a machine integer, whatever type Python would give it.
Int = Any

#: Bytes that must be readable before and after a block: a load of up to this many begins wherever a field does.
MARGIN = 64

#: In place of a value: the field is missing, or only the plain mapper can tell what it is.
ABSENT, UNSURE = -1, -2
#: In place of the key bits of a text, and of the cell of a row: the row is deferred to the plain mapper.
REFUSED = -1
#: In place of a code: the first slot that was compared does not hold the text.
_MISSED = -2
#: The code of the type "rental", the only type that has a duration.
RENTAL = 0
MAX_MONTHS = 1_200

MAX_INT64 = 2**63 - 1
#: Day 0 of the kernel, counted from 1970-01-01. It is before every date, so no day is negative.
DAY_ZERO = -(1 << 20)
#: Bits of a cell's key, from the lowest: day, type, model; the city has the bits above them.
DAY_BITS, TYPE_BITS, NAME_BITS = 22, 1, 20

#: Rows that are read column by column, and cells that are found before rows are added to them: the data of this many
#: stays in the first-level cache.
CHUNK = 128

_U = np.uint64
_LF, _CR, _QUOTE = np.uint8(10), np.uint8(13), np.uint8(34)
_HIGH = _U(0x8080808080808080)
_ZEROS = _U(0x3030303030303030)
_ABOVE_9 = _U(0x7676767676767676)
_DATE_SHAPE, _DATE_DASHES = _U(0x30302D30302D3030), _U(0x0000FF0000FF0000)  # "00-00-00" as a word; where its dashes are
_MIX = 0x9E3779B97F4A7C15
#: By the size of a field, 0 to 7 bytes: the bytes of a word that belong to the field when it starts with the word.
_FIRST_BYTES = np.array([(1 << 8 * size) - 1 for size in range(8)], np.uint64)
#: By the size of a field, 0 to 8 bytes and 8 for longer ones: the same when the field ends with the word.
_LAST_BYTES = np.array([(1 << 64) - (1 << 64 - 8 * size) for size in range(9)], np.uint64)
#: Bytes of a text that are compared at once; a longer text takes further steps.
HEAD = 64


class Block(NamedTuple):
    """The bytes of a batch from `begin` to `end` of `data`; a record begins at `begin`, in line `line` of the batch.

    `line` counts physical lines. `positions` has room for one entry per byte and 16 more.
    """

    data: Bytes
    positions: Ints32
    begin: int
    end: int
    line: int


class Span(NamedTuple):
    """Neighbouring columns whose fields are read as one text, by their indexes; `first` is -1 if there are none."""

    first: int
    last: int


class Shape(NamedTuple):
    """How records are written: the number of fields, the indexes of the columns (-1: no such column), marks as bytes.

    `spans` hold city, type and model. `missing_words` are the words for a missing value, each as the bytes of a word
    of 8 whose highest byte is the size. `month_starts` has the first day, counted from DAY_ZERO, of each month from
    0001-01 to 10000-01.
    """

    fields: int
    id_column: int
    date_column: int
    price_column: int
    duration_column: int
    cost_column: int
    spans: tuple[Span, Span, Span]
    delimiter: np.uint8
    decimal: np.uint8
    is_utf8: bool
    max_record_bytes: int
    missing_words: Words
    month_starts: Ints32


class TextTable(NamedTuple):
    """The distinct texts of a span. Their index, in order of appearance, is their code.

    `slots` is an open-addressing hash table: above 32 bits the size of a text plus one, below them its code; 0 is an
    empty slot. `heads` has the first HEAD bytes of each text, filled up with zeros; the text itself is the `sizes`
    bytes at `starts` of `content`. `used` has two counts: the texts, and the bytes of `content`.
    """

    slots: Ints
    heads: Bytes
    sizes: Ints
    starts: Ints
    content: Bytes
    used: Ints


#: The texts of each span.
TextTables = tuple[TextTable, TextTable, TextTable]
#: For each span, by the code of a text: the bits that its names have in the key of a cell, or REFUSED.
KeyBits = tuple[Ints, Ints, Ints]


class Rows(NamedTuple):
    """Rows of a block: the position and line of each, the codes of its three texts, its values, and its cell.

    `entry` is the index, in the positions of the block, of the end of the row's first field. `day` counts from
    DAY_ZERO.
    """

    start: Ints32
    end: Ints32
    line: Ints32
    entry: Ints32
    first_code: Ints32
    second_code: Ints32
    third_code: Ints32
    day: Ints32
    months: Ints32
    cell: Ints32
    price: Ints
    cost: Ints


class Cursor(NamedTuple):
    """How far a block is walked: the next row, the next entry of positions, the start of the next record, its line."""

    row: int
    entry: int
    start: int
    line: int


class DeferredRecords(NamedTuple):
    """Records of a block that are deferred to the plain mapper: their positions and lines. `used` counts them."""

    start: Ints32
    end: Ints32
    line: Ints32
    used: Ints


class Cells(NamedTuple):
    """Cells in pages of 2^shift days of one city, type and model; a page with shift 0 is a cell.

    `slots` is an open-addressing hash table of two words a slot: the key of a page plus one (0: the slot is empty), and
    the page. `keys` has the key of each page. `used` counts the pages.
    A cell is a row of `measures`: transactions and, above 32 bits, durations; revenue; greatest price; MAX_INT64 less
    the least price; months; months squared; greatest months; MAX_MONTHS + 1 less the least months. So a cell begins as
    zeros. `costs` has rows with a cost, cost, and revenue of those rows; its length is 0 if there is no such column.
    """

    slots: Ints
    keys: Ints
    measures: Ints
    costs: Ints
    shift: int
    used: Ints


def make_rows(capacity: int) -> Rows:
    """Room for `capacity` rows."""
    columns: dict[str, Any] = dict.fromkeys(Rows._fields, np.int32) | {"price": np.int64, "cost": np.int64}
    return Rows(**{name: np.empty(capacity, dtype) for name, dtype in columns.items()})


def make_deferred(capacity: int) -> DeferredRecords:
    """Room for `capacity` records."""
    return DeferredRecords(
        start=np.empty(capacity, np.int32),
        end=np.empty(capacity, np.int32),
        line=np.empty(capacity, np.int32),
        used=np.zeros(1, np.int64),
    )


def _jit(**options: bool) -> Callable[[Function], Function]:
    """A decorator that compiles without counting references: compiled code makes no array and keeps none."""
    compiler: Any = njit
    decorator: Callable[[Function], Function] = compiler(
        nogil=True, boundscheck=False, error_model="numpy", _nrt=False, **options
    )
    return decorator


# Off by default in Numba. It puts neighbouring measures of a cell into one vector.
_options: Any = config
_options.SLP_VECTORIZE = 1

#: Compiled at the first call, once for all processes, to run without the interpreter's lock.
compiled = _jit(cache=True)
#: Compiled into the functions that call it.
inlined = _jit(forceinline=True)


def _intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    """An operation of the processor, from the function that types it and generates its code."""
    operation: Callable[..., Any] = intrinsic(function)
    return operation


def _llvm_function(builder: Any, function_type: Any, name: str) -> Any:
    get_or_insert: Any = cgutils.get_or_insert_function
    return get_or_insert(builder.module, function_type, name)


@_intrinsic
def _load(_: Any, data: Any, offset: Any) -> Any:
    """The word of 8 bytes at any offset of an array of bytes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        address = builder.bitcast(builder.gep(array.data, [arguments[1]]), ir.IntType(64).as_pointer())
        return builder.load(address, align=1)

    return types.uint64(data, types.int64), generate


@_intrinsic
def _at(_: Any, array: Any, index: Any) -> Any:
    """An element of an array. `array[index]` would also handle negative indexes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.load(builder.gep(values.data, [arguments[1]]))

    return array.dtype(array, types.int64), generate


@_intrinsic
def _put(_: Any, array: Any, index: Any, value: Any) -> Any:
    """Write an element of an array. `array[index] = value` would also handle negative indexes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = context.make_array(signature.args[0])(context, builder, arguments[0])
        builder.store(arguments[2], builder.gep(values.data, [arguments[1]]))
        return context.get_dummy_value()

    return types.void(array, types.int64, array.dtype), generate


def _mask_of(test: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
    """A generator of code for a word with one bit for each of 64 bytes, set if `test` is true of the byte."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        vector = ir.VectorType(ir.IntType(8), 64)
        address = builder.bitcast(builder.gep(array.data, [arguments[1]]), vector.as_pointer())
        bits = test(builder, builder.load(address, align=1), arguments)
        return builder.bitcast(bits, ir.IntType(64))

    return generate


@_intrinsic
def _match(_: Any, data: Any, offset: Any, byte: Any) -> Any:
    """Which of the 64 bytes at an offset equal `byte`, as bits."""

    def equal(builder: Any, values: Any, arguments: Any) -> Any:
        undefined = ir.Constant(values.type, ir.Undefined)
        one = builder.insert_element(undefined, arguments[2], ir.Constant(ir.IntType(32), 0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), 64), [0] * 64)
        return builder.icmp_unsigned("==", values, builder.shuffle_vector(one, undefined, everywhere))

    return types.uint64(data, types.int64, types.uint8), _mask_of(equal)


@_intrinsic
def _match_non_ascii(_: Any, data: Any, offset: Any) -> Any:
    """Which of the 64 bytes at an offset are not ASCII, as bits."""

    def negative(builder: Any, values: Any, _: Any) -> Any:
        return builder.icmp_signed("<", values, ir.Constant(values.type, [0] * 64))

    return types.uint64(data, types.int64), _mask_of(negative)


@_intrinsic
def _prefetch(_: Any, array: Any, index: Any) -> Any:
    """Make the processor load the cache line of an element, to be written to soon."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        function_type = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        function = _llvm_function(builder, function_type, "llvm.prefetch.p0")
        address = builder.bitcast(builder.gep(values.data, [arguments[1]]), pointer)
        builder.call(function, [address, number(1), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


def _masked(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """64 bytes at an offset of an array, all but the first `size` of them cleared."""
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    vector, size = ir.VectorType(ir.IntType(8), 64), arguments[2]
    address = builder.bitcast(builder.gep(array.data, [arguments[1]]), vector.as_pointer())
    values = builder.load(address, align=1)
    word = size.type
    low_bits = builder.sub(builder.shl(word(1), builder.and_(size, word(63))), word(1))
    bits = builder.select(builder.icmp_signed("<", size, word(64)), low_bits, word(-1))
    mask = builder.bitcast(bits, ir.VectorType(ir.IntType(1), 64))
    return builder.select(mask, values, ir.Constant(vector, None))


@_intrinsic
def _hash(_: Any, data: Any, offset: Any, size: Any) -> Any:
    """A hash of up to 64 bytes: their words times odd numbers."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words = builder.bitcast(_masked(context, builder, signature, arguments), ir.VectorType(ir.IntType(64), 8))
        odd = ir.Constant(words.type, [(_MIX * (2 * lane + 1)) % 2**64 | 1 for lane in range(8)])
        reduce = _llvm_function(builder, ir.FunctionType(ir.IntType(64), [words.type]), "llvm.vector.reduce.add.v8i64")
        mixed = builder.add(builder.call(reduce, [builder.mul(words, odd)]), arguments[2])
        mixed = builder.mul(builder.xor(mixed, builder.lshr(mixed, mixed.type(32))), mixed.type(_MIX))
        return builder.lshr(mixed, mixed.type(32))

    return types.int64(data, types.int64, types.int64), generate


@_intrinsic
def _is_same(_: Any, data: Any, offset: Any, size: Any, heads: Any, head_offset: Any) -> Any:
    """Whether up to 64 bytes, filled up with zeros, are the 64 bytes of a head."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = _masked(context, builder, signature, arguments)
        array = context.make_array(signature.args[3])(context, builder, arguments[3])
        address = builder.bitcast(builder.gep(array.data, [arguments[4]]), values.type.as_pointer())
        different = builder.icmp_unsigned("!=", values, builder.load(address, align=1))
        return builder.icmp_unsigned("==", builder.bitcast(different, ir.IntType(64)), ir.IntType(64)(0))

    return types.boolean(data, types.int64, types.int64, heads, types.int64), generate


def _bit_function(name: str, *flags: Any) -> Callable[..., Any]:
    """A generator of code that calls an LLVM function from a word to a word."""

    def generate(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        argument_types = [word, *(flag.type for flag in flags)]
        function = _llvm_function(builder, ir.FunctionType(word, argument_types), f"llvm.{name}.i64")
        return builder.call(function, [arguments[0], *flags])

    return generate


@_intrinsic
def _lowest_bit(_: Any, word: Any) -> Any:
    """The index of the lowest bit that is set, 64 if none is."""
    return types.int64(types.uint64), _bit_function("cttz", ir.Constant(ir.IntType(1), 0))


@_intrinsic
def _count_bits(_: Any, word: Any) -> Any:
    """The number of bits that are set."""
    return types.int64(types.uint64), _bit_function("ctpop")


@compiled
def index_block(block: Block, delimiter: np.uint8) -> tuple[Int, bool]:
    """List the positions of all delimiters, line feeds and quotes. Return their number and if all bytes are ASCII."""
    data, positions, begin, end, _ = block
    count = 0
    high = _U(0)
    for base in range(begin, end, 64):
        bits = _match(data, base, delimiter) | _match(data, base, _LF) | _match(data, base, _QUOTE)
        non_ascii = _match_non_ascii(data, base)
        remaining = end - base
        if remaining < 64:
            inside = (_U(1) << _U(remaining)) - _U(1)
            bits &= inside
            non_ascii &= inside
        high |= non_ascii
        # Always eight at once: the surplus is overwritten by the next ones.
        bit_count = _count_bits(bits)
        for offset in range(8):
            _put(positions, count + offset, base + _lowest_bit(bits))
            bits &= bits - _U(1)
        if bit_count > 8:
            for offset in range(8, 16):
                _put(positions, count + offset, base + _lowest_bit(bits))
                bits &= bits - _U(1)
            for offset in range(16, bit_count):
                _put(positions, count + offset, base + _lowest_bit(bits))
                bits &= bits - _U(1)
        count += bit_count
    return count, high == _U(0)


@inlined
def _has_unknown_characters(data: Bytes, start: Int, end: Int, is_utf8: bool) -> bool:
    """Whether there are bytes beyond ASCII that may not be characters.

    Known are all characters of two bytes and most of three in UTF-8, and all but five bytes in Windows-1252, its gaps.
    """
    position = start
    while position < end:
        byte = _at(data, position)
        if byte < 0x80:
            position += 1
        elif not is_utf8:
            if byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D):
                return True
            position += 1
        elif 0xC2 <= byte < 0xE0:
            if position + 1 >= end or _at(data, position + 1) & 0xC0 != 0x80:
                return True
            position += 2
        elif 0xE1 <= byte < 0xED:
            if position + 2 >= end or _at(data, position + 1) & 0xC0 != 0x80 or _at(data, position + 2) & 0xC0 != 0x80:
                return True
            position += 3
        else:
            return True
    return False


@inlined
def _hash_text(data: Bytes, start: Int, size: Int) -> Int:
    """The hash of a text of any size."""
    mixed = _hash(data, start, min(size, HEAD))
    for offset in range(start + HEAD, start + size, HEAD):
        mixed = (mixed * 31) ^ _hash(data, offset, min(start + size - offset, HEAD))
    return mixed & 0x7FFFFFFF


@compiled
def _intern(data: Bytes, start: Int, size: Int, texts: TextTable) -> Int:
    """The code of a text, which is added if it is new. Each array must have room for one more."""
    wrap, head_size = texts.slots.shape[0] - 1, min(size, HEAD)
    slot = _hash_text(data, start, size) & wrap
    while texts.slots[slot] != 0:
        code = texts.slots[slot] & 0xFFFFFFFF
        if texts.slots[slot] >> 32 == size + 1 and _is_same(data, start, head_size, texts.heads, HEAD * code):
            offset = HEAD
            while offset < size and data[start + offset] == texts.content[texts.starts[code] + offset]:
                offset += 1
            if offset >= size:
                return code
        slot = (slot + 1) & wrap
    code = texts.used[0]
    texts.slots[slot] = (size + 1) << 32 | code
    texts.sizes[code] = size
    texts.starts[code] = texts.used[1]
    for offset in range(size):
        texts.content[texts.used[1] + offset] = data[start + offset]
    for offset in range(HEAD):
        texts.heads[HEAD * code + offset] = data[start + offset] if offset < size else 0
    texts.used[0] += 1
    texts.used[1] += size
    return code


@compiled
def rehash_texts(texts: TextTable) -> None:
    """Fill the empty `slots` of a table with its texts. HEAD bytes after the last text must be readable, too."""
    wrap = texts.slots.shape[0] - 1
    for code in range(texts.used[0]):
        slot = _hash_text(texts.content, texts.starts[code], texts.sizes[code]) & wrap
        while texts.slots[slot] != 0:
            slot = (slot + 1) & wrap
        texts.slots[slot] = (texts.sizes[code] + 1) << 32 | code


@inlined
def _are_digits(word: np.uint64) -> bool:
    """Whether each byte of a word is at most 9, after "0" was subtracted from it."""
    return bool(((word + _ABOVE_9) | word) & _HIGH == 0)


@inlined
def _number(word: np.uint64) -> Int:
    """The number that the 8 digits of a word make; its lowest byte is the first digit."""
    word = word * _U(10) + (word >> _U(8))
    pairs = _U(0x000000FF000000FF)
    word = (word & pairs) * _U(0x000F424000000064) + ((word >> _U(16)) & pairs) * _U(0x0000271000000001)
    return np.int64(word >> _U(32))


@inlined
def _digits(data: Bytes, start: Int, end: Int) -> Int:
    """The number in a field of up to 8 digits, 0 if it is empty; UNSURE for any other field."""
    size = end - start
    # The last digit is the word's highest byte; the bytes before the field are cleared to digits of 0.
    word = (_load(data, end - 8) ^ _ZEROS) & _at(_LAST_BYTES, min(size, 8))
    return _number(word) if (size <= 8) & _are_digits(word) else UNSURE


@inlined
def _amount(data: Bytes, start: Int, end: Int, decimal: np.uint8) -> Int:
    """The cents of an amount of 1 to 8 digits and up to 2 decimals; UNSURE for any other field."""
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
    """The day that a field begins with, UNSURE if it may not begin with one. `month_starts` is that of a Shape."""
    size = end - start
    if size < 10 or (size > 10 and _at(data, start + 10) != 84 and _at(data, start + 10) != 32):  # T or a space
        return UNSURE
    century = (_load(data, start) ^ _ZEROS) & _U(0xFFFF)
    rest = _load(data, start + 2) ^ _DATE_SHAPE
    pairs = rest * _U(10) + (rest >> _U(8))
    year = np.int64((century & _U(0xFF)) * _U(1_000) + (century >> _U(8)) * _U(100) + (pairs & _U(0xFF)))
    month = np.int64((pairs >> _U(24)) & _U(0xFF))
    day = np.int64(pairs >> _U(48)) & 0xFF
    month_index = 12 * year + month - 13
    is_date = _are_digits(century) & _are_digits(rest) & (rest & _DATE_DASHES == 0)
    if not is_date & (month >= 1) & (month <= 12) & (month_index >= 0):
        return UNSURE
    first = np.int64(_at(month_starts, month_index))
    last = np.int64(_at(month_starts, month_index + 1)) - 1
    return first + day - 1 if (day >= 1) & (first + day - 1 <= last) else UNSURE


@inlined
def _is_one_of(data: Bytes, start: Int, end: Int, words: Words) -> bool:
    """Whether a field is one of some words of at most 7 bytes; the highest byte of each is its size."""
    size = end - start
    if size > 7:
        return False
    word = (_load(data, start) & _FIRST_BYTES[size]) | (_U(size) << _U(56))
    is_equal = False
    for other in words:
        is_equal |= word == other
    return is_equal


@inlined
def _defer(deferred: DeferredRecords, start: Int, end: Int, line: Int) -> None:
    """Defer a record to the plain mapper."""
    count = deferred.used[0]
    deferred.start[count] = start
    deferred.end[count] = end
    deferred.line[count] = line
    deferred.used[0] = count + 1


@inlined
def _field_bounds(positions: Ints32, rows: Rows, row: Int, column: Int, fields: Int) -> tuple[Int, Int]:
    """Where a field of a row begins and ends, quotes included."""
    entry = _at(rows.entry, row) + column
    begin = _at(rows.start, row) if column == 0 else _at(positions, entry - 1) + 1
    return begin, _at(rows.end, row) if column == fields - 1 else _at(positions, entry)


@inlined
def _value_bounds(block: Block, rows: Rows, row: Int, column: Int, fields: Int) -> tuple[Int, Int]:
    """Where the value of a field begins and ends: the field without the quotes around it."""
    begin, end = _field_bounds(block.positions, rows, row, column, fields)
    if _at(block.data, begin) == _QUOTE and end - begin >= 2 and _at(block.data, end - 1) == _QUOTE:
        return begin + 1, end - 1
    return begin, end


# Each of the next functions reads one column of some rows in a loop of its own, which needs few registers. Where it
# pays, a first loop reads only the usual forms and a second one the others.


@compiled
def _read_ids_and_days(block: Block, shape: Shape, rows: Rows, first: Int, last: Int) -> None:
    """Read days. A day is UNSURE unless there is surely an id: ordinary characters at its ends, not a missing word."""
    data, has_short_id = block.data, False
    for row in range(first, last):
        begin, end = _value_bounds(block, rows, row, shape.id_column, shape.fields)
        head, tail = _at(data, begin), _at(data, end - 1)
        has_id = (end > begin) & (head > 32) & (head < 127) & (head != _QUOTE) & (tail > 32) & (tail < 127)
        has_short_id |= end - begin < 8
        begin, end = _value_bounds(block, rows, row, shape.date_column, shape.fields)
        day = _day(data, begin, end, shape.month_starts)
        _put(rows.day, row, day if has_id else UNSURE)
    if has_short_id:
        for row in range(first, last):
            begin, end = _value_bounds(block, rows, row, shape.id_column, shape.fields)
            if _is_one_of(data, begin, end, shape.missing_words):
                rows.day[row] = UNSURE


@compiled
def _read_amounts(block: Block, shape: Shape, rows: Rows, first: Int, last: Int, column: Int, cents: Ints) -> None:
    """Read a column of amounts into `cents`. A missing amount is UNSURE, too."""
    for row in range(first, last):
        begin, end = _value_bounds(block, rows, row, column, shape.fields)
        _put(cents, row, _amount(block.data, begin, end, shape.decimal))


@compiled
def _read_missing_costs(block: Block, shape: Shape, rows: Rows, first: Int, last: Int) -> None:
    """Make a cost ABSENT if its field is a word for a missing value."""
    for row in range(first, last):
        if rows.cost[row] == UNSURE:
            begin, end = _value_bounds(block, rows, row, shape.cost_column, shape.fields)
            if _is_one_of(block.data, begin, end, shape.missing_words):
                rows.cost[row] = ABSENT


@compiled
def _read_months(block: Block, shape: Shape, rows: Rows, first: Int, last: Int) -> None:
    """Read durations, 0 for a missing one: they come in no order, so a branch between the two would cost too much."""
    for row in range(first, last):
        begin, end = _value_bounds(block, rows, row, shape.duration_column, shape.fields)
        months = _digits(block.data, begin, end)
        if months < 0 or months > MAX_MONTHS or ((months == 0) & (end > begin)):
            months = 0 if _is_one_of(block.data, begin, end, shape.missing_words) else UNSURE
        _put(rows.months, row, months)


@compiled
def _read_texts(
    block: Block, shape: Shape, rows: Rows, first: Int, last: Int, span: Span, texts: TextTable, codes: Ints32
) -> None:
    """Read the texts of a span into `codes`, as they are written: with quotes, and with delimiters between fields."""
    if span.first < 0:
        codes[first:last] = 0
        return
    data, slots, heads = block.data, texts.slots, texts.heads
    wrap = slots.shape[0] - 1
    missed = False
    for row in range(first, last):
        begin, _ = _field_bounds(block.positions, rows, row, span.first, shape.fields)
        _, end = _field_bounds(block.positions, rows, row, span.last, shape.fields)
        size = end - begin
        slot_value = _at(slots, _hash(data, begin, size) & wrap)
        code = slot_value & 0xFFFFFFFF
        is_same = (slot_value >> 32 == size + 1) & (size <= HEAD) & _is_same(data, begin, size, heads, HEAD * code)
        missed |= not is_same
        _put(codes, row, np.int32(code if is_same else _MISSED))
    if missed:  # new, or long, or in a later slot because others have the same hash
        for row in range(first, last):
            if codes[row] == _MISSED:
                begin, _ = _field_bounds(block.positions, rows, row, span.first, shape.fields)
                _, end = _field_bounds(block.positions, rows, row, span.last, shape.fields)
                codes[row] = _intern(data, begin, end - begin, texts)


@inlined
def _walk_record(
    data: Bytes, end: Int, positions: Ints32, count: Int, entry: Int, start: Int, shape: Shape
) -> tuple[Int, Int, Int]:
    """Walk over the record that begins at `start` and has its first position at `entry`, with or without quotes.

    Write the ends of its fields from `entry` on, at most as many as a record should have. Return their true number,
    the entry of the line feed that ends the record, and the number of line feeds inside it; (0, 0, 0) if its end is
    not in the block.
    """
    field_count = breaks = 0
    begin = start
    index = entry
    while index < count:
        position = _at(positions, index)
        byte = _at(data, position)
        if byte == _QUOTE:
            if position == begin:
                index += 1
                while True:
                    if index >= count or _at(positions, index) - begin > shape.max_record_bytes:
                        return 0, 0, 0
                    position = _at(positions, index)
                    if data[position] == _QUOTE:
                        if position + 1 >= end:
                            return 0, 0, 0
                        if _at(data, position + 1) != _QUOTE:
                            break
                        index += 1
                    elif data[position] == _LF:
                        breaks += 1
                    index += 1
            index += 1
            continue
        if field_count < shape.fields:
            _put(positions, entry + field_count, position)
        field_count += 1
        if byte == _LF:
            return field_count, index, breaks
        begin = position + 1
        index += 1
    return 0, 0, 0


@compiled
def _walk_records(
    block: Block, count: Int, ascii_only: bool, shape: Shape, rows: Rows, deferred: DeferredRecords, cursor: Cursor
) -> Cursor:
    """Walk over the next records, up to CHUNK rows: records of the right form become rows, others go to `deferred`."""
    data, positions, _, end, _ = block
    fields, delimiter = shape.fields, shape.delimiter
    row, entry, start, line = cursor
    last_row = row + CHUNK
    while row < last_row and entry < count:
        last = entry
        while last < count and _at(data, _at(positions, last)) == delimiter:
            last += 1
        field_count, breaks = last - entry + 1, 0
        if last == count or _at(data, _at(positions, last)) != _LF:
            field_count, last, breaks = _walk_record(data, end, positions, count, entry, start, shape)
            if field_count == 0:
                return Cursor(row, count, start, line)
        following = _at(positions, last) + 1
        stop = following - 1
        if stop > start and _at(data, stop - 1) == _CR:
            stop -= 1
        if stop > start:
            sure = (field_count == fields) & (stop - start <= shape.max_record_bytes)
            if sure and not ascii_only:
                sure = not _has_unknown_characters(data, start, stop, shape.is_utf8)
            if sure:
                _put(rows.start, row, start)
                _put(rows.end, row, stop)
                _put(rows.line, row, line)
                _put(rows.entry, row, entry)
                row += 1
            else:
                _defer(deferred, start, stop, line)
        line += 1 + breaks
        start = following
        entry = last + 1
    return Cursor(row, entry, start, line)


@inlined
def _has_room(texts: TextTables) -> bool:
    """Whether the table of each span has room for as many new texts as a chunk has rows."""
    least = texts[0].sizes.shape[0] - texts[0].used[0]
    least = min(least, texts[1].sizes.shape[0] - texts[1].used[0])
    least = min(least, texts[2].sizes.shape[0] - texts[2].used[0])
    return bool(least >= CHUNK)


@compiled
def read_rows(
    block: Block,
    count: Int,
    ascii_only: bool,
    shape: Shape,
    texts: TextTables,
    rows: Rows,
    deferred: DeferredRecords,
) -> tuple[Int, Int, Int]:
    """Read the records that end in the block; `index_block` has listed `count` positions of it.

    Records of the right form go to `rows`, others to `deferred`; blank lines are skipped. Return the number of rows,
    and the start and line of the first record that was not read: it does not end in the block, or there was no more
    room.
    """
    cursor = Cursor(0, 0, block.begin, block.line)
    while cursor.entry < count and cursor.row + CHUNK <= rows.day.shape[0] and _has_room(texts):
        first = cursor.row
        cursor = _walk_records(block, count, ascii_only, shape, rows, deferred, cursor)
        last = cursor.row
        _read_ids_and_days(block, shape, rows, first, last)
        _read_amounts(block, shape, rows, first, last, shape.price_column, rows.price)
        if shape.duration_column >= 0:
            _read_months(block, shape, rows, first, last)
        else:
            rows.months[first:last] = 0
        if shape.cost_column >= 0:
            _read_amounts(block, shape, rows, first, last, shape.cost_column, rows.cost)
            _read_missing_costs(block, shape, rows, first, last)
        else:
            rows.cost[first:last] = ABSENT
        _read_texts(block, shape, rows, first, last, shape.spans[0], texts[0], rows.first_code)
        _read_texts(block, shape, rows, first, last, shape.spans[1], texts[1], rows.second_code)
        _read_texts(block, shape, rows, first, last, shape.spans[2], texts[2], rows.third_code)
    return cursor.row, cursor.start, cursor.line


@inlined
def _find_or_add_page(cells: Cells, key: Int) -> Int:
    """The page of a key, which is added if it is new; -1 if there is no room for it."""
    slots, wrap = cells.slots, cells.slots.shape[0] // 2 - 1
    mixed = _U(key) * _U(_MIX)
    slot = np.int64((mixed ^ (mixed >> _U(32))) & _U(wrap))
    while _at(slots, 2 * slot) != 0:
        if _at(slots, 2 * slot) == key + 1:
            return _at(slots, 2 * slot + 1)
        slot = (slot + 1) & wrap
    page = cells.used[0]
    if page == cells.keys.shape[0]:
        return -1
    _put(slots, 2 * slot, key + 1)
    _put(slots, 2 * slot + 1, page)
    _put(cells.keys, page, key)
    cells.used[0] = page + 1
    return page


@inlined
def _assign_cells(rows: Rows, first: Int, last: Int, key_bits: KeyBits, cells: Cells, deferred: DeferredRecords) -> Int:
    """Find the cells of rows and defer the rows that have none. Return the row at which there was no more room."""
    within = (1 << cells.shift) - 1
    for row in range(first, last):
        names = _at(key_bits[0], _at(rows.first_code, row))
        names |= _at(key_bits[1], _at(rows.second_code, row)) | _at(key_bits[2], _at(rows.third_code, row))
        day = np.int64(_at(rows.day, row))
        # 0 unless it is a rental; without a branch, because types come in no order.
        months = _at(rows.months, row) & -np.int32((names >> DAY_BITS) & ((1 << TYPE_BITS) - 1) == RENTAL)
        _put(rows.months, row, months)
        sure = (names >= 0) & (day >= 0) & (months != UNSURE)
        if not sure & (_at(rows.price, row) >= 0) & (_at(rows.cost, row) != UNSURE):
            _put(rows.cell, row, REFUSED)
            _defer(deferred, _at(rows.start, row), _at(rows.end, row), _at(rows.line, row))
            continue
        page = _find_or_add_page(cells, names | day >> cells.shift)
        if page < 0:
            return row
        cell = page << cells.shift | (day & within)
        _prefetch(cells.measures, cell << 3)
        _put(rows.cell, row, cell)
    return last


@inlined
def _add_rows(rows: Rows, begin: Int, end: Int, cells: Cells) -> None:
    """Add rows to the cells that were assigned to them."""
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
def fold_rows(rows: Rows, first: Int, last: Int, key_bits: KeyBits, cells: Cells, deferred: DeferredRecords) -> Int:
    """Add rows `first` to `last` to their cells; rows with a REFUSED text or an UNSURE value go to `deferred`.

    Return the row at which there was no room for another page, otherwise `last`.
    """
    row = first
    while row < last:
        stop = min(row + CHUNK, last)
        assigned = _assign_cells(rows, row, stop, key_bits, cells, deferred)
        _add_rows(rows, row, assigned, cells)
        if assigned < stop:
            return assigned
        row = stop
    return last


@compiled
def move_cells(source: Cells, target: Cells) -> None:
    """Copy all cells in use to a table that has room for them; the two tables may differ in their shift."""
    for page in range(source.used[0]):
        names = source.keys[page] >> DAY_BITS << DAY_BITS
        first_day = (source.keys[page] - names) << source.shift
        for offset in range(1 << source.shift):
            cell = page << source.shift | offset
            if source.measures[cell, 0] > 0:
                day = first_day + offset
                target_page = _find_or_add_page(target, names | (day >> target.shift))
                copy = target_page << target.shift | (day & ((1 << target.shift) - 1))
                for measure in range(source.measures.shape[1]):
                    target.measures[copy, measure] = source.measures[cell, measure]
                if source.costs.shape[0] > 0:
                    for measure in range(source.costs.shape[1]):
                        target.costs[copy, measure] = source.costs[cell, measure]
