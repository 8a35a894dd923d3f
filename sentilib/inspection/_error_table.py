"""error_table: a row a review, the worst first."""

from typing import TYPE_CHECKING, Any

import numpy as np

from sentilib._optional import import_pandas
from sentilib.inspection._measures._evaluation import evaluate, read_reviews
from sentilib.inspection._measures._heat_maps import heat_maps, strongest_words
from sentilib.inspection._measures._parameters import COUNT, check_parameters

if TYPE_CHECKING:
    from pandas import DataFrame


@check_parameters(n_words=COUNT)
def error_table(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    n_explained: int | None = 1000,
    n_words: int = 5,
    snippet_length: int = 100,
) -> "DataFrame":
    """List reviews by falling loss, with what may have misled the model.

    Parameters
    ----------
    estimator : Pipeline or classifier
        Fitted, from HTMLTokenizer to a classifier; or a classifier of token ids.
    X : array-like of shape (n_samples,), DataFrame, or ids of shape (n_samples, n_tokens)
        Reviews.
    y : array-like of shape (n_samples,)
        Labels.
    n_explained : int or None, default=1000
        How many reviews, those of the highest loss, get their words explained; None explains all.
        The Dense model takes microseconds a review, the CNN a few milliseconds.
    n_words : int, default=5
        Words each way.
    snippet_length : int, default=100
        Characters of the snippet.

    Returns
    -------
    DataFrame
        A row a review, its index (`row`) the position in X, sorted by falling loss: `truth`,
        `prediction`, `probability` (of the prediction), `loss` (-log p(truth), nats), `length`
        (tokens of the whole review), `oov_count` and `oov_rate` (of the tokens that the model
        reads), `truncated`, `label_quality` (normalized margin of the given label: 0 contradicted
        to 1 agreed with), `words_for` and `words_against` (words that pull most toward the
        prediction and away from it, by exact Shapley values; missing where not explained),
        `snippet`. Further columns of a DataFrame X follow.

    Raises
    ------
    ValueError
        If y holds labels that the model never saw, or X and y differ in length.

    See Also
    --------
    find_label_issues : Out-of-fold label quality, for reviews that the model was trained on.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sentilib import DenseSentimentClassifier, HTMLTokenizer
    >>> from sentilib.datasets import make_reviews
    >>> from sentilib.inspection import error_table
    >>> texts, labels = make_reviews(300, length=40, random_state=0)
    >>> pipe = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=0))
    >>> table = error_table(pipe.fit(texts[:200], labels[:200]), texts[200:], labels[200:])
    >>> bool(table["loss"].is_monotonic_decreasing), len(table)
    (True, 100)
    """
    pandas = import_pandas("error_table")
    reviews = read_reviews(estimator, X)
    evaluation = evaluate(reviews, y)
    n = len(evaluation)
    order = np.argsort(-evaluation.loss, kind="stable")
    explained = order[: n if n_explained is None else n_explained]
    toward: list = [None] * n
    away: list = [None] * n
    maps = heat_maps(reviews, explained, evaluation.predicted[explained])
    for row, heat_map in zip(explained.tolist(), maps, strict=True):
        toward[row], away[row] = strongest_words(heat_map, n_words)
    table = pandas.DataFrame(
        {
            "truth": evaluation.classes[evaluation.truth],
            "prediction": evaluation.classes[evaluation.predicted],
            "probability": evaluation.proba.max(axis=1),
            "loss": evaluation.loss,
            "length": reviews.length,
            "oov_count": reviews.oov_count,
            "oov_rate": reviews.oov_rate,
            "truncated": reviews.truncated,
            "label_quality": evaluation.label_quality,
            "words_for": toward,
            "words_against": away,
            "snippet": [reviews.snippet(row, snippet_length) for row in range(n)],
            **{name: values for name, values in reviews.columns.items()},
        }
    )
    table.index.name = "row"
    return table.iloc[order]
