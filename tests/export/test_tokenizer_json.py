"""Hugging Face's tokenizers read what HTMLTokenizer reads, if there is no markup."""

import json
import random
import unicodedata

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sentilib import DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import make_reviews
from sentilib.export import to_tokenizer_json

tokenizers = pytest.importorskip("tokenizers")

# Whole characters, as people type them, in the neighbourhoods on which the rules depend.
PIECES = [
    *"abzZ09 '’.,!?-*#/()\"&<>;_\n\t", " ", " ", "é", "e\u0301", "ß", "İ", "Σ", "ς", "½", "ﬁ",
    "ŉ", "\u00ad", "\ufeff", "\u200b", "\u200c", "\x7f", "\u00a0", "…", "。", "—", "€", "™",
    "日", "か", "ー", "ｶ", "한", "국", "צ", "ל", "ש\u05b0", "צ״ל", "׳ב", 'ל"צ', "เก\u0e49า",
    "แม\u0e48", "ក\u17d2ក", "မြ\u1039မ", "कि\u094d", "\u0561", "❤", "❤\ufe0f", "😀", "👍🏽", "🇩🇪",
    "1\ufe0f\u20e3", "👨\u200d👩\u200d👧", "#\ufe0f\u20e3", "don't", "rock'n'roll", "don\u2019t",
    "wo\u00adrd", "!!!", ". . .",
]  # fmt: skip
EMOJI = range(0x1F300, 0x1F650)
PARAMETERS = [
    {},
    {"punctuation": "split", "unspaced": "keep"},
    {"punctuation": "drop"},
    {"lowercase": False, "normalization": None, "truncating": "post", "padding": "pre"},
    {"normalization": "NFKC"},
]


def both(texts, tmp_path, **parameters):
    """Return the ids that HTMLTokenizer and its file find in texts without markup."""
    parameters = {"max_features": None, "max_length": 8, "n_jobs": 1, **parameters}
    tokenizer = HTMLTokenizer(markup=None, **parameters).fit(texts[::2])
    return tokenizer.transform(texts), ids_of_file(tokenizer, texts, tmp_path)


def ids_of_file(estimator, texts, folder):
    to_tokenizer_json(estimator, folder / "tokenizer.json")
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    return np.array([encoding.ids for encoding in tokenizer.encode_batch(texts)])


def differing(texts, expected, found):
    return [ascii(texts[k]) for k in np.flatnonzero((expected != found).any(axis=1))]


@pytest.mark.parametrize("parameters", PARAMETERS, ids=str)
def test_ids_of_typed_text_are_equal(tmp_path, parameters):
    rng = random.Random(0)
    texts = ["".join(rng.choices(PIECES, k=rng.randint(1, 25))) for _ in range(1500)]
    expected, found = both(texts, tmp_path, **parameters)
    assert differing(texts, expected, found) == []
    assert (expected == 1).any() and (expected == 0).any() and (expected[:, -1] > 0).any()


def test_ids_are_equal_for_each_character_of_the_common_scripts(tmp_path):
    """Every assigned character below U+3400, and emoji, in words and between them."""
    characters = [
        character
        for character in map(chr, [*range(1, 0x3400), *range(0xFB00, 0xFDFE), *EMOJI])
        if unicodedata.category(character) != "Cn" and character not in "\u0345\u05f4"
    ]  # fmt: skip
    assert len(characters) > 9000
    texts = [f"a{c}b {c} it'{c}!{c}{c}1" for c in characters]
    expected, found = both(texts, tmp_path, max_length=30)
    assert differing(texts, expected, found) == []


def test_reviews_without_markup_have_equal_ids(tmp_path):
    reviews = make_reviews(300, random_state=0)[0]
    pipe = make_pipeline(HTMLTokenizer(max_features=500, max_length=120, n_jobs=1),
                         DenseSentimentClassifier(epochs=1))  # fmt: skip
    pipe[0].fit(reviews)
    texts = [pipe[0].visible_text(review) for review in reviews]
    expected = pipe[0].set_params(markup=None).transform(texts)
    assert differing(texts, expected, ids_of_file(pipe, texts, tmp_path)) == []


def test_of_a_run_of_marks_eight_are_kept(tmp_path):
    texts = [
        "so!!!!!!!!!!!! * * * * good",
        "- - - - - - - - - - no",
        "😀😀👍🏽😀😀😀😀👍🏽👍🏽😀😀x",
        "a!b!!!!!!!!c!!!!!!!!!d",
        "." * 3000 + "end",
        "🇩🇪" * 12,
        "!?" * 9 + "\n" * 50 + "!.",
    ]
    expected, found = both(texts, tmp_path, max_length=30)
    assert differing(texts, expected, found) == []
    assert np.count_nonzero(expected[4]) == 9


def test_time_is_linear_in_the_length(tmp_path):
    """The look-behind of runs would be quadratic without its limit."""
    expected, found = both(
        ["! " * 20_000 + "a" * 20_000 + " é" * 20_000], tmp_path, max_length=50_000
    )
    assert (expected == found).all() and (expected[0, :8] > 1).all()


def test_markup_is_text_and_the_names_of_special_ids_are_too(tmp_path):
    texts = ["<b>good</b> [PAD] [OOV] &amp; it", "pad oov b"]
    expected, found = both(texts, tmp_path, max_length=30)
    assert differing(texts, expected, found) == [] and (expected[0, :11] > 1).all()


def test_given_words_of_any_length_have_their_ids(tmp_path):
    tokenizer = HTMLTokenizer(vocabulary=["café", "x" * 300], markup=None, max_length=5)
    texts = ["CAFE\u0301 " + "x" * 300, "x" * 301 + " xx"]
    expected, found = tokenizer.fit(texts).transform(texts), ids_of_file(tokenizer, texts, tmp_path)
    assert expected.tolist() == found.tolist()
    assert expected[1].tolist() == [1, 1, 0, 0, 0]


@pytest.mark.parametrize(
    "parameters",
    [{"strip_accents": "unicode"}, {"stop_words": "english"}, {"truncating": "middle"}],
)
def test_parameters_without_an_equivalent_are_refused(tmp_path, parameters):
    tokenizer = HTMLTokenizer(**parameters).fit(["a superb film"])
    ((name, value),) = parameters.items()
    with pytest.raises(ValueError, match=f"no equivalent of {name}={value!r}"):
        to_tokenizer_json(tokenizer, tmp_path / "tokenizer.json")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_tokenizer_is_refused(tmp_path):
    path = tmp_path / "tokenizer.json"
    with pytest.raises(NotFittedError):
        to_tokenizer_json(HTMLTokenizer(), path)
    front = make_pipeline(FunctionTransformer(), HTMLTokenizer(), DenseSentimentClassifier())
    front[1].fit(["a superb film"])
    for estimator in (DenseSentimentClassifier(), front):
        with pytest.raises(TypeError, match="as the first step of a pipeline"):
            to_tokenizer_json(estimator, path)


def test_a_file_is_valid_json_without_characters_of_one_dialect_of_expressions(tmp_path):
    tokenizer = HTMLTokenizer().fit(["a superb film"])
    to_tokenizer_json(tokenizer, tmp_path / "tokenizer.json")
    content = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    patterns = [content["pre_tokenizer"]["pattern"]["Regex"]]
    for step in content["normalizer"]["normalizers"]:
        patterns.append(step.get("pattern", {}).get("Regex", ""))
    for pattern in patterns:
        assert "\\x" in pattern or not pattern.isascii() or not pattern
        assert not {"\\p", "\\u", "[[", "&&", "[]"} & {
            pattern[k : k + 2] for k in range(len(pattern))
        }
