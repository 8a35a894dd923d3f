"""Training on a GPU: times, accuracy, and shares of what the GPU can do, beside plain Keras.

Needs Keras with JAX or PyTorch (``KERAS_BACKEND=jax`` or ``torch``) and the reviews of IMDB in
SENTILIB_DATA; TensorFlow is not imported. The most important steps come first, and none begins
after ``--minutes``. ``--rehearse`` runs all of them in small on the CPU, with generated reviews.

On a CPU, steps with Adam are compiled loops of this library, unless a callback looks at each batch.
A rehearsal has such a callback, so that the steps are the backend's, as on a GPU.
"""

import argparse
import json
import os
import sys
import time
from itertools import pairwise
from pathlib import Path

from _peers import OOV, SAME_LAYERS, keras_cnn, keras_dense

os.environ.setdefault("KERAS_BACKEND", "jax")  # read when Keras is imported

import keras
import numpy as np
from sklearn.pipeline import make_pipeline

from sentilib import (
    ConvSentimentClassifier,
    DenseSentimentClassifier,
    HTMLTokenizer,
    TokenShapExplainer,
)
from sentilib.datasets import load_imdb, make_reviews

KINDS = {"Dense": DenseSentimentClassifier, "CNN": ConvSentimentClassifier}
PLAIN = {"Dense": keras_dense, "CNN": keras_cnn}
N_WORDS = 30_000
BYTES = {"float32": 4, "mixed_bfloat16": 2}
MOST_DIFFERENCE = 1e-4  # of logits on the GPU from those on the CPU, of equal weights


class Clock(keras.callbacks.Callback):
    """Seconds of each epoch; the first one includes compilation."""

    def on_train_begin(self, logs=None):
        """Forget an earlier fit."""
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        """Start the clock."""
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Keep the seconds."""
        self.seconds.append(time.perf_counter() - self._start)


class Onlooker(keras.callbacks.Callback):
    """A callback that looks at each batch, but does nothing."""

    def on_train_batch_end(self, batch, logs=None):
        """Do nothing."""


def timed(function):
    """Return the result of a function and its seconds."""
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start


def to_host(x):
    """Wait for a tensor of the device: copy one number of it."""
    return keras.ops.convert_to_numpy(keras.ops.ravel(x)[:1])


def best_of(function, x, repeats=10):
    """Return the seconds of one call on the device, the best of three series."""
    to_host(function(x))
    series = []
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(repeats):
            result = function(x)
        to_host(result)
        series.append((time.perf_counter() - start) / repeats)
    return min(series)


def compiled(function):
    """Compile a function of tensors where the backend can."""
    if keras.backend.backend() != "jax":
        return function
    import jax

    return jax.jit(function)


def peaks(small):
    """Measure the bytes per second of a copy, and the operations per second of a product."""
    n = 2**20 if small else 2**28
    x = keras.ops.ones((n,), dtype="float32")
    found = {"bandwidth": 8 * n / best_of(compiled(lambda x: x + 1.0), x)}
    side = 256 if small else 8192
    for precision, dtype in (("float32", "float32"), ("mixed_bfloat16", "bfloat16")):
        x = keras.ops.ones((side, side), dtype=dtype)
        found[precision] = 2 * side**3 / best_of(compiled(lambda x: keras.ops.matmul(x, x)), x)
    return found


def cost_of(model):
    """Return operations and numbers moved per token of a training step of the CNN.

    A convolution is computed once forward and twice backward. Numbers are those of each layer's
    outputs, written and read once forward and once backward, which is a lower bound.
    """
    channels = [model.embedding_dim, *model.filters]
    operations = sum(6 * model.kernel_size * a * b for a, b in pairwise(channels))
    return operations, 4 * sum(channels)


class Run:
    """Measurements in a limited time, printed as they are taken."""

    def __init__(self, options):
        self.options, self.results, self.skipped = options, {}, []
        self.device = "cpu" if options.rehearse else "gpu"
        self.end = time.perf_counter() + 60 * options.minutes

    def note(self, name, **figures):
        """Print and keep the figures of a measurement."""
        self.results[name] = {key: float(value) for key, value in figures.items()}
        shown = ", ".join(f"{key} {value:,.4g}" for key, value in self.results[name].items())
        print(f"{name}: {shown}", flush=True)

    def step(self, name, function):
        """Run a step, unless the time is over."""
        if time.perf_counter() > self.end:
            self.skipped.append(name)
            print(f"{name}: skipped, the time is over", flush=True)
        else:
            function()

    def load(self):
        """Read and tokenize the reviews."""
        small = self.options.rehearse
        if small:
            texts, labels = make_reviews(128, length=40, random_state=0)
            parts = (texts[:64], labels[:64]), (texts[64:], labels[64:])
        else:
            parts = [
                (bunch.data, bunch.target)
                for bunch in (load_imdb(name, download=False) for name in ("train", "test"))
            ]
        (self.texts, self.y), (self.test_texts, self.test_y) = parts
        self.n_columns = 64 if small else 1024
        self.tokenizer = HTMLTokenizer(N_WORDS, self.n_columns)
        self.X = self.tokenizer.fit_transform(self.texts)
        self.X_test = self.tokenizer.transform(self.test_texts)
        self.n_tokens = np.count_nonzero(self.X)
        self.peaks = peaks(small)
        self.note("this device", **self.peaks)

    def model(self, name, callbacks=(), **parameters):
        """Return a classifier that trains on the device, by the backend's steps."""
        if self.options.rehearse:
            callbacks = [*callbacks, Onlooker()]
            if name == "CNN":  # JAX compiles its graphs for longer than all the rest takes
                parameters = {"filters": (8,), **parameters}
        return KINDS[name](device=self.device, random_state=0, callbacks=[*callbacks], **parameters)

    def check(self):
        """Compare predictions of equal weights: Keras on the device, and the tables on the CPU."""
        n = 32 if self.options.rehearse else 1000
        for name in KINDS:
            model = self.model(name, epochs=1, precision="float32").fit(self.X[:n], self.y[:n])
            rows = self.X_test[:n]
            rows = np.where(rows < model.vocabulary_size_, rows, OOV)  # Keras knows no others
            logits = model.to_keras().predict(rows, verbose=0)
            margin = (logits[:, 1:] - logits[:, :1])[:, 0]
            difference = np.abs(margin - model.decision_function(rows)).max()
            again = self.model(name, epochs=1, precision="float32").fit(self.X[:n], self.y[:n])
            refit = np.abs(again.predict_proba(rows) - model.predict_proba(rows)).max()
            self.note(f"{name}, device against CPU", logits=difference, refit=refit)
            if difference > MOST_DIFFERENCE:
                raise AssertionError(f"{name}: logits differ by {difference:g} from the CPU's")

    def fit(self, name):
        """Fit the default model from ids, the first and a second time, and from raw text."""
        _, first = timed(lambda: self.model(name).fit(self.X, self.y))
        model, again = timed(lambda: self.model(name).fit(self.X, self.y))
        accuracy = model.score(self.X_test, self.test_y)
        self.note(f"{name}, fit from ids", first=first, seconds=again, accuracy=accuracy)
        pipe = make_pipeline(HTMLTokenizer(N_WORDS, self.n_columns), self.model(name))
        _, seconds = timed(lambda: pipe.fit(self.texts, self.y))
        self.note(f"{name}, fit from raw text", seconds=seconds)
        texts = self.test_texts
        _, seconds = timed(lambda: pipe.predict_proba(texts))
        _, explained = timed(lambda: TokenShapExplainer(pipe).explain(texts[:2000]))
        self.note(
            f"{name}, raw text on the CPU, reviews per second",
            prediction=len(texts) / seconds,
            explanation=len(texts[:2000]) / explained,
        )

    def train(self, name, batch_size, precision):
        """Measure the steps of training alone: the second epoch, words only."""
        model = self.model(
            name, batch_size=batch_size, precision=precision, epochs=2, callbacks=[Clock()],
            **SAME_LAYERS,
        )  # fmt: skip
        model.fit(self.X, self.y)
        rate = self.n_tokens / model.callbacks_[0].seconds[-1]
        figures = {"tokens per second": rate}
        if name == "CNN":
            operations, numbers = cost_of(model)
            moved = numbers * BYTES[precision]
            figures["share of operations"] = rate * operations / self.peaks[precision]
            figures["share of bandwidth"] = rate * moved / self.peaks["bandwidth"]
        self.note(f"{name}, steps of {batch_size}, {precision}", **figures)

    def plain(self, name, batch_size):
        """Measure plain Keras on the same ids: the second epoch."""
        keras.utils.set_random_seed(0)
        model, clock = PLAIN[name](N_WORDS, self.n_columns), Clock()
        model.fit(self.X, self.y, batch_size=batch_size, epochs=2, verbose=0, callbacks=[clock])
        rate = self.n_tokens / clock.seconds[-1]
        self.note(f"{name}, plain Keras, steps of {batch_size}", **{"tokens per second": rate})

    def all(self):
        """Run the steps."""
        sizes = (16,) if self.options.rehearse else (512, 2048)
        self.load()
        self.step("device against CPU", self.check)
        for name in ("CNN", "Dense"):
            self.step(f"{name}, fit", lambda name=name: self.fit(name))
        for size in sizes:
            for name in ("CNN", "Dense"):
                self.step(f"{name}, plain Keras", lambda name=name, n=size: self.plain(name, n))
                for precision in BYTES if name == "CNN" else ["float32"]:
                    self.step(
                        f"{name}, steps of {size}, {precision}",
                        lambda name=name, n=size, p=precision: self.train(name, n, p),
                    )


def main(arguments=None):
    """Measure, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rehearse", action="store_true", help="in small, on the CPU")
    parser.add_argument("--minutes", type=float, default=6, help="start no step after them")
    parser.add_argument("--output", type=Path, default=Path("bench_output") / "gpu.json")
    options = parser.parse_args(arguments)
    run = Run(options)
    run.all()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    found = {
        "backend": keras.backend.backend(),
        "device": run.device,
        "results": run.results,
        "skipped": run.skipped,
    }
    options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"written: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
