"""Words in the scope of a negation are words of their own, everywhere."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

import sentilib
from sentilib import (
    DenseSentimentClassifier,
    HTMLTokenizer,
    TokenShapExplainer,
    WordVectors,
    compress,
    predict_proba_in_chunks,
)
from sentilib._ids import OOV
from sentilib._pipelines import read_reviews
from sentilib._text._words import WordTable
from sentilib.export import to_tokenizer_json
from sentilib.inspection._measures._heat_maps import heat_maps

NEGATIONS = ["not", "no", "don't", "unfortunatelynever"]
WORDS = ["good", "a", "unputdownable", "café", "masterpieces", "👍🏽", "映", "12345678", ".", "!"]
TEXTS = st.lists(
    st.lists(st.sampled_from([*NEGATIONS, *WORDS]), max_size=8).map(" ".join),
    min_size=1,
    max_size=4,
)


def marked(tokens, scope):
    """Return tokens with marked words: slow and plain."""
    left, result = 0, []
    for token in tokens:
        if not token[0].isalnum():
            left = 0
        result.append(token + "_NEG" if left else token)
        left = scope if token in NEGATIONS else max(left - 1, 0)
    return result


def tokenizer_of(scope=3, **parameters):
    parameters = {"max_length": 40, "negations": NEGATIONS, "n_jobs": 1, **parameters}
    return HTMLTokenizer(negation_scope=scope, **parameters)


class TestScope:
    @given(TEXTS, st.integers(1, 4))
    @settings(deadline=None, max_examples=25)
    def test_tokens_and_ids_are_those_of_a_plain_loop(self, texts, scope):
        tokenizer, plain = tokenizer_of(scope), HTMLTokenizer()
        expected = [marked(plain.tokenize(text), scope) for text in texts]
        assert [tokenizer.tokenize(text) for text in texts] == expected
        if any(expected):
            rows = tokenizer.fit_transform(texts)
            words = [list(row) for row in tokenizer.inverse_transform(rows)]
            assert words == expected
            assert set(tokenizer.vocabulary_) == {token for row in expected for token in row}
            np.testing.assert_array_equal(tokenizer.transform(texts), rows)
            np.testing.assert_array_equal(tokenizer.transform(tokenizer._read(texts)), rows)

    def test_a_scope_outlasts_the_growth_of_the_table(self):
        scanner = tokenizer_of(70)._reader().scanner
        text = "not " + " ".join(f"w{k}x{'y' * (k % 11)}" for k in range(90)) + " not z"
        table = WordTable(1, 1)
        stream = scanner.scan(scanner.prepare(0, [text]), table, learn=True)
        words = table.words()
        assert [words[k] for k in stream.numbers[: stream.starts[1]]] == marked(text.split(), 70)

    @pytest.mark.parametrize("length", range(1, 26))
    def test_words_of_all_lengths_are_marked_and_found_without_mark(self, length):
        word = "w" * length
        tokenizer = tokenizer_of(1).fit([f"not {word} {word}x"])
        assert tokenizer.tokenize(f"no {word} {word}") == ["no", f"{word}_NEG", word]
        assert set(tokenizer.vocabulary_) == {"not", f"{word}_NEG", f"{word}x"}
        found = tokenizer.transform([f"not {word} {word}x", f"not {word}x {word}"])[:, :3]
        by_word = [tokenizer.vocabulary_[w] for w in ("not", f"{word}_NEG", f"{word}x")]
        assert found.tolist() == [by_word, [by_word[0], by_word[2], OOV]]

    def test_a_scope_ends_with_its_document(self):
        texts = ["this is not", "good", "I do not", "like it"]
        tokenizer = tokenizer_of().fit(texts)
        assert not any(word.endswith("_NEG") for word in tokenizer.vocabulary_)

    @pytest.mark.parametrize("punctuation", ["token", "split", "drop"])
    def test_english_contractions_begin_a_scope(self, punctuation):
        tokenizer = HTMLTokenizer(negation_scope=1, punctuation=punctuation)
        for text in ("didn't work", "Didn’t work", "dont work", "WITHOUT work", "cannot work"):
            assert tokenizer.tokenize(text)[1:] == ["work_NEG"]
        cased = tokenizer.set_params(lowercase=False)
        assert cased.tokenize("Not Good")[1] == cased.tokenize("NOT Good")[1] == "Good_NEG"

    def test_negations_of_other_languages_are_passed(self):
        german = tokenizer_of(2, negations={"nicht", "KEIN", "keine"})
        assert german.tokenize("Kein guter Film") == ["kein", "guter_NEG", "film_NEG"]
        assert german.tokenize("not good") == ["not", "good"]
        chinese = tokenizer_of(2, negations=("不",))
        assert chinese.tokenize("电影不好看。好") == [*"电影不", "好_NEG", "看_NEG", "。", "好"]

    def test_stop_words_begin_and_fill_scopes_but_do_not_appear(self):
        tokenizer = tokenizer_of(2, stop_words=["not", "a"]).fit(["not a good film", "a dull film"])
        assert tokenizer.tokenize("not a good film") == ["good_NEG", "film"]
        assert set(tokenizer.vocabulary_) == {"good_NEG", "film", "dull"}
        assert (tokenizer.transform(["a not a good"])[0] > 0).sum() == 1

    def test_without_a_scope_nothing_is_marked_and_negations_are_ignored(self):
        texts = ["Not a good film, no.", "I don't like it"]
        plain = HTMLTokenizer().fit(texts)
        for negations in ("english", [], ["no longer"]):
            other = HTMLTokenizer(negations=negations).fit(texts)
            assert other.vocabulary_ == plain.vocabulary_
            np.testing.assert_array_equal(other.transform(texts), plain.transform(texts))


class TestVocabulary:
    def test_an_unknown_marked_word_is_read_as_the_plain_word(self):
        tokenizer = tokenizer_of().fit(["good film good", "not good", "a film"])
        known, new = tokenizer.vocabulary_, ["not film good!", "no a strange good"]
        expected = [
            [known["not"], known["film"], known["good_NEG"], OOV],
            [OOV, known["a"], OOV, known["good_NEG"]],
        ]
        assert tokenizer.transform(new)[:, :4].tolist() == expected
        assert tokenizer.transform(tokenizer._read(new))[:, :4].tolist() == expected
        assert tokenizer.document_statistics(new).unknown_share.tolist() == [0.25, 0.5]

    def test_rare_marked_words_get_the_plain_id_in_fit_transform_too(self):
        texts = ["good film good film a a", "not good", "a film"]
        tokenizer = tokenizer_of(max_features=3)
        rows = tokenizer.fit_transform(texts)
        assert list(tokenizer.vocabulary_) == ["a", "film", "good"]
        assert rows[1, :2].tolist() == [OOV, tokenizer.vocabulary_["good"]]
        np.testing.assert_array_equal(rows, tokenizer.transform(texts))
        assert tokenizer.document_frequency_.tolist() == [0, 0, 2, 2, 1]

    def test_parts_and_merged_counts_are_those_of_one_fit(self):
        texts = ["not good", "good no film", "a film, not a masterpiece", "don't", "no a"]
        whole = tokenizer_of().fit(texts)
        parts = [tokenizer_of().partial_fit(texts[:2]), tokenizer_of().fit(texts[2:])]
        learnt = tokenizer_of().fit(texts[:2]).partial_fit(texts[2:])
        for other in (tokenizer_of().merge(parts), learnt, tokenizer_of().merge(reversed(parts))):
            assert other.vocabulary_ == whole.vocabulary_
            np.testing.assert_array_equal(other.document_frequency_, whole.document_frequency_)
        for name, value in (("negation_scope", 2), ("negations", ["not"])):
            with pytest.raises(ValueError, match=f"Tokenizer 0 has {name}=.*different words"):
                tokenizer_of().set_params(**{name: value}).merge(parts)

    def test_given_words_may_be_marked(self):
        tokenizer = tokenizer_of(2, vocabulary=["good", "good_NEG", "film"], max_length=4)
        assert tokenizer.transform(["no good film"]).tolist() == [[OOV, 3, 4, 0]]
        tokenizer.set_params(negation_scope=0)
        with pytest.warns(UserWarning, match="can match no token, such as 'good_NEG'"):
            assert tokenizer.transform(["no good film"]).tolist() == [[OOV, 2, 4, 0]]

    def test_words_of_vectors_are_read_in_a_scope_that_training_lacked(self):
        vectors = WordVectors(["superb", "dull"], np.eye(2))
        tokenizer = tokenizer_of(vectors=vectors).fit(["not dull", "a film"])
        assert list(tokenizer.vocabulary_)[:2] == ["superb", "dull"]
        row = tokenizer.transform(["no superb dull"])[0, :3].tolist()
        assert row == [OOV, 2, tokenizer.vocabulary_["dull_NEG"]]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"negations": []}, 'negations is empty: pass words such as "not"'),
        ({"negations": ["no longer"]}, "'no longer', which is read as 2 tokens"),
        ({"negations": ["not", ""]}, "negations contains '', which is not a word"),
        ({"negations": ["not", 3]}, "negations contains 3, which is not a word"),
        ({"negations": "german"}, "'negations' parameter of HTMLTokenizer must be"),
        ({"negations": None}, "'negations' parameter of HTMLTokenizer must be"),
        ({"scope": -1}, "'negation_scope' parameter of HTMLTokenizer must be an int"),
        ({"scope": 2.0}, "'negation_scope' parameter of HTMLTokenizer must be an int"),
    ],
)
def test_parameters_are_checked_in_fit(parameters, message):
    tokenizer = tokenizer_of(**parameters)
    with pytest.raises((ValueError, TypeError), match=message):
        tokenizer.fit(["not good"])
    assert not hasattr(tokenizer, "vocabulary_")


REVIEWS = [
    *(f"not good, {w} film" for w in ("a", "the", "one", "no", "my")),
    *(f"good, {w} <b>film</b>" for w in ("a", "the", "one", "my", "our")),
] * 4  # fmt: skip
Y = np.tile(np.repeat([0, 1], 5), 4)


@pytest.fixture(scope="module")
def pipe():
    model = DenseSentimentClassifier(
        epochs=10, embedding_dim=4, hidden_units=4, ngram_range=(1, 1), random_state=0
    )
    return make_pipeline(tokenizer_of(6, max_length=12), model).fit(REVIEWS, Y)


class TestPipeline:
    def test_single_words_learn_negation(self, pipe):
        negated, plain = pipe.decision_function(["not good", "good"])
        assert negated < 0 < plain
        known = pipe[0].vocabulary_
        assert known["good_NEG"] != known["good"]

    def test_a_contribution_belongs_to_the_word_as_written(self, pipe):
        text = ["I do NOT like a <i>Good</i> film. unputdownable"]
        explanation = TokenShapExplainer(pipe).explain(text)
        tokens = "i do not like_NEG a_NEG good_NEG film_NEG . unputdownable".split()
        assert list(explanation.feature_names[0]) == tokens
        assert list(explanation.display_data[0])[2:6] == ["NOT", "like", "a", "Good"]
        assert explanation.unknown_words == {"i", "do", "like_NEG", ".", "unputdownable"}
        total = explanation.base_values[0] + explanation.values[0].sum(axis=0)
        np.testing.assert_allclose(np.ravel(total), pipe.decision_function(text), atol=1e-9)
        assert explanation.values[0][5].item() < 0 < pipe.decision_function(["good"])[0]
        (shown,) = heat_maps(read_reviews(pipe, text), np.array([0]), np.array([1]))
        assert "".join(shown.pieces) == pipe[0].visible_text(text[0])
        assert shown.pieces[11] == "Good" and shown.tokens[5] == "good_NEG"

    def test_chunks_copies_and_files_predict_alike(self, pipe):
        texts = [*REVIEWS[:10], "no film was good", "not " * 20 + "good"]
        expected = pipe.predict_proba(texts)
        chunks = predict_proba_in_chunks(pipe, iter(texts), chunk_size=3)
        np.testing.assert_array_equal(chunks, expected)
        dumped = skops.io.dumps(pipe)
        for other in (
            pickle.loads(pickle.dumps(pipe)),
            skops.io.loads(dumped, trusted=sentilib.TRUSTED_TYPES),
            compress(pipe, bits=32),
        ):
            np.testing.assert_allclose(other.predict_proba(texts), expected, rtol=0, atol=1e-6)
            assert other[0].vocabulary_ == pipe[0].vocabulary_
            assert other[0].negation_scope == 6 and other[0].negations == NEGATIONS
        assert clone(pipe)[0].get_params() == pipe[0].get_params()

    def test_tokenizer_json_has_no_equivalent(self, pipe, tmp_path):
        pytest.importorskip("tokenizers")
        with pytest.raises(ValueError, match="no equivalent of negation_scope=6"):
            to_tokenizer_json(pipe, tmp_path / "tokenizer.json")


def test_offsets_are_those_of_the_written_word():
    tokens, offsets, visible = tokenizer_of().tokenize_with_offsets("Not<br>Caf&eacute; good")
    assert tokens == ["not", "café_NEG", "good_NEG"]
    assert [visible[a:b] for a, b in offsets] == ["Not", "Café", "good"]
    assert all(a[1] <= b[0] for a, b in pairwise(offsets))
