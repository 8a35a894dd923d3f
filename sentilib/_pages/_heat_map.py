"""Reviews as HTML: words coloured by what they contribute. All text is escaped."""

from collections.abc import Sequence
from html import escape

import numpy as np

POSITIVE, NEGATIVE = (0, 114, 178), (213, 94, 0)  # blue and vermilion of Okabe & Ito
_FAINTEST = 0.02  # of full colour; weaker words stay blank

HEAT_MAP_CSS = """\
.heat-map { line-height: 1.9; white-space: pre-line; overflow-wrap: anywhere; }
.heat-map span { border-radius: 3px; padding: .1em .15em; }"""

_PAGE_CSS = (
    """\
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #ffffff; --faint: #6a6a6a;
  --line: #d8d8d8; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececec; --paper: #16181c; --faint: #a2a2a2;
  --line: #3a3d43; } }
body { color: var(--ink); background: var(--paper); font: 16px/1.5 system-ui, sans-serif;
  max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .3rem; }
section { border-top: 1px solid var(--line); padding: 1.2rem 0; }
.legend { display: flex; gap: .6rem; align-items: center; font-size: .9rem; flex-wrap: wrap; }
.legend i { flex: 1 1 4rem; max-width: 12rem; height: .9rem; border-radius: 3px; }
table { border-collapse: collapse; font-size: .9rem; margin: 0 0 .8rem; }
td, th { padding: .1rem 1.2rem .1rem 0; text-align: right; font-variant-numeric: tabular-nums;
  font-weight: normal; }
th { color: var(--faint); } th:first-child, td:first-child { text-align: left; }
.bar { display: flex; height: .5rem; border-radius: 3px; overflow: hidden; margin-bottom: .8rem; }
.faint { color: var(--faint); font-size: .9rem; }
"""
    + HEAT_MAP_CSS
)


def heat_map(
    segments: Sequence[str],
    words: Sequence[str],
    values: np.ndarray,
    *,
    scale: float | None = None,
    unit: str = "",
) -> str:
    """Draw one review as a row of `<span>` elements, each with its value as a tooltip.

    Parameters
    ----------
    segments, words : sequence of n_tokens str
        `data` and `display_data` of an explained review.
    values : ndarray of shape (n_tokens,)
        Contribution of each word.
    scale : float, default=None
        Value of the full colour; by default the largest absolute one.
    unit : str, default=""
        Unit of the values, for the tooltips.

    Returns
    -------
    str
        HTML to be put into an element of class `heat-map`; `HEAT_MAP_CSS` is its style.
    """
    values = np.asarray(values, dtype=np.float64)
    if scale is None:
        scale = float(np.abs(values).max(initial=0.0))
    spans = []
    for segment, word, value in zip(segments, words, values.tolist(), strict=True):
        before, after = around(segment, word)
        tooltip = escape(_signed(value) + unit)
        spans.append(
            f'{escape(before)}<span{_background(value, scale)} title="{tooltip}">'
            f"{escape(word)}</span>{escape(after)}"
        )
    return "".join(spans)


def around(segment: str, word: str) -> tuple[str, str]:
    """Give what stands before and after a word in its part of the text."""
    before, found, after = segment.partition(word)
    return (before, after) if found else ("", " ")


def page(title: str, body: str) -> str:
    """Give a whole document that needs no network."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>\n{_PAGE_CSS}\n</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def legend(scale: float, against: str, for_: str) -> str:
    """Explain the colours."""
    low, high = (f"rgba({r},{g},{b},.75)" for r, g, b in (NEGATIVE, POSITIVE))
    return (
        f'<p class="legend"><span>{escape(against)} {_signed(-scale)}</span>'
        f'<i style="background:linear-gradient(90deg,{low},transparent,{high})"></i>'
        f"<span>{_signed(scale)} {escape(for_)}</span></p>"
    )


def probability_bar(shares: Sequence[tuple[str, float]]) -> str:
    """Draw probabilities of two classes as one bar."""
    (first, p), (second, q) = shares
    low, high = (f"rgb({r},{g},{b})" for r, g, b in (NEGATIVE, POSITIVE))
    return (
        f'<div class="bar" title="{escape(f"{first} {p:.1%}, {second} {q:.1%}")}">'
        f'<div style="width:{100 * p:.2f}%;background:{low}"></div>'
        f'<div style="width:{100 * q:.2f}%;background:{high}"></div></div>'
    )


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Draw a small table."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def with_minus(number: str) -> str:
    """Write a number with the sign that is as wide as a plus."""
    return number.replace("-", "\N{MINUS SIGN}")


def _signed(value: float) -> str:
    return with_minus(f"{value:+.3g}")


def _background(value: float, scale: float) -> str:
    strength = min(1.0, abs(value) / scale) if scale > 0 else 0.0
    if strength < _FAINTEST:
        return ""
    red, green, blue = POSITIVE if value > 0 else NEGATIVE
    return f' style="background:rgba({red},{green},{blue},{0.75 * strength:.3f})"'
