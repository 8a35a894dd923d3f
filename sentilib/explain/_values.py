"""Values and interactions of many rows, computed in threads and checked for additivity."""

from collections.abc import Callable
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from sentilib._compiled._threads import in_threads
from sentilib._ids import count_tokens
from sentilib.explain._games._baseline import BaselineModel
from sentilib.explain._games._sum import SumOfGames

# Relative to a row's output; rounding errors of float64 and of float32 are far smaller.
_TOLERANCE, _TOLERANCE_OF_SINGLE = 1e-8, 1e-5
_IDS_PER_CHUNK = 2**18  # small enough for the arrays derived from them, which threads multiply


class Values(NamedTuple):
    """Shapley values of rows."""

    starts: np.ndarray  # int64 (n_rows + 1,), index of the first token of each row
    values: np.ndarray  # float64 (n_tokens, n_outputs)
    errors: np.ndarray | None  # standard errors of the same shape, if sampled
    base_values: np.ndarray  # float64 (n_rows, n_outputs)
    additivity_error: np.ndarray  # float64 (n_rows,)


def chunks(
    ids: np.ndarray, batch_size: int | str, n_threads: int, worth_a_thread: int
) -> list[slice]:
    """Split rows into chunks, about four per thread, but none of few tokens.

    `worth_a_thread` is the number of tokens whose values take longer than starting a thread.
    """
    if len(ids) == 1:
        return [slice(0, 1)]
    if batch_size == "auto":
        n_chunks = min(4 * n_threads, max(1, int(count_tokens(ids).sum()) // worth_a_thread))
        each = -(-len(ids) // n_chunks)
        batch_size = max(1, min(_IDS_PER_CHUNK // ids.shape[1], each))
    n_rows = int(batch_size)
    return [slice(start, start + n_rows) for start in range(0, len(ids), n_rows)]


def shapley_values(
    model: BaselineModel,
    of_rows: Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray | None, np.ndarray]],
    ids: np.ndarray,
    parts: list[slice],
    n_threads: int,
) -> Values:
    """Compute values by `of_rows(ids, first_row)`: values, errors or None, predicted outputs."""
    base_values = model.base_values(ids)

    def explain(rows: slice) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        values, errors, outputs = of_rows(ids[rows], rows.start)
        check = _additivity_errors(model, ids[rows], outputs, values, base_values[rows], rows.start)
        return values, errors, check

    values, errors, checks = zip(*in_threads(explain, parts, n_threads), strict=True)
    return Values(
        np.concatenate([[0], np.cumsum(count_tokens(ids))]),
        np.concatenate(values),
        None if errors[0] is None else np.concatenate(errors),
        base_values,
        np.concatenate(checks),
    )


def _additivity_errors(
    model: BaselineModel,
    ids: np.ndarray,
    outputs: np.ndarray,
    values: np.ndarray,
    base_values: np.ndarray,
    first_row: int,
) -> np.ndarray:
    """Return the additivity error of each row, after a check that it is a rounding error."""
    import sentilib.explain._games._additive_kernels as _additive_kernels

    sums, sizes = np.empty((2, *outputs.shape))
    _additive_kernels.row_sums(values, count_tokens(ids), sums, sizes)
    differences = np.abs(base_values + sums - outputs)
    scale = np.maximum(1, np.abs(outputs))
    tolerance = _TOLERANCE if model.predicts_exactly else _TOLERANCE_OF_SINGLE
    bounds = tolerance * np.maximum(scale, sizes)
    if not (differences <= bounds).all() and not model.predicts_exactly:
        # Large units that cancel each other round the prediction, and the values, as much.
        bounds = bounds + 100 * np.abs(model.outputs(ids) - outputs)
    broken = ~(differences <= bounds).all(axis=1)
    if broken.any():
        number = int(np.flatnonzero(broken)[0])
        raise RuntimeError(
            f"The Shapley values of row {first_row + number} add up to "
            f"{(base_values + sums)[number]}, but the estimator's output is {outputs[number]}. "
            "Infinite weights can cause this; otherwise it is a bug of sentilib, please report it."
        )
    return (differences / scale).max(axis=1)


def interaction_matrices(
    game: SumOfGames, ids: np.ndarray, parts: list[slice], n_threads: int
) -> list[list[Any]]:
    """Compute the symmetric sparse matrix of each row and output."""
    found = in_threads(lambda rows: _interaction_matrices(game, ids[rows]), parts, n_threads)
    return list(chain.from_iterable(found))


def _interaction_matrices(game: SumOfGames, ids: np.ndarray) -> list[list[Any]]:
    left, right, values = game.interactions(ids)
    n_tokens = count_tokens(ids)
    starts = np.cumsum(n_tokens) - n_tokens
    row = np.repeat(np.arange(len(ids)), n_tokens)[left]
    order = np.argsort(row, kind="stable")
    bounds = np.searchsorted(row[order], np.arange(len(ids) + 1))
    matrices = []
    for k, (first, n) in enumerate(zip(starts, n_tokens, strict=True)):
        pairs = order[bounds[k] : bounds[k + 1]]
        places = left[pairs] - first, right[pairs] - first
        halves = [
            scipy.sparse.csr_array((values[pairs, m], places), shape=(n, n))
            for m in range(values.shape[1])
        ]
        matrices.append([(half + half.T).tocsr() for half in halves])
    return matrices
