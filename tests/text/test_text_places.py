"""Where tokens stand that reach a model: truncation, steps, and the text cut at words."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentilib import HTMLTokenizer
from sentilib._text._places import Places

TEXT = '  "One (two)", three. '


def places(text, width=99, truncating="pre", punctuation="split"):
    readings = HTMLTokenizer(punctuation=punctuation)._reader().read([text])
    return Places.of(readings[0], readings.kept(0, width, truncating))


def test_pieces_and_segments_cut_the_text():
    found = places(TEXT)
    assert found.tokens == ["one", "two", "three"]
    assert found.words == ["One", "two", "three"]
    assert found.pieces == ['  "', "One", " (", "two", ')", ', "three", ". "]
    assert found.segments == ['"One (', 'two)", ', "three."]


def test_the_head_is_cut():
    found = places(TEXT, 2, "pre")
    assert found.pieces == ['  "One (', "two", ')", ', "three", ". "]
    assert found.segments == ['two)", ', "three."]
    assert found.cut_pieces == [0]


def test_the_tail_is_cut():
    found = places(TEXT, 2, "post")
    assert found.pieces == ['  "', "One", " (", "two", ')", three. ']
    assert found.segments == ['"One (', 'two)", ']
    assert found.cut_pieces == [2]


def test_the_middle_is_cut():
    found = places("One, two, three, four. ", 3, "middle")
    assert found.pieces == ["", "One", ", two, ", "three", ", ", "four", ". "]
    assert found.segments == ["One, … ", "three, ", "four."]
    assert found.cut_pieces == [1]


def test_a_run_of_marks_is_cut():
    text = "Bad!!!!!!! -- :-) and long"
    found = places(text, punctuation="token")
    assert found.tokens == ["bad", *"!!!!!!!-", "and", "long"]
    assert found.segments == ["Bad", *"!!!!!!", "! ", "-… ", "and ", "long"]
    assert "".join(found.pieces) == text
    assert found.cut_pieces == [9]


def test_a_word_that_stands_in_the_head_too_starts_its_own_segment():
    tokenizer = HTMLTokenizer(punctuation="token", stop_words=["a"])
    found = Places.of(tokenizer.tokenize_with_offsets("a - a b"), np.arange(2))
    assert found.tokens == ["-", "b"]
    assert found.segments == ["a - a ", "b"]
    found = Places.of((["b"], np.array([[4, 5]]), "b - b"), np.arange(1))
    assert found.segments == ["b"]


def test_no_token_leaves_the_text_alone():
    found = places(" ... ")
    assert (found.tokens, found.words, found.segments) == ([], [], [])
    assert found.pieces == [" ... "]


@settings(max_examples=500, deadline=None)
@given(st.text("ab é.\n'日👍<>&"), st.integers(1, 5), st.sampled_from(["pre", "post", "middle"]))
def test_joined_pieces_are_the_visible_text(text, width, truncating):
    found = places(text, width, truncating)
    visible = HTMLTokenizer().visible_text(text)
    assert "".join(found.pieces) == visible == found.visible
    assert found.pieces[1::2] == found.words
    assert len(found.tokens) == min(width, len(HTMLTokenizer(punctuation="split").tokenize(text)))
    for part in "".join(found.segments).split("… "):
        assert part in visible
    for word, segment in zip(found.words, found.segments, strict=True):
        assert word in segment


@pytest.mark.parametrize("pads_front", [True, False])
def test_ids_that_steps_leave_where_they_were_change_nothing(pads_front):
    ids = np.array([0, 0, 7, 8, 9] if pads_front else [7, 8, 9, 0, 0])
    found = places(TEXT).through_steps(ids, pads_front=pads_front)
    assert (found.pieces, found.segments) == (places(TEXT).pieces, places(TEXT).segments)


def test_words_that_steps_take_out_stay_in_the_text():
    found = places(TEXT).through_steps(np.array([7, 0, 9, 0]), pads_front=False)
    assert found.tokens == ["one", "three"]
    assert found.pieces == ['  "', "One", ' (two)", ', "three", ". "]
    assert found.segments == ['"One (two)", ', "three."]


def test_words_that_steps_put_in_are_spelt_around_the_text():
    found = places("One two").through_steps(np.array([7, 8, 31, 32]), pads_front=False)
    assert found.tokens == ["one", "two", "31", "32"]
    assert found.pieces == ["", "One", " ", "two", " ", "31", " ", "32", " "]
    found = places("One two").through_steps(np.array([31, 32, 7, 8]), pads_front=True)
    assert found.tokens == ["31", "32", "one", "two"]
    assert found.pieces == ["", "31", " ", "32", " ", "One", " ", "two", ""]
    assert found.segments == ["31 ", "32 ", "One ", "two"]
