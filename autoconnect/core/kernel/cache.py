"""Where compiled code is kept: on disk, in a directory named by the digest of this folder.

Numba itself renews the code of a function when the file of this function changes. But functions of other files are
compiled into it. So the content of every module of the folder counts here. Times and paths do not: a checkout or an
image with equal content uses the same code.
"""

from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pickle import UnpicklingError
from typing import Any

from numba.core.caching import (
    CompileResultCacheImpl,
    FunctionCache,
    InTreeCacheLocator,
    UserProvidedCacheLocator,
    UserWideCacheLocator,
    _CacheLocator,
)


def folder_digest(folder: Traversable) -> str:
    """The digest of the names and contents of the Python modules in a folder."""
    modules = sorted((file for file in folder.iterdir() if file.name.endswith(".py")), key=lambda file: file.name)
    digest = sha256()
    for module in modules:
        content = module.read_bytes()
        digest.update(f"{module.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


#: Computed at the import, not when a function is compiled: a file may have changed by then.
_DIGEST = folder_digest(files("autoconnect.core.kernel"))
_DIRECTORY = f"kernel-{_DIGEST[:16]}"


class _Locator(_CacheLocator):
    """A directory named by the digest. Numba would name it by the path of a file."""

    def get_source_stamp(self) -> str:
        return _DIGEST

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        return _DIRECTORY


class _Provided(_Locator, UserProvidedCacheLocator):
    """The directory below NUMBA_CACHE_DIR, if this is set and writable."""


class _InTree(_Locator, InTreeCacheLocator):
    """Otherwise the directory below `__pycache__`, if this is writable."""

    def get_cache_path(self) -> str:
        parent: Any = super()
        return f"{parent.get_cache_path()}/{_DIRECTORY}"


class _UserWide(_Locator, UserWideCacheLocator):
    """Otherwise the directory below the user's cache directory."""


class _Implementation(CompileResultCacheImpl):
    _locator_classes = [_Provided, _InTree, _UserWide]  # noqa: RUF012 - in numba it is no ClassVar


class KernelCache(FunctionCache):
    """The code of one compiled function on disk."""

    _impl_class = _Implementation

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The code for a signature, or None if it must be compiled: also if a power cut has left half a file."""
        parent: Any = super()
        try:
            return parent.load_overload(sig, target_context)
        except (EOFError, UnpicklingError):
            parent.flush()
            return None
