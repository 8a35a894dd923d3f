"""What examples write, as parts of their gallery pages, and a picture of each for the overview."""

import re
import shutil
from pathlib import Path

from matplotlib.figure import Figure
from sphinx.application import Sphinx
from sphinx_gallery.scrapers import figure_rst

_PRINTED = re.compile(r"^ \.\. code-block:: none\n\n((?:    .*\n|\n)+)", re.MULTILINE)
_N_LINES, _N_CHARACTERS = 10, 40  # of a thumbnail


class ByLength:
    """Sort examples by their number of lines, the shortest first."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def __call__(self, filename: str) -> int:
        """Return the key of an example."""
        return len((self.folder / filename).read_text(encoding="utf-8").splitlines())


def scrape(block: tuple, variables: dict, gallery: dict) -> str:
    """Show the pictures and link the pages that an example has written, and remove its folder."""
    source = Path(variables["src_file"])
    # Beside the example's page, where its own links lead too
    root = Path(gallery["src_dir"])
    beside = Path(variables["target_file"]).parent.relative_to(root)
    pictures, links = [], []
    for folder in sorted(source.parent.glob("*_output")):
        for path in sorted(folder.iterdir()):
            if path.suffix == ".png":
                pictures.append(next(variables["image_path_iterator"]))
                shutil.move(path, pictures[-1])
            elif path.suffix == ".html":
                pages = root / "generated" / "extra" / beside / folder.name
                pages.mkdir(parents=True, exist_ok=True)
                shutil.move(path, pages / path.name)
                links.append(f'<a href="{folder.name}/{path.name}">{path.name}</a>')
        shutil.rmtree(folder)
    text = figure_rst(pictures, gallery["src_dir"])
    if links:
        text += f"\n\n.. raw:: html\n\n    <p>Pages that it writes: {', '.join(links)}</p>\n\n"
    return text


def draw_thumbnails(app: Sphinx) -> None:
    """Draw what an example prints, or its code if it is only shown, where it has no picture."""
    folder = Path(app.srcdir, app.config.sphinx_gallery_conf["gallery_dirs"])
    for thumbnail in folder.glob("images/thumb/sphx_glr_*_thumb.png"):
        name = thumbnail.stem.removeprefix("sphx_glr_").removesuffix("_thumb")
        if not (folder / f"images/sphx_glr_{name}_001.png").exists():
            printed = _PRINTED.search((folder / f"{name}.rst").read_text(encoding="utf-8"))
            code = (folder / f"{name}.py").read_text(encoding="utf-8")
            text = printed[1] if printed else code[code.index("\ndef ") :]
            _draw(text, thumbnail, app.config.sphinx_gallery_conf["thumbnail_size"])


def _draw(text: str, path: Path, size: tuple[int, int]) -> None:
    lines = [line.rstrip().removeprefix("    ") for line in text.strip("\n").splitlines()]
    shown = [line[:_N_CHARACTERS] for line in lines if line][:_N_LINES]
    figure = Figure(figsize=(size[0] / 100, size[1] / 100), dpi=100, facecolor="white")
    figure.text(
        0.03, 0.96, "\n".join(shown), family="monospace", size=9.2, va="top", linespacing=1.5,
        color="#1b1f24", parse_math=False,
    )  # fmt: skip
    figure.savefig(path)


def setup(app: Sphinx) -> dict[str, bool]:
    """Draw after the gallery has been made."""
    app.connect("builder-inited", draw_thumbnails, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
