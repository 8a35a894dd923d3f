"""Weights of convolutions in the form that the kernels read.

`Layers` are used for prediction, `Network` for explanations.
"""

from typing import Any, NamedTuple

import numpy as np


class Network(NamedTuple):
    """Weights in the form that kernels read, with channels padded to multiples of four."""

    embedding: np.ndarray  # float64 (n_ids, channels[0])
    channels: np.ndarray  # int64 (n_layers + 1,)
    weights: np.ndarray  # float64, by layer: taps (n_in, kernel_size, n_out), then biases
    kernel_size: int

    @classmethod
    def of(cls, embedding: np.ndarray, blocks: list[tuple[np.ndarray, np.ndarray]]) -> "Network":
        """Pack an embedding and the kernel and bias of each block."""
        channels = [embedding.shape[1], *(kernel.shape[2] for kernel, _ in blocks)]
        weights = []
        for kernel_, bias in blocks:
            n_in, n_out = kernel_.shape[1:]
            taps = fill(kernel_.transpose(1, 0, 2), (-n_in % 4, 0, -n_out % 4))
            weights += [taps.ravel(), fill(bias, (-n_out % 4,))]
        return cls(
            fill(embedding, (0, -channels[0] % 4)),
            np.array([-(-n // 4) * 4 for n in channels], dtype=np.int64),
            np.concatenate(weights) if weights else np.empty(0),
            len(blocks[0][0]) if blocks else 1,
        )

    @property
    def receptive_field(self) -> int:
        """Number of words that one unit of the last layer reads."""
        return 1 + (len(self.channels) - 1) * (self.kernel_size - 1)


def fill(array: np.ndarray, more: tuple[int, ...]) -> np.ndarray:
    """Append `more` zeros to each axis."""
    if not any(more):
        return np.ascontiguousarray(array)
    return np.ascontiguousarray(np.pad(array, [(0, n) for n in more]))


class Layers(NamedTuple):
    """Weights in the form that `pool` reads, with channels padded to multiples of four.

    The products of words and the taps of the first convolution are looked up. The last row, zeros,
    is used for positions without a word.
    """

    table: np.ndarray  # (n_ids + 1, kernel_size, channels[0])
    bias: np.ndarray  # (channels[0],)
    channels: np.ndarray  # int64 (n_layers,), units of each convolution
    weights: np.ndarray  # of the other layers: biases, then taps (kernel_size, n_in, n_out)

    @classmethod
    def of(
        cls, embedding: np.ndarray, blocks: list[tuple[np.ndarray, np.ndarray]], dtype: Any
    ) -> "Layers":
        """Pack an embedding and the kernel and bias of each block, in float32 or float64."""
        (first, bias), *others = blocks
        n_taps, n_in, n_out = first.shape
        table = embedding @ first.transpose(1, 0, 2).reshape(n_in, n_taps * n_out)
        weights = [np.empty(0)]
        for taps, more_bias in others:
            more = [-n % 4 for n in taps.shape[1:]]
            weights += [fill(more_bias, (more[1],)), fill(taps, (0, *more)).ravel()]
        return cls(
            fill(table.reshape(-1, n_taps, n_out), (1, 0, -n_out % 4)).astype(dtype),
            fill(bias, (-n_out % 4,)).astype(dtype),
            np.array([-(-len(b) // 4) * 4 for _, b in blocks], dtype=np.int64),
            np.concatenate(weights).astype(dtype),
        )
