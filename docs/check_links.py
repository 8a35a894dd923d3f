"""Check that every link within the built site leads to a page and a place that exist.

    python docs/check_links.py docs_output/html

Pages must also load nothing from other hosts, so that the site can be read without a network.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADING = {"img", "script", "iframe", "source", "video", "audio"}


class Page(HTMLParser):
    """The links of a page, the places in it, and what it loads from other hosts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = {"", "top"}
        self.loaded: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record one element."""
        values = dict(attrs)
        self.places |= {name for name in (values.get("id"), values.get("name")) if name}
        target = values.get("href") or values.get("src")
        if not target or target.startswith(("data:", "mailto:", "javascript:")):
            return
        if urlsplit(target).netloc:
            is_style = tag == "link" and "stylesheet" in (values.get("rel") or "")
            if tag in LOADING or is_style:
                self.loaded.add(target)
        else:
            self.links.add(target)


def problems(root: Path) -> list[str]:
    """Return a line for each broken link and each thing that is loaded from elsewhere."""
    paths = [path for path in root.rglob("*.html") if "_static" not in path.parts]
    pages = {path: Page(path) for path in paths}
    found = []
    for path, page in pages.items():
        name = path.relative_to(root)
        found += [f"{name} loads {target}" for target in sorted(page.loaded)]
        for link in sorted(page.links):
            parts = urlsplit(link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            place = unquote(parts.fragment)
            if not target.is_file():
                found.append(f"{name} links to {link}, which does not exist")
            elif target in pages and place not in pages[target].places:
                found.append(f"{name} links to {link}, but there is no such place")
    return found


if __name__ == "__main__":
    root = Path(sys.argv[1]).resolve()
    lines = problems(root)
    print("\n".join(lines) or f"All links within {root.name}/ lead somewhere.")
    sys.exit(bool(lines))
