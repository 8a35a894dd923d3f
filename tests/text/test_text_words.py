"""The counts of words, and the choice of a vocabulary from them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sentilib._text import _words
from sentilib._text._vocabulary import choose_words
from sentilib._text._words import WordTable


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.text("ab\u00e9\u4e2d\U0001f600", min_size=1, max_size=20), min_size=1, unique=True),
    st.integers(1, 12),
    st.data(),
)
def test_the_most_frequent_words_are_chosen_and_ties_by_name(words, n, data):
    counts = data.draw(st.lists(st.integers(1, 3), min_size=len(words), max_size=len(words)))
    table = WordTable.of(words)
    table.stats[:, 0], table.stats[:, 1] = counts, 1
    chosen = choose_words(table, [], min_df=1, max_df=9, max_features=n)
    by_count = sorted(zip(words, counts, strict=True), key=lambda pair: (-pair[1], pair[0]))
    assert table.words(chosen) == [word for word, _ in by_count[:n]]


def test_words_of_the_same_count_are_not_all_spelled_and_sorted(monkeypatch):
    table = WordTable.of([f"word{k:07d}" for k in range(20_000)])
    table.stats[:] = 1
    spelled, words = [], WordTable.words
    monkeypatch.setattr(
        WordTable, "words", lambda self, *numbers: spelled.append(*numbers) or words(self, *numbers)
    )
    chosen = choose_words(table, [], min_df=1, max_df=9, max_features=30)
    assert chosen.tolist() == list(range(30))
    assert sum(map(len, spelled)) == 30


def test_a_table_that_grows_keeps_its_slots(monkeypatch):
    """Computing those of ten million words anew takes seconds, for each part of a stream."""
    table = WordTable.of([f"word{k}" for k in range(5000)])
    before = [array.copy() for array in table.arrays]
    filled = []
    kernels = _words._table_kernels
    fill = kernels.fill_slots
    other = WordTable.of(["word7", "new"])
    monkeypatch.setattr(kernels, "fill_slots", lambda *a: filled.append(a[3]) or fill(*a))
    merged, numbers = table.merged(other)
    assert filled == []
    assert numbers.tolist() == [7, 5000] and merged.words() == [*table.words(), "new"]
    for array, same in zip(table.arrays, before, strict=True):
        np.testing.assert_array_equal(array, same)
