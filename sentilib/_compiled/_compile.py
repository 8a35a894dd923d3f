"""Decorators for kernels: compiled at import for one signature, they run without the GIL."""

import sys
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import config as _numba_config
from numba.extending import intrinsic

BYTES = types.uint8[::1]
I32, I32_2D = types.int32[::1], types.int32[:, ::1]
I64, I64_2D = types.int64[::1], types.int64[:, ::1]
F64, F64_2D = types.float64[::1], types.float64[:, ::1]
F64_3D, F64_4D = types.float64[:, :, ::1], types.float64[:, :, :, ::1]

config: Any = _numba_config  # its names are set at run time


def _jit(*signature: Any, **options: Any) -> Callable[[Callable], Any]:
    """Compile even where NUMBA_DISABLE_JIT is set: as Python, the kernels have other integers."""

    def compile_(function: Callable) -> Any:
        before, config.DISABLE_JIT = config.DISABLE_JIT, 0
        try:
            return njit(*signature, **options)(function)
        finally:
            config.DISABLE_JIT = before

    return compile_


def kernel(*signature: Any, **options: Any) -> Callable[[Callable], Any]:
    """Compile a function that Python calls; cached on disk where a folder is writable."""

    def compile_(function: Callable) -> Any:
        try:
            return _jit(*signature, nogil=True, cache=True, **options)(function)
        except (RuntimeError, OSError):  # no folder for the cache, or it cannot be written
            return _jit(*signature, nogil=True, **options)(function)

    return compile_


def helper(function: Callable, **options: Any) -> Any:
    """Decorate a function that is called only from kernels.

    It is compiled with the first caller that is not cached.
    """
    return _jit(nogil=True, no_cpython_wrapper=True, **options)(function)


@intrinsic
def load_eight(context: Any, array: Any, index: Any) -> Any:
    """Load eight bytes of a uint8 array, at any index, as one little-endian uint64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(64).as_pointer())
        eight = builder.load(address, align=1)
        return builder.bswap(eight) if sys.byteorder == "big" else eight

    return types.uint64(array, index), generate


@intrinsic
def prefetch(context: Any, array: Any, index: Any) -> Any:
    """Prefetch the cache line of an array's element, which is read later."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        flag = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [address.type, flag, flag, flag])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [address.type], kind)
        builder.call(ask, [address, flag(0), flag(3), flag(1)])  # read, keep, data cache
        return context.get_dummy_value()

    return types.void(array, index), generate
