"""The compiled steps of the Dense model compute what Keras computes."""

import keras
import numpy as np
import pytest
import sentilib._training._dense_kernels as kernels

from sentilib import DenseSentimentClassifier
from sentilib._training import _trainer
from sentilib._training._dense_steps import DenseSteps
from sentilib._training._optimizers import fresh_optimizer, is_plain_adam

rng = np.random.default_rng(0)
X = rng.integers(2, 60, (300, 12)).astype(np.int32)
Y = (X < 12).sum(axis=1).clip(1, 3)


@pytest.mark.parametrize(
    ("y", "options"),
    [
        (Y > 1, {}),
        (Y, {}),
        (Y > 1, {"ngram_range": (1, 1), "mask_padding": False, "embedding_dim": 5}),
    ],
    ids=["two classes", "three classes", "no n-grams, no mask"],
)
def test_they_train_as_the_graph_does(monkeypatch, y, options):
    fitted = []
    for is_compiled in (True, False):
        monkeypatch.setattr(_trainer, "_idle_trainers", type(_trainer._idle_trainers)())
        if not is_compiled:
            monkeypatch.setattr(_trainer, "is_plain_adam", lambda optimizer: False)
        classifier = DenseSentimentClassifier(
            dropout=0.0, epochs=3, random_state=0, device="cpu", **options
        )
        weight = np.linspace(0.5, 1.5, 250)
        classifier.fit(X[:250], y[:250], sample_weight=weight, X_val=X[250:], y_val=y[250:])
        (trainer,) = next(iter(_trainer._idle_trainers.values()))
        assert isinstance(trainer.steps, DenseSteps) == is_compiled
        fitted.append(classifier)
    ours, keras_s = fitted
    assert ours.history_.keys() == keras_s.history_.keys()
    for name, values in ours.history_.items():
        np.testing.assert_allclose(values, keras_s.history_[name], rtol=2e-3, err_msg=name)
    np.testing.assert_allclose(ours.predict_proba(X), keras_s.predict_proba(X), atol=2e-3)


def test_rows_that_return_have_moved_as_by_adam_in_each_step():
    n, beta_1, beta_2, epsilon = 40, 0.9, 0.999, 1e-7
    weight, m, v = rng.normal(size=n), rng.normal(size=n) * 1e-3, rng.random(n) * 1e-5 + 1e-6
    start = [a.astype(np.float32) for a in (weight, m, v)]
    steps, schedule = kernels.NgramSteps(*start, 2.0), kernels.Schedule(5, beta_1, beta_2, epsilon)
    table = np.repeat(start[0][:, None], 16, axis=1)
    moments = [np.repeat(a[:, None], 16, axis=1) for a in start[1:]]
    words = kernels.WordSteps(table, *moments, 0.0)
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
        np.testing.assert_allclose(ours, exact, rtol=1e-4, atol=2e-7)
    for ours, exact in zip((table, *moments), (word_weight, word_m, word_v), strict=True):
        np.testing.assert_allclose(ours[:, 7], exact, rtol=1e-4, atol=2e-7)


def test_a_callback_sees_and_changes_the_model_after_each_step():
    class Watch(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.seen = []

        def on_train_batch_end(self, batch, logs=None):
            iterations = int(self.model.optimizer.iterations)
            self.seen.append((iterations, float(abs(self.model.layers[1].get_weights()[0]).sum())))

    plain = DenseSentimentClassifier(epochs=1, dropout=0.0, random_state=0, device="cpu")
    watched = DenseSentimentClassifier(
        epochs=1, dropout=0.0, random_state=0, device="cpu", callbacks=[Watch()]
    )
    plain.fit(X, Y > 1)
    watched.fit(X, Y > 1)
    seen = watched.callbacks_[0].seen
    assert [n for n, _ in seen] == list(range(1, len(seen) + 1))
    assert len({total for _, total in seen}) == len(seen)
    np.testing.assert_allclose(plain.predict_proba(X), watched.predict_proba(X), atol=1e-4)


def test_they_are_for_adam_without_further_options():
    class Own(keras.optimizers.Adam):
        pass

    optimizers = keras.optimizers
    assert is_plain_adam(fresh_optimizer("adam", sets_learning_rate=True))
    assert is_plain_adam(fresh_optimizer(optimizers.Adam(0.1, beta_1=0.5), False))
    for other in (
        optimizers.Adam(amsgrad=True),
        optimizers.Adam(clipnorm=1.0),
        optimizers.Adam(beta_1=0.99, beta_2=0.5),
        optimizers.Adam(optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)),
        optimizers.AdamW(),
        optimizers.SGD(),
        Own(),
    ):
        assert not is_plain_adam(fresh_optimizer(other, sets_learning_rate=False))


@pytest.mark.parametrize("betas", [(1.0, 0.999), (-0.1, 0.9), (0.9, 0.5), (0.9, 1.0)])
def test_a_momentum_without_bound_is_refused(betas):
    with pytest.raises(ValueError, match="no bounded momentum"):
        kernels.Schedule(0, *betas, 1e-7)
