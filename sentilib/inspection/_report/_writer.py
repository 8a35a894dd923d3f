"""report: the errors of a model and their causes, in one HTML file."""

import warnings
from collections.abc import Iterable
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state

from sentilib._pages._page import ReportPath, writable_path, write_page
from sentilib._pipelines import Progress, Reviews, read_reviews
from sentilib._sklearn import StrOptions
from sentilib.explain._explainer import values_of
from sentilib.inspection._checks._evidence import Evidence
from sentilib.inspection._checks._run import check_all, compare_with_training
from sentilib.inspection._loss_by_feature import LossByFeatureDisplay
from sentilib.inspection._measures._clusters import characteristic_words, find_clusters
from sentilib.inspection._measures._confident_learning import likely_issues
from sentilib.inspection._measures._evaluation import Evaluation, evaluate, missing
from sentilib.inspection._measures._features import names_of, resolve_features
from sentilib.inspection._measures._heat_maps import heat_maps
from sentilib.inspection._measures._member_maps import member_heat_maps
from sentilib.inspection._measures._metrics import metrics
from sentilib.inspection._measures._parameters import REVIEWS, check_parameters
from sentilib.inspection._measures._projection import project
from sentilib.inspection._measures._subgroups import default_slices, slice_table
from sentilib.inspection._measures._training_data import read_training_data
from sentilib.inspection._report import _sections
from sentilib.inspection._report._about_training import checks_section, shift_section
from sentilib.inspection._report._baselines import baselines
from sentilib.inspection._report._editable import editable_model
from sentilib.inspection._report._figures import feature_figures, training_figures
from sentilib.inspection._report._page_data import (
    MAX_REMOVED,
    columns,
    compact_heat_map,
    names_and_legends,
    removals,
    toward_class,
    zoom,
)
from sentilib.inspection._report._sections import Section
from sentilib.inspection._report._thresholds import threshold_curves
from sentilib.inspection._training_history import TrainingHistoryDisplay

if TYPE_CHECKING:
    from pandas import DataFrame


@check_parameters(
    path=[str, PathLike],
    X_train=[*REVIEWS, None],
    y_train=["array-like", None],
    groups_train=["array-like", None],
    title=[str, None],
    features=[str, Iterable, None],
    editable=["boolean", StrOptions({"auto"})],
)
def report(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    path: str | PathLike,
    X_train: Any = None,
    y_train: Any = None,
    groups: Any = None,
    groups_train: Any = None,
    text_column: str | int | None = None,
    title: str | None = None,
    data: Any = None,
    features: Iterable[str] | None = None,
    n_explained: int | None = 1000,
    snippet_length: int = 110,
    editable: bool | str = "auto",
    confidence_level: float = 0.95,
    clusterer: Any = None,
    random_state: Any = None,
    verbose: int | bool = 0,
) -> str:
    """Write a report about the errors of a model to one HTML file, which needs no network.

    The page describes model and data and shows metrics with confidence intervals, baselines beside
    the model, what `checks` finds, what distinguishes the reviews from the training reviews,
    calibration, the confusion matrix, ROC and precision-recall curves with a threshold to choose
    and the costs of errors, training curves, the latent space in three dimensions, loss against
    features, the worst subgroups, likely label errors, and a searchable list of all reviews, with
    heat-maps of Shapley values for those with the highest loss and for a random sample, and the
    fewest words without which the prediction would be another one.

    Parameters
    ----------
    estimator : Pipeline or classifier
        Fitted pipeline from HTMLTokenizer to a classifier, fitted classifier of token ids, or an
        estimator around them, such as CalibratedClassifierCV or a search. Of several models inside,
        the first one's tokenizer counts tokens and unknown words.
    X : array-like of shape (n_samples,), DataFrame, or ids of shape (n_samples, n_tokens)
        Reviews that the estimator was not fitted on. The page names them by the index of a Series
        or DataFrame, otherwise by their positions. The other columns of a DataFrame are features.
    y : array-like of shape (n_samples,)
        Labels.
    path : str or path-like
        File to write. An existing file is replaced at the end, completely or not at all, and keeps
        its permissions; of a symbolic link, the file that it leads to. A device or pipe, such as
        ``/dev/stdout``, is written to.
    X_train : array-like of shape (n_train,), DataFrame, or ids of shape (n_train, n_tokens), \
            default=None
        Reviews that the estimator was fitted on, in the form of `X`, to compare with: a linear
        model of their words is fitted, as a baseline. The page contains no text of them.
    y_train : array-like of shape (n_train,), default=None
        Labels of `X_train`.
    groups, groups_train : array-like of shapes (n_samples,) and (n_train,), default=None
        Group of each review (movie, product, author, ...), of which none should be in both.
    text_column : str or int, default=None
        Column of a DataFrame X that contains the reviews; None means its only column of text.
    title : str, default=None
        Title of the page; None names the classifier.
    data : DataFrame or mapping of str to array-like of shape (n_samples,), default=None
        Further features of the reviews, such as a rating, or what `review_metadata` returns.
    features : iterable of str, default=None
        Features to plot the loss against; None means length, unknown words and all numeric columns
        of `data`.
    n_explained : int or None, default=1000
        Number of reviews that the page contains completely, with a heat-map: half of them have the
        highest loss, the others are sampled at random; None means all. For all other reviews, the
        page contains the numbers and the beginning.
    snippet_length : int, default=110
        Number of characters of the beginning of each review.
    editable : bool or "auto", default="auto"
        Whether reviews with a heat-map can be edited in the page, which then contains the model and
        predicts them again: only for a pipeline of HTMLTokenizer and DenseSentimentClassifier.
        "auto" means if that takes about 3 MB or less. A default model of the IMDB reviews takes
        6.7 MB, its copy by `sentilib.compress` 1.9 MB.
    confidence_level : float, default=0.95
        Confidence level of all intervals.
    clusterer : clusterer, default=None
        Clusterer of the latent space; None means KMeans.
    random_state : int, RandomState instance or None, default=None
        Controls the random sample, the bootstrap and the clusters. With an int, the same reviews
        give the same page.
    verbose : int or bool, default=0
        1 prints a line before each step that may take long.

    Returns
    -------
    str
        Path of the file.

    Raises
    ------
    ValueError
        If y or y_train contains labels that the model never saw, lengths differ, or only one of
        X_train and y_train is passed.
    OSError
        If the file cannot be written; no incomplete file remains.

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
    target = writable_path(path)
    rng = check_random_state(random_state)
    progress = Progress(verbose, "report")
    progress("Reading the reviews")
    reviews = read_reviews(estimator, X, text_column)
    if X_train is not None:
        progress("Reading the training reviews")
    training = read_training_data(reviews, X_train, y_train, text_column)
    progress(f"Predicting {len(reviews):,} reviews")
    evaluation = evaluate(reviews, y)
    cluster = points = latent = None
    if reviews.has_latent:
        progress("Clustering the latent space")
        vectors = reviews.latent.astype(np.float64)
        cluster = find_clusters(vectors, clusterer, rng.randint(2**31 - 1))
        if min(vectors.shape) >= 3:
            points, axis_names = project(vectors, 3, None, None)
            clusters = _sections.clusters(cluster, evaluation, reviews)
            latent = {"axis_names": axis_names, "clusters": clusters}
    issues = likely_issues(evaluation)
    rows = _rows_to_explain(evaluation, n_explained, rng)
    note = (
        f"The list shows the beginning of all {len(reviews):,} reviews. {len(rows):,} of them are "
        "included in full, with a heat-map: those with the highest loss, and a random sample; the "
        "others are marked ○. The search covers the included text."
    )
    model, about_edits = editable_model(reviews, editable)
    toward = toward_class(evaluation)[rows]
    progress(f"Explaining {len(rows):,} reviews")
    decisive: dict[int, Any] = {}
    if (reason := reviews.why_not_explained()) is None:
        values = values_of(reviews, rows) if len(rows) else np.empty(0, dtype=object)
        maps = heat_maps(reviews, rows, toward, values)
        progress("Searching the words that decide")
        decisive = removals(reviews, rows, values)
    elif (of_members := member_heat_maps(reviews, rows, toward)) is not None:
        maps, about = of_members
        note = f"{note} {about}"
    else:
        maps, rows, toward = [], rows[:0], toward[:0]
        note = f"There are no heat-maps: {reason}"
    snippets = [reviews.snippet(row, snippet_length) for row in range(len(reviews))]
    names = [] if reviews.index is None else reviews.index.tolist()
    names = list(map(str, names)) if names != list(range(len(names))) else None
    history = getattr(reviews.parts.model or reviews.classifier, "history_", None)
    progress("Computing metrics, features and subgroups")
    by_feature = LossByFeatureDisplay._of(
        evaluation, _features(reviews, features, data), 10, confidence_level
    )
    measured = metrics(evaluation, confidence_level, rng.randint(2**31 - 1))
    progress("Checking")
    evidence = Evidence(reviews, evaluation, training, None, None, False, confidence_level, rng)
    shift = compare_with_training(evidence, groups, groups_train)
    thresholds, threshold_data = threshold_curves(evaluation)
    sections = [
        Section("metrics", "Metrics", measured),
        Section(
            "baselines",
            "Is it worth it?",
            baselines(reviews, evaluation, training, confidence_level, progress),
        ),
        Section("checks", "Checks", checks_section(check_all(evidence))),
        Section("cards", "Model and data", _sections.model_and_data(reviews, evaluation, training)),
        Section(
            "calibration",
            "Calibration and confusion",
            _sections.calibration_and_confusion(evaluation, confidence_level),
        ),
        Section("thresholds", "Thresholds and costs", thresholds),
        Section(
            "training",
            "Training",
            training_figures(TrainingHistoryDisplay(history))
            if isinstance(history, dict) and history.get("loss")
            else None,
        ),
        Section("latent", "Latent space", latent),
        Section("features", "Loss against features", feature_figures(by_feature)),
        Section("shift", "Against training data", None if shift is None else shift_section(shift)),
        Section(
            "slices",
            "Worst subgroups",
            _sections.worst_slices(
                _slice_table(reviews, evaluation, cluster, data, confidence_level)
            ),
        ),
        Section(
            "labels",
            "Likely label errors",
            _sections.label_issues(issues, evaluation, snippets, names),
        ),
    ]
    write_page(
        target,
        "report.html",
        "sentilib.inspection._report",
        title=title or f"{reviews.parts.name} on {len(reviews):,} reviews",
        subtitle=_sections.subtitle(evaluation, confidence_level),
        sections=[section for section in sections if section.content is not None],
        note=f"{note} {about_edits}".rstrip(),
        data={
            **names_and_legends(evaluation.classes),
            "n_reviews": len(reviews),
            "columns": columns(reviews, evaluation, cluster, points, issues),
            "clusters": {} if cluster is None else _cluster_names(cluster, reviews),
            "zoom": 1.0 if points is None else zoom(points),
            "snippets": snippets,
            "row_names": names,
            "thresholds": threshold_data,
            "model": model,
            "removals": decisive,
            "max_removed": MAX_REMOVED,
            "maps": {
                int(row): compact_heat_map(heat_map, int(k))
                for row, heat_map, k in zip(rows, maps, toward, strict=True)
            },
        },
    )
    progress.done()
    return ReportPath(target)


def _features(reviews: Reviews, names: Iterable[str] | None, data: Any) -> dict[str, np.ndarray]:
    """Return the features that the loss is plotted against."""
    if names is not None:
        return resolve_features(names, data, len(reviews), reviews)
    values = resolve_features(("length", "oov_count", "oov_rate"), None, len(reviews), reviews)
    given = dict(reviews.columns)
    if data is not None:
        given.update(resolve_features(map(str, names_of(data)), data, len(reviews)))
    values.update(
        {k: v for k, v in given.items() if v.dtype.kind in "iuf" and not missing(v).all()}
    )
    return values


def _slice_table(
    reviews: Reviews,
    evaluation: Evaluation,
    cluster: np.ndarray | None,
    data: Any,
    confidence_level: float,
) -> "DataFrame":
    """Return the subgroups, worst first; missing values were already warned of."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Feature .* are missing")
        return slice_table(
            evaluation,
            default_slices(reviews, evaluation, cluster, data),
            confidence_level=confidence_level,
        )


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


def _cluster_names(cluster: np.ndarray, reviews: Reviews) -> dict[int, str]:
    words = characteristic_words(cluster, reviews, 3)
    return {
        name % 256: f"{'noise' if name == -1 else name}: {' '.join(found)}"
        for name, found in words.items()
    }
