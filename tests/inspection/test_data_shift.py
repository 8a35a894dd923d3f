"""New data against training data: planted shift is found and named, chance is not."""

import re

import numpy as np
import pytest

from sentilib.datasets import make_reviews
from sentilib.inspection import data_shift, report
from sentilib.inspection._measures._domains import similarities, unknown_shares, weighted
from sentilib.inspection._measures._domains import word_counts as counts_of
from sentilib.inspection._measures._near_duplicates import read_words

pandas = pytest.importorskip("pandas")

FOREIGN = "Das Stück beginnt mit einem langen Zug durch die verschneiten Berge."


@pytest.fixture(scope="module")
def texts():
    return make_reviews(500, length=40, random_state=1)[0]


@pytest.fixture(scope="module")
def shifted(texts):
    """New reviews, half of which name an opera; one is in another language."""
    new = [f"{text} Opera!" if k % 2 else text for k, text in enumerate(texts[300:])]
    new[17] = FOREIGN
    X_new = pandas.Series(new, index=[f"r{k}" for k in range(200)])
    return data_shift(texts[:300], X_new, n_words=8, n_outliers=3, random_state=0)


def test_halves_of_one_collection_are_alike(texts):
    found = data_shift(texts[:250], texts[250:], random_state=0)
    assert found.auc_low < 0.55 < found.auc_high + 0.1
    assert (found.features["difference_low"] < 0).all()
    assert (found.features["difference_high"] > 0).all()
    assert found.share_far < 0.05


def test_a_planted_word_is_found_and_named(shifted):
    assert shifted.auc_low > 0.6
    assert shifted.words.index[0] == "opera" and shifted.words.loc["opera", "coefficient"] > 0
    assert shifted.words.loc["opera", ["share_train", "share_new"]].tolist() == [0, 0.495]
    assert shifted.unknown_words.index[0] == "opera" and shifted.unknown_words.iloc[0] == 99
    assert shifted.features.loc["unknown_share", "difference_low"] > 0
    assert "telling words: 'opera'" in str(shifted)
    assert (shifted.n_train, shifted.n_new) == (300, 200)


def test_the_review_in_another_language_is_the_first_outlier(shifted):
    first = shifted.outliers.iloc[0]
    assert shifted.outliers.index[0] == "r17" and first["row"] == 17 and len(shifted.outliers) == 3
    assert first["snippet"] == FOREIGN and first["rank"] < 0.01 and first["unknown_share"] > 0.8
    assert shifted.outliers["similarity"].is_monotonic_increasing


def test_names_of_single_groups_are_no_shift_where_groups_are_given(texts):
    groups = np.repeat(np.arange(25), 20)
    named = [f"{text} name{group:02d}" for text, group in zip(texts, groups, strict=True)]
    options = {"cv": 3, "random_state": 0}
    naive = data_shift(named[:240], named[240:], **options)
    grouped = data_shift(
        named[:240], named[240:], groups_train=groups[:240], groups_new=groups[240:], **options
    )
    assert naive.auc > 0.8 and grouped.auc < 0.6


def test_a_sample_bounds_the_work_and_a_random_state_repeats_it(texts):
    one, other = (
        data_shift(texts[:300], texts[300:], max_reviews=50, random_state=3) for _ in range(2)
    )
    assert (one.n_train, one.n_new) == (50, 50) and str(one) == str(other)
    pandas.testing.assert_frame_equal(one.outliers, other.outliers)
    assert set(one.outliers["row"]) <= set(range(200)) and one.outliers["row"].max() > 50


def test_a_sample_keeps_as_many_groups_as_folds_need(texts):
    groups = np.minimum(np.arange(250), 4)  # four groups of one review
    sides = {"groups_train": groups, "groups_new": groups + 10}
    for seed in range(3):
        options = {"max_reviews": 10, "cv": 5, "random_state": seed, **sides}
        assert data_shift(texts[:250], texts[250:500], **options).n_new == 10


def test_texts_without_words_are_no_shift():
    shift = data_shift([""] * 8, ["<br>"] * 8, random_state=0)
    assert (shift.auc, shift.share_far, len(shift.words)) == (0.5, 0.0, 0)
    assert len(shift.plot().ax_) == 3


def test_plot_and_notebook(shifted):
    assert shifted.plot() is shifted
    assert len(shifted.ax_) == 3 and shifted.ax_[2].get_title().startswith("AUC ")
    assert "AUC" in shifted._repr_html_()


def test_the_report_compares_with_the_training_reviews(dense, reviews, held_out, tmp_path):
    X, y = (values[:40] for values in held_out)
    report(
        dense, X, y, path=tmp_path / "r", n_explained=0, random_state=0,
        X_train=reviews.data[:60], y_train=reviews.target[:60], groups=reviews.movie[1200:1240],
        groups_train=reviews.movie[:60],
    )  # fmt: skip
    page = (tmp_path / "r").read_text(encoding="utf-8")
    shared = np.isin(reviews.movie[1200:1240], reviews.movie[:60]).sum()
    assert shared > 0 and f"{shared} of 40 reviews" in page
    section = re.search('<section id="shift".*?</section>', page, re.DOTALL)
    assert section[0].count("<svg") == 3 and section[0].count("data-row=") == 10
    assert "40 of these reviews, 60 training reviews" in section[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cv": 6}, r"X_new contains 5 reviews, but each of cv=6 folds needs one"),
        ({"groups_new": range(5)}, "Pass both groups_train and groups_new"),
        ({"groups_new": range(4), "groups_train": range(20)}, "must be of the same length"),
    ],
)
def test_what_cannot_be_compared_is_named(texts, options, message):
    with pytest.raises(ValueError, match=message):
        data_shift(texts[:20], texts[20:25], **{"cv": 2} | options)


def test_shares_and_similarities_are_those_of_their_definitions():
    documents = ["a b b", "a c", "c d a", "a e e f", "b b"]
    counts = counts_of(read_words(documents))
    first = [set(text.split()) for text in documents[:3]]
    expected = []
    for k, text in enumerate(documents):
        others = set().union(*(words for j, words in enumerate(first) if j != k))
        expected.append(np.mean([word not in others for word in text.split()]))
    np.testing.assert_allclose(unknown_shares(counts, 3), expected)
    weights = weighted(counts)
    cosines = (weights @ weights[:3].T).toarray()
    cosines[np.arange(3), np.arange(3)] = -1
    nearest = np.sort(cosines, axis=1)[:, -2:].mean(axis=1)
    np.testing.assert_allclose(similarities(weights, 3, 0), nearest, atol=0.1)  # 4 directions
