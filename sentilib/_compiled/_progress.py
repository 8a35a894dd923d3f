"""Text for a terminal: lines that name a wait before it begins, where `verbose` is set."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# A terminal obeys control characters and changes of direction, and cannot write surrogates.
_UNPRINTABLE = dict.fromkeys(
    [
        *range(ord("\n")),
        *range(ord("\n") + 1, 32),
        *range(127, 160),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        *range(0xD800, 0xE000),
    ],
    " ",
)


def printable(text: str) -> str:
    """Replace what would harm a terminal by spaces; line feeds and joiners within words remain."""
    return text.translate(_UNPRINTABLE)


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
