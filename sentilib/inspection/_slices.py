"""slices: subgroups of reviews on which a model performs worst."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from sentilib._pipelines import Progress, read_reviews
from sentilib._sklearn import StrOptions
from sentilib.inspection._measures._clusters import find_clusters
from sentilib.inspection._measures._evaluation import evaluate
from sentilib.inspection._measures._features import resolve_features
from sentilib.inspection._measures._parameters import check_parameters
from sentilib.inspection._measures._subgroups import slice_table

if TYPE_CHECKING:
    from pandas import DataFrame


@check_parameters(features=[str, Iterable, None], metric=[StrOptions({"loss", "accuracy"})])
def slices(
    estimator: Any,
    X: Any,
    y: Any,
    features: str | Iterable[str] | None = None,
    *,
    text_column: str | int | None = None,
    data: Any = None,
    metric: str = "loss",
    n_bins: int = 4,
    clusterer: Any = None,
    confidence_level: float = 0.95,
    random_state: Any = None,
    verbose: int | bool = 0,
) -> "DataFrame":
    """Find the subgroups of reviews with the worst loss or accuracy.

    A numeric feature is cut at its quantiles. Any other feature, and a numeric one with few
    distinct values, has one subgroup per value. The table is sorted by the confidence limit more
    favourable to the model, so that small subgroups do not lead it by chance.

    Parameters
    ----------
    estimator : Pipeline or classifier
        Fitted pipeline from HTMLTokenizer to a classifier, fitted classifier of token ids, or an
        estimator around them, such as CalibratedClassifierCV or a search. Of several models inside,
        the first one's tokenizer counts tokens and unknown words.
    X : array-like of shape (n_samples,) or (n_samples, n_tokens)
        Reviews for a pipeline, token ids for a classifier. The other columns of a DataFrame of
        reviews may be features.
    y : array-like of shape (n_samples,)
        Labels.
    features : str or iterable of str, default=None
        Names of features: "length", "oov_count", "oov_rate", "truncated", "cluster" (of the latent
        space), or columns of `data` or X. None means "length", "oov_rate", "truncated" and, if the
        model has a latent space, "cluster".
    text_column : str or int, default=None
        Column of a DataFrame X that contains the reviews; None means its only column of text.
    data : DataFrame or mapping of str to array-like of shape (n_samples,), default=None
        Further features, numeric or not, in the order of X; an index is not read.
    metric : {"loss", "accuracy"}, default="loss"
        Measure by which the subgroups are sorted.
    n_bins : int, default=4
        Number of subgroups of a numeric feature.
    clusterer : clusterer, default=None
        Estimator with `fit_predict` that finds the clusters; a clone is fitted. None means KMeans.
    confidence_level : float, default=0.95
        Confidence level of the intervals: Student's for mean losses, Wilson's for accuracies. They
        are not corrected for the number of subgroups.
    random_state : int, RandomState instance or None, default=None
        Random state of the clusterer, if it has none of its own.
    verbose : int or bool, default=0
        1 prints a line before each step that may take long.

    Returns
    -------
    DataFrame
        One row per subgroup: `feature`, `slice`, `n_reviews`, `share`, `loss` (mean, in nats),
        `loss_low`, `loss_high`, `accuracy`, `accuracy_low`, `accuracy_high`.

    Raises
    ------
    ValueError
        If y contains labels that the model never saw, lengths differ, a feature is unknown or a
        parameter is invalid.
    TypeError
        If the estimator has no `predict_proba`, reads no text, or has no latent space to cluster.
    NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    LossByFeatureDisplay : Loss against the values of a feature.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sentilib import DenseSentimentClassifier, HTMLTokenizer
    >>> from sentilib.datasets import make_reviews
    >>> from sentilib.inspection import slices
    >>> texts, labels = make_reviews(300, length=40, random_state=0)
    >>> pipe = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=0))
    >>> table = slices(pipe.fit(texts, labels), texts, labels, "length", n_bins=2)
    >>> table["n_reviews"].sum()
    np.int64(300)
    """
    progress = Progress(verbose, "slices")
    progress("Reading the reviews")
    reviews = read_reviews(estimator, X, text_column)
    progress(f"Predicting {len(reviews):,} reviews")
    evaluation = evaluate(reviews, y)

    def cluster() -> np.ndarray:
        progress("Clustering the latent space")
        return find_clusters(reviews.latent, clusterer, random_state).astype(str)

    if features is None:
        features = ["length", "oov_rate", "truncated", *(["cluster"] * reviews.has_latent)]
    found = resolve_features(features, data, len(reviews), reviews, cluster=cluster)
    table = slice_table(
        evaluation, found, metric=metric, n_bins=n_bins, confidence_level=confidence_level
    )
    progress.done()
    return table
