"""Keras optimizers as parameters: each of them, each of their options, and what is none."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from sentilib import DenseSentimentClassifier
from sentilib._training import _trainer
from sentilib._training._keras import import_keras
from sentilib._training._optimizers import learning_rate_of, optimizer_key

keras = import_keras()
optimizers = keras.optimizers
KINDS = sorted(
    name
    for name, value in vars(optimizers).items()
    if isinstance(value, type)
    and issubclass(value, optimizers.Optimizer)
    and name not in ("Optimizer", "LossScaleOptimizer", "MultiOptimizer")
)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.integers(2, 50, size=(96, 10)).astype(np.int32)
    return X, (X < 12).sum(axis=1) > 2


def dense(optimizer, **options):
    return DenseSentimentClassifier(
        **{
            "embedding_dim": 4, "hidden_units": 4, "epochs": 2, "random_state": 0,
            "ngram_range": (1, 1), "learning_rate_schedule": "constant",
            "optimizer": optimizer, **options,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def plain(data):
    """Weights after two epochs of Adam and of SGD."""
    return {
        "Adam": dense(optimizers.Adam(0.02)).fit(*data)._trained.weights,
        "SGD": dense(optimizers.SGD(0.5)).fit(*data)._trained.weights,
    }


def difference(one, other):
    return max(np.abs(one[name] - other[name]).max() for name in one)


def test_there_are_as_many_optimizers_as_keras_has():
    assert {"Adam", "SGD", "Muon", "Lion", "Ftrl", "Adafactor", "Nadam", "RMSprop"} <= set(KINDS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_each_optimizer_trains_by_name_and_as_an_object_and_refits_are_equal(kind, data):
    if kind == "Muon" and keras.__version__.startswith("3.12."):
        pytest.skip("Muon of Keras 3.12 fails on TensorFlow's variables, in Keras's own fit too")
    X, y = data
    by_name = dense(kind.lower(), learning_rate=0.05).fit(X, y)
    as_object = dense(getattr(optimizers, kind)(0.05)).fit(X, y)
    expected = as_object.predict_proba(X)
    np.testing.assert_allclose(by_name.predict_proba(X), expected, atol=1e-6)
    dense(getattr(optimizers, kind)(0.05), random_state=3).fit(X, ~y)
    np.testing.assert_array_equal(as_object.fit(X, y).predict_proba(X), expected)
    untrained = dense(optimizers.SGD(1e-9)).fit(X, y)._trained.weights
    assert difference(as_object._trained.weights, untrained) > 1e-4


OPTIONS = {
    "clipnorm": ("SGD", {"clipnorm": 1e-6}),
    "clipvalue": ("SGD", {"clipvalue": 1e-6}),
    "global_clipnorm": ("SGD", {"global_clipnorm": 1e-6}),
    "use_ema": ("Adam", {"use_ema": True, "ema_momentum": 0.9}),
    "weight_decay": ("Adam", {"weight_decay": 0.5}),
    "gradient_accumulation_steps": ("Adam", {"gradient_accumulation_steps": 3}),
    "amsgrad": ("Adam", {"amsgrad": True, "beta_2": 0.5}),
    "momentum": ("SGD", {"momentum": 0.9}),
    "a schedule": ("SGD", {"learning_rate": optimizers.schedules.ExponentialDecay(0.5, 1, 0.5)}),
}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "settings"), OPTIONS.values(), ids=OPTIONS)
def test_each_option_has_its_effect_and_refits_are_equal(kind, settings, data, plain):
    rate = {"Adam": 0.02, "SGD": 0.5}[kind]
    optimizer = getattr(optimizers, kind)(**{"learning_rate": rate, **settings})
    before = optimizers.serialize(optimizer)
    model = dense(optimizer).fit(*data)
    weights = model._trained.weights
    assert difference(weights, plain[kind]) > 1e-3
    assert difference(weights, model.fit(*data)._trained.weights) == 0
    assert optimizers.serialize(optimizer) == before and not optimizer.built
    if any("clip" in name for name in settings):
        untrained = dense(optimizers.SGD(1e-9)).fit(*data)._trained.weights
        assert difference(weights, untrained) < 1e-4


@pytest.mark.slow
def test_a_scaled_loss_changes_nothing_but_rounding(data, plain):
    scaled = [
        optimizers.SGD(0.5, loss_scale_factor=2.0),
        optimizers.LossScaleOptimizer(optimizers.SGD(0.5)),
    ]
    for optimizer in scaled:
        model = dense(optimizer).fit(*data)
        assert difference(model._trained.weights, plain["SGD"]) < 1e-5
    schedule = optimizers.schedules.ExponentialDecay(0.05, 1, 0.5)
    wrapped = optimizers.LossScaleOptimizer(optimizers.SGD(schedule))
    model = dense(wrapped, learning_rate=0.5).fit(*data)
    assert difference(model._trained.weights, plain["SGD"]) < 1e-5
    assert learning_rate_of(wrapped) is None and learning_rate_of(scaled[1]) == 0.5


@pytest.mark.skipif(not hasattr(optimizers, "MultiOptimizer"), reason="an older Keras")
def test_an_optimizer_of_optimizers_keeps_its_rates(data):
    kinds = optimizers.OptimizerMap(optimizers.SGD(0.1))
    kinds["logits/.*"] = optimizers.Adam(0.02)
    model = dense(optimizers.MultiOptimizer(kinds), epochs=1).fit(*data)
    weights = model._trained.weights
    assert difference(weights, model.fit(*data)._trained.weights) == 0
    with pytest.raises(ValueError, match=r"learning_rate=0\.1 .* MultiOptimizer has several rates"):
        model.set_params(learning_rate=0.1).fit(*data)


def test_optimizers_are_searched(data):
    grid = {"optimizer": ["adam", optimizers.SGD(0.1), optimizers.AdamW(1e-3)]}
    search = GridSearchCV(dense("adam", epochs=1), grid, cv=2, error_score="raise").fit(*data)
    assert len(search.cv_results_["params"]) == 3


class Local(optimizers.SGD):
    """Not registered with Keras."""

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(0 * gradient, variable, learning_rate)


def test_an_optimizer_of_a_class_that_is_not_registered(data):
    class Halved(optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.5 * 0.5

        def get_config(self):
            return {}

    def trained(optimizer):
        return dense(optimizer, epochs=1).fit(*data)._trained.weights

    untrained = trained(optimizers.SGD(1e-9))
    assert difference(trained(Local(0.5)), untrained) < 1e-6
    assert difference(trained(optimizers.LossScaleOptimizer(Local(0.5))), untrained) < 1e-6
    sgd = trained(optimizers.SGD(0.25))
    assert difference(sgd, untrained) > 1e-3
    np.testing.assert_allclose(trained(optimizers.SGD(Halved()))["head"], sgd["head"], atol=1e-6)


def test_optimizers_that_train_alike_share_a_trainer_and_others_do_not(data, monkeypatch):
    def redefined():
        return type("Local", (optimizers.SGD,), {})

    assert optimizer_key(optimizers.Adam(0.1), True) == optimizer_key(optimizers.Adam(0.2), True)
    assert optimizer_key(optimizers.Adam(0.1), False) != optimizer_key(optimizers.Adam(0.2), False)
    assert optimizer_key(redefined()(0.1), True) != optimizer_key(redefined()(0.1), True)
    wrapped = [optimizers.LossScaleOptimizer(optimizers.SGD(rate)) for rate in (0.1, 0.2)]
    assert optimizer_key(wrapped[0], True) == optimizer_key(wrapped[1], True)

    monkeypatch.setattr(_trainer, "_idle_trainers", type(_trainer._idle_trainers)())
    for rate in (0.01, 0.02, 0.03):
        dense(optimizers.Adam(rate), epochs=1).fit(*data)
    assert sum(map(len, _trainer._idle_trainers.values())) == 1


@pytest.mark.parametrize(
    ("optimizer", "error", "message"),
    [
        (optimizers.Adam, TypeError, r"is the class Adam, .* pass Adam\(\)"),
        ("no such", ValueError, "optimizer='no such' names no optimizer .* adadelta, .*, sgd"),
        ("lossscaleoptimizer", ValueError, "that needs no arguments"),
        ({"class_name": "adam"}, (TypeError, ValueError), "'optimizer' parameter .* must be"),
        (None, (TypeError, ValueError), "'optimizer' parameter .* must be"),
        (keras.layers.Dense(1), (TypeError, ValueError), "optimizer.* must be"),
    ],
)
def test_what_is_no_optimizer_is_refused(optimizer, error, message, data):
    with pytest.raises(error, match=message):
        dense(optimizer).fit(*data)


def test_something_like_an_optimizer_is_refused(data):
    class Like:
        def apply(self):
            pass

        get_config = apply

    with pytest.raises(TypeError, match=r"class keras\.optimizers\.Optimizer, but is of .*Like"):
        dense(Like()).fit(*data)


def test_a_schedule_goes_into_an_optimizer(data):
    schedule = optimizers.schedules.ExponentialDecay(0.05, 1, 0.5)
    with pytest.raises((TypeError, ValueError), match="'learning_rate' parameter"):
        dense("adam", learning_rate=schedule).fit(*data)
