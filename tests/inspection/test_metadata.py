"""review_metadata: figures of known texts, and what it says where a package is missing."""

import sys

import numpy as np
import pytest

from sentilib.inspection import review_metadata

pandas = pytest.importorskip("pandas")


@pytest.mark.parametrize("package", ["textstat", "textblob", "pandas"])
def test_a_missing_package_is_named_with_its_installation(monkeypatch, package):
    for name in ("textstat", "textblob"):
        monkeypatch.setitem(sys.modules, name, pytest)  # any module: it is not reached
    monkeypatch.setitem(sys.modules, package, None)
    extra = "inspect" if package == "pandas" else "metadata"
    with pytest.raises(ImportError, match=rf"needs {package}: pip install 'sentilib\[{extra}\]'"):
        review_metadata(["text"])


@pytest.fixture(scope="module")
def table():
    pytest.importorskip("textstat")
    pytest.importorskip("textblob")
    return review_metadata(
        [
            "The cat sat on the mat. It was a <b>wonderful</b> day.",
            "Notwithstanding considerable methodological heterogeneity, investigators "
            "consistently demonstrated statistically significant deterioration.",
            "A horrible, terrible film",
            "",
            "<br />",
            "stinker xyzzyx qwrtp",
        ]
    )


def test_each_text_has_a_row_and_markup_is_not_read(table):
    assert table.shape == (6, 14)
    assert table["n_words"].tolist()[:1] == [11]
    assert table["n_sentences"].tolist()[:1] == [2]


def test_hard_texts_are_hard_and_easy_ones_easy(table):
    assert table["flesch_reading_ease"][0] > 80 > 0 > table["flesch_reading_ease"][1]
    for grade in ("flesch_kincaid_grade", "gunning_fog", "coleman_liau_index"):
        assert table[grade][0] + 8 < table[grade][1]


def test_flesch_s_formula_holds(table):
    # 2 sentences, 11 words, 13 syllables
    assert table["flesch_reading_ease"][0] == pytest.approx(
        206.835 - 1.015 * 5.5 - 84.6 * 13 / 11, abs=0.01
    )


def test_polarity_follows_the_words(table):
    assert table["polarity"][0] > 0.5 > -0.5 > table["polarity"][2]
    assert table["polarity"].between(-1, 1).all() and table["subjectivity"].between(0, 1).all()


def test_texts_without_words_have_no_readability(table):
    assert np.isnan(table["smog_index"][[3, 4]]).all()
    assert table["n_words"][[3, 4]].tolist() == [0, 0]
    assert np.isfinite(table.loc[5].to_numpy(dtype=float)).all()


def test_rows_stay_in_order_where_texts_are_many():
    pytest.importorskip("textstat")
    pytest.importorskip("textblob")
    texts = [f"{'very ' * (k % 7)}good film." for k in range(150)]  # more than one batch
    assert review_metadata(texts)["n_words"].tolist() == [k % 7 + 2 for k in range(150)]
