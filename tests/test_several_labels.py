"""Several labels per text, and one class against the rest, behind one tokenizer pass."""

import numpy as np
import pytest
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline

from sentilib import (
    ConvSentimentClassifier,
    DenseSentimentClassifier,
    HTMLTokenizer,
    TokenShapExplainer,
    compress,
)
from sentilib.datasets import make_reviews
from sentilib.inspection import error_table, report

TEXTS, POSITIVE = make_reviews(360, length=40, random_state=0)
Y = np.column_stack([POSITIVE, ["script" in text for text in TEXTS]]).astype(int)
CLASSES = np.array(["bad", "good", "script"])[np.where(Y[:, 1], 2, POSITIVE)]
TRAIN, TEST = slice(240), slice(240, 360)


def dense():
    return DenseSentimentClassifier(epochs=2, random_state=0)


def behind(last):
    return make_pipeline(HTMLTokenizer(max_length=60), last)


@pytest.fixture(scope="module", params=[MultiOutputClassifier, OneVsRestClassifier])
def several(request):
    return behind(request.param(dense())).fit(TEXTS[TRAIN], Y[TRAIN])


@pytest.fixture(scope="module")
def alone():
    """Return a pipeline per label, each fitted to that label alone."""
    return [behind(dense()).fit(TEXTS[TRAIN], Y[TRAIN, k]) for k in range(2)]


def member(pipe, k):
    return make_pipeline(pipe[0], pipe[-1].estimators_[k])


def test_each_label_has_the_probabilities_of_a_model_of_its_own(several, alone):
    found = several.predict_proba(TEXTS[TEST])
    if isinstance(found, list):  # of MultiOutputClassifier
        found = np.column_stack([proba[:, 1] for proba in found])
    for k, pipe in enumerate(alone):
        np.testing.assert_array_equal(found[:, k], pipe.predict_proba(TEXTS[TEST])[:, 1])
        np.testing.assert_array_equal(several.predict(TEXTS[TEST])[:, k], pipe.predict(TEXTS[TEST]))


def test_the_text_is_read_once_for_all_labels(several, monkeypatch):
    calls, transform = [], HTMLTokenizer.transform

    def counted(self, X):
        calls.append(len(X))
        return transform(self, X)

    monkeypatch.setattr(HTMLTokenizer, "transform", counted)
    several.predict(TEXTS[TEST])
    assert calls == [120]


@pytest.mark.parametrize("k", range(2))
def test_a_label_is_explained_by_its_model_behind_the_tokenizer(k, several, alone, tmp_path):
    found, expected = (
        TokenShapExplainer(pipe).explain(TEXTS[240:243]) for pipe in (member(several, k), alone[k])
    )
    assert found.feature_names == expected.feature_names
    for values, others in zip(found.values, expected.values, strict=True):
        np.testing.assert_array_equal(values, others)
    table, other = (
        error_table(pipe, TEXTS[TEST], Y[TEST, k]) for pipe in (member(several, k), alone[k])
    )
    assert table.equals(other)
    report(member(several, k), TEXTS[TEST], Y[TEST, k], path=tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size > 100_000


def test_a_label_that_is_a_word_is_explained_by_that_word(several):
    row = next(row for row in range(240, 360) if Y[row, 1])
    found = TokenShapExplainer(member(several, 1)).explain([TEXTS[row]])
    assert found.feature_names[0][int(found.values[0].argmax())] == "script"


def test_what_reads_one_label_leads_to_the_models_of_several(several):
    with pytest.raises(TypeError, match=r"such as estimator\[-1\]\.estimators_\[0\]"):
        TokenShapExplainer(several).explain(TEXTS[:1])
    with pytest.raises(ValueError, match=r"Of several labels, inspect one: y\[:, k\]"):
        error_table(several, TEXTS[TEST], Y[TEST])


def test_all_models_are_compressed(several):
    small = compress(several, bits=32)
    np.testing.assert_array_equal(small.predict(TEXTS[TEST]), several.predict(TEXTS[TEST]))


@pytest.mark.parametrize("model", [DenseSentimentClassifier, ConvSentimentClassifier])
def test_one_class_against_the_rest(model, tmp_path):
    pipe = behind(OneVsRestClassifier(model(epochs=2, batch_size=16, random_state=0)))
    pipe.fit(TEXTS[TRAIN], CLASSES[TRAIN])
    most_frequent = max(np.mean(CLASSES[TEST] == label) for label in pipe.classes_)
    assert pipe.score(TEXTS[TEST], CLASSES[TEST]) > most_frequent + 0.1
    against_rest = member(pipe, 2)
    margin = against_rest.decision_function(TEXTS[240:242])
    found = TokenShapExplainer(against_rest).explain(TEXTS[240:242])
    totals = [values.sum() for values in found.values] + found.base_values
    np.testing.assert_allclose(totals, margin, atol=1e-4)
    report(pipe, TEXTS[TEST], CLASSES[TEST], path=tmp_path / "report.html")
    assert "script" in (tmp_path / "report.html").read_text(encoding="utf-8")
