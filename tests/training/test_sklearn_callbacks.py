"""scikit-learn's callbacks (`set_callbacks`, from 1.9 on): a task per fit and per epoch."""

import importlib.util
import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import make_pipeline

import sentilib._sklearn
from sentilib import (
    ConvSentimentClassifier,
    DenseSentimentClassifier,
    DistilledClassifier,
    HTMLTokenizer,
)

try:
    from sklearn.callback import ProgressBar, ScoringMonitor
except ImportError:
    ProgressBar = ScoringMonitor = None

needs_callbacks = pytest.mark.skipif(ScoringMonitor is None, reason="needs scikit-learn 1.9")
RNG = np.random.default_rng(0)
X = RNG.integers(2, 50, size=(96, 10)).astype(np.int32)
Y = np.where((X < 12).sum(axis=1) > 2, "good", "bad")
TEXTS = np.array([" ".join(f"w{token}" for token in row) for row in X], dtype=object)
CLASSIFIERS = [DenseSentimentClassifier, ConvSentimentClassifier]
LOG = []


class Recorder:
    """Log every call, with the tasks above it; ask to stop after some epochs."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after

    def _log(self, hook, estimator, context, **more):
        path = []
        while context is not None:
            path.insert(0, context.task_name)
            context = context.parent
        LOG.append({"hook": hook, "estimator": estimator, "path": path, **more})

    def setup(self, estimator, context):
        self._log("setup", estimator, context)

    def teardown(self, estimator, context):
        self._log("teardown", estimator, context)

    def on_fit_task_begin(self, estimator, context, *, X, y, metadata):
        self._log("begin", estimator, context, X=X, y=y, metadata=metadata)

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        self._log("end", estimator, context, X=X, y=y, metadata=metadata, fitted=fitted_estimator)
        return context.task_name == "epoch" and context.task_id + 1 == self.stop_after


class Propagated(Recorder):
    max_propagation_depth = None


def hooks():
    return [(call["hook"], call["path"][-1]) for call in LOG]


def make(cls=DenseSentimentClassifier, **options):
    return cls(**{"epochs": 2, "random_state": 0, **options})


@pytest.fixture(autouse=True)
def empty_log():
    LOG.clear()


@needs_callbacks
@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_each_hook_is_called_for_the_fit_and_for_each_epoch_and_changes_no_bit(cls):
    plain = make(cls).fit(X, Y)
    first_epoch = make(cls, epochs=1, learning_rate_schedule="constant").fit(X, Y)
    classifier = make(cls, learning_rate_schedule="constant")
    classifier.set_callbacks(Recorder(), ScoringMonitor(scoring="accuracy"))
    classifier.fit(X, Y)
    epoch = [("begin", "epoch"), ("end", "epoch")]
    whole = [("setup", "fit"), ("begin", "fit"), *epoch, *epoch, ("end", "fit")]
    assert hooks() == [*whole, ("teardown", "fit")]
    assert all(call["estimator"] is classifier for call in LOG)
    # An estimator is passed as if it had stopped there.
    after_one, after_two, at_end = (call["fitted"] for call in LOG if call["hook"] == "end")
    np.testing.assert_array_equal(after_one.predict_proba(X), first_epoch.predict_proba(X))
    assert after_one.history_ == first_epoch.history_ and after_one.n_iter_ == 1
    for fitted in (after_two, at_end):
        np.testing.assert_array_equal(fitted.predict_proba(X), classifier.predict_proba(X))
        assert fitted.history_ == classifier.history_
    _, monitor = classifier._skl_callbacks
    scores = [row["accuracy"] for row in monitor.get_logs().data]
    # The log has the whole fit first.
    assert scores == [classifier.score(X, Y), first_epoch.score(X, Y), classifier.score(X, Y)]
    assert not {"_callback_fit_ctx", "_skl_callbacks_to_teardown"} & set(vars(classifier))
    again = make(cls).set_callbacks(Recorder()).fit(X, Y)
    np.testing.assert_array_equal(again.predict_proba(X), plain.predict_proba(X))


@needs_callbacks
def test_a_callback_stops_training():
    classifier = make(epochs=4).set_callbacks(Recorder(stop_after=2)).fit(X, Y)
    assert classifier.n_iter_ == 2
    assert hooks().count(("end", "epoch")) == 2
    assert hooks()[-2:] == [("end", "fit"), ("teardown", "fit")]


@needs_callbacks
def test_callbacks_see_the_rows_that_train_and_keras_callbacks_work_beside_them():
    from sentilib._training._keras import import_keras

    frame = pd.DataFrame(X, columns=[f"token{i}" for i in range(10)])
    weight = np.arange(96) % 4 / 2
    history = import_keras().callbacks.History()
    classifier = make(early_stopping=True, validation_fraction=0.25, callbacks=[history])
    classifier.set_callbacks(Recorder(), ScoringMonitor(scoring="accuracy"))
    classifier.fit(frame, Y.tolist(), sample_weight=weight)
    end = LOG[-2]
    rows = end["X"].index
    assert len(rows) == 54  # three quarters of those with a weight
    pd.testing.assert_frame_equal(end["X"], frame.loc[rows])
    assert end["y"] == Y[rows].tolist()
    np.testing.assert_array_equal(end["metadata"]["sample_weight"], weight[rows])
    score = classifier.score(frame.loc[rows], Y[rows], sample_weight=weight[rows])
    _, monitor = classifier._skl_callbacks
    assert monitor.get_logs().data[0]["accuracy"] == score
    assert classifier.callbacks_[0].history["loss"] == classifier.history_["loss"]


@needs_callbacks
def test_a_call_of_partial_fit_is_a_task_with_one_epoch():
    classifier = make().set_callbacks(Recorder())
    classifier.partial_fit(X[:50], Y[:50], classes=["bad", "good"]).partial_fit(X[50:], Y[50:])
    once = [
        ("setup", "fit"),
        ("begin", "fit"),
        ("begin", "epoch"),
        ("end", "epoch"),
        ("end", "fit"),
    ]
    assert hooks() == [*once, ("teardown", "fit")] * 2
    np.testing.assert_array_equal(LOG[-2]["fitted"].predict_proba(X), classifier.predict_proba(X))


@needs_callbacks
def test_a_fit_that_fails_tears_callbacks_down_and_leaves_the_estimator_unchanged():
    classifier = make().set_callbacks(Recorder()).fit(X, Y)
    before, state = classifier.predict_proba(X), set(vars(classifier))
    LOG.clear()
    with pytest.raises(ValueError, match="one class only"):
        classifier.fit(X, np.ones(96))
    assert hooks() == [("setup", "fit"), ("teardown", "fit")]

    class Fails(Recorder):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        classifier.set_callbacks(Fails()).fit(X[:80], Y[:80])
    assert hooks()[-1] == ("teardown", "fit") and set(vars(classifier)) == state
    np.testing.assert_array_equal(classifier.predict_proba(X), before)


@needs_callbacks
def test_training_that_starts_again_with_smaller_batches_calls_each_hook_once():
    tf = pytest.importorskip("tensorflow")
    from sentilib._training._keras import import_keras

    failures = [tf.errors.ResourceExhaustedError(None, None, "out of memory")]

    def fail_once(epoch, logs):
        if epoch == 1 and failures:
            raise failures.pop()

    failing = import_keras().callbacks.LambdaCallback(on_epoch_begin=fail_once)
    classifier = make(callbacks=[failing]).set_callbacks(Recorder())
    with pytest.warns(RuntimeWarning, match="starts again"):
        classifier.fit(X, Y)
    assert not failures
    assert [call for call in hooks() if call[1] == "epoch"] == [
        ("begin", "epoch"),
        ("end", "epoch"),
    ] * 2


@needs_callbacks
def test_they_work_in_pipelines_and_searches_and_are_cloned_and_pickled():
    tokenizer = HTMLTokenizer(max_length=10)
    pipe = make_pipeline(tokenizer, make(epochs=1))
    plain = clone(pipe).fit(TEXTS, Y)
    pipe.set_callbacks(Propagated()).fit(TEXTS, Y)
    np.testing.assert_array_equal(pipe.predict_proba(TEXTS), plain.predict_proba(TEXTS))
    # The root tasks of both steps are merged with those of the pipeline.
    of_steps = [(call["hook"], call["path"]) for call in LOG if call["estimator"] is not pipe]
    assert of_steps == [
        ("begin", ["fit", "fit"]),
        ("end", ["fit", "fit"]),
        ("begin", ["fit", "fit"]),
        ("begin", ["fit", "fit", "epoch"]),
        ("end", ["fit", "fit", "epoch"]),
        ("end", ["fit", "fit"]),
    ]
    tokenized = next(call for call in LOG if call["estimator"] is tokenizer)
    np.testing.assert_array_equal(tokenized["X"], TEXTS)
    assert all("_skl_callbacks" not in vars(step) for _, step in pipe.steps)
    monitor = ScoringMonitor(scoring="accuracy")
    pipe[-1].set_callbacks(monitor)
    twin = pickle.loads(pickle.dumps(pipe))
    np.testing.assert_array_equal(twin.predict_proba(TEXTS), plain.predict_proba(TEXTS))
    inner = make_pipeline(HTMLTokenizer(max_length=10), make(epochs=1).set_callbacks(monitor))
    search = GridSearchCV(inner, {"htmltokenizer__lowercase": [True, False]}, cv=2)
    search.set_callbacks(Propagated()).fit(TEXTS, Y)
    rows = monitor.get_logs().data_as_pandas
    assert (rows.task_name == "epoch").sum() == 5  # two candidates, two folds, and the refit
    refit = rows[rows.task_name == "epoch"].iloc[0]  # the least deep
    assert refit.accuracy == search.score(TEXTS, Y)


@needs_callbacks
@pytest.mark.parametrize("frozen", [False, True])
def test_a_distilled_classifier_has_a_task_for_each_fit_within_its_own(frozen):
    tokenizer = HTMLTokenizer(max_length=10)
    teacher, student = make_pipeline(tokenizer, make()), make_pipeline(tokenizer, make(epochs=1))
    if frozen:
        teacher = FrozenEstimator(teacher.fit(TEXTS[:48], Y[:48]))
    distilled = DistilledClassifier(student, teacher)
    given = {"X": TEXTS[:48], "y": Y[:48], "X_unlabeled": TEXTS[48:]}
    plain = clone(distilled).fit(**given)
    distilled.set_callbacks(Propagated()).fit(**given)
    np.testing.assert_array_equal(distilled.predict_proba(TEXTS), plain.predict_proba(TEXTS))
    epochs = [call["path"] for call in LOG if call["path"][-1] == "epoch"]
    assert epochs == [["fit", "fit", "fit", "epoch"]] * 2 * (1 if frozen else 3)
    of_its_own = [(call["hook"], call["path"]) for call in LOG if call["estimator"] is distilled]
    assert of_its_own == [(hook, ["fit"]) for hook in ("setup", "begin", "end", "teardown")]
    [at_end] = [c["fitted"] for c in LOG if c["hook"] == "end" and c["path"] == ["fit"]]
    np.testing.assert_array_equal(at_end.predict_proba(TEXTS), plain.predict_proba(TEXTS))
    assert not {"_callback_fit_ctx", "_skl_callbacks_to_teardown"} & set(vars(distilled))
    assert "_skl_callbacks" not in vars(distilled.student_)


@needs_callbacks
def test_callbacks_of_a_student_are_called_within_a_search_around_the_distillation():
    monitor = ScoringMonitor(scoring="accuracy")
    student = make_pipeline(HTMLTokenizer(max_length=10), make(epochs=1).set_callbacks(monitor))
    distilled = DistilledClassifier(student, FrozenEstimator(clone(student).fit(TEXTS, Y)))
    monitor = ScoringMonitor(scoring="accuracy")
    student[-1].set_callbacks(monitor)
    search = GridSearchCV(distilled, {"student__htmltokenizer__lowercase": [True]}, cv=2)
    search.fit(TEXTS, Y, X_unlabeled=TEXTS[:9])
    rows = monitor.get_logs().data_as_pandas
    assert (rows.task_name == "epoch").sum() == 3  # two folds, and the refit


@needs_callbacks
@pytest.mark.slow
def test_callbacks_reach_the_processes_of_a_search():
    monitor, one_split = ScoringMonitor(scoring="accuracy"), ShuffleSplit(1, random_state=0)
    search = GridSearchCV(make(epochs=1).set_callbacks(monitor), {"dropout": [0.0]}, cv=one_split)
    here = clone(search).fit(X, Y)
    there = search.set_params(n_jobs=2).fit(X, Y)
    np.testing.assert_array_equal(there.predict_proba(X), here.predict_proba(X))
    one, two = (log.data_as_pandas for log in monitor.get_logs(select="all"))
    pd.testing.assert_frame_equal(one, two)
    assert (one.task_name == "epoch").sum() == 2  # the split and the refit


@needs_callbacks
def test_the_progress_bar_counts_the_epochs(capsys):
    pytest.importorskip("rich")
    make_pipeline(HTMLTokenizer(max_length=10), make()).set_callbacks(ProgressBar()).fit(TEXTS, Y)
    shown = capsys.readouterr().out
    assert "DenseSentimentClassifier - fit" in shown and "100%" in shown


def test_an_older_scikit_learn_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    spec = importlib.util.spec_from_file_location("older", sentilib._sklearn.__file__)
    older = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(older)

    class Estimator(older.CallbackSupportMixin):
        pass

    with pytest.raises(ImportError, match=r"needs scikit-learn 1\.9 or later, but the installed"):
        Estimator().set_callbacks(Recorder())
    assert not older.FitTasks(Estimator(), 3)
