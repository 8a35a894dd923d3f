"""Rendering of templates to pages.

A Content-Security-Policy with hashes allows only the page's own style and script and no loading,
whatever a review contains. It also forbids `style` attributes: templates use classes, and scripts
set properties of elements.
"""

import base64
import functools
import hashlib
import math
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sentilib import _plotting
from sentilib._files import atomic_write, is_stream
from sentilib._optional import import_optional
from sentilib._pages import _heat_map

jinja2 = import_optional("jinja2", "An HTML page", None)  # before anything is computed for it


def render(template: str, package: str | None = None, **values: Any) -> str:
    """Return a page as HTML.

    Parameters
    ----------
    template : str
        Name of a template that extends `page.html`.
    package : str or None, default=None
        Package whose folder `templates` contains it, in addition to the folder shared by all pages.
    **values : dict
        Plain values for the template: `title` for the frame, and `data` for the script, if any.
    """
    return _environment(package).get_template(template).render(values)


def write_page(path: Path, template: str, package: str | None = None, **values: Any) -> None:
    """Write a page as `atomic_write` does; an existing file is replaced at the end.

    Parameters
    ----------
    path : Path
        File to write.
    template, package, **values
        As in `render`.
    """
    page = render(template, package, **values).encode("utf-8", "replace")
    with atomic_write(path) as stream:
        stream.write(page)


class ReportPath(str):
    """Path of a page, which notebooks show as a link."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        link = quote(os.path.relpath(self).replace(os.sep, "/"))
        return render("lines.html", lines=[], link=link, title=str(self))


def writable_path(path: Any) -> Path:
    """Return the path as a Path, after a check that a file can be written there.

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
    if is_stream(path):
        return path
    if not path.parent.is_dir():
        raise FileNotFoundError(f"The folder {str(path.parent)!r} does not exist: create it first.")
    if path.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder: name a file, such as report.html.")
    probe = Path(os.path.realpath(path))
    probe = probe.with_name(f".{probe.name}.probe")
    probe.touch()
    probe.unlink()
    return path


@functools.cache
def _environment(package: str | None) -> Any:
    packages = ["sentilib._pages", *([package] if package else [])]
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(name) for name in packages]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {
        "ensure_ascii": False,
        "separators": (",", ":"),
        "allow_nan": False,
    }
    environment.filters["sha256"] = _sha256
    environment.filters["signed"] = _heat_map.signed
    environment.tests["finite"] = math.isfinite
    environment.globals.update(
        colors={"for": _channels(_plotting.FOR), "against": _channels(_plotting.AGAINST)},
        levels=_heat_map.LEVELS,
        version=version("sentilib"),
    )
    return environment


def _channels(color: str) -> str:
    return " ".join(map(str, _plotting.channels(color)))


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
