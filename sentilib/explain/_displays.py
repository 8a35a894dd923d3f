"""Displays of the words that matter over many reviews, and of the pairs that interact in one."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Self

import numpy as np

from sentilib import _plotting
from sentilib.explain._explainer import TokenShapExplainer
from sentilib.explain._explanation import TokenInteractions
from sentilib.explain._rows import output_names_of, rows_of


class TokenImportanceDisplay:
    """Contribution of each word over many reviews.

    Create it with `from_estimator` or `from_explanation`. It contains all words; `plot` draws the
    strongest.

    Parameters
    ----------
    tokens : ndarray of shape (n_words,), of str
        Distinct words.
    mean : ndarray of shape (n_words,)
        Mean contribution of each word over its occurrences, in the unit of the output.
    mean_abs : ndarray of shape (n_words,)
        Mean absolute contribution.
    count : ndarray of shape (n_words,), int
        Number of occurrences.
    n_reviews : int
        Number of explained reviews.
    output_name : str
        Name of the explained output.
    unknown_words : frozenset of str, default=frozenset()
        Words that the model does not know, which `plot` marks.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the last plot.
    figure_ : matplotlib Figure
        Figure of the last plot.

    See Also
    --------
    TokenInteractionDisplay : Pairs of words.

    Examples
    --------
    >>> import numpy as np
    >>> from sentilib.explain import TokenExplanation, TokenImportanceDisplay
    >>> explanation = TokenExplanation(
    ...     np.array([0.4, -0.1, 0.2]), 0.0, ["good "] * 3, ["good"] * 3, ["good", "bad", "good"],
    ...     "log-odds of positive",
    ... )
    >>> display = TokenImportanceDisplay.from_explanation(explanation)
    >>> display.tokens.tolist(), display.mean.round(2).tolist(), display.count.tolist()
    (['good', 'bad'], [0.3, -0.1], [2, 1])
    """

    ax_: Any
    figure_: Any

    def __init__(
        self,
        tokens: np.ndarray,
        mean: np.ndarray,
        mean_abs: np.ndarray,
        count: np.ndarray,
        n_reviews: int,
        output_name: str,
        unknown_words: frozenset[str] = frozenset(),
    ) -> None:
        self.tokens = tokens
        self.mean = mean
        self.mean_abs = mean_abs
        self.count = count
        self.n_reviews = n_reviews
        self.output_name = output_name
        self.unknown_words = unknown_words

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        output: int = 0,
        min_count: int = 1,
        class_names: Sequence[str] | None = None,
        ax: Any = None,
        n_words: int = 20,
        by: str = "total",
        **parameters: Any,
    ) -> Self:
        """Explain reviews and draw the words that matter most.

        Parameters
        ----------
        estimator : classifier or Pipeline
            As in `TokenShapExplainer`.
        X : iterable of str, or array-like of shape (n_samples, n_tokens), int
            Reviews.
        output : int, default=0
            Index of the class, for more than two classes.
        min_count : int, default=1
            Minimum number of occurrences of a word.
        class_names : sequence of str, default=None
            Names of the classes in the order of `classes_`; by default those of the explanation.
        ax : matplotlib Axes, default=None
            Axes to draw on; by default a new figure.
        n_words : int, default=20
            Number of words to draw.
        by : {"total", "mean", "mean_abs"}, default="total"
            Order of the words, as in `plot`.
        **parameters : dict
            Further parameters of `TokenShapExplainer`.

        Returns
        -------
        TokenImportanceDisplay
            The display, already drawn.
        """
        explanation = TokenShapExplainer(estimator, **parameters).explain(X)
        display = cls.from_explanation(
            explanation, output=output, min_count=min_count, class_names=class_names
        )
        return display.plot(ax=ax, n_words=n_words, by=by)

    @classmethod
    def from_explanation(
        cls,
        explanation: Any,
        *,
        output: int = 0,
        min_count: int = 1,
        class_names: Sequence[str] | None = None,
    ) -> Self:
        """Summarize an explanation by word; `plot` draws it.

        Parameters
        ----------
        explanation : shap.Explanation or TokenExplanation
            Explanation of one or more reviews.
        output : int, default=0
            Index of the class, for more than two classes.
        min_count : int, default=1
            Minimum number of occurrences of a word.
        class_names : sequence of str, default=None
            Names of the classes in the order of `classes_`; by default those of the explanation.

        Returns
        -------
        TokenImportanceDisplay
            The display, with its words in order of decreasing total absolute contribution.

        Raises
        ------
        ValueError
            If no word occurs that often, or the number of names differs from that of the classes.
        """
        rows = rows_of(explanation)
        numbers: dict[str, int] = {}
        number = [
            numbers.setdefault(token, len(numbers))
            for token in chain.from_iterable(row.tokens for row in rows)
        ]
        values = np.concatenate([np.empty(0), *(row.values[:, output] for row in rows)])
        count = np.bincount(number, minlength=len(numbers))
        total, absolute = (
            np.bincount(number, weights, minlength=len(numbers))
            for weights in (values, np.abs(values))
        )
        kept = np.flatnonzero(count >= max(1, min_count))
        if not len(kept):
            raise ValueError(
                f"No word occurs at least min_count={min_count} times in the {len(rows)} reviews."
            )
        kept = kept[np.argsort(-absolute[kept], kind="stable")]
        tokens = np.array(list(numbers), dtype=object)[kept]
        names = output_names_of(explanation, rows[0].values.shape[1], class_names)
        return cls(
            tokens,
            total[kept] / count[kept],
            absolute[kept] / count[kept],
            count[kept],
            len(rows),
            names[output],
            getattr(explanation, "unknown_words", frozenset()),
        )

    def plot(self, *, ax: Any = None, n_words: int = 20, by: str = "total") -> Self:
        """Draw the words that matter most.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; by default a new figure.
        n_words : int, default=20
            Number of words to draw.
        by : {"total", "mean", "mean_abs"}, default="total"
            Order of the words: total absolute contribution over all occurrences, absolute mean, or
            mean absolute contribution.

        Returns
        -------
        TokenImportanceDisplay
            The display itself.

        Raises
        ------
        ValueError
            If `by` has another value.
        ImportError
            If matplotlib is not installed.
        """
        keys = {
            "total": self.mean_abs * self.count,
            "mean": np.abs(self.mean),
            "mean_abs": self.mean_abs,
        }
        if by not in keys:
            raise ValueError(f"by must be one of {sorted(keys)}, got {by!r}.")
        order = np.argsort(-keys[by], kind="stable")[:n_words][::-1]
        ax, figure = _plotting.single_axes(
            ax, "TokenImportanceDisplay", (8, 1.2 + 0.26 * len(order))
        )
        places = np.arange(len(order))
        mean, spread = self.mean[order], self.mean_abs[order]
        ax.barh(places, mean, color=[_plotting.color_of_sign(m) for m in mean])
        sides = np.copysign(spread, mean)
        ax.plot(sides, places, "|", color="0.5", markersize=10, markeredgewidth=2)
        labels = [
            f"{_plotting.plain(token)}{', unknown' * (token in self.unknown_words)}  ({count:,})"
            for token, count in zip(self.tokens[order], self.count[order], strict=True)
        ]
        ax.set_yticks(places, labels)
        ax.set(
            xlabel=f"Shapley value of one occurrence ({_plotting.plain(self.output_name)})\n"
            "bar: mean;  mark: mean absolute value, on the side of the mean",
            ylabel="Word (occurrences)",
            title=f"Words that matter most in {self.n_reviews:,} reviews",
        )
        _plotting.tidy_bars(ax)
        self.ax_, self.figure_ = ax, figure
        return self


class TokenInteractionDisplay:
    """Interactions of pairs of words within a review.

    Parameters
    ----------
    interactions : TokenInteractions
        Interactions of one or more reviews, from `TokenShapExplainer.interactions`.
    row : int, default=0
        Index of the review.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the last plot.
    figure_ : matplotlib Figure
        Figure of the last plot.
    """

    ax_: Any
    figure_: Any

    def __init__(self, interactions: TokenInteractions, row: int = 0) -> None:
        if not hasattr(interactions, "pairs"):
            raise TypeError(
                "Expected the result of TokenShapExplainer.interactions, got "
                f"{type(interactions).__name__}."
            )
        self.interactions = interactions
        self.row = row

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        row: int = 0,
        ax: Any = None,
        n_pairs: int = 15,
        output: int = 0,
        class_names: Sequence[str] | None = None,
        **parameters: Any,
    ) -> Self:
        """Compute the interactions in reviews and draw those of one review.

        Parameters
        ----------
        estimator : classifier or Pipeline
            As in `TokenShapExplainer`.
        X : iterable of str, or array-like of shape (n_samples, n_tokens), int
            Reviews.
        row : int, default=0
            Index of the review.
        ax : matplotlib Axes, default=None
            Axes to draw on; by default a new figure.
        n_pairs : int, default=15
            Number of pairs to draw.
        output : int, default=0
            Index of the class, for more than two classes.
        class_names : sequence of str, default=None
            Names of the classes in the order of `classes_`; by default those of the explanation.
        **parameters : dict
            Further parameters of `TokenShapExplainer`.

        Returns
        -------
        TokenInteractionDisplay
            The display, already drawn.
        """
        interactions = TokenShapExplainer(estimator, **parameters).interactions(X)
        return cls(interactions, row).plot(
            ax=ax, n_pairs=n_pairs, output=output, class_names=class_names
        )

    def plot(
        self,
        *,
        ax: Any = None,
        n_pairs: int = 15,
        output: int = 0,
        class_names: Sequence[str] | None = None,
    ) -> Self:
        """Draw the pairs that interact most.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; by default a new figure.
        n_pairs : int, default=15
            Number of pairs to draw.
        output : int, default=0
            Index of the class, for more than two classes.
        class_names : sequence of str, default=None
            Names of the classes in the order of `classes_`; by default those of the explanation.

        Returns
        -------
        TokenInteractionDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        pairs = self.interactions.pairs(self.row, n_pairs, output)[::-1]
        ax, figure = _plotting.single_axes(
            ax, "TokenInteractionDisplay", (8, 1.4 + 0.26 * max(len(pairs), 3))
        )
        values = [value for *_, value in pairs]
        ax.barh(range(len(pairs)), values, color=[_plotting.color_of_sign(v) for v in values])
        words = self.interactions.display_data[self.row]
        ax.set_yticks(range(len(pairs)), [_in_context(words, i, j) for _, _, i, j, _ in pairs])
        names = self.interactions.output_names
        n_outputs = 1 if isinstance(names, str) else len(names)
        name = output_names_of(self.interactions, n_outputs, class_names)[output]
        ax.set(
            xlabel=f"Shapley interaction ({_plotting.plain(name)})",
            ylabel="Pair of words, with the words between them",
            title="Pairs that contribute more (+) or less (\N{MINUS SIGN}) together than apart",
        )
        if not pairs:
            ax.text(0.5, 0.5, "No words interact", ha="center", va="center", transform=ax.transAxes)
        _plotting.tidy_bars(ax)
        self.ax_, self.figure_ = ax, figure
        return self


def _in_context(words: list[str], i: int, j: int) -> str:
    return _plotting.plain(
        " ".join([words[i].upper(), *(word.lower() for word in words[i + 1 : j]), words[j].upper()])
    )
