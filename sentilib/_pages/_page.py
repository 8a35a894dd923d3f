"""Templates to pages.

A Content-Security-Policy with hashes lets no other style and script in and nothing be loaded,
whatever a review contains. It forbids `style` attributes too: templates use classes, scripts set
properties of elements.
"""

import base64
import functools
import hashlib
import math
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from sentilib import _plotting
from sentilib._files import atomic_write
from sentilib._pages import _heat_map


def render(template: str, package: str | None = None, **values: Any) -> str:
    """Return a page.

    Parameters
    ----------
    template : str
        Name of a template that extends `page.html`.
    package : str or None, default=None
        Package whose folder `templates` has it, beside that of the pages in general.
    **values : dict
        Plain values for the template: `title` for the frame, and `data` for the script if the page
        has one.
    """
    return _environment(package).get_template(template).render(values)


def write_page(path: Path, template: str, package: str | None = None, **values: Any) -> None:
    """Write a page, whole or not at all; an older file is replaced at the end.

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


@functools.cache
def _environment(package: str | None) -> Environment:
    packages = ["sentilib._pages", *([package] if package else [])]
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in packages]),
        autoescape=True,
        undefined=StrictUndefined,
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
