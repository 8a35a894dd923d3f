"""Results of explanations: values and interactions of words, with or without shap."""

from itertools import pairwise
from typing import Any

import numpy as np

from sentilib._optional import import_quietly, missing


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

    @property
    def is_exact(self) -> bool:
        """Whether the values are exact."""
        return self.method == "exact"

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Any) -> "TokenExplanation":
        """Return one review, or several of them."""
        if isinstance(rows, tuple):
            raise IndexError(missing("An index of more than one dimension", "shap", "explain"))
        if isinstance(rows, int | np.integer):
            names = self.feature_names[rows]
        else:
            chosen = np.arange(len(self))[rows]
            names = [self.feature_names[row] for row in chosen]
        return TokenExplanation(
            self.values[rows],
            self.base_values[rows],
            self.data[rows],
            self.display_data[rows],
            names,
            self.output_names,
            None if self.error_std is None else self.error_std[rows],
            method=self.method,
            additivity_error=None if self.additivity_error is None else self.additivity_error[rows],
            class_names=self.class_names,
            unknown_words=self.unknown_words,
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
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

        names = ("method", "is_exact", "additivity_error", "class_names", "unknown_words")
        return Explanation.of(self, {name: getattr(self, name) for name in names})


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


def ragged(flat: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Split an array into an object array with one piece per row."""
    rows = np.empty(len(starts) - 1, dtype=object)
    bounds = starts.tolist()
    for row, (start, stop) in enumerate(pairwise(bounds)):
        rows[row] = flat[start:stop]
    return rows
