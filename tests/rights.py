"""Root may read every file, so a test of refused access gives up that right for a while."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.required import require

# linux/capability.h
_VERSION = 0x20080522
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1 << 1, 1 << 2


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("thread", ctypes.c_int))


class _Capabilities(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


@contextmanager
def rights_of_an_owner() -> Iterator[None]:
    """Give this thread only the rights that the modes of files grant, even if it runs as root."""
    if os.geteuid() != 0:
        yield
        return
    system = ctypes.CDLL(None, use_errno=True)
    if not hasattr(system, "capset"):
        require("capabilities", "root may read every file, and can give up that right on Linux only")
    header, sets = _Header(_VERSION, 0), (_Capabilities * 2)()
    _checked(system.capget(ctypes.byref(header), sets))
    before = sets[0].effective
    sets[0].effective = before & ~(_DAC_OVERRIDE | _DAC_READ_SEARCH)
    _checked(system.capset(ctypes.byref(header), sets))
    try:
        yield
    finally:
        sets[0].effective = before
        _checked(system.capset(ctypes.byref(header), sets))


def _checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
