"""The three forms of a model: the training graph, the textbook graph and the tables."""

import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from scipy.sparse import issparse

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier, HTMLTokenizer
from sentilib._ngrams._bags import bags
from sentilib._ngrams._dictionary import evidence_size, n_evidence_columns
from sentilib._ngrams._ratios import Ratios, weighted
from sentilib._training._architecture import n_neutral_ngrams
from sentilib._training._batches import padded
from sentilib._training._keras import import_keras
from sentilib._training._trainer import _training_graph
from sentilib.datasets import make_reviews

keras = import_keras()
CLASSIFIERS = [DenseSentimentClassifier, ConvSentimentClassifier]


def logits_of(model, X):
    return keras.ops.convert_to_numpy(model(X))


@pytest.fixture(scope="module")
def X():
    texts, _ = make_reviews(200, length=40, random_state=0)
    return HTMLTokenizer(max_features=800, max_length=60).fit_transform(texts)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("mask_padding", [True, False])
@pytest.mark.parametrize("ngram_range", [(1, 1), (1, 3), (2, 2)])
@pytest.mark.parametrize(
    "kind",
    [DenseSentimentClassifier, pytest.param(ConvSentimentClassifier, marks=pytest.mark.slow)],
)
def test_the_training_graph_equals_the_textbook_graph_and_the_tables(
    X, kind, ngram_range, mask_padding, n_classes
):
    classifier = kind(ngram_range=ngram_range, mask_padding=mask_padding, epochs=1)
    classifier.fit(X, np.arange(len(X)) % n_classes)
    trained, n_ids, n_ngrams = classifier._trained, 1024, 0
    x = trained.architecture.encode(X, n_ids).batch(np.arange(50))
    if trained.ngrams is not None:
        n_ngrams = len(trained.ngrams) + 100
        size = evidence_size(X, n_neutral_ngrams(trained.architecture))
        bag = bags(trained.ngrams.terms(X), n_ngrams, size)
        ratios = padded(trained.weights["ngram_ratio"], (n_ngrams, n_evidence_columns(n_classes)))
        evidence = weighted(bag, np.zeros(len(X), int), Ratios.of_table(ratios))
        x = *x, evidence[: 50 * n_evidence_columns(n_classes)]
    graph, variables, *_ = _training_graph(
        trained.architecture, n_ids, n_ngrams, n_classes, "float32", "cpu:0"
    )
    for name, variable in variables.items():
        variable.assign(padded(trained.weights[name], variable.shape))
    assert sorted(v.path for v in variables.values()) == sorted(
        v.path for v in graph.weights if "dropout" not in v.path
    )
    logits = classifier.tables_.logits(X[:50])
    inputs = [part.toarray() if issparse(part) else part for part in x]
    np.testing.assert_allclose(logits_of(graph, inputs), logits, atol=1e-5)
    np.testing.assert_allclose(logits_of(classifier.to_keras(), X[:50]), logits, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("mask_padding", [True, False])
@pytest.mark.parametrize("pooling", ["average", "max"])
@pytest.mark.parametrize("kernel_size", [1, 2, 5])
def test_any_convolution_equals_its_keras_model(X, mask_padding, pooling, kernel_size):
    conv = ConvSentimentClassifier(
        filters=[6, 4],
        kernel_size=kernel_size,
        pooling=pooling,
        mask_padding=mask_padding,
        epochs=1,
        random_state=0,
    ).fit(X, np.arange(len(X)) % 2)
    expected = logits_of(conv.to_keras(), X).astype(float)
    np.testing.assert_allclose(
        conv.decision_function(X), expected[:, 1] - expected[:, 0], atol=1e-5
    )


def fitted(X, kind, mask_padding, n_classes):
    y = np.arange(len(X)) % n_classes
    return kind(mask_padding=mask_padding, epochs=1, random_state=0).fit(X, y)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")  # of Keras's own `save`
def test_keras_models_can_be_saved_and_loaded_where_their_layers_are_imported(X, tmp_path):
    np.save(tmp_path / "X.npy", X[:20])
    models = [
        fitted(X, *choice).to_keras() for choice in product(CLASSIFIERS, [True, False], [2, 3])
    ]
    for number, model in enumerate(models):
        model.save(tmp_path / f"{number}.keras")
    program = f"""
import keras, numpy as np
from sentilib import keras_layers
X = np.load("X.npy")
for number in range({len(models)}):
    model = keras.saving.load_model(f"{{number}}.keras")
    np.save(f"{{number}}.npy", keras.ops.convert_to_numpy(model(X)))
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    for number, model in enumerate(models):
        np.testing.assert_allclose(
            np.load(tmp_path / f"{number}.npy"), logits_of(model, X[:20]), atol=1e-6
        )


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("mask_padding", [True, False])
@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_keras_models_can_be_cloned_summarised_and_trained(X, kind, mask_padding, n_classes):
    classifier = fitted(X, kind, mask_padding, n_classes)
    model, before = classifier.to_keras(), classifier.predict_proba(X)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(logits_of(clone, X[:20]), logits_of(model, X[:20]), atol=1e-6)
    lines = []
    model.summary(print_fn=lines.append)
    assert "logits" in "".join(lines)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    y = np.arange(len(X)) % n_classes
    model.fit(X, y, verbose=0)
    assert not np.allclose(logits_of(model, X[:20]), logits_of(clone, X[:20]))
    np.testing.assert_array_equal(classifier.predict_proba(X), before)  # it is a copy
