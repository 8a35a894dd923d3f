"""Keras's backends: what they compute, whatever the backend, and what is said without one."""

import configparser
import copy
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier, TokenShapExplainer
from sentilib._training import _fit
from sentilib._training._backend import backend
from sentilib._training._batches import with_unknown_row
from sentilib._training._callbacks import keras
from sentilib._training._settings import own_settings
from sentilib._training._trainer import Trainer, _training_graph

ROOT = Path(__file__).parents[2]
NAME = keras.backend.backend()


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.integers(2, 50, size=(96, 10)).astype(np.int32)
    return X, (X < 12).sum(axis=1) > 2


def bag(rng, n_rows, n_columns):
    matrix = scipy.sparse.random_array((n_rows, n_columns), density=0.1, rng=rng, dtype=np.float32)
    matrix = matrix.tolil()
    matrix[2] = 0  # an empty row
    return matrix.tocsr().astype(np.float32)


@pytest.mark.parametrize("width", [1, 5])
@own_settings()
def test_a_sparse_product_and_its_gradient_are_those_of_the_dense_matrix(width):
    """One step of SGD on a linear layer: the kernel moves against the gradient."""
    rng = np.random.default_rng(width)
    bags = bag(rng, 8, 40)
    table = rng.normal(size=(40, width)).astype(np.float32)

    class Product(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.table = self.add_weight(shape=table.shape, name="table")
            self.built = True

        def call(self, x):
            return backend().sparse_matmul(x, self.table)

        def compute_output_shape(self, shape):
            return (shape[0], width)

    inputs = backend().sparse_input(40, "bags")
    layer = Product()
    model = keras.Model([inputs], layer(inputs))
    model.compile(keras.optimizers.SGD(1.0), loss="mean_squared_error")
    model.optimizer.build(model.trainable_variables)
    layer.table.assign(table)
    y, weight = np.zeros((8, width), dtype=np.float32), np.ones(8, dtype=np.float32)
    if NAME == "tensorflow":
        pytest.skip("TensorFlow's steps take class numbers, its own product is TensorFlow's")
    logs = backend().steps(model).train((bags,), y, weight)
    dense = bags.toarray()
    gradient = dense.T @ (dense @ table) * 2 / (8 * width)
    np.testing.assert_allclose(float(logs["loss"]), np.mean((dense @ table) ** 2), rtol=1e-5)
    found = keras.ops.convert_to_numpy(layer.table)
    np.testing.assert_allclose(found, table - gradient, atol=1e-6)


def trained_by(architecture, batches, n_ids, n_ngrams, sparse):
    """Return the weights after a few steps, by our steps or by Keras with dense matrices."""
    model, weights, dropouts, _ = _training_graph(
        architecture, n_ids, n_ngrams, 2, "float32", "cpu:0"
    )
    rng = np.random.default_rng(3)
    start = {
        name: rng.uniform(0, 0.3, size=tuple(v.shape)).astype(np.float32)
        for name, v in weights.items()
    }
    model.compile(
        backend().fast_optimizer(keras.optimizers.Adam(0.01)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=NAME == "jax",
    )
    model.optimizer.build(model.trainable_variables)
    steps = backend().steps(model)
    trainer = Trainer(model, weights, dropouts, steps)
    trainer.reset(start, 0.01, 0.0, 0, None)
    history = []
    for x, y, weight in batches:
        if sparse:
            steps.start()
            logs = steps.train(x, y, weight)
        else:
            x = [m.toarray() if scipy.sparse.issparse(m) else m for m in x]
            logs = model.train_on_batch(x, y, sample_weight=weight, return_dict=True)
            model.reset_metrics()
        history.append({name: float(value) for name, value in logs.items()})
    if sparse:
        steps.start()
        history.append({k: float(v) for k, v in steps.test(*batches[0]).items()})
    else:
        x, y, weight = batches[0]
        x = [m.toarray() if scipy.sparse.issparse(m) else m for m in x]
        logs = model.test_on_batch(x, y, sample_weight=weight, return_dict=True)
        history.append({name: float(value) for name, value in logs.items()})
    return trainer.weights(like=start), history


@pytest.mark.parametrize("kind", [DenseSentimentClassifier, ConvSentimentClassifier])
@own_settings()
def test_steps_train_as_keras_does_with_dense_matrices(kind):
    architecture = kind(dropout=0.0)._architecture()
    rng = np.random.default_rng(1)
    batches = []
    for n_rows in (12, 12, 5):
        if kind is DenseSentimentClassifier:
            first = bag(rng, n_rows, 60)
        else:
            first = rng.integers(0, 60, size=(n_rows, 9)).astype(np.int32)
        y = rng.integers(0, 2, n_rows).astype(np.int32)
        x = first, bag(rng, n_rows, 80)
        batches.append((x, y, rng.uniform(0.5, 2, n_rows).astype(np.float32)))
    ours, our_history = trained_by(architecture, batches, 60, 80, sparse=True)
    theirs, their_history = trained_by(architecture, batches, 60, 80, sparse=False)
    for name, weight in theirs.items():
        np.testing.assert_allclose(ours[name], weight, atol=2e-5, err_msg=name)
    for one, other in zip(our_history, their_history, strict=True):
        assert one == pytest.approx(other, rel=1e-4)


@pytest.mark.parametrize("kind", [DenseSentimentClassifier, ConvSentimentClassifier])
@pytest.mark.parametrize("optimizer", ["adam", "nadam"])
def test_refits_are_equal_with_any_backend(kind, optimizer, data):
    X, y = data
    model = kind(epochs=2, random_state=0, optimizer=optimizer, embedding_dim=5)
    first = model.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(model.fit(X, y).predict_proba(X), first)


def out_of_memory():
    """Let the backend run out of memory; PyTorch's error needs a GPU."""
    match NAME:
        case "tensorflow":
            import tensorflow as tf

            tf.zeros([2**22, 2**22])
        case "jax":
            import jax.numpy as jnp

            jnp.zeros((2**22, 2**22)).block_until_ready()
        case _:
            import torch

            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")


def test_batches_are_halved_while_memory_runs_out(data, monkeypatch):
    X, y = data
    fit, sizes = Trainer.fit, []

    def fit_small(self, batches, **options):
        sizes.append(-(-len(X) // batches.n))
        if sizes[-1] > 24:
            out_of_memory()
        return fit(self, batches, **options)

    monkeypatch.setattr(Trainer, "fit", fit_small)
    model = DenseSentimentClassifier(epochs=1, batch_size=90, random_state=0)
    with pytest.warns(RuntimeWarning, match=r"memory of cpu:0 .*pass batch_size=") as warned:
        model.fit(X, y)
    assert sizes == [48, 32, 20]  # rows over steps, with 90, 45 and 22 rows per step
    assert len(warned) == 2 and "22 rows per step" in str(warned[1].message)
    expected = DenseSentimentClassifier(epochs=1, batch_size=22, random_state=0).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


def test_another_error_of_the_backend_is_not_taken_for_a_lack_of_memory(data, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("another error")

    monkeypatch.setattr(Trainer, "fit", fail)
    with pytest.raises(RuntimeError, match="another error"):
        DenseSentimentClassifier(epochs=1).fit(*data)


def distance_from_relu(model, ids):
    """Return how close an input of a ReLU comes to 0 in a training step, in standard deviations."""
    graph = model.to_keras()
    if isinstance(model, DenseSentimentClassifier):
        (table,), (kernel, bias) = (
            graph.get_layer(name).get_weights() for name in ("embedding", "hidden")
        )
        inputs = [table[ids] @ kernel + bias]
    else:
        layers = [layer for layer in graph.layers if layer.name.startswith("normalization")]
        inputs = keras.Model(graph.input, [layer.output for layer in layers])(ids, training=True)
        inputs = map(keras.ops.convert_to_numpy, inputs)
    return min(np.abs(x[ids > 0]).min() / x[ids > 0].std() for x in inputs)


@pytest.mark.slow
@pytest.mark.backends
@pytest.mark.parametrize("kind", ["Dense", "Conv"])
def test_a_model_of_another_backend_predicts_explains_and_goes_on(
    kind, data, tmp_path, monkeypatch
):
    """Run with the backends that are installed beside this one.

    It goes on by one step, in which no input of a ReLU is so close to 0, where the gradient jumps,
    that rounding decides on which side it is.
    """
    X, y = data
    X = np.pad(X, [(0, 0), (0, 60)])  # JAX pads batches to widths of few sizes
    cls = {"Dense": DenseSentimentClassifier, "Conv": ConvSentimentClassifier}[kind]
    options = {"epochs": 1, "dropout": 0.0, "random_state": 0, "learning_rate_schedule": "constant"}
    # Adam turns rounding errors of gradients near zero into whole steps.
    model = cls(optimizer="sgd", learning_rate=0.1, **options)
    model.partial_fit(X, y, classes=[False, True])
    (tmp_path / "model.pickle").write_bytes(pickle.dumps((model, X, y)))
    program = f"""
import pickle, sys
import numpy as np
from sentilib import TokenShapExplainer
with open({str(tmp_path / "model.pickle")!r}, "rb") as file:
    model, X, y = pickle.load(file)
values = [model.predict_proba(X), np.stack([*TokenShapExplainer(model)(X[:5]).values])]
assert "keras" not in sys.modules
model.partial_fit(X[:8], y[:8])
values.append(model.predict_proba(X))
np.savez({str(tmp_path / "values.npz")!r}, *values)
print(sys.modules["keras"].backend.backend())
"""
    others = [name for name in ("tensorflow", "jax", "torch") if name != NAME]
    batches = []

    def noted(*batch):
        batches.append(with_unknown_row(*batch))
        return batches[-1]

    monkeypatch.setattr(_fit, "with_unknown_row", noted)
    values = np.stack([*TokenShapExplainer(model)(X[:5]).values])
    later = copy.deepcopy(model).partial_fit(X[:8], y[:8]).predict_proba(X)
    expected = model.predict_proba(X), values, later
    assert np.abs(later - expected[0]).max() > 1e-3
    ids = batches[0][0][0] if batches else X[:8]
    assert len(batches) < 2 and distance_from_relu(model, ids) > 1e-5
    home = os.environ.get("SENTILIB_PYTHONS", "none")  # of TensorFlow; others are beside it
    ran = []
    for other in others:
        python = Path(home + ("" if other == "tensorflow" else f"-{other}")) / "bin" / "python"
        if not python.exists():
            continue
        done = subprocess.run(
            [python, "-c", program],
            env={**os.environ, "KERAS_BACKEND": other},
            capture_output=True, text=True, timeout=200,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        assert done.stdout.split()[-1] == other
        found = np.load(tmp_path / "values.npz")
        for value, name in zip(expected, found, strict=True):
            np.testing.assert_allclose(found[name], value, atol=1e-5)
        ran.append(other)
    if not ran:
        pytest.skip("no other backend: make test-backends names their interpreters")


def test_without_any_backend_one_message_names_the_choices():
    program = """
import sys
from sentilib._training._keras import import_keras
for name in ("tensorflow", "jax", "torch"):
    sys.modules[name] = None
try:
    import_keras()
except ImportError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    (line,) = done.stdout.splitlines()
    assert "No backend is installed. Install tensorflow, or jax or torch" in line
    assert "set KERAS_BACKEND=tensorflow or jax or torch and start Python again" in line


@pytest.mark.parametrize("device", ["gpu", "gpu:7"])
def test_a_gpu_that_is_not_there_is_named(device, data, monkeypatch):
    monkeypatch.setattr(backend(), "count_gpus", lambda: 0)
    message = (
        f"device='{device}' is not available: this machine has cpu:0. Use device='auto' for a GPU "
        "if there is one, else the CPU."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        DenseSentimentClassifier(device=device).fit(*data)


def test_a_model_needs_the_backend_of_no_fit_and_a_missing_one_is_named(data, tmp_path):
    """A model of this backend where KERAS_BACKEND names another one that is not installed."""
    X, y = data
    model = DenseSentimentClassifier(epochs=1, random_state=0).fit(X, y)
    (tmp_path / "model.pickle").write_bytes(pickle.dumps((model, X, y)))
    program = f"""
import pickle, sys
import numpy as np
sys.modules["jax"] = None
with open({str(tmp_path / "model.pickle")!r}, "rb") as file:
    model, X, y = pickle.load(file)
np.save({str(tmp_path / "values.npy")!r}, model.predict_proba(X))
for function in (model.to_keras, lambda: model.partial_fit(X, y), lambda: model.fit(X, y)):
    try:
        function()
    except ImportError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == 3, done.stderr[-2000:]
    for line in lines:
        assert "KERAS_BACKEND (now 'jax')" in line and "and start Python again" in line
    np.testing.assert_array_equal(np.load(tmp_path / "values.npy"), model.predict_proba(X))


def test_training_keeps_to_what_the_caller_has_switched_off(data):
    """PyTorch's modes of a thread, as in a service, neither stop training nor are they changed."""
    if NAME != "torch":
        pytest.skip("of PyTorch")
    import torch

    X, y = data
    model = DenseSentimentClassifier(epochs=1, random_state=0, optimizer="nadam")
    expected = model.fit(X, y).predict_proba(X)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            np.testing.assert_array_equal(model.fit(X, y).predict_proba(X), expected)
            assert not torch.is_grad_enabled()


def test_the_documentation_lists_what_an_installation_without_tensorflow_needs():
    page = (ROOT / "docs" / "installation.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"pip install --no-deps \. && pip install (.*?)\n", page)
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    needed = config["options"]["install_requires"].split("\n")
    needed = {re.split(r"[ <>=]", entry.strip())[0] for entry in needed}
    needed = {name for name in needed if name and not name.startswith("#")}
    assert set(line.replace("'", "").split()) == needed - {"tensorflow"} | {"jax"}
