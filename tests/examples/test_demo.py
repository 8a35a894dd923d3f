"""The demo runs as documented, on few generated reviews."""

import importlib.util
import re
from pathlib import Path

import pytest

from sentilib.datasets._review_words import ADJECTIVES

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"
pytestmark = [pytest.mark.examples, pytest.mark.slow]


@pytest.fixture(scope="module")
def demo():
    pytest.importorskip("matplotlib")
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_demo_shows_what_the_models_learn_and_draws_the_training_curves(demo, capsys, folder):
    results = demo.main([], n_generated=2400)
    out = capsys.readouterr().out
    assert "Generated reviews" in out
    for model in ("Words", "Dense", "CNN"):
        assert f"Training {model}" in out
        assert f"Confusion of {model}" in out
    # Single words can't learn negation; the validation loss of none rises from the first epoch on.
    words, *others = (result.classifier.history_ for result in results)
    assert all(words["val_accuracy"][-1] + 0.1 < other["val_accuracy"][-1] for other in others)
    assert all(h["val_loss"][-1] < h["val_loss"][0] for h in (words, *others))
    opinions = {word for row in ADJECTIVES.values() for word in row}
    for line in re.findall(r"^(?:negative|positive): (.*)", out, re.M):
        first_words = re.findall(r"\w+(?= \()", line)[:5]
        assert set(first_words) <= opinions
    (header,) = (line for line in out.splitlines() if "log loss" in line)
    assert header.split() == ["accuracy", "log", "loss", "fit,", "s", "reviews/s"]
    for sentence in demo.SENTENCES:
        assert sentence in out
    picture = folder / "demo_output" / "training_curves.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_training_and_test_reviews_are_of_different_movies(demo):
    train, test = demo.load_reviews("generated", 200)
    assert len(train.text) + len(test.text) == 200
    assert not set(train.movie) & set(test.movie)


def test_an_unknown_source_of_data_is_refused(demo, capsys):
    with pytest.raises(SystemExit):
        demo.main(["--data", "tweets"])
    assert "invalid choice" in capsys.readouterr().err
