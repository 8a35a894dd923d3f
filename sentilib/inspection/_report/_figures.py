"""Figures of the report as SVG elements: the package's own displays, and the calibration."""

from typing import Any

import numpy as np

from sentilib import _plotting
from sentilib._pages._svg import inline_svg, page_figures
from sentilib.inspection._measures._features import LABELS
from sentilib.inspection._measures._metrics import CalibrationBin


def calibration_figure(bins: list[CalibrationBin], chance: float) -> dict[str, str]:
    """Draw accuracy against confidence.

    Parameters
    ----------
    bins : list of CalibrationBin
        Bins of reviews with similar confidence.
    chance : float
        Confidence of a random guess, where the axis begins.
    """
    confidence, accuracy, low, high, n_reviews = np.transpose(bins)
    with page_figures("report") as axes:
        ax = axes()
        ends = [min(chance, *confidence), 1]
        ax.plot(ends, ends, "--", color=_plotting.color_of(7), label="Perfectly calibrated")
        points = ax.errorbar(
            confidence,
            accuracy,
            yerr=[accuracy - low, high - accuracy],
            fmt="o",
            color=_plotting.color_of(0),
            markersize=4,
            capsize=2,
            linewidth=1.2,
        )
        points.lines[0].set_gid("bins")
        ax.set(xlabel="Confidence of the prediction", ylabel="Accuracy")
        ax.legend(frameon=False, loc="upper left")
        _plotting.tidy(ax)
        notes = [f"{n:,.0f} reviews: {a:.3f}" for n, a in zip(n_reviews, accuracy, strict=True)]
        title = "Accuracy against confidence of the prediction"
        svg = inline_svg(ax.figure, "calibration", title, {"bins": notes})
    return {"title": "Calibration", "note": "bins of equal size", "svg": svg}


def training_figures(display: Any) -> list[dict[str, str]]:
    """Draw each measure of a TrainingHistoryDisplay."""
    figures = []
    with page_figures("report") as axes:
        display.plot(ax=[axes() for _ in display.measures])
        for measure, ax in zip(display.measures, display.ax_, strict=True):
            notes = {}
            for line in ax.get_lines():
                line.set_gid(f"epochs-{line.get_label()}")
                notes[line.get_gid()] = [f"{value:.4f}" for value in line.get_ydata()]
            title = ax.get_ylabel()
            svg = inline_svg(ax.figure, f"training-{measure}", f"{title} per epoch", notes)
            figures.append({"title": title, "note": "", "svg": svg})
    return figures


def feature_figures(display: Any) -> list[dict[str, str]]:
    """Draw each feature of a LossByFeatureDisplay."""
    figures = []
    with page_figures("report") as axes:
        display.plot(ax=[axes() for _ in display.bins])
        for k, (name, bins) in enumerate(display.bins.items()):
            ax = np.ravel(display.ax_)[k]
            ax.get_lines()[0].set_gid("bins")
            notes = [
                f"{row.low:.4g} to {row.high:.4g}: loss {row.loss:.3f}, accuracy "
                f"{row.accuracy:.3f}, {row.n_reviews:,} reviews"
                for row in bins.itertuples()
            ]
            title = LABELS.get(name, name)
            spoken = f"Mean loss against {title}. {ax.get_title()}."
            svg = inline_svg(ax.figure, f"feature-{k}", spoken, {"bins": notes})
            figures.append({"title": title, "note": "", "svg": svg})
    return figures
