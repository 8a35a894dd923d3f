"""compare: two models side by side, McNemar's test, and the reviews on which they disagree."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from sentilib._compiled._progress import printable
from sentilib._optional import import_pandas
from sentilib._pages._page import ReportPath, render, writable_path, write_page
from sentilib._pipelines import Progress, Reviews, as_series, named_rows, read_reviews
from sentilib._sklearn import HasMethods
from sentilib._training._rows import listed
from sentilib.inspection._measures._evaluation import Evaluation, evaluate
from sentilib.inspection._measures._heat_maps import heat_maps, plain_texts
from sentilib.inspection._measures._parameters import check_parameters
from sentilib.inspection._measures._statistics import mcnemar, mean_interval, share_interval
from sentilib.inspection._report._page_data import (
    compact_heat_map,
    names_and_legends,
    toward_class,
)

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass
class Comparison:
    """Result of `compare`.

    Parameters
    ----------
    names : tuple of two str
        Names of the models.
    counts : DataFrame of shape (2, 2)
        Numbers of reviews, by whether the first model (rows) and the second (columns) is right.
    pvalue : float
        P-value of McNemar's exact test: probability of a split of the disagreements at least as
        uneven, if both models were equally often right.
    scores : DataFrame
        One row per model, and a row "difference" (first minus second): `accuracy`, `accuracy_low`,
        `accuracy_high`, `loss`, `loss_low`, `loss_high`. The intervals of the difference are those
        of paired values.
    disagreements : DataFrame
        One row per review that one model gets right and the other wrong, the widest gap first. The
        index is that of a Series or DataFrame X, otherwise the position. Columns: `right` (name of
        the model), `truth`, `prediction_a`, `prediction_b`, `probability_a` and `probability_b` (of
        the true label), `gap` (their difference), `row` (position in X), `length`, `oov_rate`,
        `snippet`.

    See Also
    --------
    compare : Compute it.
    """

    names: tuple[str, str]
    counts: "DataFrame"
    pvalue: float
    scores: "DataFrame"
    disagreements: "DataFrame"
    _sides: tuple[tuple[Reviews, Evaluation], ...] = field(init=False, repr=False)

    def __str__(self) -> str:
        first, second = self.names
        a, b = map(printable, self.names)
        only_first, only_second = self.counts.iloc[0, 1], self.counts.iloc[1, 0]
        row = self.scores.loc["difference"]
        return (
            f"{a} {self.scores.loc[first, 'accuracy']:.4f}, "
            f"{b} {self.scores.loc[second, 'accuracy']:.4f}: difference "
            f"{row['accuracy']:+.4f} [{row['accuracy_low']:+.4f}, {row['accuracy_high']:+.4f}]\n"
            f"only {a} right: {only_first:,}; only {b} right: {only_second:,}; "
            f"McNemar's exact p = {self.pvalue:.3g}"
        )

    def _repr_html_(self) -> str:
        return render("lines.html", lines=str(self).splitlines()) + self.scores.to_html()

    @check_parameters(path=[str, PathLike])
    def report(self, path: str | PathLike, *, n_explained: int | None = 200) -> str:
        """Write the disagreements into one HTML file, heat-maps next to each other.

        Parameters
        ----------
        path : str or path-like
            File to write, whole or not at all.
        n_explained : int or None, default=200
            Number of reviews that are shown, those of the widest gap; None shows all. A model that
            cannot be explained has texts without colours.

        Returns
        -------
        str
            The path.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        target = writable_path(path)
        table = self.disagreements[:n_explained]
        rows = table["row"].to_numpy()
        maps = []
        for reviews, evaluation in self._sides:
            # Both sides pull to the same class, so that colours mean the same.
            toward = toward_class(self._sides[0][1])[rows]
            explained = reviews.why_not_explained() is None
            found = heat_maps(reviews, rows, toward) if explained else plain_texts(reviews, rows)
            maps.append(
                [
                    [*compact_heat_map(heat_map, int(k)), evaluation.proba[row, k].round(4)]
                    for heat_map, k, row in zip(found, toward, rows, strict=True)
                ]
            )
        pairs = [
            {
                "row": row,
                "name": str(name),
                "right": self.names.index(right),
                "truth": str(truth),
                "maps": [maps[0][k], maps[1][k]],
            }
            for k, (name, row, right, truth) in enumerate(
                zip(table.index, rows.tolist(), table["right"], table["truth"], strict=True)
            )
        ]
        first, second = self.names
        scores = [
            {"name": name, **self.scores.loc[row]}
            for name, row in (
                (f"Accuracy of {first}", first),
                (f"Accuracy of {second}", second),
                ("Difference", "difference"),
            )
        ]
        write_page(
            target,
            "compare.html",
            "sentilib.inspection._report",
            title=f"{first} and {second}",
            n_disagreements=len(self.disagreements),
            scores=scores,
            pvalue=self.pvalue,
            counts=self.counts.to_numpy().tolist(),
            data={
                **names_and_legends(self._sides[0][1].classes),
                "names": list(self.names),
                "pairs": pairs,
            },
        )
        return ReportPath(target)


@check_parameters(
    estimator_a=[HasMethods("fit")], estimator_b=[HasMethods("fit")], names=[tuple, list, None]
)
def compare(
    estimator_a: Any,
    estimator_b: Any,
    X: Any,
    y: Any,
    *,
    text_column: str | int | None = None,
    names: tuple[str, str] | None = None,
    confidence_level: float = 0.95,
    snippet_length: int = 100,
    verbose: int | bool = 0,
) -> Comparison:
    """Compare two models: scores, McNemar's test, and the reviews that only one gets right.

    Parameters
    ----------
    estimator_a, estimator_b : Pipeline or classifier
        Fitted pipelines from HTMLTokenizer to a classifier, or fitted classifiers of token ids,
        with the same labels; estimators around them, such as CalibratedClassifierCV or a search.
        One of the two may be any classifier of text, such as a TF-IDF pipeline.
    X : array-like of shape (n_samples,) or (n_samples, n_tokens)
        Reviews for pipelines, token ids for classifiers, on which neither was fitted.
    y : array-like of shape (n_samples,)
        Labels.
    text_column : str or int, default=None
        Column of a DataFrame X that contains the reviews; None means its only column of text.
    names : tuple of two str, default=None
        Names of the models; None means the names of their classes.
    confidence_level : float, default=0.95
        Confidence level of the intervals.
    snippet_length : int, default=100
        Maximum number of characters in `snippet`.
    verbose : int or bool, default=0
        1 prints a line before each step that may take long.

    Returns
    -------
    Comparison
        Tables. Printing it summarizes them; its method `report` writes a page with the heat-maps of
        both models side by side.

    Raises
    ------
    ValueError
        If the models know different labels, y contains others, lengths differ, or a parameter is
        invalid.
    TypeError
        If an estimator has no `predict_proba` or reads no text.
    NotFittedError
        If an estimator is not fitted.

    References
    ----------
    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages", Psychometrika 12 (1947); here with the exact binomial distribution.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sentilib import DenseSentimentClassifier, HTMLTokenizer
    >>> from sentilib.datasets import make_reviews
    >>> from sentilib.inspection import compare
    >>> texts, labels = make_reviews(300, length=40, random_state=0)
    >>> models = [
    ...     make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(epochs=e, random_state=0)).fit(
    ...         texts[:200], labels[:200]
    ...     )
    ...     for e in (1, 5)
    ... ]
    >>> found = compare(*models, texts[200:], labels[200:], names=("one epoch", "five epochs"))
    >>> int(found.counts.to_numpy().sum())
    100
    """
    pandas = import_pandas("compare")
    progress = Progress(verbose, "compare")
    if isinstance(X, Iterator):
        X = list(X)
    sides = []
    for estimator in (estimator_a, estimator_b):
        progress("Reading and predicting the reviews with a model")
        reviews = read_reviews(estimator, X, text_column, any_words=True)
        sides.append((reviews, evaluate(reviews, y)))
    (reviews, a), (others, b) = sides
    if not reviews.knows_words:
        reviews = others
    if not reviews.knows_words:
        raise TypeError(
            "One of the two estimators must be a Pipeline whose first step is an HTMLTokenizer, or "
            f"contain one, got {sides[0][0].parts.name} and {others.parts.name}."
        )
    if a.classes.tolist() != b.classes.tolist():
        raise ValueError(
            f"Both models must know the same labels, got {listed(a.classes)} and "
            f"{listed(b.classes)}."
        )
    names = _names(names, [side[0].parts.name for side in sides])
    only_a, only_b, pvalue = mcnemar(a.correct, b.correct)
    counts = pandas.DataFrame(
        [
            [int((a.correct & b.correct).sum()), only_a],
            [only_b, int((~a.correct & ~b.correct).sum())],
        ],
        index=pandas.Index(["right", "wrong"], name=names[0]),
        columns=pandas.Index(["right", "wrong"], name=names[1]),
    )
    rows = np.flatnonzero(a.correct != b.correct)
    of_truth = [side.proba[rows, side.truth[rows]] for side in (a, b)]
    gap = of_truth[0] - of_truth[1]
    table = pandas.DataFrame(
        {
            "right": np.where(a.correct[rows], *names),
            "truth": as_series(a.classes[a.truth[rows]]),
            "prediction_a": as_series(a.classes[a.predicted[rows]]),
            "prediction_b": as_series(b.classes[b.predicted[rows]]),
            "probability_a": of_truth[0],
            "probability_b": of_truth[1],
            "gap": gap,
            "row": rows,
            "length": reviews.length[rows],
            "oov_rate": reviews.oov_rate[rows],
            "snippet": [reviews.snippet(row, snippet_length) for row in rows.tolist()],
        }
    )
    found = Comparison(
        names,
        counts,
        pvalue,
        _scores(pandas, names, a, b, confidence_level),
        named_rows(table, reviews.index).iloc[np.argsort(-np.abs(gap), kind="stable")],
    )
    found._sides = tuple(sides)
    progress.done()
    return found


def _names(names: Any, classes: list[str]) -> tuple[str, str]:
    if names is None:
        names = classes if classes[0] != classes[1] else [f"{classes[0]} {k}" for k in "AB"]
    if len(names) != 2:
        raise ValueError(f"names must contain one name per model, got {names!r}.")
    first, second = map(str, names)
    if first == second:
        raise ValueError(f"The models need different names, got {first!r} twice.")
    return first, second


def _scores(
    pandas: Any, names: tuple[str, str], a: Evaluation, b: Evaluation, level: float
) -> "DataFrame":
    rows = {}
    for name, side in zip(names, (a, b), strict=True):
        rows[name] = [
            side.correct.mean(),
            *share_interval(int(side.correct.sum()), len(side), level),
            side.loss.mean(),
            *mean_interval(side.loss, level),
        ]
    accuracy, loss = a.correct.astype(float) - b.correct, a.loss - b.loss
    rows["difference"] = [
        accuracy.mean(),
        *mean_interval(accuracy, level),
        loss.mean(),
        *mean_interval(loss, level),
    ]
    columns = ["accuracy", "accuracy_low", "accuracy_high", "loss", "loss_low", "loss_high"]
    return pandas.DataFrame.from_dict(rows, orient="index", columns=columns)
