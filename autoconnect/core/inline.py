"""The lines of a batch on their way through Redis, for workers that do not see the file."""

import struct
import zlib

_LENGTH = struct.Struct(">Q")


def pack_lines(data: bytes, ahead: bytes) -> bytes:
    """Pack the bytes of a batch, and those after it that may be needed to find the end of its last record."""
    return _LENGTH.pack(len(data)) + zlib.compress(data + ahead, 1)


def unpack_lines(packed: bytes) -> tuple[bytes, bytes]:
    """Return the two arguments of `pack_lines`."""
    (length,) = _LENGTH.unpack_from(packed)
    lines = zlib.decompress(packed[_LENGTH.size :])
    return lines[:length], lines[length:]
