"""What the repository says of itself in several files."""

import re
from pathlib import Path

import sentilib

ROOT = Path(__file__).parents[1]


def test_the_citation_has_the_version_and_the_licence_of_the_package():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", citation, re.MULTILINE)[1] == sentilib.__version__
    licence = re.search(r"^license: (.+)$", citation, re.MULTILINE)[1]
    assert f"license = {licence}\n" in (ROOT / "setup.cfg").read_text(encoding="utf-8")


def test_the_workflows_use_only_targets_that_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    used = set()
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        text = path.read_text(encoding="utf-8")
        used |= set(re.findall(r"\bmake ([a-z-]+)$", text, re.MULTILINE))
        for listed in re.findall(r"target: \[(.+)\]", text):
            used |= set(listed.split(", "))
    assert len(used) > 6
    assert used - targets == set()
