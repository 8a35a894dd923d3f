"""TokenShapExplainer: Shapley values of the words of reviews."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from sentilib._compiled._states import SavedState
from sentilib._compiled._threads import resolve_n_jobs
from sentilib._ids import PAD
from sentilib._pipelines import Parts, Progress, Reviews
from sentilib._sklearn import Estimator, Interval, StrOptions, check_parameters_of
from sentilib.explain._explanation import TokenExplanation, TokenInteractions, ragged
from sentilib.explain._games._baseline import BaselineModel
from sentilib.explain._games._permutation import PermutationSampling
from sentilib.explain._games._sum import SumOfGames, why_not_exact
from sentilib.explain._players import players, words_of
from sentilib.explain._values import (
    Values,
    chunks,
    interaction_matrices,
    shapley_values,
)

_TOKENS_TO_SAMPLE = 16  # that are worth a thread


class TokenShapExplainer(SavedState, Estimator):
    """Compute how much each word of a review contributes to the prediction, as Shapley values.

    The players are the tokens of a review that reach the classifier; an absent token is replaced
    by a baseline. The values of a review and its base value add up to its output. Values are exact,
    and take about as long as a few predictions, for the margin of

    - DenseSentimentClassifier, which adds up the contributions of words and n-grams;
    - ConvSentimentClassifier with average pooling and a receptive field of up to 10 words, which
      adds up small games (see Notes) and the contributions of n-grams.

    All other values are estimated by sampling permutations of words, with standard errors.

    Parameters
    ----------
    estimator : DenseSentimentClassifier, ConvSentimentClassifier or Pipeline
        Fitted estimator. A pipeline ends in one of the two classifiers; if it starts with an
        HTMLTokenizer, raw texts can be explained. For a fitted search the best estimator is
        explained; for another fitted estimator around exactly one of these, such as
        :class:`~sklearn.frozen.FrozenEstimator` or
        :class:`~sklearn.calibration.CalibratedClassifierCV` with ``ensemble=False``, the one
        inside, whose margin is not calibrated.
    baseline : {"oov", "pad", "mean"} or int, default="oov"
        Replacement of an absent word: the unknown word; padding, which with `mask_padding=True`
        shortens the review; the mean word, weighted by document frequency if the pipeline has a
        tokenizer that counted it, otherwise the mean of all words seen in training (for the Dense
        model this is the expectation over a random word, for the CNN the mean embedding); or the
        word of that id. Values explain the difference to the baseline, so they depend on it.
    method : {"auto", "exact", "permutation"}, default="auto"
        `"auto"` is exact where this is possible and otherwise samples permutations.
    output : {"margin", "probability"}, default="margin"
        Output to explain: the margin of the logits (the log-odds of two classes, as
        `decision_function` returns it, or the logit of each of more classes), or the probability
        (of the second of two classes, or of each class). Probabilities are always sampled.
    batch_size : int or "auto", default="auto"
        Number of rows per batch. It limits the memory and never changes values.
    n_permutations : int, default=10
        Number of sampled permutations per review; each is used in both directions.
    text_column : str or int, default=None
        Column of a DataFrame X that contains the reviews; None means its only column of text.
    random_state : int, RandomState instance or None, default=None
        Controls the sampled permutations.
    n_jobs : int or None, default=None
        Number of threads. None means all cores, or one thread inside a parallel worker; -1 means
        all cores. It never changes values.
    verbose : int or bool, default=0
        1 prints a line before each step that may take long.

    Notes
    -----
    With average pooling the margin of a CNN is a sum over positions of games of the few words that
    the position sees. Shapley values are linear in games, so each game is solved from a table of
    all its coalitions (128 for three layers of kernel size 3). Units of inner layers are shared
    between the games. They are computed in the precision of the predictions, float32: rounding
    errors are about 1e-7 of the network's units, 2e-7 for the default model of IMDB. Games of
    absent words that shorten the review, and interactions, are computed in float64.

    References
    ----------
    .. [1] L. S. Shapley, "A Value for n-Person Games", 1953.
    .. [2] M. Sundararajan, A. Najmi, "The Many Shapley Values for Model Explanation", ICML 2020,
       section 3 (baseline Shapley).
    .. [3] F. Fumagalli et al., "Exact Computation of Any-Order Shapley Interactions for Graph
       Neural Networks", ICLR 2025, theorem 3.3 (the cost depends on the size of the receptive
       field).

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

    __module__ = "sentilib"  # saved files name the public path

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
        "text_column": [str, Integral, None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        baseline: str | int = "oov",
        method: str = "auto",
        output: str = "margin",
        batch_size: int | str = "auto",
        n_permutations: int = 10,
        text_column: str | int | None = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: int | bool = 0,
    ) -> None:
        self.estimator = estimator
        self.baseline = baseline
        self.method = method
        self.output = output
        self.batch_size = batch_size
        self.n_permutations = n_permutations
        self.text_column = text_column
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def __call__(self, X: Any) -> Any:
        """Explain reviews.

        Parameters
        ----------
        X : iterable of str, DataFrame, or array-like of shape (n_samples, n_tokens), int
            Raw texts, for a pipeline that starts with an HTMLTokenizer; or ids as the classifier
            reads them.

        Returns
        -------
        shap.Explanation
            Explanation with the attributes `values`, an object array with one float64 array per
            review, of shape (n_tokens,) or, with more than two classes, (n_tokens, n_classes);
            `base_values` of shape (n_samples,) or (n_samples, n_classes); `feature_names`, the
            tokens; `data`, the visible text cut at the beginning of each word, so that the pieces
            join to the text again; `display_data`, the words as written in the text; `error_std`,
            shaped like `values`, if permutations are sampled; `method`, `is_exact`,
            `additivity_error`, `class_names` and `unknown_words` as in `TokenExplanation`. For
            ids, all words are names of ids. Without shap, a `TokenExplanation` with the same
            attributes.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator does not end in a classifier of this library, nor contains exactly
            one.
        ValueError
            If X is invalid, or `method="exact"` is not possible.
        RuntimeError
            If values do not add up to the prediction.

        Notes
        -----
        Words are decoded, and shap's object is built, when someone looks: reading a single review
        takes microseconds, shap's operations on all reviews one to two milliseconds per review.
        """
        return self.explain(X).to_shap()

    def explain(self, X: Any) -> TokenExplanation:
        """Explain reviews without shap.

        Parameters
        ----------
        X : iterable of str, or array-like of shape (n_samples, n_tokens), int
            As in a call.

        Returns
        -------
        TokenExplanation
            Object with the same attributes as `shap.Explanation`; its `to_shap` converts it.
        """
        Progress(self.verbose, "TokenShapExplainer")("Reading the reviews")
        return self._explain(self._read(X))

    def _explain(self, reviews: Reviews) -> TokenExplanation:
        """Explain reviews that were already read."""
        progress = Progress(self.verbose, "TokenShapExplainer")
        parts, ids = reviews.parts, reviews.known_ids
        progress(f"Explaining {len(ids):,} reviews")
        words = players(reviews)
        values, method = self._values(parts, ids)
        progress.done()
        one_output = values.base_values.shape[1] == 1

        def by_row(flat: np.ndarray) -> np.ndarray:
            return ragged(flat[:, 0] if one_output else flat, values.starts)

        return TokenExplanation._of_players(
            words,
            by_row(values.values),
            values.base_values[:, 0] if one_output else values.base_values,
            self._output_names(parts),
            None if values.errors is None else by_row(values.errors),
            method=method,
            additivity_error=values.additivity_error,
            class_names=[str(c) for c in parts.classes.tolist()],
        )

    def _values(self, parts: Parts, ids: np.ndarray) -> tuple[Values, str]:
        """Return values of rows of ids as they reach the classifier, and the method used."""
        reason = why_not_exact(parts.model.tables_, self.baseline, self.output)
        if self.method == "exact" and reason is not None:
            raise ValueError(f"method='exact' is not possible: {reason}")
        game = self._game(parts)
        n_threads = resolve_n_jobs(self.n_jobs) if len(ids) > 1 else 1
        if reason is None and self.method != "permutation":
            slices = chunks(ids, self.batch_size, n_threads, game.worth_a_thread)

            def exact(rows: np.ndarray, first_row: int) -> tuple[np.ndarray, None, np.ndarray]:
                values, outputs = game.shapley_and_outputs(rows)
                return values, None, outputs

            return shapley_values(game.model, exact, ids, slices, n_threads), "exact"
        slices = chunks(ids, self.batch_size, n_threads, _TOKENS_TO_SAMPLE)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        sampling = PermutationSampling(game, self.n_permutations, seed)

        def sampled(rows: np.ndarray, first_row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            values, errors = sampling.shapley(rows, first_row)
            return values, errors, game.model.predicted(rows)

        return shapley_values(game.model, sampled, ids, slices, n_threads), "permutation"

    def interactions(self, X: Any) -> TokenInteractions:
        """Compute exact pairwise Shapley interactions: which words change each other's meaning.

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
        progress = Progress(self.verbose, "TokenShapExplainer")
        progress("Reading the reviews")
        reviews = self._read(X)
        parts, ids = reviews.parts, reviews.known_ids
        words = words_of(players(reviews), range(len(ids)))
        reason = why_not_exact(parts.model.tables_, self.baseline, self.output)
        if reason is not None:
            raise ValueError(f"Interactions are computed exactly or not at all: {reason}")
        game = self._game(parts)
        if game.model.baseline == PAD and (game.model.deletes or game.model.ngrams is not None):
            raise ValueError(
                "With baseline='pad' absent words shorten the review, so "
                "that every word interacts with every other. Use baseline='oov' or 'mean'."
            )
        n_threads = resolve_n_jobs(self.n_jobs) if len(ids) > 1 else 1
        slices = chunks(ids, self.batch_size, n_threads, game.worth_a_thread)
        progress(f"Computing the interactions in {len(ids):,} reviews")
        matrices = interaction_matrices(game, ids, slices, n_threads)
        progress.done()
        return TokenInteractions(
            matrices,
            words.segments,
            words.words,
            words.tokens,
            self._output_names(parts),
        )

    def _read(self, X: Any) -> Reviews:
        check_parameters_of(self)
        parts = Parts.of(self.estimator)
        parts.check_explained()
        parts.check_fitted()
        return Reviews.read(parts, X, self.n_jobs, self.text_column)

    def _game(self, parts: Parts) -> SumOfGames:
        """Return the game of the fitted model; the last one is kept with its tables."""
        weights = parts.word_weights() if self.baseline == "mean" else np.empty(0)
        tables, key = parts.model.tables_, (self.baseline, self.output, weights.tobytes())
        kept, game = tables.derived.get("game", (None, None))
        if game is None or kept != key:
            game = SumOfGames(BaselineModel(tables, self.baseline, weights, self.output))
            tables.derived["game"] = key, game  # in one step: threads may share the tables
        return game

    def _output_names(self, parts: Parts) -> str | list[str]:
        classes = [str(c) for c in parts.classes.tolist()]
        what = "log-odds" if self.output == "margin" else "probability"
        return f"{what} of {classes[1]}" if len(classes) == 2 else classes


def values_of(reviews: Reviews, rows: np.ndarray) -> np.ndarray:
    """Compute the values of the words of reviews that were already read.

    Parameters
    ----------
    reviews : Reviews
        Reviews as a fitted estimator reads them.
    rows : ndarray of shape (n_rows,), int
        Indices of the reviews.

    Returns
    -------
    ndarray of shape (n_rows,), dtype=object
        Values of each review, of shape (n_words, n_outputs).
    """
    parts = reviews.parts
    explainer = TokenShapExplainer(parts.estimator, random_state=0)
    values = explainer._values(parts, reviews.known_ids[rows])[0]
    return ragged(values.values, values.starts)
