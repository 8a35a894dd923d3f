"""The report's sections as HTML: figures with intervals, charts and tables, no script needed."""

import platform
import warnings
from collections.abc import Iterable
from datetime import date
from html import escape
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from sklearn.base import clone

from sentilib._pages import _page
from sentilib._pipelines import Reviews
from sentilib.inspection._loss_by_feature import LossByFeatureDisplay
from sentilib.inspection._measures._clusters import describe_clusters
from sentilib.inspection._measures._evaluation import Evaluation
from sentilib.inspection._measures._features import LABELS, resolve_features
from sentilib.inspection._measures._metrics import calibration, confusion, metrics
from sentilib.inspection._measures._subgroups import default_slices, slice_table
from sentilib.inspection._report._chart import Chart

_MOST_SLICES = 15
_MOST_ISSUES = 50
_MOST_CLASSES_SHOWN = 30


class Overview:
    """Everything of the page but the list of reviews.

    Parameters
    ----------
    reviews : Reviews
        Read by the estimator.
    evaluation : Evaluation
        Their labels and predictions.
    cluster : ndarray of shape (n_samples,), int, or None
        Cluster of each review.
    issues : ndarray of int
        Rows of likely label errors.
    snippets : list of str
        Beginning of each review.
    confidence_level : float
        Of all intervals.
    seed : int
        For the bootstrap.
    """

    def __init__(
        self,
        reviews: Reviews,
        evaluation: Evaluation,
        cluster: np.ndarray | None,
        issues: np.ndarray,
        snippets: list[str],
        confidence_level: float,
        seed: int,
    ):
        self.reviews = reviews
        self.evaluation = evaluation
        self.cluster = cluster
        self.issues = issues
        self.snippets = snippets
        self.level = confidence_level
        self.seed = seed

    def subtitle(self) -> str:
        """Say what was inspected, in a line."""
        wrong = int((~self.evaluation.correct).sum())
        return (
            f"{len(self.reviews):,} reviews, {wrong:,} of them wrong; {self.level:.0%} confidence "
            f"intervals in brackets. {date.today():%d %B %Y}."
        )

    def metrics(self) -> str:
        """Figures of the whole, each with its interval."""
        tiles = "".join(
            f'<div class="tile">{escape(name)}<b>{value:.4f}</b>'
            f"<span>[{low:.4f}, {high:.4f}] {escape(how)}</span></div>"
            for name, value, low, high, how in metrics(self.evaluation, self.level, self.seed)
        )
        return f'<div class="tiles">{tiles}</div>'

    def cards(self) -> str:
        """Say what the model is and what the data are."""
        reviews, evaluation = self.reviews, self.evaluation
        classifier = reviews.classifier
        model = [("Classifier", type(classifier).__name__)]
        for step in (reviews.tokenizer, classifier):
            if step is not None:
                model.append((f"{type(step).__name__}, not default", _unusual(step)))
        if reviews.tokenizer is not None:
            model.append(("Vocabulary", f"{len(reviews.words) - 2:,} words"))
        for name, text in (("n_iter_", "Epochs"), ("device_", "Trained on")):
            if hasattr(classifier, name):
                model.append((text, str(getattr(classifier, name))))
        names = ", ".join(map(str, evaluation.classes[:_MOST_CLASSES_SHOWN].tolist()))
        model.append((f"{len(evaluation.classes)} classes", names))
        model.append(("Versions", _versions()))

        quartiles = np.quantile(reviews.length, [0, 0.25, 0.5, 0.75, 1]).astype(int).tolist()
        counts = np.bincount(evaluation.truth, minlength=len(evaluation.classes))
        shares = ", ".join(
            f"{label}: {count:,} ({count / len(reviews):.1%})"
            for label, count in zip(
                evaluation.classes[:_MOST_CLASSES_SHOWN].tolist(), counts.tolist(), strict=False
            )
        )
        data = [
            ("Reviews", f"{len(reviews):,}"),
            ("Labels", shares),
            ("Tokens, quartiles", " / ".join(f"{q:,}" for q in quartiles)),
            ("Truncated", f"{int(reviews.truncated.sum()):,} ({reviews.truncated.mean():.1%})"),
            ("Unknown words", f"{reviews.oov_rate.mean():.2%} of a review's tokens, on average"),
        ]
        if reviews.texts is not None:
            copies = len(reviews.texts) - len(set(reviews.texts))
            data.append(("Copies of another review", f"{copies:,}"))
        return (
            f'<div class="cards"><div><h3>Model</h3>{_facts(model)}</div>'
            f"<div><h3>Data</h3>{_facts(data)}</div></div>"
        )

    def calibration(self) -> str:
        """Whether confidence can be believed, and what is taken for what."""
        evaluation = self.evaluation
        bins = calibration(evaluation, self.level)
        low = min(1 / len(evaluation.classes), *(b.confidence for b in bins))
        chart = Chart(
            "Accuracy against confidence", "Confidence of the prediction", "Accuracy",
            (low, 1), (min(low, *(b.low for b in bins)), 1),
        )  # fmt: skip
        chart.line([low, 1], [low, 1], "s7 dashed", "perfectly calibrated")
        chart.points(
            [b.confidence for b in bins],
            [b.accuracy for b in bins],
            "s0",
            [b.low for b in bins],
            [b.high for b in bins],
            [f"{b.n_reviews:,} reviews: {b.accuracy:.3f}" for b in bins],
        )
        counts = confusion(evaluation)
        labels = [str(label) for label in evaluation.classes.tolist()][:_MOST_CLASSES_SHOWN]
        rows = []
        for k, label in enumerate(labels):
            total = max(int(counts[k].sum()), 1)
            cells = [
                f'{count:,} <span class="note">({count / total:.1%})</span>'
                for count in counts[k][: len(labels)].tolist()
            ]
            cells[k] = f'<span class="hit">{cells[k]}</span>'
            rows.append([f"truly {escape(label)}", *cells])
        matrix = _page.table([("", ""), *((f"taken as {label}", "n") for label in labels)], rows)
        return (
            '<div class="charts">'
            + _figure("Calibration", "bins of like size", chart.svg())
            + f"<figure><figcaption>Confusion matrix</figcaption>{matrix}</figure></div>"
        )

    def training(self) -> str:
        """Loss and accuracy of each epoch; nothing where the classifier keeps none."""
        history = getattr(self.reviews.classifier, "history_", None)
        if not isinstance(history, dict) or not history.get("loss"):
            return ""
        charts = []
        for measure, title in (("loss", "Loss (nats)"), ("accuracy", "Accuracy")):
            lines = [
                (style, text, history[prefix + measure])
                for prefix, style, text in (("", "s1", "training"), ("val_", "s0", "validation"))
                if history.get(prefix + measure)
            ]
            if not lines:
                continue
            values = np.concatenate([values for *_, values in lines])
            margin = 0.12 * (np.ptp(values) or 0.1)
            chart = Chart(
                f"{title} of each epoch", "Epoch", title,
                (1, max(len(lines[0][2]), 2)), (values.min() - margin, values.max() + 3 * margin),
            )  # fmt: skip
            for style, text, line in lines:
                epochs = list(range(1, len(line) + 1))
                chart.line(epochs, line, style, text)
                chart.points(epochs, line, style, notes=[f"{value:.4f}" for value in line])
            charts.append(_figure(title, "", chart.svg()))
        return f'<div class="charts">{"".join(charts)}</div>'

    def latent_space(self, axis_names: list[str]) -> str:
        """Canvas of the latent space, its controls and the table of clusters."""
        buttons = "".join(
            f'<button type="button" data-key="{key}" aria-label="{text}">{sign}</button>'
            for key, text, sign in (
                ("ArrowLeft", "Turn left", "←"), ("ArrowRight", "Turn right", "→"),
                ("ArrowUp", "Turn up", "↑"), ("ArrowDown", "Turn down", "↓"),
                ("+", "Zoom in", "+"), ("-", "Zoom out", "&minus;"),
            )
        )  # fmt: skip
        return (
            "<p>Each point is a review, its size the loss; near points look alike to the output "
            "layer. Drag to turn, point at a review to read it, click for its heat-map. Keys: "
            "arrows turn, + and - zoom, n and p walk through the reviews by falling loss, Enter "
            f"opens one. {escape('; '.join(axis_names))}.</p>"
            f'<div id="controls"><label>Colour <select id="coloring"></select></label>{buttons}'
            '</div><div id="space"><canvas id="points" tabindex="0" role="application" '
            'aria-label="Latent space in three dimensions" aria-describedby="spoken"></canvas>'
            '</div><p id="space-legend" class="legend"></p>'
            '<p id="spoken" class="skip" aria-live="polite"></p>' + self._clusters()
        )

    def _clusters(self) -> str:
        if self.cluster is None:
            return ""
        described = describe_clusters(self.cluster, self.evaluation, self.reviews)
        rows = [
            [
                "noise" if name == -1 else str(name),
                f"{row['n_reviews']:,}",
                f"{row['error_rate']:.1%}",
                f"{row['loss']:.3f}",
                f"{row['length']:,.0f}",
                f"{row['oov_rate']:.2%}",
                escape(row["words"]),
            ]
            for name, row in described.iterrows()
        ]
        head = [
            ("Cluster", ""), ("Reviews", "n"), ("Errors", "n"), ("Mean loss", "n"),
            ("Mean length", "n"), ("Unknown", "n"), ("Words that stand out", "words"),
        ]  # fmt: skip
        return "<h3>Clusters</h3>" + _page.table(head, rows)

    def features(self, names: Iterable[str] | None, data: Any) -> str:
        """Loss against length, unknown words and the user's columns."""
        values = self._features(names, data)
        display = LossByFeatureDisplay._of(self.evaluation, values, 10, self.level)
        figures = []
        for name, bins in display.bins.items():
            counts, edges = display.histograms[name]
            losses = bins[["loss", "loss_low", "loss_high"]].to_numpy()
            top = float(np.nanmax(losses)) * 1.08
            title = LABELS.get(name, name)
            right, bottom = max(edges[-1], bins["mean"].max()), min(0.0, float(np.nanmin(losses)))
            chart = Chart(
                f"Mean loss against {title}", title, "Loss (nats)",
                (edges[0], right), (bottom, top),
            )  # fmt: skip
            chart.histogram(counts.tolist(), edges.tolist())
            chart.line([edges[0], edges[-1]], [display.mean_loss] * 2, "s4 dashed")
            chart.line(bins["mean"], bins["loss"], "s0")
            chart.points(
                bins["mean"].tolist(),
                bins["loss"].tolist(),
                "s0",
                bins["loss_low"].tolist(),
                bins["loss_high"].tolist(),
                [
                    f"{row.low:.4g} to {row.high:.4g}: loss {row.loss:.3f}, accuracy "
                    f"{row.accuracy:.3f}, {row.n_reviews:,} reviews"
                    for row in bins.itertuples()
                ],
            )
            rho, low, high = display.trends.loc[name]
            note = "too few different values for a trend"
            if np.isfinite(rho):
                note = f"rank correlation {rho:+.3f} [{low:+.3f}, {high:+.3f}]"
            figures.append(_figure(title, note, chart.svg()))
        return (
            "<p>Grey: how many reviews. Blue: mean loss in bins of like size, with intervals. "
            f'Dashed: mean of all.</p><div class="charts">{"".join(figures)}</div>'
        )

    def _features(self, names: Iterable[str] | None, data: Any) -> dict[str, np.ndarray]:
        reviews = self.reviews
        if names is not None:
            return resolve_features(names, data, len(reviews), reviews)
        values = resolve_features(("length", "oov_count", "oov_rate"), None, len(reviews), reviews)
        columns = dict(reviews.columns)
        if data is not None:
            columns.update(resolve_features(list(data), data, len(reviews)))
        values.update({k: v for k, v in columns.items() if np.asarray(v).dtype.kind in "iuf"})
        return values

    def slices(self, data: Any) -> str:
        """Subgroups with the highest loss."""
        with warnings.catch_warnings():  # those of missing values came with the charts
            warnings.filterwarnings("ignore", message="Feature .* are missing")
            found = slice_table(
                self.evaluation,
                default_slices(self.reviews, self.evaluation, self.cluster, data),
                confidence_level=self.level,
            )
        rows = [
            [
                escape(row.slice),
                f"{row.n_reviews:,}",
                f"{row.loss:.3f} {_bracket(row.loss_low, row.loss_high)}",
                f"{row.accuracy:.3f} {_bracket(row.accuracy_low, row.accuracy_high)}",
            ]
            for row in found.head(_MOST_SLICES).itertuples()
        ]
        head = [("Subgroup", ""), ("Reviews", "n"), ("Mean loss", "n"), ("Accuracy", "n")]
        return (
            "<p>Sorted by the lower end of the loss's interval, so that none leads by being small. "
            "The intervals are not corrected for the number of subgroups.</p>"
            + _page.table(head, rows)
        )

    def label_issues(self) -> str:
        """Reviews whose label is likely wrong."""
        if not len(self.issues):
            return "<p>None was found.</p>"
        evaluation = self.evaluation
        rows = [
            [
                _page.open_button(row, self.snippets[row]),
                escape(str(evaluation.classes[evaluation.truth[row]])),
                escape(str(evaluation.classes[evaluation.predicted[row]])),
                f"{evaluation.label_quality[row]:.3f}",
            ]
            for row in self.issues[:_MOST_ISSUES].tolist()
        ]
        head = [("Review", ""), ("Label", ""), ("Likelier", ""), ("Label quality", "n")]
        return (
            f"<p>{len(self.issues):,} labels contradict the model more than confident learning "
            "expects of its own errors (Northcutt et al. 2021); the first "
            f"{min(_MOST_ISSUES, len(rows))}. Some are the model's errors: read before you "
            "relabel.</p>" + _page.table(head, rows)
        )


def _figure(title: str, note: str, content: str) -> str:
    small = f"<small>{escape(note)}</small>" if note else ""
    return f"<figure><figcaption>{escape(title)}{small}</figcaption>{content}</figure>"


def _facts(rows: list[tuple[str, str]]) -> str:
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>'
        for name, text in rows
    )
    return f"<table><tbody>{body}</tbody></table>"


def _bracket(low: float, high: float) -> str:
    if not np.isfinite(low + high):
        return ""
    return f'<span class="note">[{low:.3f}, {high:.3f}]</span>'


def _unusual(estimator: Any) -> str:
    """Parameters that differ from their defaults."""
    try:
        default = type(estimator)().get_params(deep=False)
    except TypeError:
        default = {}
    parameters = clone(estimator).get_params(deep=False)
    unusual = [
        f"{name}={value!r:.60}"
        for name, value in parameters.items()
        if name not in default or repr(default[name]) != repr(value)
    ]
    return ", ".join(unusual) or "none"


def _versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for package in ("sentilib", "scikit-learn", "keras", "numpy"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
