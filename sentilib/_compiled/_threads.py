"""Work on rows in threads, for functions that release the GIL."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from joblib import cpu_count

_MOST_THREADS = 4
_LEAST_ROWS = 256  # fewer are done before a thread has started


def n_threads(n_rows: int) -> int:
    """Give the number of threads that so many rows are worth."""
    n = min(_MOST_THREADS, n_rows // _LEAST_ROWS)
    return min(n, cpu_count()) if n > 1 else 1  # counting them takes as long as a short text


def row_slices(n_rows: int) -> list[slice]:
    """Cut rows into as many parts as there are threads."""
    edges = np.linspace(0, n_rows, n_threads(n_rows) + 1).astype(int).tolist()
    return [slice(a, b) for a, b in pairwise(edges)]


def in_threads(work: Callable[[Any], Any], parts: Iterable[Any], n: int | None = None) -> list:
    """Do the work on each part, `n` at a time (by default all); give the results in order."""
    parts = list(parts)
    n = len(parts) if n is None else min(n, len(parts))
    if n <= 1:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(work, parts))
