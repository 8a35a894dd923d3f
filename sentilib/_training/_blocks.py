"""Training of the CNN's embedding, blocks and pooling: few compiled passes over a batch.

Keras's layers compute the same in a hundred operations, each of which reads and writes all units of
a batch, and of its padding.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

import sentilib._training._block_kernels as _block_kernels
from sentilib._ids import last_token
from sentilib._training._architecture import Weights

_COLUMNS_PER_PART = 1024
_MAX_PARTS = 16


class _Rows(NamedTuple):
    """Rows of a batch, one after the other."""

    words: np.ndarray  # int32 (n_columns,), id of each column, -1 between rows and for padding
    starts: np.ndarray  # int64 (n_rows + 1,), first column of each row
    n_words: np.ndarray  # int64 (n_rows,)
    parts: np.ndarray  # int64 (n_parts + 1,), first row of each part

    @classmethod
    def of(cls, ids: np.ndarray, n_taps: int, masks: bool, n_ids: int) -> "_Rows":
        """Pack ids; half a window of empty columns is before, between and after rows."""
        lengths = last_token(ids) if masks else np.full(len(ids), ids.shape[1])
        gap = n_taps // 2
        starts = np.cumsum(np.concatenate([[gap], lengths + gap]))
        words = np.full(starts[-1] + gap + 1, -1, dtype=np.int32)
        n_words = _block_kernels.pack(ids, lengths.astype(np.int64), starts, n_ids, masks, words)
        n_parts = int(np.clip(len(words) // _COLUMNS_PER_PART, 1, _MAX_PARTS))
        edges = np.linspace(starts[0], starts[-1], n_parts + 1).astype(np.int64)
        return cls(words, starts, n_words, np.searchsorted(starts, edges))


class _Block(NamedTuple):
    """A block after its forward pass."""

    inputs: Any  # of `_block_kernels`
    kernel: np.ndarray
    gamma: np.ndarray
    y: np.ndarray  # float32 (n_columns, stride), units before the normalization
    mean: np.ndarray  # float64, as `deviation`
    deviation: np.ndarray


class Blocks:
    """Embedding with dropout, blocks and pooling, forward and backward, for one step at a time.

    Parameters
    ----------
    architecture : ConvArchitecture
        Parameters of the layers.
    n_threads : int
        Max number of threads.
    """

    def __init__(self, architecture: Any, n_threads: int) -> None:
        self._architecture, self._n_threads = architecture, n_threads
        self._pool = ThreadPoolExecutor(n_threads - 1) if n_threads > 1 else None

    def forward(
        self, ids: np.ndarray, weights: Weights, rate: float, keys: list[int]
    ) -> tuple[np.ndarray, Weights]:
        """Compute the pooled units of rows.

        Parameters
        ----------
        ids : ndarray of shape (n_rows, n_tokens), int32
            Token ids.
        weights : dict of str to ndarray, float32
            Trained weights, by name.
        rate : float
            Rate of dropout.
        keys : list of two int
            Keys of the random numbers of dropout, below 2 ** 32.

        Returns
        -------
        pooled : ndarray of shape (n_rows, n_units), float32
            Pooled units.
        moments : dict of str to ndarray
            Mean and variance of each block's units before the normalization, by name.
        """
        model, embedding = self._architecture, weights["embedding"]
        rows = _Rows.of(ids, model.kernel_size, model.mask_padding, len(embedding))
        edges, n_words = rows.starts[rows.parts], max(int(rows.n_words.sum()), 1)
        n_parts = len(edges) - 1
        source, line = embedding, np.zeros((2, _stride(embedding.shape[1])), dtype=np.float32)
        blocks, moments = list[_Block](), Weights()
        for k in range(len(model.filters)):
            kernel, gamma, beta = (weights[f"{n}_{k}"] for n in ("kernel", "gamma", "beta"))
            n_in, n_out = kernel.shape[1:]
            inputs = _block_kernels.Inputs(rows.words, source, line, n_in, not k, rate, *keys)
            y = np.empty((len(rows.words), _stride(n_out)), dtype=np.float32)
            sums, centre = np.zeros((n_parts, 2, y.shape[1])), _wide(np.zeros(n_out))
            taps = _wide(kernel)
            self._run(_block_kernels.forward, edges, inputs, taps, n_out, centre, y, sums)
            mean, square = sums.sum(axis=0)[:, :n_out] / n_words
            variance = np.maximum(square - mean**2, 0)
            moments |= {f"mean_{k}": mean, f"variance_{k}": variance}
            deviation = np.sqrt(variance + model.epsilon)
            scale = gamma / deviation
            source, line = y, _wide(np.stack([scale, beta - mean * scale]))
            blocks.append(_Block(inputs, kernel, gamma, y, mean, deviation))
        pooled = np.empty((len(ids), y.shape[1]), dtype=np.float32)
        batch = rows.parts, rows.starts, rows.words, y, line, n_out, model.pooling == "max"
        self._run(_block_kernels.pool, *batch, pooled)
        size = np.ones((len(ids), 1))
        if model.pooling == "average":
            n_neutral = model.n_neutral if model.mask_padding else 0
            size = np.maximum(rows.n_words[:, None] + n_neutral, 1)
        self._state = edges, n_words, blocks, (*batch, pooled), size
        return (pooled[:, :n_out] / size).astype(np.float32), moments

    def backward(self, gradient: np.ndarray, gradients: Weights) -> None:
        """Write the gradients of the weights of the last forward pass.

        Parameters
        ----------
        gradient : ndarray of shape (n_rows, n_units), float32
            Gradient of the pooled units.
        gradients : dict of str to ndarray, float32
            Gradients of the weights, by name; that of the embedding is zero before.
        """
        edges, n_words, blocks, batch, size = self._state
        del self._state
        n_parts, last = len(edges) - 1, blocks[-1]
        sums, dz = np.zeros((n_parts, 2, last.y.shape[1])), np.empty_like(last.y)
        of_pooled, centre = _wide(gradient / size), _wide(last.mean)
        self._run(_block_kernels.unpool, *batch, of_pooled, centre, dz, sums)
        for k, block in reversed([*enumerate(blocks)]):
            n_in, n_out = block.kernel.shape[1:]
            # Algorithm 1 of Ioffe and Szegedy, with means over all words.
            mean_dz, slope = sums.sum(axis=0)[:, :n_out] / n_words
            slope /= block.deviation
            scale = block.gamma / block.deviation
            of_y = -scale * slope / block.deviation
            line = _wide(np.stack([scale, of_y, -scale * mean_dz - of_y * block.mean]))
            d_inputs = np.empty((len(dz), _stride(n_in)), dtype=np.float32)
            d_taps = np.zeros((n_parts, *block.kernel.shape[:2], dz.shape[1]), np.float32)
            sums = np.zeros((n_parts, 2, d_inputs.shape[1]))
            taps = _wide(block.kernel[::-1].transpose(0, 2, 1))
            centre = _wide(blocks[k - 1].mean if k else np.zeros(n_in))
            self._run(
                _block_kernels.backward, edges, block.inputs, taps, n_out, centre, block.y, dz,
                line, d_inputs, d_taps, sums,
            )  # fmt: skip
            gradients[f"kernel_{k}"][:] = d_taps.sum(axis=0)[:, :, :n_out]
            gradients[f"gamma_{k}"][:] = slope * n_words
            gradients[f"beta_{k}"][:] = mean_dz * n_words
            dz = d_inputs
        _block_kernels.scatter(batch[2], dz, gradients["embedding"])

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()

    def _run(self, kernel: Callable, parts: np.ndarray, *arguments: Any) -> None:
        """Call a kernel on all parts, in threads."""
        n_parts = len(parts) - 1
        edges = np.linspace(0, n_parts, min(self._n_threads, n_parts) + 1).astype(int).tolist()
        (begin, end), *others = pairwise(edges)
        waiting = [self._pool.submit(kernel, a, b, parts, *arguments) for a, b in others]  # type: ignore
        kernel(begin, end, parts, *arguments)
        for part in waiting:
            part.result()


def _stride(n: int) -> int:
    return -(-n // 16) * 16


def _wide(values: np.ndarray) -> np.ndarray:
    """Append zeros to the last axis, for whole vectors of any instruction set, in float32."""
    n = values.shape[-1]
    wide = np.zeros((*values.shape[:-1], _stride(n)), dtype=np.float32)
    wide[..., :n] = values
    return wide
