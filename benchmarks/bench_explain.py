"""Shapley values of the words of reviews: time, and error against the exact values.

Reviews have 100 to 1,000 tokens. sentilib reads raw texts and returns shap's objects. Peers get the
same weights and the same baseline, the unknown word. shap's samplers read ids through a masker (its
text masker joins words); its deep and gradient explainers get a Keras model that starts behind the
embedding, because they fail on ids.
"""

import copy

import numpy as np
import pytest
from _peers import SAME_LAYERS, THREADS
from _report import Comparison
from sklearn.pipeline import make_pipeline

from sentilib import (
    ConvSentimentClassifier,
    DenseSentimentClassifier,
    HTMLTokenizer,
    TokenShapExplainer,
)
from sentilib._ids import PAD
from sentilib.explain import TokenIdMasker

shap = pytest.importorskip("shap")

KINDS = {"Dense": DenseSentimentClassifier, "CNN": ConvSentimentClassifier}
N_REVIEWS = {100: 2, 250: 2, 500: 1, 1000: 1}  # explained per round
MANY = 5_000  # raw reviews of any length, for the throughput of the default models
PERMUTATION, PARTITION = "shap Permutation, 10 permutations", "shap Partition, 500 evaluations"
DEEP, GRADIENT = "shap DeepExplainer, float sub-model", "shap GradientExplainer, 200 samples"
BATCH_SIZE = 512
# Of sentilib's sums from the margins; the CNN predicts in single precision.
MOST_DIFFERENCE = {"Dense": 1e-8, "CNN": 1e-6}


def task_of(name, length):
    """Return the name of a row of the table."""
    return f"explain a review of {length:,} tokens, {name}"


AT_LEAST = {("CNN", DEEP, length): 1.2 for length in N_REVIEWS}
AT_LEAST |= {(name, PERMUTATION, 250): 80 for name in KINDS}
COMPARISONS = [
    Comparison(task_of(name, length), peer, AT_LEAST.get((name, peer, length)))
    for name in KINDS
    for length in N_REVIEWS
    for peer in (PERMUTATION, PARTITION, DEEP, GRADIENT)
]


@pytest.fixture(scope="module")
def words(train, test):
    """Return the words of many reviews, one review after the other."""
    tokenizer = HTMLTokenizer()
    return [word for text in test.text[:1000] for word in tokenizer.tokenize(text)]


@pytest.fixture(scope="module")
def cases(train, words):
    """Return a function that fits a pipeline, with raw texts of a given length and their ids."""
    made = {}

    def case(name, length):
        if (name, length) not in made:
            # shap's deep and gradient explainers cannot see n-grams.
            pipe = make_pipeline(
                HTMLTokenizer(10_000, length, n_jobs=THREADS),
                KINDS[name](epochs=1, random_state=0, **SAME_LAYERS),
            ).fit(train.text[:4000], train.label[:4000])
            n = N_REVIEWS[length]
            texts = [" ".join(np.resize(words[k * length :], length)) for k in range(n)]
            ids = pipe[0].transform(texts)
            assert (ids != PAD).all()
            made[name, length] = pipe, texts, ids
        return made[name, length]

    return case


def error_of(values, pipe, texts):
    """Return the largest absolute difference from the exact values, in double precision."""
    classifier = copy.copy(pipe[-1])
    classifier.tables_ = classifier.tables_.exact()
    exact = np.stack(list(TokenShapExplainer(classifier).explain(pipe[0].transform(texts)).values))
    return np.abs(np.asarray(values).reshape(exact.shape) - exact).max()


every_case = pytest.mark.parametrize(
    ("name", "length"), [(name, length) for name in KINDS for length in N_REVIEWS]
)


@pytest.fixture(scope="module", autouse=True)
def shap_is_compiled():
    """Let shap compile its own kernels before the clock runs."""
    for kind, masker in (
        (shap.PermutationExplainer, TokenIdMasker()),
        (shap.PartitionExplainer, NeighbourMasker()),
    ):
        explainer = kind(lambda ids: ids.sum(axis=1).astype(float), masker)
        explainer(np.full((1, 8), 2, dtype=np.int32), max_evals=100, silent=True)


@every_case
def bench_explain_sentilib(measure, cases, name, length):
    pipe, texts, _ = cases(name, length)
    explainer = TokenShapExplainer(pipe, n_jobs=THREADS)
    explanation = measure(task_of(name, length), "sentilib", lambda: explainer(texts), rounds=20)
    assert isinstance(explanation, shap.Explanation)
    sums = explanation.base_values + [values.sum() for values in explanation.values]
    difference = np.abs(sums - pipe.decision_function(texts)).max()
    error = error_of(np.stack(list(explanation.values)), pipe, texts)
    measure.note(**{"largest error": error, "largest additivity error": difference})
    assert difference <= MOST_DIFFERENCE[name]


@pytest.fixture(scope="module")
def defaults(train):
    """Fit pipelines of the default models, n-grams included."""
    return {
        name: make_pipeline(HTMLTokenizer(), kind(epochs=1, random_state=0)).fit(
            train.text[:4000], train.label[:4000]
        )
        for name, kind in KINDS.items()
    }


@pytest.mark.parametrize("name", KINDS)
def bench_explain_sentilib_many(measure, defaults, test, name):
    texts = test.text[:MANY]
    explainer = TokenShapExplainer(defaults[name], n_jobs=THREADS)
    task = f"explain {len(texts):,} raw reviews, {name}"
    measure(task, "sentilib", lambda: explainer(texts), rounds=3)
    measure.note(**{"reviews a second": len(texts) / np.median(measure.timing.seconds)})


@every_case
def bench_explain_permutation(measure, cases, name, length):
    pipe, texts, ids = cases(name, length)
    explainer = shap.PermutationExplainer(pipe[-1].decision_function, TokenIdMasker(), seed=0)
    budget = 10 * (2 * length + 1)
    explanation = measure(
        task_of(name, length),
        PERMUTATION,
        lambda: explainer(ids, max_evals=budget, batch_size=BATCH_SIZE, silent=True),
        rounds=1,
        warm_up=False,
    )
    measure.note(**{"largest error": error_of(explanation.values, pipe, texts)})


class NeighbourMasker(TokenIdMasker):
    """Masker of ids with the tree of neighbouring words that the partition explainer needs."""

    def clustering(self, row):
        """Return the linkage of a balanced binary tree over the positions, in SciPy's format."""
        nodes, rows = [(k, 1) for k in range(len(row))], []
        while len(nodes) > 1:
            merged = []
            for (a, n), (b, m) in zip(nodes[::2], nodes[1::2], strict=False):
                rows.append([a, b, n + m, n + m])
                merged.append((len(row) + len(rows) - 1, n + m))
            nodes = merged + nodes[2 * len(merged) :]
        return np.array(rows, dtype=np.float64)


@every_case
def bench_explain_partition(measure, cases, name, length):
    pipe, texts, ids = cases(name, length)
    explainer = shap.PartitionExplainer(pipe[-1].decision_function, NeighbourMasker())
    explanation = measure(
        task_of(name, length),
        PARTITION,
        lambda: explainer(ids, max_evals=500, batch_size=BATCH_SIZE, silent=True),
        rounds=1,
        warm_up=False,
    )
    measure.note(**{"largest error": error_of(explanation.values, pipe, texts)})


def float_model(classifier, length):
    """Build a Keras model of a classifier's margin that starts behind the embedding.

    It reads reviews without padding, so it needs no mask: the neutral tokens are part of its
    weights.
    """
    import keras

    model, tables = classifier.to_keras(), classifier.tables_
    embedding = model.get_layer("embedding").get_weights()[0]
    x = inputs = keras.Input((length, embedding.shape[1]))
    for layer in model.layers:
        if layer.name.startswith(("hidden", "convolution", "normalization", "relu")):
            x = layer(x)
    margin = keras.layers.Dense(1)
    behind = keras.Model(inputs, margin(keras.layers.GlobalAveragePooling1D()(x)))
    head = (tables.head[:, 1:] - tables.head[:, :1]) * (length / (length + tables.n_neutral))
    margin.set_weights([head, tables.bias[1:] - tables.bias[:1]])
    return behind, embedding


def explain_floats(measure, cases, name, length, contender, values_of):
    """Measure one of shap's explainers that read embedded words."""
    pipe, texts, ids = cases(name, length)
    model, embedding = float_model(pipe[-1], length)
    background = embedding[np.ones((1, length), dtype=int)]
    words = embedding[ids]
    margin = model.predict(words, verbose=0)[:, 0]
    assert np.abs(margin - pipe.decision_function(texts)).max() < 1e-4
    run = values_of(model, background)
    values = measure(task_of(name, length), contender, lambda: run(words), rounds=5)
    values = np.asarray(values).reshape(len(ids), length, -1).sum(axis=2)
    measure.note(**{"largest error": error_of(values, pipe, texts)})


@every_case
def bench_explain_deep(measure, cases, name, length):
    def values_of(model, background):
        explainer = shap.DeepExplainer(model, background)
        return lambda words: explainer.shap_values(words, check_additivity=False)

    explain_floats(measure, cases, name, length, DEEP, values_of)


@every_case
def bench_explain_gradient(measure, cases, name, length):
    def values_of(model, background):
        explainer = shap.GradientExplainer(model, background)
        return lambda words: explainer.shap_values(words, nsamples=200)

    explain_floats(measure, cases, name, length, GRADIENT, values_of)
