"""error_table: one row per review, the highest loss first."""

from typing import TYPE_CHECKING, Any

import numpy as np

from sentilib._optional import import_pandas
from sentilib._pipelines import Progress, as_series, named_rows, read_reviews
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
    text_column: str | int | None = None,
    n_explained: int | None = 1000,
    n_words: int = 5,
    snippet_length: int = 100,
    verbose: int | bool = 0,
) -> "DataFrame":
    """Compute a table of reviews, sorted by falling loss, with what may have misled the model.

    Parameters
    ----------
    estimator : Pipeline or classifier
        Fitted pipeline from HTMLTokenizer to a classifier, fitted classifier of token ids, or an
        estimator around them, such as CalibratedClassifierCV or a search. Of several models inside,
        the first one's tokenizer counts tokens and unknown words.
    X : array-like of shape (n_samples,) or (n_samples, n_tokens)
        Reviews for a pipeline, token ids for a classifier.
    y : array-like of shape (n_samples,)
        Labels.
    text_column : str or int, default=None
        Column of a DataFrame X that contains the reviews; None means its only column of text.
    n_explained : int or None, default=1000
        Number of reviews whose words are explained, those of the highest loss; None explains all.
        An explanation takes microseconds per review of the Dense model, milliseconds of the CNN.
    n_words : int, default=5
        Maximum number of words in `words_for` and in `words_against`.
    snippet_length : int, default=100
        Maximum number of characters in `snippet`.
    verbose : int or bool, default=0
        1 prints a line before each step that may take long.

    Returns
    -------
    DataFrame
        One row per review, sorted by falling loss. The index is that of a Series or DataFrame X,
        otherwise the position. Further columns of a DataFrame X come before `words_for`:

        - `truth`, `prediction`
        - `probability`: highest of all labels
        - `loss`: -log p(truth), in nats
        - `row`: position in X
        - `length`: number of tokens of the whole review
        - `oov_count`, `oov_rate`: unknown words among the tokens that the model reads
        - `truncated`: whether tokens were cut off
        - `label_quality`: normalized margin of the given label, from 0 (the model contradicts it)
          to 1 (it agrees)
        - `words_for`, `words_against`: words that pull most toward the prediction and away from it,
          by Shapley values; missing where the review is not explained, and everywhere if the
          estimator cannot be explained, for the reason in `attrs["not_explained"]`
        - `snippet`: beginning of the visible text

    Raises
    ------
    ValueError
        If y contains labels that the model never saw, X and y differ in length, a further column
        of X has the name of one above, or a parameter is invalid.
    TypeError
        If the estimator has no `predict_proba` or reads no text.
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
    progress = Progress(verbose, "error_table")
    progress("Reading the reviews")
    reviews = read_reviews(estimator, X, text_column)
    progress(f"Predicting {len(reviews):,} reviews")
    evaluation = evaluate(reviews, y)
    n = len(evaluation)
    order = np.argsort(-evaluation.loss, kind="stable")
    not_explained = reviews.why_not_explained()
    explained = order[: n if n_explained is None else n_explained]
    if not_explained:
        explained = explained[:0]
    toward: list = [None] * n
    away: list = [None] * n
    progress(f"Explaining {len(explained):,} reviews")
    maps = heat_maps(reviews, explained, evaluation.predicted[explained])
    for row, heat_map in zip(explained.tolist(), maps, strict=True):
        toward[row], away[row] = strongest_words(heat_map, n_words)
    table = pandas.DataFrame(
        {
            "truth": as_series(evaluation.classes[evaluation.truth]),
            "prediction": as_series(evaluation.classes[evaluation.predicted]),
            "probability": evaluation.proba.max(axis=1),
            "loss": evaluation.loss,
            "row": np.arange(n),
            "length": reviews.length,
            "oov_count": reviews.oov_count,
            "oov_rate": reviews.oov_rate,
            "truncated": reviews.truncated,
            "label_quality": evaluation.label_quality,
            "words_for": toward,
            "words_against": away,
            "snippet": [reviews.snippet(row, snippet_length) for row in range(n)],
        }
    )
    clashing = [name for name in reviews.columns if name in table]
    if clashing:
        raise ValueError(f"Columns of X have names that the table needs: {clashing}. Rename them.")
    for name, values in reviews.columns.items():  # the words stay last, where pandas prints them
        table.insert(table.columns.get_loc("words_for"), name, values)
    if not_explained:
        table.attrs["not_explained"] = not_explained
    progress.done()
    return named_rows(table, reviews.index).iloc[order]
