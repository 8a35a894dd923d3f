"""Turn timings into ratios: one table, one picture, one JSON file.

The figure of a contender is the median over all its rounds, with their interquartile range. A ratio
compares two medians; its range is the lowest and the highest ratio within one turn.
"""

import json
import os
import platform
import statistics
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = "numpy scipy scikit-learn selectolax keras tensorflow tokenizers fasttext-wheel"


@dataclass
class Timing:
    """Seconds of the rounds of one contender in one turn."""

    group: str
    task: str
    contender: str
    turn: int
    seconds: list[float]
    facts: dict[str, float] = field(default_factory=dict)


@dataclass
class Comparison:
    """A row of the table.

    task, peer, product : names under which the contenders were measured.
    at_least : required ratio of the peer's time to sentilib's.
    within_seconds : required time of sentilib.
    accuracy_loss : by how much sentilib's mean accuracy may be below the peer's.
    any_setting : compare the fastest contender whose name begins with `product` and whose mean
        accuracy is not below the peer's.
    """

    task: str
    peer: str
    at_least: float | None = None
    product: str = "sentilib"
    within_seconds: float | None = None
    accuracy_loss: float | None = None
    any_setting: bool = False


@dataclass
class Row:
    """A comparison with its figures; times in seconds."""

    group: str
    task: str
    peer: str
    peer_seconds: float
    peer_spread: float
    product: str
    product_seconds: float
    product_spread: float
    ratio: float
    lowest: float
    highest: float
    at_least: float | None
    within_seconds: float | None
    accuracy_loss: float | None
    peer_facts: dict[str, float]
    product_facts: dict[str, float]

    @property
    def title(self) -> str:
        """Task, and the setting of sentilib that did it."""
        setting = self.product.removeprefix("sentilib").strip(", ")
        return f"{self.task}, {setting}" if setting else self.task

    @property
    def holds(self) -> bool | None:
        """Whether the row meets its requirements; None if it has none."""
        if self.at_least is None and self.within_seconds is None:
            return None
        return (
            self.ratio >= (self.at_least or 0)
            and self.product_seconds <= (self.within_seconds or float("inf"))
            and (
                self.accuracy_loss is None
                or self.product_facts["accuracy"]
                >= self.peer_facts["accuracy"] - self.accuracy_loss
            )
        )


class Report:
    """All timings of a run, and the table, picture and file made from them."""

    def __init__(self) -> None:
        self.timings: list[Timing] = []
        self.comparisons: list[Comparison] = []
        self.data = ""
        self.machine = machine()

    def rows(self) -> list[Row]:
        """Return the comparisons whose contenders ran."""
        rows = (self._row(comparison) for comparison in self.comparisons)
        return [row for row in rows if row is not None]

    def _contenders(self, comparison: Comparison) -> tuple[list[Timing], dict[str, list[Timing]]]:
        """Return timings of the peer, and of each setting of sentilib that the row compares."""
        contenders: dict[str, list[Timing]] = {}
        for timing in self.timings:
            if timing.task == comparison.task:
                contenders.setdefault(timing.contender, []).append(timing)
        peer = contenders.pop(comparison.peer, [])
        settings = {
            name: timings
            for name, timings in contenders.items()
            if name == comparison.product
            or (comparison.any_setting and name.startswith(comparison.product))
        }
        return peer, settings

    def _row(self, comparison: Comparison) -> Row | None:
        peer, settings = self._contenders(comparison)
        if peer and comparison.any_setting:
            wanted = _mean_facts(peer)["accuracy"]
            settings = {k: v for k, v in settings.items() if _mean_facts(v)["accuracy"] >= wanted}
        if not peer or not settings:
            return None
        product = min(settings.values(), key=_median)
        by_turn = [{t.turn: statistics.median(t.seconds) for t in ts} for ts in (peer, product)]
        ratios = [by_turn[0][turn] / by_turn[1][turn] for turn in by_turn[0].keys() & by_turn[1]]
        return Row(
            group=peer[0].group,
            task=comparison.task,
            peer=comparison.peer,
            peer_seconds=_median(peer),
            peer_spread=_spread(peer),
            product=product[0].contender,
            product_seconds=_median(product),
            product_spread=_spread(product),
            ratio=_median(peer) / _median(product),
            lowest=min(ratios),
            highest=max(ratios),
            at_least=comparison.at_least,
            within_seconds=comparison.within_seconds,
            accuracy_loss=comparison.accuracy_loss,
            peer_facts=_mean_facts(peer),
            product_facts=_mean_facts(product),
        )

    def not_reached(self) -> list[str]:
        """Return a line per task in which no setting of sentilib was as accurate as the peer."""
        lines = []
        for comparison in self.comparisons:
            peer, settings = self._contenders(comparison)
            if comparison.any_setting and peer and settings and self._row(comparison) is None:
                best = max(_mean_facts(timings)["accuracy"] for timings in settings.values())
                lines.append(
                    f"- {comparison.task}: NOT REACHED; mean accuracy at most {best:.4f}, "
                    f"{_mean_facts(peer)['accuracy']:.4f} ({comparison.peer})"
                )
        return lines

    def as_dict(self) -> dict:
        """Return everything, for JSON."""
        return {
            "machine": self.machine,
            "data": self.data,
            "rows": [asdict(row) | {"holds": row.holds} for row in self.rows()],
            "timings": [asdict(timing) for timing in self.timings],
        }

    def table(self) -> str:
        """Return a Markdown table of ratios, followed by the machine and the versions."""
        lines = [
            "| group | task | peer | its median (IQR) | sentilib's (IQR) | times as fast"
            " (turns) | at least |  |",
            "|---|---|---|--:|--:|--:|--:|---|",
        ]
        for row in self.rows():
            cells = [
                row.group,
                row.title,
                row.peer,
                _time(row.peer_seconds, row.peer_spread),
                _time(row.product_seconds, row.product_spread),
                f"{_times(row.ratio)} ({_times(row.lowest)} to {_times(row.highest)})",
                "" if row.at_least is None else _times(row.at_least),
                {None: "", True: "yes", False: "NO"}[row.holds],
            ]
            lines.append("| " + " | ".join(cells) + " |")
        lines += ["", *self.notes()]
        return "\n".join(lines)

    def notes(self) -> list[str]:
        """Return the notes below the table: accuracies, time limits, data, machine, versions."""
        notes = self.not_reached()
        for row in self.rows():
            for fact in row.peer_facts.keys() & row.product_facts.keys():
                notes.append(
                    f"- {row.task}: mean {fact} {row.product_facts[fact]:.4g} ({row.product}), "
                    f"{row.peer_facts[fact]:.4g} ({row.peer})"
                )
            if row.within_seconds is not None:
                notes.append(
                    f"- {row.task}: {_time(row.product_seconds)}, to be under "
                    f"{_time(row.within_seconds)}"
                )
            for fact in row.product_facts.keys() - row.peer_facts.keys():
                notes.append(f"- {row.task}: {fact} {row.product_facts[fact]:.3g} ({row.product})")
        notes = list(dict.fromkeys(notes))
        return [*notes, f"- Data: {self.data}.", *machine_notes(self.machine)]

    def write(self, folder: Path) -> None:
        """Write ratios.json, ratios.md and ratios.png."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.as_dict(), indent=1)
        (folder / "ratios.json").write_text(text + "\n", encoding="utf-8")
        (folder / "ratios.md").write_text(self.table() + "\n", encoding="utf-8")
        if rows := self.rows():
            draw(rows, folder / "ratios.png", self.machine)


def _all_seconds(timings: list[Timing]) -> list[float]:
    return [seconds for timing in timings for seconds in timing.seconds]


def _median(timings: list[Timing]) -> float:
    return statistics.median(_all_seconds(timings))


def _spread(timings: list[Timing]) -> float:
    seconds = _all_seconds(timings)
    if len(seconds) < 2:
        return 0.0
    low, _, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return high - low


def _mean_facts(timings: list[Timing]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for timing in timings:
        for name, value in timing.facts.items():
            values.setdefault(name, []).append(value)
    return {name: statistics.fmean(each) for name, each in values.items()}


def _time(seconds: float, spread: float | None = None) -> str:
    unit, factor = next(
        (unit, factor)
        for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6))
        if seconds * factor >= 1 or unit == "µs"
    )
    text = f"{seconds * factor:.3g}"
    return f"{text} {unit}" if spread is None else f"{text} ({spread * factor:.2g}) {unit}"


def _times(ratio: float) -> str:
    digits = 0 if ratio >= 20 or ratio % 1 == 0 else 1 if ratio >= 1 else 2
    return f"{ratio:.{digits}f}x"


def machine() -> dict:
    """Return processor, memory, system, load and versions of this machine."""
    import cpuinfo  # comes with pytest-benchmark

    import sentilib

    packages = {"sentilib": sentilib.__version__}
    for name in PACKAGES.split():
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "processor": cpuinfo.get_cpu_info().get("brand_raw", platform.processor()),
        "processors": os.cpu_count(),
        "memory_gib": _memory() / 2**30,
        "system": f"{platform.system()} {platform.release()}",
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan"),
        "python": platform.python_version(),
        "packages": packages,
    }


def machine_notes(machine: dict) -> list[str]:
    """Return lines on the machine and the versions, to be printed below a table."""
    packages = ", ".join(map(" ".join, machine["packages"].items()))
    return [
        f"- Machine: {machine['processor']}, {machine['processors']} processors, "
        f"{machine['memory_gib']:.0f} GiB, {machine['system']}; load average before the start "
        f"{machine['load_average']:.2f}.",
        f"- Python {machine['python']}, {packages}.",
    ]


def _memory() -> float:
    if not hasattr(os, "sysconf"):
        return float("nan")
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def draw(rows: list[Row], path: Path, machine: dict) -> None:
    """Draw each ratio as a point on a logarithmic axis, with its range and the required ratio."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    blue, vermilion, gray = "#0072B2", "#D55E00", "#666666"  # distinct for colour-blind readers
    groups = list(dict.fromkeys(row.group for row in rows))
    counts = [sum(row.group == group for row in rows) for group in groups]
    figure = Figure(figsize=(12, 1.6 + 0.3 * len(rows) + 0.35 * len(groups)), layout="constrained")
    panels = figure.subplots(
        len(groups), 1, sharex=True, squeeze=False, height_ratios=[n + 1 for n in counts]
    )[:, 0]
    for axes, group in zip(panels, groups, strict=True):
        members = [row for row in rows if row.group == group]
        for y, row in enumerate(members):
            axes.plot([row.lowest, row.highest], [y, y], color=blue, lw=2, solid_capstyle="butt")
            axes.plot(row.ratio, y, "o", color=blue, ms=7)
            if row.at_least is not None:
                axes.plot(row.at_least, y, "|", color=vermilion, ms=16, mew=2.5)
            right = max(row.highest, row.at_least or 0)
            axes.annotate(
                _times(row.ratio),
                (right, y),
                xytext=(8, 0),
                textcoords="offset points",
                va="center",
                fontsize=9,
            )
        axes.axvline(1, color=gray, lw=1, ls="--")
        axes.set(xscale="log", ylim=(len(members) - 0.4, -0.6))
        axes.set_title(group, loc="left", fontsize=10, fontweight="bold")
        axes.set_yticks(
            range(len(members)), [f"{row.title} | {row.peer}" for row in members], fontsize=9
        )
        axes.grid(axis="x", alpha=0.3)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    reach = [limit for row in rows for limit in (row.lowest, row.highest, row.at_least or 1)]
    axes.set_xlim(min(reach) * 0.7, max(reach) * 2)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=20))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}x"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("Times as fast as the peer: ratio of median times (log scale)")
    figure.suptitle(
        f"sentilib against its peers, {machine['processors']} processors ({machine['processor']})"
    )
    handles = [
        axes.plot([], [], "o-", color=blue, label="sentilib, with its range over the turns")[0],
        axes.plot([], [], "|", color=vermilion, ms=14, mew=2.5, label="required")[0],
        axes.plot([], [], "--", color=gray, lw=1, label="as fast as the peer")[0],
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(path, dpi=150)
