"""Operations of the processor that Numba does not offer: 64 bytes at a time, words at any address, bare elements."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

#: An odd number. Multiplying a word by it spreads the bits of the word.
MIX = 0x9E3779B97F4A7C15


def _intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    """An operation of the processor, from the function that types it and generates its code."""
    operation: Callable[..., Any] = intrinsic(function)
    return operation


def _llvm_function(builder: Any, function_type: Any, name: str) -> Any:
    get_or_insert: Any = cgutils.get_or_insert_function
    return get_or_insert(builder.module, function_type, name)


@_intrinsic
def load(_: Any, data: Any, offset: Any) -> Any:
    """The word of 8 bytes at any offset of an array of bytes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        address = builder.bitcast(builder.gep(array.data, [arguments[1]]), ir.IntType(64).as_pointer())
        return builder.load(address, align=1)

    return types.uint64(data, types.int64), generate


@_intrinsic
def at(_: Any, array: Any, index: Any) -> Any:
    """An element of an array. `array[index]` would also handle negative indexes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.load(builder.gep(values.data, [arguments[1]]))

    return array.dtype(array, types.int64), generate


@_intrinsic
def put(_: Any, array: Any, index: Any, value: Any) -> Any:
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


def _everywhere(builder: Any, byte: Any, values: Any) -> Any:
    """A vector of the type of `values` with one byte everywhere."""
    undefined = ir.Constant(values.type, ir.Undefined)
    one = builder.insert_element(undefined, byte, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(ir.IntType(32), 64), [0] * 64))


@_intrinsic
def match_byte(_: Any, data: Any, offset: Any, byte: Any) -> Any:
    """Which of the 64 bytes at an offset equal `byte`, as bits."""

    def equal(builder: Any, values: Any, arguments: Any) -> Any:
        return builder.icmp_unsigned("==", values, _everywhere(builder, arguments[2], values))

    return types.uint64(data, types.int64, types.uint8), _mask_of(equal)


@_intrinsic
def match_less(_: Any, data: Any, offset: Any, bound: Any) -> Any:
    """Which of the 64 bytes at an offset are less than `bound`, as bits; bytes beyond ASCII count as negative."""

    def less(builder: Any, values: Any, arguments: Any) -> Any:
        return builder.icmp_signed("<", values, _everywhere(builder, arguments[2], values))

    return types.uint64(data, types.int64, types.int8), _mask_of(less)


@_intrinsic
def prefetch(_: Any, array: Any, index: Any) -> Any:
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
def hash_bytes(_: Any, data: Any, offset: Any, size: Any) -> Any:
    """A hash of up to 64 bytes: for each of their words, one half times the other, after bits of both were flipped.

    A product of 32 bits by 32 is one instruction for many words; one of 64 bits by 64 is not, on most processors.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words = builder.bitcast(_masked(context, builder, signature, arguments), ir.VectorType(ir.IntType(64), 8))
        flips = ir.Constant(words.type, [MIX * (2 * lane + 1) % 2**64 for lane in range(8)])
        low, half = (ir.Constant(words.type, [value] * 8) for value in (0xFFFFFFFF, 32))
        flipped = builder.xor(words, flips)
        products = builder.mul(builder.and_(flipped, low), builder.lshr(flipped, half))
        reduce = _llvm_function(builder, ir.FunctionType(ir.IntType(64), [words.type]), "llvm.vector.reduce.add.v8i64")
        mixed = builder.add(builder.call(reduce, [products]), arguments[2])
        mixed = builder.mul(builder.xor(mixed, builder.lshr(mixed, mixed.type(32))), mixed.type(MIX))
        return builder.lshr(mixed, mixed.type(32))

    return types.int64(data, types.int64, types.int64), generate


@_intrinsic
def is_head(_: Any, data: Any, offset: Any, size: Any, heads: Any, head_offset: Any) -> Any:
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


def _put_packed(builder: Any, address: Any, bits: Any, base: Any) -> int:
    """Move the indexes of bits together in one step, and write the first 16."""
    number, many, flags = ir.IntType(32), ir.VectorType(ir.IntType(8), 64), ir.VectorType(ir.IntType(1), 64)
    function_type = ir.FunctionType(many, [many, flags, many])
    compress = _llvm_function(builder, function_type, "llvm.experimental.vector.compress.v64i8")
    packed = builder.call(compress, [many(list(range(64))), builder.bitcast(bits, flags), ir.Constant(many, None)])
    sixteen = ir.VectorType(number, 16)
    indexes = builder.zext(builder.shuffle_vector(packed, packed, sixteen(list(range(16)))), sixteen)
    one = builder.insert_element(sixteen(ir.Undefined), builder.trunc(base, number), number(0))
    bases = builder.shuffle_vector(one, one, ir.Constant(sixteen, None))
    builder.store(builder.add(indexes, bases), builder.bitcast(address, sixteen.as_pointer()), align=4)
    return 16


def _put_singly(builder: Any, address: Any, bits: Any, base: Any) -> int:
    """Write the indexes of 12 bits one by one."""
    word = bits.type
    lowest = _llvm_function(builder, ir.FunctionType(word, [word, ir.IntType(1)]), "llvm.cttz.i64")
    for offset in range(12):
        position = builder.add(base, builder.call(lowest, [bits, ir.IntType(1)(0)]))
        builder.store(builder.trunc(position, ir.IntType(32)), builder.gep(address, [word(offset)]))
        bits = builder.and_(bits, builder.sub(bits, word(1)))
    return 12


@_intrinsic
def put_bit_indexes(_: Any, array: Any, index: Any, bits: Any, base: Any) -> Any:
    """Write `base` plus the index of each bit that is set, from an element on, for the lowest bits; return how many.

    There must be room for 16; those that are more than the bits are undefined. AVX-512 VBMI2 is the set of instructions
    that packs bytes.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = context.make_array(signature.args[0])(context, builder, arguments[0])
        can_pack = "+avx512vbmi2" in context.codegen().magic_tuple()[2].split(",")
        put_indexes = _put_packed if can_pack else _put_singly
        written = put_indexes(builder, builder.gep(values.data, [arguments[1]]), arguments[2], arguments[3])
        return ir.IntType(64)(written)

    return types.int64(array, types.int64, types.uint64, types.int64), generate


@_intrinsic
def lowest_bit(_: Any, word: Any) -> Any:
    """The index of the lowest bit that is set, 64 if none is."""
    return types.int64(types.uint64), _bit_function("cttz", ir.Constant(ir.IntType(1), 0))


@_intrinsic
def count_bits(_: Any, word: Any) -> Any:
    """The number of bits that are set."""
    return types.int64(types.uint64), _bit_function("ctpop")
