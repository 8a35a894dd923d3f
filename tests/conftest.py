"""Settings that every test shares."""

import os
import signal
import sys
from collections import Counter

import pytest

# scikit-learn skips one of its stock checks where this is unset; it is read when SciPy is loaded.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
# Two test processes share two cores: one thread each does more than two that wait.
for _threads in ("OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(_threads, "1")


@pytest.fixture
def hide(monkeypatch):
    """Return a function that hides a module, as if it were not installed.

    None in `sys.modules` does that too, but scikit-learn below 1.9 asks it for `DataFrame`.
    """

    def hide(name):
        class Finder:
            @staticmethod
            def find_spec(module, path=None, target=None):
                if module == name:
                    raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])

    return hide


def pytest_configure():
    """Let tests of Ctrl-C work in pytest-xdist's workers, which ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter):
    """Print how many checks of each battery ran, so that an empty one is seen."""
    batteries = {
        "test_scikit_learn_contract[Dense": "scikit-learn's checks of DenseSentimentClassifier",
        "test_scikit_learn_contract[Conv": "scikit-learn's checks of ConvSentimentClassifier",
        "test_text_battery[": "text checks of HTMLTokenizer",
        "test_stock_checks_that_need_no_data[": "scikit-learn's checks of HTMLTokenizer",
    }
    for prefix, title in batteries.items():
        outcomes = Counter(
            outcome
            for outcome in ("passed", "failed", "xfailed", "skipped")
            for report in terminalreporter.stats.get(outcome, [])
            if f"::{prefix}" in getattr(report, "nodeid", "")
        )
        if outcomes:
            counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
            terminalreporter.write_line(f"{title}: {counts}")
