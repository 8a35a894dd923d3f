"""The example that explains reviews runs, on few generated ones."""

import importlib.util
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "explain_reviews.py"
pytestmark = [pytest.mark.examples, pytest.mark.slow]


def test_the_example_explains_both_models(capsys, folder):
    pytest.importorskip("matplotlib")
    spec = importlib.util.spec_from_file_location("explain_reviews", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    example.main([], n_generated=600)
    out = capsys.readouterr().out
    for part in (
        "Words:",
        "Dense:",
        "CNN:",
        "mildly",
        "entertaining",
        "+0.0000  masterpiece (unknown: no training review contains it)",
        "Pairs among them",
        "disagree",
    ):
        assert part in out
    written = {path.name for path in (folder / "explain_output").iterdir()}
    assert {"review_dense.html", "review_cnn.html", "importance_cnn.png"} <= written
    assert "interactions_cnn.png" in written and "interactions_words.png" not in written  # empty
    page = (folder / "explain_output" / "review_cnn.html").read_text(encoding="utf-8")
    assert "mildly" in page
