"""Matplotlib figures as SVG elements of a page, in its fonts and its light or dark colours.

The page's policy forbids `style` attributes, so declarations become presentation attributes; text
and axes get the page's text colour, and the palette becomes the variables `--c0` to `--c7`.
"""

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

from sentilib import _plotting
from sentilib._optional import import_optional

_INK = "#010203"  # placeholder for the page's text colour, which matplotlib cannot name
_COLORS = {_INK: "currentColor"} | {
    color.lower(): f"var(--c{k})" for k, color in enumerate(_plotting.COLORS)
}
_SETTINGS = {
    "axes.edgecolor": _INK,
    "axes.facecolor": "none",
    "axes.labelcolor": _INK,
    "axes.linewidth": 0.6,
    "figure.facecolor": "none",
    "font.size": 9,
    "grid.color": _INK,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "sentilib",
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}
_DIGITS = re.compile(r"(\.\d\d)\d+")
_REFERENCE = re.compile(r"#([\w.-]+)")


@contextmanager
def page_figures(what: str) -> Iterator[Any]:
    """Draw figures in the style of a page within the block, whatever the user's settings.

    Neither pyplot nor the backend is changed.

    Parameters
    ----------
    what : str
        Name of the feature that needs matplotlib, for the message if it is missing.

    Yields
    ------
    callable
        Function that returns the axes of a new figure.
    """
    figures = import_optional("matplotlib.figure", what, "plot")
    style = import_optional("matplotlib.style", what, "plot")

    def axes() -> Any:
        return figures.Figure(figsize=(4.4, 3.0), layout="constrained").subplots()

    with style.context(["default", _SETTINGS]), warnings.catch_warnings():
        # The browser has its own fonts.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield axes


def inline_svg(
    figure: Any, name: str, title: str, notes: Mapping[str, Sequence[str]] | None = None
) -> str:
    """Return a figure as an `<svg>` element, within `page_figures`.

    Parameters
    ----------
    figure : matplotlib Figure
        Figure to convert.
    name : str
        Unique name within the page, of letters, digits and hyphens.
    title : str
        Description for screen readers.
    notes : mapping of str to sequence of str, default=None
        Tooltips of the markers of each line, by the line's `gid`.
    """
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(stream.getvalue())
    for element in list(root.iter()):
        for child in element.findall("{*}metadata") + element.findall("{*}style"):
            element.remove(child)
        _simplify(element)
    for gid, texts in (notes or {}).items():
        markers = root.findall(f".//g[@id='{gid}']//use")
        for marker, text in zip(markers, texts, strict=True):
            ElementTree.SubElement(marker, "title").text = text
    _rename(root, name)
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "role": "img",
        "aria-label": title,
        "stroke-linejoin": "round",
    }
    return ElementTree.tostring(root, encoding="unicode")


def _simplify(element: ElementTree.Element) -> None:
    """Remove namespaces, indentation, superfluous digits, fonts and the `style` attribute."""
    element.tag = element.tag.rpartition("}")[2]
    element.tail = None
    if element.tag != "text":
        element.text = None
    for declaration in element.attrib.pop("style", "").split(";"):
        name, _, value = map(str.strip, declaration.partition(":"))
        if name == "font":  # a shorthand, which older versions write
            name, value = "font-size", re.findall(r"[\d.]+px", value)[0]
        if name and name != "font-family":
            element.set(name, _COLORS.get(value, value))
    for name in list(element.attrib):
        value = _DIGITS.sub(r"\1", " ".join(element.attrib.pop(name).split()))
        element.set(name.rpartition("}")[2], value)


def _rename(root: ElementTree.Element, prefix: str) -> None:
    """Add a prefix to the ids that are referred to, and remove the others."""
    used = set()
    for element in root.iter():
        for name in ("href", "clip-path"):
            if name in element.attrib:
                value = element.attrib[name]
                used.update(_REFERENCE.findall(value))
                element.set(name, _REFERENCE.sub(rf"#{prefix}-\1", value))
    for element in root.iter():
        found = element.attrib.pop("id", None)
        if found in used:
            element.set("id", f"{prefix}-{found}")
