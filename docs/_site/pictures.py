"""What examples write, as parts of their gallery pages."""

import shutil
from pathlib import Path

from sphinx_gallery.scrapers import figure_rst


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
