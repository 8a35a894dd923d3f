"""Links from public names in code to their pages, and a check that each name has a page."""

import inspect
import re

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform

import sentilib
from sentilib import datasets, explain, export, inspection
from sentilib.explain import plots

MODULES = (sentilib, datasets, explain, export, inspection, plots)
PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in MODULES
    for name in module.__all__
    if not (name.startswith("__") or inspect.ismodule(getattr(module, name)))
}
FIRST = {id(value): path for path, value in reversed(PUBLIC.items())}


def targets() -> dict[str, str]:
    """Return the path of each public name as pages write it: `f`, `f()`, `module.f`, ..."""
    found: dict[str, str] = {}
    for path, value in PUBLIC.items():
        parts = path.split(".")
        for start in range(len(parts)):
            found.setdefault(".".join(parts[start:]), FIRST[id(value)])
    for common in ("text", "terminal"):  # words of other meanings too
        del found[common]
    return found | {f"{name}()": path for name, path in found.items()}


TARGETS = targets()


class LinkNames(SphinxTransform):
    """Link code that is a public name to the name's page."""

    default_priority = 500

    def apply(self, **kwargs: object) -> None:
        """Replace the nodes of one document."""
        for node in list(self.document.findall(nodes.literal)):
            path = TARGETS.get(node.astext())
            if path and not isinstance(node.parent, nodes.reference | addnodes.pending_xref):
                link = addnodes.pending_xref(
                    "", refdomain="py", reftype="obj", reftarget=path, refexplicit=True,
                    refdoc=self.env.docname,
                )  # fmt: skip
                node.replace_self(link)
                link += node


def check(app: Sphinx, env: object) -> None:
    """Fail if a public name has no page."""
    documented = app.env.get_domain("py").objects
    missing = sorted(set(FIRST.values()) - set(documented))
    if missing:
        raise ExtensionError(f"docs/api.md lists no {', '.join(missing)}: add them")


def plain(
    app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]
) -> None:
    """Keep the words of references into scikit-learn's manual, of which this site has no pages."""
    text = re.sub(r":(?:ref|term):`([^`<]+?)\s*(?:<[^`]+>)?`", r"\1", "\n".join(lines))
    lines[:] = text.split("\n")


def setup(app: Sphinx) -> dict:
    """Register the transform and the check."""
    app.connect("autodoc-process-docstring", plain)
    app.add_transform(LinkNames)
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
