"""Compiled models that are lent, their optimizers, and the training loop."""

import pickle
import random

import numpy as np
import pytest

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier
from sentilib._training import _tensorflow, _trainer
from sentilib._training._backend import backend
from sentilib._training._batches import Batches
from sentilib._training._keras import import_keras
from sentilib._training._loop import run_epochs
from sentilib._training._settings import own_settings

keras = import_keras()
CLASSIFIERS = [DenseSentimentClassifier, ConvSentimentClassifier]
needs_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="of TensorFlow's module"
)


def array_of(variable):
    with own_settings():  # NumPy warns about the arrays of some releases
        return keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(variable))


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.integers(2, 50, size=(96, 10)).astype(np.int32)
    return X, (X < 12).sum(axis=1) > 2


class TestTrainerPool:
    def test_a_second_fit_of_an_architecture_builds_no_model(self, data, monkeypatch):
        DenseSentimentClassifier(embedding_dim=11, epochs=1).fit(*data)

        def build(*args):
            raise AssertionError("built again")

        monkeypatch.setattr(_trainer, "_build", build)
        DenseSentimentClassifier(embedding_dim=11, epochs=2, learning_rate=0.1).fit(*data)
        with pytest.raises(AssertionError, match="built again"):
            DenseSentimentClassifier(embedding_dim=12, epochs=1).fit(*data)

    @pytest.mark.slow
    @pytest.mark.parametrize("kind", [DenseSentimentClassifier, ConvSentimentClassifier])
    def test_fits_with_other_dropout_and_learning_rates_share_a_graph(
        self, kind, data, monkeypatch
    ):
        def proba(dropout, rate):
            model = kind(dropout=dropout, learning_rate=rate, epochs=1, random_state=0)
            return model.fit(*data).predict_proba(data[0])

        first = proba(0.2, 0.01)
        monkeypatch.setattr(_trainer, "_build", None)
        assert not np.allclose(proba(0.6, 0.01), first)
        assert not np.allclose(proba(0.2, 0.03), first)
        np.testing.assert_array_equal(proba(0.2, 0.01), first)

    def test_few_idle_trainers_are_kept(self, data, monkeypatch):
        monkeypatch.setattr(_trainer, "_MAX_IDLE_TRAINERS", 3)
        for dim in range(2, 7):
            DenseSentimentClassifier(embedding_dim=dim, epochs=1).fit(*data)
        assert sum(map(len, _trainer._idle_trainers.values())) <= 3

    def test_a_reused_trainer_remembers_nothing(self, data):
        X, y = data
        model = DenseSentimentClassifier(embedding_dim=13, epochs=2, random_state=0)
        fresh = model.fit(X, y).predict_proba(X)
        model.set_params(random_state=5, learning_rate=0.5, epochs=4).fit(X, 1 - y)
        again = model.set_params(random_state=0, learning_rate="auto", epochs=2).fit(X, y)
        np.testing.assert_array_equal(again.predict_proba(X), fresh)

    def test_fits_go_on_after_one_that_failed_when_no_more_trainers_are_kept(
        self, data, monkeypatch
    ):
        monkeypatch.setattr(_trainer, "_MAX_IDLE_TRAINERS", 2)
        monkeypatch.setattr(_trainer, "_idle_trainers", type(_trainer._idle_trainers)())
        classifier = DenseSentimentClassifier(embedding_dim=2, epochs=1).fit(*data)
        with pytest.raises(ValueError, match="infinite or NaN"):
            classifier.set_params(learning_rate=1e30).fit(*data)
        for dim in (3, 4, 5, 6):
            DenseSentimentClassifier(embedding_dim=dim, epochs=1).fit(*data)
        assert sum(map(len, _trainer._idle_trainers.values())) == 2
        assert all(_trainer._idle_trainers.values())

    def test_building_a_graph_draws_no_number_of_pythons_generator(self, data):
        random.seed(0)
        expected = random.random()
        random.seed(0)
        DenseSentimentClassifier(embedding_dim=17, epochs=1).fit(*data).to_keras()
        assert random.random() == expected

    def test_a_fit_that_fails_gives_its_trainer_away(self, data):
        class Break(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                raise RuntimeError("broken")

        parameters = {"embedding_dim": 15, "epochs": 2, "random_state": 0}
        fresh = DenseSentimentClassifier(**parameters).fit(*data).predict_proba(data[0])
        with pytest.raises(RuntimeError, match="broken"):
            DenseSentimentClassifier(**parameters, callbacks=[Break()]).fit(*data)
        again = DenseSentimentClassifier(**parameters).fit(*data).predict_proba(data[0])
        np.testing.assert_array_equal(again, fresh)


OPTIMIZERS = {
    "Adam": lambda: keras.optimizers.Adam(0.02),
    "AMSGrad": lambda: keras.optimizers.Adam(0.02, amsgrad=True),
    "clipnorm": lambda: keras.optimizers.Adam(0.02, clipnorm=0.1),
    "global_clipnorm": lambda: keras.optimizers.Adam(0.02, global_clipnorm=0.1),
    "gradient accumulation": lambda: keras.optimizers.Adam(0.02, gradient_accumulation_steps=2),
    "EMA": lambda: keras.optimizers.Adam(0.02, use_ema=True, ema_momentum=0.5),
    "weight decay": lambda: keras.optimizers.Adam(0.02, weight_decay=0.01),
    "AdamW": lambda: keras.optimizers.AdamW(0.02),
    "schedule": lambda: keras.optimizers.Adam(
        keras.optimizers.schedules.ExponentialDecay(0.05, 4, 0.8)
    ),
    "Adagrad": lambda: keras.optimizers.Adagrad(0.05),
    "Nadam": lambda: keras.optimizers.Nadam(0.02),
    "SGD": lambda: keras.optimizers.SGD(0.5, momentum=0.9),
}


@pytest.mark.slow
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_refits_with_any_optimizer_are_equal_and_leave_it_alone(make, data):
    X, y = data
    optimizer = make()
    before = keras.optimizers.serialize(optimizer)
    model = DenseSentimentClassifier(
        embedding_dim=5, epochs=3, optimizer=optimizer, learning_rate_schedule="constant",
        random_state=0,
    )  # fmt: skip
    first = model.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(model.fit(X, y).predict_proba(X), first)
    other = DenseSentimentClassifier(
        embedding_dim=5, epochs=3, optimizer=make(), learning_rate_schedule="constant",
        random_state=0,
    )  # fmt: skip
    np.testing.assert_array_equal(other.fit(X, y).predict_proba(X), first)
    assert model.history_["loss"][-1] < model.history_["loss"][0]
    assert keras.optimizers.serialize(optimizer) == before and not optimizer.built


def test_an_optimizer_that_wraps_another_has_its_learning_rate(data):
    def fitted(optimizer):
        return DenseSentimentClassifier(
            epochs=2, optimizer=optimizer, learning_rate_schedule="constant", random_state=0
        ).fit(*data)

    plain = fitted(keras.optimizers.SGD(0.5))
    wrapped = fitted(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5)))
    np.testing.assert_allclose(
        wrapped.predict_proba(data[0]), plain.predict_proba(data[0]), atol=1e-6
    )
    wrapped.set_params(learning_rate=0.1).fit(*data)


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_training_goes_on_whatever_comes_before_it(kind, data):
    """Parts of a stream have graphs with other spare rows than whole fits."""
    X, y = np.repeat(data[0], 8, axis=0), np.repeat(data[1], 8)
    X = np.random.default_rng(0).permuted(X, axis=1)
    classifier = kind(epochs=1, ngram_min_df=1, random_state=0)
    classifier.partial_fit(X, y, classes=[False, True])
    before = classifier.tables_.ngrams.dictionary.keys
    assert 2**11 < len(before) < 2**14
    for change, method in (
        ({"warm_start": True}, "fit"),
        ({"ngram_max_features": 10}, "partial_fit"),
        ({}, "fit"),
        ({"ngram_max_features": 10**6}, "partial_fit"),
    ):
        getattr(classifier.set_params(**change), method)(X, y)
        keys = classifier.tables_.ngrams.dictionary.keys
        np.testing.assert_array_equal(keys[: len(before)], before)
        assert np.isfinite(classifier.predict_proba(X)).all()


def test_another_optimizer_starts_anew(data):
    X, y = data
    classifier = DenseSentimentClassifier(random_state=0, learning_rate=0.5)
    classifier.partial_fit(X, y, classes=[False, True])
    anew = pickle.loads(pickle.dumps(classifier))
    anew._trained = anew._trained._replace(optimizer_state=None)
    for twin in (classifier, anew):  # both kinds have two slots for each weight
        twin.set_params(optimizer="adadelta").partial_fit(X, y)
    np.testing.assert_array_equal(classifier.predict_proba(X), anew.predict_proba(X))
    classifier.partial_fit(X, y)
    anew._trained = anew._trained._replace(optimizer_state=None)
    anew.partial_fit(X, y)
    assert np.abs(classifier.predict_proba(X) - anew.predict_proba(X)).max() > 0


@pytest.mark.parametrize(
    "change",
    [{"kernel_size": 4}, {"filters": (28, 16)}, {"embedding_dim": 5}, {"ngram_range": (1, 1)}],
)
def test_weights_of_other_layers_are_refused_and_kept(change, data):
    X, y = data
    classifier = ConvSentimentClassifier(random_state=0).partial_fit(X, y, classes=[False, True])
    before = classifier.predict_proba(X)
    with pytest.raises(ValueError, match="have changed since"):
        classifier.set_params(**change).partial_fit(X, y)
    np.testing.assert_array_equal(classifier.predict_proba(X), before)


class LearningRates(keras.callbacks.Callback):
    """Record the learning rate of each step."""

    rates: list = []

    def on_train_batch_end(self, batch, logs=None):
        self.rates.append(float(array_of(self.model.optimizer.learning_rate)))


def rates_of(model, data):
    LearningRates.rates = []
    model.set_params(callbacks=[LearningRates()]).fit(*data)
    return np.array(LearningRates.rates)


@pytest.mark.parametrize("optimizer", ["adam", "object"])
def test_a_linear_schedule_rises_to_the_peak_and_falls_to_zero(optimizer, data):
    optimizer = keras.optimizers.Adam(0.02) if optimizer == "object" else optimizer
    parameters = {} if optimizer != "adam" else {"learning_rate": 0.02}
    model = DenseSentimentClassifier(
        embedding_dim=4, epochs=4, batch_size=12, optimizer=optimizer, **parameters
    )
    rates = rates_of(model, data)
    assert len(rates) == 32
    np.testing.assert_allclose(rates.max(), 0.02, rtol=0.1)
    assert rates.argmax() in (2, 3, 4) and (np.diff(rates[4:]) < 0).all()
    assert 0 < rates[-1] < 0.002
    constant = rates_of(model.set_params(learning_rate_schedule="constant"), data)
    np.testing.assert_allclose(constant, 0.02, rtol=1e-6)


def test_a_schedule_object_is_its_own_unless_a_learning_rate_is_given(data):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.05, 1, 0.5)
    model = DenseSentimentClassifier(
        embedding_dim=4, epochs=2, batch_size=24, optimizer=keras.optimizers.Adam(schedule)
    )
    rates = rates_of(model, data)
    np.testing.assert_allclose(rates[1:] / rates[:-1], 0.5, rtol=1e-6)
    model.set_params(learning_rate=0.01, learning_rate_schedule="constant")
    np.testing.assert_allclose(rates_of(model, data), 0.01, rtol=1e-6)


SETTINGS = {
    "plain": {},
    "amsgrad": {"amsgrad": True},
    "clipnorm": {"clipnorm": 0.5},
    "accumulation": {"gradient_accumulation_steps": 2},
    "EMA": {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 2},
    "weight decay": {"weight_decay": 0.1},
    "schedule": {"learning_rate": "schedule"},
}


@pytest.mark.parametrize(
    "is_sparse", [False, pytest.param(True, marks=needs_tensorflow)], ids=["dense", "sparse"]
)
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_the_fast_adam_is_keras_adam(settings, is_sparse):
    settings = {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-4, **settings}
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(5, 3)), rng.normal(size=(4, 5, 3)).astype(np.float32)
    trained = []
    for is_fast in (False, True):
        if settings["learning_rate"] == "schedule" or not isinstance(
            settings["learning_rate"], float
        ):
            decay = keras.optimizers.schedules.ExponentialDecay(0.05, 2, 0.9)
            settings["learning_rate"] = decay
        variable = keras.Variable(start, dtype="float32")
        optimizer = keras.optimizers.Adam(**settings)
        if is_fast:
            optimizer = backend().fast_optimizer(optimizer)
        for gradient in gradients:
            gradient = keras.ops.convert_to_tensor(gradient)
            if is_sparse:
                import tensorflow as tf

                gradient = tf.IndexedSlices(gradient[1:4], tf.constant([1, 3, 3]), (5, 3))
            optimizer.apply([gradient], [variable])
        optimizer.finalize_variable_values([variable])
        trained.append(array_of(variable))
    np.testing.assert_allclose(trained[1], trained[0], atol=1e-6)
    assert np.abs(trained[0] - start).max() > 0.02


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="XLA makes Keras's own Adam fast")
def test_the_fast_adam_falls_back_on_keras_where_its_names_are_gone(monkeypatch):
    optimizer, calls = backend().fast_optimizer(keras.optimizers.Adam(0.1)), []
    gone = property(lambda self: self.gone)
    monkeypatch.setattr(type(optimizer), "_get_variable_index", gone, raising=False)
    monkeypatch.setattr(
        keras.optimizers.Adam, "update_step", lambda self, *arguments: calls.append(arguments)
    )
    variable = keras.Variable(np.ones(3), dtype="float32")
    optimizer.build([variable])
    optimizer.update_step(keras.ops.ones(3), variable, 0.1)
    assert len(calls) == 1


@needs_tensorflow
def test_columns_that_no_row_contains_are_left_out():
    import tensorflow as tf

    bags = tf.SparseTensor([[0, 7], [1, 2], [1, 7], [3, 4]], [1.0, 2.0, 3.0, 4.0], [4, 9])
    narrow, selector = _tensorflow.narrowed(bags)
    assert narrow.shape == (4, 3) and selector.shape == (3, 9)
    product = _tensorflow.sparse_matmul(narrow, tf.sparse.to_dense(tf.sparse.reorder(selector)))
    np.testing.assert_array_equal(product, tf.sparse.to_dense(bags))


class Told(keras.callbacks.Callback):
    """Record what a callback is told, and in which order."""

    def __init__(self):
        super().__init__()
        self.told = []

    def __getattribute__(self, name):
        if name.startswith("on_") and name not in ("on_batch_begin", "on_batch_end"):
            told = super().__getattribute__("told")

            def tell(*arguments, **keywords):
                logs = keywords.get("logs") or (arguments[-1] if arguments else None)
                names = sorted(logs) if isinstance(logs, dict) else []
                told.append((name, [a for a in arguments if isinstance(a, int)], names))

            return tell
        return super().__getattribute__(name)


def test_the_loop_tells_callbacks_what_keras_tells_them_and_trains_alike():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 9, size=(20, 4)).astype(np.int32), np.arange(20) % 2
    y, weight = y.astype(np.int32), rng.random(20).astype(np.float32)

    def compiled():
        keras.utils.set_random_seed(0)
        ids = keras.Input((None,), dtype="int32")
        embedded = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(9, 3)(ids))
        model = keras.Model([ids], keras.layers.Dense(2)(embedded))
        model.compile(
            optimizer=keras.optimizers.SGD(0.5),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            weighted_metrics=["accuracy"],
        )
        model.optimizer.build(model.trainable_variables)
        return model

    def one_epoch():
        for start in range(0, 20, 8):
            rows = slice(start, start + 8)
            yield (x[rows],), y[rows], weight[rows]

    theirs, ours = compiled(), compiled()
    told = Told(), Told()
    expected = theirs.fit(
        [x], y, sample_weight=weight, batch_size=8, epochs=2, shuffle=False, verbose=0,
        validation_data=([x], y, weight), callbacks=[told[0]],
    ).history  # fmt: skip
    found = run_epochs(
        ours, backend().steps(ours), Batches(one_epoch, 3), epochs=2,
        validation=Batches(one_epoch, 3), before_validation=lambda: None, callbacks=[told[1]],
        verbose=0,
    )  # fmt: skip
    assert told[0].told == told[1].told
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5)
    for one, other in zip(theirs.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-6)
