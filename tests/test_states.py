"""States of fitted objects: damaged pickles are refused, and threads see one fit at a time."""

import copy
import pickle
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from sentilib import (
    ConvSentimentClassifier,
    DenseSentimentClassifier,
    HTMLTokenizer,
    TokenShapExplainer,
    _ids,
)
from sentilib._ngrams._dictionary import NgramDictionary
from sentilib._ngrams._keys import EMPTY, key_of, prefix_of
from sentilib._pipelines import read_reviews
from sentilib._tables._ngram_table import NgramTable
from sentilib._text._reader import Reader
from sentilib._text._words import WordTable
from sentilib.datasets import make_reviews
from sentilib.inspection import error_table

TEXTS, Y = make_reviews(80, length=20, random_state=0)


@pytest.fixture(scope="module")
def tokenizer():
    return HTMLTokenizer(max_length=24).fit(TEXTS)


@pytest.fixture(scope="module")
def ids(tokenizer):
    return tokenizer.transform(TEXTS)


@pytest.fixture(scope="module")
def dense(ids):
    options = {"embedding_dim": 4, "hidden_units": 4, "epochs": 1, "random_state": 0}
    return DenseSentimentClassifier(**options).fit(ids, Y)


@pytest.fixture(scope="module")
def conv(ids):
    options = {"embedding_dim": 4, "filters": (8, 8), "epochs": 1, "random_state": 0}
    return ConvSentimentClassifier(**options).fit(ids, Y)


@pytest.fixture(scope="module")
def other():
    """A model of far fewer words and more classes."""
    X = np.tile(np.arange(2, 5)[:, None], (4, 24))
    y = np.array(["a", "b", "c"] * 4)
    return DenseSentimentClassifier(epochs=1, random_state=0).fit(X, y)


class TestDamagedStates:
    @pytest.mark.parametrize(
        "change",
        [
            {"text": np.array([97, 10, 98, 10], dtype=np.uint8)},  # a word less
            {"text": np.array([97, 10, 98, 10, 99], dtype=np.uint8)},  # without an end
            {"text": np.array([97, 10, 10, 99, 10], dtype=np.uint8)},  # a word without a byte
            {"text": np.array([10, 98, 10, 99, 10], dtype=np.uint8)},
            {"text": np.array([97, 10, 0, 10, 99, 10], dtype=np.uint8)},
            {"text": np.array([97, 10, 0xC3, 10, 99, 10], dtype=np.uint8)},  # no UTF-8
            {"text": np.array([97, 10, 0xF7, 0x80, 0x80, 0x80, 10, 99, 10], dtype=np.uint8)},
            {"text": np.array([97, 10, 0xED, 0xA0, 0x80, 10, 99, 10], dtype=np.uint8)},  # surrogate
            {"text": np.array([97, 10, 98, 10, 99, 10])},
            {"text": np.array([97, 10, 98, 10, 99, 10], dtype=np.uint8)[:, None]},
            {"text": np.repeat(np.array([97, 10, 98, 10, 99, 10], dtype=np.uint8), 2)[::2]},
            {"text": "a b c"},
            {"text": None},
            {"term_counts": np.array([1, 2], dtype=np.uint8)},
            {"term_counts": np.array([1, -2, 3])},
            {"term_counts": np.array([1, 2**63, 3], dtype=np.uint64)},
            {"term_counts": np.array([1.0, 2, 3])},
            {"document_counts": np.array([1, 2**31, 3])},
            {"document_counts": [1, 2, 3]},
        ],
        ids=str,
    )
    def test_a_table_of_words_is_checked(self, change):
        state = WordTable.of(["a", "b", "c"]).state()
        assert WordTable.from_state(state).words() == ["a", "b", "c"]
        with pytest.raises(ValueError, match="saved vocabulary is damaged"):
            WordTable.from_state({**state, **change})
        del state["term_counts"]
        with pytest.raises(ValueError, match="saved vocabulary is damaged"):
            WordTable.from_state(state)

    @pytest.mark.parametrize(
        "change",
        [
            {"ids": np.array([2, 3, 4], dtype=np.int32)},  # shorter
            {"ids": slice(None, None, -1)},
            {"ids": np.int64},
            {"ids": 2**29},
            {"ids": -2},
            {"text": None},
            {"text": np.array([97, 10, 97, 10], dtype=np.uint8)},
            {"n_words": 1},
            {"n_words": -1},
            {"n_words": 10**6},
            {"n_words": "3"},
        ],
        ids=str,
    )
    def test_the_vocabulary_of_a_tokenizer_is_checked(self, change, tokenizer):
        vocabulary = tokenizer.__getstate__()["_vocabulary"]
        [(name, value)] = change.items()
        if name == "ids":
            ids = vocabulary["ids"].copy()
            if isinstance(value, int):
                ids[1] = value
            value = ids[value] if isinstance(value, slice) else value
            value = ids.astype(value) if isinstance(value, type) else value
            value = ids if isinstance(value, int) else value
        state = {**tokenizer.__getstate__(), "_vocabulary": {**vocabulary, name: value}}
        with pytest.raises(ValueError, match="saved vocabulary is damaged"):
            HTMLTokenizer().__setstate__(state)

    @pytest.mark.parametrize(
        "keys",
        [
            np.empty(0, dtype=np.int64),
            np.array([1, 2, 3], dtype=np.int32),
            np.array([1.0, 2, 3]),
            np.array([[1, 2, 3]]),
            np.array([1, 0, 2, 0, 3, 0])[::2],
            np.array([2, 3]),  # without the unknown word
            np.array([1, 2, key_of(EMPTY, 2)]),
            np.array([1, 2, key_of(prefix_of(2), 2)]),  # extends itself
            np.array([1, 2, key_of(prefix_of(9), 2)]),
            np.array([1, 2, 2**31]),
            np.array([1, 2, key_of(2, 2), key_of(2, 2)]),  # the same twice
            np.array([1, 2, -(2**63)]),
        ],
        ids=str,
    )
    def test_a_dictionary_of_ngrams_is_checked(self, keys):
        with pytest.raises(ValueError, match="saved dictionary of n-grams is damaged"):
            NgramDictionary.restored((1, 3), 1, 2**29, keys)

    @pytest.mark.parametrize("ngram_range", [(0, 3), (3, 2), (1, 128), (1,), (1, "3"), None])
    def test_the_lengths_of_ngrams_are_checked(self, ngram_range):
        with pytest.raises(ValueError, match="saved dictionary of n-grams is damaged"):
            NgramDictionary.restored(ngram_range, 1, 2**29, np.array([1]))

    @pytest.mark.parametrize("worth", [np.zeros((1, 1)), np.zeros((2, 2)), np.zeros((2, 1), "f4")])
    def test_the_table_of_ngrams_is_as_long_as_their_dictionary(self, worth):
        with pytest.raises(ValueError, match="n-grams is damaged"):
            NgramTable(NgramDictionary((1, 2), keys=np.array([1, 2])), worth, 2)

    @pytest.mark.parametrize(
        ("name", "shape"),
        [
            ("head", (5, 2)),
            ("head", (4,)),
            ("bias", (3,)),
            ("bias", ()),
            ("embedding", (1, 4)),
            ("embedding", (50, 3)),
            ("hidden_kernel", (4, 5)),
            ("ngram_ratio", (3, 1)),
            ("ngram_deviation", (3, 1)),
            ("hidden_bias", None),
        ],
    )
    def test_weights_of_other_shapes_are_refused(self, name, shape, dense):
        state = dense.__getstate__()
        weights = state["_trained"]["weights"]
        weights.pop(name)
        if shape is not None:
            weights[name] = np.zeros(shape, dtype=np.float32)
        with pytest.raises(ValueError, match="is damaged"):
            DenseSentimentClassifier().__setstate__(state)

    @pytest.mark.parametrize(
        ("name", "shape"),
        [
            ("head", (9, 2)),
            ("kernel_0", (3, 4, 7)),
            ("kernel_1", (3, 7, 8)),
            ("kernel_1", (5, 8, 8)),
            ("kernel_0", (0, 4, 8)),
            ("gamma_1", (1,)),
            ("beta_1", (1, 8)),
            ("embedding", (50, 5)),
        ],
    )
    def test_convolutions_of_other_shapes_are_refused(self, name, shape, conv):
        state = conv.__getstate__()
        state["_trained"]["weights"][name] = np.zeros(shape, dtype=np.float32)
        try:
            restored = ConvSentimentClassifier()
            restored.__setstate__(state)
        except ValueError as error:
            assert "is damaged" in str(error)
        else:  # NumPy fills up an axis of length 1
            assert 1 in shape and restored.tables_.biases[1].shape == (8,)

    @pytest.mark.parametrize(
        ("part", "value"),
        [
            ("kind", "lstm"),
            ("layers", {"embedding_dim": 4}),
            ("layers", None),
            ("seen", np.ones(3, dtype=bool)),
            ("seen", None),
            ("class_weight", np.ones(3)),
            ("weights", {}),
            ("weights", None),
            ("ngrams", {}),
            ("stream", {"counts": np.ones((3, 2)), "n_fixed": 0}),
            ("optimizer", {"kind": "Adam"}),
        ],
        ids=str,
    )
    def test_the_other_parts_of_a_model_are_checked(self, part, value, dense):
        state = dense.__getstate__()
        state["_trained"][part] = value
        with pytest.raises(ValueError, match="is damaged"):
            DenseSentimentClassifier().__setstate__(state)
        for labels in (np.arange(3), None):
            with pytest.raises(ValueError, match="is damaged"):
                DenseSentimentClassifier().__setstate__(
                    {**dense.__getstate__(), "classes_": labels}
                )

    FLIPS = """
import pickle, random, sys, warnings
import numpy as np
warnings.simplefilter("ignore")
np.seterr(all="ignore")
with open(sys.argv[1], "rb") as stream:
    texts, ids, saved = pickle.load(stream)
rng = random.Random(0)
for raw in saved:
    for _ in range(40):
        damaged, bit = bytearray(raw), rng.randrange(8 * len(raw))
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            model = pickle.loads(bytes(damaged))
            if hasattr(model, "predict"):
                model.predict_proba(texts if hasattr(model, "steps") else ids)
            else:
                model.set_params(max_length=8).transform(texts)
                model.partial_fit(texts)
        except Exception:
            pass
print("alive")
"""

    @pytest.mark.slow
    def test_no_bit_flip_in_a_pickle_ends_the_process(self, tmp_path, tokenizer, ids, dense, conv):
        saved = [pickle.dumps(m) for m in (tokenizer, dense, conv, make_pipeline(tokenizer, dense))]
        path = tmp_path / "saved"
        path.write_bytes(pickle.dumps((TEXTS[:10], ids[:10], saved)))
        command = [sys.executable, "-c", self.FLIPS, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr[-2000:]


class TestHugeIds:
    def test_inspection_names_no_more_ids_than_the_model_knows(self, dense, ids):
        X = ids.copy()
        X[0, 0] = 2**31 - 1
        table = error_table(dense, X, Y)
        assert "#2147483647" in table.loc[0, "snippet"]
        reviews = read_reviews(dense, X)
        assert len(reviews.words) == dense.vocabulary_size_
        assert reviews.names_of(0)[0] == "#2147483647"

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.uint32, np.uint64])
    def test_the_largest_number_of_each_type_is_refused_or_unknown(self, dtype, dense, tokenizer):
        is_float = np.dtype(dtype).kind == "f"
        X = np.full((2, 24), 3, dtype=dtype)
        X[0, 0] = (np.finfo if is_float else np.iinfo)(dtype).max
        if float(X[0, 0]) < 2**31:  # float16
            assert dense.predict(X).shape == (2,)
        else:
            for call in (dense.predict, TokenShapExplainer(dense).explain):
                with pytest.raises(ValueError, match="but the max is 2147483647"):
                    call(X)
        with pytest.raises(ValueError, match=r"Ids must be between|array of integer ids"):
            tokenizer.inverse_transform(X)

    def test_what_is_no_number_is_no_id(self, tokenizer):
        with pytest.raises(ValueError, match="array of integer ids"):
            tokenizer.inverse_transform(np.full((2, 4), 3).astype("m8[s]"))


class TestThreads:
    """Each call uses the attributes of one fit, whatever another thread fits meanwhile."""

    @pytest.mark.parametrize(
        "method",
        ["predict", "predict_proba", "predict_log_proba", "decision_function", "transform"],
    )
    def test_a_fit_within_a_prediction_does_not_change_it(
        self, method, dense, other, ids, monkeypatch
    ):
        model = copy.copy(dense)
        expected = getattr(dense, method)(ids)
        check = _ids.are_known

        def fitted_meanwhile(X, *limits):
            model.__dict__ = dict(other.__dict__)  # as `fit` ends
            return check(X, *limits)

        monkeypatch.setattr(_ids, "are_known", fitted_meanwhile)
        np.testing.assert_array_equal(getattr(model, method)(ids), expected)
        assert model.classes_.tolist() == ["a", "b", "c"]

    def test_a_fit_within_an_explanation_does_not_change_it(self, dense, other, ids, monkeypatch):
        model = copy.copy(dense)
        expected = TokenShapExplainer(dense).explain(ids[:3])
        check = _ids.are_known

        def fitted_meanwhile(X, *limits):
            model.__dict__ = dict(other.__dict__)
            return check(X, *limits)

        monkeypatch.setattr(_ids, "are_known", fitted_meanwhile)
        found = TokenShapExplainer(model).explain(ids[:3])
        for row in range(3):
            np.testing.assert_array_equal(found.values[row], expected.values[row])
        assert found.class_names == expected.class_names

    def test_threads_see_one_of_two_models(self, dense, other, ids):
        model = copy.copy(dense)
        states = dense.__dict__, other.__dict__
        right = [m.predict_proba(ids[:4]) for m in (dense, other)]
        labels = [m.predict(ids[:4]) for m in (dense, other)]
        stop = threading.Event()

        def switch():
            while not stop.is_set():
                for state in states:
                    model.__dict__ = dict(state)

        thread = threading.Thread(target=switch, daemon=True)
        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            thread.start()
            end = time.monotonic() + 1
            while time.monotonic() < end:
                found = model.predict_proba(ids[:4])
                assert any(np.array_equal(found, proba) for proba in right)
                found = model.predict(ids[:4])
                assert any(np.array_equal(found, expected) for expected in labels)
        finally:
            stop.set()
            thread.join(timeout=30)
            sys.setswitchinterval(before)

    def test_fit_transform_returns_ids_of_its_own_vocabulary(self, monkeypatch):
        expected = HTMLTokenizer(max_length=8).fit_transform(TEXTS)
        tokenizer, learn = HTMLTokenizer(max_length=8), HTMLTokenizer._learn
        other = HTMLTokenizer().fit(["quite other words"])

        def fitted_meanwhile(self, *args, **options):
            learnt = learn(self, *args, **options)
            self.__dict__.update({k: v for k, v in vars(other).items() if k.endswith("_")})
            self.__dict__.update(_vocabulary=other._vocabulary, _counts=other._counts)
            return learnt

        monkeypatch.setattr(HTMLTokenizer, "_learn", fitted_meanwhile)
        np.testing.assert_array_equal(tokenizer.fit_transform(TEXTS), expected)

    def test_a_partial_fit_adds_to_the_counts_of_one_fit(self, monkeypatch):
        tokenizer = HTMLTokenizer().fit(["one"])
        other = HTMLTokenizer().fit(["two", "two", "two"])
        count = Reader.count

        def fitted_meanwhile(self, raw_documents, **options):
            counted = count(self, raw_documents, **options)
            tokenizer.__dict__.update(other.__dict__)
            return counted

        monkeypatch.setattr(Reader, "count", fitted_meanwhile)
        tokenizer.partial_fit(["three"])
        assert tokenizer.n_documents_ == 4
        assert set(tokenizer.vocabulary_) == {"two", "three"}
        assert tokenizer.document_frequency_.tolist() == [0, 0, 3, 1]

    def test_a_tokenizer_that_another_thread_fits_uses_one_vocabulary_per_call(self):
        texts = TEXTS[:8]
        parts = TEXTS, ["one two three", *texts[:2]]
        right = [HTMLTokenizer(max_length=8).fit(part).transform(texts) for part in parts]
        tokenizer, stop = HTMLTokenizer(max_length=8, n_jobs=1).fit(TEXTS), threading.Event()

        def refit():
            while not stop.is_set():
                for part in parts:
                    tokenizer.fit(part)

        thread = threading.Thread(target=refit, daemon=True)
        try:
            thread.start()
            end = time.monotonic() + 1
            while time.monotonic() < end:
                found = tokenizer.transform(texts)
                assert any(np.array_equal(found, expected) for expected in right)
        finally:
            stop.set()
            thread.join(timeout=30)
