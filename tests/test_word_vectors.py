"""Pretrained word vectors, from the files and objects of others to words that training lacked."""

import copy
import gzip
import itertools
import math
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse
import skops.io
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import sentilib
from sentilib import DenseSentimentClassifier, HTMLTokenizer, TokenShapExplainer, WordVectors
from sentilib._ids import FIRST_WORD
from sentilib._training import _vectors
from sentilib.export import to_onnx
from sentilib.inspection import error_table

GOOD = [f"good{letter}" for letter in "abcdefghijklmnopqrst"]
BAD = [f"bad{letter}" for letter in "abcdefghijklmnopqrst"]
PLAIN = [f"plain{letter}" for letter in "abcdefghijklmnopqrst"]
N_IN_TRAINING = 10  # words of each kind that training contains, from the first on


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(0)
    kinds = np.repeat([[1.0, 0, 0], [-1, 0, 0], [0, 0, 0]], len(GOOD), axis=0)
    return WordVectors([*GOOD, *BAD, *PLAIN], kinds + rng.normal(0, 0.1, kinds.shape))


def texts_of(first, last, n, seed):
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for k in range(n):
        kind = GOOD if k % 2 else BAD
        words = [*rng.choice(kind[first:last], 3), *rng.choice(PLAIN[first:last], 3), "today"]
        texts.append(" ".join(rng.permutation(words)))
        labels.append("pos" if k % 2 else "neg")
    return texts, np.array(labels)


TRAIN = texts_of(0, N_IN_TRAINING, 60, 1)
NEW = texts_of(N_IN_TRAINING, len(GOOD), 60, 2)


def pipe_with(vectors, **parameters):
    return make_pipeline(
        HTMLTokenizer(max_length=10, vectors=vectors),
        DenseSentimentClassifier(random_state=0, vectors=vectors, **parameters),
    )


@pytest.fixture(scope="module")
def fitted(vectors):
    return pipe_with(vectors).fit(*TRAIN)


def test_words_that_training_lacked_are_read_through_the_vectors(fitted):
    assert fitted.score(*NEW) > 0.95
    without = pipe_with(None).fit(*TRAIN)
    assert without.score(*NEW) < 0.7


def test_ids_are_words_of_the_vectors_then_learnt_words(fitted, vectors):
    tokenizer = fitted[0]
    assert list(tokenizer.vocabulary_) == [*vectors.words, "today"]
    [words] = tokenizer.inverse_transform(tokenizer.transform([NEW[0][0]]))
    assert words.tolist() == NEW[0][0].split()
    assert tokenizer.document_frequency_[tokenizer.vocabulary_[GOOD[-1]]] == 0


def test_explanations_are_exact_and_new_words_have_their_own_contribution(fitted, vectors):
    text = f"{GOOD[0]} {BAD[-1]} today {GOOD[-1]}"
    explanation = TokenShapExplainer(fitted, baseline="pad")([text])
    ids = fitted[0].transform([text])
    players = range(4)

    def value(kept):
        row = ids.copy()
        row[0, [k for k in players if k not in kept]] = 0
        return fitted[-1].decision_function(row)[0]

    expected = np.zeros(4)
    for k in players:
        others = [p for p in players if p != k]
        for n in range(4):
            share = math.factorial(n) * math.factorial(3 - n) / math.factorial(4)
            for kept in itertools.combinations(others, n):
                expected[k] += share * (value({*kept, k}) - value(set(kept)))
    values = np.asarray(explanation.values[0])
    np.testing.assert_allclose(np.ravel(values)[:4], expected, atol=1e-10)
    assert expected[1] < 0 < expected[3]


def test_the_textbook_graph_computes_the_same(fitted):
    ids = fitted[0].transform(NEW[0][:5])
    logits = np.asarray(fitted[-1].to_keras()(ids))
    np.testing.assert_allclose(
        logits[:, 1] - logits[:, 0], fitted[-1].decision_function(ids), atol=1e-4
    )


@pytest.mark.parametrize("parameters", [{"ngram_range": (1, 1)}, {"mask_padding": False}])
def test_other_parameters(vectors, parameters):
    assert pipe_with(vectors, **parameters).fit(*TRAIN).score(*NEW) > 0.9


def test_several_classes_and_validation_data(vectors):
    texts, labels = TRAIN
    three = np.where([GOOD[0] in text for text in texts], "best", labels)
    tokenizer = HTMLTokenizer(max_length=10, vectors=vectors)
    ids = tokenizer.fit_transform(texts)
    classifier = DenseSentimentClassifier(random_state=0, vectors=vectors, early_stopping=True)
    classifier.fit(ids, three, X_val=tokenizer.transform(NEW[0]), y_val=NEW[1])
    assert classifier.history_["val_accuracy"][-1] > 0.6
    np.testing.assert_allclose(classifier.predict_proba(ids).sum(axis=1), 1)
    proba = classifier.predict_proba(tokenizer.transform(NEW[0]))
    is_negative = NEW[1] == "neg"
    assert proba[is_negative, 1].mean() > proba[~is_negative, 1].mean() + 0.2


def test_copies_share_the_vectors_and_files_restore_them(fitted, vectors):
    assert clone(fitted)[0].vectors is vectors is clone(fitted)[-1].vectors
    assert copy.deepcopy(vectors) is vectors is copy.copy(vectors)
    expected = fitted.predict_proba(NEW[0])
    saved = pickle.dumps(fitted)
    restored = pickle.loads(saved)
    np.testing.assert_array_equal(restored.predict_proba(NEW[0]), expected)
    assert restored[0].vectors is restored[-1].vectors
    safe = skops.io.loads(skops.io.dumps(fitted), trusted=sentilib.TRUSTED_TYPES)
    np.testing.assert_array_equal(safe.predict_proba(NEW[0]), expected)
    np.testing.assert_array_equal(clone(restored).fit(*TRAIN).predict_proba(NEW[0]), expected)


def test_smaller_copies_predict(fitted):
    small = sentilib.compress(fitted, bits=8)
    np.testing.assert_array_equal(small.predict(NEW[0]), fitted.predict(NEW[0]))
    assert len(np.unique(small[-1]._trained.weights["embedding"])) <= 256


def test_an_onnx_file_knows_the_new_words(fitted, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    ids = fitted[0].transform(NEW[0])
    to_onnx(fitted, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    _, probabilities = session.run(None, {"token_ids": ids})
    np.testing.assert_allclose(probabilities, fitted[-1].predict_proba(ids), atol=1e-5)


def test_reports_show_the_new_words_as_words(fitted):
    table = error_table(fitted, *NEW)
    assert (table["oov_count"] == 0).all()
    [words] = TokenShapExplainer(fitted).explain(NEW[0][:1]).data
    assert [str(word).strip() for word in words if str(word).strip()] == NEW[0][0].split()


def test_a_search_tries_with_and_without(vectors):
    texts, labels = texts_of(0, len(GOOD), 40, 3)
    one = {"htmltokenizer__vectors": [vectors], "densesentimentclassifier__vectors": [vectors]}
    none = {name: [None] for name in one}
    search = GridSearchCV(pipe_with(None, epochs=1), [one, none], cv=2).fit(texts, labels)
    assert search.best_params_["htmltokenizer__vectors"] is vectors


def test_training_continues(vectors):
    tokenizer = HTMLTokenizer(max_length=10, vectors=vectors)
    ids = tokenizer.fit_transform(TRAIN[0])
    new = tokenizer.transform(NEW[0])
    classifier = DenseSentimentClassifier(random_state=0, vectors=vectors, warm_start=True)
    classifier.fit(ids, TRAIN[1]).fit(ids, TRAIN[1])
    assert classifier.score(new, NEW[1]) > 0.9
    assert classifier.partial_fit(ids, TRAIN[1]).score(new, NEW[1]) > 0.9
    stream = DenseSentimentClassifier(random_state=0, vectors=vectors)
    for _ in range(2):
        stream.partial_fit(ids, TRAIN[1], classes=["neg", "pos"])
    assert stream.score(new, NEW[1]) > 0.9


def test_ids_of_another_order_are_refused():
    rng = np.random.default_rng(0)
    words = [f"w{k}" for k in range(1000)]
    texts = [" ".join(rng.choice(words[:200], 8)) for _ in range(100)]
    vectors = WordVectors(words, rng.normal(size=(1000, 4)))
    pipe = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(vectors=vectors))
    with pytest.raises(ValueError, match="Pass the same vectors to HTMLTokenizer"):
        pipe.fit(texts, np.arange(100) % 2)


def test_vectors_of_another_language_are_reported(vectors):
    texts = ["das war ein guter film", "das war ein schlechter film"] * 5
    with pytest.warns(UserWarning, match="Only 0% of the tokens"):
        pipe_with(vectors, epochs=1).fit(texts, [1, 0] * 5)


def test_a_vocabulary_and_vectors_exclude_each_other(vectors):
    with pytest.raises(ValueError, match="pass one of them"):
        HTMLTokenizer(vocabulary=["a"], vectors=vectors).fit(["a"])


WORDS, MATRIX = ["good", "so so", "bad"], np.array([[1.5, -2], [0, 1], [0.25, 3]], np.float32)
LINES = [f"{word} {a} {b}" for word, (a, b) in zip(WORDS, MATRIX.tolist(), strict=True)]


def test_sources(tmp_path):
    glove, word2vec = tmp_path / "glove.txt", tmp_path / "word2vec.txt"
    glove.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    word2vec.write_text("\n".join(["3 2", *(line + " " for line in LINES)]), encoding="utf-8")
    compressed = tmp_path / "glove.txt.gz"
    compressed.write_bytes(gzip.compress(glove.read_bytes()))
    for source in [
        (WORDS, MATRIX),
        SimpleNamespace(index_to_key=WORDS, vectors=MATRIX),  # as KeyedVectors of gensim
        SimpleNamespace(tokens=WORDS, embedding=MATRIX),  # as StaticModel of model2vec
        glove,
        str(word2vec),
        compressed,
    ]:
        found = WordVectors.of(source)
        assert found.words == tuple(WORDS)
        np.testing.assert_array_equal(found.matrix, MATRIX)
        assert WordVectors.of(source, max_words=1).words == ("good",)
    with pytest.raises(TypeError, match="got dict"):
        WordVectors.of({})


def test_tokens_that_cannot_be_words_are_left_out():
    tokens = ("</s>", "\n", "▁good", "ood", "▁", "▁bad")
    shared = {"token_mapping": np.array([0, 0, 1, 1, 2, 2]), "weights": np.arange(6)}
    found = WordVectors.of(SimpleNamespace(tokens=tokens, embedding=MATRIX, **shared))
    assert found.words == ("good", "bad")
    np.testing.assert_array_equal(found.matrix, [2 * MATRIX[1], 5 * MATRIX[2]])


def test_objects_of_gensim(tmp_path):
    gensim = pytest.importorskip("gensim")
    keyed = gensim.models.KeyedVectors(2)
    keyed.add_vectors(WORDS[::2], MATRIX[::2])
    keyed.save_word2vec_format(str(tmp_path / "vectors.txt.gz"))
    for source in (keyed, tmp_path / "vectors.txt.gz"):
        found = WordVectors.of(source)
        assert found.words == ("good", "bad")
        np.testing.assert_array_equal(found.matrix, MATRIX[::2])
    keyed.save_word2vec_format(str(tmp_path / "vectors.bin"), binary=True)
    with pytest.raises(ValueError, match=r"Load binary files of word2vec with gensim|Line 2 of"):
        WordVectors.of(tmp_path / "vectors.bin")


def test_objects_of_model2vec():
    model2vec = pytest.importorskip("model2vec")
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {"[UNK]": 0, "good": 1, "bad": 2}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    model = model2vec.StaticModel(MATRIX, tokenizer)
    found = WordVectors.of(model)
    assert found.words == tuple(vocabulary)
    np.testing.assert_array_equal(found.matrix, MATRIX)
    np.testing.assert_array_equal(model.encode(["bad"]), found.matrix[2:])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("good 1 2\nbad 1", r"Line 2 of .* cut short"),
        ("3 2\ngood 1 2\nbad 1 2", "announces 3 words, but contains 2"),
        ("good 1 2\nbad 1 x", "Line 2 of"),
        ("good\nbad", "Line 1 of .* a word and its numbers"),
        ("", "contains no word vectors"),
        (b"good 1 2\nb\xff 1 2", "binary files of word2vec with gensim"),
        (gzip.compress(b"good 1 2\n" * 3, mtime=0)[:-9], "is cut short"),
    ],
)
def test_damaged_files_are_refused(tmp_path, content, message):
    is_compressed = content[:1] == b"\x1f"
    path = tmp_path / ("vectors.txt.gz" if is_compressed else "vectors.txt")
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message):
        WordVectors.of(path)


@pytest.mark.parametrize(
    ("words", "matrix", "message"),
    [
        (["a", "b"], np.ones((3, 2)), r"its shape is \(3, 2\)"),
        (["a", "b"], np.ones(2), "its shape"),
        ([], np.ones((0, 2)), "its shape"),
        (["a", "a"], np.ones((2, 2)), r"distinct, but these occur again: \['a'\]"),
        (["a", "b"], [[1, 2], [np.nan, 1]], "such as that of 'b'"),
        (["a", ""], np.ones((2, 2)), "not a word"),
        (["a", 1], np.ones((2, 2)), "not a word"),
        (["a", "b\nc"], np.ones((2, 2)), "not a word"),
        (["a", "b"], [[1, 2], ["x", 1]], "numbers"),
    ],
)
def test_invalid_vectors_are_refused(words, matrix, message):
    with pytest.raises(ValueError, match=message):
        WordVectors(words, matrix)


def test_damaged_states_are_refused(vectors):
    state = vectors.__getstate__()
    for other in ({**state, "words": "a"}, {"words": "a"}, {**state, "matrix": None}, None):
        with pytest.raises(ValueError, match="saved WordVectors is damaged"):
            WordVectors.__new__(WordVectors).__setstate__(other)


@pytest.mark.parametrize(("n_classes", "noise"), [(2, 1.5), (30, 0.1)])
def test_logits_of_other_folds_are_those_of_the_best_penalty(n_classes, noise):
    rng = np.random.default_rng(0)
    n_rows, n_words, n_dimensions = 240, 400, 20
    labels, folds = np.arange(n_rows) % n_classes, rng.integers(0, 3, n_rows)
    centres = rng.normal(size=(n_classes, n_dimensions)) * np.linspace(3, 0.1, n_dimensions)
    matrix = centres[np.arange(n_words) % n_classes]
    matrix = matrix + rng.normal(0, noise, matrix.shape) * np.linspace(3, 0.1, n_dimensions)
    own = rng.integers(0, n_words // n_classes, (n_rows, 2)) * n_classes + labels[:, None]
    words = np.hstack([own, rng.integers(0, n_words, (n_rows, 4))])
    shares = np.zeros((n_rows, n_words + FIRST_WORD))
    np.add.at(shares, (np.arange(n_rows)[:, None], words + FIRST_WORD), 1 / 6)
    bags = scipy.sparse.csr_array(shares)
    term = _vectors.learn(bags, matrix, labels, np.ones(n_rows), folds, n_classes)

    vectors = matrix - matrix.mean(axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    means = shares[:, FIRST_WORD:] @ vectors
    means /= np.sqrt((means**2).sum(axis=1).mean())
    losses = []
    for penalty in (3.0, 0.3, 0.1, 0.03, 0.01, 0.003):
        proba = np.zeros((n_rows, n_classes))
        for fold in range(3):
            is_in = folds == fold
            regression = LogisticRegression(C=1 / penalty, fit_intercept=False, max_iter=500)
            proba[is_in] = regression.fit(means[~is_in], labels[~is_in]).predict_proba(means[is_in])
        losses.append(log_loss(labels, proba))
    margins = np.hstack([-term.rows, term.rows]) / 2 if n_classes == 2 else term.rows
    found = np.exp(margins) / np.exp(margins).sum(axis=1, keepdims=True)
    assert log_loss(labels, found) <= min(losses) * 1.005
    assert min(losses) < 0.9 * np.log(n_classes)
