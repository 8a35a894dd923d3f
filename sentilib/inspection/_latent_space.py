"""LatentSpaceDisplay: the space that the output layer reads, projected."""

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from sentilib import _plotting
from sentilib._pipelines import Progress, Reviews, read_reviews
from sentilib._sklearn import HasMethods, Interval, StrOptions
from sentilib.inspection._measures._clusters import describe_clusters, find_clusters
from sentilib.inspection._measures._evaluation import Evaluation, evaluate
from sentilib.inspection._measures._parameters import check_parameters
from sentilib.inspection._measures._projection import project

if TYPE_CHECKING:
    from pandas import DataFrame

_LARGEST_MARKER = 90.0  # points squared
_OPTIONS: dict[str, list] = {
    "n_components": [Interval(Integral, 2, 3, closed="both")],
    "color": [StrOptions({"truth", "prediction", "cluster"})],
    "transformer": [HasMethods("fit_transform"), None],
}


class LatentSpaceDisplay:
    """Latent space in two or three dimensions, coloured by class and sized by loss.

    Create it with `from_estimator` or `from_predictions`.

    Parameters
    ----------
    points : ndarray of shape (n_samples, 2) or (n_samples, 3)
        Projected reviews.
    group : ndarray of shape (n_samples,), int
        Class or cluster of each review, which the colour shows, as a position in `group_names`.
    group_names : list of str
        Names of the groups, for the legend.
    loss : ndarray of shape (n_samples,)
        Cross-entropy of each review in nats, which the size of its mark shows.
    color : {"truth", "prediction", "cluster"}
        Meaning of the groups.
    axis_names : list of str
        Labels of the axes.
    cluster : ndarray of shape (n_samples,), int, default=None
        Cluster of each review; -1 is noise.
    cluster_table : DataFrame, default=None
        One row per cluster: `n_reviews`, `error_rate`, mean `loss` and, of an estimator's reviews,
        mean `length`, `oov_rate` and characteristic `words`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the plot.
    figure_ : matplotlib Figure
        Figure of the axes.

    Examples
    --------
    >>> import numpy as np
    >>> from sentilib.inspection import LatentSpaceDisplay
    >>> latent = np.random.RandomState(0).normal(size=(6, 4))
    >>> display = LatentSpaceDisplay.from_predictions(
    ...     latent, list("nnnppp"), [0.1, 0.3, 0.6, 0.7, 0.9, 0.4]
    ... )
    >>> display.points.shape
    (6, 2)
    """

    def __init__(
        self,
        points: np.ndarray,
        *,
        group: np.ndarray,
        group_names: list[str],
        loss: np.ndarray,
        color: str,
        axis_names: list[str],
        cluster: np.ndarray | None = None,
        cluster_table: "DataFrame | None" = None,
    ):
        self.points = points
        self.group = group
        self.group_names = group_names
        self.loss = loss
        self.color = color
        self.axis_names = axis_names
        self.cluster = cluster
        self.cluster_table = cluster_table

    @classmethod
    @check_parameters(**_OPTIONS)
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        text_column: str | int | None = None,
        n_components: int = 2,
        color: str = "truth",
        transformer: Any = None,
        clusterer: Any = None,
        random_state: Any = None,
        ax: Any = None,
        verbose: int | bool = 0,
    ) -> "LatentSpaceDisplay":
        """Plot the latent space of an estimator.

        Parameters
        ----------
        estimator : Pipeline or classifier
            Fitted pipeline from HTMLTokenizer to a classifier, or fitted classifier of token ids.
            The classifier has a `transform`, which returns latent vectors. Of an estimator around
            one of these, such as CalibratedClassifierCV, the latent space inside is shown.
        X : array-like of shape (n_samples,) or (n_samples, n_tokens)
            Reviews for a pipeline, token ids for a classifier.
        y : array-like of shape (n_samples,)
            Labels.
        text_column : str or int, default=None
            Column of a DataFrame X that contains the reviews; None means its only column of text.
        n_components : {2, 3}, default=2
            Number of dimensions of the default projection.
        color : {"truth", "prediction", "cluster"}, default="truth"
            Meaning of the colour.
        transformer : transformer, default=None
            Estimator with `fit_transform` that projects the latent space, whose units are scaled to
            similar variance, to 2 or 3 components, such as TSNE or UMAP; a clone is fitted. None
            means PCA.
        clusterer : clusterer, default=None
            Estimator with `fit_predict` that finds clusters in the latent space; a clone is fitted.
            None means KMeans if `color="cluster"`, else no clusters.
        random_state : int, RandomState instance or None, default=None
            Random state of the transformer and the clusterer, if they have none of their own.
        ax : matplotlib Axes, default=None
            Axes to draw on; three dimensions need `projection="3d"`.
        verbose : int or bool, default=0
            1 prints a line before each step that may take long.

        Returns
        -------
        LatentSpaceDisplay
            Display, already plotted.

        Raises
        ------
        ValueError
            If y contains labels that the model never saw, lengths differ, the transformer returns
            other than 2 or 3 dimensions, or a parameter is invalid.
        TypeError
            If the classifier has no `predict_proba` or no `transform`, or reads no text.
        NotFittedError
            If the estimator is not fitted.
        ImportError
            If matplotlib is not installed.
        """
        progress = Progress(verbose, "LatentSpaceDisplay")
        progress("Reading the reviews")
        reviews = read_reviews(estimator, X, text_column)
        progress(f"Predicting {len(reviews):,} reviews")
        evaluation = evaluate(reviews, y)
        latent = reviews.latent
        progress("Projecting the latent space")
        return cls._of(
            latent,
            evaluation,
            reviews,
            n_components=n_components,
            color=color,
            transformer=transformer,
            clusterer=clusterer,
            random_state=random_state,
        ).plot(ax=ax)

    @classmethod
    @check_parameters(**_OPTIONS, latent=["array-like"])
    def from_predictions(
        cls,
        latent: Any,
        y_true: Any,
        y_proba: Any,
        *,
        labels: Any = None,
        n_components: int = 2,
        color: str = "truth",
        transformer: Any = None,
        clusterer: Any = None,
        random_state: Any = None,
        ax: Any = None,
    ) -> "LatentSpaceDisplay":
        """Plot given latent vectors and predictions.

        Parameters
        ----------
        latent : array-like of shape (n_samples, n_latent)
            Latent vectors.
        y_true : array-like of shape (n_samples,)
            Labels.
        y_proba : array-like of shape (n_samples,) or (n_samples, n_classes)
            Probability of the second label, or of each, in ascending order of the labels.
        labels : array-like of shape (n_classes,), default=None
            All labels; needed where y_true lacks some.
        n_components : {2, 3}, default=2
            Number of dimensions of the default projection.
        color : {"truth", "prediction", "cluster"}, default="truth"
            Meaning of the colour.
        transformer : transformer, default=None
            Estimator that projects the latent space, as in `from_estimator`.
        clusterer : clusterer, default=None
            Estimator that finds clusters, as in `from_estimator`.
        random_state : int, RandomState instance or None, default=None
            Random state of the transformer and the clusterer, if they have none of their own.
        ax : matplotlib Axes, default=None
            Axes to draw on; three dimensions need `projection="3d"`.

        Returns
        -------
        LatentSpaceDisplay
            Display, already plotted.

        Raises
        ------
        ValueError
            If latent vectors, labels and probabilities do not fit each other, or a parameter is
            invalid.
        ImportError
            If matplotlib is not installed.
        """
        evaluation = Evaluation.of(np.unique(y_true if labels is None else labels), y_true, y_proba)
        latent = np.asarray(latent, dtype=np.float64)
        if latent.ndim != 2 or len(latent) != len(evaluation):
            raise ValueError(
                f"latent must be of shape ({len(evaluation)}, n_latent), got {latent.shape}."
            )
        return cls._of(
            latent,
            evaluation,
            None,
            n_components=n_components,
            color=color,
            transformer=transformer,
            clusterer=clusterer,
            random_state=random_state,
        ).plot(ax=ax)

    @classmethod
    def _of(
        cls,
        latent: np.ndarray,
        evaluation: Evaluation,
        reviews: Reviews | None,
        *,
        n_components: int,
        color: str,
        transformer: Any,
        clusterer: Any,
        random_state: Any,
    ) -> "LatentSpaceDisplay":
        points, axis_names = project(latent, n_components, transformer, random_state)
        cluster = cluster_table = None
        if clusterer is not None or color == "cluster":
            cluster = find_clusters(latent, clusterer, random_state)
            cluster_table = describe_clusters(cluster, evaluation, reviews)
        if color == "cluster":
            assert cluster is not None
            found, group = np.unique(cluster, return_inverse=True)
            names = ["noise" if k == -1 else f"cluster {k}" for k in found]
        else:
            group = evaluation.truth if color == "truth" else evaluation.predicted
            names = [str(label) for label in evaluation.classes]
        return cls(
            points,
            group=group,
            group_names=names,
            loss=evaluation.loss,
            color=color,
            axis_names=axis_names,
            cluster=cluster,
            cluster_table=cluster_table,
        )

    def plot(self, *, ax: Any = None) -> "LatentSpaceDisplay":
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; three dimensions need `projection="3d"`.

        Returns
        -------
        LatentSpaceDisplay
            The display itself.
        """
        n_components = self.points.shape[1]
        wanted = "3d" if n_components == 3 else "rectilinear"
        ax, figure = _plotting.single_axes(ax, "LatentSpaceDisplay", (6, 5), projection=wanted)
        if (ax.name == "3d") != (n_components == 3):
            raise ValueError(
                f"The display has {n_components} dimensions, but ax has the projection "
                f"{ax.name!r}. Make it with projection={wanted!r}."
            )
        from matplotlib.lines import Line2D

        largest = max(float(np.quantile(self.loss, 0.99)), 1e-9)
        sizes = 4 + _LARGEST_MARKER * np.minimum(self.loss / largest, 1.5)
        colors = np.array([_plotting.color_of(k) for k in range(len(self.group_names))])
        order = np.argsort(-sizes, kind="stable")  # small marks on top, classes mixed
        ax.scatter(
            *self.points[order].T,
            s=sizes[order],
            c=colors[self.group[order]],
            alpha=0.5,
            linewidths=0,
        )
        ax.set(xlabel=self.axis_names[0], ylabel=self.axis_names[1])
        if n_components == 3:
            ax.set_zlabel(self.axis_names[2])
        else:
            _plotting.tidy(ax)
        ax.set_title(f"Latent space: colour shows {self.color}, size shows loss", fontsize=10)
        marks = [
            Line2D([], [], linestyle="", marker="o", color=color, label=_plotting.plain(name))
            for color, name in zip(colors, self.group_names, strict=True)
        ]
        ax.legend(handles=marks, frameon=False)
        self.ax_, self.figure_ = ax, figure
        return self
