"""Devices, precision and pooled trainers, with GPUs that are only faked."""

import numpy as np
import pytest

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier
from sentilib._training import _backend

CLASSIFIERS = [DenseSentimentClassifier, ConvSentimentClassifier]


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(_backend, "list_devices", lambda: ["cpu:0", "gpu:0", "gpu:1"])


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.integers(0, 50, size=(64, 10)).astype(np.int32), np.arange(64) % 2


def test_auto_takes_a_gpu_where_there_is_one(two_gpus):
    assert _backend.resolve_device("auto") == "gpu:0"
    assert _backend.resolve_device("GPU:1") == "gpu:1"
    assert _backend.resolve_device("cpu") == "cpu:0"
    with pytest.raises(ValueError, match=r"device='gpu:2' is not available.*cpu:0, gpu:0, gpu:1"):
        _backend.resolve_device("gpu:2")


def test_auto_is_the_cpu_elsewhere():
    assert _backend.list_devices() == ["cpu:0"]
    assert _backend.resolve_device("auto") == "cpu:0"
    with pytest.raises(ValueError, match="Use device='auto'"):
        _backend.resolve_device("gpu")


@pytest.mark.parametrize(
    ("precision", "device", "policy"),
    [
        ("auto", "cpu:0", "float32"),
        ("auto", "gpu:0", "mixed_bfloat16"),
        ("float32", "gpu:0", "float32"),
        ("mixed_float16", "cpu:0", "mixed_float16"),
    ],
)
def test_precision_suits_the_device(precision, device, policy):
    assert _backend.resolve_precision(precision, device) == policy


@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_fit_on_a_gpu_gets_its_device_batch_size_and_precision(cls, two_gpus, data, monkeypatch):
    asked = {}

    class Stop(Exception):
        pass

    def borrow(key, build, *, optimizer, device):
        asked.update(key=key, device=device)
        raise Stop

    monkeypatch.setattr(_backend, "borrow_trainer", borrow)
    with pytest.raises(Stop):
        cls().fit(*data)
    assert asked["device"] == "gpu:0"
    assert "mixed_bfloat16" in asked["key"]
    model = cls()
    model.classes_ = np.arange(2)
    assert model._auto_batch_size(10**6, True) > model._auto_batch_size(10**6, False)


@pytest.mark.parametrize("cls", CLASSIFIERS)
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_reduced_precision_trains_and_predicts_in_float64(cls, precision, data):
    X, y = data
    model = cls(precision=precision, epochs=2, random_state=0).fit(X, y)
    assert all(w.dtype == np.float32 for w in model._weights)
    logits = model.model_.predict(X, verbose=0)
    np.testing.assert_allclose(model.decision_function(X), logits[:, 1] - logits[:, 0], atol=1e-5)


def test_memory_growth_is_set_before_first_use(monkeypatch):
    import tensorflow as tf

    grown = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"{kind} 0", f"{kind} 1"])
    monkeypatch.setattr(
        tf.config.experimental, "set_memory_growth", lambda gpu, on: grown.append((gpu, on))
    )
    _backend._grow_gpu_memory()
    assert grown == [("GPU 0", True), ("GPU 1", True)]

    def too_late(gpu, on):
        raise RuntimeError("Physical devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", too_late)
    _backend._grow_gpu_memory()  # a process that already uses its GPU chose for itself


class TestTrainerPool:
    def test_a_second_fit_of_an_architecture_builds_no_model(self, data, monkeypatch):
        DenseSentimentClassifier(embedding_dim=11, epochs=1).fit(*data)

        def build(*args):
            raise AssertionError("built again")

        monkeypatch.setattr(_backend, "_build_trainer", build)
        DenseSentimentClassifier(embedding_dim=11, epochs=2, learning_rate=0.1).fit(*data)
        with pytest.raises(AssertionError, match="built again"):
            DenseSentimentClassifier(embedding_dim=12, epochs=1).fit(*data)

    def test_few_idle_trainers_are_kept(self, data, monkeypatch):
        monkeypatch.setattr(_backend, "_MAX_IDLE_TRAINERS", 3)
        for dim in range(2, 7):
            DenseSentimentClassifier(embedding_dim=dim, epochs=1).fit(*data)
        n_idle = sum(map(len, _backend._idle_trainers.values()))
        assert n_idle <= _backend._MAX_IDLE_TRAINERS

    def test_a_reused_trainer_remembers_nothing(self, data):
        X, y = data
        model = DenseSentimentClassifier(embedding_dim=13, epochs=2, random_state=0)
        fresh = model.fit(X, y).predict_proba(X)
        model.set_params(random_state=5, learning_rate=0.5, epochs=4).fit(X, 1 - y)
        again = model.set_params(random_state=0, learning_rate="auto", epochs=2).fit(X, y)
        np.testing.assert_array_equal(again.predict_proba(X), fresh)

    def test_an_idle_trainer_holds_no_data(self, data):
        DenseSentimentClassifier(embedding_dim=14, epochs=1).fit(
            *data, X_val=data[0], y_val=data[1]
        )
        trainers = [t for idle in _backend._idle_trainers.values() for t in idle]
        assert trainers
        assert all(t.model.train_function is None for t in trainers)
        assert all(t.model.test_function is None for t in trainers)


def test_one_pass_adam_is_keras_adam():
    keras = _backend.import_keras()
    settings = {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-4}
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(5, 3)), rng.normal(size=(4, 5, 3)).astype(np.float32)
    trained = []
    for cls in (keras.optimizers.Adam, _backend._one_pass_adam()):
        variable = keras.Variable(start, dtype="float32")
        optimizer = cls(**settings)
        for gradient in gradients:
            optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        trained.append(np.asarray(variable.value))
    np.testing.assert_allclose(trained[1], trained[0], atol=1e-6)
    assert np.abs(trained[0] - start).max() > 0.05


def test_columns_that_no_row_holds_are_left_out():
    import tensorflow as tf

    bags = tf.SparseTensor([[0, 7], [1, 2], [1, 7], [3, 4]], [1.0, 2.0, 3.0, 4.0], [4, 9])
    narrow, selector = _backend.without_empty_columns(bags)
    assert narrow.shape == (4, 3) and selector.shape == (3, 9)
    product = _backend.sparse_matmul(narrow, tf.sparse.to_dense(tf.sparse.reorder(selector)))
    np.testing.assert_array_equal(product, tf.sparse.to_dense(bags))
