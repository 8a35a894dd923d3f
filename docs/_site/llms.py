"""`llms.txt`: the site's pages for readers that are language models (https://llmstxt.org)."""

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

SUMMARY = (
    "sentilib learns sentiment, or any other label, from raw HTML text: scikit-learn estimators "
    "with small Keras models inside, exact explanations, and inspection of errors."
)
SECTIONS = {
    "Guide": lambda name: "/" not in name,
    "API": lambda name: name.startswith("generated/api/"),
    "Examples": lambda name: name.startswith("generated/gallery/") and "sg_" not in name,
}


def first_sentence(document: nodes.document) -> str:
    """Return the first sentence of a page's first paragraph."""
    for paragraph in document.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        return text.partition(". ")[0].rstrip(".:") + "."
    return ""


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the file, in the order of the table of contents."""
    if error or app.builder.format != "html":
        return
    names = [name for name in app.env.toctree_includes.get(app.config.root_doc, [])]
    ordered: list[str] = [app.config.root_doc]
    while names:
        name = names.pop(0)
        if name not in ordered:
            ordered.append(name)
            names[:0] = app.env.toctree_includes.get(name, [])
    lines = [f"# {app.config.project}", "", f"> {SUMMARY}"]
    for section, belongs in SECTIONS.items():
        lines += ["", f"## {section}", ""]
        for name in filter(belongs, ordered):
            suffix = Path(app.env.doc2path(name)).suffix
            title = app.env.titles[name].astext()
            told = first_sentence(app.env.get_doctree(name))
            lines.append(f"- [{title}](_sources/{name}{suffix}.txt): {told}")
    Path(app.outdir, "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def setup(app: Sphinx) -> dict:
    """Register the file."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
