"""The README's Python code runs, and the pages name what exists."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DESIGN = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_python_blocks_run_one_after_the_other_without_a_warning(tmp_path):
    blocks = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 6
    last = "assert search.best_params_.keys() == grid.keys()\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join([*blocks, last])],
        cwd=tmp_path,  # where the report goes
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0 and "Warning" not in done.stderr, done.stderr[-2000:]
    assert float(done.stdout.splitlines()[0]) > 0.85
    assert (tmp_path / "report.html").stat().st_size > 100_000


@pytest.mark.slow
def test_the_blocks_of_the_page_on_few_labels_run(tmp_path, monkeypatch):
    page = (ROOT / "docs" / "few_labels.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 2
    monkeypatch.chdir(tmp_path)
    exec("\n".join(blocks), {})
    links = re.findall(r"\]\(([^)h][^)]+)\)", page)
    assert [link for link in links if not (ROOT / "docs" / link).is_file()] == []


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)]+)\)", README))
def test_links_lead_to_files(target):
    assert (ROOT / target).is_file()


@pytest.mark.parametrize("target", re.findall(r"^make (\w+)", README, re.MULTILINE))
def test_the_makefile_has_the_named_targets(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_design_page_names_files_that_exist():
    names = set(re.findall(r"`([\w/]+\.(?:py|js))`", DESIGN))
    assert len(names) > 20
    homes = (ROOT, ROOT / "sentilib")
    assert {name for name in names if not any((home / name).is_file() for home in homes)} == set()
    links = set(re.findall(r"\]\(([^)]+)\)", DESIGN))
    assert {link for link in links if not (ROOT / "docs" / link).is_file()} == set()


def test_the_design_page_lists_the_hooks_of_an_architecture():
    from sentilib._training._architecture import Architecture

    _, table, _ = re.split(r"\| hook \| purpose \|\n\|---\|---\|\n|\n\n(?=N-grams)", DESIGN)
    hooks = {name for name in vars(Architecture) if not name.startswith("_")}
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == hooks
