"""Duplicates within and across splits, groups in both, and the optimism of a random split."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sentilib import DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import make_reviews
from sentilib.inspection import find_leaks
from sentilib.inspection._measures import _near_duplicates
from sentilib.inspection._measures._near_duplicates import (
    read_words,
    shingle_matrix,
    similar_pairs,
)

pytest.importorskip("pandas")

LONG = "we saw this film twice in one week and both times the ending moved us to tears"


def shingles_of(texts, size):
    words = read_words(texts)
    return shingle_matrix(words.numbers, words.lengths, size)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abc"), max_size=9), min_size=2, max_size=12),
    st.sampled_from([0.2, 0.5, 0.8, 1.0]),
    st.integers(1, 3),
)
def test_the_join_finds_what_comparing_all_pairs_finds(documents, threshold, size):
    texts = [" ".join(words) for words in documents]
    sets = [
        {tuple(words[k : k + size]) for k in range(max(1, len(words) - size + 1))}
        if words
        else set()
        for words in documents
    ]
    expected = {}
    for a, b in itertools.combinations(range(len(sets)), 2):
        if sets[a] and sets[b]:
            jaccard = len(sets[a] & sets[b]) / len(sets[a] | sets[b])
            if jaccard >= threshold - 1e-9:
                expected[a, b] = jaccard
    first, second, similarity, are_all = similar_pairs(shingles_of(texts, size), threshold)
    assert are_all
    found = dict(zip(zip(first.tolist(), second.tolist(), strict=True), similarity, strict=True))
    assert found == pytest.approx(expected)


def test_markup_case_and_punctuation_hide_no_exact_duplicate():
    leaks = find_leaks([f"<p>{LONG}!</p>", "something else"], [LONG.upper()])
    assert leaks.duplicates[["split", "row", "exact"]].to_numpy().tolist() == [
        ["train", 0, True],
        ["test", 0, True],
    ]
    assert leaks.duplicates["across_splits"].all()


def test_near_duplicates_come_with_their_similarity():
    changed = LONG.replace("tears", "laughter")
    leaks = find_leaks([LONG, changed, "a third one, which is nothing like the others at all"])
    n = len(LONG.split()) - 4
    assert leaks.duplicates["row"].tolist() == [0, 1]
    assert not leaks.duplicates["exact"].any()
    np.testing.assert_allclose(leaks.duplicates["similarity"], (n - 1) / (n + 1))
    assert find_leaks([LONG, changed], threshold=0.95).duplicates.empty


def test_labels_that_disagree_come_first_then_pairs_across_splits():
    leaks = find_leaks(
        [
            "one text that is here twice",
            "one text that is here twice",
            LONG,
            "conflict of opinions",
        ],
        [LONG, "conflict of opinions"],
        y_train=[0, 0, 1, 0],
        y_test=[1, 1],
    )
    table = leaks.duplicates
    assert table["labels_disagree"].tolist() == [True, True, False, False, False, False]
    assert table["across_splits"].tolist() == [True] * 4 + [False] * 2
    assert table["label"].tolist()[:2] == [0, 1]
    text = str(leaks)
    assert "4 training and 2 test reviews" in text
    assert "clusters across splits: 2; with labels that disagree: 1" in text


def test_planted_duplicates_are_found_among_many():
    reviews = make_reviews(600, length=60, random_state=0, return_X_y=False)
    train, test = reviews.data[:400], list(reviews.data[400:])
    words = train[17].split()
    test[5] = train[3]
    test[9] = " ".join(words[:-1])
    leaks = find_leaks(
        train, test, groups_train=reviews.movie[:400], groups_test=reviews.movie[400:]
    )
    across = leaks.duplicates[leaks.duplicates["across_splits"]]
    found = set(zip(across["split"], across["row"], strict=True))
    assert {("train", 3), ("test", 5), ("train", 17), ("test", 9)} <= found
    shared = set(reviews.movie[:400]) & set(reviews.movie[400:])
    assert set(leaks.shared_groups.index) == shared
    some = next(iter(shared))
    assert leaks.shared_groups.loc[some].tolist() == [
        (reviews.movie[:400] == some).sum(),
        (reviews.movie[400:] == some).sum(),
    ]


def test_reviews_without_a_word_are_counted_and_no_duplicates():
    leaks = find_leaks(["", "<br/>", "words", "Words!"], ["...", ""], y_train=[0, 1, 1, 1])
    assert leaks.duplicates["row"].tolist() == [2, 3]
    assert leaks.n_empty == 4
    assert "reviews without a word, which are not compared: 4" in str(leaks)


def test_snippets_contain_no_escape_codes():
    leaks = find_leaks([f"\x1b[31m{LONG}", LONG])
    assert leaks.duplicates["snippet"].iloc[0].startswith(" [31mwe saw")


def test_many_copies_cost_no_square_of_memory():
    leaks = find_leaks([LONG] * 20_000 + ["another one"])
    assert len(leaks.duplicates) == 20_000
    assert leaks.duplicates["cluster"].nunique() == 1


def letters_of_one_template(n):
    rng = np.random.RandomState(0)
    return [f"{LONG} says number {rng.randint(10**6)} of {rng.randint(10**6)}" for _ in range(n)]


def test_many_reviews_of_one_template_cost_no_square_of_time(monkeypatch):
    monkeypatch.setattr(_near_duplicates, "_MAX_COMPARED", 2**18)
    texts = letters_of_one_template(2000)
    shingles = shingles_of(texts, 5)
    sizes = np.diff(shingles.indptr)
    first, second, are_all = _near_duplicates._candidates(shingles, sizes, 0.5)
    assert not are_all
    assert len(first) == len(set(zip(first.tolist(), second.tolist(), strict=True)))
    assert 2**18 < (sizes[first] + sizes[second]).sum() < 2**19  # of 2 ** 26 for all pairs
    leaks = find_leaks([*texts, "nothing like them at all"], threshold=0.5)
    assert leaks.duplicates["row"].tolist() == list(range(2000))
    assert leaks.duplicates["cluster"].nunique() == 1
    assert not leaks.all_compared and "not all pairs were compared" in str(leaks)


def test_all_pairs_are_compared_where_there_are_few():
    leaks = find_leaks(letters_of_one_template(60), threshold=0.5)
    assert leaks.all_compared and "not all pairs" not in str(leaks)
    assert len(leaks.duplicates) == 60


def test_a_random_split_is_optimistic_where_groups_give_the_label_away():
    rng = np.random.RandomState(0)
    groups = np.repeat(np.arange(30), 10)
    y = np.repeat(rng.permutation([0, 1] * 15), 10)
    texts = [f"title{g} " + " ".join(rng.choice(list("abcdefgh"), 4)) for g in groups]
    leaks = find_leaks(
        texts,
        y_train=y,
        groups_train=groups,
        estimator=make_pipeline(
            HTMLTokenizer(max_length=8),
            OneHotEncoder(handle_unknown="ignore"),
            LogisticRegression(C=10),
        ),
        cv=3,
        random_state=0,
    )
    table = leaks.optimism
    assert table.loc["random", "accuracy"] > 0.9
    assert table.loc["by group", "accuracy"] < 0.7
    row = table.loc["optimism"]
    assert 0.2 < row["accuracy_low"] < row["accuracy"] < row["accuracy_high"]
    assert "a random split is optimistic by +" in str(leaks)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0}, r"'threshold' .* must be a float in the range \(0.0, 1.0\]"),
        ({"shingle_size": 0}, "'shingle_size' parameter of find_leaks must be an int in the range"),
        ({"y_train": [1]}, "y_train must contain one value for each of 2 reviews, got 1"),
        ({"estimator": DenseSentimentClassifier()}, "needs y_train and groups_train"),
        (
            {"confidence_level": 95},
            r"'confidence_level' .* must be a float in the range \(0.0, 1.0\)",
        ),
    ],
)
def test_bad_input_says_what_to_do(options, message):
    with pytest.raises(ValueError, match=message):
        find_leaks(["one", "two"], **options)
