"""error_table: one row per review, the highest loss first."""

from typing import TYPE_CHECKING, Any

import numpy as np

from sentilib._optional import import_pandas
from sentilib._pipelines import read_reviews
from sentilib.inspection._measures._evaluation import evaluate
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
    """Compute a table of reviews, sorted by falling loss, with what may have misled the model.

    Parameters
    ----------
    estimator : Pipeline or classifier
        Fitted pipeline from HTMLTokenizer to a classifier, or fitted classifier of token ids.
    X : array-like of shape (n_samples,) or (n_samples, n_tokens)
        Reviews for a pipeline, token ids for a classifier. A DataFrame of reviews has one column of
        text.
    y : array-like of shape (n_samples,)
        Labels.
    n_explained : int or None, default=1000
        Number of reviews whose words are explained, those of the highest loss; None explains all.
        An explanation takes microseconds per review of the Dense model, milliseconds of the CNN.
    n_words : int, default=5
        Maximum number of words in `words_for` and in `words_against`.
    snippet_length : int, default=100
        Maximum number of characters in `snippet`.

    Returns
    -------
    DataFrame
        One row per review, sorted by falling loss. The index (`row`) is the position in X. Further
        columns of a DataFrame X follow these:

        - `truth`, `prediction`
        - `probability`: of the prediction
        - `loss`: -log p(truth), in nats
        - `length`: number of tokens of the whole review
        - `oov_count`, `oov_rate`: unknown words among the tokens that the model reads
        - `truncated`: whether tokens were cut off
        - `label_quality`: normalized margin of the given label, from 0 (the model contradicts it)
          to 1 (it agrees)
        - `words_for`, `words_against`: words that pull most toward the prediction and away from it,
          by Shapley values; missing where the review is not explained
        - `snippet`: beginning of the visible text

    Raises
    ------
    ValueError
        If y contains labels that the model never saw, X and y differ in length, a further column
        of X has the name of one above, or a parameter is invalid.
    TypeError
        If the estimator has no `predict_proba`, reads no text, or cannot be explained.
    NotFittedError
        If the estimator is not fitted.

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
        },
        index=pandas.RangeIndex(n, name="row"),
    )
    clashing = [name for name in reviews.columns if name in table]
    if clashing:
        raise ValueError(f"Columns of X have names that the table needs: {clashing}. Rename them.")
    return table.assign(**reviews.columns).iloc[order]
