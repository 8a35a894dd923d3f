"""Whether an explanation says what the model does: words are taken out, and outputs looked at."""

from typing import Any, Self

import numpy as np
from sklearn.utils import check_random_state

from sentilib import _plotting
from sentilib._ids import PAD
from sentilib.explain._explainer import TokenShapExplainer
from sentilib.explain._games._baseline import BaselineModel
from sentilib.explain._rows import rows_of

_ROWS_AT_ONCE = 512


class Faithfulness:
    """Curves that `faithfulness` returns.

    Parameters
    ----------
    fractions : ndarray of shape (n_fractions,)
        Shares of a review's words.
    comprehensiveness : ndarray of shape (n_fractions,)
        Mean loss of the output for the predicted class where that share of its strongest words
        is taken out. High is good.
    sufficiency : ndarray of shape (n_fractions,)
        Mean loss where all but that share is taken out. Low is good.
    random_comprehensiveness, random_sufficiency : ndarray of shape (n_fractions,)
        The same for words in random order.

    Attributes
    ----------
    aopc_comprehensiveness, aopc_sufficiency : float
        Means over the fractions.
    aopc_random_comprehensiveness, aopc_random_sufficiency : float
        The same for random order.
    ax_, figure_ : matplotlib Axes and Figure
        Where it was drawn.
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
            Where to draw; by default a new figure.

        Returns
        -------
        Faithfulness
            Itself.
        """
        ax, figure = _plotting.single_axes(ax, "Faithfulness", (8, 4.2))
        x = 100 * self.fractions
        for curve, random, k, name in (
            (self.comprehensiveness, self.random_comprehensiveness, 0, "taken out"),
            (self.sufficiency, self.random_sufficiency, 4, "kept alone"),
        ):
            color = _plotting.color_of(k)
            ax.plot(x, curve, "o-", color=color, label=f"strongest words {name}")
            ax.plot(x, random, "o--", color=color, alpha=0.6, label=f"random words {name}")
        ax.set(
            xlabel="Words of a review, %",
            ylabel="Loss of the predicted class's output",
            title="Does the model lean on the words that the explanation names?",
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
) -> Faithfulness:
    """Take the words out that an explanation calls strongest, and see what is left.

    Comprehensiveness and sufficiency of DeYoung et al., ERASER: A Benchmark to Evaluate
    Rationalized NLP Models, ACL 2020, equations 1 to 3, on the explainer's output for the class
    that the model predicts, with its baseline in the place of words.

    Parameters
    ----------
    explainer : TokenShapExplainer
        Knows estimator, baseline and output.
    X : iterable of str, or array-like of shape (n_samples, n_tokens), int
        Reviews.
    explanation : shap.Explanation or TokenExplanation, default=None
        Of X, one value for each token, by whatever method; by default the explainer's own.
    fractions : array-like of float, default=(0.01, 0.05, 0.1, 0.2, 0.5)
        Shares of a review's words, rounded up to whole words.
    n_random : int, default=5
        Random orders of each review to compare with.
    random_state : int, RandomState instance or None, default=None
        Determines them.

    Returns
    -------
    Faithfulness
        Curves, their means, and `plot`.

    Raises
    ------
    ValueError
        If the explanation does not fit X, a fraction lies outside (0, 1], or no row has a token.

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
    fractions = np.asarray(fractions, dtype=np.float64)
    if fractions.ndim != 1 or not len(fractions) or not ((fractions > 0) & (fractions <= 1)).all():
        raise ValueError(f"fractions must lie in (0, 1], got {fractions.tolist()}.")
    reviews = explainer._read(X)
    if explanation is None:
        explanation = explainer._explain(reviews)
    ids, model = reviews.known_ids, explainer._game(reviews.parts).model
    rows = rows_of(explanation)
    lengths = (ids != PAD).sum(axis=1)
    if len(rows) != len(ids) or any(
        len(row.values) != n for row, n in zip(rows, lengths, strict=True)
    ):
        raise ValueError(
            "The explanation does not fit X: it must hold a value for each token of each review."
        )
    if not lengths.any():
        raise ValueError("No review has any token, so there are no words to take out.")
    full = model.outputs(ids)
    rng = check_random_state(random_state)
    losses = _Losses(model, ids, full, fractions)
    for number, row in enumerate(rows):
        if len(row.values):
            strength = row.values @ losses.direction[number][: row.values.shape[1]]
            losses.add(number, np.argsort(-strength, kind="stable"), is_random=False)
            for _ in range(n_random):
                losses.add(number, rng.permutation(len(strength)), is_random=True)
    means = losses.means()
    return Faithfulness(fractions, *means)


class _Losses:
    """Collects masked rows, evaluates them in batches and averages the losses."""

    def __init__(
        self, model: BaselineModel, ids: np.ndarray, full: np.ndarray, fractions: np.ndarray
    ) -> None:
        self._model, self._ids, self._fractions = model, ids, fractions
        if full.shape[1] == 1:  # towards the predicted of two classes
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
    """How exact and sampled values compare, as `sampling_agreement` returns it.

    Parameters
    ----------
    rms_error : float
        Root mean square difference, in the unit of the output.
    error_ratio : float
        Root of the sum of squared differences over the sum of squared standard errors. About 1
        where the exact values are right; 0 where all orders give the same values, and these are
        the exact ones; it grows with the root of `n_permutations` where they are wrong.
    within_two_errors : float
        Share of values that differ by at most two standard errors. About 0.95, and less where
        words rarely matter.
    correlation : float
        Pearson correlation of all values.
    n_tokens : int
        Number of values.

    Notes
    -----
    A squared standard error is an unbiased estimate of the expected squared difference, whatever
    the distribution of what a word contributes. The ratio of their sums over all words therefore
    tends to 1 with more reviews; its square strays from 1 by some multiple of one over the root
    of their number, as values of one review depend on each other.

    A single word's difference in its own standard errors says less: they are estimates too, so
    that it follows Student's t with ``n_permutations - 1`` degrees of freedom at best. The largest
    of 2,000 is then about 6 with 10 permutations; and more where a word contributes only in rare
    orders, of which the sample may hold none.
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
    explainer: TokenShapExplainer, X: Any, *, n_permutations: int = 100, random_state: Any = None
) -> SamplingAgreement:
    """Hold exact values against sampled ones, which share nothing with them but the model.

    Parameters
    ----------
    explainer : TokenShapExplainer
        With exact values.
    X : iterable of str, or array-like of shape (n_samples, n_tokens), int
        Reviews.
    n_permutations : int, default=100
        Random orders of each review.
    random_state : int, RandomState instance or None, default=None
        Determines them.

    Returns
    -------
    SamplingAgreement
        Error of sampling, in the unit of the output and beside what it should be.

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
            random_state=random_state,
            n_jobs=explainer.n_jobs,
        )
        for method in ("exact", "permutation")
    }
    reviews = by_method["exact"]._read(X)
    exact, sampled = (each._explain(reviews) for each in by_method.values())
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
