"""Settings of the process that Keras depends on: ours while we build or train, then the user's."""

import contextlib
import os
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from sentilib._training._backend import backend
from sentilib._training._interrupts import interrupts_held
from sentilib._training._keras import import_keras
from sentilib._training._tensorflow import has_started

_COPY_WARNING = "__array__ implementation doesn't accept a copy keyword"
_lock = threading.Lock()
_n_users = 0
_theirs: tuple[str, str] = ("", "")
_is_used = False  # whether this process has used Keras's backend here
_is_forked = False  # whether the backend's threads remained in the parent process


def _after_fork() -> None:
    global _is_forked
    _is_forked = _is_forked or has_started(by_us=_is_used)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """Build and train with our own settings, whatever other code of the process has set.

    Raises
    ------
    RuntimeError
        If a setting that cannot be changed is in the way, or the process was forked from one that
        had used Keras's backend.
    """
    global _is_used
    if _is_forked:
        raise RuntimeError(
            "This process was forked from one that had already used TensorFlow, JAX or PyTorch, "
            "whose threads do not exist here, so that training would wait for ever. Start "
            "processes by joblib's 'loky' backend or multiprocessing's 'spawn' method, or fork "
            "before the first fit. Fitted estimators predict in forked processes."
        )
    keras, session = import_keras(), backend().session
    _is_used = True
    policy = keras.config.dtype_policy()  # of the thread
    with contextlib.ExitStack() as stack:
        stack.enter_context(interrupts_held())
        stack.enter_context(session())
        stack.enter_context(_settings_of_the_process(keras.config))
        stack.callback(keras.config.set_dtype_policy, policy)
        stack.enter_context(np.errstate(under="ignore"))
        keras.config.set_dtype_policy("float32")
        yield


@contextlib.contextmanager
def _settings_of_the_process(config: Any) -> Iterator[None]:
    """Set what all threads share, which the last of them restores."""
    global _n_users, _theirs
    with _lock:
        if _n_users == 0:
            _theirs = config.floatx(), config.image_data_format()
            config.set_floatx("float32")
            config.set_image_data_format("channels_last")
        _n_users += 1
        # TensorFlow's tensors lack the `copy` keyword of NumPy 2; may go when they have it.
        warnings.filterwarnings("ignore", _COPY_WARNING, DeprecationWarning)
        ignored = warnings.filters[0]
    try:
        yield
    finally:
        with _lock:
            _n_users -= 1
            if _n_users == 0:
                config.set_floatx(_theirs[0])
                config.set_image_data_format(_theirs[1])
                with contextlib.suppress(ValueError):  # the filters were replaced meanwhile
                    warnings.filters.remove(ignored)  # type: ignore[attr-defined]
