"""Keras callbacks: the user's, which are copied for a fit, and our own.

Importing this module imports Keras.
"""

import copy
import gc
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from sentilib._training._keras import import_keras

keras = import_keras()
_WARM_UP = 0.1  # fraction of the steps in which a linear schedule rises to its peak


class StopWhenNotFinite(keras.callbacks.Callback):  # type: ignore[name-defined, misc]
    """Raise an error at the end of an epoch whose loss is infinite or NaN."""

    def __init__(self, message: str) -> None:
        super().__init__()
        self.message = message

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Check the loss."""
        if not np.isfinite((logs or {}).get("loss", 0.0)):
            raise ValueError(self.message.format(when=f" in epoch {epoch + 1}"))


class LinearSchedule(keras.callbacks.Callback):  # type: ignore[name-defined, misc]
    """Raise the learning rate to its peak in a tenth of all steps, then lower it to zero."""

    keeps_weights = True  # it neither reads nor changes them

    def __init__(self, peak: float, n_steps: int) -> None:
        super().__init__()
        self.peak, self.n_steps = peak, n_steps

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Reset the number of steps."""
        self.step = 0

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the learning rate of the step."""
        done = self.step / self.n_steps
        self.step += 1
        share = min(1.0, (self.step / self.n_steps) / _WARM_UP, (1 - done) / (1 - _WARM_UP))
        self.model.set_learning_rate(self.peak * share)


class EpochTasks(keras.callbacks.Callback):  # type: ignore[name-defined, misc]
    """Call scikit-learn's callbacks before and after each epoch.

    Parameters
    ----------
    tasks : FitTasks
        Tasks of the fit.
    """

    def __init__(self, tasks: Any) -> None:
        super().__init__()
        self.tasks = tasks
        self.history: dict[str, list[float]] = {}

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin a task."""
        self.tasks.begin_epoch(epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """End the task; stop training if a callback asks for it."""
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        if self.tasks.end_epoch(epoch, partial(self.model.fitted, copy.deepcopy(self.history))):
            self.model.stop_training = True


def copied_callbacks(callbacks: Any) -> list[Any]:
    """Return copies of the user's callbacks; those that cannot be copied are returned themselves.

    Raises
    ------
    TypeError
        If the parameter is no list, or an element is no Keras callback.
    """
    if callbacks is None:
        return []
    if isinstance(callbacks, keras.callbacks.Callback):
        name = type(callbacks).__name__
        raise TypeError(f"callbacks must be a list, but is one {name}: pass [{name}(...)].")
    if isinstance(callbacks, str | dict | type | Iterator) or not isinstance(callbacks, Iterable):
        raise TypeError(
            f"callbacks must be a list of Keras callbacks or None, but is of {type(callbacks)}."
        )
    callbacks = list(callbacks)
    for number, callback in enumerate(callbacks):
        if isinstance(callback, keras.callbacks.Callback):
            continue
        got = f"of {type(callback)}"
        if isinstance(callback, type):
            got = f"the class {callback.__name__}: pass {callback.__name__}(...), an object"
        raise TypeError(
            "callbacks must contain objects of the class keras.callbacks.Callback, but element "
            f"{number} is {got}."
        )
    # What two callbacks share, their copies share; a model of an earlier use is not copied.
    models = (getattr(callback, "model", None) for callback in callbacks)
    memo: dict[int, Any] = {id(model): model for model in models if model is not None}
    return [_copied(callback, memo) for callback in callbacks]


def _copied(callback: Any, memo: dict[int, Any]) -> Any:
    before = dict(memo)
    try:
        return copy.deepcopy(callback, memo)
    except Exception:  # an open file, a lock, a tensor, ...: each fails in its own way
        memo.clear()
        memo.update(before)
        return callback


def with_own_callbacks(
    callbacks: list[Any], options: Any, rate: float | None, n_batches: int, message: str
) -> list[Any]:
    """Add the callbacks of our own that the options of a fit ask for."""
    callbacks = [StopWhenNotFinite(message), *callbacks]
    if options.learning_rate_schedule == "linear" and rate and not options.in_stream:
        warn_of_other_schedules(callbacks)
        callbacks.append(LinearSchedule(rate, options.epochs * n_batches))
    if options.patience is not None:
        callbacks.append(
            keras.callbacks.EarlyStopping(
                monitor="val_loss", patience=options.patience, restore_best_weights=True
            )
        )
    if options.tasks:
        callbacks.append(EpochTasks(options.tasks))
    return callbacks


def warn_of_other_schedules(callbacks: list[Any]) -> None:
    """Warn if callbacks set a learning rate that the linear schedule sets again."""
    kinds = keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau
    if names := sorted({type(c).__name__ for c in callbacks if isinstance(c, kinds)}):
        warnings.warn(
            f"{' and '.join(names)} in callbacks has no effect, because "
            "learning_rate_schedule='linear' sets the learning rate of each step: pass "
            "learning_rate_schedule='constant'.",
            stacklevel=2,
        )


def looks_at_batches(callbacks: list[Any]) -> bool:
    """Return whether a callback may read or change the model between two steps."""
    own = keras.callbacks
    for callback in callbacks:
        kind = type(callback)
        if kind in (own.ModelCheckpoint, own.BackupAndRestore) and callback.save_freq == "epoch":
            continue
        if kind is own.TerminateOnNaN or getattr(callback, "keeps_weights", False):
            continue
        for event in ("batch", "train_batch", "test_batch"):
            for name in (f"on_{event}_begin", f"on_{event}_end"):
                method = getattr(getattr(callback, name), "__func__", None)
                if method is not getattr(own.Callback, name):
                    return True
    return False


def released(callbacks: list[Any]) -> bool:
    """Remove the model from callbacks after a fit; return whether nothing of it is left there."""
    for callback in callbacks:
        keras.callbacks.Callback.set_model(callback, None)
    parts_of_models = keras.layers.Layer, keras.optimizers.Optimizer, keras.Variable
    seen, pending = set[int](), list(callbacks)
    while pending:
        value = pending.pop()
        if isinstance(value, parts_of_models):
            return False
        if id(value) in seen or isinstance(value, type | ModuleType):
            continue
        seen.add(id(value))
        match value:
            case dict():
                pending.extend(value.values())
            case list() | tuple() | set() | deque():
                pending.extend(value)
            case MethodType():
                pending.append(value.__self__)
            case FunctionType():
                pending.extend(gc.get_referents(*(value.__closure__ or ())))
            case _ if type(value).__dictoffset__:  # its attributes
                pending.extend(gc.get_referents(value))
    return True
