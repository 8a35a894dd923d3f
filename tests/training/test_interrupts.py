"""Ctrl-C during training: always a KeyboardInterrupt, after which the estimator is as before."""

import copy
import signal
import threading

import numpy as np
import pytest

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier
from sentilib._training._interrupts import deliver_interrupt, interrupts_held

X = np.random.RandomState(0).randint(2, 60, (160, 20))
Y = np.arange(160) % 2


@pytest.fixture(autouse=True)
def default_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer of POSIX")
@pytest.mark.parametrize(
    "classifier",
    [
        DenseSentimentClassifier(epochs=2, random_state=0),
        ConvSentimentClassifier(embedding_dim=4, filters=(4,), epochs=2, random_state=0),
    ],
    ids=lambda classifier: type(classifier).__name__,
)
def test_an_interrupt_at_any_place_is_a_keyboard_interrupt(classifier):
    model = classifier.fit(X, Y)
    expected = copy.copy(model).partial_fit(X, Y).predict_proba(X)
    before, n_unchanged = dict(model.__dict__), 0

    def interrupt(*_):
        signal.raise_signal(signal.SIGINT)

    handler = signal.signal(signal.SIGALRM, interrupt)
    try:
        for k in range(16):
            call = model.fit if k % 2 else model.partial_fit
            signal.setitimer(signal.ITIMER_REAL, 0.001 + 0.005 * k)
            with pytest.raises(KeyboardInterrupt):
                for _ in range(1000):  # until the timer ends
                    call(X, Y)
                    model.__dict__ = dict(before)
            n_unchanged += model._trained is before["_trained"]
            assert np.isfinite(model.predict_proba(X)).all()
            model.__dict__ = dict(before)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    assert n_unchanged >= 14  # others came after the last statement of a fit
    np.testing.assert_array_equal(model.partial_fit(X, Y).predict_proba(X), expected)


def test_an_interrupt_waits_for_the_next_step():
    steps = []
    with pytest.raises(KeyboardInterrupt), interrupts_held():
        deliver_interrupt()
        signal.raise_signal(signal.SIGINT)
        steps.append("held")
        deliver_interrupt()
        steps.append("never")
    assert steps == ["held"]


def test_an_interrupt_waits_no_longer_than_the_block_and_goes_before_its_error():
    with pytest.raises(KeyboardInterrupt) as caught, interrupts_held():
        signal.raise_signal(signal.SIGINT)
        raise ValueError("what Keras makes of it")
    assert isinstance(caught.value.__context__, ValueError)


def test_a_second_interrupt_does_not_wait():
    with pytest.raises(KeyboardInterrupt), interrupts_held():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("was held back twice")


def test_an_inner_block_holds_back_for_the_outer_one():
    with pytest.raises(KeyboardInterrupt), interrupts_held():
        with interrupts_held():
            signal.raise_signal(signal.SIGINT)
        deliver_interrupt()
        pytest.fail("was lost")


def test_a_handler_of_the_application_decides():
    calls = []
    signal.signal(signal.SIGINT, lambda number, frame: calls.append(number))
    with interrupts_held():
        signal.raise_signal(signal.SIGINT)
        assert calls == []
        deliver_interrupt()
        assert calls == [signal.SIGINT]
    assert calls == [signal.SIGINT]
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_a_handler_that_a_callback_sets_remains():
    calls = []
    with interrupts_held():
        signal.signal(signal.SIGINT, lambda number, frame: calls.append(number))
    signal.raise_signal(signal.SIGINT)
    assert calls == [signal.SIGINT]
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_other_threads_set_no_handler():
    handlers = []

    def work():
        with interrupts_held():
            handlers.append(signal.getsignal(signal.SIGINT))
            deliver_interrupt()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=30)
    assert handlers == [signal.default_int_handler]
