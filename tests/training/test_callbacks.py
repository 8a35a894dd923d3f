"""The user's Keras callbacks: copied, cleaned, checked, and what they save."""

import copy
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier, keras_layers
from sentilib._training import _trainer
from sentilib._training._keras import import_keras

keras = import_keras()
KEPT = []


def logits_of(model, X):
    return keras.ops.convert_to_numpy(model(X))


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.integers(2, 50, size=(96, 10)).astype(np.int32)
    return X, (X < 12).sum(axis=1) > 2


def dense(**options):
    return DenseSentimentClassifier(**{"epochs": 2, "random_state": 0, **options})


def states(callbacks):
    return [{k: copy.copy(v) for k, v in vars(callback).items()} for callback in callbacks]


def test_a_fit_leaves_the_parameter_as_it_was_and_keeps_what_its_copies_recorded(data):
    callbacks = [
        keras.callbacks.History(),
        keras.callbacks.EarlyStopping("loss", restore_best_weights=True),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: KEPT.append(epoch)),
    ]
    before, KEPT[:] = states(callbacks), []
    classifier = dense(callbacks=callbacks).fit(*data)
    assert states(callbacks) == before
    assert classifier.callbacks is callbacks
    history, stopping, _ = classifier.callbacks_
    assert history.history["loss"] == classifier.history_["loss"]
    assert stopping.best_weights and KEPT == [0, 1]
    assert [callback.model for callback in classifier.callbacks_] == [None] * 3
    first = classifier.fit(*data).callbacks_[0]
    assert first is not history and len(first.history["loss"]) == 2


def test_a_fitted_classifier_with_callbacks_is_cloned_copied_pickled_and_searched(data):
    X, y = data
    callbacks = [keras.callbacks.EarlyStopping("loss"), keras.callbacks.TerminateOnNaN()]
    classifier = dense(callbacks=callbacks, epochs=1).fit(X, y)
    expected = classifier.predict_proba(X)
    for twin in (copy.deepcopy(classifier), pickle.loads(pickle.dumps(classifier))):
        np.testing.assert_array_equal(twin.predict_proba(X), expected)
        assert not hasattr(twin, "callbacks_") and len(twin.callbacks) == 2
    np.testing.assert_array_equal(clone(classifier).fit(X, y).predict_proba(X), expected)
    assert len(copy.copy(classifier).callbacks_) == 2
    search = GridSearchCV(classifier, {"callbacks": [None, callbacks]}, cv=2, error_score="raise")
    assert search.fit(X, y).best_params_.keys() == {"callbacks"}


@pytest.mark.slow
def test_a_fitted_classifier_with_callbacks_goes_to_other_processes(data, tmp_path):
    X, y = data
    stopping = keras.callbacks.EarlyStopping("loss")
    classifier = dense(callbacks=[stopping], epochs=1).fit(X, y)
    scores = cross_val_score(classifier, X, y, cv=2, n_jobs=2, error_score="raise")
    assert scores.shape == (2,)
    path = tmp_path / "classifier.pkl"
    path.write_bytes(pickle.dumps((classifier.set_params(callbacks=None), X)))
    program = (
        "import pickle, sys; model, X = pickle.load(open(sys.argv[1], 'rb')); model.predict(X); "
        "assert 'keras' not in sys.modules and not hasattr(model, 'callbacks_')"
    )
    subprocess.run([sys.executable, "-c", program, path], check=True, timeout=120)


class Recorder(keras.callbacks.Callback):
    def __init__(self, lock):
        super().__init__()
        self.lock, self.epochs = lock, []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(epoch)


def test_a_callback_that_cannot_be_copied_is_used_itself_and_cleaned(data):
    recorder = Recorder(threading.Lock())
    history = keras.callbacks.History()
    classifier = dense(callbacks=[recorder, history]).fit(*data)
    assert recorder.epochs == [0, 1] and recorder.model is None
    assert classifier.callbacks_[0] is recorder and classifier.callbacks_[1] is not history


def test_callbacks_that_share_an_object_share_its_copy(data):
    shared = {}
    callbacks = [Recorder(shared), Recorder(shared), Recorder(threading.Lock())]
    one, two, _ = dense(callbacks=callbacks).fit(*data).callbacks_
    assert one.lock is two.lock is not shared


def test_a_callback_of_an_earlier_keras_model_is_fine(data):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = keras.callbacks.History()
    history.set_model(model)
    classifier = dense(callbacks=[history]).fit(*data)
    assert history.model is model and classifier.callbacks_[0].model is None


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        (keras.callbacks.TerminateOnNaN(), r"must be a list, but is one TerminateOnNaN: pass \["),
        ([keras.callbacks.TerminateOnNaN], r"element 0 is the class .*: pass TerminateOnNaN\(.*\)"),
        (keras.callbacks.History, "must be a list of Keras callbacks or None, but is of"),
        ([keras.callbacks.History(), "history"], r"element 1 is of <class 'str'>"),
        ([None], "element 0 is of <class 'NoneType'>"),
        ("history", "must be a list of Keras callbacks or None, but is of <class 'str'>"),
        (3, "must be a list of Keras callbacks or None"),
        (
            iter([keras.callbacks.History()]),
            "must be a list of .* of <class 'list_iterator'",
        ),
    ],
    ids=["no list", "class", "class alone", "text", "None", "text alone", "number", "iterator"],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_what_is_no_callback_is_refused_before_training(method, callbacks, message, data):
    options = {} if method == "fit" else {"classes": [False, True]}
    with pytest.raises(TypeError, match=message):
        getattr(dense(callbacks=callbacks), method)(*data, **options)


class Keeps(keras.callbacks.Callback):
    """Keep the model, as `how` tells."""

    def __init__(self, how):
        super().__init__()
        self.how, self.list = how, []

    def on_train_end(self, logs=None):
        match self.how:
            case "attribute":
                self.kept = self.model
            case "list":
                self.list.append({"model": self.model})
            case "optimizer":
                self.kept = self.model.optimizer
            case "variable":
                self.kept = self.model.trainable_variables[0]
            case "method":
                self.kept = self.model.get_weights
            case "closure":
                model = self.model
                self.kept = lambda: model.get_weights()
            case "other object":
                self.kept = Recorder(self)
                self.kept.lock = {self.model}


@pytest.mark.parametrize(
    "how", ["attribute", "list", "optimizer", "variable", "method", "closure", "other object"]
)
def test_no_later_fit_trains_a_model_that_a_callback_kept(how, data, monkeypatch):
    monkeypatch.setattr(_trainer, "_idle_trainers", type(_trainer._idle_trainers)())
    dense(epochs=1, callbacks=[Keeps(how)], embedding_dim=2).fit(*data)
    assert not _trainer._idle_trainers


@pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")  # of Keras's own `save`
def test_a_model_that_a_callback_kept_stays_as_it_was(data, tmp_path):
    X, y = data
    classifier = dense(callbacks=[Keeps("attribute")]).fit(X, y)
    kept, expected = classifier.callbacks_[0].kept, classifier.tables_.logits(X)
    dense(epochs=3).fit(X, ~y)
    np.testing.assert_allclose(logits_of(kept.to_keras(), X), expected, atol=1e-5)
    kept.save(tmp_path / "kept.keras")
    loaded = keras.models.load_model(tmp_path / "kept.keras")
    np.testing.assert_allclose(logits_of(loaded, X), expected, atol=1e-5)


def test_a_trainer_with_other_callbacks_is_reused_and_holds_nothing_of_the_fit(data, monkeypatch):
    monkeypatch.setattr(_trainer, "_idle_trainers", type(_trainer._idle_trainers)())

    def refers_to_a_name_that_is_never_set(logs):
        return never

    callbacks = [
        keras.callbacks.History(),
        keras.callbacks.EarlyStopping("loss"),
        keras.callbacks.LambdaCallback(on_train_end=lambda logs: pytest and data),
        Recorder({"rows": data, "self": [threading, pytest]}),
    ]
    callbacks[-1].never_called = refers_to_a_name_that_is_never_set
    if callbacks is None:
        never = None
    dense(callbacks=callbacks, embedding_dim=2).fit(*data)
    ((trainer,),) = _trainer._idle_trainers.values()
    assert trainer.model.textbook is trainer.model.set_variables is trainer.model.history is None


@pytest.mark.slow
@pytest.mark.parametrize("kind", [DenseSentimentClassifier, ConvSentimentClassifier])
def test_what_model_checkpoint_saved_is_the_model_of_to_keras(kind, data, tmp_path):
    X, y = data
    assert keras_layers.keras is keras  # registers the layers
    whole, weights = tmp_path / "{epoch}.keras", tmp_path / "{epoch}.weights.h5"
    seen = []

    class Sees(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(logits_of(self.model.to_keras(), X))

    callbacks = [
        keras.callbacks.ModelCheckpoint(whole),
        keras.callbacks.ModelCheckpoint(weights, save_weights_only=True),
        Sees(),
    ]
    classifier = kind(epochs=2, random_state=0, callbacks=callbacks).fit(X, y)
    expected = classifier.tables_.logits(X)
    loaded = keras.models.load_model(tmp_path / "2.keras")
    np.testing.assert_allclose(logits_of(loaded, X), expected, atol=1e-5)
    twin = classifier.to_keras()
    twin.load_weights(tmp_path / "1.weights.h5")
    first = logits_of(keras.models.load_model(tmp_path / "1.keras"), X)
    np.testing.assert_allclose(logits_of(twin, X), first, atol=1e-6)
    np.testing.assert_allclose(seen[0], first, atol=1e-6)
    assert np.abs(first - expected).max() > 1e-3
    twin.load_weights(tmp_path / "2.weights.h5")
    np.testing.assert_allclose(logits_of(twin, X), expected, atol=1e-5)


def test_backup_and_restore_goes_on_from_its_weights(data, tmp_path):
    class Break(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise RuntimeError("power cut")

    class Begins(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            KEPT[:] = [self.model.get_weights()]

    X, y = data
    ended = dense(epochs=1, learning_rate_schedule="constant").fit(X, y)._trained.weights
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(RuntimeError, match="power cut"):
        dense(callbacks=[backup, Break()], learning_rate_schedule="constant").fit(X, y)
    dense(callbacks=[backup, Begins()]).fit(X, y)
    embedding = KEPT[0][0][: len(ended["embedding"])]
    np.testing.assert_allclose(embedding[12:], ended["embedding"][12:], atol=1e-6)


def test_the_best_weights_that_early_stopping_restores_are_the_models(data):
    """The statistics of a CNN's batch normalization are those of the restored weights."""
    X, y = data
    stopping = keras.callbacks.EarlyStopping("loss", mode="max", restore_best_weights=True)
    stopping.patience = 5  # the first epoch, of the highest loss, is the "best"
    options = {"random_state": 0, "learning_rate_schedule": "constant", "filters": (4,)}
    best = ConvSentimentClassifier(epochs=1, **options).fit(X, y)
    restored = ConvSentimentClassifier(epochs=3, callbacks=[stopping], **options).fit(X, y)
    assert restored.callbacks_[0].best_epoch == 0
    np.testing.assert_allclose(restored.predict_proba(X), best.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.callbacks.LearningRateScheduler(lambda epoch: 0.001),
        lambda: keras.callbacks.ReduceLROnPlateau("loss", patience=0, factor=0.5, min_delta=10),
    ],
    ids=["LearningRateScheduler", "ReduceLROnPlateau"],
)
def test_callbacks_that_set_the_learning_rate_need_a_constant_schedule(make, data):
    class Rates(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            KEPT.append(float(self.model.optimizer.learning_rate.value))

    callback = make()
    model = dense(callbacks=[Rates(), callback], epochs=4, learning_rate=0.02)
    with pytest.warns(UserWarning, match=f"{type(callback).__name__} in callbacks has no effect"):
        model.fit(*data)
    KEPT.clear()
    model.set_params(learning_rate_schedule="constant").fit(*data)
    assert KEPT[-1] < 0.011


@pytest.mark.slow
def test_every_callback_of_keras_runs(data, tmp_path):
    """But RemoteMonitor and TensorBoard, which need a server and another package."""
    X, y = data
    callbacks = keras.callbacks
    made = [
        callbacks.BackupAndRestore(tmp_path / "backup"),
        callbacks.CSVLogger(tmp_path / "log.csv"),
        callbacks.EarlyStopping("loss"),
        callbacks.History(),
        callbacks.LambdaCallback(on_train_end=lambda logs: None),
        callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2),
        callbacks.ModelCheckpoint(tmp_path / "best.keras", "loss", save_best_only=True),
        callbacks.ProgbarLogger(),
        callbacks.ReduceLROnPlateau("loss"),
        callbacks.TerminateOnNaN(),
    ]
    model = dense(callbacks=made, learning_rate_schedule="constant").fit(X, y)
    assert {type(used) for used in model.callbacks_} == {type(callback) for callback in made}
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 3
    ema = keras.optimizers.Adam(0.02, use_ema=True, ema_momentum=0.9)
    model.set_params(optimizer=ema, callbacks=[callbacks.SwapEMAWeights(swap_on_epoch=True)])
    assert len(model.fit(X, y).history_["loss"]) == 2


def test_a_fit_after_one_that_a_callback_stopped_runs_all_epochs(data):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    assert dense(callbacks=[Stop()], epochs=9).fit(*data).n_iter_ == 1
    assert dense(epochs=3).fit(*data).n_iter_ == 3
