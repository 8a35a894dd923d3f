"""Table and pictures of the finished runs: means and standard deviations over the seeds."""

import itertools
import math
import statistics
from pathlib import Path
from typing import NamedTuple

from _report import machine_notes

# Okabe & Ito's colours, distinct for colour-blind readers; peers have open markers.
STYLES = {
    "Dense": ("#D55E00", "o", True),
    "CNN": ("#0072B2", "s", True),
    "Dense + CNN": ("#000000", "D", True),
    "TF-IDF, defaults": ("#56B4E9", "^", False),
    "TF-IDF, tuned": ("#009E73", "v", False),
    "fastText": ("#E69F00", "<", False),
    "fastText, tutorial": ("#CC79A7", ">", False),
}
FEW_LABELS_STYLES = {
    "Dense": STYLES["Dense"],
    "Dense, vectors": ("#CC79A7", "P", True),
    "Dense, taught by a vote": ("#999999", "X", True),
    "Dense, taught": ("#000000", "D", True),
    "Dense, both": ("#0072B2", "s", True),
    "TF-IDF, tuned": STYLES["TF-IDF, tuned"],
    "static vectors": ("#E69F00", "<", False),
    "sentence encoder": ("#56B4E9", "^", False),
}
MEASURES = "accuracy", "log_loss", "calibration_error", "fit_seconds", "predicted_per_second"
COLUMNS = 3  # of a picture


class Figure(NamedTuple):
    """Mean over the seeds and, if there are several, their standard deviation."""

    mean: float
    spread: float | None

    def text(self, digits: int) -> str:
        """Format both."""
        spread = "" if self.spread is None else f" ± {self.spread:.{digits}f}"
        return f"{self.mean:,.{digits}f}{spread}"


class Row(NamedTuple):
    """Figures of a model on one data set at one training size."""

    data: str
    n_train: int
    n_new: int
    n_classes: int | None  # None for a mean of sets
    model: str
    n_seeds: int
    figures: dict[str, Figure]


def rows(lines: list[dict]) -> list[Row]:
    """Average over the seeds; data sets, sizes and models in the order of their first line."""
    members: dict[tuple, list[dict]] = {}
    for line in lines:
        key = line["key"]
        members.setdefault((key["data"], key["n_train"], key["model"]), []).append(line)
    data = list(dict.fromkeys(name for name, _, _ in members))
    models = list(STYLES | FEW_LABELS_STYLES)
    found = []
    for name, n_train, model in sorted(
        members, key=lambda key: (data.index(key[0]), key[1], models.index(key[2]))
    ):
        seeds = members[name, n_train, model]
        key = seeds[0]["key"]
        figures = {}
        for measure in MEASURES:
            values = [line[measure] for line in seeds]
            spread = statistics.stdev(values) if len(values) > 1 else None
            figures[measure] = Figure(statistics.fmean(values), spread)
        n_classes = key["n_classes"]
        found.append(Row(name, n_train, key["n_new"], n_classes, model, len(seeds), figures))
    return found


def parts(lines: list[dict]) -> tuple[list[dict], list[dict]]:
    """Return the runs with all labels, and those with few, followed by their means over the sets.

    A mean is a run of the same model, number of labels and seed on all sets that have it.
    """
    few = [line for line in lines if line["key"].get("few_labels")]
    full = [line for line in lines if not line["key"].get("few_labels")]
    sets = {line["key"]["data"] for line in few}
    if len(sets) < 2:
        return full, few
    members: dict[tuple, list[dict]] = {}
    for line in few:
        key = line["key"]
        members.setdefault((key["n_train"], key["model"], key["seed"]), []).append(line)
    means = []
    for of_sets in members.values():
        if len(of_sets) == len(sets):
            key = of_sets[0]["key"] | {
                "data": f"mean of {len(sets)} sets",
                "n_new": sum(line["key"]["n_new"] for line in of_sets),
                "n_classes": None,
            }
            means.append({"key": key} | {m: _mean(of_sets, m) for m in MEASURES})
    return full, few + means


def _mean(lines: list[dict], measure: str) -> float:
    # Speeds by their harmonic mean: the same number of texts of each set.
    average = statistics.harmonic_mean if measure.endswith("per_second") else statistics.fmean
    return average(line[measure] for line in lines)


def table(lines: list[dict], *, runs_wanted: int, notes: list[str], machine: dict) -> str:
    """Return the tables in Markdown; the highest accuracy per data set and size is bold."""
    found = [rows(part) for part in parts(lines) if part]
    text = "\n\n".join(_table(part) for part in found).split("\n")
    flat = list(itertools.chain(*found))
    scored = dict.fromkeys(f"{row.data} {row.n_new:,}" for row in flat if row.n_classes is not None)
    seeds = sorted({row.n_seeds for row in flat})
    text += [
        "",
        f"- Means ± standard deviations over seeds ({' to '.join(map(str, seeds))}), which draw "
        "training texts and first weights. Calibration error: 15 bins of the probability of the "
        "most probable class.",
        f"- Scored on: {', '.join(scored)} texts.",
        *(f"- {note}." for note in notes),
        *machine_notes(machine),
    ]
    if len(lines) < runs_wanted:
        text.append(f"- UNFINISHED: {len(lines)} of {runs_wanted} runs.")
    return "\n".join(text)


def _table(found: list[Row]) -> str:
    best: dict[tuple, float] = {}
    for row in found:
        key, accuracy = (row.data, row.n_train), row.figures["accuracy"].mean
        best[key] = max(best.get(key, 0.0), accuracy)
    text = [
        "| data (classes) | to learn from | model | accuracy | log loss | calibration error "
        "| raw text to fitted, s | raw text to probabilities, texts/s |",
        "|---|--:|---|--:|--:|--:|--:|--:|",
    ]
    for row in found:
        figures = row.figures
        accuracy = figures["accuracy"].text(4)
        if figures["accuracy"].mean == best[row.data, row.n_train]:
            accuracy = f"**{accuracy}**"
        seconds, speed = figures["fit_seconds"], figures["predicted_per_second"].mean
        cells = [
            row.data if row.n_classes is None else f"{row.data} ({row.n_classes})",
            f"{row.n_train:,}",
            row.model,
            accuracy,
            figures["log_loss"].text(4),
            figures["calibration_error"].text(4),
            seconds.text(1 if seconds.mean >= 1 else 2),
            f"{float(f'{speed:.2g}'):,.0f}",
        ]
        text.append("| " + " | ".join(cells) + " |")
    return "\n".join(text)


def draw(lines: list[dict], folder: Path, *, machine: dict) -> list[str]:
    """Draw a picture of the runs with all labels, and one of those with few; return the names."""
    full, few = parts(lines)
    names = []
    if full:
        names.append("accuracy.png")
        _draw(
            rows(full),
            STYLES,
            "fit_seconds",
            "Raw text to fitted model, s (log scale)",
            f"Accuracy on new texts against training time, {machine['processors']} processors",
            folder / names[-1],
        )
    if few:
        names.append("few_labels.png")
        _draw(
            rows(few),
            FEW_LABELS_STYLES,
            "n_train",
            "Texts with a label (log scale)",
            "Accuracy on new texts against the number of labels",
            folder / names[-1],
        )
    return names


def _draw(found: list[Row], styles: dict, across: str, label: str, title: str, path: Path) -> None:
    """Draw accuracy against `across`; a line joins the training sizes of a data set."""
    import matplotlib.figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    data = list(dict.fromkeys(row.data for row in found))
    n_columns = min(COLUMNS, len(data))
    n_rows = math.ceil(len(data) / n_columns)
    figure = matplotlib.figure.Figure(
        figsize=(max(8, 4.2 * n_columns), 1.6 + 3.4 * n_rows), layout="constrained"
    )
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axes in panels[len(data) :]:
        axes.set_visible(False)
    for axes, name in zip(panels, data, strict=False):
        members = [row for row in found if row.data == name]
        sizes = sorted({row.n_train for row in members})
        for model, (color, marker, filled) in styles.items():
            own = [row for row in members if row.model == model]
            accuracy = [row.figures["accuracy"] for row in own]
            places = [
                row.figures[across].mean if across in row.figures else row.n_train for row in own
            ]
            axes.errorbar(
                places,
                [figure.mean for figure in accuracy],
                yerr=[figure.spread or 0 for figure in accuracy],
                color=color,
                marker=marker,
                markerfacecolor=color if filled else "white",
                markersize=7,
                lw=1.2,
                elinewidth=1.2,
            )
            if across != "n_train" and model == "Dense" and len(sizes) > 1:
                for place, row in zip(places, own, strict=True):
                    axes.annotate(
                        f"{row.n_train:,}",
                        (place, row.figures["accuracy"].mean),
                        xytext=(-6, 5),
                        textcoords="offset points",
                        ha="right",
                        fontsize=8,
                        color=color,
                    )
        axes.set(xscale="log", xlabel=label, ylabel="Accuracy")
        axes.set_title(f"{name[0].upper()}{name[1:]}{_learnt(members, sizes, across)}", fontsize=10)
        if across == "n_train":
            axes.set_xticks(sizes)
            axes.minorticks_off()
        else:
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=20))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.margins(0.12)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    used = {row.model for row in found}
    handles = [
        Line2D(
            [], [], color=color, marker=marker, markerfacecolor=color if filled else "white",
            markersize=7, lw=1.2, label=model,
        )
        for model, (color, marker, filled) in styles.items()
        if model in used
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(f"{title}; filled: sentilib, open: peers", fontsize=11)
    figure.savefig(path, dpi=150)


def _learnt(members: list[Row], sizes: list[int], across: str) -> str:
    classes = members[0].n_classes
    known = [] if classes is None else [f"{classes} classes"]
    if across != "n_train":
        known.insert(
            0, " to ".join(f"{size:,}" for size in sizes[:: max(1, len(sizes) - 1)]) + " texts"
        )
    return ": " * bool(known) + ", ".join(known)
