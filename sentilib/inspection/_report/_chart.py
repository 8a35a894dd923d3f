"""Small charts as inline SVG: their colours come from the page's style sheet, light or dark."""

import math
from collections.abc import Iterable, Sequence
from html import escape

WIDTH, HEIGHT = 420, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 10, 42


def ticks(low: float, high: float, n: int = 5) -> list[float]:
    """Round numbers between two limits, about n of them."""
    if not high > low:
        return [low]
    raw = (high - low) / n
    step = 10.0 ** math.floor(math.log10(raw))
    step *= min((factor for factor in (1, 2, 5, 10) if factor * step >= raw), default=10)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(k * step, 10) for k in range(first, last + 1)]


class Chart:
    """One chart with two linear axes.

    Parameters
    ----------
    title : str
        What it shows; read out by screen readers.
    x_label, y_label : str
        Axes, with units.
    x_limits, y_limits : tuple of float
        Smallest and largest value.
    """

    def __init__(
        self,
        title: str,
        x_label: str,
        y_label: str,
        x_limits: tuple[float, float],
        y_limits: tuple[float, float],
    ):
        self.title = title
        self.x_label, self.y_label = x_label, y_label
        self.x_limits, self.y_limits = _wide(x_limits), _wide(y_limits)
        self.marks: list[str] = []
        self.legend: list[tuple[str, str]] = []

    def x(self, value: float) -> float:
        """Horizontal place of a value."""
        low, high = self.x_limits
        return _LEFT + (value - low) / (high - low) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        """Vertical place of a value."""
        low, high = self.y_limits
        return HEIGHT - _BOTTOM - (value - low) / (high - low) * (HEIGHT - _TOP - _BOTTOM)

    def line(self, xs: Iterable[float], ys: Iterable[float], style: str, label: str = "") -> None:
        """Draw a line through points."""
        points = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in zip(xs, ys, strict=True))
        self.marks.append(f'<polyline class="line {style}" points="{points}"/>')
        if label:
            self.legend.append((style, label))

    def points(
        self,
        xs: Sequence[float],
        ys: Sequence[float],
        style: str,
        lows: Sequence[float] | None = None,
        highs: Sequence[float] | None = None,
        notes: Sequence[str] | None = None,
    ) -> None:
        """Draw points, with the ends of their intervals; a note shows under the mouse."""
        for k, (x, y) in enumerate(zip(xs, ys, strict=True)):
            if lows is not None and highs is not None and math.isfinite(lows[k] + highs[k]):
                self.marks.append(
                    f'<path class="interval {style}" d="M{self.x(x):.1f} {self.y(lows[k]):.1f}'
                    f'V{self.y(highs[k]):.1f}"/>'
                )
            note = f"<title>{escape(notes[k])}</title>" if notes else ""
            self.marks.append(
                f'<circle class="point {style}" cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="3.5">'
                f"{note}</circle>"
            )

    def histogram(self, counts: Sequence[int], edges: Sequence[float], share: float = 0.35) -> None:
        """Draw counts as bars over the given share of the height."""
        most = max(counts) or 1
        room = (HEIGHT - _TOP - _BOTTOM) * share
        for count, left, right in zip(counts, edges, edges[1:], strict=False):
            height = count / most * room
            self.marks.append(
                f'<rect class="bar" x="{self.x(left):.1f}" y="{HEIGHT - _BOTTOM - height:.1f}" '
                f'width="{max(self.x(right) - self.x(left) - 0.5, 0.5):.1f}" '
                f'height="{height:.1f}"><title>{count:,} reviews</title></rect>'
            )

    def svg(self) -> str:
        """Give the chart as an SVG element."""
        parts = [
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.title)}">'
        ]
        bottom = HEIGHT - _BOTTOM
        for value in ticks(*self.x_limits):
            parts.append(
                f'<path class="grid" d="M{self.x(value):.1f} {_TOP}V{bottom}"/>'
                f'<text class="tick" x="{self.x(value):.1f}" y="{bottom + 15}" '
                f'text-anchor="middle">{value:g}</text>'
            )
        for value in ticks(*self.y_limits):
            parts.append(
                f'<path class="grid" d="M{_LEFT} {self.y(value):.1f}H{WIDTH - _RIGHT}"/>'
                f'<text class="tick" x="{_LEFT - 6}" y="{self.y(value) + 4:.1f}" '
                f'text-anchor="end">{value:g}</text>'
            )
        parts += self.marks
        for k, (style, label) in enumerate(self.legend):
            x, y = _LEFT + 10, _TOP + 12 + 16 * k
            parts.append(
                f'<path class="line {style}" d="M{x} {y - 4}h18"/>'
                f'<text class="tick" x="{x + 24}" y="{y}">{escape(label)}</text>'
            )
        middle_x, middle_y = (_LEFT + WIDTH - _RIGHT) / 2, (_TOP + bottom) / 2
        parts.append(
            f'<text class="label" x="{middle_x}" y="{HEIGHT - 8}" text-anchor="middle">'
            f"{escape(self.x_label)}</text>"
            f'<text class="label" transform="translate(13 {middle_y}) rotate(-90)" '
            f'text-anchor="middle">{escape(self.y_label)}</text></svg>'
        )
        return "".join(parts)


def _wide(limits: tuple[float, float]) -> tuple[float, float]:
    low, high = float(limits[0]), float(limits[1])
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    return (low, high) if high > low else (low - 0.5, high + 0.5)
