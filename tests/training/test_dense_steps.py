"""The compiled steps of the Dense model compute what Keras computes."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import keras
import numpy as np
import pytest
import sentilib._training._dense_kernels as kernels
import sentilib._training._embedding_kernels as _embedding_kernels

from sentilib import DenseSentimentClassifier
from sentilib._training import _compiled_steps, _loop, _trainer
from sentilib._training._optimizers import fresh_optimizer, is_plain_adam

rng = np.random.default_rng(0)
X = rng.integers(2, 60, (300, 12)).astype(np.int32)
Y = (X < 12).sum(axis=1).clip(1, 3)


def both(monkeypatch, train):
    """Train with compiled steps, then with Keras's; return both results."""
    results = []
    for is_compiled in (True, False):
        monkeypatch.setattr(_trainer, "_idle_trainers", type(_trainer._idle_trainers)())
        if not is_compiled:
            monkeypatch.setattr(_trainer, "is_plain_adam", lambda optimizer: False)
        results.append(train())
        for (trainer,) in _trainer._idle_trainers.values():
            assert (trainer.compiled_steps is not None) == is_compiled
    return results


@pytest.mark.parametrize(
    ("y", "options"),
    [
        (Y > 1, {}),
        (Y, {"optimizer": keras.optimizers.Adam(beta_2=0.99, epsilon=1e-3)}),
        (Y > 1, {"ngram_range": (1, 1), "mask_padding": False, "embedding_dim": 5}),
    ],
    ids=["two classes", "three classes, large epsilon", "no n-grams, no mask"],
)
def test_they_train_as_the_graph_does(monkeypatch, y, options):
    def train():
        classifier = DenseSentimentClassifier(
            dropout=0.0, epochs=3, random_state=0, device="cpu", **options
        )
        weight = np.linspace(0.5, 1.5, 250)
        classifier.fit(X[:250], y[:250], sample_weight=weight, X_val=X[250:], y_val=y[250:])
        history = classifier.history_
        for _ in range(2):  # the state of the optimizer goes on
            classifier.partial_fit(X[200:], y[200:])
        return classifier, history

    (ours, our_history), (keras_s, history) = both(monkeypatch, train)
    assert list(our_history) == list(history)
    for name, values in our_history.items():
        np.testing.assert_allclose(values, history[name], rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(ours.predict_proba(X), keras_s.predict_proba(X), atol=2e-4)


def state_of(model):
    variables = [*model.trainable_weights, *model.optimizer.variables]
    return [keras.ops.convert_to_numpy(variable + 0) for variable in variables]


class Meddler(keras.callbacks.Callback):
    """Read and change everything, everywhere."""

    def on_train_begin(self, logs=None):
        self.seen, KEPT[:] = [], [self.model]

    def look(self, logs=None):
        now = self.model.get_metrics_result()
        self.seen.append([*(logs or {}).values(), *now.values()])
        self.seen[-1] += [np.abs(value).sum() for value in state_of(self.model)]

    def scale(self, factor):
        for weight in self.model.trainable_weights:
            weight.assign(weight * factor)

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.look()
            self.model.layers[-2].trainable = False  # too late for a compiled model
            self.scale(0.9)

    def on_epoch_end(self, epoch, logs=None):
        self.look(logs)

    def on_test_end(self, logs=None):
        self.look(logs)


class Busybody(Meddler):
    def on_test_batch_begin(self, batch, logs=None):
        self.scale(1.1)

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 3:
            self.model.optimizer.learning_rate = 0.01
            self.model.layers[-1].trainable = True

    def on_train_batch_end(self, batch, logs=None):
        self.look({name: float(value) for name, value in logs.items()})
        if batch == 5:
            self.scale(0.9)
            moments = self.model.optimizer.variables[2]
            moments.assign(moments * 2)
        if batch == 7 and len(self.seen) > 40:
            self.model.stop_training = True


KEPT = []


@pytest.mark.parametrize("kind", [Meddler, Busybody])
def test_callbacks_see_and_change_what_keras_has(monkeypatch, kind, tmp_path):
    callbacks = keras.callbacks
    options = {
        "callbacks": [
            kind(),
            callbacks.LearningRateScheduler(lambda epoch, rate: rate / (epoch + 1)),
            callbacks.ReduceLROnPlateau("loss", min_delta=9, patience=1),
            callbacks.EarlyStopping("val_loss", restore_best_weights=True),
            callbacks.ModelCheckpoint(str(tmp_path / "{epoch}.weights.h5"), save_weights_only=True),
        ],
        "learning_rate_schedule": "constant",
    }

    def train():
        classifier = DenseSentimentClassifier(
            dropout=0.0, epochs=4, batch_size=16, random_state=0, device="cpu", **options
        )
        classifier.fit(X[:250], Y[:250] > 1, X_val=X[:270], y_val=Y[:270] > 1)
        model = KEPT[0]
        seen = classifier.callbacks_[0].seen
        return classifier, seen, state_of(model)

    (ours, we_saw, our_state), (keras_s, keras_saw, state) = both(monkeypatch, train)
    assert len(we_saw) == len(keras_saw) > 8
    for one, other in zip(we_saw, keras_saw, strict=True):
        np.testing.assert_allclose(
            np.array(one, dtype=float), np.array(other, dtype=float), rtol=2e-3, atol=1e-7
        )
    for one, other in zip(our_state, state, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(ours.predict_proba(X), keras_s.predict_proba(X), atol=1e-3)


def test_an_interrupt_leaves_the_steps_so_far_in_the_keras_model(monkeypatch):
    calls = []

    def interrupt():
        calls.append(None)
        if len(calls) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(_loop, "deliver_interrupt", interrupt)
    classifier = DenseSentimentClassifier(batch_size=16, device="cpu", callbacks=[Meddler()])
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(X, Y > 1)
    assert int(KEPT[0].optimizer.iterations) == 4
    assert state_of(KEPT[0])[-1].any()


def test_a_step_that_fails_leaves_the_one_before(monkeypatch):
    def fail(self, gradient):
        raise MemoryError

    monkeypatch.setattr(_compiled_steps.State, "backward", fail)
    classifier = DenseSentimentClassifier(device="cpu", callbacks=[Meddler()])
    with pytest.raises(MemoryError):
        classifier.fit(X, Y > 1)
    assert int(KEPT[0].optimizer.iterations) == 0


def test_a_weight_that_is_not_a_number_is_found_in_its_epoch():
    class Spoil(Meddler):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.scale(np.nan)

    classifier = DenseSentimentClassifier(device="cpu", epochs=3, callbacks=[Spoil()])
    with pytest.raises(ValueError, match="infinite or NaN in epoch 2"):
        classifier.fit(X, Y > 1)


def test_callbacks_of_keras_that_wait_for_the_epoch_cost_no_synchronization(monkeypatch, tmp_path):
    writes = []
    write = _compiled_steps.State.write
    monkeypatch.setattr(
        _compiled_steps.State, "write", lambda *args: writes.append(None) or write(*args)
    )
    callbacks = [
        keras.callbacks.ModelCheckpoint(str(tmp_path / "a.weights.h5"), save_weights_only=True),
        keras.callbacks.TerminateOnNaN(),
    ]
    DenseSentimentClassifier(epochs=2, device="cpu", callbacks=callbacks, verbose=1).fit(X, Y > 1)
    assert len(writes) == 2


@pytest.mark.parametrize("epsilon", [1e-7, 1e-3, 1.0])
def test_rows_that_return_have_moved_as_by_adam_in_each_step(epsilon):
    n, beta_1, beta_2 = 40, 0.9, 0.999
    weight, m, v = rng.normal(size=n), rng.normal(size=n) * 1e-3, rng.random(n) * 1e-5 + 1e-6
    start = [a.astype(np.float32) for a in (weight, m, v)]
    steps, schedule = kernels.NgramSteps(*start, 2.0), kernels.Schedule(5, beta_1, beta_2, epsilon)
    table = np.repeat(start[0][:, None], 16, axis=1)
    moments = [np.repeat(a[:, None], 16, axis=1) for a in start[1:]]
    words = _embedding_kernels.WordSteps(table, *moments, 0.0)
    word_weight, word_m, word_v = (a.astype(np.float64) for a in start)
    averages, one = np.empty((1, 16), np.float32), np.ones(1, np.float32)
    for step in range(6, 300):
        column = int(rng.integers(0, n // 2 if step < 200 else n))
        entry = np.array([0, 1]), np.array([column], np.int32), one
        schedule.begin(0.01 / step)
        rate = 0.01 / step * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        sums = np.empty(1, np.float32)
        steps.forward(*entry, schedule, sums)
        assert sums[0] == pytest.approx(1 + 2 * weight[column], abs=1e-5)
        steps.backward(np.full(1, 1e-3, np.float32), schedule)
        eye, bias = np.eye(16, dtype=np.float32), np.full(16, 9, np.float32)
        words.forward(*entry, eye, bias, 0, schedule, averages)
        assert averages[0, 3] == pytest.approx(9 + word_weight[column], abs=1e-5)
        gradients = np.zeros((16, 16), np.float32), np.zeros(16, np.float32)
        words.backward(np.full((1, 16), 1e-3, np.float32), eye, schedule, *gradients)
        schedule.end()
        for w, m_, v_, g in ((weight, m, v, 2e-3), (word_weight, word_m, word_v, 1e-3)):
            gradient = np.where(np.arange(n) == column, g, 0)
            m_ += (gradient - m_) * (1 - beta_1)
            v_ += (gradient**2 - v_) * (1 - beta_2)
            w -= rate * m_ / (np.sqrt(v_) + epsilon)
    words.finish(schedule)
    for ours, exact in zip(steps.arrays(schedule), (weight, m, v), strict=True):
        np.testing.assert_allclose(ours, exact, rtol=1e-5, atol=2e-7)
    for ours, exact in zip((table, *moments), (word_weight, word_m, word_v), strict=True):
        np.testing.assert_allclose(ours[:, 7], exact, rtol=1e-5, atol=2e-7)


@pytest.mark.parametrize("n_words", [200, 700, 9000])  # in one part, in three, in the most
def test_threads_that_share_words_change_no_bit(n_words):
    rng = np.random.default_rng(0)
    starts = np.arange(0, 50 * n_words + 1, n_words)
    words = np.concatenate([rng.permutation(n_words) for _ in range(50)]).astype(np.int32)
    entries = starts, words, rng.random(len(words)).astype(np.float32)
    kernel, bias = (rng.normal(size=n).astype(np.float32) for n in ((32, 16), 16))
    gradient = rng.normal(size=(50, 16)).astype(np.float32)
    table = rng.normal(size=(n_words, 32)).astype(np.float32)

    def in_three_threads(work):
        with ThreadPoolExecutor(3) as pool:
            for done in [pool.submit(work) for _ in range(3)]:
                done.result()

    def in_no_thread(work):
        in_three_threads(work)
        work()  # has nothing left to do

    results = []
    for share in (None, in_three_threads, in_no_thread):
        arrays = table.copy(), np.zeros_like(table), np.zeros_like(table)
        steps, schedule = (
            _embedding_kernels.WordSteps(*arrays, 0.5),
            kernels.Schedule(0, 0.9, 0.999, 1e-7),
        )
        made = np.empty((50, 16), np.float32), np.zeros_like(kernel), np.zeros_like(bias)
        further = [] if share is None else [share]
        for step in range(2):
            schedule.begin(0.01)
            steps.forward(*entries, kernel, bias, step, schedule, made[0], *further)
            steps.backward(gradient, np.ascontiguousarray(kernel.T), schedule, *made[1:], *further)
            schedule.end()
        steps.finish(schedule)
        results.append([*arrays, *made])
    for other in results[1:]:
        for ours, theirs in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_the_layers_of_words_are_those_of_numpy():
    rng = np.random.default_rng(0)
    n_words, scale = 1000, np.float32(65536 / (65536 - round(0.3 * 65536)))
    starts, words = np.array([0, 600, 1000]), rng.permutation(n_words).astype(np.int32)
    values = rng.random(n_words).astype(np.float32)
    table = rng.normal(size=(n_words, 16)).astype(np.float32)
    kernel, bias = (rng.normal(size=n).astype(np.float32) for n in ((16, 32), 32))
    gradient = rng.normal(size=(2, 32)).astype(np.float32)
    arrays = table.copy(), np.zeros_like(table), np.zeros_like(table)
    steps, schedule = (
        _embedding_kernels.WordSteps(*arrays, 0.3),
        kernels.Schedule(0, 0.9, 0.999, 1e-7),
    )
    schedule.begin(0.01)
    averages = np.empty((2, 32), np.float32)
    steps.forward(starts, words, values, kernel, bias, 7, schedule, averages)
    of_kernel, of_bias = np.zeros_like(kernel), np.zeros_like(bias)
    steps.backward(gradient, np.ascontiguousarray(kernel.T), schedule, of_kernel, of_bias)
    of_table = arrays[1] / np.float32(0.1)  # Adam's first momentum
    factors = np.where(of_table == 0, 0, scale)  # no gradient reaches what dropout leaves out
    assert 0.28 < (factors == 0).mean() < 0.36  # or words whose units are all zero
    shares = np.zeros((2, n_words), np.float32)
    shares[np.repeat([0, 1], np.diff(starts)), words] = values
    hidden = (table * factors) @ kernel + bias
    is_on = hidden > 0
    np.testing.assert_allclose(averages, shares @ (hidden * is_on), rtol=1e-4)
    of_hidden = (shares.T @ gradient) * is_on
    np.testing.assert_allclose(of_kernel, (table * factors).T @ of_hidden, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(of_bias, of_hidden.sum(axis=0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(of_table, of_hidden @ kernel.T * factors, rtol=1e-3, atol=1e-4)


def test_the_optimizer_has_the_schedules_rate_at_the_end_of_an_epoch():
    class Rates(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.rates = []

        def on_epoch_end(self, epoch, logs=None):
            self.rates.append(float(self.model.optimizer.learning_rate))

    classifier = DenseSentimentClassifier(
        epochs=2, learning_rate=0.01, device="cpu", callbacks=[Rates()], batch_size=len(X) // 10
    ).fit(X, Y > 1)
    n_steps = 2 * -(-len(X) // (len(X) // 10))
    done = np.array([n_steps // 2 - 1, n_steps - 1]) / n_steps
    (rates,) = (c.rates for c in classifier.callbacks_ if isinstance(c, Rates))
    np.testing.assert_allclose(rates, 0.01 * (1 - done) / 0.9, rtol=1e-5)


def test_they_are_for_adam_without_further_options():
    class Own(keras.optimizers.Adam):
        pass

    optimizers = keras.optimizers
    assert is_plain_adam(fresh_optimizer("adam", sets_learning_rate=True))
    assert is_plain_adam(fresh_optimizer(optimizers.Adam(0.1, beta_1=0.5), False))
    for other in (
        optimizers.Adam(amsgrad=True),
        optimizers.Adam(clipnorm=1.0),
        optimizers.Adam(beta_1=0.9, beta_2=0.95),
        optimizers.Adam(optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)),
        optimizers.AdamW(),
        optimizers.SGD(),
        Own(),
    ):
        assert not is_plain_adam(fresh_optimizer(other, sets_learning_rate=False))


@pytest.mark.parametrize("betas", [(1.0, 0.999), (-0.1, 0.9), (0.9, 0.5), (0.9, 1.0)])
def test_betas_whose_missed_steps_have_no_sum_are_refused(betas):
    with pytest.raises(ValueError, match="are too close"):
        kernels.Schedule(0, *betas, 1e-7)


@pytest.mark.parametrize("kind", ["words", "n-grams"])
def test_steps_in_another_order_are_refused(kind):
    schedule = kernels.Schedule(0, 0.9, 0.999, 1e-7)
    entries = np.array([0, 2]), np.array([1, 3], np.int32), np.ones(2, np.float32)
    if kind == "words":
        steps = _embedding_kernels.WordSteps(*np.zeros((3, 9, 16), np.float32), 0.5)
        eye, ones = np.eye(16, dtype=np.float32), np.ones((2, 16), np.float32)
        forward = partial(steps.forward, *entries, eye, ones[0], 0, schedule, ones[:1])
        backward = partial(steps.backward, ones[:1], eye, schedule, eye.copy(), ones[1])
        finish = partial(steps.finish, schedule)
    else:
        steps = kernels.NgramSteps(*np.zeros((3, 9), np.float32), 2.0)
        forward = partial(steps.forward, *entries, schedule, np.zeros(1, np.float32))
        backward = partial(steps.backward, np.ones(1, np.float32), schedule)
        finish = partial(steps.arrays, schedule)
    finish()  # no step yet
    for refused in (forward, backward):
        with pytest.raises(ValueError, match="Inconsistent arrays"):
            refused()
    schedule.begin(0.1)
    forward()
    for refused in (forward, finish):
        with pytest.raises(ValueError, match="Inconsistent arrays"):
            refused()
    schedule.begin(0.1)
    with pytest.raises(ValueError, match="Inconsistent arrays"):
        backward()
