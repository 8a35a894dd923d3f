"""TokenShapExplainer: Shapley values of the words of reviews."""

from itertools import chain
from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from sentilib._compiled._threads import in_threads
from sentilib._conv_classifier import ConvSentimentClassifier
from sentilib._ids import OOV, PAD, count_tokens
from sentilib._pipelines import Parts, Reviews
from sentilib._sklearn import Interval, StrOptions
from sentilib.explain._explanation import TokenExplanation, TokenInteractions, ragged
from sentilib.explain._games._baseline import BaselineModel, ngrams_of
from sentilib.explain._games._permutation import PermutationSampling
from sentilib.explain._games._sum import SumOfGames
from sentilib.explain._games._windows import MAX_RECEPTIVE_FIELD, receptive_field
from sentilib.explain._players import players

_TOLERANCE = 1e-8  # of the scale of a row's output; rounding stays far below
_IDS_AT_ONCE = 2**16  # what is computed from them stays in the cache


class TokenShapExplainer(BaseEstimator):
    """Say how much each word of a review moved the prediction: Shapley values, mostly exact.

    The players are the tokens of a review that reach the classifier; where a token is absent, a
    baseline stands in its place. A review's values and its base value add up to its output.
    Values are exact, and cost about as much as some predictions, for the margin of

    - DenseSentimentClassifier, which adds up what words, and n-grams of them, contribute;
    - ConvSentimentClassifier with average pooling and a receptive field of up to 10 words, which
      adds up small games (see Notes) and what n-grams contribute.

    Anything else is estimated by sampling orders of words, with standard errors.

    Parameters
    ----------
    estimator : DenseSentimentClassifier, ConvSentimentClassifier or Pipeline
        Fitted. A pipeline ends in one of them; if it starts with an HTMLTokenizer, raw texts can
        be explained. Of a fitted search its best estimator is explained, of a
        :class:`~sklearn.frozen.FrozenEstimator` what it contains.
    baseline : {"oov", "pad", "mean"} or int, default="oov"
        What stands in the place of an absent word: the unknown word; padding, which with
        `mask_padding=True` shortens the review; the mean word, weighted by document frequency
        where there is a tokenizer that counted, else the mean of all words seen in training (the
        Dense model then meets a random word, the CNN the mean embedding); or the word of that id.
        Values answer "why this rather than the baseline", so they differ between baselines.
    method : {"auto", "exact", "permutation"}, default="auto"
        `"auto"` is exact where that is possible, else it samples permutations.
    output : {"margin", "probability"}, default="margin"
        What is explained: the margin of the logits (with two classes the log-odds, as
        `decision_function` returns it, else the logit of each class), or the probability (with two
        classes of the second one). Probabilities are always sampled.
    batch_size : int or "auto", default="auto"
        Rows at a time; bounds memory, never changes values.
    n_permutations : int, default=10
        Random orders of each review, where orders are sampled; each is walked in both directions.
    random_state : int, RandomState instance or None, default=None
        Determines the random orders.
    n_jobs : int or None, default=None
        Threads to share rows, and raw texts, among. None means 1 unless in a
        :obj:`joblib.parallel_config` context, -1 all processors. Never changes values.

    Attributes
    ----------
    method_ : {"exact", "permutation"}
        How the last values were found.
    is_exact_ : bool
        Whether they are exact.
    additivity_error_ : ndarray of shape (n_samples,), float64
        Largest difference of each review between its output, as the estimator predicts it, and
        its base value plus its values, relative to max(1, abs(output)).

    Notes
    -----
    With average pooling the margin of a CNN is a sum over positions of games of the few words that
    the position sees. Shapley values are linear in games, so each is solved from a table of all
    its coalitions (128 for three layers of kernel size 3), and units of inner layers share theirs.

    References
    ----------
    L. S. Shapley, "A Value for n-Person Games", 1953.
    M. Sundararajan, A. Najmi, "The Many Shapley Values for Model Explanation", ICML 2020, section
    3 (baseline Shapley).
    F. Fumagalli et al., "Exact Computation of Any-Order Shapley Interactions for Graph Neural
    Networks", ICLR 2025, theorem 3.3 (values cost what the receptive field costs).

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sentilib import DenseSentimentClassifier, HTMLTokenizer, TokenShapExplainer
    >>> from sentilib.datasets import make_reviews
    >>> reviews, labels = make_reviews(500, length=40, random_state=0)
    >>> pipe = make_pipeline(
    ...     HTMLTokenizer(max_length=100), DenseSentimentClassifier(random_state=0)
    ... ).fit(reviews, labels)
    >>> explainer = TokenShapExplainer(pipe)
    >>> explanation = explainer(["What a <b>superb</b> film!"])
    >>> explanation.feature_names[0]
    ['what', 'a', 'superb', 'film', '!']
    >>> explanation.data[0]
    ['What ', 'a ', 'superb ', 'film', '!']
    >>> margin = pipe.decision_function(["What a <b>superb</b> film!"])
    >>> bool(abs(explanation.base_values[0] + explanation.values[0].sum() - margin[0]) < 1e-12)
    True
    """

    _parameter_constraints: dict = {
        "estimator": [object],
        "baseline": [
            StrOptions({"oov", "pad", "mean"}),
            Interval(Integral, 0, None, closed="left"),
        ],
        "method": [StrOptions({"auto", "exact", "permutation"})],
        "output": [StrOptions({"margin", "probability"})],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "n_permutations": [Interval(Integral, 2, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    method_: str
    is_exact_: bool
    additivity_error_: np.ndarray

    def __init__(
        self,
        estimator,
        *,
        baseline="oov",
        method="auto",
        output="margin",
        batch_size="auto",
        n_permutations=10,
        random_state=None,
        n_jobs=None,
    ):
        self.estimator = estimator
        self.baseline = baseline
        self.method = method
        self.output = output
        self.batch_size = batch_size
        self.n_permutations = n_permutations
        self.random_state = random_state
        self.n_jobs = n_jobs

    def __call__(self, X: Any) -> Any:
        """Explain reviews.

        Parameters
        ----------
        X : iterable of str, or array-like of shape (n_samples, n_tokens), int
            Raw texts, for a pipeline that starts with an HTMLTokenizer; or ids as the classifier
            reads them.

        Returns
        -------
        shap.Explanation
            `values`, an object array with one array of shape (n_tokens,) or, with more than two
            classes, (n_tokens, n_classes) for each review, float64; `base_values` of shape
            (n_samples,) or (n_samples, n_classes); `feature_names`, the tokens;
            `data`, for texts the visible text cut at each word's beginning, so that joined it is
            the text again; `display_data`, the words alone as they stand in the text;
            `error_std` like `values` where orders are sampled. For ids, all words are names of
            ids. Without shap a `TokenExplanation` with the same attributes.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator does not end in a classifier of this library.
        ValueError
            If X is not valid, or `method="exact"` is not possible.
        RuntimeError
            If values do not add up to the prediction.

        Notes
        -----
        Making shap's object takes a millisecond or two for each review, which can be longer than
        explaining it: for many reviews see `explain`.
        """
        return self.explain(X).to_shap()

    def explain(self, X: Any) -> TokenExplanation:
        """Explain reviews without shap: the way to explain many.

        Parameters
        ----------
        X : iterable of str, or array-like of shape (n_samples, n_tokens), int
            As in a call.

        Returns
        -------
        TokenExplanation
            The same numbers and words under the same names; its `to_shap` makes the rest.
        """
        return self._explain(self._read(X))

    def _explain(self, reviews: Reviews, rows: np.ndarray | None = None) -> TokenExplanation:
        """Explain reviews that were read, or some rows of them."""
        parts, words = reviews.parts, players(reviews, rows)
        ids = reviews.known_ids if rows is None else reviews.known_ids[rows]
        reason = self._why_not_exact(parts.classifier)
        if self.method == "exact" and reason is not None:
            raise ValueError(f"method='exact' is not possible: {reason}")
        is_exact = reason is None and self.method != "permutation"
        model = self._model(parts)
        game: Any = self._game(model) if is_exact else self._sampling(model)

        base_values = model.base_values(ids)

        def explain_rows(rows: slice) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
            if is_exact:
                values, errors = game.shapley(ids[rows]), None
            else:
                values, errors = game.shapley(ids[rows], rows.start)
            check = _additivity_errors(model, ids[rows], values, base_values[rows], rows.start)
            return values, errors, check

        chunks = in_threads(explain_rows, self._chunks(ids), effective_n_jobs(self.n_jobs))
        values, errors, checks = zip(*chunks, strict=True)
        self.additivity_error_ = np.concatenate(checks)
        self.method_ = "exact" if is_exact else "permutation"
        self.is_exact_ = is_exact

        starts = np.concatenate([[0], np.cumsum(count_tokens(ids))])

        def by_row(flat: Any) -> np.ndarray:
            whole = np.concatenate(flat)
            return ragged(whole[:, 0] if model.n_outputs == 1 else whole, starts)

        return TokenExplanation(
            by_row(values),
            base_values[:, 0] if model.n_outputs == 1 else base_values,
            _object_array(words.segments),
            _object_array(words.words),
            words.tokens,
            self._output_names(parts),
            None if is_exact else by_row(errors),
        )

    def interactions(self, X: Any) -> TokenInteractions:
        """Exact pairwise Shapley interactions: which words change each other's meaning.

        Parameters
        ----------
        X : iterable of str, or array-like of shape (n_samples, n_tokens), int
            As in a call.

        Returns
        -------
        TokenInteractions
            `values[i][k]` is the symmetric sparse matrix of review i and output k: the Shapley
            interaction index (Grabisch & Roubens, 1999), in the unit of the margin. Words of a CNN
            interact within its receptive field, and of either model within n-grams.

        Raises
        ------
        ValueError
            If exact values are not possible, or all words interact because absent ones shorten the
            review: `baseline="pad"` with `mask_padding=True` or n-grams.
        """
        reviews = self._read(X)
        parts, ids, words = reviews.parts, reviews.known_ids, players(reviews)
        reason = self._why_not_exact(parts.classifier)
        if reason is not None:
            raise ValueError(f"Interactions are computed exactly or not at all: {reason}")
        model = self._model(parts)
        if model.deletes or (model.ngrams is not None and model.baseline == PAD):
            raise ValueError(
                "With baseline='pad' absent words shorten the review, so "
                "that every word interacts with every other. Use baseline='oov' or 'mean'."
            )
        game = self._game(model)
        chunks = in_threads(
            lambda rows: _interaction_matrices(game, ids[rows]),
            self._chunks(ids),
            effective_n_jobs(self.n_jobs),
        )
        return TokenInteractions(
            list(chain.from_iterable(chunks)),
            words.segments,
            words.words,
            words.tokens,
            self._output_names(parts),
        )

    def _read(self, X: Any) -> Reviews:
        self._validate_params()
        parts = Parts.of(self.estimator)
        parts.check_explained()
        parts.check_fitted()
        return Reviews.read(parts, X, self.n_jobs)

    def _model(self, parts: Parts) -> BaselineModel:
        """Tables are kept until the classifier is fitted again or a parameter changes."""
        key = (self.baseline, self.output)
        kept = getattr(self, "_kept", None)
        if kept is None or kept[0] != key or kept[1].weights is not parts.classifier._weights:
            weights = parts.word_weights() if self.baseline == "mean" else np.empty(0)
            model = BaselineModel(parts.classifier, self.baseline, weights, self.output)
            self._kept: tuple[Any, BaselineModel, Any] = (key, model, None)
        return self._kept[1]

    def _game(self, model: BaselineModel) -> SumOfGames:
        key, _, game = self._kept
        if game is None:
            game = SumOfGames(model)
            self._kept = (key, model, game)
        return game

    def _sampling(self, model: BaselineModel) -> PermutationSampling:
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        return PermutationSampling(model, self.n_permutations, seed)

    def _why_not_exact(self, classifier: Any) -> str | None:
        if self.output == "probability":
            return (
                "probabilities are not additive over words. Use output='margin', or sample: "
                "method='permutation'."
            )
        if isinstance(classifier, ConvSentimentClassifier):
            if classifier.pooling == "max":
                return (
                    "with pooling='max' every word competes with every other. Use "
                    "method='permutation', or fit with pooling='average'."
                )
            if (size := receptive_field(classifier)) > MAX_RECEPTIVE_FIELD:
                return (
                    f"a unit of the last convolution sees {size} words, and tables of "
                    f"2**{size} coalitions are too large (at most {MAX_RECEPTIVE_FIELD} words). "
                    "Use method='permutation', or fewer blocks or a smaller kernel_size."
                )
        is_word = not isinstance(self.baseline, str) and self.baseline > OOV
        if is_word and ngrams_of(classifier) is not None:
            return (
                f"the word of baseline={self.baseline} forms n-grams with its neighbours. Use "
                "baseline='oov', 'pad' or 'mean', or method='permutation'."
            )
        return None

    def _output_names(self, parts: Parts) -> str | list[str]:
        classes = [str(c) for c in parts.classifier.classes_.tolist()]
        what = "log-odds" if self.output == "margin" else "probability"
        return f"{what} of {classes[1]}" if len(classes) == 2 else classes

    def _chunks(self, ids: np.ndarray) -> list[slice]:
        n_rows = self.batch_size
        if n_rows == "auto":
            each = -(-len(ids) // (4 * effective_n_jobs(self.n_jobs)))  # of four chunks a thread
            n_rows = max(1, min(_IDS_AT_ONCE // ids.shape[1], each))
        return [slice(start, start + n_rows) for start in range(0, len(ids), n_rows)]


def _additivity_errors(
    model: BaselineModel,
    ids: np.ndarray,
    values: np.ndarray,
    base_values: np.ndarray,
    first_row: int,
) -> np.ndarray:
    """Check that values and base value of each row add up to its output."""
    from sentilib.explain._games import _additive_kernels

    outputs = model.outputs(ids)
    sums, sizes = np.empty((2, *outputs.shape))
    _additive_kernels.row_sums(values, count_tokens(ids), sums, sizes)
    differences = np.abs(base_values + sums - outputs)
    scale = np.maximum(1, np.abs(outputs))
    broken = ~(differences <= _TOLERANCE * np.maximum(scale, sizes)).all(axis=1)
    if broken.any():
        number = int(np.flatnonzero(broken)[0])
        raise RuntimeError(
            f"The Shapley values of row {first_row + number} add up to "
            f"{(base_values + sums)[number]}, but the estimator's output is {outputs[number]}. "
            "Infinite weights can do that; else it is a bug of sentilib, please report it."
        )
    return (differences / scale).max(axis=1)


def _interaction_matrices(game: Any, ids: np.ndarray) -> list[list[Any]]:
    left, right, values = game.interactions(ids)
    n_tokens = count_tokens(ids)
    starts = np.cumsum(n_tokens) - n_tokens
    row = np.repeat(np.arange(len(ids)), n_tokens)[left]
    order = np.argsort(row, kind="stable")
    bounds = np.searchsorted(row[order], np.arange(len(ids) + 1))
    matrices = []
    for k, (first, n) in enumerate(zip(starts, n_tokens, strict=True)):
        pairs = order[bounds[k] : bounds[k + 1]]
        places = left[pairs] - first, right[pairs] - first
        halves = [
            scipy.sparse.csr_array((values[pairs, m], places), shape=(n, n))
            for m in range(values.shape[1])
        ]
        matrices.append([(half + half.T).tocsr() for half in halves])
    return matrices


def _object_array(rows: list) -> np.ndarray:
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array
