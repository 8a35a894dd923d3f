"""ONNX files compute what the estimator computes."""

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier, HTMLTokenizer
from sentilib._ngrams._dictionary import NgramDictionary
from sentilib._tables._dense import DenseTables
from sentilib._tables._ngram_table import NgramTable
from sentilib.datasets import make_reviews
from sentilib.export import to_onnx
from sentilib.export._graphs._graph import Graph
from sentilib.export._graphs._tables import add_logits

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
DENSE, CONV = DenseSentimentClassifier, ConvSentimentClassifier


def run(content, X):
    """Compute the outputs of an ONNX file, or of its content, in one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    content = content if isinstance(content, bytes) else str(content)
    return onnxruntime.InferenceSession(content, options).run(None, {"token_ids": X})


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def reviews():
    return make_reviews(200, length=40, random_state=0)[0]


@pytest.fixture(scope="module")
def X(reviews):
    return HTMLTokenizer(max_features=300, max_length=60).fit_transform(reviews)


def with_edge_cases(X):
    """Return rows of ids in which padding, unknown and new ids are everywhere."""
    rng = np.random.default_rng(0)
    more = X[:60].copy()
    more[rng.random(more.shape) < 0.1] = 0  # also within a text
    more[rng.random(more.shape) < 0.05] = 1
    more[rng.random(more.shape) < 0.02] = X.max() + 5
    more[0], more[1], more[2, :-1], more[3, 1:] = 0, 1, 0, 0
    return np.vstack([X, more, X[:20, ::-1]])  # reversed: padded in front


@pytest.mark.parametrize(
    ("kind", "n_classes", "parameters"),
    [
        (DENSE, 2, {}),
        (DENSE, 8, {"ngram_range": (1, 4)}),
        (DENSE, 3, {"ngram_range": (2, 3), "mask_padding": False}),
        (DENSE, 2, {"ngram_range": (1, 1)}),
        (CONV, 2, {}),
        (CONV, 8, {"ngram_range": (2, 2), "kernel_size": 4, "filters": [6, 5]}),
        (CONV, 2, {"pooling": "max", "mask_padding": False, "ngram_range": (1, 1)}),
        (CONV, 3, {"pooling": "max", "filters": [6]}),
    ],
    ids=str,
)
def test_logits_and_probabilities_are_those_of_the_estimator(
    X, tmp_path, kind, n_classes, parameters
):
    classifier = kind(epochs=1, random_state=0, n_jobs=1, **parameters)
    classifier.fit(X, np.arange(len(X)) % n_classes)
    path = tmp_path / "model.onnx"
    to_onnx(classifier, path)
    onnx.checker.check_model(str(path), full_check=True)
    rows = with_edge_cases(X)
    logits, probabilities = run(path, rows)
    assert logits.dtype == probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, classifier.predict_proba(rows), rtol=0, atol=1e-5)
    tables = classifier.tables_
    for part in (rows, rows[:, :7], rows[:5, :1], rows[5:6], rows[:1], rows[:3, 20:]):
        logits, probabilities = run(path, np.ascontiguousarray(part))
        expected = tables.logits(tables.known(np.ascontiguousarray(part)))
        np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5)
        np.testing.assert_allclose(probabilities, softmax(expected), rtol=0, atol=1e-5)
    assert np.ptp(run(path, rows)[1]) > 0.01


def tables_with(keys, ngram_range, n_ids=6, **options):
    """Return tables with random weights and these n-grams."""
    rng = np.random.default_rng(0)
    keys = np.array([1, *keys])
    dictionary = NgramDictionary.restored(ngram_range, 1, 100, keys)
    return DenseTables(
        head=rng.normal(size=(3, 2)),
        bias=rng.normal(size=2),
        masks_padding=True,
        ngrams=NgramTable(dictionary, rng.normal(size=(len(keys), 1)), 2, n_neutral=2.0),
        n_neutral=3.0,
        hidden=rng.normal(size=(n_ids, 3)),
        **options,
    )


@pytest.mark.parametrize(
    ("keys", "ngram_range"),
    [
        # 2 3 -> number 1, 2 3 4 -> 2, 3 3 -> 3, 3 3 3 -> 4, 3 3 3 3 -> 5, 5 2 -> 6
        ([(2 << 32) + 3, (-3 << 32) + 4, (3 << 32) + 3, (-5 << 32) + 3, (-6 << 32) + 3,
          (5 << 32) + 2], (1, 4)),
        ([2, 3, (2 << 32) + 3, 4], (1, 2)),
        ([2, 3, 4], (2, 3)),  # no n-gram of this length
        ([(2 << 32) + 3, (7 << 32) + 2, (2 << 32) + 9, (-3 << 32) + 9], (2, 3)),  # beyond the ids
        ([(2 << 32) + 3, (-3 << 32) + 4, (-4 << 32) + 5], (3, 3)),  # shorter and longer ones
    ],
)  # fmt: skip
def test_ngrams_are_found_by_exact_keys(keys, ngram_range):
    tables = tables_with(keys, ngram_range)
    X = np.random.default_rng(1).integers(0, 6, (400, 9)).astype(np.int32)
    graph = Graph("test")
    logits = add_logits(graph, tables, "token_ids")
    content = graph.serialized(
        {"token_ids": (np.int32, ("n", "m"))}, {"logits": (np.float64, ("n", 2), logits)}, {}
    )
    np.testing.assert_allclose(run(content, X)[0], tables.logits(X), rtol=0, atol=2e-6)


def test_large_keys_do_not_overflow():
    n_ids = 2**17
    keys = [((n_ids - 1) << 32) + n_ids - 1, (-3 << 32) + n_ids - 1, (-4 << 32) + n_ids - 1]
    tables = tables_with(keys, (1, 4), n_ids)
    X = np.full((2, 9), n_ids - 1, dtype=np.int32)
    X[1, 4] = 5
    graph = Graph("test")
    logits = add_logits(graph, tables, "token_ids")
    content = graph.serialized(
        {"token_ids": (np.int32, ("n", "m"))}, {"logits": (np.float64, ("n", 2), logits)}, {}
    )
    np.testing.assert_allclose(run(content, X)[0], tables.logits(X), rtol=0, atol=2e-6)


@pytest.fixture(scope="module")
def pipe(reviews):
    labels = np.array(["bad", "good"])[np.arange(len(reviews)) % 2]
    return make_pipeline(HTMLTokenizer(max_length=60), DENSE(epochs=1, random_state=0)).fit(
        reviews, labels
    )


def test_pipelines_and_searches_are_written(pipe, reviews, tmp_path):
    search = GridSearchCV(pipe, {"denseclassifier__epochs": [1]}, cv=2)
    search.best_estimator_ = pipe  # as after a fit
    for estimator in (pipe, search):
        path = tmp_path / "model.onnx"
        to_onnx(estimator, path)
        probabilities = run(path, pipe[0].transform(reviews))[1]
        np.testing.assert_allclose(probabilities, pipe.predict_proba(reviews), rtol=0, atol=1e-5)
        metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        assert json.loads(metadata["classes"]) == ["bad", "good"]


def test_a_file_is_bit_equal_each_time_and_replaces_the_old_one_whole(pipe, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    to_onnx(pipe, str(path))
    first = path.read_bytes()
    to_onnx(pipe[-1], path)
    assert path.read_bytes() == first
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


def test_what_cannot_be_written_is_refused_with_a_reason(pipe, X, tmp_path):
    path = tmp_path / "model.onnx"
    with pytest.raises(NotFittedError):
        to_onnx(clone(pipe), path)
    vote = VotingClassifier([("a", pipe), ("b", pipe)], voting="soft")
    vote.estimators_ = [pipe, pipe]
    vote.classes_ = pipe.classes_
    with pytest.raises(TypeError, match="one by one"):
        to_onnx(vote, path)
    assert not path.exists()


def test_a_missing_package_is_named(pipe, tmp_path, hide):
    hide("onnx")
    with pytest.raises(ImportError, match=r"to_onnx needs onnx: pip install 'sentilib\[export\]'"):
        to_onnx(pipe, tmp_path / "model.onnx")


def test_a_model_beyond_the_limit_of_onnx_is_refused(pipe, tmp_path, monkeypatch):
    monkeypatch.setattr("sentilib.export._graphs._graph._MAX_BYTES", 1000)
    with pytest.raises(ValueError, match="at most 2 GB"):
        to_onnx(pipe, tmp_path / "model.onnx")
