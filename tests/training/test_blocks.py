"""Compiled training of the CNN's blocks, against Keras's layers."""

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from sentilib import ConvSentimentClassifier
from sentilib._training import _conv_steps, _trainer
from sentilib._training._blocks import Blocks
from sentilib._training._conv import ConvArchitecture
from sentilib._training._conv_graphs import keras_layers, layers
from sentilib._training._conv_steps import ConvSteps
from sentilib._training._keras import import_keras

keras = import_keras()
needs_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="The gradients are TensorFlow's"
)
rng = np.random.default_rng(0)
IDS = rng.integers(2, 60, (30, 40)).astype(np.int32)
for row, n_tokens in enumerate(rng.integers(0, 41, 30)):
    IDS[row, n_tokens:] = 0
IDS[3, 5:9] = 0  # padding within a row
ARCHITECTURE = ConvArchitecture(5, (33, 9), 3, "average", 0.0, True, 4.0)


def random_weights(architecture):
    weights = architecture.first_weights(60, 2, rng)
    for k, n_filters in enumerate(architecture.filters):
        weights[f"gamma_{k}"] = rng.normal(1, 0.3, n_filters).astype(np.float32)
        weights[f"beta_{k}"] = rng.normal(0, 0.3, n_filters).astype(np.float32)
    return weights


def compiled(architecture, ids, weights, gradient, rate=0.0, n_threads=2):
    """Return pooled units, moments and gradients of one step."""
    blocks = Blocks(architecture, n_threads)
    pooled, moments = blocks.forward(ids, weights, rate, [1, 2])
    gradients = {name: np.zeros_like(value) for name, value in weights.items()}
    blocks.backward(gradient, gradients)
    blocks.close()
    return pooled, moments, gradients


@needs_tensorflow
@pytest.mark.parametrize("mask_padding", [True, False])
@pytest.mark.parametrize("pooling", ["average", "max"])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5])
def test_compiled_blocks_compute_the_values_and_gradients_of_keras(
    kernel_size, pooling, mask_padding
):
    import tensorflow as tf

    architecture = replace(
        ARCHITECTURE, kernel_size=kernel_size, pooling=pooling, mask_padding=mask_padding
    )
    # Padding that is a word makes equal columns, whose signs rounding could change all at once.
    ids = IDS if mask_padding else np.maximum(IDS, rng.integers(0, 60, IDS.shape)).astype(np.int32)
    weights = random_weights(architecture)
    graph = layers(architecture, 60, 2, "float32", keras_layers.Dropout)
    for name, variable in graph.weights.items():
        variable.assign(weights[name])
    whole = keras.Model(graph.inputs, graph.logits)
    model = keras.Model(graph.inputs, whole.get_layer("pooling").output)
    upstream = rng.normal(size=(30, 9)).astype(np.float32)
    names = ["embedding", *(f"{n}_{k}" for k in (0, 1) for n in ("kernel", "gamma", "beta"))]
    with tf.GradientTape() as tape:
        expected = model([ids], training=True)
        loss = tf.reduce_sum(expected * upstream)
    wanted = tape.gradient(loss, [graph.weights[name].value for name in names])
    pooled, moments, gradients = compiled(architecture, ids, weights, upstream)
    np.testing.assert_allclose(pooled, expected.numpy(), atol=1e-5)
    for name, value in zip(names, wanted, strict=True):
        value = tf.convert_to_tensor(value).numpy()
        scale = np.abs(value).max()
        np.testing.assert_allclose(gradients[name] / scale, value / scale, atol=5e-4, err_msg=name)
    for name, value in moments.items():  # Keras has moved its averages by a hundredth
        start = 1.0 if name.startswith("variance") else 0.0
        moved = graph.weights[name].value.numpy() - start
        np.testing.assert_allclose(moved, 0.01 * (value - start), atol=1e-5)


def test_results_do_not_depend_on_the_number_of_threads():
    ids = np.tile(IDS, (10, 2))
    weights, upstream = random_weights(ARCHITECTURE), rng.normal(size=(300, 9)).astype(np.float32)
    one, three = (
        compiled(ARCHITECTURE, ids, weights, upstream, 0.4, n_threads) for n_threads in (1, 3)
    )
    np.testing.assert_array_equal(one[0], three[0])
    for mine, others in pairwise([one, three]):
        for k in (1, 2):
            for name in mine[k]:
                np.testing.assert_array_equal(mine[k][name], others[k][name], err_msg=name)


def test_padding_and_the_width_of_the_matrix_change_nothing():
    weights, upstream = random_weights(ARCHITECTURE), rng.normal(size=(30, 9)).astype(np.float32)
    narrow = compiled(ARCHITECTURE, IDS, weights, upstream, 0.4)
    wide = compiled(ARCHITECTURE, np.pad(IDS, ((0, 0), (0, 70))), weights, upstream, 0.4)
    np.testing.assert_array_equal(narrow[0], wide[0])
    for name in narrow[2]:
        np.testing.assert_array_equal(narrow[2][name], wide[2][name], err_msg=name)


def test_dropout_drops_its_fraction_and_keeps_the_mean():
    # One tap that copies positive vectors to units, before a normalization without effect.
    n = 20
    architecture = ConvArchitecture(n, (n,), 1, "average", 0.0, False)
    weights = {
        "embedding": np.ones((60, n), dtype=np.float32),
        "kernel_0": np.eye(n, dtype=np.float32)[None],
        "gamma_0": np.ones(n, dtype=np.float32),
        "beta_0": np.zeros(n, dtype=np.float32),
    }
    ids = np.ones((50, 200), dtype=np.int32)
    for rate in (0.0, 0.25, 0.7):
        blocks = Blocks(architecture, 1)
        seen = []
        for keys in ([1, 2], [1, 3], [2, 2]):
            _, moments = blocks.forward(ids, weights, rate, keys)
            mean, variance = moments["mean_0"], moments["variance_0"]
            np.testing.assert_allclose(mean, 1, atol=0.08)
            # 1 / (1 - rate) with the probability 1 - rate has this variance.
            np.testing.assert_allclose(variance, rate / (1 - rate), atol=0.15)
            seen.append(mean)
        assert not rate or len(np.unique(seen)) > n  # other keys, other units


def test_batches_without_words_have_finite_gradients():
    for ids in (np.zeros((4, 6), dtype=np.int32), np.zeros((4, 0), dtype=np.int32)):
        weights = random_weights(ARCHITECTURE)
        result = compiled(ARCHITECTURE, ids, weights, np.ones((4, 9), dtype=np.float32))
        assert np.isfinite(result[0]).all()
        assert all(np.isfinite(value).all() for value in result[2].values())


class Recorder(keras.callbacks.Callback):
    """Record what the model and its optimizer contain; change both in the second epoch."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def record(self, logs):
        variables = [*self.model.weights, *self.model.optimizer.variables]
        values = [keras.ops.convert_to_numpy(variable).astype(float) for variable in variables]
        self.seen.append([*values, *(float(value) for _, value in sorted((logs or {}).items()))])

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            kernel = self.model.get_layer("convolution_1").kernel
            kernel.assign(kernel * 0.5)
            self.model.optimizer.learning_rate = 0.05
        self.record(logs)

    def on_epoch_end(self, epoch, logs=None):
        self.record(logs)
        self.model.stop_training = epoch == 1

    def on_test_begin(self, logs=None):
        self.record(logs)

    def on_test_end(self, logs=None):
        self.record(logs)


def test_training_by_compiled_steps_is_that_of_keras(monkeypatch):
    if keras.backend.backend() == "tensorflow":
        # Its Adam squares the gradient of each occurrence of a word before it adds them up.
        import tensorflow as tf

        apply = keras.optimizers.Optimizer.apply
        monkeypatch.setattr(
            keras.optimizers.Optimizer,
            "apply",
            lambda self, gradients, variables=None: apply(
                self, [tf.convert_to_tensor(g) for g in gradients], variables
            ),
        )
    X = np.where(IDS, IDS, 1).repeat(4, axis=0)
    X[::5, 20:] = 0
    y = np.arange(len(X)) % 3
    rng = np.random.default_rng(0)
    weight = rng.random(len(X)) * 2
    options = {"dropout": 0.0, "filters": (6, 4), "random_state": 0, "class_weight": {0: 2.0}}

    def fitted(is_compiled):
        monkeypatch.setattr(_trainer, "_idle_trainers", OrderedDict())
        monkeypatch.setattr(_conv_steps, "are_fast", lambda: is_compiled)
        # A large epsilon: otherwise gradients that are 0 but for rounding move weights by a step.
        adam = keras.optimizers.Adam(0.1, epsilon=0.1)
        conv = ConvSentimentClassifier(
            ngram_range=(1, 1), epochs=4, batch_size=16, learning_rate_schedule="constant",
            optimizer=adam, callbacks=[Recorder()], device="cpu", **options,
        )  # fmt: skip
        conv.fit(X, y, sample_weight=weight, X_val=X[:40], y_val=y[:40])
        (trainer,) = next(iter(_trainer._idle_trainers.values()))
        assert isinstance(trainer.compiled_steps, ConvSteps) == is_compiled
        return conv

    mine, theirs = fitted(True), fitted(False)
    seen = [conv.callbacks_[0].seen for conv in (mine, theirs)]
    assert len(seen[0]) == len(seen[1]) == 8
    for one, other in zip(*seen, strict=True):
        for value, expected in zip(one, other, strict=True):
            np.testing.assert_allclose(value, expected, atol=1e-4)
    for name in mine.history_:
        np.testing.assert_allclose(mine.history_[name], theirs.history_[name], atol=1e-4)
    np.testing.assert_allclose(mine.predict_proba(X), theirs.predict_proba(X), atol=1e-4)


def test_fits_in_threads_and_with_any_number_of_threads_are_bit_equal():
    X = np.tile(IDS, (30, 2))
    y = np.arange(len(X)) % 2

    def proba(n_jobs):
        conv = ConvSentimentClassifier(epochs=1, batch_size=300, random_state=0, n_jobs=n_jobs)
        return conv.fit(X, y).predict_proba(X)

    expected = proba(1)
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(proba, [2, 3]):
            np.testing.assert_array_equal(found, expected)
