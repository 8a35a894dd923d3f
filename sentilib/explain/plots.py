"""Plots of explained reviews: an HTML page, or text for a terminal."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from sentilib import _plotting
from sentilib._compiled._progress import printable
from sentilib._pages._heat_map import legend, level
from sentilib.explain._rows import Row, output_names_of, rows_of

__all__ = ["terminal", "text"]

_N_SHADES = 5  # of a terminal's colours, per sign
_CUBE = np.array([0, 95, 135, 175, 215, 255])  # a terminal's values of red, green and blue
_BLACK, _WHITE = 16, 231
_MAX_REVIEWS = 10  # that a notebook shows
_BOXES = {
    "notebook": "padding:4px 0",
    "email": "padding:12px;background:#ffffff;color:#1b1f24;"
    "font-family:Helvetica,Arial,sans-serif;font-size:15px",
}


def text(
    explanation: Any,
    *,
    class_names: Sequence[str] | None = None,
    title: str = "What the words contribute",
    kind: str = "page",
) -> str:
    """Draw reviews with their words coloured by contribution, as an HTML page or a part of one.

    Parameters
    ----------
    explanation : shap.Explanation or TokenExplanation
        Explanation of one or several reviews, as `TokenShapExplainer` returns it.
    class_names : sequence of str, default=None
        Names of the classes in the order of `classes_`; by default those of the explanation.
    title : str, default="What the words contribute"
        Heading of the page.
    kind : {"page", "notebook", "email"}, default="page"
        "page" is a whole document, which follows the browser's dark mode; "notebook" a fragment
        of at most ten reviews with inline styles only, in the colours of what is around it, light
        or dark, as notebooks show an explanation by themselves; "email" a fragment of all reviews
        in opaque colours on white.

    Returns
    -------
    str
        HTML, which needs no network. Unknown words are dotted. Reviews are escaped, so that markup
        in them has no effect.

    Raises
    ------
    TypeError
        If the object is not an explanation.
    ValueError
        If the number of names differs from the number of classes, or `kind` is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> from sentilib.explain import TokenExplanation, plots
    >>> explanation = TokenExplanation(
    ...     np.array([0.4, -0.1]), 0.2, ["superb ", "<b>"], ["superb", "<b>"], ["superb", "b"],
    ...     "log-odds of positive",
    ... )
    >>> html = plots.text(explanation, class_names=["negative", "positive"])
    >>> "&lt;b&gt;" in html and "<b>" not in html
    True
    """
    from sentilib._pages._page import render

    if kind not in ("page", *_BOXES):
        raise ValueError(f'kind must be "page", "notebook" or "email", got {kind!r}.')
    more, values = 0, getattr(explanation, "values", None)
    if kind == "notebook" and isinstance(values, np.ndarray) and values.dtype.kind == "O":
        more = max(0, len(values) - _MAX_REVIEWS)
        explanation = explanation[:_MAX_REVIEWS]
    rows = rows_of(explanation)
    n_outputs = rows[0].values.shape[1] if rows else 1
    outputs = output_names_of(explanation, n_outputs, class_names)
    if class_names is None:
        class_names = getattr(explanation, "class_names", None)
    names = _class_names(class_names, outputs, n_outputs)
    reviews = [_review(row, outputs, names) for row in rows]
    if kind == "page":
        return render("explanation.html", title=title, reviews=reviews)
    paint = _opaque if kind == "email" else _translucent
    return render("fragment.html", reviews=reviews, box=_BOXES[kind], paint=paint, more=more)


def terminal(
    explanation: Any,
    *,
    color: bool = True,
    output: int | None = None,
    class_names: Sequence[str] | None = None,
) -> str:
    """Draw reviews for a terminal.

    Parameters
    ----------
    explanation : shap.Explanation or TokenExplanation
        Explanation of one or several reviews.
    color : bool, default=True
        Whether to colour words by ANSI codes. If False, each word whose contribution is at least a
        fifth of the largest one is followed by its contribution.
    output : int, default=None
        Index of the class, for more than two classes; by default each review's most probable one.
    class_names : sequence of str, default=None
        Names of the classes in the order of `classes_`; by default those of the explanation.

    Returns
    -------
    str
        Text for `print`, without the control characters of reviews and labels. Words that the model
        does not know are followed by "[?]", and a line at the end says so.

    Raises
    ------
    TypeError
        If the object is not an explanation.
    ValueError
        If the number of names differs from the number of classes.

    Examples
    --------
    >>> import numpy as np
    >>> from sentilib.explain import TokenExplanation, plots
    >>> explanation = TokenExplanation(
    ...     np.array([0.02, 0.4]), 0.2, ["A ", "superb film"], ["A", "superb"], ["a", "superb"],
    ...     "log-odds of positive",
    ... )
    >>> print(plots.terminal(explanation, color=False))
    log-odds of positive: +0.62 = +0.2 (base value) +0.42 (words)
    A superb[+0.4] film
    """
    parts, rows = [], rows_of(explanation)
    shades = [_shades(color) for color in (_plotting.AGAINST, _plotting.FOR)]
    for row in rows:
        k = int(row.outputs.argmax()) if output is None else output
        name = printable(output_names_of(explanation, row.values.shape[1], class_names)[k])
        values = row.values[:, k]
        scale = float(np.abs(values).max(initial=0.0)) or 1.0
        drawn = []
        for (before, word, after), value, unknown in zip(
            _cut(row), values.tolist(), row.unknown, strict=True
        ):
            strength = abs(value) / scale
            word = printable(word)
            if color and strength >= 0.1:
                ground, ink = shades[value > 0][min(_N_SHADES - 1, int(strength * _N_SHADES))]
                word = f"\x1b[48;5;{ground};38;5;{ink}m{word}\x1b[0m"
            elif not color and strength >= 0.2:
                word += f"[{value:+.2g}]"
            if unknown:
                word += "[?]"
            drawn.append(printable(before) + word + printable(after))
        base, total = float(row.base_values[k]), float(values.sum())
        parts.append(
            f"{name}: {base + total:+.3g} = {base:+.3g} (base value) {total:+.3g} (words)\n"
            + "".join(drawn).rstrip()
        )
    if any(any(row.unknown) for row in rows):
        parts.append("[?] marks words that the model does not know.")
    return "\n\n".join(parts)


def described(explanation: Any) -> str:
    """Return a line about an explanation, since its numbers would fill pages."""
    values, names = explanation.values, explanation.output_names
    n_reviews = 1 if np.asarray(values).dtype.kind != "O" else len(values)
    how = "" if explanation.method is None else f", method {explanation.method!r}"
    return (
        f"<Explanation of {n_reviews:,} review{'s' if n_reviews > 1 else ''}: "
        f"{names if isinstance(names, str) else ', '.join(map(str, names))}{how}; "
        "plots.terminal and plots.text draw it>"
    )


def drawn(explanation: Any) -> str | None:
    """Return the explanation as notebooks show it, or None if they need its text instead."""
    try:
        return text(explanation, kind="notebook")
    except (ImportError, TypeError, ValueError):  # no jinja2, or not values of reviews
        return None


def _review(row: Row, outputs: list[str], names: list[str]) -> dict[str, Any]:
    """Return the values of a review that the template shows."""
    totals = row.outputs
    scale = float(np.abs(row.values).max(initial=0.0))
    proba = _probabilities(totals, outputs)
    return {
        "scale": scale,
        "shares": None if proba is None else list(zip(names, proba.tolist(), strict=True)),
        "outputs": [
            {
                "name": output,
                "sums": [float(base), float(total - base), float(total)],
                "legend": legend(names, 1 if len(outputs) == 1 else k),
                "unknown": any(row.unknown),
                "words": [
                    (*parts, value, level(value, scale), unknown)
                    for parts, value, unknown in zip(
                        _cut(row), row.values[:, k].tolist(), row.unknown, strict=True
                    )
                ],
            }
            for k, (output, base, total) in enumerate(
                zip(outputs, row.base_values, totals, strict=True)
            )
        ],
    }


def _cut(row: Row) -> list[tuple[str, str, str]]:
    """Return for each segment the text before its word, the word, and the text after it."""
    cut = []
    for segment, word in zip(row.segments, row.words, strict=True):
        before, found, after = segment.partition(word)
        cut.append((before, word, after) if found else ("", word, " "))
    return cut


def _class_names(
    class_names: Sequence[str] | None, outputs: list[str], n_outputs: int
) -> list[str]:
    if class_names is None:
        if n_outputs > 1:
            return outputs
        target = outputs[0].partition(" of ")[2] or outputs[0]
        return [f"not {target}", target]
    return [str(name) for name in class_names]


@np.errstate(under="ignore")  # a probability may be 0
def _probabilities(totals: np.ndarray, outputs: list[str]) -> np.ndarray | None:
    if len(totals) == 1:
        if outputs[0].startswith("probability"):
            return np.array([1 - totals[0], totals[0]])
        if outputs[0].startswith("log-odds"):
            return np.array([expit(-totals[0]), expit(totals[0])])
        return None
    if (totals >= 0).all() and abs(totals.sum() - 1) < 1e-6:  # outputs are probabilities
        return totals
    return softmax(totals)


def _translucent(strength: float, depth: float) -> str:
    """Return the colour of a value between -1 and 1 that lets the ground shine through."""
    color = _plotting.channels(_plotting.FOR if strength > 0 else _plotting.AGAINST)
    return f"rgba({', '.join(map(str, color))}, {depth * abs(strength):.3g})"


def _opaque(strength: float, depth: float) -> str:
    """Return the colour of a value between -1 and 1 on a white ground."""
    color = np.array(_plotting.channels(_plotting.FOR if strength > 0 else _plotting.AGAINST))
    mixed = np.rint(255 + depth * abs(strength) * (color - 255)).astype(int).tolist()
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _shades(color: str) -> list[tuple[int, int]]:
    """Return pairs of background and text colour among a terminal's 256, from faint to full.

    The text is black or white, whichever has the higher contrast to the background (WCAG 2.2).
    """
    shades = []
    for share in np.linspace(0.3, 1, _N_SHADES):
        mixed = 255 + share * (np.array(_plotting.channels(color)) - 255)
        steps = np.abs(_CUBE - mixed[:, np.newaxis]).argmin(axis=1)
        s = _CUBE[steps] / 255
        linear = np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)
        luminance = linear @ [0.2126, 0.7152, 0.0722]
        ink = _WHITE if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else _BLACK
        shades.append((16 + int(steps @ [36, 6, 1]), ink))
    return shades
