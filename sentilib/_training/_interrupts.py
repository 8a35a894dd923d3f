"""Ctrl-C while Keras and TensorFlow run, which it would leave half-built, or end with a crash."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class _Held:
    """A handler of SIGINT that keeps the first one back; a second one is handled at once."""

    def __init__(self, before: Callable) -> None:
        self.before, self.is_waiting = before, False

    def __call__(self, number: int, frame: Any) -> None:
        if self.is_waiting:
            self.before(number, frame)
        self.is_waiting = True

    def deliver(self) -> None:
        if self.is_waiting:
            self.is_waiting = False
            self.before(signal.SIGINT, None)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back until `deliver_interrupt`, or the end of the block.

    Keras and TensorFlow catch all exceptions in some places and report a ValueError or TypeError of
    their own; an exception within their C++ code can crash the process.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    held = _Held(before)
    signal.signal(signal.SIGINT, held)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is held:  # no callback has set another one
            signal.signal(signal.SIGINT, before)
        held.deliver()


def deliver_interrupt() -> None:
    """Handle a Ctrl-C that was held back: by default, raise KeyboardInterrupt."""
    held = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is threading.main_thread() and isinstance(held, _Held):
        held.deliver()
