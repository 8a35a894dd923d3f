"""Models of other kinds than neural networks, for second opinions about labels."""

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
from sentilib._ngrams._bags import bags
from sentilib._ngrams._dictionary import NgramDictionary

# Chosen on IMDB reviews with flipped labels, see benchmarks/ATTEMPTS.md.
_MAX_WORDS, _MIN_ROWS, _MAX_NGRAMS = 3, 2, 1_000_000  # words per n-gram, rows with it, n-grams
_ENDING = 50  # tokens at the end of a review, where it concludes
_N_TOPICS = 300


class LogCountRatios(TransformerMixin, BaseEstimator):
    """Weight each column by the log ratio of its shares in the last class and in the others.

    Wang & Manning, Baselines and Bigrams: Simple, Good Sentiment and Topic Classification, ACL
    2012, section 2.
    """

    def fit(self, X: Any, y: Any) -> "LogCountRatios":
        """Compute the ratios.

        Parameters
        ----------
        X : sparse array of shape (n_samples, n_columns)
            1 where a row contains the n-gram of a column.
        y : ndarray of shape (n_samples,)
            Labels of two classes.

        Returns
        -------
        LogCountRatios
            Fitted transformer.
        """
        inside = y == np.max(y)
        counts = [1 + np.asarray(X[rows].sum(axis=0)).ravel() for rows in (inside, ~inside)]
        shares = [count / count.sum() for count in counts]
        self.ratios_ = np.log(shares[0]) - np.log(shares[1])
        return self

    def transform(self, X: Any) -> Any:
        """Weight the columns.

        Parameters
        ----------
        X : sparse array of shape (n_samples, n_columns)
            As in `fit`.

        Returns
        -------
        sparse array of shape (n_samples, n_columns)
            Columns of X times their ratios.
        """
        return X @ scipy.sparse.diags_array(self.ratios_)


def second_opinions(ids: np.ndarray) -> list[tuple[Any, Any]]:
    """Return classifiers, each with its input, made of rows of token ids.

    The first is one-vs-rest logistic regression on n-grams weighted by naive-Bayes ratios; n-grams
    of the last 50 tokens are separate columns. The second is logistic regression on latent topics.
    Inputs are made of all rows at once, without labels.
    """
    ngrams = make_pipeline(
        LogCountRatios(),
        Normalizer().set_output(transform="default"),
        LogisticRegression(C=10, max_iter=300, tol=1e-3),
    )
    before_end = np.cumsum((ids != PAD)[:, ::-1], axis=1)[:, ::-1]
    endings = np.where(before_end <= _ENDING, ids, PAD)
    present = scipy.sparse.hstack([_presence(_counts(part, _MAX_WORDS)) for part in (ids, endings)])
    topics = LogisticRegression(C=3, max_iter=300)
    return [(OneVsRestClassifier(ngrams), present.tocsr()), (topics, _topics(_counts(ids, 1)))]


def _counts(ids: np.ndarray, max_words: int) -> scipy.sparse.csr_array:
    """Count each n-gram of up to `max_words` words in each row."""
    ngrams = NgramDictionary((1, max_words), _MIN_ROWS, _MAX_NGRAMS).learn(ids)
    counts = bags(ngrams.terms(ids), len(ngrams), np.ones(len(ids)))
    n_rows = np.bincount(counts.indices, minlength=counts.shape[1])
    n_rows[0] = _MIN_ROWS  # the unknown word always stays, so that there is a column at least
    return counts[:, np.flatnonzero(n_rows >= _MIN_ROWS)].astype(np.float64)


def _presence(counts: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
    return (counts > 0).astype(np.float64)


def _topics(counts: scipy.sparse.csr_array) -> np.ndarray:
    """Project weighted word counts to their principal directions (Deerwester et al., 1990)."""
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    n_topics = min(_N_TOPICS, *(size - 1 for size in weighted.shape))
    if n_topics < 1:
        return weighted.toarray()
    _, _, directions = randomized_svd(weighted, n_topics, n_iter=2, random_state=0)
    return normalize(weighted @ directions.T)
