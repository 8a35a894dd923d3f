"""find_leaks: duplicate reviews, groups in both splits, and the optimism of a random split."""

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.stats

from sentilib._compiled._progress import printable
from sentilib._optional import import_pandas
from sentilib._pipelines import Progress, as_column, as_series, documents, is_missing, named_rows
from sentilib._sklearn import Interval
from sentilib.inspection._measures._evaluation import Evaluation, labels
from sentilib.inspection._measures._near_duplicates import clusters_of_duplicates, read_words
from sentilib.inspection._measures._out_of_fold import mean_out_of_fold_proba, opinions
from sentilib.inspection._measures._parameters import COUNT, MODEL, REVIEWS, check_parameters
from sentilib.inspection._measures._statistics import share_interval

if TYPE_CHECKING:
    from pandas import DataFrame

_SNIPPET = 100


@dataclass
class Leaks:
    """Result of `find_leaks`.

    Parameters
    ----------
    duplicates : DataFrame
        One row per review that has a duplicate; reviews without a word have none. Clusters whose
        labels disagree come first, then those across splits. The index is that of `X_train` and
        `X_test`, otherwise the position in the split. Columns: `cluster` (number that duplicates
        share), `split`, `row` (position in its split), `label`, `group`, `exact` (whether another
        review has the same words), `similarity` (Jaccard similarity of the most similar other
        review), `labels_disagree` and `across_splits` (of the cluster), `snippet`.
    shared_groups : DataFrame
        One row per group that is in both splits: `n_train`, `n_test`.
    optimism : DataFrame or None
        Rows "random" and "by group": cross-validated `accuracy`, `accuracy_low`,
        `accuracy_high`, `loss` on the training reviews. Row "optimism": their difference, with an
        interval that allows for correlation within groups. None if no estimator was given.
    n_train, n_test : int
        Numbers of reviews.
    n_empty : int, default=0
        Number of reviews without a word.
    all_compared : bool, default=True
        Whether all pairs that may be near duplicates were compared; see `find_leaks`.

    See Also
    --------
    find_leaks : Compute it.
    """

    duplicates: "DataFrame"
    shared_groups: "DataFrame"
    optimism: "DataFrame | None"
    n_train: int
    n_test: int
    n_empty: int = 0
    all_compared: bool = True

    def __str__(self) -> str:
        table = self.duplicates
        clusters = table.drop_duplicates("cluster")
        lines = [
            f"{self.n_train:,} training and {self.n_test:,} test reviews",
            f"reviews with a duplicate: {len(table):,} ({int(table['exact'].sum()):,} exact), in "
            f"{len(clusters):,} clusters",
            f"clusters across splits: {int(clusters['across_splits'].sum()):,}; with labels that "
            f"disagree: {int(clusters['labels_disagree'].sum()):,}",
            f"groups in both splits: {len(self.shared_groups):,}",
        ]
        if self.n_empty:
            lines.append(f"reviews without a word, which are not compared: {self.n_empty:,}")
        if not self.all_compared:
            lines.append("too many reviews share the same phrases: not all pairs were compared")
        if self.optimism is not None:
            row = self.optimism.loc["optimism"]
            lines.append(
                f"a random split is optimistic by {row['accuracy']:+.3f} accuracy "
                f"[{row['accuracy_low']:+.3f}, {row['accuracy_high']:+.3f}] and "
                f"{row['loss']:+.3f} loss"
            )
        return "\n".join(lines)


@check_parameters(
    X_train=REVIEWS,
    X_test=[*REVIEWS, None],
    y_train=["array-like", None],
    y_test=["array-like", None],
    groups_train=["array-like", None],
    groups_test=["array-like", None],
    threshold=[Interval(Real, 0, 1, closed="right")],
    shingle_size=COUNT,
    estimator=[*MODEL, None],
    cv=[Interval(Integral, 2, None, closed="left")],
)
def find_leaks(
    X_train: Any,
    X_test: Any = None,
    *,
    text_column: str | int | None = None,
    y_train: Any = None,
    y_test: Any = None,
    groups_train: Any = None,
    groups_test: Any = None,
    threshold: float = 0.8,
    shingle_size: int = 5,
    estimator: Any = None,
    cv: int = 5,
    confidence_level: float = 0.95,
    n_jobs: int | None = None,
    random_state: Any = None,
    verbose: int | bool = 0,
) -> Leaks:
    """Find duplicates within and across splits, and groups in both, and measure what they cost.

    Reviews are compared by their words: markup, case and punctuation make no difference. Two
    reviews are near duplicates if the Jaccard similarity of their sets of shingles (runs of
    `shingle_size` words) reaches the threshold. Every such pair is found, unless thousands of
    reviews share the same phrases, such as those of one template: to bound time and memory, each is
    then compared only with those of the most similar length. Clusters can then be divided, and
    `similarity` can be lower than that of the most similar review; `all_compared` of the result is
    False.

    Parameters
    ----------
    X_train : array-like of str of shape (n_train,)
        Training reviews.
    X_test : array-like of str of shape (n_test,), default=None
        Test reviews.
    text_column : str or int, default=None
        Column of DataFrames that contains the reviews; None means their only column of text.
    y_train, y_test : array-like of shapes (n_train,) and (n_test,), default=None
        Labels.
    groups_train, groups_test : array-like of shapes (n_train,) and (n_test,), default=None
        Group of each review: movie, product, author, ...; a missing one (None, NaN, NA) is in no
        other split.
    threshold : float, default=0.8
        Minimum similarity of near duplicates, greater than 0 and at most 1.
    shingle_size : int, default=5
        Number of words in a shingle.
    estimator : Pipeline or classifier, default=None
        Model that is cross-validated on the training reviews, on random folds and on folds by
        group, to measure the optimism of a random split. It needs `y_train` and `groups_train`.
    cv : int, default=5
        Number of stratified folds.
    confidence_level : float, default=0.95
        Confidence level of the intervals.
    n_jobs : int or None, default=None
        Number of folds fitted in parallel. None means 1 unless in a
        :obj:`joblib.parallel_backend` context; -1 means all processors.
    random_state : int, RandomState instance or None, default=None
        Random state of the folds.
    verbose : int or bool, default=0
        1 prints a line before each step that may take long, 2 also a line per fold.

    Returns
    -------
    Leaks
        Tables. Printing it summarizes them.

    Raises
    ------
    ValueError
        If lengths differ, an estimator is given without labels or groups, or a parameter is
        invalid.
    ImportError
        If pandas is not installed.

    Examples
    --------
    >>> from sentilib.inspection import find_leaks
    >>> leaks = find_leaks(
    ...     ["A fine <b>film</b>, I think", "Dull."], ["a fine film i think"], y_train=[1, 0],
    ...     y_test=[0],
    ... )
    >>> leaks.duplicates[["split", "row", "label", "labels_disagree"]].values.tolist()
    [['train', 0, 1, True], ['test', 0, 0, True]]
    """
    pandas = import_pandas("find_leaks")
    progress = Progress(verbose, "find_leaks")
    progress("Reading the reviews")
    train, train_frame = documents(X_train, text_column)
    test: list[str] = []
    frames = [train_frame]
    if X_test is not None:
        test, test_frame = documents(X_test, text_column)
        frames.append(test_frame)
    texts = train + test
    split = np.repeat(["train", "test"], [len(train), len(test)])
    label = _joined("y", y_train, y_test, len(train), len(test))
    group = _joined("groups", groups_train, groups_test, len(train), len(test))
    optimism = None
    if estimator is not None:
        if y_train is None or groups_train is None:
            raise ValueError(
                "To measure the optimism of a random split, find_leaks needs y_train and "
                "groups_train."
            )
        models, *_ = opinions(
            estimator,
            train_frame.source if isinstance(X_train, Iterator) else X_train,
            text_column,
            second_opinion=False,
        )
        optimism = _optimism(
            models,
            labels(y_train, len(train), "y_train"),
            labels(groups_train, len(train), "groups_train"),
            cv,
            confidence_level,
            n_jobs,
            random_state,
            progress,
        )

    progress(f"Comparing {len(texts):,} reviews")
    words = read_words(texts)
    cluster, exact, similarity, are_all = clusters_of_duplicates(words, threshold, shingle_size)
    rows = np.flatnonzero(cluster >= 0)
    numbers = np.concatenate([np.arange(len(train)), np.arange(len(test))])
    table = pandas.DataFrame(
        {
            "cluster": cluster[rows],
            "split": split[rows],
            "row": numbers[rows],
            "label": as_series([label[row] for row in rows]),
            "group": as_series([group[row] for row in rows]),
            "exact": exact[rows],
            "similarity": similarity[rows],
        }
    )
    indices = [
        pandas.RangeIndex(n) if frame.index is None else frame.index
        for frame, n in zip(frames, (len(train), len(test)), strict=False)
    ]
    table = named_rows(table, indices[0].append(indices[1:]), rows)
    by_cluster = table.groupby("cluster")
    table["labels_disagree"] = by_cluster["label"].transform("nunique") > 1
    table["across_splits"] = by_cluster["split"].transform("nunique") > 1
    table["snippet"] = [
        printable(" ".join(words.visible_text(row).split())[:_SNIPPET]) for row in rows.tolist()
    ]
    table = table.sort_values(
        ["labels_disagree", "across_splits", "cluster", "split", "row"],
        ascending=[False, False, True, False, True],
        kind="stable",
    )
    progress.done()
    n_empty = int((words.lengths == 0).sum())
    shared = _shared_groups(pandas, split, group)
    return Leaks(table, shared, optimism, len(train), len(test), n_empty, are_all)


def _joined(what: str, train: Any, test: Any, n_train: int, n_test: int) -> list:
    """Return the values of both splits in one list, None where there is none."""
    values: list = []
    for name, part, n in ((f"{what}_train", train, n_train), (f"{what}_test", test, n_test)):
        if part is None:
            values += [None] * n
        elif len(part) != n:
            raise ValueError(
                f"{name} must contain one value for each of {n} reviews, got {len(part)}."
            )
        elif np.ndim(column := as_column(part)) != 1:
            raise ValueError(
                f"{name} must contain one value for each review, got an array of shape "
                f"{np.shape(column)}."
            )
        else:
            values += [None if is_missing(value) else value for value in column.tolist()]
    if len({isinstance(value, str) for value in values if value is not None}) > 1:
        kinds = sorted({type(value).__name__ for value in values if value is not None})
        raise ValueError(
            f"{what}_train and {what}_test contain values of different types ({', '.join(kinds)}), "
            "which never agree. Convert all of them to one type, such as str."
        )
    return values


def _shared_groups(pandas: Any, split: np.ndarray, group: list) -> "DataFrame":
    frame = pandas.DataFrame({"split": split, "group": as_series(group)}).dropna()
    counts = frame.groupby(["group", "split"]).size().unstack(fill_value=0)
    counts = counts.reindex(columns=["train", "test"], fill_value=0)
    counts.columns = ["n_train", "n_test"]
    both = counts[(counts["n_train"] > 0) & (counts["n_test"] > 0)]
    return both.sort_values(["n_test", "n_train"], ascending=False, kind="stable")


def _optimism(
    models: list[tuple[Any, Any]],
    y: np.ndarray,
    groups: np.ndarray,
    cv: int,
    level: float,
    n_jobs: int | None,
    random_state: Any,
    progress: Progress,
) -> "DataFrame":
    pandas = import_pandas("find_leaks")
    rows, parts = {}, {}
    for name, by in (("random", None), ("by group", groups)):
        progress(f"Cross-validating on folds that are {name}")
        proba = mean_out_of_fold_proba(
            models,
            y,
            cv=cv,
            groups=by,
            n_repeats=1,
            n_jobs=n_jobs,
            random_state=random_state,
            progress=progress,
        )
        parts[name] = Evaluation.of(np.unique(y), y, proba)
        correct = parts[name].correct
        low, high = share_interval(correct.sum(), len(correct), level)
        rows[name] = {
            "accuracy": correct.mean(),
            "accuracy_low": low,
            "accuracy_high": high,
            "loss": parts[name].loss.mean(),
        }
    difference = parts["random"].correct.astype(float) - parts["by group"].correct
    _, group = np.unique(groups, return_inverse=True)
    sums = np.bincount(group, weights=difference - difference.mean())
    n_groups = len(sums)
    # Sandwich estimate: reviews of one group may be correlated.
    error = (n_groups / (n_groups - 1) * (sums**2).sum()) ** 0.5 / len(difference)
    half = scipy.stats.t.ppf(0.5 + level / 2, n_groups - 1) * error
    rows["optimism"] = {
        "accuracy": difference.mean(),
        "accuracy_low": difference.mean() - half,
        "accuracy_high": difference.mean() + half,
        "loss": rows["random"]["loss"] - rows["by group"]["loss"],
    }
    return pandas.DataFrame.from_dict(rows, orient="index")
