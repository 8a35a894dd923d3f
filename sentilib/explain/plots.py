"""Pictures of explained reviews: as a page for the browser, or in a terminal."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from sentilib._pages import _heat_map
from sentilib.explain._rows import Row, output_names_of, rows_of

__all__ = ["terminal", "text"]

_BLUES = (153, 111, 75, 68, 25)  # of the 256 colours that terminals know, from faint to full
_ORANGES = (223, 222, 215, 208, 166)


def text(
    explanation: Any,
    *,
    class_names: Sequence[str] | None = None,
    title: str = "What the words contribute",
) -> str:
    """Draw reviews with their words coloured by contribution, as a page of HTML.

    Parameters
    ----------
    explanation : shap.Explanation or TokenExplanation
        Of one or several reviews, as `TokenShapExplainer` returns it.
    class_names : sequence of str, default=None
        Names of the classes in the order of `classes_`; by default those of the explanation.
    title : str, default="What the words contribute"
        Heading.

    Returns
    -------
    str
        A document that needs no network and follows the browser's dark mode. Reviews are escaped:
        no markup in them takes effect.

    Raises
    ------
    TypeError
        If it is no explanation.
    ValueError
        If the number of names is not that of the classes.

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
    rows = rows_of(explanation)
    n_outputs = rows[0].values.shape[1] if rows else 1
    outputs = output_names_of(explanation, n_outputs)
    names = _class_names(class_names, outputs, n_outputs)
    body = [_review(row, number, outputs, names) for number, row in enumerate(rows)]
    return _heat_map.page(title, "\n".join(body))


def terminal(explanation: Any, *, color: bool = True, output: int = 0) -> str:
    """Draw reviews for a terminal.

    Parameters
    ----------
    explanation : shap.Explanation or TokenExplanation
        Of one or several reviews.
    color : bool, default=True
        Whether to colour words by ANSI codes. Without, words that contribute at least a fifth of
        the largest contribution are followed by theirs.
    output : int, default=0
        Number of the class, with more than two of them.

    Returns
    -------
    str
        Lines for `print`. Control characters of the reviews are left out.

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
    rows = rows_of(explanation)
    parts = []
    for row in rows:
        name = output_names_of(explanation, row.values.shape[1])[output]
        values = row.values[:, output]
        scale = float(np.abs(values).max(initial=0.0)) or 1.0
        drawn = []
        for segment, word, value in zip(row.segments, row.words, values.tolist(), strict=True):
            before, after = _heat_map.around(segment, word)
            strength = abs(value) / scale
            word = _printable(word)
            if color and strength >= 0.1:
                shades = _BLUES if value > 0 else _ORANGES
                shade = shades[min(4, int(strength * 5))]
                ink = 231 if value > 0 and strength >= 0.6 else 16
                word = f"\x1b[48;5;{shade};38;5;{ink}m{word}\x1b[0m"
            elif not color and strength >= 0.2:
                word += f"[{value:+.2g}]"
            drawn.append(_printable(before) + word + _printable(after))
        base, total = float(row.base_values[output]), float(values.sum())
        parts.append(
            f"{name}: {base + total:+.3g} = {base:+.3g} (base value) {total:+.3g} (words)\n"
            + "".join(drawn).rstrip()
        )
    return "\n\n".join(parts)


def _review(row: Row, number: int, outputs: list[str], names: list[str]) -> str:
    totals = row.outputs
    scale = float(np.abs(row.values).max(initial=0.0))
    proba = _probabilities(totals, outputs)
    two_classes = len(names) == 2 and len(outputs) == 1
    header = ["", "base value", "words", "output"]
    lines = [
        [name, *(_heat_map.with_minus(f"{x:+.3f}") for x in (base, total - base, total))]
        for name, base, total in zip(outputs, row.base_values, totals, strict=True)
    ]
    parts = [f"<section><h2>Review {number + 1}</h2>"]
    if proba is not None:
        shares = list(zip(names, proba.tolist(), strict=True))
        verdict = ", ".join(f"{name} {p:.1%}" for name, p in shares)
        parts.append(f'<p class="faint">Probability: {_heat_map.escape(verdict)}</p>')
        if two_classes:
            parts.append(_heat_map.probability_bar(shares))
    parts.append(_heat_map.table(header, lines))
    for k, output in enumerate(outputs):
        against, for_ = (names[0], names[1]) if two_classes else ("against", f"for {names[k]}")
        if len(outputs) > 1:
            parts.append(f"<h3>{_heat_map.escape(output)}</h3>")
        parts.append(_heat_map.legend(scale, against, for_))
        spans = _heat_map.heat_map(row.segments, row.words, row.values[:, k], scale=scale)
        parts.append(f'<div class="heat-map">{spans}</div>')
    if not row.words:
        parts.append('<p class="faint">No words: the output is the base value.</p>')
    return "\n".join([*parts, "</section>"])


def _class_names(
    class_names: Sequence[str] | None, outputs: list[str], n_outputs: int
) -> list[str]:
    n_classes = 2 if n_outputs == 1 else n_outputs
    if class_names is None:
        if n_outputs > 1:
            return outputs
        target = outputs[0].partition(" of ")[2] or outputs[0]
        return [f"not {target}", target]
    if len(class_names) != n_classes:
        raise ValueError(
            f"class_names must name {n_classes} classes, got {len(class_names)}: "
            f"{list(class_names)}."
        )
    return [str(name) for name in class_names]


def _probabilities(totals: np.ndarray, outputs: list[str]) -> np.ndarray | None:
    if len(totals) == 1:
        if outputs[0].startswith("probability"):
            return np.array([1 - totals[0], totals[0]])
        if outputs[0].startswith("log-odds"):
            return np.array([expit(-totals[0]), expit(totals[0])])
        return None
    if (totals >= 0).all() and abs(totals.sum() - 1) < 1e-6:  # they are probabilities
        return totals
    return softmax(totals)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)
