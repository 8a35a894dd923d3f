"""Exact Shapley values of convolutional models with average pooling."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from math import factorial
from typing import Any, NamedTuple

import numpy as np

from sentilib._ids import PAD, count_tokens, extents
from sentilib._tables._conv import ConvTables
from sentilib.explain._games._baseline import BaselineModel
from sentilib.explain._games._deletion import joining_weights

_MAX_RECEPTIVE_FIELD = 10  # tables have 2 ** 10 variants of each position

_PLACES_AT_ONCE = 2**14

_MAX_KEPT = 2**22  # bytes of a workspace


class Tape(NamedTuple):
    """Rows in one sequence, with gaps as wide as a window between them."""

    words: np.ndarray  # int32 (n_places,), ids
    baselines: np.ndarray  # int32 (n_places,), ids that replace absent words
    valid: np.ndarray  # float64 (n_places,), 0 if the network reads zeros at this place
    rows: np.ndarray  # int32 (n_places,), index of the row
    tokens: np.ndarray  # int64 (n_tokens,), places of the players


class WindowGame:
    """A CNN with average pooling, as a sum of games, one per receptive field.

    The margin is c + sum_p u_p(S intersected with W_p) / D, where W_p are the at most r words that
    position p sees. Shapley values are linear in games and zero for players without influence, so
    they are sums of the Shapley values of the games u_p, each of which has 2 ** r coalitions. A
    unit of an inner layer sees fewer words, and its variants are shared by all units that read it.
    (The cost of exact values depends on the receptive field: Fumagalli et al., Exact Computation
    of Any-Order Shapley Interactions for Graph Neural Networks, ICLR 2025, theorem 3.3.)

    Parameters
    ----------
    model : BaselineModel
        Model with `ConvTables`; exact values need average pooling.
    """

    worth_a_thread = 2**9

    def __init__(self, model: BaselineModel):
        from sentilib._tables._conv_layers import fill

        self._model = model
        assert isinstance(model.tables, ConvTables)
        self._tables = model.tables
        self._network = *self._tables.network, fill(model.head, (-len(model.head) % 4, 0))
        # With a fixed baseline, in the precision of the predictions.
        is_double = model.predicts_exactly or model.deletes
        self._dtype = np.dtype(np.float64 if is_double else np.float32)
        self._of_values = tuple(
            a.astype(self._dtype, copy=False) if getattr(a, "dtype", None) == np.float64 else a
            for a in self._network
        )
        self.receptive_field = self._tables.receptive_field
        # One workspace per thread, by type.
        self._idle: dict[Any, list[tuple[np.ndarray, ...]]] = defaultdict(list)

    @staticmethod
    def why_not_exact(tables: ConvTables) -> str | None:
        """Return why exact values are not possible, or None if they are."""
        if tables.pooling != "average":
            return (
                f"with pooling={tables.pooling!r} every word competes with every other. Use "
                "method='permutation', or fit with pooling='average'."
            )
        if (size := tables.receptive_field) > _MAX_RECEPTIVE_FIELD:
            return (
                f"a unit of the last convolution sees {size} words, and tables of "
                f"2**{size} coalitions are too large (at most {_MAX_RECEPTIVE_FIELD} words). "
                "Use method='permutation', or fewer blocks or a smaller kernel_size."
            )
        return None

    def shapley(self, X: np.ndarray) -> np.ndarray:
        """Compute Shapley values of all tokens of all rows, in the order of rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns), int32
            Valid ids.

        Returns
        -------
        ndarray of shape (n_tokens, n_outputs), float64
            Values in the unit of the margin (log-odds).
        """
        of_part = self._deletion_values if self._model.deletes else self._fixed_values
        return np.concatenate([of_part(part) for part in _parts(X)])

    def interactions(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Compute pairwise Shapley interactions.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns), int32
            Valid ids.

        Returns
        -------
        left, right : ndarray of shape (n_pairs,), int64
            Indices of tokens, counted over all rows; all pairs within a receptive field.
        values : ndarray of shape (n_pairs, n_outputs), float64
            Interaction of each pair.
        """
        parts = [self._interaction_values(part) for part in _parts(X)]
        first_tokens = np.cumsum([0, *(n for n, *_ in parts)])
        left, right = (
            np.concatenate([part[k] + first for part, first in zip(parts, first_tokens[:-1],
                                                                   strict=True)])
            for k in (1, 2)
        )  # fmt: skip
        return left, right, np.concatenate([part[3] for part in parts])

    def walk(self, row: np.ndarray, places: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Compute the logits of each step; only units that see the added word are recomputed."""
        import sentilib.explain._games._window_kernels as _window_kernels

        model, network = self._model, self._tables.network
        low, high = 0, len(row)
        if model.masks_padding:
            low, high = (places[0], places[-1] + 1) if len(places) else (0, 1)
        words = np.ascontiguousarray(row[low:high])
        is_token = words != PAD
        latent = np.empty((len(places) + 1, network.channels[-1]))
        takes_max = {"average": False, "max": True}[self._tables.pooling]
        _window_kernels.walk(
            words,
            np.where(is_token, model.baseline, PAD).astype(np.int32),
            is_token.astype(np.float64) if model.masks_padding else np.ones(len(words)),
            places[order] - low,
            model.deletes,
            takes_max,
            *network,
            np.zeros((network.channels[-1], 0)),
            np.zeros(len(words) * int(network.channels.sum())),
            latent,
        )
        if not takes_max:
            divisor = len(places) if model.masks_padding else len(row)
            counts = np.arange(len(places) + 1) if model.deletes else np.full(len(latent), divisor)
            latent /= np.maximum(counts + self._tables.n_neutral, 1)[:, None]
        return latent[:, : len(self._tables.head)] @ self._tables.head + self._tables.bias

    def _fixed_values(self, X: np.ndarray) -> np.ndarray:
        import sentilib.explain._games._window_kernels as _window_kernels

        tape = self._tape(X)
        values = np.zeros((self._model.n_outputs, self.receptive_field, len(tape.words)))
        weights = _subset_weights(self.receptive_field, 1, self._dtype)
        tape = tape._replace(valid=tape.valid.astype(self._dtype, copy=False))
        windows = 0, self._n_blocks(tape), weights
        self._run(_window_kernels.shapley, tape, self._of_values, windows, (values,))
        return values.sum(axis=1)[:, tape.tokens].T / self._divisors(X, tape)[:, None]

    def _interaction_values(self, X: np.ndarray) -> tuple:
        import sentilib.explain._games._window_kernels as _window_kernels

        tape = self._tape(X)
        n_more = self.receptive_field - 1
        values = np.zeros((self._model.n_outputs, max(n_more, 1), len(tape.words)))
        if n_more:
            windows = 0, self._n_blocks(tape), _subset_weights(self.receptive_field, 2)
            self._run(_window_kernels.interactions, tape, self._network, windows, (values,))
        number = np.full(len(tape.words) + n_more, -1)
        number[tape.tokens] = np.arange(len(tape.tokens))
        divisors = self._divisors(X, tape)
        left, right, pair_values = [], [], []
        for distance in range(1, n_more + 1):
            partner = number[tape.tokens + distance]
            here = np.flatnonzero(partner >= 0)
            left.append(here)
            right.append(partner[here])
            pair_values.append(values[:, distance - 1, tape.tokens[here]].T / divisors[here, None])
        if not n_more:
            return len(tape.tokens), number[:0], number[:0], np.empty((0, len(values)))
        return (
            len(tape.tokens),
            np.concatenate(left),
            np.concatenate(right),
            np.concatenate(pair_values),
        )

    def _deletion_values(self, X: np.ndarray) -> np.ndarray:
        import sentilib.explain._games._window_kernels as _window_kernels

        tape = self._tape(X)
        n_tokens = (X != PAD).sum(axis=1)
        lengths, of_row = np.unique(n_tokens, return_inverse=True)
        coefficients = np.stack([self._deletion_weights(int(n)) for n in lengths])
        values = np.zeros((self._model.n_outputs, len(tape.words)))
        everyone = np.zeros((self._model.n_outputs, len(X)))
        players = tape.rows, of_row.astype(np.int64), coefficients
        self._run(
            _window_kernels.deletion_shapley,
            tape,
            self._network,
            (0, self._n_blocks(tape), *players),
            (values, everyone),
        )
        return (values[:, tape.tokens] + everyone[:, tape.rows[tape.tokens]]).T

    def _deletion_weights(self, n_tokens: int) -> np.ndarray:
        """Return the weights (k, t, 3) of a window of k players for its subsets of size t.

        The game is u(S) / (|S| + c), with c neutral tokens. The three weights are those of u(T)
        after a player of the window joined, of u(T) before it joins, and of the change of the
        divisor by players outside the window, each summed over the numbers of others present.
        """
        r, c = self.receptive_field, self._tables.n_neutral
        weights = np.zeros((r + 1, r + 1, 3))
        for k in range(1, min(r, n_tokens) + 1):
            for t in range(1, k + 1):
                joining = joining_weights(t - 1, n_tokens - k, n_tokens)
                weights[k, t - 1, 0] = joining @ (1 / (t + c + np.arange(len(joining))))
                if t < k:
                    before = joining_weights(t, n_tokens - k, n_tokens)
                    weights[k, t, 1] = before @ (1 / (t + c + np.arange(len(before))))
                outside = joining_weights(t, n_tokens - k - 1, n_tokens)
                sizes = t + c + np.arange(len(outside))
                weights[k, t, 2] = outside @ (1 / (sizes + 1) - 1 / sizes)
        return weights

    def _tape(self, X: np.ndarray) -> Tape:
        """Arrange rows in one sequence; unmasked padding only as far as tokens can influence it."""
        import sentilib.explain._games._window_kernels as _window_kernels

        gap = self.receptive_field - 1
        low, high = extents(X)
        if not self._model.masks_padding:
            has_tokens = high > low
            low = np.where(has_tokens, np.maximum(low - gap, 0), 0)
            high = np.where(has_tokens, np.minimum(high + gap, X.shape[1]), 0)
        _, channels, _, size, _ = self._network
        n_places = gap + int((high - low).sum()) + gap * len(X)
        n_places += _window_kernels.n_columns(len(channels) - 1, size, 4)  # of float32: more
        ids, valid = np.zeros((3, n_places), dtype=np.int32), np.zeros(n_places)
        tokens = np.empty(int(count_tokens(X).sum()), dtype=np.int64)
        model = self._model
        _window_kernels.lay_out(
            X, low, high, gap, model.baseline, model.masks_padding, ids, valid, tokens
        )
        return Tape(ids[0], ids[1], valid, ids[2], tokens)

    def _n_blocks(self, tape: Tape) -> int:
        import sentilib.explain._games._window_kernels as _window_kernels

        n_windows = int(tape.tokens[-1]) + 1 if len(tape.tokens) else 0
        return -(-n_windows // _window_kernels.COLUMNS)

    def _divisors(self, X: np.ndarray, tape: Tape) -> np.ndarray:
        if not self._model.masks_padding:
            return np.full(len(tape.tokens), float(X.shape[1]))
        n_tokens = count_tokens(X)
        return np.repeat(n_tokens + self._tables.n_neutral, n_tokens)

    def _run(
        self, kernel: Callable, tape: Tape, network: tuple, windows: tuple, values: tuple
    ) -> None:
        """Call a kernel with a workspace, which is kept: to get its memory takes time."""
        import sentilib.explain._games._window_kernels as _window_kernels

        embedding, channels, _, size, _ = network
        idle = self._idle[embedding.dtype]
        try:
            workspace = idle.pop()
        except IndexError:
            n_outputs = self._model.n_outputs
            workspace = _window_kernels.workspace(channels, size, n_outputs, embedding.dtype)
        kernel(*tape[:3], *network, *windows, *workspace, *values)
        if workspace[0].nbytes <= _MAX_KEPT:
            idle.append(workspace)


def _parts(X: np.ndarray) -> Iterator[np.ndarray]:
    """Split rows into parts of bounded size."""
    n_tokens = count_tokens(X)
    part = np.cumsum(n_tokens + 16) // _PLACES_AT_ONCE
    if not part[-1:].any():
        return iter([X])
    return iter(np.split(X, np.flatnonzero(np.diff(part)) + 1))


@cache
def _subset_weights(n_players: int, order: int, dtype: Any = np.float64) -> np.ndarray:
    """Return the weights of the subsets T in Shapley interactions of one or two players."""
    sizes = np.array([subset.bit_count() for subset in range(2**n_players)])
    free = n_players - order + 1
    by_size = np.array(
        [
            factorial(t) * factorial(max(free - 1 - t, 0)) / factorial(free)
            for t in range(n_players + 1)
        ]
    )
    return by_size[sizes].astype(dtype)
