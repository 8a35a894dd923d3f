"""TrainingHistoryDisplay: loss and accuracy per epoch."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sentilib import _plotting
from sentilib._pipelines import Parts
from sentilib.inspection._measures._parameters import check_parameters

_MEASURES = {"loss": "Loss (nats)", "accuracy": "Accuracy"}


class TrainingHistoryDisplay:
    """Loss and accuracy per epoch, on training and validation data.

    Parameters
    ----------
    history : dict of str to list of float
        One value per epoch of `loss` and `accuracy`, with validation data also of `val_loss` and
        `val_accuracy`, as in the `history_` of a classifier.
    name : str or None, default=None
        Title of the figure.

    Attributes
    ----------
    measures : list of str
        Which of `loss` and `accuracy` the history contains.
    ax_ : ndarray of matplotlib Axes
        Axes, one per measure.
    figure_ : matplotlib Figure
        Figure of the axes.

    Examples
    --------
    >>> from sentilib.inspection import TrainingHistoryDisplay
    >>> display = TrainingHistoryDisplay({"loss": [0.6, 0.4], "accuracy": [0.7, 0.8]})
    >>> len(display.plot().ax_)
    2
    """

    def __init__(self, history: dict[str, list[float]], *, name: str | None = None):
        self.history = history
        self.name = name
        self.measures = [measure for measure in _MEASURES if history.get(measure)]

    @classmethod
    @check_parameters(name=[str, None])
    def from_estimator(
        cls, estimator: Any, *, name: str | None = None, ax: Any = None
    ) -> "TrainingHistoryDisplay":
        """Plot the training history of a classifier.

        Parameters
        ----------
        estimator : Pipeline or classifier
            Fitted classifier with a `history_`, or pipeline that ends with one.
        name : str, default=None
            Title; None means the name of the classifier's class.
        ax : matplotlib Axes or array-like of two, default=None
            Axes to draw on, one per measure, or a single one that a grid replaces.

        Returns
        -------
        TrainingHistoryDisplay
            Display, already plotted.

        Raises
        ------
        TypeError
            If the classifier keeps no history.
        NotFittedError
            If the estimator is not fitted.
        ImportError
            If matplotlib is not installed.
        """
        parts = Parts.of(estimator)
        check_is_fitted(parts.classifier)
        classifier = parts.model or parts.classifier
        history = getattr(classifier, "history_", None)
        if not isinstance(history, dict) or not history:
            raise TypeError(
                f"{type(classifier).__name__} keeps no training history: expected a classifier "
                "with a dict `history_`, such as DenseSentimentClassifier."
            )
        return cls(history, name=name or type(classifier).__name__).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> "TrainingHistoryDisplay":
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of them, default=None
            Axes to draw on, one per measure, or a single one that a grid replaces.

        Returns
        -------
        TrainingHistoryDisplay
            The display itself.
        """
        n = len(self.measures)
        if not n:
            raise ValueError(
                f"history must contain 'loss' or 'accuracy', got {list(self.history)}."
            )
        figure, axes = _plotting.grid_of_axes(ax, n, 2, "TrainingHistoryDisplay")
        lines = (("", "o--", 1, "Training"), ("val_", "o-", 0, "Validation"))
        for axis, measure in zip(axes, self.measures, strict=True):
            for prefix, style, color, part in lines:
                values = self.history.get(prefix + measure)
                if values is not None:
                    epochs = np.arange(1, len(values) + 1)
                    axis.plot(
                        epochs,
                        values,
                        style,
                        color=_plotting.color_of(color),
                        label=part,
                        markersize=4,
                    )
            axis.set(
                xlabel="Epoch", ylabel=_MEASURES[measure], title=_plotting.plain(self.name or "")
            )
            axis.xaxis.get_major_locator().set_params(integer=True)
            axis.legend(frameon=False)
            _plotting.tidy(axis)
        self.ax_ = axes
        self.figure_ = figure
        return self
