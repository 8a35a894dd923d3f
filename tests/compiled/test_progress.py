"""A wait is named before it begins, and only where `verbose` is set."""

import subprocess
import sys
from contextlib import contextmanager

import pytest
from numba import njit

from sentilib import DenseSentimentClassifier, HTMLTokenizer, _classifier
from sentilib._compiled._progress import announce, compilation_announced

COMPILING = "Compiling kernels, once per installation ...\n"


@pytest.mark.parametrize("verbose", [0, False])
def test_nothing_is_printed_without_verbose(verbose, capsys):
    announce(verbose, "a line")
    with compilation_announced(verbose):
        njit("f8(f8)")(lambda x: x + 1)
    assert capsys.readouterr() == ("", "")


def test_a_line_contains_no_escape_codes(capsys):
    announce(1, "Fitting \x1b[2Jmodel\u202e of 日本")
    assert capsys.readouterr().out == "Fitting  [2Jmodel  of 日本\n"


@pytest.mark.parametrize("verbose", [1, 2])
def test_a_process_without_standard_output_is_trained_in_silence(verbose, monkeypatch):
    model = DenseSentimentClassifier(epochs=1, verbose=verbose)
    monkeypatch.setattr(sys, "stdout", None)
    assert model.fit([[2, 3], [4, 5]] * 4, [0, 1] * 4).n_iter_ == 1


def test_the_first_compilation_of_a_block_is_announced(capsys):
    with compilation_announced(1):
        assert capsys.readouterr().out == ""
        njit("f8(f8)")(lambda x: x + 1)
        njit("f8(f8)")(lambda x: x + 2)
    assert capsys.readouterr() == (COMPILING, "")
    njit("f8(f8)")(lambda x: x + 3)
    assert capsys.readouterr().out == ""


def test_kernels_that_are_compiled_already_are_not_announced(capsys):
    tokenizer = HTMLTokenizer(max_length=2).fit(["a b"])
    tokenizer.set_params(verbose=1).fit_transform(["a b"])
    assert capsys.readouterr() == ("Counting the words of the documents ...\n", "")


def test_the_first_kernels_of_a_fit_are_loaded_where_compilations_are_announced(monkeypatch):
    """Those of the dictionary take the longest, and are loaded before training starts."""
    steps = []

    @contextmanager
    def noted(verbose):
        steps.append("announced")
        yield
        steps.append("over")

    monkeypatch.setattr(_classifier, "compilation_announced", noted)
    empty = _classifier.empty_dictionary
    monkeypatch.setattr(
        _classifier,
        "empty_dictionary",
        lambda *given: (steps.append("dictionary"), empty(*given))[1],
    )
    DenseSentimentClassifier(epochs=1).fit([[2, 3], [4, 5]] * 10, [0, 1] * 10)
    assert steps == ["announced", "dictionary", "over"]


@pytest.mark.slow
def test_a_first_fit_names_each_wait():
    program = """
from sentilib import DenseSentimentClassifier, HTMLTokenizer
ids = HTMLTokenizer(max_length=4, verbose=1).fit_transform(["good film", "bad film"] * 20)
DenseSentimentClassifier(epochs=1, verbose=2).fit(ids, [1, 0] * 20)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.replace(COMPILING, "").splitlines()[:4] == [
        "Counting the words of the documents ...",
        "Importing Keras and its backend ...",
        "Learning the n-grams of 40 rows ...",
        "Building the training graph ...",
    ]
