"""NgramRegression: a second opinion on labels, quick and of another kind than neural networks."""

from typing import Any

import numpy as np
import scipy.sparse
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from sentilib._ngrams import Ngrams, bags
from sentilib._token_ids import as_token_ids

_LONGEST, _LEAST_ROWS, _MOST = 3, 2, 1_000_000  # of n-grams: words, rows that hold one, number
_C = 10.0


class NgramRegression(ClassifierMixin, BaseEstimator):
    """Logistic regression on which n-grams a row of token ids holds, weighted by naive Bayes.

    An n-gram that a row holds counts by the log ratio of its shares in a class and in the others,
    and rows are scaled to length 1 (Wang & Manning, Baselines and Bigrams, ACL 2012, section 2;
    here with logistic regression instead of a support vector machine). Of more than two classes
    each is set against the others.
    """

    def fit(self, X: Any, y: Any) -> "NgramRegression":
        """Learn from token ids and labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens), int
            Token ids.
        y : array-like of shape (n_samples,)
            Labels, at least two different ones.
        """
        X = as_token_ids(np.asarray(X))
        self.classes_, codes = np.unique(y, return_inverse=True)
        self._ngrams = Ngrams((1, _LONGEST), _LEAST_ROWS, _MOST).learn(X)
        held = self._held(X)
        n_rows = np.bincount(held.indices, minlength=held.shape[1])
        self._kept = np.flatnonzero(n_rows >= _LEAST_ROWS)
        held = held[:, self._kept]
        self._ratios, self._models = [], []
        for k in range(len(self.classes_))[len(self.classes_) == 2 :]:
            inside = codes == k
            counts = [1 + held[rows].sum(axis=0) for rows in (inside, ~inside)]
            shares = [count / count.sum() for count in counts]
            ratio = np.log(shares[0]) - np.log(shares[1])
            self._ratios.append(ratio)
            model = LogisticRegression(C=_C, max_iter=300)
            self._models.append(model.fit(_weighted(held, ratio), inside))
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens), int
            Token ids.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            Columns in the order of `classes_`.
        """
        held = self._held(as_token_ids(np.asarray(X)))[:, self._kept]
        inside = np.column_stack(
            [
                expit(model.decision_function(_weighted(held, ratio)))
                for model, ratio in zip(self._models, self._ratios, strict=True)
            ]
        )
        if len(self.classes_) == 2:
            return np.hstack([1 - inside, inside])
        return inside / inside.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """Most probable class of each row of token ids."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _held(self, X: np.ndarray) -> scipy.sparse.csr_array:
        """Which n-grams each row holds, 1 or 0."""
        held = bags(self._ngrams.terms(X), len(self._ngrams), np.ones(len(X)))
        held.data = np.ones(len(held.data))
        return held


def _weighted(held: scipy.sparse.csr_array, ratio: np.ndarray) -> scipy.sparse.csr_array:
    return normalize(held * ratio)
