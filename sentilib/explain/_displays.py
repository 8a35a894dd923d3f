"""Which words matter over many reviews, and which pairs of words within one."""

from itertools import chain
from typing import Any

import numpy as np

from sentilib import _plotting
from sentilib.explain._explainer import TokenShapExplainer
from sentilib.explain._rows import output_names_of, rows_of


class TokenImportanceDisplay:
    """Contribution of each word over many reviews.

    Build it by `from_estimator` or `from_explanation`. All words are kept; `plot` draws the first.

    Parameters
    ----------
    tokens : ndarray of shape (n_words,), of str
        Distinct words.
    mean : ndarray of shape (n_words,)
        Mean contribution of each word over its occurrences, in the unit of the output.
    mean_abs : ndarray of shape (n_words,)
        Mean absolute contribution.
    count : ndarray of shape (n_words,), int
        Occurrences.
    n_reviews : int
        Number of reviews that were explained.
    output_name : str
        What is explained.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.

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

    def __init__(self, tokens, mean, mean_abs, count, n_reviews, output_name):
        self.tokens = tokens
        self.mean = mean
        self.mean_abs = mean_abs
        self.count = count
        self.n_reviews = n_reviews
        self.output_name = output_name

    @classmethod
    def from_estimator(
        cls, estimator, X, *, output=0, min_count=1, ax=None, n_words=20, by="total", **parameters
    ):
        """Explain reviews and draw the words that matter most.

        Parameters
        ----------
        estimator : classifier or Pipeline
            As for `TokenShapExplainer`.
        X : iterable of str, or array-like of shape (n_samples, n_tokens), int
            Reviews.
        output : int, default=0
            Number of the class, with more than two of them.
        min_count : int, default=1
            Leave out words that occur less often.
        ax, n_words, by
            As in `plot`.
        **parameters : dict
            Further parameters of `TokenShapExplainer`.

        Returns
        -------
        TokenImportanceDisplay
            Drawn.
        """
        explanation = TokenShapExplainer(estimator, **parameters).explain(X)
        display = cls.from_explanation(explanation, output=output, min_count=min_count)
        return display.plot(ax=ax, n_words=n_words, by=by)

    @classmethod
    def from_explanation(cls, explanation, *, output=0, min_count=1):
        """Sum an explanation up by word; `plot` draws it.

        Parameters
        ----------
        explanation : shap.Explanation or TokenExplanation
            Of one or many reviews.
        output : int, default=0
            Number of the class, with more than two of them.
        min_count : int, default=1
            Leave out words that occur less often.

        Returns
        -------
        TokenImportanceDisplay
            Words by falling total absolute contribution.

        Raises
        ------
        ValueError
            If no word occurs so often.
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
        names = output_names_of(explanation, rows[0].values.shape[1])
        return cls(
            tokens,
            total[kept] / count[kept],
            absolute[kept] / count[kept],
            count[kept],
            len(rows),
            names[output],
        )

    def plot(self, *, ax=None, n_words=20, by="total"):
        """Draw the words that matter most.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.
        n_words : int, default=20
            How many words.
        by : {"total", "mean", "mean_abs"}, default="total"
            Order: total absolute contribution over all occurrences, absolute mean, or mean
            absolute contribution.

        Returns
        -------
        TokenImportanceDisplay
            Itself.

        Raises
        ------
        ValueError
            If `by` is none of these.
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
            f"{_plotting.plain(token)}  ({count:,})"
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
    """Pairs of words of a review that change each other's meaning.

    Parameters
    ----------
    interactions : TokenInteractions
        Of one or more reviews, as `TokenShapExplainer.interactions` returns it.
    row : int, default=0
        Number of the review.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.
    """

    ax_: Any
    figure_: Any

    def __init__(self, interactions, row=0):
        self.interactions = interactions
        self.row = row

    @classmethod
    def from_estimator(cls, estimator, X, *, row=0, ax=None, n_pairs=15, output=0, **parameters):
        """Compute interactions of reviews and draw those of one.

        Parameters
        ----------
        estimator : classifier or Pipeline
            As for `TokenShapExplainer`.
        X : iterable of str, or array-like of shape (n_samples, n_tokens), int
            Reviews.
        row : int, default=0
            Number of the review.
        ax, n_pairs, output
            As in `plot`.
        **parameters : dict
            Further parameters of `TokenShapExplainer`.

        Returns
        -------
        TokenInteractionDisplay
            Drawn.
        """
        interactions = TokenShapExplainer(estimator, **parameters).interactions(X)
        return cls(interactions, row).plot(ax=ax, n_pairs=n_pairs, output=output)

    def plot(self, *, ax=None, n_pairs=15, output=0):
        """Draw the pairs that interact most.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.
        n_pairs : int, default=15
            How many pairs.
        output : int, default=0
            Number of the class, with more than two of them.

        Returns
        -------
        TokenInteractionDisplay
            Itself.

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
        name = names if isinstance(names, str) else names[output]
        ax.set(
            xlabel=f"Shapley interaction ({_plotting.plain(name)})",
            ylabel="Pair of words, and those between",
            title="Pairs that say more (+) or less (\N{MINUS SIGN}) together than apart",
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
