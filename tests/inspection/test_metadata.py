"""review_metadata: figures of known texts, and what it says where a package is missing."""

import os
import subprocess
import sys

import numpy as np
import pytest

from sentilib.inspection import review_metadata

pandas = pytest.importorskip("pandas")

EASY = "The cat sat on the mat. It was a <b>wonderful</b> day."
HARD = (
    "Notwithstanding considerable methodological heterogeneity, investigators "
    "consistently demonstrated statistically significant deterioration."
)


@pytest.mark.parametrize("package", ["textblob", "pandas"])
def test_a_missing_package_is_named_with_its_installation(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    extra = "inspect" if package == "pandas" else "metadata"
    with pytest.raises(ImportError, match=rf"needs {package}: pip install 'sentilib\[{extra}\]'"):
        review_metadata(["text"])


@pytest.fixture(scope="module")
def table():
    pytest.importorskip("textblob")
    return review_metadata([EASY, HARD, "A horrible, terrible film", "", "<br />", "xyzzyx 42"])


def test_each_text_has_a_row_and_markup_is_not_read(table):
    assert table.shape == (6, 6)
    assert table["n_words"].tolist() == [11, 10, 4, 0, 0, 2]
    assert table["n_sentences"].tolist() == [2, 1, 1, 0, 0, 1]


@pytest.mark.parametrize(
    ("text", "n_words", "n_sentences"),
    [
        ("It's a well-made film", 4, 1),
        ("What?! No... 'Yes.' (Maybe.) End", 5, 5),
        ("It costs $3.50 at www.example.org now", 9, 1),
        ("A heading<br /><br />and a paragraph", 5, 2),
        ("One line<br />and another", 4, 1),
        ("... !!! _ * (?)", 0, 0),
        ("Ça va bien… très bien !", 5, 2),
    ],
)
def test_words_and_sentences_follow_the_rule(text, n_words, n_sentences):
    pytest.importorskip("textblob")
    (row,) = review_metadata([text]).itertuples()
    assert (row.n_words, row.n_sentences) == (n_words, n_sentences)


def test_the_formulas_hold(table):
    # 35 letters in 11 words and 2 sentences
    row = table.loc[0]
    assert row["automated_readability_index"] == pytest.approx(
        4.71 * 35 / 11 + 0.5 * 11 / 2 - 21.43
    )
    assert row["coleman_liau_index"] == pytest.approx(
        0.0588 * (35 / 11 * 100) - 0.296 * (2 / 11 * 100) - 15.8
    )
    for grade in ("automated_readability_index", "coleman_liau_index"):
        assert table[grade][0] + 8 < table[grade][1]


def test_polarity_follows_the_words(table):
    assert table["polarity"][0] > 0.5 > -0.5 > table["polarity"][2]
    assert table["polarity"].between(-1, 1).all() and table["subjectivity"].between(0, 1).all()


def test_texts_without_words_have_no_readability(table):
    grades = table[["automated_readability_index", "coleman_liau_index"]]
    assert np.isnan(grades.loc[[3, 4]]).all(axis=None)
    assert np.isfinite(table.loc[[0, 1, 2, 5]]).all(axis=None)


def test_rows_stay_in_order_where_texts_are_many():
    pytest.importorskip("textblob")
    texts = [f"{'very ' * (k % 7)}good film." for k in range(150)]  # more than one batch
    assert review_metadata(texts)["n_words"].tolist() == [k % 7 + 2 for k in range(150)]
    pandas.testing.assert_frame_equal(review_metadata(texts), review_metadata(texts, n_jobs=2))


@pytest.mark.slow
def test_neither_a_network_nor_a_corpus_is_needed(tmp_path):
    pytest.importorskip("textblob")
    program = """
import socket
import nltk
nltk.data.path.clear()
def refuse(*args, **options): raise OSError("the network was asked")
socket.socket.connect = socket.getaddrinfo = refuse
from sentilib.inspection import review_metadata
print(review_metadata(["A wonderful film. Go!"])["polarity"].tolist())
"""
    environment = {**os.environ, "HOME": str(tmp_path), "NLTK_DATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.stdout == "[1.0]\n", done.stderr
