"""Links between files of the repository, as links between pages of the site."""

import os
import re
from pathlib import Path

from sphinx.application import Sphinx

PAGES = {
    "../README.md": "index.md",
    "../CHANGELOG.md": "changes.md",
    "../CONTRIBUTING.md": "contributing.md",
    "../benchmarks/RESULTS.md": "results.md",
    "../benchmarks/README.md": "benchmarks.md",
    "../benchmarks/ATTEMPTS.md": "attempts.md",
}


def rewrite(app: Sphinx, docname: str, source: list[str]) -> None:
    """Replace links to examples and to files that pages include by links to these pages."""

    def page(match: re.Match) -> str:
        path, anchor = match[1], match[2] or ""
        example = re.fullmatch(r"\.\./examples/((?:notebooks/)?\w+)\.py", path)
        target = f"generated/gallery/{example[1]}.rst" if example else PAGES.get(path, path)
        return f"]({target}{anchor})"

    source[0] = re.sub(r"\]\((\.\./[\w./]+)(#[\w-]+)?\)", page, source[0])


def rewrite_included(app: Sphinx, path: object, docname: str, source: list[str]) -> None:
    """Do the same in an included file, whose links start at its own folder."""
    folder = Path(app.srcdir, str(path)).parent

    def moved(match: re.Match) -> str:
        return f"]({os.path.relpath(folder / match[1], app.srcdir)}"

    source[0] = re.sub(r"\]\((?!\w+:|#)([\w./]+)", moved, source[0])
    rewrite(app, docname, source)


def setup(app: Sphinx) -> dict:
    """Register both."""
    app.connect("source-read", rewrite)
    app.connect("include-read", rewrite_included)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
