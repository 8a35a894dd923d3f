"""Simple models beside the model, which show whether it is worth its cost."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from sentilib._pipelines import Reviews
from sentilib.inspection._measures._evaluation import Evaluation
from sentilib.inspection._measures._statistics import mcnemar, mean_interval, share_interval
from sentilib.inspection._measures._training_data import TrainingData

_LINEAR = "TF-IDF + LogisticRegression"
_MANY = 1000  # training reviews, from which on a word of only one of them is ignored


def baselines(
    reviews: Reviews,
    evaluation: Evaluation,
    training: TrainingData | None,
    confidence_level: float,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Compare the model with the most frequent class, and with a linear model of n-grams.

    Parameters
    ----------
    reviews, evaluation
        Evaluated reviews and their predictions.
    training : TrainingData or None
        Training reviews, which the baselines are fitted on. Without them, the only baseline is the
        most frequent class of the evaluated reviews.
    confidence_level : float
        Confidence level of the intervals.
    progress : callable
        Receives a line before the step that takes long.

    Returns
    -------
    dict
        Rows of the table, the sentences of the comparison, and a note about the training reviews.
    """
    truth = evaluation.truth if training is None else training.truth
    shares = np.bincount(truth, minlength=len(evaluation.classes)) / len(truth)
    labels = evaluation.classes[evaluation.truth]
    others = {
        f"Most frequent class: {evaluation.classes[shares.argmax()]}": Evaluation.of(
            evaluation.classes, labels, np.tile(shares, (len(evaluation), 1))
        )
    }
    note = ""
    if training is None:
        note = (
            "The most frequent class is that of the evaluated reviews. With the training reviews, "
            f"report(..., X_train=, y_train=), {_LINEAR} is compared as well."
        )
    elif np.count_nonzero(shares) < 2:
        note = f"The training reviews have one label only, from which no {_LINEAR} can be learnt."
    else:
        progress(f"Fitting {_LINEAR} to {len(training):,} reviews")
        proba = _linear(training, reviews, len(evaluation.classes))
        if proba is None:
            note = f"The training reviews have no words that {_LINEAR} could learn."
        else:
            others[_LINEAR] = Evaluation.of(evaluation.classes, labels, proba)
    return {
        "rows": [
            _row(name, side, confidence_level)
            for name, side in {reviews.parts.name: evaluation, **others}.items()
        ],
        "comparisons": [
            {"name": name, **_difference(evaluation, other, confidence_level)}
            for name, other in others.items()
        ],
        "note": note,
    }


def _linear(training: TrainingData, reviews: Reviews, n_classes: int) -> np.ndarray | None:
    """Return the probabilities of a linear model of the same words, single ones and pairs.

    None means that the training reviews contain no words.
    """
    vectorizer = TfidfVectorizer(
        tokenizer=list,
        token_pattern=None,
        lowercase=False,
        ngram_range=(1, 2),
        min_df=2 if len(training) >= _MANY else 1,
        sublinear_tf=True,
        dtype=np.float32,
    )
    try:
        vectors = vectorizer.fit_transform(_words(training.reviews))
    except ValueError:  # an empty vocabulary
        return None
    model = LogisticRegression(C=10.0, max_iter=1000).fit(vectors, training.truth)
    proba = np.zeros((len(reviews), n_classes))
    proba[:, model.classes_] = model.predict_proba(vectorizer.transform(_words(reviews)))
    return proba


def _words(reviews: Reviews) -> Iterator[list[str]]:
    """Yield the words of each review, none of which is cut off; of ids, their names."""
    reading = reviews.reading
    for row in range(len(reviews)):
        if reading is None:
            yield reviews.names_of(row)
        else:
            yield reading.words[reading.numbers_of(row)].tolist()


def _row(name: str, side: Evaluation, level: float) -> dict[str, Any]:
    correct = int(side.correct.sum())
    return {
        "name": name,
        "accuracy": correct / len(side),
        "accuracy_interval": share_interval(correct, len(side), level),
        "loss": float(side.loss.mean()),
        "loss_interval": mean_interval(side.loss, level),
    }


def _difference(model: Evaluation, other: Evaluation, level: float) -> dict[str, Any]:
    """Return the paired difference of accuracy and loss, model minus baseline."""
    difference = model.correct.astype(float) - other.correct
    low, high = mean_interval(difference, level)
    only_model, only_other, pvalue = mcnemar(model.correct, other.correct)
    return {
        "difference": float(difference.mean()),
        "low": low,
        "high": high,
        "loss": float((model.loss - other.loss).mean()),
        "loss_interval": mean_interval(model.loss - other.loss, level),
        "only_model": only_model,
        "only_other": only_other,
        "pvalue": pvalue,
    }
