"""The code of the site's pages runs, and the pages name what exists."""

import doctest
import importlib
import inspect
import re
from pathlib import Path

import pytest

import sentilib
from sentilib import datasets, explain, export, inspection

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
ALONE = {"start", "export", "few_labels"}  # all others continue the page start
BLOCK = re.compile(r"^```(python|pycon)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md"))}


def run(name, values):
    """Run the blocks of a page one after the other; return the number of them."""
    blocks = BLOCK.findall(PAGES[name])
    for number, (kind, code) in enumerate(blocks):
        where = f"{name}.md, block {number}"
        if kind == "python":
            exec(compile(code, where, "exec"), values)
        else:
            test = doctest.DocTestParser().get_doctest(code, values, where, where, 0)
            test.globs = values  # the parser copies them
            assert doctest.DocTestRunner().run(test, clear_globs=False).failed == 0
    return len(blocks)


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """Return what the page start defines, in a folder of its own."""
    values = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("start"))
        assert run("start", values) == 6
        assert Path("report.html").stat().st_size > 100_000
    assert values["pipe"].score(values["X_test"], values["y_test"]) > 0.85
    return values


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PAGES if BLOCK.search(PAGES[name])])
def test_the_blocks_of_a_page_run(name, started, tmp_path, monkeypatch):
    if name == "export":
        pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    if name != "start":
        assert run(name, {} if name in ALONE else dict(started)) > 0


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_files(name):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", PAGES[name])
    made = re.compile(r"generated/(gallery|api)/[\w.]+\.rst")
    assert [link for link in links if not (DOCS / link).is_file() and not made.match(link)] == []


@pytest.mark.parametrize(
    "target", re.findall(r"^make ([\w-]+)", PAGES["installation"], re.MULTILINE)
)
def test_the_makefile_has_the_named_targets(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_api_lists_every_public_name():
    """The site's build asks the same of the pages themselves."""
    listed, module = set(), ""
    for line in PAGES["api"].splitlines():
        module = line.partition("currentmodule:: ")[2] or module
        if re.fullmatch(r"   \w+", line):
            listed.add(id(getattr(importlib.import_module(module), line.strip())))
    for module in (sentilib, datasets, explain, explain.plots, export, inspection):
        names = [name for name in module.__all__ if not name.startswith("__")]
        values = {name: getattr(module, name) for name in names}
        missing = [name for name, value in values.items() if id(value) not in listed]
        assert [name for name in missing if not inspect.ismodule(values[name])] == []


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.stem)
def test_an_example_has_a_title(example):
    title, line, *_ = example.read_text(encoding="utf-8").removeprefix('"""').splitlines()
    assert line == "=" * len(title)


def test_the_design_page_names_files_that_exist():
    names = set(re.findall(r"`([\w/]+\.(?:py|js))`", PAGES["design"]))
    assert len(names) > 20
    homes = (ROOT, ROOT / "sentilib")
    assert {name for name in names if not any((home / name).is_file() for home in homes)} == set()


def test_the_design_page_lists_the_hooks_of_an_architecture():
    from sentilib._training._architecture import Architecture

    _, table, _ = re.split(
        r"\| hook \| purpose \|\n\|---\|---\|\n|\n\n(?=N-grams)", PAGES["design"]
    )
    hooks = {name for name in vars(Architecture) if not name.startswith("_")}
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == hooks
