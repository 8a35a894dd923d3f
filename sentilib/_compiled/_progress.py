"""Text for a terminal: lines that name a wait before it begins, where `verbose` is set."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# A terminal obeys them; `str.translate` puts spaces in their place.
CONTROL_CHARACTERS = dict.fromkeys([*range(32), *range(127, 160)], " ")


def printable(text: str) -> str:
    """Replace what has no shape of its own on a terminal by spaces; line feeds remain."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def announce(verbose: int, line: str) -> None:
    """Print a line, to standard output as Keras prints its progress, unless `verbose` is 0."""
    if verbose:
        print(printable(line), flush=True)


@contextmanager
def compilation_announced(verbose: int) -> Iterator[None]:
    """Print a line before the first kernel that is compiled in the block, unless `verbose` is 0.

    Kernels that a cache or this process already contains print nothing.
    """
    if not verbose:
        yield
        return
    from numba.core import event

    class Announcer(event.Listener):
        is_new = True

        def on_start(self, event: Any) -> None:
            if self.is_new:
                self.is_new = False
                announce(verbose, "Compiling kernels, once per installation ...")

        def on_end(self, event: Any) -> None:
            pass

    with event.install_listener("numba:compile", Announcer()):
        yield
