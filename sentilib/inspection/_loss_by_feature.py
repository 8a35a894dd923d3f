"""LossByFeatureDisplay: loss against length, unknown words or any numeric feature."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from sentilib import _plotting
from sentilib._optional import import_pandas
from sentilib._pipelines import Progress, read_reviews
from sentilib.inspection._measures._evaluation import Evaluation, evaluate
from sentilib.inspection._measures._features import (
    LABELS,
    names_of,
    quantile_bins,
    resolve_features,
    without_missing,
)
from sentilib.inspection._measures._parameters import TABLE, check_parameters
from sentilib.inspection._measures._statistics import mean_interval, rank_correlation

if TYPE_CHECKING:
    from pandas import DataFrame

_HISTOGRAM_BINS = 40


class LossByFeatureDisplay:
    """Mean loss in quantile bins of a feature, with confidence intervals, over its histogram.

    Create it with `from_estimator` or `from_predictions`.

    Parameters
    ----------
    bins : dict of str to DataFrame
        Table of each feature with one row per bin: `low`, `high` (smallest and largest value in the
        bin), `mean` (of the feature), `n_reviews`, `loss` (mean cross-entropy, in nats),
        `loss_low`, `loss_high`, `accuracy`.
    histograms : dict of str to tuple of two ndarrays
        Counts and edges of each feature's histogram, without a long tail of 1 %.
    trends : DataFrame
        One row per feature: Spearman's correlation with the loss, `correlation`,
        `correlation_low`, `correlation_high`.
    mean_loss : float
        Mean loss of all reviews, in nats.
    confidence_level : float
        Confidence level of all intervals.

    Attributes
    ----------
    ax_ : matplotlib Axes or ndarray of them
        Axes of the only feature, or of each.
    figure_ : matplotlib Figure
        Figure of the axes.

    Examples
    --------
    >>> from sentilib.inspection import LossByFeatureDisplay
    >>> proba = [0.9, 0.2, 0.7, 0.4, 0.8, 0.1, 0.6, 0.3]
    >>> display = LossByFeatureDisplay.from_predictions(
    ...     [1, 0, 1, 1, 1, 0, 0, 0], proba, {"stars": [9, 1, 8, 7, 9, 1, 4, 3]}, n_bins=3
    ... )
    >>> display.bins["stars"][["low", "high", "n_reviews"]].to_numpy().tolist()
    [[1.0, 3.0, 3.0], [4.0, 7.0, 2.0], [8.0, 9.0, 3.0]]
    """

    def __init__(
        self,
        bins: "dict[str, DataFrame]",
        *,
        histograms: dict[str, tuple[np.ndarray, np.ndarray]],
        trends: "DataFrame",
        mean_loss: float,
        confidence_level: float,
    ):
        self.bins = bins
        self.histograms = histograms
        self.trends = trends
        self.mean_loss = mean_loss
        self.confidence_level = confidence_level

    @classmethod
    @check_parameters()
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        text_column: str | int | None = None,
        features: str | Iterable[str] = ("length", "oov_count", "oov_rate"),
        data: Any = None,
        n_bins: int = 10,
        confidence_level: float = 0.95,
        ax: Any = None,
        verbose: int | bool = 0,
    ) -> "LossByFeatureDisplay":
        """Plot the loss of an estimator's predictions against features.

        Parameters
        ----------
        estimator : Pipeline or classifier
            Fitted pipeline from HTMLTokenizer to a classifier, fitted classifier of token ids, or
            an estimator around them, such as CalibratedClassifierCV or a search.
        X : array-like of shape (n_samples,) or (n_samples, n_tokens)
            Reviews for a pipeline, token ids for a classifier. The other columns of a DataFrame of
            reviews may be features.
        y : array-like of shape (n_samples,)
            Labels.
        text_column : str or int, default=None
            Column of a DataFrame X that contains the reviews; None means its only column of text.
        features : str or iterable of str, default=("length", "oov_count", "oov_rate")
            Names of features: "length", "oov_count", "oov_rate", "truncated", or columns of `data`
            or X.
        data : DataFrame or mapping of str to array-like of shape (n_samples,), default=None
            Further numeric features, such as a rating.
        n_bins : int, default=10
            Number of quantile bins; a feature with fewer distinct values has one bin per value.
        confidence_level : float, default=0.95
            Confidence level of all intervals.
        ax : matplotlib Axes or array-like of them, default=None
            Axes to draw on, one per feature, or a single one that a grid replaces.
        verbose : int or bool, default=0
            1 prints a line before each step that may take long.

        Returns
        -------
        LossByFeatureDisplay
            Display, already plotted.

        Raises
        ------
        ValueError
            If y contains labels that the model never saw, lengths differ, a feature is unknown or
            not numeric, or a parameter is invalid.
        TypeError
            If the estimator has no `predict_proba` or reads no text.
        NotFittedError
            If the estimator is not fitted.
        ImportError
            If pandas or matplotlib is not installed.
        """
        progress = Progress(verbose, "LossByFeatureDisplay")
        progress("Reading the reviews")
        reviews = read_reviews(estimator, X, text_column)
        progress(f"Predicting {len(reviews):,} reviews")
        evaluation = evaluate(reviews, y)
        values = resolve_features(features, data, len(reviews), reviews)
        return cls._of(evaluation, values, n_bins, confidence_level).plot(ax=ax)

    @classmethod
    @check_parameters(features=[str, Iterable, None], data=TABLE)
    def from_predictions(
        cls,
        y_true: Any,
        y_proba: Any,
        data: Any,
        *,
        labels: Any = None,
        features: str | Iterable[str] | None = None,
        n_bins: int = 10,
        confidence_level: float = 0.95,
        ax: Any = None,
    ) -> "LossByFeatureDisplay":
        """Plot the loss of given predictions against features.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels.
        y_proba : array-like of shape (n_samples,) or (n_samples, n_classes)
            Probability of the second label, or of each, in ascending order of the labels.
        data : DataFrame or mapping of str to array-like of shape (n_samples,)
            Numeric features.
        labels : array-like of shape (n_classes,), default=None
            All labels; needed where y_true lacks some.
        features : str or iterable of str, default=None
            Columns of `data`; None means all.
        n_bins : int, default=10
            Number of quantile bins; a feature with fewer distinct values has one bin per value.
        confidence_level : float, default=0.95
            Confidence level of all intervals.
        ax : matplotlib Axes or array-like of them, default=None
            Axes to draw on, one per feature, or a single one that a grid replaces.

        Returns
        -------
        LossByFeatureDisplay
            Display, already plotted.

        Raises
        ------
        ValueError
            If probabilities are none or do not fit the labels, lengths differ, a feature is unknown
            or not numeric, or a parameter is invalid.
        ImportError
            If pandas or matplotlib is not installed.
        """
        classes = np.unique(y_true if labels is None else labels)
        evaluation = Evaluation.of(classes, y_true, y_proba)
        values = resolve_features(
            map(str, names_of(data)) if features is None else features, data, len(evaluation)
        )
        return cls._of(evaluation, values, n_bins, confidence_level).plot(ax=ax)

    @classmethod
    def _of(
        cls,
        evaluation: Evaluation,
        features: dict[str, np.ndarray],
        n_bins: int,
        confidence_level: float,
    ) -> "LossByFeatureDisplay":
        pandas = import_pandas("LossByFeatureDisplay")
        bins, histograms, trends = {}, {}, {}
        for name, column in features.items():
            values, present = without_missing(name, column)
            loss, correct = evaluation.loss[present], evaluation.correct[present]
            codes, limits = quantile_bins(values, n_bins)
            rows = []
            for k, (low, high) in enumerate(limits):
                part = codes == k
                loss_low, loss_high = mean_interval(loss[part], confidence_level)
                rows.append(
                    {
                        "low": low,
                        "high": high,
                        "mean": values[part].mean(),
                        "n_reviews": int(part.sum()),
                        "loss": loss[part].mean(),
                        "loss_low": loss_low,
                        "loss_high": loss_high,
                        "accuracy": correct[part].mean(),
                    }
                )
            bins[name] = pandas.DataFrame(rows)
            histograms[name] = _histogram(values)
            trends[name] = rank_correlation(values, loss, confidence_level)
        return cls(
            bins,
            histograms=histograms,
            trends=pandas.DataFrame.from_dict(
                trends,
                orient="index",
                columns=["correlation", "correlation_low", "correlation_high"],
            ),
            mean_loss=float(evaluation.loss.mean()),
            confidence_level=confidence_level,
        )

    def plot(self, *, ax: Any = None) -> "LossByFeatureDisplay":
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of them, default=None
            Axes to draw on, one per feature, or a single one that a grid replaces.

        Returns
        -------
        LossByFeatureDisplay
            The display itself.
        """
        figure, axes = _plotting.grid_of_axes(ax, len(self.bins), 3, "LossByFeatureDisplay")
        for axis, (name, bins) in zip(axes, self.bins.items(), strict=True):
            self._plot_feature(axis, name, bins)
        self.ax_ = axes[0] if len(axes) == 1 else axes
        self.figure_ = figure
        return self

    def _plot_feature(self, axis: Any, name: str, bins: "DataFrame") -> None:
        counts, edges = self.histograms[name]
        histogram = axis.twinx()
        histogram.stairs(counts, edges, fill=True, color=_plotting.color_of(7), alpha=0.35)
        histogram.set_ylabel("Reviews")
        histogram.set_ylim(0, counts.max() * 3)  # leaves the upper two thirds to the losses
        histogram.spines[["top"]].set_visible(False)
        axis.set_zorder(histogram.get_zorder() + 1)
        axis.patch.set_visible(False)
        below = (bins["loss"] - bins["loss_low"]).fillna(0)
        above = (bins["loss_high"] - bins["loss"]).fillna(0)
        axis.errorbar(
            bins["mean"].to_numpy(),
            bins["loss"].to_numpy(),
            yerr=np.array([below, above]),  # Series make pandas 2 warn in matplotlib 3.9
            fmt="o-",
            color=_plotting.color_of(0),
            markersize=4,
            capsize=2,
            linewidth=1.2,
            label=f"Mean loss, {self.confidence_level:.0%} interval",
        )
        axis.axhline(self.mean_loss, color=_plotting.color_of(4), linestyle="--", linewidth=1)
        axis.set(xlabel=_plotting.plain(LABELS.get(name, name)), ylabel="Loss (nats)")
        rho, low, high = self.trends.loc[name]
        if np.isfinite(rho):
            axis.set_title(f"Rank correlation {rho:+.3f} [{low:+.3f}, {high:+.3f}]", fontsize=10)
        else:
            axis.set_title("Too few different values for a trend", fontsize=10)
        _plotting.tidy(axis)


def _histogram(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute a histogram with bars of equal width, of whole width where all values are whole."""
    low, high = values.min(), values.max()
    tail = np.quantile(values, 0.99)
    if high - low > 2 * (tail - low) > 0:
        high = tail
    if (values == np.rint(values)).all() and high > low:
        step = max(1, np.ceil((high - low) / _HISTOGRAM_BINS))
        return np.histogram(values, np.arange(low - 0.5, high + step, step))
    return np.histogram(values, bins=_HISTOGRAM_BINS, range=(low, high))
