"""One HTML page that holds all it shows: template, style, script and data, nothing else.

Data go into `<script type="application/json">`, where only `<` could end the element: it, `>` and
`&` are written as JSON escapes. A Content-Security-Policy with hashes lets no other script run and
nothing be loaded, whatever a review holds.
"""

import base64
import hashlib
import json
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

import sentilib
from sentilib._files import atomic_write

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def writable_path(path: Any) -> Path:
    """Check a path before the work begins.

    Raises
    ------
    FileNotFoundError
        If its folder does not exist.
    IsADirectoryError
        If it is a folder.
    PermissionError
        If the folder cannot be written to.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"The folder {str(path.parent)!r} does not exist: create it first.")
    if path.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder: name a file, such as report.html.")
    probe = path.with_name(f".{path.name}.probe")
    probe.touch()
    probe.unlink()
    return path


def write_page(
    path: Path,
    *,
    template: str,
    script: str,
    title: str,
    data: dict[str, Any],
    **parts: str,
) -> None:
    """Write a page, whole or not at all.

    Parameters
    ----------
    path : Path
        File to write; an older one is replaced at the end.
    template, script : str
        Names of the package's files: what `page.html` frames, and what goes on from `page.js`.
    title : str
        Plain text.
    data : dict
        What the script reads, as JSON.
    **parts : str
        HTML for the template's other places.
    """
    here = [files(f"sentilib.{room}") / "templates" for room in ("_pages", "inspection._report")]
    text_of = {
        name: file.read_text(encoding="utf-8")
        for name in ("page.css", "page.js", "page.html", script, template)
        for file in (folder / name for folder in here)
        if file.is_file()
    }
    style_text = text_of["page.css"]
    script_text = text_of["page.js"] + text_of[script]
    frame, body = Template(text_of["page.html"]), Template(text_of[template])
    page = frame.substitute(
        title=escape(title),
        body=body.substitute(title=escape(title), **parts).rstrip(),
        style=style_text,
        style_hash=_hash(style_text),
        script=script_text,
        script_hash=_hash(script_text),
        data=json_in_html(data),
        version=escape(sentilib.__version__),
    )
    with atomic_write(path) as stream:
        stream.write(page.encode("utf-8", "replace"))


def json_in_html(data: Any) -> str:
    """Give JSON that no text in it can end, for a script element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(_ESCAPES)


def packed(values: np.ndarray, kind: str) -> dict[str, str]:
    """Give a column of numbers as little-endian bytes in base64.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Numbers; those beyond the type's range are clipped.
    kind : {"u1", "u2", "u4", "i2", "f4"}
        NumPy's type.
    """
    dtype = np.dtype("<" + kind)
    if dtype.kind in "ui":
        limits = np.iinfo(dtype)
        values = np.clip(np.rint(values), limits.min, limits.max)
    text = base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode()
    return {"type": kind, "base64": text}


def table(head: list[tuple[str, str]], rows: list[list[str]]) -> str:
    """Give an HTML table; cells are HTML already, head names are not.

    Parameters
    ----------
    head : list of (name, class) tuples
        Columns; the class "n" aligns numbers.
    rows : list of lists of str
        Cells.
    """
    cells = "".join(f'<th scope="col" class="{kind}">{escape(name)}</th>' for name, kind in head)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{kind}">{cell}</td>' for cell, (_, kind) in zip(row, head, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{cells}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def section(name: str, title: str, content: str) -> str:
    """Give a section with its heading."""
    return (
        f'<section id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">'
        f"{escape(title)}</h2>{content}</section>"
    )


def open_button(row: int, text: str) -> str:
    """Give a button that opens a review."""
    return f'<button type="button" data-row="{row}">{escape(text) or "(no text)"}</button>'


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
