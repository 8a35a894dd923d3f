"""Progress: lines before steps that take long."""

import time

from sentilib._compiled._progress import announce


class Progress:
    """Print a line before each step of a function that may take more than a few seconds.

    Parameters
    ----------
    verbose : int or bool
        0 prints nothing, 1 a line before each step, 2 also one per fold where there are folds.
    what : str
        Name of the function, which begins each line.
    """

    def __init__(self, verbose: int | bool, what: str) -> None:
        self.verbose = int(verbose)
        self._what = what
        self._start = time.perf_counter()

    def __call__(self, step: str) -> None:
        """Print the seconds since the start, and the step that begins now."""
        self._print(f"{step} ...")

    def done(self) -> None:
        """Print the seconds since the start."""
        self._print("Done.")

    def _print(self, text: str) -> None:
        announce(self.verbose, f"[{self._what}, {time.perf_counter() - self._start:.1f} s] {text}")
