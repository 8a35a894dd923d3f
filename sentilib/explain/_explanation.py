"""Results of explanations: values and interactions of words, with or without shap."""

from itertools import pairwise
from typing import Any

import numpy as np

from sentilib._optional import import_quietly, missing
from sentilib.explain._players import Players, words_of

_TEXT = ("data", "display_data", "feature_names")


class TokenExplanation:
    """Shapley values of reviews, as attributes of the same names as those of `shap.Explanation`.

    `TokenShapExplainer.explain` returns it, and so does a call of the explainer if shap is not
    installed. All functions and displays of `sentilib.explain` accept it.

    Parameters
    ----------
    values : ndarray of shape (n_samples,), of ndarrays
        Shapley values, of shape (n_tokens,) or (n_tokens, n_classes) for each review; for a single
        review, that array alone.
    base_values : ndarray of shape (n_samples,) or (n_samples, n_classes)
        Output if all tokens are replaced by the baseline.
    data : ndarray of shape (n_samples,), of lists of str
        Words as written in the visible text, each with the text up to the next word.
    display_data : ndarray of shape (n_samples,), of lists of str
        Words as written in the visible text.
    feature_names : list of n_samples lists of str
        Tokens.
    output_names : str or list of str
        Name of each explained output.
    error_std : ndarray of shape (n_samples,), of ndarrays like those of values, or None
        Standard errors of sampled values.
    method : {"exact", "permutation"} or None
        How the values were computed.
    additivity_error : ndarray of shape (n_samples,), float64, or None
        Maximum difference of each review between its output, as the estimator predicts it, and its
        base value plus its values, relative to max(1, abs(output)). It is a rounding error: below
        1e-12 if the estimator predicts in float64, below 1e-5 for the CNN (float32).
    class_names : list of str or None
        Names of the classes, in ascending order of the labels.
    unknown_words : frozenset of str
        Tokens that the model does not know: they are outside the vocabulary, or training did not
        contain them.

    Raises
    ------
    AttributeError
        If another attribute of shap's Explanation is accessed.
    """

    def __init__(
        self,
        values: np.ndarray,
        base_values: Any,
        data: Any,
        display_data: Any,
        feature_names: list,
        output_names: str | list[str],
        error_std: Any = None,
        *,
        method: str | None = None,
        additivity_error: Any = None,
        class_names: list[str] | None = None,
        unknown_words: frozenset[str] = frozenset(),
    ) -> None:
        self.values = values
        self.base_values = base_values
        self.data = data
        self.display_data = display_data
        self.feature_names = feature_names
        self.output_names = output_names
        self.error_std = error_std
        self.method = method
        self.additivity_error = additivity_error
        self.class_names = class_names
        self.unknown_words = unknown_words

    @classmethod
    def _of_players(
        cls,
        players: Players,
        values: np.ndarray,
        base_values: np.ndarray,
        output_names: str | list[str],
        error_std: Any,
        **further: Any,
    ) -> "TokenExplanation":
        """Return an explanation whose words are decoded when someone looks."""
        made = cls(values, base_values, None, None, [], output_names, error_std, **further)
        made._decode_later(players, np.arange(len(values)))
        del made.unknown_words
        return made

    def _decode_later(self, players: Players, rows: Any) -> None:
        self._players, self._rows = players, rows
        for name in _TEXT:
            del self.__dict__[name]

    def _decode(self) -> None:
        """Set the attributes of words that are not set."""
        is_one = np.ndim(self._rows) == 0
        words = words_of(self._players, np.atleast_1d(self._rows).tolist())
        for name, rows in zip(_TEXT, words, strict=True):
            found = rows[0] if is_one else rows if name == "feature_names" else _object_array(rows)
            self.__dict__.setdefault(name, found)

    @property
    def is_exact(self) -> bool:
        """Whether the values are exact."""
        return self.method == "exact"

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        from sentilib.explain.plots import described

        return described(self)

    def _repr_html_(self) -> str | None:
        from sentilib.explain.plots import drawn

        return drawn(self)

    def __getstate__(self) -> dict[str, Any]:
        """Decode all words, so that a pickle needs neither the reviews nor their tokenizer."""
        if "_players" not in self.__dict__:
            return self.__dict__
        state = {name: getattr(self, name) for name in (*_TEXT, "unknown_words")}
        return {k: v for k, v in {**self.__dict__, **state}.items() if k[0] != "_"}

    def __getitem__(self, rows: Any) -> "TokenExplanation":
        """Return one review, or several of them."""
        if isinstance(rows, tuple):
            raise IndexError(missing("An index of more than one dimension", "shap", "explain"))
        decoded = [name for name in _TEXT if name in self.__dict__]
        data, words, names = (
            _chosen(getattr(self, name), rows) if decoded else [] for name in _TEXT
        )
        made = TokenExplanation(
            _chosen(self.values, rows),
            _chosen(self.base_values, rows),
            data,
            words,
            names,
            self.output_names,
            _chosen(self.error_std, rows),
            method=self.method,
            additivity_error=_chosen(self.additivity_error, rows),
            class_names=self.class_names,
        )
        if "unknown_words" in self.__dict__:
            made.unknown_words = self.unknown_words
        else:
            made._players = self._players
            del made.unknown_words
        if not decoded:
            made._decode_later(self._players, self._rows[rows])
        return made

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in _TEXT and "_players" in self.__dict__:
            self._decode()
            return self.__dict__[name]
        if name == "unknown_words" and "_players" in self.__dict__:
            self.unknown_words = self._players.unknown
            return self.unknown_words
        raise AttributeError(missing(f"{name!r} of an explanation", "shap", "explain"))

    def to_shap(self) -> Any:
        """Convert to a `shap.Explanation`, if shap is installed.

        Returns
        -------
        shap.Explanation or TokenExplanation
            Explanation of shap, or this object if shap is not installed.
        """
        try:
            import_quietly("shap")  # its colour maps warn of matplotlib's next release
        except ImportError:
            return self
        from sentilib.explain._shap import Explanation

        return Explanation.of(self)


class TokenInteractions:
    """Pairwise Shapley interactions of the words of reviews.

    Parameters
    ----------
    values : list of n_samples lists of n_outputs csr_arrays of shape (n_tokens, n_tokens)
        Symmetric matrices with a zero diagonal: how much more (or less) two words contribute
        together than the sum of their contributions alone, in the unit of the margin.
    data : ndarray of shape (n_samples,), of lists of str
        Words as written in the visible text, each with the text up to the next one.
    display_data : ndarray of shape (n_samples,), of lists of str
        Words as written in the visible text.
    feature_names : list of n_samples lists of str
        Tokens.
    output_names : str or list of str
        Names of the explained outputs.
    """

    def __init__(
        self,
        values: list,
        data: Any,
        display_data: Any,
        feature_names: list,
        output_names: str | list[str],
    ) -> None:
        self.values = values
        self.data = data
        self.display_data = display_data
        self.feature_names = feature_names
        self.output_names = output_names

    def __len__(self) -> int:
        return len(self.values)

    def pairs(
        self, row: int, n: int = 10, output: int = 0
    ) -> list[tuple[str, str, int, int, float]]:
        """Return the pairs of words that change each other's meaning most.

        Parameters
        ----------
        row : int
            Index of the review.
        n : int, default=10
            Maximum number of pairs.
        output : int, default=0
            Index of the class, for more than two classes.

        Returns
        -------
        list of (left word, right word, left position, right position, interaction)
            Pairs in order of decreasing absolute interaction.
        """
        matrix = self.values[row][output].tocoo()
        upper = (matrix.row < matrix.col) & (matrix.data != 0)
        left, right, values = matrix.row[upper], matrix.col[upper], matrix.data[upper]
        order = np.argsort(-np.abs(values), kind="stable")[:n]
        words = self.display_data[row]
        return [
            (words[i], words[j], int(i), int(j), float(value))
            for i, j, value in zip(left[order], right[order], values[order], strict=True)
        ]

    def __repr__(self) -> str:
        return f"<Interactions of the words of {len(self):,} reviews; pairs(row) lists them>"


def _chosen(rows: Any, which: Any) -> Any:
    """Return one row, or some of them, of an array or a list."""
    if rows is None or isinstance(rows, np.ndarray) or isinstance(which, int | np.integer):
        return None if rows is None else rows[which]
    return [rows[row] for row in np.arange(len(rows))[which]]


def _object_array(rows: list) -> np.ndarray:
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


def ragged(flat: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Split an array into an object array with one piece per row."""
    rows = np.empty(len(starts) - 1, dtype=object)
    bounds = starts.tolist()
    for row, (start, stop) in enumerate(pairwise(bounds)):
        rows[row] = flat[start:stop]
    return rows
