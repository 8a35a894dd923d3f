"""Models of other kinds than neural networks, to be asked about labels too."""

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, normalize
from sklearn.utils.extmath import randomized_svd

from sentilib._ids import PAD
from sentilib._ngrams._dictionary import Ngrams, bags

# Chosen on IMDB reviews with flipped labels, see benchmarks/ATTEMPTS.md.
_LONGEST, _LEAST_ROWS, _MOST = 3, 2, 1_000_000  # of n-grams: words, rows that hold one, number
_ENDING = 50  # tokens; there reviews conclude
_N_TOPICS = 300


class LogCountRatios(TransformerMixin, BaseEstimator):
    """Weight each column by the log ratio of its shares in the last class and in the others.

    Wang & Manning, Baselines and Bigrams: Simple, Good Sentiment and Topic Classification, ACL
    2012, section 2.
    """

    def fit(self, X: Any, y: Any) -> "LogCountRatios":
        """Count.

        Parameters
        ----------
        X : sparse array of shape (n_samples, n_columns)
            1 where a row holds what a column stands for.
        y : ndarray of shape (n_samples,)
            Labels of two classes.
        """
        inside = y == np.max(y)
        counts = [1 + np.asarray(X[rows].sum(axis=0)).ravel() for rows in (inside, ~inside)]
        shares = [count / count.sum() for count in counts]
        self.ratios_ = np.log(shares[0]) - np.log(shares[1])
        return self

    def transform(self, X: Any) -> Any:
        """Weight.

        Parameters
        ----------
        X : sparse array of shape (n_samples, n_columns)
            As in `fit`.

        Returns
        -------
        sparse array of shape (n_samples, n_columns)
            Its columns times their ratios.
        """
        return X @ scipy.sparse.diags_array(self.ratios_)


def second_opinions(ids: np.ndarray) -> list[tuple[Any, Any]]:
    """Give classifiers, each with what it reads of rows of token ids.

    One weighs n-grams by naive Bayes, those of a row's ending apart; of more than two classes each
    is set against the others. One reads topics. What they read is made without labels, of all rows
    at once.
    """
    ngrams = make_pipeline(
        LogCountRatios(), Normalizer(), LogisticRegression(C=10, max_iter=300, tol=1e-3)
    )
    before_end = np.cumsum((ids != PAD)[:, ::-1], axis=1)[:, ::-1]
    endings = np.where(before_end <= _ENDING, ids, PAD)
    held = scipy.sparse.hstack([_held(_counts(part, _LONGEST)) for part in (ids, endings)])
    topics = LogisticRegression(C=3, max_iter=300)
    return [(OneVsRestClassifier(ngrams), held.tocsr()), (topics, _topics(_counts(ids, 1)))]


def _counts(ids: np.ndarray, longest: int) -> scipy.sparse.csr_array:
    """How often each row holds each n-gram."""
    ngrams = Ngrams((1, longest), _LEAST_ROWS, _MOST).learn(ids)
    counts = bags(ngrams.terms(ids), len(ngrams), np.ones(len(ids)))
    n_rows = np.bincount(counts.indices, minlength=counts.shape[1])
    n_rows[0] = _LEAST_ROWS  # the unknown word, which no n-gram holds, is the least to stay
    return counts[:, np.flatnonzero(n_rows >= _LEAST_ROWS)].astype(np.float64)


def _held(counts: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
    return (counts > 0).astype(np.float64)


def _topics(counts: scipy.sparse.csr_array) -> np.ndarray:
    """Latent semantics (Deerwester et al., 1990): principal directions of weighted word counts."""
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    n_topics = min(_N_TOPICS, *(size - 1 for size in weighted.shape))
    if n_topics < 1:
        return weighted.toarray()
    _, _, directions = randomized_svd(weighted, n_topics, n_iter=2, random_state=0)
    return normalize(weighted @ directions.T)
