"""ConvTables: a fitted ConvSentimentClassifier as a value."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from sentilib._compiled._states import is_array, require
from sentilib._compiled._threads import by_rows
from sentilib._ids import last_token
from sentilib._tables._base import Tables


@dataclass(frozen=True, eq=False)
class ConvTables(Tables):
    """Embedding and convolutions, their pooling over a row, and an output layer.

    Parameters
    ----------
    embedding : ndarray of shape (n_ids, embedding_dim), float64
        Vector of each id.
    kernels : tuple of ndarray of shape (kernel_size, n_in, n_out), float64
        Taps of each convolution, multiplied by the scale of its normalization.
    biases : tuple of ndarray of shape (n_out,), float64
        Bias of each convolution: the shift of its normalization.
    pooling : {"average", "max"}
        How the positions of a row become one vector.
    precision : dtype, default=float32
        Floating-point type in which the convolutions are computed, float32 or float64.

    See Also
    --------
    Tables : The parameters that all tables share.
    """

    embedding: np.ndarray
    kernels: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    pooling: str
    precision: Any = np.float32

    def _n_units(self) -> int:
        require(is_array(self.embedding, np.float64, None, None), "model")
        require(self.kernels and len(self.kernels[0]) > 0, "model")
        n_units = self.embedding.shape[1]
        for kernel, bias in zip(self.kernels, self.biases, strict=True):
            size = len(self.kernels[0]), n_units, len(bias)
            fits = kernel.shape == size and kernel.dtype == bias.dtype == np.float64
            require(fits and bias.ndim == 1, "model")
            n_units = len(bias)
        return n_units

    @property
    def words(self) -> np.ndarray:
        """Vector of each id: (n_ids, embedding_dim), float64."""
        return self.embedding

    @property
    def receptive_field(self) -> int:
        """Number of words that a unit of the last convolution reads."""
        return 1 + sum(len(kernel) - 1 for kernel in self.kernels)

    @cached_property
    def _layers(self) -> Any:
        from sentilib._tables._conv_layers import Layers

        return Layers.of(self.embedding, [*zip(self.kernels, self.biases, strict=True)],
                         self.precision)  # fmt: skip

    @cached_property
    def network(self) -> Any:
        """Weights in the form that the kernels of explanations read."""
        from sentilib._tables._conv_layers import Network

        return Network.of(self.embedding, [*zip(self.kernels, self.biases, strict=True)])

    def pooled(self, ids: np.ndarray) -> np.ndarray:
        """Pool the last convolution over the positions of each row: (n_rows, n_units), float64."""
        from sentilib._tables._conv_kernels import MAXIMUM, MEAN

        kind = {"average": MEAN, "max": MAXIMUM}[self.pooling]
        pooled = pool(ids, self._layers, kind, len(self.head), self.masks_padding)
        return self._with_neutral_tokens(ids, pooled)

    def exact(self) -> Self:
        """Return tables whose convolutions compute in float64."""
        return self if self.precision == np.float64 else replace(self, precision=np.float64)

    def with_absent_word(self, weights: np.ndarray) -> Self:
        """Append a word whose vector is the weighted mean of all words'."""
        mean = (weights / weights.sum()) @ self.embedding
        return replace(self, embedding=np.vstack([self.embedding, mean]))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return named arrays that define the tables."""
        return {
            **super().arrays(),
            "embedding": self.embedding,
            **{f"kernel_{k}": kernel for k, kernel in enumerate(self.kernels)},
            **{f"bias_{k}": bias for k, bias in enumerate(self.biases)},
            "pooling": np.array(self.pooling),
            "precision": np.array(np.dtype(self.precision).name),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Self:
        """Build tables from the result of `arrays`."""
        n_blocks = sum(name.startswith("kernel_") for name in arrays)
        return cls(
            **cls._shared(arrays),
            embedding=arrays["embedding"],
            kernels=tuple(arrays[f"kernel_{k}"] for k in range(n_blocks)),
            biases=tuple(arrays[f"bias_{k}"] for k in range(n_blocks)),
            pooling=str(arrays["pooling"]),
            precision=np.dtype(str(arrays["precision"])).type,
        )


def moments(
    ids: np.ndarray,
    embedding: np.ndarray,
    blocks: list[tuple[np.ndarray, np.ndarray]],
    masks_padding: bool,
) -> np.ndarray:
    """Sum the last convolution and its squares, before the ReLU, over the positions of each row.

    Parameters
    ----------
    ids : ndarray of shape (n_rows, n_tokens), int32
        Token ids.
    embedding : ndarray of shape (n_ids, embedding_dim), float64
        Vector of each id.
    blocks : list of (kernel, bias)
        Kernel (kernel_size, n_in, n_out) and bias (n_out,) of each convolution.
    masks_padding : bool
        Whether padding is left out.

    Returns
    -------
    ndarray of shape (n_rows, 2 * n_out), float64
        Sums of the units, then their sums of squares.
    """
    from sentilib._tables._conv_kernels import MOMENTS
    from sentilib._tables._conv_layers import Layers

    n_out = len(blocks[-1][1])
    layers = Layers.of(embedding, blocks, np.float64)
    return pool(ids, layers, MOMENTS, 2 * n_out, masks_padding)


def pool(ids: np.ndarray, layers: Any, kind: int, n_out: int, masks_padding: bool) -> np.ndarray:
    """Run the kernel of the same name over rows, in threads: (n_rows, n_out), float64."""
    import sentilib._tables._conv_kernels as _conv_kernels

    pooled = np.empty((len(ids), n_out))
    ends = last_token(ids) if masks_padding else np.full(len(ids), ids.shape[1])

    def pool_rows(rows: slice) -> None:
        part, lengths = np.ascontiguousarray(ids[rows]), ends[rows].astype(np.int64)
        _conv_kernels.pool(part, lengths, *layers, masks_padding, kind, pooled[rows])

    by_rows(pool_rows, len(ids))
    return pooled
