"""The demo runs as documented, on few generated reviews."""

import importlib.util
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"
pytestmark = [pytest.mark.examples, pytest.mark.slow]


@pytest.fixture(scope="module")
def demo():
    pytest.importorskip("matplotlib")
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_demo_prints_its_tables_and_draws_the_training_curves(demo, capsys, tmp_path):
    demo.main(["--data", "generated", "--output", str(tmp_path / "new")], n_generated=600)
    out = capsys.readouterr().out
    assert "Generated reviews" in out
    for model in ("Dense", "CNN"):
        assert f"Training {model}" in out
        assert f"Confusion of {model}" in out
    (header,) = (line for line in out.splitlines() if "log loss" in line)
    assert header.split() == ["accuracy", "log", "loss", "fit,", "s", "reviews/s"]
    for sentence in demo.SENTENCES:
        assert sentence in out
    picture = tmp_path / "new" / "training_curves.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_demo_says_so_where_it_finds_no_imdb_reviews(demo, capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("SENTILIB_DATA", raising=False)
    for cache in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(cache, str(tmp_path))
    train, test = demo.load_reviews("auto", 200)
    out = capsys.readouterr().out
    assert "IMDB reviews are not here" in out and "Generated reviews" in out
    assert len(train.text) + len(test.text) == 200
    assert not set(train.movie) & set(test.movie)


def test_an_unknown_source_of_data_is_refused(demo, capsys):
    with pytest.raises(SystemExit):
        demo.main(["--data", "tweets"])
    assert "invalid choice" in capsys.readouterr().err
