"""Axes, colours and labels, shared by all displays of the package."""

from typing import Any

import numpy as np

from sentilib._optional import import_pyplot

# Okabe & Ito (2008): distinguishable with any colour vision.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#999999")
FOR, AGAINST = COLORS[0], COLORS[4]  # colours of positive and of negative contributions

_MAX_LABEL_LENGTH = 60


def color_of(k: int) -> str:
    """Return the colour of the k-th class or line."""
    return COLORS[k % len(COLORS)]


def color_of_sign(value: float) -> str:
    """Return the colour of a contribution."""
    return FOR if value > 0 else AGAINST


def channels(color: str) -> tuple[int, int, int]:
    """Return red, green and blue of a colour such as "#0072B2", from 0 to 255."""
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue


def plain(text: Any) -> str:
    """Return a text as a label: one short line without control characters or mathematics."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    if len(line) > _MAX_LABEL_LENGTH:
        line = line[: _MAX_LABEL_LENGTH - 1].rstrip() + "…"
    return line.replace("$", r"\$")


def single_axes(
    ax: Any, what: str, size: tuple[float, float], projection: str | None = None
) -> tuple[Any, Any]:
    """Return the given axes, or those of a new figure, and their figure.

    Parameters
    ----------
    ax : matplotlib Axes or None
        Axes to use.
    what : str
        Name of the display, for the message if matplotlib is missing.
    size : tuple of two float
        Width and height of a new figure in inches.
    projection : str or None, default=None
        Projection of new axes.
    """
    if ax is None:
        _, ax = import_pyplot(what).subplots(
            figsize=size, layout="constrained", subplot_kw={"projection": projection}
        )
    return ax, ax.figure


def grid_of_axes(ax: Any, n: int, n_columns: int, what: str) -> tuple[Any, np.ndarray]:
    """Return a figure and n axes: new axes, the given ones, or a grid in place of a single one.

    Parameters
    ----------
    ax : matplotlib Axes, array-like of n of them, or None
        Axes to use.
    n : int
        Number of plots.
    n_columns : int
        Maximum number of plots per row.
    what : str
        Name of the display, for the message if matplotlib is missing.

    Returns
    -------
    figure : matplotlib Figure
        Figure of the first axes.
    axes : ndarray of n matplotlib Axes
        Axes to draw on.
    """
    n_columns = min(n, n_columns)
    n_rows = -(-n // n_columns)
    if ax is None:
        figure, axes = import_pyplot(what).subplots(
            n_rows,
            n_columns,
            figsize=(4.6 * n_columns, 3.5 * n_rows),
            layout="constrained",
            squeeze=False,
        )
        axes = axes.ravel()
        for spare in axes[n:]:
            spare.remove()
        return figure, axes[:n]
    if isinstance(ax, (list, tuple, np.ndarray)):
        given = np.asarray(ax, dtype=object).ravel()
        if len(given) != n:
            raise ValueError(f"Expected {n} axes, one per plot, or a single one, got {len(given)}.")
        return given[0].figure, given
    if n == 1:
        return ax.figure, np.array([ax], dtype=object)
    ax.set_axis_off()
    cells = ax.get_subplotspec() if hasattr(ax, "get_subplotspec") else None
    if cells is None:
        raise ValueError("The axes are not part of a grid: pass a list of axes, one per plot.")
    grid = cells.subgridspec(n_rows, n_columns)
    axes = [ax.figure.add_subplot(grid[k // n_columns, k % n_columns]) for k in range(n)]
    return ax.figure, np.array(axes, dtype=object)


def tidy(ax: Any) -> None:
    """Apply the common style to axes."""
    ax.grid(alpha=0.3)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def tidy_bars(ax: Any) -> None:
    """Apply the common style to axes of horizontal bars, and draw a line at zero."""
    tidy(ax)
    ax.grid(visible=False, axis="y")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.axvline(0, color="0.5", linewidth=0.8)
