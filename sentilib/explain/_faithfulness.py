"""Tests of explanations: the loss after removing words, and agreement with sampling."""

from typing import Any, Self

import numpy as np
from sklearn.utils import check_random_state

from sentilib import _plotting
from sentilib._ids import PAD
from sentilib._pipelines import Progress
from sentilib.explain._explainer import TokenShapExplainer
from sentilib.explain._games._baseline import BaselineModel
from sentilib.explain._rows import rows_of

_ROWS_AT_ONCE = 512


class Faithfulness:
    """Comprehensiveness and sufficiency curves, as `faithfulness` returns them.

    Parameters
    ----------
    fractions : ndarray of shape (n_fractions,)
        Shares of a review's words.
    comprehensiveness : ndarray of shape (n_fractions,)
        Mean decrease of the predicted class's output if that share of the strongest words is
        removed. Higher is better.
    sufficiency : ndarray of shape (n_fractions,)
        Mean decrease if all words but that share are removed. Lower is better.
    random_comprehensiveness, random_sufficiency : ndarray of shape (n_fractions,)
        The same curves for words in random order.

    Attributes
    ----------
    aopc_comprehensiveness, aopc_sufficiency : float
        Means over the fractions.
    aopc_random_comprehensiveness, aopc_random_sufficiency : float
        Means of the curves for random order.
    ax_, figure_ : matplotlib Axes and Figure
        Axes and figure of the last plot.
    """

    ax_: Any
    figure_: Any

    def __init__(
        self,
        fractions: np.ndarray,
        comprehensiveness: np.ndarray,
        sufficiency: np.ndarray,
        random_comprehensiveness: np.ndarray,
        random_sufficiency: np.ndarray,
    ) -> None:
        self.fractions = fractions
        self.comprehensiveness = comprehensiveness
        self.sufficiency = sufficiency
        self.random_comprehensiveness = random_comprehensiveness
        self.random_sufficiency = random_sufficiency
        self.aopc_comprehensiveness = float(np.mean(comprehensiveness))
        self.aopc_sufficiency = float(np.mean(sufficiency))
        self.aopc_random_comprehensiveness = float(np.mean(random_comprehensiveness))
        self.aopc_random_sufficiency = float(np.mean(random_sufficiency))

    def __repr__(self) -> str:
        return (
            f"AOPC comprehensiveness {self.aopc_comprehensiveness:.3f} (random order "
            f"{self.aopc_random_comprehensiveness:.3f}), sufficiency "
            f"{self.aopc_sufficiency:.3f} (random order {self.aopc_random_sufficiency:.3f})"
        )

    def plot(self, *, ax: Any = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; by default a new figure.

        Returns
        -------
        Faithfulness
            The object itself.
        """
        ax, figure = _plotting.single_axes(ax, "Faithfulness", (8, 4.2))
        x = 100 * self.fractions
        for curve, random, k, name in (
            (self.comprehensiveness, self.random_comprehensiveness, 0, "removed"),
            (self.sufficiency, self.random_sufficiency, 4, "kept"),
        ):
            color = _plotting.color_of(k)
            ax.plot(x, curve, "o-", color=color, label=f"strongest words {name}")
            ax.plot(x, random, "o--", color=color, alpha=0.6, label=f"random words {name}")
        ax.set(
            xlabel="Words of a review, %",
            ylabel="Decrease of the predicted class's output",
            title="Does the prediction depend on the words with the largest values?",
        )
        ax.legend(frameon=False, fontsize="small")
        _plotting.tidy(ax)
        self.ax_, self.figure_ = ax, figure
        return self


def faithfulness(
    explainer: TokenShapExplainer,
    X: Any,
    explanation: Any = None,
    *,
    fractions: Any = (0.01, 0.05, 0.1, 0.2, 0.5),
    n_random: int = 5,
    random_state: Any = None,
    verbose: int | bool = 0,
) -> Faithfulness:
    """Measure how the output changes if the words with the largest values are removed.

    The measures are comprehensiveness and sufficiency of DeYoung et al., ERASER: A Benchmark to
    Evaluate Rationalized NLP Models, ACL 2020, equations 1 to 3, for the explained output of the
    predicted class. Removed words are replaced by the explainer's baseline.

    Parameters
    ----------
    explainer : TokenShapExplainer
        Explainer with the estimator, the baseline and the output.
    X : iterable of str, or array-like of shape (n_samples, n_tokens), int
        Reviews.
    explanation : shap.Explanation or TokenExplanation, default=None
        Explanation of X by any method, with one value per token; by default the explainer's own.
    fractions : array-like of float, default=(0.01, 0.05, 0.1, 0.2, 0.5)
        Shares of a review's words, rounded up to whole words.
    n_random : int, default=5
        Number of random orders per review, for comparison.
    random_state : int, RandomState instance or None, default=None
        Controls the random orders.
    verbose : int or bool, default=0
        1 prints a line before each step that may take long.

    Returns
    -------
    Faithfulness
        Curves and their means; its `plot` draws them.

    Raises
    ------
    TypeError
        If the explainer is not a TokenShapExplainer.
    ValueError
        If the explanation does not match X, a fraction is outside (0, 1], or no row has a token.

    Examples
    --------
    >>> from sentilib import DenseSentimentClassifier, HTMLTokenizer, TokenShapExplainer
    >>> from sentilib.datasets import make_reviews
    >>> from sentilib.explain import faithfulness
    >>> reviews, labels = make_reviews(400, length=40, random_state=0)
    >>> ids = HTMLTokenizer(max_length=60).fit_transform(reviews)
    >>> explainer = TokenShapExplainer(DenseSentimentClassifier(random_state=0).fit(ids, labels))
    >>> curves = faithfulness(explainer, ids[:100], random_state=0)
    >>> curves.aopc_comprehensiveness > curves.aopc_random_comprehensiveness
    True
    """
    if not isinstance(explainer, TokenShapExplainer):
        raise TypeError(
            f"explainer must be a TokenShapExplainer, got {type(explainer).__name__}. For a fitted "
            "estimator pass TokenShapExplainer(estimator)."
        )
    fractions = np.asarray(fractions, dtype=np.float64)
    if fractions.ndim != 1 or not len(fractions) or not ((fractions > 0) & (fractions <= 1)).all():
        raise ValueError(f"fractions must be in (0, 1], got {fractions.tolist()}.")
    progress = Progress(verbose, "faithfulness")
    progress("Reading the reviews")
    reviews = explainer._read(X)
    if explanation is None:
        progress(f"Explaining {len(reviews):,} reviews")
        explanation = explainer._explain(reviews)
    ids, model = reviews.known_ids, explainer._game(reviews.parts).model
    rows = rows_of(explanation)
    lengths = (ids != PAD).sum(axis=1)
    if len(rows) != len(ids) or any(
        len(row.values) != n for row, n in zip(rows, lengths, strict=True)
    ):
        raise ValueError(
            "The explanation does not match X: it must have one value per token of each review."
        )
    if not lengths.any():
        raise ValueError("No review has any token, so there are no words to remove.")
    full = model.outputs(ids)
    progress("Removing words, by value and at random")
    rng = check_random_state(random_state)
    losses = _Losses(model, ids, full, fractions)
    for number, row in enumerate(rows):
        if len(row.values):
            strength = row.values @ losses.direction[number][: row.values.shape[1]]
            losses.add(number, np.argsort(-strength, kind="stable"), is_random=False)
            for _ in range(n_random):
                losses.add(number, rng.permutation(len(strength)), is_random=True)
    means = losses.means()
    progress.done()
    return Faithfulness(fractions, *means)


class _Losses:
    """Collect masked rows, evaluate them in batches and average the losses."""

    def __init__(
        self, model: BaselineModel, ids: np.ndarray, full: np.ndarray, fractions: np.ndarray
    ) -> None:
        self._model, self._ids, self._fractions = model, ids, fractions
        if full.shape[1] == 1:  # the sign of the predicted one of two classes
            middle = 0.5 if model.output == "probability" else 0.0
            self.direction = np.where(full > middle, 1.0, -1.0)
        else:
            self.direction = np.eye(full.shape[1])[full.argmax(axis=1)]
        self._full = (full * self.direction).sum(axis=1)
        self._rows: list[np.ndarray] = []
        self._meta: list[tuple[int, int, int]] = []  # row, curve, fraction
        self._sums = np.zeros((4, len(fractions)))
        self._counts = np.zeros((4, len(fractions)), dtype=np.int64)

    def add(self, number: int, order: np.ndarray, *, is_random: bool) -> None:
        places = np.flatnonzero(self._ids[number] != PAD)[order]
        for k, fraction in enumerate(self._fractions):
            n = max(1, int(np.ceil(fraction * len(places) - 1e-9)))
            for curve, absent in enumerate((places[:n], places[n:])):
                row = self._ids[number].copy()
                row[absent] = self._model.baseline
                self._rows.append(row)
                self._meta.append((number, curve + 2 * is_random, k))
        if len(self._rows) >= _ROWS_AT_ONCE:
            self._evaluate()

    def _evaluate(self) -> None:
        numbers, curves, fractions = np.transpose(self._meta)
        outputs = (self._model.outputs(np.stack(self._rows)) * self.direction[numbers]).sum(axis=1)
        np.add.at(self._sums, (curves, fractions), self._full[numbers] - outputs)
        np.add.at(self._counts, (curves, fractions), 1)
        self._rows, self._meta = [], []

    def means(self) -> np.ndarray:
        if self._rows:
            self._evaluate()
        return self._sums / np.maximum(self._counts, 1)


class SamplingAgreement:
    """Comparison of exact with sampled values, as `sampling_agreement` returns it.

    Parameters
    ----------
    rms_error : float
        Root mean square difference, in the unit of the output.
    error_ratio : float
        Square root of the ratio of the sum of squared differences to the sum of squared standard
        errors. It is about 1 if the exact values are correct, and 0 if in addition all permutations
        give the same values; if they are wrong, it grows with the square root of `n_permutations`.
    within_two_errors : float
        Share of values that differ by at most two standard errors. It is about 0.95, and lower if
        words rarely contribute.
    correlation : float
        Pearson correlation of all values.
    n_tokens : int
        Number of values.

    Notes
    -----
    A squared standard error is an unbiased estimate of the expected squared difference, whatever
    the distribution of a word's contributions. The ratio of the two sums over all words therefore
    tends to 1 as the number of reviews n grows; its deviation from 1 is of order 1 / sqrt(n), since
    values of one review depend on each other.

    The difference of a single word divided by its own standard error is less informative: the
    standard error is an estimate too, so the quotient follows Student's t with
    ``n_permutations - 1`` degrees of freedom at best. The maximum of 2,000 such quotients is about
    6 with 10 permutations, and larger if a word contributes only in rare permutations, which may
    be absent from the sample.
    """

    def __init__(
        self,
        rms_error: float,
        error_ratio: float,
        within_two_errors: float,
        correlation: float,
        n_tokens: int,
    ) -> None:
        self.rms_error = rms_error
        self.error_ratio = error_ratio
        self.within_two_errors = within_two_errors
        self.correlation = correlation
        self.n_tokens = n_tokens

    def __repr__(self) -> str:
        return (
            f"{self.n_tokens:,} tokens: RMS error {self.rms_error:.2e}, which is "
            f"{self.error_ratio:.2f} times the standard error, {self.within_two_errors:.1%} within "
            f"two standard errors, correlation {self.correlation:.4f}"
        )


def sampling_agreement(
    explainer: TokenShapExplainer,
    X: Any,
    *,
    n_permutations: int = 100,
    random_state: Any = None,
    verbose: int | bool = 0,
) -> SamplingAgreement:
    """Compare exact values with sampled ones, which are computed independently of them.

    Parameters
    ----------
    explainer : TokenShapExplainer
        Explainer with exact values.
    X : iterable of str, or array-like of shape (n_samples, n_tokens), int
        Reviews.
    n_permutations : int, default=100
        Number of permutations per review.
    random_state : int, RandomState instance or None, default=None
        Controls the permutations.
    verbose : int or bool, default=0
        1 prints a line before each step that may take long.

    Returns
    -------
    SamplingAgreement
        Sampling error, in the unit of the output and relative to the standard error.

    Raises
    ------
    ValueError
        If the explainer has no exact values.
    """
    by_method = {
        method: TokenShapExplainer(
            explainer.estimator,
            baseline=explainer.baseline,
            output=explainer.output,
            method=method,
            n_permutations=n_permutations,
            text_column=explainer.text_column,
            random_state=random_state,
            n_jobs=explainer.n_jobs,
        )
        for method in ("exact", "permutation")
    }
    progress = Progress(verbose, "sampling_agreement")
    progress("Reading the reviews")
    reviews = by_method["exact"]._read(X)
    explanations = []
    for method, each in by_method.items():
        progress(f"Explaining {len(reviews):,} reviews, method {method}")
        explanations.append(each._explain(reviews))
    exact, sampled = explanations
    progress.done()
    one, other, errors = (
        np.concatenate([np.ravel(row) for row in rows])
        for rows in (exact.values, sampled.values, sampled.error_std)
    )
    rounding = 1e-12 * max(1.0, float(np.abs(one).max(initial=0.0)))
    difference = np.maximum(np.abs(one - other) - rounding, 0)
    expected = np.maximum(errors, rounding)
    varies = len(one) > 1 and one.std() > 0 and other.std() > 0
    return SamplingAgreement(
        float(np.sqrt(np.mean(difference**2))) if len(one) else 0.0,
        float(np.sqrt(np.sum(difference**2) / np.sum(expected**2))) if len(one) else 0.0,
        float(np.mean(difference <= 2 * expected)) if len(one) else 1.0,
        float(np.corrcoef(one, other)[0, 1]) if varies else 1.0,
        len(one),
    )
