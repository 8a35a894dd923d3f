"""Axes to draw on, colours, and what all displays do alike."""

from typing import Any

import numpy as np

from sentilib._optional import import_pyplot

# Okabe & Ito (2008): told apart with any colour vision.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#999999")


def color_of(k: int) -> str:
    """Colour of the k-th class or line."""
    return COLORS[k % len(COLORS)]


def grid_of_axes(ax: Any, n: int, n_columns: int, what: str) -> tuple[Any, np.ndarray]:
    """Give a figure and n axes: new ones, those that were given, or a grid in the place of one.

    Returns
    -------
    figure : matplotlib Figure
        Their figure.
    axes : ndarray of n matplotlib Axes
        To draw on.
    """
    plt = import_pyplot(what)
    n_columns = min(n, n_columns)
    n_rows = -(-n // n_columns)
    if ax is None:
        figure, axes = plt.subplots(
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
            raise ValueError(f"Expected {n} axes, one a plot, or a single one, got {len(given)}.")
        return given[0].figure, given
    if n == 1:
        return ax.figure, np.array([ax], dtype=object)
    ax.set_axis_off()
    cells = ax.get_subplotspec() if hasattr(ax, "get_subplotspec") else None
    if cells is None:
        raise ValueError("The axes lie in no grid: pass a list of axes, one a plot.")
    grid = cells.subgridspec(n_rows, n_columns)
    axes = [ax.figure.add_subplot(grid[k // n_columns, k % n_columns]) for k in range(n)]
    return ax.figure, np.array(axes, dtype=object)


def tidy(ax: Any) -> None:
    """Give axes the look that all plots share."""
    ax.grid(alpha=0.3)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
