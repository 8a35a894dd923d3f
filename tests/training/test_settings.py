"""Other people's settings of Keras, TensorFlow and Python in the same process."""

import contextlib
import os
import subprocess
import sys
import threading
import warnings
from importlib.metadata import version

import numpy as np
import pytest

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier
from sentilib._training import _settings, _trainer
from sentilib._training._keras import import_keras
from sentilib._training._settings import own_settings

keras = import_keras()
KINDS = {"dense": DenseSentimentClassifier, "conv": ConvSentimentClassifier}


def classifier(kind):
    options = {} if kind == "dense" else {"filters": (4,)}
    return KINDS[kind](epochs=2, random_state=0, embedding_dim=4, **options)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.integers(2, 50, size=(96, 10)).astype(np.int32)
    return X, (X < 12).sum(axis=1) > 2


@pytest.fixture(scope="module")
def expected(data):
    return {kind: classifier(kind).fit(*data).predict_proba(data[0]) for kind in KINDS}


@contextlib.contextmanager
def keras_config(name, value):
    before = getattr(keras.config, name)()
    getattr(keras.config, f"set_{name}")(value)
    try:
        yield
        now = getattr(keras.config, name)()
        assert getattr(now, "name", now) == value  # the user's setting stays
    finally:
        getattr(keras.config, f"set_{name}")(before)


@contextlib.contextmanager
def graph():
    import tensorflow as tf

    with tf.Graph().as_default():
        yield
        assert not tf.executing_eagerly()


@contextlib.contextmanager
def mirrored():
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["cpu:0"]).scope():
        yield


@contextlib.contextmanager
def functions_run_eagerly():
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


@contextlib.contextmanager
def failed_explainer():
    """Leave TensorFlow as a `shap.DeepExplainer` leaves it that failed."""
    from tensorflow.python.eager import backprop, execute

    def record(*arguments):
        raise LookupError("gradient registry has no entry for: shap_Mul")

    record.__module__ = "shap.explainers._deep.deep_tf"
    execute.record_gradient = record
    try:
        yield
    finally:
        execute.record_gradient = backprop.record_gradient


@contextlib.contextmanager
def cleared_session():
    keras.utils.clear_session()
    yield


@contextlib.contextmanager
def no_traceback_filter():
    keras.config.disable_traceback_filtering()
    try:
        yield
    finally:
        keras.config.enable_traceback_filtering()


SETTINGS = {
    "floatx float64": lambda: keras_config("floatx", "float64"),
    "floatx float16": lambda: keras_config("floatx", "float16"),
    "policy mixed_float16": lambda: keras_config("dtype_policy", "mixed_float16"),
    "policy mixed_bfloat16": lambda: keras_config("dtype_policy", "mixed_bfloat16"),
    "policy float64": lambda: keras_config("dtype_policy", "float64"),
    "channels_first": lambda: keras_config("image_data_format", "channels_first"),
    "default graph": graph,
    "MirroredStrategy": mirrored,
    "run_functions_eagerly": functions_run_eagerly,
    "failed DeepExplainer": failed_explainer,
    "clear_session": cleared_session,
    "no traceback filtering": no_traceback_filter,
    "NumPy raises": lambda: np.errstate(all="raise"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_a_setting_of_other_code_changes_no_model(setting, kind, data, expected, monkeypatch):
    X, y = data
    cached = classifier(kind).fit(X, y)
    with setting():
        np.testing.assert_array_equal(cached.fit(X, y).predict_proba(X), expected[kind])
        monkeypatch.setattr(_trainer, "_idle_trainers", type(_trainer._idle_trainers)())
        built = classifier(kind).fit(X, y)
        np.testing.assert_array_equal(built.predict_proba(X), expected[kind])
        textbook = built.to_keras()
    assert {str(weight.dtype) for weight in textbook.trainable_weights} == {"float32"}
    logits = np.asarray(textbook(X))
    np.testing.assert_allclose(logits, built.tables_.logits(X), atol=1e-5)
    np.testing.assert_array_equal(classifier(kind).fit(X, y).predict_proba(X), expected[kind])


def test_a_probability_of_zero_is_no_error_where_numpy_raises(data):
    X, y = data
    model = classifier("dense").fit(X, y)
    model._trained.weights["bias"][0] += 2000
    model.__setstate__(model.__getstate__())  # derives the tables
    with np.errstate(all="raise"):
        assert model.predict_proba(X)[:, 1].max() == 0
        assert model.predict_log_proba(X)[:, 1].max() < -1000


def test_settings_return_after_the_last_of_several_threads():
    inside, outside = threading.Event(), threading.Event()

    def other():
        with own_settings():
            inside.set()
            outside.wait(30)

    with keras_config("floatx", "float64"):
        thread = threading.Thread(target=other)
        with own_settings():
            thread.start()
            assert inside.wait(30)
            assert keras.config.floatx() == "float32"
        assert keras.config.floatx() == "float32"
        outside.set()
        thread.join(30)
        assert keras.config.floatx() == "float64"


def test_no_warning_of_numpy_leaves_a_call_and_the_filters_stay(data, expected, monkeypatch):
    X, y = data
    monkeypatch.setattr(_trainer, "_idle_trainers", type(_trainer._idle_trainers)())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        stopping = keras.callbacks.EarlyStopping("loss", restore_best_weights=True)
        model = classifier("dense").set_params(callbacks=[stopping], early_stopping=True)
        model.fit(X, y)
        model.to_keras()
        classifier("dense").partial_fit(X, y, classes=[False, True]).partial_fit(X, y)
        model.predict_proba(X)
        assert warnings.filters == before


def test_a_backend_that_cannot_train_is_named(data, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "numpy")
    with pytest.raises(
        RuntimeError, match=r"'numpy' cannot train: set .*=tensorflow, jax or torch"
    ):
        classifier("dense").fit(*data)


PROGRAM = """
import sys, numpy as np
{setting}
from sentilib import ConvSentimentClassifier, DenseSentimentClassifier
X, y = (np.load(path) for path in sys.argv[1:3])
for classifier, path in (
    (DenseSentimentClassifier(epochs=2, random_state=0, embedding_dim=4), sys.argv[3]),
    (ConvSentimentClassifier(epochs=2, random_state=0, embedding_dim=4, filters=(4,)), sys.argv[4]),
):
    np.save(path, classifier.fit(X, y).predict_proba(X))
    try:
        logits = np.asarray(classifier.to_keras()(X))
        if np.abs(logits - classifier.tables_.logits(X)).max() > 1e-5:
            sys.exit("other logits")
    except RuntimeError as error:
        print(error)
"""

EAGER_MODE_OFF = "TensorFlow's eager mode is off in this process"
# TensorFlow 2.20 can't be imported without docstrings.
OPTIMIZE = "1" if version("tensorflow").startswith("2.20.") else "2"
OTHER_PROCESSES = {
    "eager mode off": (
        "import tensorflow as tf; tf.compat.v1.disable_eager_execution()", {}, False
    ),
    "version 2 behaviour off": (
        "import tensorflow as tf; tf.compat.v1.disable_v2_behavior()", {}, False
    ),
    "NumPy behaviour, determinism, float64, no docstrings, no home, legacy Keras": (
        "import tensorflow as tf, keras\n"
        "tf.experimental.numpy.experimental_enable_numpy_behavior()\n"
        "tf.config.experimental.enable_op_determinism()\n"
        "keras.config.set_floatx('float64'); keras.utils.set_random_seed(3)\n"
        "np.seterr(all='raise')\n",
        {"PYTHONOPTIMIZE": OPTIMIZE, "HOME": "/proc/1", "TF_USE_LEGACY_KERAS": "1"},
        True,
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "environment", "has_keras_models"), OTHER_PROCESSES.values(), ids=OTHER_PROCESSES
)
def test_a_setting_for_good_changes_no_model(
    setting, environment, has_keras_models, data, expected, tmp_path
):
    paths = [tmp_path / f"{name}.npy" for name in ("X", "y", *KINDS)]
    for path, array in zip(paths, data, strict=False):
        np.save(path, array)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(setting=setting), *paths],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count(EAGER_MODE_OFF) == (0 if has_keras_models else 2)
    for path, kind in zip(paths[2:], KINDS, strict=True):  # other kernels round differently
        np.testing.assert_allclose(np.load(path), expected[kind], atol=1e-7)


@pytest.mark.parametrize("backend", ["jax", "theano"])
def test_a_backend_that_is_not_installed_is_named_each_time(backend):
    program = (
        "import sys; sys.modules['jax'] = None\n"
        "from sentilib._training._keras import import_keras\n"
        "for _ in range(2):\n"
        "    try: import_keras()\n"
        "    except ImportError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == 2 and done.returncode == 0, done.stderr[-2000:]
    for line in lines:
        assert f"KERAS_BACKEND (now '{backend}')" in line
        assert "set KERAS_BACKEND=tensorflow and start Python again" in line


def test_the_state_before_a_fit_is_read_not_assumed():
    assert _settings._n_users == 0
