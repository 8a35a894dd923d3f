"""The examples of tuning, learning curves, voting and numbers run, on few generated reviews."""

import importlib.util
import re
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = [pytest.mark.examples, pytest.mark.slow]


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_grid_search_reads_text_once_a_fold_and_prints_all_combinations(capsys, monkeypatch):
    example = load("grid_search")
    fit_transform, calls = example.HTMLTokenizer.fit_transform, []

    def counted(self, X, y=None):
        calls.append(len(X))
        return fit_transform(self, X, y)

    monkeypatch.setattr(example.HTMLTokenizer, "fit_transform", counted)
    grid = {"classifier__ngram_range": [(1, 1), (1, 2)], "classifier__epochs": [1]}
    example.main([], n_generated=400, grid=grid)
    out = capsys.readouterr().out
    assert len(calls) == 4  # three folds and the last fit, for two combinations
    assert out.startswith("7 fits")
    losses = [float(loss) for loss in re.findall(r"^1 .*± [\d.]+ +([\d.]+) ±", out, re.M)]
    assert len(losses) == 2 and losses == sorted(losses)
    assert re.search(r"The best pipeline on \d+ reviews of other movies: accuracy 0\.\d{4}", out)


def test_learning_curves_are_measured_for_each_model_and_drawn(capsys, monkeypatch, folder):
    pytest.importorskip("matplotlib")
    example = load("learning_curve")
    monkeypatch.delitem(example.MODELS, "CNN")  # saves the time of its fits
    monkeypatch.setattr(example, "SHARES", (1 / 2, 1.0))
    example.main([], n_generated=240)
    out = capsys.readouterr().out
    table = dict(re.findall(r"^(\S.*?)  +(0\.\d{3}.*)$", out, re.M))
    assert list(table) == list(example.MODELS)
    assert all(len(means.split()) == 2 for means in table.values())
    picture = folder / "learning_curve_output" / "learning_curve.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_vote_is_scored_beside_its_members(capsys):
    load("vote").main([], n_generated=400)
    out = capsys.readouterr().out
    rows = re.findall(r"^(Dense|CNN|together) +(0\.\d{4}) +(0\.\d{4})$", out, re.M)
    assert [name for name, _, _ in rows] == ["Dense", "CNN", "together"]
    losses = {name: float(loss) for name, _, loss in rows}
    # The logarithm is concave: the mean's loss is below the mean of the losses.
    assert losses["together"] <= (losses["Dense"] + losses["CNN"]) / 2
    assert "disagree on" in out


def test_numbers_and_text_together_tell_more_than_either(capsys):
    pytest.importorskip("pandas")
    load("text_and_numbers").main(1000)
    rows = re.findall(r"^(\w.*?)  +(0\.\d{3})$", capsys.readouterr().out, re.M)
    accuracy = {name: float(value) for name, value in rows}
    names = "text", "numbers", "stack of both", "latent features and numbers"
    text, numbers, stack, latent = (accuracy[name] for name in names)
    assert stack > max(text, numbers) and latent > text


def test_a_slow_model_teaches_a_fast_one(capsys):
    load("teach").main([], n_generated=1500)
    rows = re.findall(r"^(\S.*?)  +(0\.\d{3}) +\d\.\d{3} +([\d,]+)$", capsys.readouterr().out, re.M)
    (alone, taught, slow) = (float(accuracy) for _, accuracy, _ in rows)
    assert taught > alone and slow > alone


def test_stars_are_predicted_in_three_ways(capsys):
    load("stars").main([], n_generated=1200)
    out = capsys.readouterr().out
    rows = re.findall(r"^(\S.*?)  +((?:\d+\.\d+ *)+)$", out, re.M)
    rmse = {name: float(values.split()[-2]) for name, values in rows}
    assert len(rmse) == 8
    assert max(rmse.values()) < 1  # always 3 stars: 1.4
    assert re.search(r"More than 3 stars\?.*\n\S+ [+-]\d\.\d\d, ", out)
