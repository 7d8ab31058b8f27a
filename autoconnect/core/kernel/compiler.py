"""How the kernel is compiled: a `compiled` function is kept on disk, an `inlined` one is part of those that call it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from numba import njit
from numba.core import config
from numba.core.caching import NullCache
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher

from autoconnect.core.kernel.cache import KernelCache

Function = TypeVar("Function", bound=Callable[..., Any])

#: Compiled code runs without the interpreter's lock and without checks. It makes no array and keeps none, so it counts
#: no references.
_OPTIONS = {"nogil": True, "boundscheck": False, "error_model": "numpy", "_nrt": False}


def compiled(function: Function) -> Function:
    """Compile a function at its first call, once for all processes."""
    make_dispatcher: Any = _Dispatcher
    dispatcher: Function = make_dispatcher(function, targetoptions={"nopython": True, **_OPTIONS})
    return dispatcher


def inlined(function: Function) -> Function:
    """Compile a function into those that call it."""
    make_dispatcher: Any = njit
    dispatcher: Function = make_dispatcher(function, forceinline=True, **_OPTIONS)
    return dispatcher


class _Dispatcher(CPUDispatcher):
    """A function that is kept in the kernel's cache, and compiled with the kernel's options."""

    def enable_caching(self) -> None:
        make_cache: Any = KernelCache
        self._cache = make_cache(self.py_func)

    def compile(self, signature: Any) -> Any:
        with global_compiler_lock, _vectorizer():
            if isinstance(self._cache, NullCache):  # only now: an import makes no directory
                self.enable_caching()
            return super().compile(signature)


@contextmanager
def _vectorizer() -> Iterator[None]:
    """Let LLVM put neighbouring measures of a cell into one vector; Numba's default is off.

    The option is a global that Numba reads under its compiler lock, which the caller must hold.
    """
    options: Any = config
    before = options.SLP_VECTORIZE
    options.SLP_VECTORIZE = 1
    try:
        yield
    finally:
        options.SLP_VECTORIZE = before
