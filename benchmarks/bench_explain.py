"""Shapley values of the words of reviews: time, and error against the exact values.

Reviews have 100 to 1,000 tokens. Peers get the same weights and the same baseline, the unknown
word. shap's samplers read ids through a masker (its text masker joins words); its deep and gradient
explainers get a Keras model that starts behind the embedding, because they fail on ids.
"""

import numpy as np
import pytest
from _peers import SAME_LAYERS, THREADS
from _report import Comparison

from sentilib import (
    ConvSentimentClassifier,
    DenseSentimentClassifier,
    HTMLTokenizer,
    TokenShapExplainer,
)
from sentilib.explain import TokenIdMasker

shap = pytest.importorskip("shap")

KINDS = {"Dense": DenseSentimentClassifier, "CNN": ConvSentimentClassifier}
N_REVIEWS = {100: 2, 250: 2, 500: 1, 1000: 1}  # explained per round
MANY = 500  # reviews of 250 tokens, for sentilib's throughput
PERMUTATION, PARTITION = "shap Permutation, 10 permutations", "shap Partition, 500 evaluations"
DEEP, GRADIENT = "shap DeepExplainer, float sub-model", "shap GradientExplainer, 200 samples"
BATCH_SIZE = 512
MOST_DIFFERENCE = 1e-8  # of sentilib's sums from the margins


def task_of(name, length):
    """Return the name of a row of the table."""
    return f"explain a review of {length:,} tokens, {name}"


COMPARISONS = [
    Comparison(task_of(name, length), peer, 80 if peer == PERMUTATION and length == 250 else None)
    for name in KINDS
    for length in N_REVIEWS
    for peer in (PERMUTATION, PARTITION, DEEP, GRADIENT)
]


@pytest.fixture(scope="module")
def long_ids(train, test):
    """Return the ids of all words, one review after the other: to learn from, and to explain."""
    tokenizer = HTMLTokenizer(10_000, n_jobs=THREADS).fit(train.text)
    learn, explain = (tokenizer.transform(part.text[:4000]) for part in (train, test))
    return learn, train.label[:4000], explain[explain != 0]


@pytest.fixture(scope="module")
def cases(long_ids):
    """Return a function that fits a classifier, with reviews without padding of a given length."""
    learn, labels, words = long_ids
    made = {}

    def case(name, length):
        if (name, length) not in made:
            X = np.zeros((len(learn), length), dtype=np.int32)
            X[:, : learn.shape[1]] = learn[:, :length]
            # shap's deep and gradient explainers cannot see n-grams.
            classifier = KINDS[name](epochs=1, random_state=0, **SAME_LAYERS).fit(X, labels)
            n = max(N_REVIEWS[length], MANY if length == 250 else 0)
            reviews = np.resize(words, (n, length))
            made[name, length] = classifier, reviews
        classifier, reviews = made[name, length]
        return classifier, reviews[: N_REVIEWS[length]], reviews

    return case


def error_of(values, classifier, reviews):
    """Return the largest absolute difference from the exact values."""
    exact = np.stack(list(TokenShapExplainer(classifier).explain(reviews).values))
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
    classifier, reviews, _ = cases(name, length)
    explainer = TokenShapExplainer(classifier, n_jobs=THREADS)
    explanation = measure(
        task_of(name, length), "sentilib", lambda: explainer.explain(reviews), rounds=20
    )
    sums = explanation.base_values + [values.sum() for values in explanation.values]
    difference = np.abs(sums - classifier.decision_function(reviews)).max()
    measure.note(**{"largest error": 0, "largest additivity error": difference})
    assert difference <= MOST_DIFFERENCE


@pytest.mark.parametrize("name", KINDS)
def bench_explain_sentilib_many(measure, cases, name):
    classifier, _, reviews = cases(name, 250)
    explainer = TokenShapExplainer(classifier, n_jobs=THREADS)
    task = f"explain {MANY} reviews of 250 tokens, {name}"
    measure(task, "sentilib", lambda: explainer.explain(reviews), rounds=5)
    measure.note(**{"reviews a second": MANY / np.median(measure.timing.seconds)})


@every_case
def bench_explain_permutation(measure, cases, name, length):
    classifier, reviews, _ = cases(name, length)
    explainer = shap.PermutationExplainer(classifier.decision_function, TokenIdMasker(), seed=0)
    budget = 10 * (2 * length + 1)
    explanation = measure(
        task_of(name, length),
        PERMUTATION,
        lambda: explainer(reviews, max_evals=budget, batch_size=BATCH_SIZE, silent=True),
        rounds=1,
        warm_up=False,
    )
    measure.note(**{"largest error": error_of(explanation.values, classifier, reviews)})


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
    classifier, reviews, _ = cases(name, length)
    explainer = shap.PartitionExplainer(classifier.decision_function, NeighbourMasker())
    explanation = measure(
        task_of(name, length),
        PARTITION,
        lambda: explainer(reviews, max_evals=500, batch_size=BATCH_SIZE, silent=True),
        rounds=1,
        warm_up=False,
    )
    measure.note(**{"largest error": error_of(explanation.values, classifier, reviews)})


def float_model(classifier):
    """Build a Keras model of a classifier's margin that starts behind the embedding."""
    import keras

    model, tables = classifier.to_keras(), classifier.tables_
    embedding = model.get_layer("embedding")
    margin = keras.layers.Dense(1)
    behind = keras.Model(embedding.output, margin(model.get_layer("logits").input))
    margin.set_weights([tables.head[:, 1:] - tables.head[:, :1], tables.bias[1:] - tables.bias[:1]])
    return behind, embedding.get_weights()[0]


def explain_floats(measure, cases, name, length, contender, values_of):
    """Measure one of shap's explainers that read embedded words."""
    classifier, reviews, _ = cases(name, length)
    model, embedding = float_model(classifier)
    background = embedding[np.ones((1, length), dtype=int)]
    words = embedding[reviews]
    margin = model.predict(words, verbose=0)[:, 0]
    assert np.abs(margin - classifier.decision_function(reviews)).max() < 1e-4
    run = values_of(model, background)
    values = measure(task_of(name, length), contender, lambda: run(words), rounds=1)
    values = np.asarray(values).reshape(len(reviews), length, -1).sum(axis=2)
    measure.note(**{"largest error": error_of(values, classifier, reviews)})


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
