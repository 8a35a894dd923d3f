"""A battery for text: scikit-learn's own yields no check for estimators that read no matrix.

Its checks that need no data run here as they are; those that need some are told again for text.
"""

import copy
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

from sentilib import HTMLTokenizer

GOOD = [
    "A <b>great</b> film",
    "great, great fun &amp; joy",
    "I loved it<br />all",
    "ﬁne ﬁlme\u0301 很好 film 😀",
]
BAD = ["A dull film", "dull and bad", "I hated it<br>all of it", "bad, bad film 👎"]
DOCUMENTS = GOOD * 3 + BAD * 3
LABELS = np.repeat(["good", "bad"], 12)

ESTIMATORS = [
    HTMLTokenizer(max_length=6),
    HTMLTokenizer(
        max_length=6,
        normalization="NFKC",
        unspaced="keep",
        markup="html5",
        padding="pre",
        min_df=2,
        n_jobs=2,
    ),
    HTMLTokenizer(max_length=6, vocabulary=["film", "great", "bad"], stop_words="english"),
]


def probabilities(estimator):
    """A pipeline whose classifier can read ids without knowing that they are categories."""
    return make_pipeline(estimator, RandomForestClassifier(n_estimators=5, random_state=0))


def state(estimator):
    return pickle.dumps(estimator)


def check_fit_returns_self(estimator):
    assert estimator.fit(DOCUMENTS) is estimator
    assert estimator.partial_fit(DOCUMENTS) is estimator


def check_fit_ignores_y(estimator):
    expected = clone(estimator).fit(DOCUMENTS)
    assert state(clone(estimator).fit(DOCUMENTS, LABELS)) == state(expected)
    np.testing.assert_array_equal(
        clone(estimator).fit_transform(DOCUMENTS, LABELS), expected.transform(DOCUMENTS)
    )


def check_fit_transform_is_fit_then_transform(estimator):
    together = estimator.fit_transform(DOCUMENTS)
    np.testing.assert_array_equal(together, estimator.transform(DOCUMENTS))
    np.testing.assert_array_equal(together, clone(estimator).fit(DOCUMENTS).transform(DOCUMENTS))


def check_fit_is_idempotent(estimator):
    once = state(estimator.fit(DOCUMENTS))
    assert state(estimator.fit(DOCUMENTS)) == once


def check_fit_forgets_earlier_fits(estimator):
    expected = state(clone(estimator).fit(DOCUMENTS))
    assert state(estimator.fit(["something film"] * 30).fit(DOCUMENTS)) == expected


def check_one_partial_fit_is_a_fit(estimator):
    fitted, partly = clone(estimator).fit(DOCUMENTS), clone(estimator).partial_fit(DOCUMENTS)
    assert list(fitted.vocabulary_.items()) == list(partly.vocabulary_.items())
    np.testing.assert_array_equal(fitted.document_frequency_, partly.document_frequency_)


def check_methods_do_not_change_the_estimator(estimator):
    before = state(estimator.fit(DOCUMENTS))
    estimator.inverse_transform(estimator.transform(["unseen words", *DOCUMENTS]))
    estimator.get_feature_names_out()
    estimator.tokenize_with_offsets("unseen <b>words</b>")
    assert state(estimator) == before


def check_fit_keeps_the_parameters(estimator):
    before = {name: (id(value), copy.deepcopy(value)) for name, value in vars(estimator).items()}
    estimator.fit(DOCUMENTS).transform(DOCUMENTS)
    for name, (identity, value) in before.items():
        assert id(getattr(estimator, name)) == identity
        assert getattr(estimator, name) == value


def check_fit_adds_only_fitted_and_private_attributes(estimator):
    before = set(vars(estimator))
    added = set(vars(estimator.fit(DOCUMENTS))) - before
    assert {name for name in added if not name.startswith("_")} == {
        "vocabulary_",
        "document_frequency_",
        "n_documents_",
    }


def check_inputs_stay_as_they_were(estimator):
    texts = list(DOCUMENTS)
    array, series = np.array(texts, dtype=object), pd.Series(texts)
    for documents in (texts, array, series):
        before = copy.deepcopy(documents)
        estimator.fit(documents)
        estimator.transform(documents)
        assert list(documents) == list(before)


def check_read_only_inputs_are_fine(estimator):
    array = np.array(DOCUMENTS)
    array.flags.writeable = False
    np.testing.assert_array_equal(
        estimator.fit_transform(array), clone(estimator).fit_transform(DOCUMENTS)
    )


def check_transform_of_one_is_a_row_of_all(estimator):
    rows = estimator.fit_transform(DOCUMENTS)
    for document, row in zip(DOCUMENTS, rows, strict=True):
        np.testing.assert_array_equal(estimator.transform([document])[0], row)


def check_transform_keeps_the_order_of_documents(estimator):
    order = np.random.default_rng(0).permutation(len(DOCUMENTS))
    rows = estimator.fit_transform(DOCUMENTS)
    shuffled = [DOCUMENTS[k] for k in order]
    np.testing.assert_array_equal(estimator.transform(shuffled), rows[order])


def check_the_order_of_documents_does_not_matter_to_fit(estimator):
    reverse = clone(estimator).fit(DOCUMENTS[::-1])
    assert list(reverse.vocabulary_) == list(estimator.fit(DOCUMENTS).vocabulary_)


def check_transform_gives_int32_rows_of_max_length(estimator):
    for rows in (estimator.fit_transform(DOCUMENTS), estimator.transform(["unseen"])):
        assert rows.dtype == np.int32
        assert rows.flags.c_contiguous
        assert rows.shape[1] == estimator.max_length


def check_ids_lie_within_the_vocabulary(estimator):
    rows = estimator.fit_transform(DOCUMENTS)
    assert rows.min() >= 0
    assert rows.max() == len(estimator.vocabulary_) + 1


def check_inverse_transform_undoes_transform(estimator):
    words = (
        estimator.set_params(max_length=40)
        .fit(DOCUMENTS)
        .inverse_transform(estimator.transform(DOCUMENTS))
    )
    for row, document in zip(words, DOCUMENTS, strict=True):
        known = estimator.vocabulary_
        expected = [t if t in known else "[OOV]" for t in estimator.tokenize(document)]
        assert list(row) == expected


def check_there_is_a_feature_name_for_each_column(estimator):
    rows = estimator.fit_transform(DOCUMENTS)
    names = estimator.get_feature_names_out()
    assert names.dtype == object
    assert len(set(names)) == rows.shape[1]
    assert list(estimator.get_feature_names_out(["text"])) == list(names)


def check_set_output_gives_a_frame(estimator):
    expected = clone(estimator).fit_transform(DOCUMENTS)
    texts = pd.DataFrame({"text": DOCUMENTS}, index=range(100, 124))
    estimator.set_output(transform="pandas")
    for frame in (estimator.fit_transform(texts), estimator.transform(texts)):
        assert isinstance(frame, pd.DataFrame)
        assert list(frame.columns) == list(estimator.get_feature_names_out())
        assert list(frame.index) == list(texts.index)
        np.testing.assert_array_equal(frame.to_numpy(), expected)


def check_unfitted_estimators_say_so(estimator):
    if estimator.vocabulary is not None:
        check_is_fitted(estimator)  # stateless, as its tags say
        estimator.transform(DOCUMENTS)
        return
    for method in (estimator.transform, estimator.inverse_transform):
        with pytest.raises(NotFittedError):
            method(DOCUMENTS)
    with pytest.raises(NotFittedError):
        check_is_fitted(estimator)
    check_is_fitted(estimator.fit(DOCUMENTS))


def check_a_failed_fit_leaves_no_trace(estimator):
    fresh = state(estimator)
    for bad in ([None], [], "text", [*DOCUMENTS, 3], [*DOCUMENTS, "\ud800"]):
        for method in (estimator.fit, estimator.partial_fit, estimator.fit_transform):
            with pytest.raises((TypeError, ValueError)):
                method(bad)
    assert state(estimator) == fresh


def check_clones_are_equal_and_unfitted(estimator):
    other = clone(estimator.fit(DOCUMENTS))
    assert {name for name in vars(other) if name.endswith("_")} == set()
    assert other.get_params() == estimator.get_params()


def check_parameters_round_trip(estimator):
    parameters = estimator.get_params()
    other = HTMLTokenizer().set_params(**parameters)
    assert other.get_params() == parameters
    assert state(other.fit(DOCUMENTS)) == state(estimator.fit(DOCUMENTS))


def check_pickles_transform_alike(estimator):
    expected = estimator.fit_transform(DOCUMENTS)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        loaded = pickle.loads(pickle.dumps(estimator, protocol))
        np.testing.assert_array_equal(loaded.transform(DOCUMENTS), expected)
        np.testing.assert_array_equal(loaded.document_frequency_, estimator.document_frequency_)


def check_copies_are_independent(estimator):
    before = state(estimator.fit(DOCUMENTS))
    copy.deepcopy(estimator).partial_fit(["something else entirely"] * 50)
    copy.copy(estimator).fit(["something else entirely"] * 50)
    assert state(estimator) == before


def check_joblib_dumps_load_as_memory_maps(estimator, tmp_path):
    expected = estimator.fit_transform(DOCUMENTS)
    joblib.dump(estimator, tmp_path / "tokenizer.joblib")
    loaded = joblib.load(tmp_path / "tokenizer.joblib", mmap_mode="r")
    np.testing.assert_array_equal(loaded.transform(DOCUMENTS), expected)
    loaded.partial_fit(DOCUMENTS)


def check_processes_and_threads_agree(estimator):
    expected = estimator.fit_transform(DOCUMENTS)
    for backend in ("loky", "threading"):
        rows = joblib.Parallel(n_jobs=2, backend=backend, max_nbytes=1)(
            joblib.delayed(estimator.transform)(DOCUMENTS[start::2]) for start in range(2)
        )
        np.testing.assert_array_equal(rows[0], expected[::2])
        np.testing.assert_array_equal(rows[1], expected[1::2])


def check_n_jobs_changes_nothing(estimator):
    expected = clone(estimator).set_params(n_jobs=1).fit_transform(DOCUMENTS)
    for n_jobs in (2, 5, -1):
        other = clone(estimator).set_params(n_jobs=n_jobs)
        np.testing.assert_array_equal(other.fit_transform(DOCUMENTS), expected)
    with joblib.parallel_config(n_jobs=2, backend="threading"):
        other = clone(estimator).set_params(n_jobs=None)
        np.testing.assert_array_equal(other.fit_transform(DOCUMENTS), expected)


def check_no_warning_is_given(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator.fit(DOCUMENTS).transform(DOCUMENTS)
        estimator.partial_fit(DOCUMENTS)


def check_the_global_random_state_is_left_alone(estimator):
    np.random.seed(0)  # noqa: NPY002
    expected = np.random.get_state()[1].copy()  # noqa: NPY002
    estimator.fit(DOCUMENTS).transform(DOCUMENTS)
    assert np.array_equal(np.random.get_state()[1], expected)  # noqa: NPY002


def check_tags_tell_of_text(estimator):
    tags = get_tags(estimator)
    assert tags.input_tags.string
    assert not tags.input_tags.two_d_array
    assert not tags.input_tags.sparse
    assert not tags.target_tags.required
    assert tags.requires_fit == (estimator.vocabulary is None)
    assert tags.estimator_type is None
    assert tags.transformer_tags.preserves_dtype == []


def check_representations_name_what_was_set(estimator):
    assert repr(estimator).startswith("HTMLTokenizer(")
    assert "max_length=6" in repr(estimator)
    assert "HTMLTokenizer" in estimator._repr_html_()


def check_metadata_routing_knows_it(estimator):
    assert estimator.get_metadata_routing() is not None


def check_it_stands_in_a_pipeline(estimator):
    pipeline = probabilities(estimator).fit(DOCUMENTS, LABELS)
    assert pipeline.score(DOCUMENTS, LABELS) > 0.7
    names = pipeline[:-1].get_feature_names_out()
    assert len(names) == estimator.max_length


def check_it_stands_in_a_column_transformer(estimator):
    frame = pd.DataFrame({"stars": np.arange(24.0), "text": DOCUMENTS})
    columns = ColumnTransformer([("ids", estimator, "text"), ("rest", "passthrough", ["stars"])])
    rows = columns.fit_transform(frame)
    np.testing.assert_array_equal(rows[:, :-1], clone(estimator).fit_transform(DOCUMENTS))
    assert columns.get_feature_names_out()[0] == "ids__token0"
    of_frame = ColumnTransformer([("ids", clone(estimator), ["text"])]).fit_transform(frame)
    np.testing.assert_array_equal(of_frame, rows[:, :-1])


def check_it_stands_in_a_feature_union(estimator):
    length = FunctionTransformer(lambda documents: np.array([[len(d)] for d in documents]))
    union = FeatureUnion([("ids", estimator), ("length", length)])
    assert union.fit_transform(DOCUMENTS).shape == (24, estimator.max_length + 1)


def check_it_can_be_searched_in_processes(estimator):
    search = GridSearchCV(
        probabilities(estimator),
        {"htmltokenizer__max_length": [4, 6], "htmltokenizer__lowercase": [True, False]},
        cv=2,
        n_jobs=2,
        error_score="raise",
    ).fit(DOCUMENTS, LABELS)
    assert set(search.best_params_) == {"htmltokenizer__max_length", "htmltokenizer__lowercase"}
    assert len(search.predict(DOCUMENTS)) == 24


def check_it_can_be_searched_at_random(estimator):
    search = RandomizedSearchCV(
        probabilities(estimator),
        {"htmltokenizer__max_features": range(5, 50)},
        n_iter=3,
        cv=2,
        random_state=0,
        error_score="raise",
    ).fit(np.array(DOCUMENTS), LABELS)
    assert (
        search.best_estimator_[0].max_features == search.best_params_["htmltokenizer__max_features"]
    )


def check_it_can_be_cross_validated(estimator):
    pipeline = probabilities(estimator)
    assert len(cross_val_score(pipeline, DOCUMENTS, LABELS, cv=3, error_score="raise")) == 3
    assert cross_val_predict(pipeline, pd.Series(DOCUMENTS), LABELS, cv=3).shape == (24,)


def check_pipelines_can_cache_it(estimator, tmp_path):
    pipeline = probabilities(estimator).set_params(memory=str(tmp_path))
    first = pipeline.fit(DOCUMENTS, LABELS).predict_proba(DOCUMENTS)
    again = pipeline.fit(DOCUMENTS, LABELS).predict_proba(DOCUMENTS)
    np.testing.assert_array_equal(first, again)


OWN = [function for name, function in sorted(globals().items()) if name.startswith("check_")]
OWN.remove(check_is_fitted)
STOCK = [
    getattr(estimator_checks, name)
    for name in (
        "check_do_not_raise_errors_in_init_or_set_params",
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_estimator_tags_renamed",
        "check_get_params_invariance",
        "check_mixin_order",
        "check_no_attributes_set_in_init",
        "check_param_validation",
        "check_parameters_default_constructible",
        "check_set_params",
        "check_valid_tag_types",
    )
    if hasattr(estimator_checks, name)  # some come and go with scikit-learn's versions
]


def name_of(estimator):
    changed = {"n_jobs": "threads", "vocabulary": "given vocabulary"}
    return next((name for p, name in changed.items() if getattr(estimator, p)), "default")


def slow_with_processes(check):
    marks = pytest.mark.slow if "processes" in check.__name__ else ()
    return pytest.param(check, marks=marks, id=check.__name__)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)
@pytest.mark.parametrize("check", [slow_with_processes(check) for check in OWN])
def test_text_battery(check, estimator, tmp_path):
    arguments = [tmp_path] if "tmp_path" in check.__code__.co_varnames else []
    check(clone(estimator), *arguments)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)
@pytest.mark.parametrize("check", STOCK, ids=lambda check: check.__name__)
def test_stock_checks_that_need_no_data(check, estimator):
    check("HTMLTokenizer", clone(estimator))


def test_the_battery_is_complete(capsys):
    with capsys.disabled():
        print(
            f"\ntext battery: {len(OWN)} checks of text, {len(STOCK)} of scikit-learn's, "
            f"on {len(ESTIMATORS)} estimators each"
        )
    assert len(OWN) >= 30
    assert len(STOCK) >= 8


def test_scikit_learns_own_battery_passes_as_far_as_it_goes_for_text():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        checks = list(parametrize_with_checks([HTMLTokenizer()]).args[1])
    for estimator, check in checks:
        check(estimator)
    assert len(checks) < 5, "scikit-learn has learnt to check text: run its checks one by one"
