"""How kernels are compiled: ahead of their first call, for one signature, without the GIL."""

from collections.abc import Callable
from typing import Any

from numba import njit, types

BYTES = types.uint8[::1]
I32, I32_2D = types.int32[::1], types.int32[:, ::1]
I64, I64_2D = types.int64[::1], types.int64[:, ::1]

_jit: Any = njit  # takes options that its type hints do not know


def kernel(*signature: Any) -> Callable[[Callable], Any]:
    """Compile a function to be called from Python, cached on disk where a folder is writable."""

    def compile_(function: Callable) -> Any:
        try:
            return _jit(*signature, nogil=True, cache=True)(function)
        except (RuntimeError, OSError):  # no folder for the cache, or it cannot be written
            return _jit(*signature, nogil=True)(function)

    return compile_


def helper(*signature: Any) -> Callable[[Callable], Any]:
    """Compile a function that only kernels call, without a wrapper for calls from Python."""
    return _jit(*signature, nogil=True, no_cpython_wrapper=True)
