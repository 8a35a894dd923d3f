"""Fitted estimators in files: skops and pickle, versions, damaged and foreign files."""

import copy
import io
import json
import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.pipeline import Pipeline

import sentilib
from sentilib import (
    ConvSentimentClassifier,
    DenseSentimentClassifier,
    HTMLTokenizer,
    TokenShapExplainer,
    compress,
)
from sentilib._compiled._states import STATE_VERSION, integers, narrowed, packed, unpacked
from sentilib._ids import OOV
from sentilib._ngrams._keys import number_of, split
from sentilib.datasets import make_reviews

skops_io = pytest.importorskip("skops.io")

FOLDER = Path(__file__).parent / "saved"
TEXTS, Y = make_reviews(80, length=20, random_state=0)


def dense(**parameters):
    options = {"embedding_dim": 4, "hidden_units": 4, "epochs": 1, "random_state": 0}
    classifier = DenseSentimentClassifier(**options | parameters)
    return Pipeline([("tokenizer", HTMLTokenizer(max_length=24)), ("classifier", classifier)])


def conv():
    options = {"embedding_dim": 4, "filters": (4, 4), "epochs": 1, "random_state": 0}
    classifier = ConvSentimentClassifier(**options)
    return Pipeline([("tokenizer", HTMLTokenizer(max_length=24)), ("classifier", classifier)])


@pytest.fixture(scope="module")
def pipe():
    return dense().fit(TEXTS, Y)


@pytest.fixture(scope="module")
def models(pipe):
    voters = [("dense", dense()), ("conv", conv())]
    return {
        "pipeline": pipe,
        "search": GridSearchCV(dense(), {"classifier__epochs": [1, 2]}, cv=2).fit(TEXTS, Y),
        "vote": VotingClassifier(voters, voting="soft").fit(TEXTS, Y),
        "calibration": CalibratedClassifierCV(pipe, ensemble=False, cv=2).fit(TEXTS, Y),
        "temperature": CalibratedClassifierCV(FrozenEstimator(pipe), method="temperature").fit(
            TEXTS, Y
        ),
        "threshold": FixedThresholdClassifier(FrozenEstimator(pipe), threshold=0.3).fit(TEXTS, Y),
    }


@pytest.fixture(scope="module")
def saved(pipe):
    return skops_io.dumps(pipe)


def load(data):
    return skops_io.loads(data, trusted=sentilib.TRUSTED_TYPES)


def with_schema(data, change):
    """Return a file of skops whose schema was changed as text."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "schema.json":
                text = content.decode()
                content = change(text).encode()
                assert content.decode() != text
            new.writestr(name, content)
    return changed.getvalue()


class TestSkops:
    @pytest.mark.parametrize(
        "kind", ["pipeline", "search", "vote", "calibration", "temperature", "threshold"]
    )
    def test_only_public_types_are_in_a_file_and_results_are_equal_to_the_bit(
        self, kind, models, tmp_path
    ):
        path = tmp_path / "model.skops"
        skops_io.dump(models[kind], path)
        assert set(skops_io.get_untrusted_types(file=path)) <= set(sentilib.TRUSTED_TYPES)
        restored = skops_io.load(path, trusted=sentilib.TRUSTED_TYPES)
        assert type(restored) is type(models[kind])
        np.testing.assert_array_equal(
            restored.predict_proba(TEXTS), models[kind].predict_proba(TEXTS)
        )
        np.testing.assert_array_equal(restored.predict(TEXTS), models[kind].predict(TEXTS))

    def test_an_explainer_is_saved_with_its_pipeline(self, pipe):
        explainer = TokenShapExplainer(pipe, baseline="mean")
        restored = load(skops_io.dumps(explainer))
        for one, other in zip(
            restored.explain(TEXTS[:5]).values, explainer.explain(TEXTS[:5]).values, strict=True
        ):
            np.testing.assert_array_equal(one, other)

    def test_a_search_with_metrics_names_functions_of_scikit_learn_only(self):
        search = GridSearchCV(dense(), {"classifier__epochs": [1]}, cv=2, scoring="accuracy")
        names = skops_io.get_untrusted_types(data=skops_io.dumps(search.fit(TEXTS, Y)))
        assert all(name.startswith("sklearn.") for name in set(names) - set(sentilib.TRUSTED_TYPES))

    def test_trusted_types_are_names_of_classes_that_exist(self):
        assert sorted(sentilib.TRUSTED_TYPES) == sentilib.TRUSTED_TYPES
        for path in sentilib.TRUSTED_TYPES:
            module, _, name = path.rpartition(".")
            if module == "sentilib":
                assert name in sentilib.__all__
            __import__(module)
            assert getattr(sys.modules[module], name).__module__ == module

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ('"HTMLTokenizer"', '"Evil"'),
            ('"__module__": "sentilib"', '"__module__": "sentilib._html_tokenizer"'),
            ('"__module__": "numpy"', '"__module__": "os"'),
            ('"__module__": "builtins"', '"__module__": "subprocess"'),
        ],
    )
    def test_a_file_that_names_another_class_is_refused(self, saved, old, new):
        with pytest.raises(Exception, match=r"[Uu]ntrusted") as raised:
            load(with_schema(saved, lambda text: text.replace(old, new)))
        assert type(raised.value).__name__ == "UntrustedTypesFoundException"

    def test_without_trust_nothing_of_the_library_is_loaded(self, saved):
        with pytest.raises(Exception, match=r"sentilib\.HTMLTokenizer"):
            skops_io.loads(saved)

    @pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
    def test_a_truncated_file_is_no_archive(self, share, saved):
        with pytest.raises(zipfile.BadZipFile):
            load(saved[: int(share * len(saved))])

    def test_a_foreign_archive_has_no_schema(self):
        foreign = io.BytesIO()
        with zipfile.ZipFile(foreign, "w") as archive:
            archive.writestr("reviews.txt", "nothing")
        with pytest.raises(KeyError, match=r"schema\.json"):
            load(foreign.getvalue())

    def test_a_changed_byte_is_noticed_or_means_nothing(self, saved, pipe):
        expected = pipe.predict_proba(TEXTS[:4])
        rng = np.random.default_rng(0)
        n_noticed = 0
        for place in rng.integers(len(saved), size=60):
            damaged = bytearray(saved)
            damaged[place] ^= 1 << rng.integers(8)
            try:
                restored = load(bytes(damaged))
            except Exception as error:
                n_noticed += 1
                assert str(error)
            else:
                np.testing.assert_array_equal(restored.predict_proba(TEXTS[:4]), expected)
        assert n_noticed > 40

    def test_an_estimator_without_a_state_is_not_fitted(self, saved):
        def without_content(text):
            schema = json.loads(text)
            schema["content"]["content"]["steps"]["content"][1]["content"][1]["content"] = None
            return json.dumps(schema)

        classifier = load(with_schema(saved, without_content))[1]
        with pytest.raises((NotFittedError, AttributeError)):
            classifier.predict(np.ones((2, 24), dtype=int))

    @pytest.mark.filterwarnings("default")  # of MLflow and its dependencies
    def test_mlflow_logs_a_pipeline_and_loads_it(self, pipe, tmp_path, monkeypatch):
        mlflow = pytest.importorskip("mlflow")
        pytest.importorskip("mlflow.sklearn")
        monkeypatch.chdir(tmp_path)
        mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
        with mlflow.start_run():
            logged = mlflow.sklearn.log_model(
                pipe,
                name="model",
                skops_trusted_types=sentilib.TRUSTED_TYPES,
                pip_requirements=["sentilib"],  # otherwise found by loading the model once more
            )
        restored = mlflow.sklearn.load_model(logged.model_uri)
        np.testing.assert_array_equal(restored.predict_proba(TEXTS), pipe.predict_proba(TEXTS))


class TestStates:
    def test_a_state_is_arrays_and_plain_containers(self, pipe):
        def leaves(value):
            if isinstance(value, dict):
                assert all(isinstance(key, str) for key in value)
                return [leaf for part in value.values() for leaf in leaves(part)]
            if isinstance(value, list | tuple):
                assert type(value) in (list, tuple)
                return [leaf for part in value for leaf in leaves(part)]
            return [value]

        for step in (pipe[0], pipe[1], conv().fit(TEXTS, Y)[1]):
            found = leaves(step.__getstate__())
            plain = {np.ndarray, str, bool, int, float, type(None)}
            assert {type(leaf) for leaf in found} <= plain
            assert all(leaf.dtype != object for leaf in found if isinstance(leaf, np.ndarray))
            assert sum(isinstance(leaf, str) for leaf in found) < 40  # no list of words

    def test_what_is_restored_is_saved_alike(self, pipe):
        for step in (pipe[0], pipe[1]):
            once = pickle.dumps(pickle.loads(pickle.dumps(step)))
            assert pickle.dumps(pickle.loads(once)) == once

    def test_a_restored_tokenizer_learns_on_as_the_first(self, pipe):
        more = ["A further review of a café.", "FILM film \U0001f600!"]
        one, other = pickle.loads(pickle.dumps(pipe[0])), copy.deepcopy(pipe[0])
        for attribute in ("vocabulary_", "n_documents_"):
            assert getattr(one, attribute) == getattr(pipe[0], attribute)
        np.testing.assert_array_equal(one.document_frequency_, pipe[0].document_frequency_)
        expected = HTMLTokenizer(max_length=24).fit([*TEXTS, *more])
        for tokenizer in (one, other, copy.copy(pipe[0])):
            tokenizer.partial_fit(more)
            assert tokenizer.vocabulary_ == expected.vocabulary_
            np.testing.assert_array_equal(
                tokenizer.document_frequency_, expected.document_frequency_
            )

    def test_a_given_vocabulary_is_saved_while_it_is_that_of_the_parameters(self):
        tokenizer = HTMLTokenizer(vocabulary=["a", "film"], max_length=4)
        tokenizer.transform(["a film"])
        restored = load(skops_io.dumps(tokenizer))
        assert restored.vocabulary_ == {"a": 2, "film": 3}
        assert restored.transform(["film"]).tolist() == [[3, 0, 0, 0]]
        tokenizer.set_params(vocabulary=["film"])
        restored = load(skops_io.dumps(tokenizer))
        assert restored.transform(["film"]).tolist() == [[2, 0, 0, 0]]

    @pytest.mark.parametrize("make", [HTMLTokenizer, DenseSentimentClassifier, TokenShapExplainer])
    @pytest.mark.parametrize("is_fitted", [True, False])
    def test_versions_and_missing_parameters_are_told(self, make, is_fitted, pipe):
        fitted = [*pipe.named_steps.values(), TokenShapExplainer(pipe)]
        estimator = next(e for e in fitted if isinstance(e, make))
        if not is_fitted:
            estimator = make(pipe) if make is TokenShapExplainer else make()
        state = estimator.__getstate__()
        assert state["_state_version"] == STATE_VERSION
        restored = make.__new__(make)
        for version in (STATE_VERSION + 1, 0, "1", [1]):
            with pytest.raises(ValueError, match="reads versions 1 to"):
                restored.__setstate__({**state, "_state_version": version})
        old = {key: value for key, value in state.items() if key != "_state_version"}
        with pytest.raises(ValueError, match=r"no version of its state.*fit again"):
            restored.__setstate__(old)
        old = {key: value for key, value in state.items() if key not in ("verbose", "n_jobs")}
        with pytest.raises(ValueError, match=r"lacks the parameters n_jobs, verbose.*fit again"):
            restored.__setstate__(old)
        for foreign in (None, [1], "state", 3):
            with pytest.raises(ValueError, match="is damaged"):
                restored.__setstate__(foreign)
        restored.__setstate__(state)
        assert "_state_version" not in vars(restored)
        assert restored.get_params(deep=False) == estimator.get_params(deep=False)

    @pytest.mark.parametrize(
        "array",
        [
            np.zeros((20_000, 1), dtype=np.float32),
            np.tile(np.array([0.0, -0.0, np.nan, np.inf, 1.5]), 8_000).reshape(-1, 2),
            np.random.default_rng(0).normal(size=30_000).astype(np.float32),
            np.random.default_rng(0).integers(40_000, size=400_000).astype(np.float32),
            np.asfortranarray(np.zeros((200, 200))),
            np.array(3.5),
            np.empty((0, 3), dtype=np.float32),
            np.arange(20_000),
        ],
        ids=lambda array: f"{array.dtype}{array.shape}",
    )
    def test_packed_arrays_are_restored_to_the_bit(self, array):
        saved = packed(array)
        restored = unpacked(saved)
        assert (restored.dtype, restored.shape) == (array.dtype, array.shape)
        assert restored.tobytes() == array.tobytes()
        if isinstance(saved, dict):
            assert sum(part.nbytes for part in saved.values()) < array.nbytes
        assert isinstance(saved, dict) == (array.size >= 20_000 and array.size != 30_000
                                           and array.dtype.kind == "f"
                                           and array.flags.c_contiguous)  # fmt: skip

    @pytest.mark.parametrize(
        "damaged",
        [
            {"values": np.zeros(2), "codes": np.full(3, 2, dtype=np.uint8)},
            {"values": np.zeros(2), "codes": np.array([0, -1])},
            {"values": np.zeros((2, 2)), "codes": np.zeros(3, dtype=np.uint8)},
            {"values": np.array(["a"]), "codes": np.zeros(3, dtype=np.uint8)},
            {"values": np.zeros(0), "codes": np.zeros(3, dtype=np.uint8)},
            [0.5],
            np.array(["a"]),
            np.array([None]),
        ],
        ids=str,
    )
    def test_damaged_packed_arrays_are_refused(self, damaged):
        with pytest.raises((ValueError, IndexError)):
            unpacked(damaged)

    @pytest.mark.parametrize("values", [[], [0, 255], [-1, 300], [2**40], [-(2**31), 2**16 - 1]])
    def test_integers_are_saved_in_the_narrowest_type(self, values):
        array = np.array(values, dtype=np.int64)
        np.testing.assert_array_equal(integers(narrowed(array), np.int64, None), array)
        assert narrowed(np.array([0, 255])).dtype == np.uint8
        with pytest.raises(ValueError, match="is damaged"):
            integers(np.array([2**40]), np.int32, None)


class TestFilesOfEachVersion:
    """`tests/saved/make.py` wrote the files."""

    FILES = sorted(FOLDER.glob("*.skops")) + sorted(FOLDER.glob("*.pickle"))

    def test_there_are_files_of_all_versions(self):
        versions = {int(path.stem.rpartition("-")[2]) for path in self.FILES}
        assert versions == set(range(1, STATE_VERSION + 1))
        assert sum(path.stat().st_size for path in self.FILES) < 400_000

    @pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
    def test_a_file_computes_what_it_did(self, path):
        name, _, version = path.stem.rpartition("-")
        if path.suffix == ".skops":
            model = skops_io.load(path, trusted=sentilib.TRUSTED_TYPES)
        else:
            model = pickle.loads(path.read_bytes())
        expected = json.loads((FOLDER / f"expected-{version}.json").read_text())[name]
        texts = expected["texts"]
        if isinstance(model, TokenShapExplainer):
            for values, row in zip(model.explain(texts).values, expected["values"], strict=True):
                np.testing.assert_allclose(values, row, rtol=1e-9, atol=1e-12)
            return
        assert model[0].transform(texts).tolist() == expected["ids"]
        assert model.predict(texts).tolist() == expected["labels"]
        np.testing.assert_allclose(model.predict_proba(texts), expected["probabilities"], rtol=1e-9)


class TestCompress:
    def test_the_strongest_ngrams_remain_with_those_that_they_extend(self, pipe):
        model = pipe[1]
        small = compress(model, max_ngrams=40, bits=32)
        before, last = split(small.tables_.ngrams.dictionary.keys)
        assert np.count_nonzero(before) == 40
        known = {("word", word) for word in last[before == 0]}
        assert len(known) == np.count_nonzero(split(model.tables_.ngrams.dictionary.keys)[0] == 0)
        extended = number_of(before[before < 0])
        assert (extended < len(before)).all()
        worth = np.abs(model.tables_.ngrams.worth[:, 0])
        old = split(model.tables_.ngrams.dictionary.keys)[0]
        kept = np.abs(small.tables_.ngrams.worth[:, 0])
        strongest = np.sort(worth[old != 0])[-10:]  # at most three others come with each
        assert np.isin(strongest.astype(np.float32), kept.astype(np.float32)).all()

    def test_without_limits_the_outputs_stay(self, pipe):
        ids = pipe[0].transform(TEXTS)
        small = compress(pipe[1], max_ngrams=10**9, bits=32)
        np.testing.assert_allclose(
            small.decision_function(ids), pipe[1].decision_function(ids), rtol=0, atol=1e-5
        )
        np.testing.assert_array_equal(
            small.tables_.ngrams.dictionary.keys, pipe[1].tables_.ngrams.dictionary.keys
        )

    @pytest.mark.parametrize(("bits", "error"), [(16, 1e-3), (8, 0.2)])
    def test_rounded_weights_change_little_and_save_alike(self, bits, error, pipe):
        before = pipe.predict_proba(TEXTS)
        small = compress(pipe, bits=bits)
        assert 0 < np.abs(small.decision_function(TEXTS) - pipe.decision_function(TEXTS)).max()
        assert np.abs(small.decision_function(TEXTS) - pipe.decision_function(TEXTS)).max() < error
        assert len(np.unique(small[1]._trained.weights["ngram_ratio"])) <= 2**bits
        assert len(np.unique(small[1]._trained.weights["embedding"])) <= 2**bits
        np.testing.assert_array_equal(
            load(skops_io.dumps(small)).predict_proba(TEXTS), small.predict_proba(TEXTS)
        )
        np.testing.assert_array_equal(pipe.predict_proba(TEXTS), before)  # as it was

    def test_unknown_words_still_contribute_to_no_class(self, pipe):
        small = compress(pipe)
        np.testing.assert_array_equal(
            small[1]._trained.weights["embedding"][OOV], pipe[1]._trained.weights["embedding"][OOV]
        )
        np.testing.assert_allclose(
            small.predict_proba(["qwx zzk"]), pipe.predict_proba(["qwx zzk"]), atol=1e-6
        )

    @pytest.mark.parametrize("kind", ["search", "vote"])
    def test_every_model_inside_is_compressed(self, kind, models):
        small = compress(models[kind], max_ngrams=10)
        pipes = [small.best_estimator_] if kind == "search" else small.estimators_
        for one in pipes:
            before = split(one[1].tables_.ngrams.dictionary.keys)[0]
            assert np.count_nonzero(before) == 10
        assert small.predict(TEXTS).shape == Y.shape
        if kind == "vote":
            assert small.named_estimators_["dense"] is small.estimators_[0]
            before = models[kind].estimators_[0][1].tables_.ngrams.dictionary.keys
            assert np.count_nonzero(split(before)[0]) > 10

    @pytest.mark.parametrize("ngram_range", [(1, 1), (2, 3)])
    def test_several_classes_and_lengths_of_ngrams(self, ngram_range):
        y = np.array(["a", "b", "c"])[np.arange(80) % 3]
        pipe = dense(ngram_range=ngram_range).fit(TEXTS, y)
        small = compress(pipe, max_ngrams=5, bits=16)
        assert small.predict_proba(TEXTS).shape == (80, 3)
        restored = load(skops_io.dumps(small))
        np.testing.assert_array_equal(restored.predict_proba(TEXTS), small.predict_proba(TEXTS))
        restored[1].partial_fit(restored[0].transform(TEXTS), y)  # learns on

    def test_what_is_not_fitted_is_refused(self):
        for estimator in (DenseSentimentClassifier(), dense(), HTMLTokenizer()):
            with pytest.raises(NotFittedError, match="contains no fitted"):
                compress(estimator)

    @pytest.mark.parametrize("wrong", [{"bits": 7}, {"max_ngrams": -1}, {"max_ngrams": 0.5}])
    def test_parameters_are_checked(self, wrong, pipe):
        with pytest.raises(ValueError, match=f"'{next(iter(wrong))}' parameter"):
            compress(pipe, **wrong)
