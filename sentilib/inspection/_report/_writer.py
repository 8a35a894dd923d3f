"""report: where a model errs and why, in one HTML file."""

from collections.abc import Iterable
from html import escape
from os import PathLike, fspath
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from sentilib._pages import _page
from sentilib._pipelines import Reviews, read_reviews
from sentilib.inspection._measures._clusters import characteristic_words, find_clusters
from sentilib.inspection._measures._confident_learning import calibrated, confident_joint, prune
from sentilib.inspection._measures._evaluation import Evaluation, evaluate
from sentilib.inspection._measures._heat_maps import heat_maps
from sentilib.inspection._measures._parameters import check_parameters
from sentilib.inspection._measures._projection import project
from sentilib.inspection._report import _sections
from sentilib.inspection._report._page_data import compact_heat_map, toward_class


@check_parameters(path=[str, PathLike], title=[str, None], features=[str, Iterable, None])
def report(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    path: str | PathLike,
    title: str | None = None,
    data: Any = None,
    features: Iterable[str] | None = None,
    n_explained: int | None = 1000,
    snippet_length: int = 110,
    confidence_level: float = 0.95,
    clusterer: Any = None,
    random_state: Any = None,
) -> str:
    """Write all about a model's errors into one HTML file, which needs no network.

    The page shows what model and data are, metrics with confidence intervals, calibration, the
    confusion matrix, training curves, the latent space in three dimensions, loss against
    features, the worst subgroups, likely label errors, and all reviews, to be searched and sorted,
    with heat-maps of exact Shapley values for the worst of them and a random sample.

    Parameters
    ----------
    estimator : Pipeline or classifier
        Fitted, from HTMLTokenizer to a classifier; or a classifier of token ids.
    X : array-like of shape (n_samples,), DataFrame, or ids of shape (n_samples, n_tokens)
        Reviews that the estimator was not fitted on; a DataFrame has one column of text.
    y : array-like of shape (n_samples,)
        Labels.
    path : str or path-like
        File to write. It is replaced at the end, by the whole page or not at all.
    title : str, default=None
        Title of the page; None names the classifier.
    data : DataFrame or mapping of str to array-like of shape (n_samples,), default=None
        Further features of the reviews, such as a rating, or what `review_metadata` returns.
    features : iterable of str, default=None
        Features to hold the loss against; None takes length, unknown words and all numeric columns
        of `data`.
    n_explained : int or None, default=1000
        Number of reviews that are kept whole with their heat-map: half of them have the highest
        loss, the others are drawn at random; None keeps all. Of all other reviews the page has the
        figures and the beginning.
    snippet_length : int, default=110
        Number of characters that are kept of each review.
    confidence_level : float, default=0.95
        Confidence level of all intervals.
    clusterer : clusterer, default=None
        Finds clusters of the latent space; None means KMeans.
    random_state : int, RandomState instance or None, default=None
        Determines the random sample, the bootstrap and the clusters. With an int, the same reviews
        give the same page.

    Returns
    -------
    str
        The path.

    Raises
    ------
    ValueError
        If y holds labels that the model never saw, or lengths differ.
    OSError
        If the file cannot be written; nothing is left half-written.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.pipeline import make_pipeline
    >>> from sentilib import DenseSentimentClassifier, HTMLTokenizer
    >>> from sentilib.datasets import make_reviews
    >>> from sentilib.inspection import report
    >>> texts, labels = make_reviews(300, length=40, random_state=0)
    >>> pipe = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = report(
    ...         pipe.fit(texts[:200], labels[:200]), texts[200:], labels[200:],
    ...         path=os.path.join(folder, "report.html"),
    ...     )
    ...     os.path.getsize(path) > 10_000
    True
    """
    target = _page.writable_path(fspath(path))
    rng = check_random_state(random_state)
    reviews = read_reviews(estimator, X)
    evaluation = evaluate(reviews, y)
    cluster = points = None
    axis_names: list[str] = []
    if hasattr(reviews.classifier, "transform"):
        latent = reviews.latent.astype(np.float64)
        cluster = find_clusters(latent, clusterer, rng.randint(2**31 - 1))
        if min(latent.shape) >= 3:
            points, axis_names = project(latent, 3, None, None)
    issues = _label_issues(evaluation)
    rows = _rows_to_explain(evaluation, n_explained, rng)
    map_note = ""
    if (reason := reviews.parts.why_not_explained()) is not None:
        rows, map_note = rows[:0], f"There are no heat-maps: {reason}"
    maps = heat_maps(reviews, rows, toward_class(evaluation)[rows])
    snippets = [reviews.snippet(row, snippet_length) for row in range(len(reviews))]

    name = title or f"{type(reviews.classifier).__name__} on {len(reviews):,} reviews"
    overview = _sections.Overview(
        reviews, evaluation, cluster, issues, snippets, confidence_level, rng.randint(2**31 - 1)
    )
    sections = [
        ("metrics", "Metrics", overview.metrics()),
        ("cards", "Model and data", overview.cards()),
        ("calibration", "Calibration and confusion", overview.calibration()),
        ("training", "Training", overview.training()),
        ("latent", "Latent space", overview.latent_space(axis_names) if axis_names else ""),
        ("features", "Loss against features", overview.features(features, data)),
        ("slices", "Worst subgroups", overview.slices(data)),
        ("labels", "Likely label errors", overview.label_issues()),
    ]
    shown = [part for part in sections if part[2]]
    navigation = "".join(
        f'<a href="#{anchor}">{escape(text)}</a>'
        for anchor, text in [*[part[:2] for part in shown], ("reviews", "Reviews")]
    )
    cluster_names = {} if cluster is None else _cluster_names(cluster, reviews)
    _page.write_page(
        target,
        template="report.html",
        script="report.js",
        title=name,
        subtitle=escape(overview.subtitle()),
        navigation=navigation,
        sections="".join(_page.section(*part) for part in shown),
        reviews_note=escape(
            map_note
            or f"All {len(reviews):,} reviews are listed by their beginning. {len(maps):,} are "
            "kept whole with a heat-map: those of the highest loss, and a random sample; the "
            "others are marked ○. The search looks into what is kept."
        ),
        data={
            "n_reviews": len(reviews),
            "classes": [str(label) for label in evaluation.classes.tolist()],
            "columns": _columns(reviews, evaluation, cluster, points, issues),
            "clusters": cluster_names,
            "zoom": 1.0 if points is None else _zoom(points),
            "snippets": snippets,
            "maps": {
                int(row): compact_heat_map(heat_map, int(toward))
                for row, heat_map, toward in zip(
                    rows, maps, toward_class(evaluation)[rows], strict=True
                )
            },
        },
    )
    return str(target)


def _rows_to_explain(
    evaluation: Evaluation, n_rows: int | None, rng: np.random.RandomState
) -> np.ndarray:
    order = np.argsort(-evaluation.loss, kind="stable")
    if n_rows is None:
        n_rows = 2 * len(order)
    worst = order[: n_rows - n_rows // 2]
    rest = order[len(worst) :]
    sample = rng.choice(rest, min(n_rows // 2, len(rest)), replace=False)
    return np.sort(np.concatenate([worst, sample]))


def _label_issues(evaluation: Evaluation) -> np.ndarray:
    """Rows of likely label errors, most likely first; the test labels are out of sample."""
    if len(np.unique(evaluation.truth)) < 2:
        return np.empty(0, dtype=np.int64)
    counts, _, off_diagonal = confident_joint(evaluation)
    joint = calibrated(counts, evaluation.truth)
    rows = np.flatnonzero(prune(evaluation, joint, off_diagonal, "both"))
    return rows[np.argsort(evaluation.label_quality[rows], kind="stable")]


def _columns(
    reviews: Reviews,
    evaluation: Evaluation,
    cluster: np.ndarray | None,
    points: np.ndarray | None,
    issues: np.ndarray,
) -> dict[str, Any]:
    n = len(reviews)
    is_issue = np.zeros(n)
    is_issue[issues] = 1
    columns = {
        "truth": (evaluation.truth, "u2"),
        "predicted": (evaluation.predicted, "u2"),
        "probability": (evaluation.proba.max(axis=1), "f4"),
        "loss": (evaluation.loss, "f4"),
        "length": (reviews.length, "u4"),
        "oov_count": (reviews.oov_count, "u2"),
        "truncated": (reviews.truncated, "u1"),
        "quality": (evaluation.label_quality, "f4"),
        "issue": (is_issue, "u1"),
        "cluster": (np.zeros(n) if cluster is None else cluster % 256, "u1"),
    }
    if points is not None:
        largest = max(float(np.abs(points).max()), 1e-12)
        for axis, values in zip("xyz", points.T, strict=True):
            columns[axis] = (values / largest * 32767, "i2")
    return {
        name: _page.packed(np.asarray(values), kind) for name, (values, kind) in columns.items()
    }


def _cluster_names(cluster: np.ndarray, reviews: Reviews) -> dict[int, str]:
    words = characteristic_words(cluster, reviews, 3)
    return {
        name % 256: f"{'noise' if name == -1 else name}: {' '.join(found)}"
        for name, found in words.items()
    }


def _zoom(points: np.ndarray) -> float:
    """Give the magnification at which all but the outermost points fill the picture."""
    reach = np.abs(points).max(axis=1)
    return float(np.clip(reach.max() / max(np.quantile(reach, 0.98), 1e-12), 1, 8))
