"""data_shift: what distinguishes new reviews from the training reviews."""

from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.stats
from sklearn.utils import check_random_state

from sentilib import _plotting
from sentilib._compiled._progress import printable
from sentilib._optional import import_pandas
from sentilib._pipelines import Progress, documents, named_rows
from sentilib._sklearn import Interval
from sentilib.inspection._measures._domains import (
    document_frequency,
    separate,
    similarities,
    unknown_shares,
    weighted,
    word_counts,
)
from sentilib.inspection._measures._evaluation import labels
from sentilib.inspection._measures._near_duplicates import read_words
from sentilib.inspection._measures._out_of_fold import folds
from sentilib.inspection._measures._parameters import COUNT, REVIEWS, check_parameters
from sentilib.inspection._measures._statistics import difference_interval

if TYPE_CHECKING:
    from pandas import DataFrame, Series

FAR = 0.01  # share of the training reviews that count as far from the others
_SNIPPET = 100
_LABELS = {"length": "Length (words)", "unknown_share": "Words in no other training review (share)"}


@dataclass
class DataShift:
    """Result of `data_shift`.

    Parameters
    ----------
    auc, auc_low, auc_high : float
        Area under the ROC curve of a classifier that tells new reviews from training reviews, with
        DeLong's confidence interval: 0.5 if it cannot, 1 if it always can.
    features : DataFrame
        Rows "length" (words of a review) and "unknown_share" (share of its words that are in no
        other training review): `train`, `new` (means), `difference`, `difference_low`,
        `difference_high` (Welch's interval), `ks` (the largest difference of the distribution
        functions, the statistic of Kolmogorov and Smirnov).
    words : DataFrame
        The words by which the classifier tells most, most telling first. The index is the word.
        Columns: `share_train`, `share_new` (of reviews that contain it), `coefficient` (positive
        for words of new reviews).
    unknown_words : Series
        Number of new reviews that contain each of the most frequent words that are in no training
        review.
    outliers : DataFrame
        The new reviews that are least similar to the training reviews. The index is that of X_new,
        otherwise the position. Columns: `row` (position in X_new), `similarity` (mean similarity to
        the five most similar training reviews), `rank` (share of the training reviews that are as
        far from the others), `length`, `unknown_share`, `snippet`.
    share_far : float
        Share of the new reviews that are farther from the training reviews than 99 % of these are
        from each other: about 0.01 without shift.
    values : dict of str to tuple of two ndarrays
        Each feature of the compared training reviews, and of the new ones.
    n_train, n_new : int
        Numbers of reviews that were compared.
    confidence_level : float
        Confidence level of the intervals.

    Attributes
    ----------
    ax_ : ndarray of matplotlib Axes
        Axes of the plots.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    data_shift : Compute it.
    """

    auc: float
    auc_low: float
    auc_high: float
    features: "DataFrame"
    words: "DataFrame"
    unknown_words: "Series"
    outliers: "DataFrame"
    share_far: float
    values: dict[str, tuple[np.ndarray, np.ndarray]]
    n_train: int
    n_new: int
    confidence_level: float

    def __str__(self) -> str:
        length, unknown = (self.features.loc[name] for name in ("length", "unknown_share"))
        telling = [repr(word) for word in self.words.index[:8]] if self.auc_low > 0.5 else []
        lines = [
            f"{self.n_new:,} new reviews against {self.n_train:,} training reviews",
            f"a classifier tells them apart with an AUC of {self.auc:.3f} [{self.auc_low:.3f}, "
            f"{self.auc_high:.3f}] (0.5: not at all, 1: always)",
            f"mean length: {length['new']:.1f} words, in training {length['train']:.1f}",
            f"words in no other training review: {unknown['new']:.2%}, in training "
            f"{unknown['train']:.2%}",
            f"farther from the training reviews than 99 % of these: {self.share_far:.1%}",
        ]
        return "\n".join([*lines, *([f"telling words: {', '.join(telling)}"] if telling else [])])

    def _repr_html_(self) -> str:
        from sentilib._pages._page import render

        return render("lines.html", lines=str(self).splitlines())

    def plot(self, *, ax: Any = None) -> "DataShift":
        """Draw the distributions of both collections, and the most telling words.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of them, default=None
            Axes to draw on, one per feature and one for the words, or a single one that a grid
            replaces.

        Returns
        -------
        DataShift
            The result itself.
        """
        figure, axes = _plotting.grid_of_axes(ax, len(self.values) + 1, 3, "DataShift")
        for axis, (name, pair) in zip(axes, self.values.items(), strict=False):
            self._plot_feature(axis, name, pair)
        self._plot_words(axes[-1])
        self.ax_, self.figure_ = axes, figure
        return self

    def _plot_feature(self, axis: Any, name: str, pair: tuple[np.ndarray, np.ndarray]) -> None:
        both = np.concatenate(pair)
        edges = np.histogram_bin_edges(both, 30, (both.min(), np.quantile(both, 0.99) or 1))
        for k, (values, label) in enumerate(zip(pair, ("Training", "New"), strict=True)):
            shares = np.histogram(np.minimum(values, edges[-1]), edges)[0] / len(values)
            axis.stairs(shares, edges, color=_plotting.color_of(7 * (1 - k)), label=label)
        axis.set(xlabel=_LABELS[name], ylabel="Share of reviews")
        axis.legend(frameon=False)
        _plotting.tidy(axis)

    def _plot_words(self, axis: Any) -> None:
        words = self.words[:12][::-1]
        values = words["share_new"] - words["share_train"]
        colors = [_plotting.color_of_sign(value) for value in values]
        axis.barh(range(len(words)), values.to_numpy(), color=colors)
        axis.set_yticks(range(len(words)), [_plotting.plain(word) for word in words.index])
        axis.set_xlabel("Share of reviews with the word: new minus training")
        axis.set_title(f"AUC {self.auc:.3f} [{self.auc_low:.3f}, {self.auc_high:.3f}]", fontsize=10)
        _plotting.tidy_bars(axis)


@check_parameters(
    X_train=REVIEWS,
    X_new=REVIEWS,
    groups_train=["array-like", None],
    groups_new=["array-like", None],
    max_reviews=[Interval(Integral, 10, None, closed="left"), None],
    n_words=COUNT,
    n_outliers=COUNT,
    cv=[Interval(Integral, 2, None, closed="left")],
)
def data_shift(
    X_train: Any,
    X_new: Any,
    *,
    text_column: str | int | None = None,
    groups_train: Any = None,
    groups_new: Any = None,
    max_reviews: int | None = 5000,
    n_words: int = 20,
    n_outliers: int = 10,
    cv: int = 5,
    confidence_level: float = 0.95,
    random_state: Any = None,
    verbose: int | bool = 0,
) -> DataShift:
    """Compare new reviews with the training reviews: words, lengths, outliers.

    A classifier, logistic regression on TF-IDF, is cross-validated on the task to tell the two
    apart (a domain classifier). A review is an outlier if even the training reviews that are most
    similar to it are not similar. Reviews are compared by their words: markup, case and punctuation
    make no difference.

    Parameters
    ----------
    X_train : array-like of str of shape (n_train,)
        Training reviews.
    X_new : array-like of str of shape (n_new,)
        New reviews.
    text_column : str or int, default=None
        Column of DataFrames that contains the reviews; None means their only column of text.
    groups_train, groups_new : array-like of shapes (n_train,) and (n_new,), default=None
        Group of each review: movie, product, author, ... With groups, no group is in two folds, so
        that names that occur in a single group do not count as shift.
    max_reviews : int or None, default=5000
        Max number of training reviews and of new reviews that are compared; of more, a random
        sample. None compares all: time and memory then grow with their product.
    n_words : int, default=20
        Max number of words in `words` and in `unknown_words`.
    n_outliers : int, default=10
        Max number of reviews in `outliers`.
    cv : int, default=5
        Number of stratified folds.
    confidence_level : float, default=0.95
        Confidence level of the intervals.
    random_state : int, RandomState instance or None, default=None
        Controls the samples, the folds and the projection.
    verbose : int or bool, default=0
        1 prints a line before each step that may take long.

    Returns
    -------
    DataShift
        Tables. Printing it summarizes them, `plot` draws them.

    Raises
    ------
    ValueError
        If lengths differ, one side has fewer reviews (or groups) than `cv`, or a parameter is
        invalid.
    ImportError
        If pandas is not installed.

    See Also
    --------
    checks : Judges the result, and much more.

    References
    ----------
    S. Rabanser, S. Günnemann, Z. Lipton, "Failing Loudly: An Empirical Study of Methods for
    Detecting Dataset Shift", NeurIPS 2019 (domain classifiers).
    S. Ramaswamy, R. Rastogi, K. Shim, "Efficient Algorithms for Mining Outliers from Large Data
    Sets", 2000 (outliers by their nearest neighbours).

    Examples
    --------
    >>> from sentilib.datasets import make_reviews
    >>> from sentilib.inspection import data_shift
    >>> X, _ = make_reviews(300, length=40, random_state=0)
    >>> shift = data_shift(X[:200], [text.replace("film", "opera") for text in X[200:]],
    ...                    random_state=0)
    >>> shift.words.index[0], shift.auc_low > 0.6
    ('opera', True)
    """
    pandas = import_pandas("data_shift")
    progress = Progress(verbose, "data_shift")
    progress("Reading the reviews")
    rng = check_random_state(random_state)
    if (groups_train is None) != (groups_new is None):
        raise ValueError("Pass both groups_train and groups_new, or neither of them.")
    options = text_column, cv, max_reviews, rng
    train, _, _, of_train = _sample("train", X_train, groups_train, *options)
    new, rows, index, of_new = _sample("new", X_new, groups_new, *options)
    n_train, n_new = len(train), len(new)
    words = read_words(train + new)
    counts = word_counts(words)
    weights = weighted(counts)
    is_new = np.arange(n_train + n_new) >= n_train
    progress(f"Telling {n_train:,} training and {n_new:,} new reviews apart")
    groups = None if of_train is None else np.concatenate([of_train, of_new])
    splits = folds(is_new, cv=cv, groups=groups, random_state=rng.randint(2**31 - 1))
    found = separate(weights, is_new, splits, confidence_level)
    progress("Searching outliers")
    similarity = similarities(weights, n_train, rng.randint(2**31 - 1))
    among = np.sort(similarity[:n_train])
    rank = np.searchsorted(among, similarity[n_train:], side="right") / n_train
    values = {"length": words.lengths, "unknown_share": unknown_shares(counts, n_train)}
    frequency = [document_frequency(part) for part in (counts[:n_train], counts[n_train:])]
    telling = np.argsort(-np.abs(found.importance), kind="stable")[:n_words]
    telling = telling[found.importance[telling] != 0]
    unknown = np.where(frequency[0] == 0, frequency[1], 0)
    most = np.argsort(-unknown, kind="stable")[:n_words]
    most = most[unknown[most] > 0]
    far = np.argsort(similarity[n_train:], kind="stable")[:n_outliers]
    outliers = pandas.DataFrame(
        {
            "row": rows[far],
            "similarity": similarity[n_train + far],
            "rank": rank[far],
            **{name: of_both[n_train + far] for name, of_both in values.items()},
            "snippet": [
                printable(" ".join(words.visible_text(n_train + row).split())[:_SNIPPET])
                for row in far.tolist()
            ],
        }
    )
    pairs = {name: (of_both[:n_train], of_both[n_train:]) for name, of_both in values.items()}
    progress.done()
    return DataShift(
        float(found.auc.value),
        float(found.auc.low),
        float(found.auc.high),
        pandas.DataFrame.from_dict(
            {name: _compared(*pair, confidence_level) for name, pair in pairs.items()},
            orient="index",
        ),
        pandas.DataFrame(
            {
                "share_train": frequency[0][telling] / n_train,
                "share_new": frequency[1][telling] / n_new,
                "coefficient": found.coefficients[telling],
            },
            index=pandas.Index(words.words[telling], name="word"),
        ),
        pandas.Series(
            unknown[most], index=pandas.Index(words.words[most], name="word"), name="n_reviews"
        ),
        named_rows(outliers, index),
        float((rank <= FAR).mean()),
        pairs,
        n_train,
        n_new,
        confidence_level,
    )


def _sample(
    name: str,
    X: Any,
    groups: Any,
    text_column: Any,
    cv: int,
    max_reviews: int | None,
    rng: np.random.RandomState,
) -> tuple[list[str], np.ndarray, Any, np.ndarray | None]:
    """Return the compared reviews of one side, their positions, the names of all, the groups."""
    texts, frame = documents(X, text_column)
    if len(texts) < cv:
        raise ValueError(
            f"X_{name} contains {len(texts)} reviews, but each of cv={cv} folds needs one: pass "
            "more reviews, or lower cv (to no less than 2)."
        )
    rows = np.arange(len(texts))
    if groups is not None:
        groups = labels(groups, len(texts), f"groups_{name}").astype(str)
    if max_reviews is not None and len(rows) > max_reviews:
        kept = rows[:0] if groups is None else np.unique(groups, return_index=True)[1]
        kept = kept[: min(cv, max_reviews)]  # a fold needs a group
        others = rng.choice(np.delete(rows, kept), max_reviews - len(kept), replace=False)
        rows = np.sort(np.concatenate([kept, others]))
        groups = None if groups is None else groups[rows]
    return [texts[k] for k in rows.tolist()], rows, frame.index, groups


def _compared(train: np.ndarray, new: np.ndarray, confidence_level: float) -> dict[str, float]:
    """Return the row of a feature in the table of features."""
    low, high = difference_interval(new, train, confidence_level)
    return {
        "train": train.mean(),
        "new": new.mean(),
        "difference": new.mean() - train.mean(),
        "difference_low": low,
        "difference_high": high,
        "ks": scipy.stats.ks_2samp(train, new).statistic,
    }
