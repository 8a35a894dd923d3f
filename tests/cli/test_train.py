"""sentilib train and what it writes."""

import json

import numpy as np
import pytest
from conftest import read_csv, write_csv, write_lines, write_parquet


def test_the_scores_are_those_of_reviews_that_the_measured_model_has_not_seen(trained, columns):
    _, result = trained
    scores = json.loads(result.out)
    assert 100 < scores["rows"] < 200  # a quarter, by movie
    assert np.sum(scores["confusion_matrix"]) == scores["rows"]
    accuracy = scores["metrics"]["accuracy"]
    assert 0.6 < accuracy["low"] < accuracy["value"] < accuracy["high"] < 1
    assert scores["metrics"]["log_loss"]["value"] < np.log(2)
    assert "contains a model of 600 reviews" in result.line


def test_the_model_is_that_of_python(pipe, columns):
    from sklearn.pipeline import make_pipeline

    from sentilib import DenseSentimentClassifier, HTMLTokenizer

    own = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(epochs=4, random_state=0))
    own.fit(columns["text"], columns["label"], densesentimentclassifier__groups=columns["movie"])
    np.testing.assert_array_equal(
        pipe.predict_proba(columns["text"]), own.predict_proba(columns["text"])
    )


@pytest.fixture
def small(columns):
    return {name: values[:80] for name, values in columns.items()}


def test_labels_of_csv_that_are_integers_become_integers(small, cli, tmp_path):
    labels = [int(label == "pos") for label in small["label"]]
    write_csv(tmp_path / "reviews.csv", small | {"label": labels})
    done = cli(
        "train", "reviews.csv", "-o", "m.skops", "--test-size", 0, "--set", "epochs=1", "--compress"
    )
    assert done.code == 0 and done.out == ""
    done = cli("predict", "m.skops", "-", "--output-format", "jsonl", stdin=b"good\n")
    assert json.loads(done.out)["prediction"] in (0, 1)
    write_parquet(tmp_path / "floats.parquet", small | {"label": np.array(labels, dtype=float)})
    assert cli("evaluate", "m.skops", "floats.parquet").code == 0
    write_lines(tmp_path / "text.jsonl", [{"text": "good", "label": str(k)} for k in labels])
    assert cli("evaluate", "m.skops", "text.jsonl").code == 0


@pytest.mark.slow
def test_a_vote_of_both_models_keeps_groups_together_and_is_saved(small, cli, tmp_path):
    write_csv(tmp_path / "reviews.csv", small)
    done = cli(
        *("train", "reviews.csv", "-o", "m.skops", "--model", "vote", "--group", "movie"),
        *("--set", "epochs=1", "--set", "classifier__cnn__filters=(8, 4)", "--no-refit"),
        *("--test-size", 0.3),
    )
    assert done.code == 0 and done.out.startswith("Held out: ")
    done = cli("predict", "m.skops", "reviews.csv", "-o", "predictions.csv")
    assert done.code == 0 and len(read_csv(tmp_path / "predictions.csv")) == 80
    done = cli("explain", "m.skops", "reviews.csv")
    assert done.code == 1 and "combines several models" in done.line
    done = cli("export", "m.skops", "m.keras")
    assert done.code == 1 and "no Keras model" in done.line


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["epoch=3"], "--set epoch: there is no parameter of this name. Did you mean epochs?"),
        (["epochs"], "expected NAME=VALUE"),
        (["classifier__hiden_units=3"], "Did you mean classifier__hidden_units?"),
    ],
)
def test_an_unknown_parameter_is_a_usage_error(settings, expected, cli, tmp_path):
    done = cli("train", "reviews.csv", "-o", "m.skops", "--set", *settings)
    assert done.code == 2 and expected in done.line


def test_a_parameter_of_a_wrong_value_is_one_line(small, cli, tmp_path):
    write_csv(tmp_path / "reviews.csv", small)
    done = cli("train", "reviews.csv", "-o", "m.skops", "--set", "epochs=-1")
    assert done.code == 1 and "'epochs' parameter" in done.line
    assert not (tmp_path / "m.skops").exists()


def test_parameters_reach_every_step_that_has_them():
    from sentilib._cli._pipeline import make_pipeline

    settings = ("epochs=2", "classifier__dense__dropout=0.1", "markup=html5", "ngram_range=(1, 2)")
    params = make_pipeline("vote", settings, 3).get_params()
    assert [params[f"classifier__{name}__epochs"] for name in ("dense", "cnn")] == [2, 2]
    assert params["classifier__dense__dropout"] == 0.1
    assert params["classifier__cnn__dropout"] == 0.7
    assert params["tokenizer__markup"] == "html5"
    assert params["classifier__cnn__ngram_range"] == (1, 2)
    assert params["classifier__dense__random_state"] == 3


class TestBadTables:
    def train(self, cli, name="reviews.csv", *arguments):
        done = cli("train", name, "-o", "m.skops", *arguments)
        assert done.code == 1 and done.out == ""
        return done.line

    def test_one_label_only(self, small, cli, tmp_path):
        write_csv(tmp_path / "reviews.csv", small | {"label": ["pos"] * 80})
        assert "All 80 rows have the same label, 'pos'" in self.train(cli)

    def test_missing_labels(self, small, cli, tmp_path):
        labels = [float("nan") if k == 7 else float(k % 2) for k in range(80)]
        write_parquet(tmp_path / "r.parquet", small | {"label": labels})
        assert "Row 8 of r.parquet has no label: pass --drop-missing" in self.train(
            cli, "r.parquet"
        )
        done = cli("evaluate", "m.skops", "r.parquet")
        assert done.code == 1

    def test_missing_texts(self, small, cli, tmp_path):
        write_parquet(tmp_path / "r.parquet", small | {"text": [None, *small["text"][1:]]})
        assert "Row 1 of r.parquet has no text" in self.train(cli, "r.parquet")

    def test_an_empty_cell_of_csv_is_missing(self, small, cli, tmp_path):
        write_csv(tmp_path / "reviews.csv", small | {"text": ["", *small["text"][1:]]})
        assert "Row 1 of reviews.csv has no text: pass --drop-missing" in self.train(cli)

    def test_a_missing_column_lists_those_there_are(self, small, cli, tmp_path):
        write_csv(tmp_path / "reviews.csv", small)
        line = self.train(cli, "reviews.csv", "--text", "review")
        assert "no column 'review'. Its columns are 'id', 'text', 'movie': name one by --te" in line
        line = self.train(cli, "reviews.csv", "--group", "film")
        assert "no column 'film'" in line and "--group" in line

    def test_labels_that_are_no_labels(self, small, cli, tmp_path):
        write_lines(tmp_path / "r.jsonl", [{"text": "good", "label": ["a"]}] * 2)
        assert "Labels must be text or numbers" in self.train(cli, "r.jsonl")

    def test_too_few_reviews_to_hold_some_out(self, cli, tmp_path):
        write_csv(tmp_path / "reviews.csv", {"text": ["a", "b"], "label": ["x", "y"]})
        assert "No test part of 0.1 can be held out" in self.train(cli)

    def test_an_existing_model_is_not_replaced_by_accident(self, cli, tmp_path):
        (tmp_path / "m.skops").write_bytes(b"old")
        assert "'m.skops' exists already: pass --overwrite" in self.train(cli)
        assert (tmp_path / "m.skops").read_bytes() == b"old"


def test_rows_without_label_are_left_out_on_demand(small, cli, tmp_path):
    labels = [None if k % 4 == 0 else ("neg", "pos")[k % 2] for k in range(80)]
    write_lines(
        tmp_path / "r.jsonl",
        [{"text": t, "label": y} for t, y in zip(small["text"], labels, strict=True)],
    )
    done = cli(
        *("train", "r.jsonl", "-o", "m.skops", "--drop-missing", "--test-size", 0),
        *("--set", "epochs=1"),
    )
    assert done.code == 0 and "a model of 60 reviews" in done.line
