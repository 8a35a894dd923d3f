"""The training loop, built from Keras's public callbacks, metrics and steps."""

import sys
from collections.abc import Callable
from typing import Any

from sentilib._training._backend import Steps
from sentilib._training._batches import Batches
from sentilib._training._interrupts import deliver_interrupt
from sentilib._training._keras import import_keras


def run_epochs(
    model: Any,
    steps: Steps,
    batches: Batches,
    *,
    epochs: int,
    validation: Batches | None,
    before_validation: Callable[[], None],
    callbacks: list[Any],
    verbose: int,
) -> dict[str, list[float]]:
    """Train a compiled model.

    Parameters
    ----------
    model : keras.Model
        Compiled and built model.
    steps : Steps
        Training and validation steps of the model.
    batches : Batches
        Training data.
    epochs : int
        Max number of epochs; a callback may stop earlier by setting `model.stop_training`.
    validation : Batches or None
        Validation data, if any.
    before_validation : callable
        Called before each validation and at the end.
    callbacks : list of keras.callbacks.Callback
        Callbacks, which are called as `keras.Model.fit` calls them.
    verbose : {0, 1, 2}
        Nothing, a progress bar, or one line per epoch is printed.

    Returns
    -------
    dict of str to list of float
        Metrics of each epoch.
    """
    verbose = 0 if sys.stdout is None else verbose  # a service or pythonw, where Keras would fail
    watch = import_keras().callbacks.CallbackList(
        callbacks,
        add_history=True,
        add_progbar=verbose != 0,
        verbose=verbose,
        epochs=epochs,
        steps=batches.n,
        model=model,
    )
    model.stop_training = False
    watch.on_train_begin()
    logs: dict[str, float] = {}
    for epoch in range(epochs):
        steps.start()
        watch.on_epoch_begin(epoch)
        last: dict[str, Any] = {}
        for number, batch in enumerate(batches.one_epoch()):
            deliver_interrupt()
            watch.on_train_batch_begin(number)
            last = steps.train(*batch)
            watch.on_train_batch_end(number, last)
            if model.stop_training:
                break
        steps.synchronize()
        logs = _as_floats(last)
        if validation is not None:
            before_validation()
            found = _validate(steps, validation, watch)
            logs |= {f"val_{name}": value for name, value in found.items()}
        watch.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    model.optimizer.finalize_variable_values(model.trainable_weights)
    watch.on_train_end(logs)  # may restore the best weights
    before_validation()
    history = model.history.history
    return {name: [float(v) for v in values] for name, values in history.items()}


def _validate(steps: Steps, batches: Batches, watch: Any) -> dict[str, float]:
    steps.start()
    watch.on_test_begin()
    last: dict[str, Any] = {}
    for number, batch in enumerate(batches.one_epoch()):
        deliver_interrupt()
        watch.on_test_batch_begin(number)
        last = steps.test(*batch)
        watch.on_test_batch_end(number, last)
    steps.synchronize()
    logs = _as_floats(last)
    watch.on_test_end(logs)
    return logs


def _as_floats(logs: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in logs.items()}
