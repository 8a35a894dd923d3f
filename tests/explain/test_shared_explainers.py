"""A used explainer can be copied and shared: results belong to explanations."""

import copy
import pickle
import threading
from dataclasses import replace

import numpy as np
import pytest
from games import random_conv, random_dense
from sklearn.pipeline import make_pipeline

from sentilib import HTMLTokenizer, TokenShapExplainer

IDS = np.random.default_rng(0).integers(0, 30, size=(160, 12)).astype(np.int32)


def assert_equal(one, other):
    assert one.method == other.method and one.is_exact == other.is_exact
    np.testing.assert_array_equal(one.additivity_error, other.additivity_error)
    np.testing.assert_array_equal(one.base_values, other.base_values)
    for values, others in zip(one.values, other.values, strict=True):
        np.testing.assert_array_equal(values, others)


@pytest.mark.parametrize("baseline", ["oov", "pad", "mean", 5])
@pytest.mark.parametrize("make", [random_dense, random_conv])
def test_copies_of_a_used_explainer_explain_alike(make, baseline):
    classifier = make(ngrams_of=IDS)
    classifier.tables_ = classifier._trained.tables()  # in the precision that predicts
    explainer = TokenShapExplainer(classifier, baseline=baseline, random_state=0)
    expected = explainer.explain(IDS[:20])
    for twin in (pickle.loads(pickle.dumps(explainer)), copy.deepcopy(explainer)):
        assert_equal(twin.explain(IDS[:20]), expected)
    assert_equal(pickle.loads(pickle.dumps(expected)), expected)


@pytest.mark.parametrize("make", [random_dense, random_conv])
def test_threads_that_share_an_explainer_get_their_own_results(make):
    parts = [IDS[20 * k : 20 * k + 12 + k] for k in range(8)]
    explainer, found = TokenShapExplainer(make(ngrams_of=IDS)), {}

    def explain(k):
        found[k] = explainer.explain(parts[k])

    workers = [threading.Thread(target=explain, args=(k,)) for k in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    fresh = make(ngrams_of=IDS)
    for k, part in enumerate(parts):
        assert_equal(found[k], TokenShapExplainer(fresh).explain(part))


def test_results_follow_changed_parameters():
    """Also where the classifier stays and only the word counts of its tokenizer change."""
    texts = ["a b c d e f g", "a a b", "c d a"]
    tokenizer = HTMLTokenizer(max_length=12).fit(texts)
    dense, conv = (make_pipeline(tokenizer, make(n_ids=30)) for make in (random_dense, random_conv))
    explainer = TokenShapExplainer(dense, random_state=0)
    ids = tokenizer.transform(texts)
    for change in (
        {"baseline": "mean"},
        {"estimator": conv},
        {"estimator": conv[-1]},
        {"baseline": "pad"},
        {"output": "probability"},
        {"estimator": dense, "output": "margin", "baseline": "mean"},
        {"estimator": dense[-1]},
    ):
        explainer.set_params(**change)
        found = explainer.explain(texts if explainer.estimator in (dense, conv) else ids)
        classifier = getattr(explainer.estimator, "steps", [("", explainer.estimator)])[-1][1]
        classifier.tables_ = replace(classifier.tables_)  # without what was derived from it
        fresh = TokenShapExplainer(**explainer.get_params(deep=False))
        expected = fresh.explain(texts if explainer.estimator in (dense, conv) else ids)
        assert_equal(found, expected)


def test_only_the_last_game_is_kept_with_the_tables():
    classifier = random_dense()
    for baseline in range(2, 12):
        TokenShapExplainer(classifier, baseline=baseline).explain(np.full((1, 12), 5))
    assert len(classifier.tables_.derived) == 1
