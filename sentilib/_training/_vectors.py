"""What pretrained word vectors say about the classes, beside the layers of the Dense model.

Logistic regression on the mean vector of a row gives each word a contribution to the logits, also
words that training never saw. Training reads it like an n-gram that is in every row, with a factor
that it learns. Afterwards it becomes units of the layers, so that the tables, the textbook graph
and files are those of a wider model.
"""

import warnings
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from scipy.optimize import minimize

from sentilib._ids import FIRST_WORD
from sentilib._ngrams._dictionary import centred
from sentilib._tables._ngram_table import factor_of
from sentilib._tables._softmax import log_softmax

# Cross-validation takes weaker ones until other folds are predicted less well: 0.1 is usual with
# few classes, 0.003 with a hundred.
_PENALTIES = 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001
_N_JUDGES = 1_000  # rows that suffice to choose
_MIN_OVERLAP = 0.5


class VectorTerm(NamedTuple):
    """Contribution of each id to the logits, and that to the training rows from other folds."""

    words: np.ndarray  # float32 (n_ids, n_columns)
    rows: np.ndarray  # float32 (n_rows, n_columns)

    def beside(
        self, bag: scipy.sparse.csr_array, shares: scipy.sparse.csr_array | None = None
    ) -> scipy.sparse.csr_array:
        """Append a column to the evidence of n-grams, of the training rows or of other rows."""
        values = self.rows if shares is None else shares @ self.words
        column = scipy.sparse.csr_array(np.ascontiguousarray(values, np.float32).reshape(-1, 1))
        return scipy.sparse.csr_array(scipy.sparse.hstack([bag, column], format="csr"))

    def folded(self, architecture: Any, weights: dict[str, np.ndarray]) -> tuple[Any, Any]:
        """Return layers with units for the contribution of words, and the weights without it."""
        deviation = weights["ngram_deviation"]
        part = self.words * factor_of(deviation[-1, 0])
        layers = widened(architecture, part.shape[1])
        return layers, {**_wider(weights, part), "ngram_deviation": deviation[:-1]}


def widened(architecture: Any, n: int) -> Any:
    """Return layers with n more dimensions, and two units for each."""
    return replace(
        architecture,
        embedding_dim=architecture.embedding_dim + n,
        hidden_units=architecture.hidden_units + 2 * n,
        vector_dims=n,
    )


def _wider(weights: dict[str, np.ndarray], part: np.ndarray) -> dict[str, np.ndarray]:
    """Add units that pass on the contribution of words: relu(x) - relu(-x) is x."""
    kernel, head = weights["hidden_kernel"], weights["head"]
    n = part.shape[1]
    sign = np.array([1, -1], dtype=np.float32)
    to_units = np.kron(np.eye(n, dtype=np.float32), sign)
    to_classes = np.eye(n, dtype=np.float32) if n > 1 else np.array([[-0.5, 0.5]], np.float32)
    wide = np.zeros((kernel.shape[0] + n, kernel.shape[1] + 2 * n), dtype=np.float32)
    wide[: kernel.shape[0], : kernel.shape[1]] = kernel
    wide[kernel.shape[0] :, kernel.shape[1] :] = to_units
    return {
        **weights,
        "embedding": np.hstack([weights["embedding"], part.astype(np.float32)]),
        "hidden_kernel": wide,
        "hidden_bias": np.append(weights["hidden_bias"], np.zeros(2 * n, np.float32)),
        "head": np.vstack([head, to_units.T @ to_classes]).astype(np.float32),
    }


def learn(
    bags: scipy.sparse.csr_array,
    matrix: np.ndarray,
    labels: np.ndarray,
    weight: np.ndarray,
    folds: np.ndarray,
    n_classes: int,
) -> VectorTerm:
    """Learn the contribution of words from the mean vectors of rows.

    Parameters
    ----------
    bags : csr_array of shape (n_rows, n_ids)
        Share of each id in each row.
    matrix : ndarray of shape (n_words, n_dimensions), float32
        Vectors of the ids from the first word on; further ids have none.
    labels, weight, folds : ndarray of shape (n_rows,)
        Class, weight and fold of each row.
    n_classes : int
        Number of classes.

    Returns
    -------
    VectorTerm
    """
    _check_ids(bags, len(matrix))
    vectors = matrix.astype(np.float64)
    vectors -= vectors.mean(axis=0)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    means = np.asarray(bags[:, FIRST_WORD : FIRST_WORD + len(matrix)] @ vectors)
    size = np.sqrt((means**2).sum(axis=1).mean()) or 1.0
    means /= size
    targets = np.zeros((len(labels), n_classes))
    targets[np.arange(len(labels)), labels] = weight
    prior = np.log((targets.sum(axis=0) / targets.sum()).clip(1e-9))
    spread, directions = np.linalg.eigh(means.T @ means)
    means = means @ directions
    curvature = np.maximum(spread, 0.0) / (2 * n_classes)
    parts = [folds == fold for fold in np.unique(folds)]
    n_judging = 1 + int(np.searchsorted(np.cumsum([part.sum() for part in parts]), _N_JUDGES))
    judges = np.logical_or.reduce(parts[:n_judging])

    def without(rows: np.ndarray, start: np.ndarray) -> np.ndarray:
        return _fitted(means[~rows], targets[~rows], prior, penalty, curvature, start)

    starts = [np.zeros((len(spread), n_classes))] * len(parts)
    best = np.inf
    for penalty in _PENALTIES:
        trial = np.zeros_like(targets)
        for k, part in enumerate(parts[:n_judging]):
            starts[k] = without(part, starts[k])
            trial[part] = means[part] @ starts[k]
        loss = -(targets * log_softmax(trial + prior))[judges].sum()
        if loss >= best:
            break
        best, chosen, logits = loss, penalty, trial
    penalty = chosen
    for part in parts[n_judging:]:
        logits[part] = means[part] @ without(part, starts[0])
    fitted = without(np.zeros(len(labels), dtype=bool), starts[0])
    of_words = vectors @ (directions @ fitted) / size
    words = np.zeros((bags.shape[1], n_classes))
    words[FIRST_WORD : FIRST_WORD + len(matrix)] = of_words
    return VectorTerm(_columns(words), _columns(logits))


def _columns(logits: np.ndarray) -> np.ndarray:
    """Return logits as n-grams have them: the margin of two classes, else centred."""
    columns = logits[:, 1:] - logits[:, :1] if logits.shape[1] == 2 else centred(logits)
    return columns.astype(np.float32)


def _fitted(
    means: np.ndarray,
    targets: np.ndarray,
    prior: np.ndarray,
    penalty: float,
    curvature: np.ndarray,
    start: np.ndarray,
) -> np.ndarray:
    """Return the weights of logistic regression with a ridge penalty and a given intercept.

    Columns of `means` are orthogonal but for the rows that a fold lacks. Divided by the root of the
    loss's curvature along them, L-BFGS needs a sixth of the iterations.
    """
    scale = 1 / np.sqrt(curvature + penalty)[:, None]
    scaled, ridge = means * scale.T, penalty * scale**2
    weight = targets.sum(axis=1, keepdims=True)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(start.shape)
        log_proba = log_softmax(scaled @ weights + prior)
        gradient = scaled.T @ (weight * np.exp(log_proba) - targets) + ridge * weights
        value = -(targets * log_proba).sum() + (ridge * weights**2).sum() / 2
        return value, gradient.ravel()

    options = {"maxiter": 60, "ftol": 1e-6, "gtol": 1e-4}
    found = minimize(loss, (start / scale).ravel(), jac=True, method="L-BFGS-B", options=options)
    return found.x.reshape(start.shape) * scale


def _check_ids(bags: scipy.sparse.csr_array, n_words: int) -> None:
    """Raise ValueError if ids are not in the order of the vectors; warn if few words have one."""
    share = np.asarray(bags.sum(axis=0)).ravel()
    present = np.flatnonzero(share[FIRST_WORD:])
    is_dense = len(present) and len(present) == present[-1] + 1
    if is_dense and present[-1] + 1 < n_words and len(present) > 100:
        raise ValueError(
            f"X contains every id from {FIRST_WORD} to {present[-1] + FIRST_WORD}, so the ids are "
            "in the order of a vocabulary learnt from the texts, not in that of the vectors. Pass "
            "the same vectors to HTMLTokenizer(vectors=...) too."
        )
    overlap = share[FIRST_WORD : FIRST_WORD + n_words].sum() / max(share[FIRST_WORD:].sum(), 1e-12)
    if overlap < _MIN_OVERLAP:
        warnings.warn(
            f"Only {overlap:.0%} of the tokens are among the {n_words} words of the vectors, which "
            "may be of another language, or of other casing.",
            stacklevel=2,
        )
