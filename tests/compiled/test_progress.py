"""A wait is named before it begins, and only where `verbose` is set."""

import subprocess
import sys

import pytest

from sentilib import DenseSentimentClassifier, HTMLTokenizer
from sentilib._compiled._progress import announce


@pytest.mark.parametrize("verbose", [0, False])
def test_nothing_is_printed_without_verbose(verbose, capsys):
    announce(verbose, "a line")
    assert capsys.readouterr() == ("", "")


def test_a_line_contains_no_escape_codes(capsys):
    announce(1, "Fitting \x1b[2Jmodel\u202e of 日本")
    assert capsys.readouterr().out == "Fitting  [2Jmodel  of 日本\n"


@pytest.mark.parametrize("verbose", [1, 2])
def test_a_process_without_standard_output_is_trained_in_silence(verbose, monkeypatch):
    model = DenseSentimentClassifier(epochs=1, verbose=verbose)
    monkeypatch.setattr(sys, "stdout", None)
    assert model.fit([[2, 3], [4, 5]] * 4, [0, 1] * 4).n_iter_ == 1


def test_a_tokenizer_names_the_counting_of_words_alone(capsys):
    tokenizer = HTMLTokenizer(max_length=2).fit(["a b"])
    tokenizer.set_params(verbose=1).fit_transform(["a b"])
    assert capsys.readouterr() == ("Counting the words of the documents ...\n", "")


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
    assert done.stdout.splitlines()[:4] == [
        "Counting the words of the documents ...",
        "Importing Keras and its backend ...",
        "Learning the n-grams of 40 rows ...",
        "Building the training graph ...",
    ]
