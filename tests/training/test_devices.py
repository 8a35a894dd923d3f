"""Devices and precision, with GPUs that are only faked."""

import os
import subprocess
import sys
from collections import OrderedDict

import numpy as np
import pytest

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier
from sentilib._training import _backend, _fit, _keras, _tensorflow, _trainer
from sentilib._training._keras import import_keras

CLASSIFIERS = [DenseSentimentClassifier, ConvSentimentClassifier]
needs_tensorflow = pytest.mark.skipif(
    import_keras().backend.backend() != "tensorflow", reason="of TensorFlow's module"
)


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(_backend, "list_devices", lambda: ["cpu:0", "gpu:0", "gpu:1"])


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(_backend, "list_devices", lambda: ["cpu:0"])


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


def test_the_cpu_is_always_there():
    assert _backend.list_devices()[0] == "cpu:0"


def test_auto_is_the_cpu_elsewhere(no_gpu):
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

    def borrow(architecture, **options):
        asked.update(options)
        raise Stop

    monkeypatch.setattr(_fit, "borrowed_trainer", borrow)
    with pytest.raises(Stop):
        cls().fit(*data)
    assert asked["device"] == "gpu:0"
    assert asked["policy"] == "mixed_bfloat16"
    many = np.ones((10**6, 1), dtype=np.int32)
    on_gpu, on_cpu = (
        cls()._architecture().defaults(many, 2, on_gpu=on_gpu) for on_gpu in (True, False)
    )
    assert on_gpu.batch_size > on_cpu.batch_size
    assert on_gpu.learning_rate > on_cpu.learning_rate


def test_long_rows_of_several_classes_take_the_steps_of_two_classes_and_short_ones_more():
    architecture = DenseSentimentClassifier()._architecture()
    for n_tokens, is_long in (200, True), (20, False):
        X = np.full((6000, n_tokens), 2, dtype=np.int32)
        two, eight = (architecture.defaults(X, n, on_gpu=False) for n in (2, 8))
        assert (two == eight) == is_long
        assert is_long or eight.batch_size < two.batch_size


@pytest.mark.slow
@pytest.mark.parametrize("cls", CLASSIFIERS)
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_reduced_precision_trains_and_predicts_in_float64(cls, precision, data):
    X, y = data
    model = cls(precision=precision, epochs=2, random_state=0).fit(X, y)
    assert all(w.dtype == np.float32 for w in model._trained.weights.values())
    logits = import_keras().ops.convert_to_numpy(model.to_keras()(X))
    np.testing.assert_allclose(model.decision_function(X), logits[:, 1] - logits[:, 0], atol=1e-5)


@needs_tensorflow
def test_memory_growth_is_set_before_first_use(monkeypatch):
    import tensorflow as tf

    grown = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"{kind} 0", f"{kind} 1"])
    monkeypatch.setattr(
        tf.config.experimental, "set_memory_growth", lambda gpu, on: grown.append((gpu, on))
    )
    assert _tensorflow.count_gpus() == 2
    assert grown == [("GPU 0", True), ("GPU 1", True)]

    def too_late(gpu, on):
        raise RuntimeError("Physical devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", too_late)
    assert _tensorflow.count_gpus() == 2  # a process that already uses its GPU chose for itself


def test_importing_keras_leaves_the_environment_as_it_was(monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    with _keras._quiet_tensorflow():
        assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "2"
    assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    with _keras._quiet_tensorflow():
        assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"


def test_a_failed_import_of_keras_shows_its_own_message(tmp_path):
    (tmp_path / "keras.py").write_text("raise RuntimeError('no such backend: abacus')")
    program = "from sentilib._training._keras import import_keras; import_keras()"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {program}"],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("RuntimeError: no such backend: abacus")


def test_a_global_policy_of_keras_changes_no_fit(data, monkeypatch):
    X, y = data
    classifier = DenseSentimentClassifier(epochs=1, random_state=0)
    expected = classifier.fit(X, y).predict_proba(X)
    monkeypatch.setattr(_trainer, "_idle_trainers", OrderedDict())
    keras = import_keras()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        np.testing.assert_array_equal(classifier.fit(X, y).predict_proba(X), expected)
        logits = keras.ops.convert_to_numpy(classifier.to_keras()(X))
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_allclose(logits, classifier.tables_.logits(X), atol=1e-5)
