"""sentilib evaluate, explain, report, label-issues and export."""

import json

import numpy as np
import pytest
from conftest import read_csv, read_lines, skops_io, write_csv, write_lines, write_parquet
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

import sentilib


class TestEvaluate:
    def test_the_scores_are_those_of_scikit_learn(self, cli, tmp_path, model_path, pipe, columns):
        write_parquet(tmp_path / "r.parquet", columns, row_group_size=100)
        done = cli("evaluate", model_path, "r.parquet", "--json", "--chunk-size", 70)
        assert (done.code, done.err) == (0, "")
        scores = json.loads(done.out)
        truth, proba = columns["label"], pipe.predict_proba(columns["text"])
        predicted = pipe.predict(columns["text"])
        metrics = {name: metric["value"] for name, metric in scores["metrics"].items()}
        assert metrics["accuracy"] == pytest.approx(accuracy_score(truth, predicted))
        assert metrics["log_loss"] == pytest.approx(log_loss(truth, proba))
        assert 0 < metrics["expected_calibration_error"] < 0.3
        assert scores["labels"] == ["neg", "pos"]
        assert scores["confusion_matrix"] == confusion_matrix(truth, predicted).tolist()

    def test_people_read_a_table(self, trained, cli, model_path):
        done = cli("evaluate", model_path, trained[0] / "reviews.csv")
        assert done.out.startswith("600 reviews; 95 % confidence intervals in brackets")
        for word in ("accuracy", "log loss", "calibration error", "Confusion matrix", "neg"):
            assert word in done.out

    def test_unknown_labels_are_named(self, cli, tmp_path, model_path):
        write_csv(tmp_path / "r.csv", {"text": ["a", "b"], "label": ["pos", "neutral"]})
        done = cli("evaluate", model_path, "r.csv")
        assert done.code == 1
        assert "labels that the model does not know: neutral. It knows neg, pos" in done.line

    def test_text_without_labels_is_no_table(self, cli, tmp_path, model_path):
        (tmp_path / "r.txt").write_text("superb\n")
        for name in ("r.txt", "-"):
            done = cli("evaluate", model_path, name, stdin=b"superb\n")
            assert done.code == 1 and "plain text, which has no labels" in done.line
        text = b"text,label\nsuperb,pos\n"
        assert cli("evaluate", model_path, "-", "--format", "csv", stdin=text).code == 0

    def test_an_empty_table_has_no_scores(self, cli, tmp_path, model_path):
        write_csv(tmp_path / "r.csv", {"text": [], "label": []})
        done = cli("evaluate", model_path, "r.csv")
        assert done.code == 1 and "contains no rows with text and label" in done.line

    def test_a_threshold_around_the_pipeline_decides(self, cli, tmp_path, pipe, columns):
        """A pickle, which is loaded only on demand."""
        import joblib
        from sklearn.frozen import FrozenEstimator
        from sklearn.model_selection import FixedThresholdClassifier

        strict = FixedThresholdClassifier(
            FrozenEstimator(pipe), threshold=0.9, response_method="predict_proba", pos_label="pos"
        ).fit(columns["text"], columns["label"])
        joblib.dump(strict, tmp_path / "strict.pkl")
        write_lines(tmp_path / "r.jsonl", [{"text": text} for text in columns["text"][:50]])
        done = cli("predict", "strict.pkl", "r.jsonl", "--output-format", "csv")
        assert done.code == 1 and "is a pickle, which may run any code" in done.line
        done = cli("predict", "strict.pkl", "r.jsonl", "--output-format", "csv", "--unsafe")
        assert done.code == 0
        proba = pipe.predict_proba(columns["text"][:50])[:, 1]
        expected = [("neg", "pos")[int(p >= 0.9)] for p in proba]
        assert [row["prediction"] for row in done.rows] == expected
        assert expected != [("neg", "pos")[int(p >= 0.5)] for p in proba]


class TestExplain:
    def test_a_line_of_text_is_explained_on_the_terminal(self, cli, model_path):
        done = cli("explain", model_path, "-", stdin=b"A superb film!\nAn awful film!\n")
        assert (done.code, done.err) == (0, "")
        assert "Row 1: pos (" in done.out and "Row 2: neg (" in done.out
        assert "superb[+" in done.out and "awful[-" in done.out

    def test_contributions_add_up_to_the_prediction(self, cli, tmp_path, model_path, pipe, columns):
        write_csv(tmp_path / "r.csv", columns)
        done = cli("explain", model_path, "r.csv", "--rows", 3, "-o", "words.jsonl")
        assert (done.code, done.out) == (0, "")
        found = read_lines(tmp_path / "words.jsonl")
        assert [row["row"] for row in found] == [1, 2, 3]
        totals = [row["base_values"][0] + sum(row["contributions"][0]) for row in found]
        np.testing.assert_allclose(totals, pipe.decision_function(columns["text"][:3]), atol=1e-6)
        assert [len(row["words"]) for row in found] == [
            len(row["contributions"][0]) for row in found
        ]

    def test_a_page_for_a_browser(self, cli, tmp_path, model_path):
        text = b"A <b>superb</b> film & <script>alert(1)</script>"
        assert cli("explain", model_path, "-", "-o", "words.html", stdin=text).code == 0
        page = (tmp_path / "words.html").read_text()
        assert page.startswith("<!DOCTYPE html>") and "alert(1)" not in page
        done = cli("explain", model_path, "-", "-o", "words.html", stdin=text)
        assert done.code == 1 and "exists already" in done.line

    def test_a_name_that_tells_no_format_is_refused(self, cli, tmp_path, model_path):
        done = cli("explain", model_path, "-", "-o", "words.pdf", stdin=b"superb")
        assert done.code == 2 and "pass --output-format" in done.line
        assert not (tmp_path / "words.pdf").exists()
        done = cli("explain", model_path, "-", "-o", "words", stdin=b"superb")
        assert done.code == 0 and "superb[+" in (tmp_path / "words").read_text()

    def test_an_empty_input_is_an_error(self, cli, model_path):
        done = cli("explain", model_path, "-", stdin=b"")
        assert done.code == 1 and "Standard input contains no rows with text" in done.line


@pytest.mark.slow
def test_a_report_compares_the_errors_with_further_columns(cli, tmp_path, model_path, columns):
    part = {name: values[:100] for name, values in columns.items()}
    write_csv(tmp_path / "r.csv", part | {"price": [k % 7 for k in range(100)]})
    arguments = ["report", model_path, "r.csv", "-o", "report.html", "--explained", 10]
    done = cli(*arguments, "--feature", "price", "--feature", "movie", "--title", "Our <shop>")
    assert done.code == 0 and "report.html shows 100 reviews" in done.line
    page = (tmp_path / "report.html").read_text()
    assert "Our &lt;shop&gt;" in page and "price" in page and "movie" in page
    assert '<section id="shift"' not in page
    done = cli(*arguments, "--training", "r.csv", "--overwrite")
    page = (tmp_path / "report.html").read_text()
    assert done.code == 0 and '<section id="shift"' in page
    assert "100 of 100 reviews (100.0%) have a duplicate or near duplicate" in page
    assert "Training reviews</th><td>100<" in page
    assert "Beside it: TF-IDF + LogisticRegression" in page
    done = cli(*arguments)
    assert done.code == 1 and "exists already" in done.line


def test_a_missing_feature_is_named_with_its_own_option(cli, tmp_path, model_path):
    write_csv(tmp_path / "r.csv", {"text": ["superb"], "label": ["pos"]})
    done = cli("report", model_path, "r.csv", "-o", "report.html", "--feature", "price")
    assert done.code == 1 and "no column 'price'" in done.line and "by --feature." in done.line


@pytest.mark.slow
def test_label_issues_are_found_in_the_rows_where_they_are(cli, tmp_path, columns):
    labels = list(columns["label"])
    wrong = [row for row in range(0, 600, 12)]
    for row in wrong:
        labels[row] = {"pos": "neg", "neg": "pos"}[labels[row]]
    labels.insert(0, None)
    texts = ["a film", *columns["text"]]
    pairs = zip(texts, labels, strict=True)
    write_lines(tmp_path / "r.jsonl", [{"text": t, "label": y} for t, y in pairs])
    arguments = ["label-issues", "r.jsonl", "--drop-missing", "--set", "epochs=2", "--cv", "3"]
    done = cli(*arguments, "-o", "issues.csv")
    assert done.code == 0 and "of 600 labels are likely wrong" in done.line
    issues = read_csv(tmp_path / "issues.csv")
    assert list(issues[0]) == [
        *("row", "given", "suggested", "label_quality", "self_confidence", "is_issue", "snippet")
    ]
    quality = [float(issue["label_quality"]) for issue in issues]
    assert quality == sorted(quality)
    for issue in issues:
        assert issue["given"] == labels[int(issue["row"]) - 1] != issue["suggested"]
    found = {int(issue["row"]) - 2 for issue in issues}  # row 1 has no label
    assert len(found & set(wrong)) > len(wrong) / 2
    assert int(done.line.split()[0]) == len(issues) < 200


class TestExport:
    def test_each_suffix_has_its_file(self, cli, tmp_path, model_path, pipe, columns):
        onnxruntime = pytest.importorskip("onnxruntime")
        tokenizers = pytest.importorskip("tokenizers")
        done = cli("export", model_path, "m.onnx", "tokenizer.json", "small.skops")
        assert done.code == 0 and len(done.err.splitlines()) == 3
        ids = pipe[0].transform(["A superb film!"])
        session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
        _, proba = session.run(None, {"token_ids": ids})
        np.testing.assert_allclose(proba, pipe.predict_proba(["A superb film!"]), atol=1e-5)
        tokenizer = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
        assert tokenizer.encode("A superb film!").ids == ids[0].tolist()
        small = skops_io.load(tmp_path / "small.skops", trusted=sentilib.TRUSTED_TYPES)
        agreement = small.predict(columns["text"]) == pipe.predict(columns["text"])
        assert agreement.mean() > 0.97

    @pytest.mark.slow
    @pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras
    def test_keras_reads_its_file(self, cli, tmp_path, model_path, pipe):
        import keras

        from sentilib import keras_layers  # noqa: F401

        assert cli("export", model_path, "m.keras").code == 0
        logits = keras.models.load_model(tmp_path / "m.keras")(pipe[0].transform(["superb"]))
        margin = np.asarray(logits)[:, 1] - np.asarray(logits)[:, 0]
        np.testing.assert_allclose(margin, pipe.decision_function(["superb"]), atol=1e-5)

    def test_errors_come_before_anything_is_written(self, cli, tmp_path, model_path):
        done = cli("export", model_path, "m.onnx", "m.tflite")
        assert done.code == 2 and "expected .onnx, .json, .keras or .skops" in done.line
        done = cli("export", model_path, "m.onnx", model_path, "--overwrite")
        assert done.code == 1 and "is input and output" in done.line
        assert not (tmp_path / "m.onnx").exists()
