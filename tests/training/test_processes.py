"""Forked processes: prediction works in them, training says at once that it cannot."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")

# In a process of its own: a fork of the test's process would inherit the threads of its tests.
PROGRAM = """
import multiprocessing, os, sys
import numpy as np
from sklearn.pipeline import make_pipeline
from sentilib import DenseSentimentClassifier, HTMLTokenizer, TokenShapExplainer
from sentilib.datasets import make_reviews

fork = multiprocessing.get_context("fork")
texts, y = make_reviews(600, length=20, random_state=0)  # enough for several threads
pipe = make_pipeline(HTMLTokenizer(max_length=30, n_jobs=2), DenseSentimentClassifier(epochs=1))

def in_child(work):
    ours, theirs = fork.Pipe(duplex=False)
    def run():
        try:
            theirs.send(work())
        except Exception as error:
            theirs.send(error)
    child = fork.Process(target=run)
    child.start()
    found = ours.recv() if ours.poll(60) else "hangs"
    child.kill()
    child.join()
    return found

{body}
"""


def run(body):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body=body)],
        capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_a_forked_process_predicts_explains_and_refuses_to_train():
    run(
        """
pipe.fit(texts, y)
explainer = TokenShapExplainer(pipe)
works = {
    "predict": lambda: pipe.predict_proba(texts),
    "tokenize": lambda: pipe[0].transform(texts),
    "fit the tokenizer": lambda: HTMLTokenizer(n_jobs=2).fit_transform(texts),
    "explain": lambda: explainer(texts[:300]).values[7],
    "explain anew": lambda: TokenShapExplainer(pipe)(texts[:3]).values[2],
}
for name, work in works.items():
    found = in_child(work)
    assert isinstance(found, np.ndarray), (name, found)
    np.testing.assert_array_equal(found, work(), err_msg=name)
ids = pipe[0].transform(texts)
for name, work in {
    "fit": lambda: pipe.fit(texts, y),
    "fit another": lambda: DenseSentimentClassifier(embedding_dim=3).fit(ids, y),
    "partial_fit": lambda: DenseSentimentClassifier().partial_fit(ids, y, classes=[0, 1]),
    "to_keras": lambda: pipe[-1].to_keras(),
    "fit in a grandchild": lambda: in_child(lambda: pipe.fit(texts, y)),
}.items():
    error = in_child(work)
    assert isinstance(error, RuntimeError) and "'loky' backend" in str(error), (name, error)
pipe.fit(texts, y)  # the parent goes on
"""
    )


@pytest.mark.slow
def test_a_forked_process_trains_if_tensorflow_has_not_run_before():
    run(
        """
import keras
accuracy = in_child(lambda: pipe.fit(texts, y).score(texts, y))
assert accuracy > 0.5, accuracy
"""
    )


@pytest.mark.slow
def test_other_peoples_tensorflow_before_a_fork_is_noticed():
    run(
        """
import tensorflow as tf
tf.constant(1.0) + 1
error = in_child(lambda: pipe.fit(texts, y))
assert isinstance(error, RuntimeError) and "forked" in str(error), error
"""
    )


@pytest.mark.slow
def test_joblibs_multiprocessing_backend_fails_at_once_after_a_fit():
    out = run(
        """
import joblib
from sklearn.model_selection import cross_val_score
pipe.fit(texts, y)
try:
    with joblib.parallel_config("multiprocessing"):
        cross_val_score(pipe, texts, y, cv=2, n_jobs=2, error_score="raise")
except RuntimeError as error:
    print(error)
"""
    )
    assert "This process was forked" in out
