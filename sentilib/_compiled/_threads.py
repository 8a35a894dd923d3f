"""The number of threads that share the rows of a matrix: one rule for the whole package.

`n_jobs=None` means all cores, except inside a parallel worker, where it means one: a worker of
joblib (a grid search), a child process, or one of the threads that this module starts. Levels of
parallelism therefore never multiply. Within `joblib.parallel_config(n_jobs=...)` it means that
number. An explicit `n_jobs` always has the meaning that joblib gives it.
"""

import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from joblib import cpu_count, effective_n_jobs
from joblib.parallel import get_active_backend

_MIN_ROWS = 256  # per thread; fewer take less time than starting a thread
_n_jobs: ContextVar[int | None] = ContextVar("n_jobs", default=None)


def resolve_n_jobs(n_jobs: int | None) -> int:
    """Return the number of threads that a value of `n_jobs` stands for."""
    if n_jobs is None:
        n_jobs = _n_jobs.get()
    if n_jobs is None:
        if multiprocessing.parent_process() is not None:
            return 1
        backend, n_jobs = get_active_backend()
        if backend.nesting_level:
            return 1
    return _n_cores() if n_jobs is None else effective_n_jobs(n_jobs)


@cache
def _n_cores() -> int:
    return cpu_count()  # cached: it takes as long as reading a short text


class threads:  # a generator would take four times as long
    """Context in which `n_jobs` decides on the number of threads; None changes nothing."""

    def __init__(self, n_jobs: int | None) -> None:
        self._own = n_jobs

    def __enter__(self) -> None:
        self._token = None if self._own is None else _n_jobs.set(self._own)

    def __exit__(self, *error: object) -> None:
        if self._token is not None:
            _n_jobs.reset(self._token)


def n_threads(n_rows: int) -> int:
    """Return the number of threads that are worth starting for a number of rows."""
    n = n_rows // _MIN_ROWS
    return min(n, resolve_n_jobs(None)) if n > 1 else 1


def by_rows(work: Callable[[slice], Any], n_rows: int) -> list:
    """Apply a function to slices of the rows, one per thread; return results in order."""
    if n_rows < 2 * _MIN_ROWS:
        return [work(slice(0, n_rows))]
    return in_threads(work, row_slices(n_rows))


def row_slices(n_rows: int) -> list[slice]:
    """Return one slice of the rows per thread."""
    n = n_threads(n_rows)
    if n == 1:
        return [slice(0, n_rows)]
    edges = np.linspace(0, n_rows, n + 1).astype(int).tolist()
    return [slice(a, b) for a, b in pairwise(edges)]


def in_threads(work: Callable[[Any], Any], parts: Iterable[Any], n: int | None = None) -> list:
    """Apply a function to each part, `n` at a time (by default all); return results in order.

    The function must release the GIL to gain from threads. Nested calls use one thread.
    """
    parts = list(parts)
    n = len(parts) if n is None else min(n, len(parts))
    if n <= 1:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(n, initializer=_n_jobs.set, initargs=(1,)) as pool:
        return list(pool.map(work, parts))
