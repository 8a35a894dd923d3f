"""DistilledClassifier: a fast student of a slow teacher, in scikit-learn's habits."""

import json
import pickle
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn
from sklearn.base import ClassifierMixin, clone
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.utils import get_tags

import sentilib
from sentilib import (
    DenseSentimentClassifier,
    DistilledClassifier,
    HTMLTokenizer,
    TokenShapExplainer,
    compress,
    predict_proba_in_chunks,
)
from sentilib.datasets import make_reviews
from sentilib.inspection import error_table, report

TEXTS, Y = make_reviews(300, length=40, random_state=0)
LABELED, UNLABELED, TEST = slice(60), slice(60, 200), slice(200, 300)
P = np.full((140, 2), 0.5)


def student(**parameters):
    model = DenseSentimentClassifier(**{"epochs": 2, "random_state": 0} | parameters)
    return make_pipeline(HTMLTokenizer(max_length=60), model)


def teacher(last=None):
    return make_pipeline(TfidfVectorizer(), last or LogisticRegression(C=10))


def quick():
    """Return a distilled classifier whose fit takes milliseconds."""
    return DistilledClassifier(
        make_pipeline(TfidfVectorizer(), MultinomialNB(alpha=0.1)), teacher()
    )


def fit(distilled, y=Y[LABELED], **options):
    return distilled.fit(TEXTS[LABELED], y, **{"X_unlabeled": TEXTS[UNLABELED]} | options)


class Oracle(ClassifierMixin, sklearn.base.BaseEstimator):
    """A teacher who has read the labels of all texts."""

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        known = dict(zip(TEXTS, Y, strict=True))
        truth = np.array([known[text] for text in X])
        return np.column_stack([1 - truth, truth]) * 0.9 + 0.05


@pytest.fixture(scope="module")
def fitted():
    return fit(DistilledClassifier(student(), teacher()))


class TestLearning:
    def test_unlabelled_texts_have_the_teachers_labels_and_its_certainty_as_weights(self, fitted):
        taught = teacher().fit(TEXTS[LABELED], Y[LABELED]).predict_proba(TEXTS[UNLABELED])
        by_hand = student().fit(
            TEXTS[:200],
            np.r_[Y[LABELED], taught.argmax(axis=1)],
            densesentimentclassifier__sample_weight=np.r_[
                np.ones(60), taught.max(1) - taught.min(1)
            ],
        )
        np.testing.assert_array_equal(
            fitted.predict_proba(TEXTS[TEST]), by_hand.predict_proba(TEXTS[TEST])
        )
        given = fit(DistilledClassifier(student()), probabilities=taught)
        np.testing.assert_array_equal(
            given.predict_proba(TEXTS[TEST]), by_hand.predict_proba(TEXTS[TEST])
        )

    def test_a_good_teacher_makes_a_better_student(self):
        few = slice(16)
        alone = student().fit(TEXTS[few], Y[few]).score(TEXTS[TEST], Y[TEST])
        distilled = DistilledClassifier(student(), Oracle())
        distilled.fit(TEXTS[few], Y[few], X_unlabeled=TEXTS[UNLABELED])
        assert distilled.score(TEXTS[TEST], Y[TEST]) > alone + 0.1

    def test_votes_of_annotators_in_named_columns(self):
        names = np.array(["neg", "pos"])[Y]
        votes = pd.DataFrame({"pos": Y[UNLABELED] * 0.6 + 0.2, "neg": 0.8 - Y[UNLABELED] * 0.6})
        distilled = DistilledClassifier(make_pipeline(TfidfVectorizer(), MultinomialNB(alpha=0.1)))
        fit(distilled, names[LABELED], probabilities=votes)
        assert distilled.classes_.tolist() == ["neg", "pos"]
        assert distilled.score(TEXTS[TEST], names[TEST]) > 0.65
        with_numbers = fit(
            clone(distilled), names[LABELED], probabilities=votes[["neg", "pos"]].to_numpy()
        )
        np.testing.assert_array_equal(
            with_numbers.predict_proba(TEXTS[TEST]), distilled.predict_proba(TEXTS[TEST])
        )

    def test_a_teachers_columns_are_read_by_its_classes(self):
        class Backwards(Oracle):
            classes_ = np.array([1, 0])

            def predict_proba(self, X):
                return super().predict_proba(X)[:, ::-1]

        forwards, backwards = (
            fit(DistilledClassifier(quick().student, who)) for who in (Oracle(), Backwards())
        )
        np.testing.assert_array_equal(
            forwards.predict_proba(TEXTS[TEST]), backwards.predict_proba(TEXTS[TEST])
        )

    def test_a_fitted_teacher_is_frozen(self):
        wise = teacher().fit(TEXTS[:200], Y[:200])
        distilled = fit(quick().set_params(teacher=FrozenEstimator(wise)))
        taught = wise.predict_proba(TEXTS[UNLABELED])
        given = fit(quick().set_params(teacher=None), probabilities=taught)
        expected = given.predict_proba(TEXTS[TEST])
        np.testing.assert_array_equal(distilled.predict_proba(TEXTS[TEST]), expected)
        weighted = fit(clone(distilled), sample_weight=np.full(60, 3.0))
        np.testing.assert_array_equal(weighted.predict_proba(TEXTS[TEST]), expected)

    def test_weights_reach_teacher_and_student_and_zero_leaves_a_text_out(self):
        weight = np.where(np.arange(60) < 40, 1.0, 0.0)
        some = quick().fit(TEXTS[:60], Y[:60], sample_weight=weight, X_unlabeled=TEXTS[UNLABELED])
        fewer = quick().fit(TEXTS[:40], Y[:40], X_unlabeled=TEXTS[UNLABELED])
        np.testing.assert_array_equal(
            some.predict_proba(TEXTS[TEST]), fewer.predict_proba(TEXTS[TEST])
        )
        skewed = fit(quick(), sample_weight=np.where(Y[LABELED] == 1, 9.0, 1.0))
        assert (skewed.predict_proba(TEXTS[TEST]) - fit(quick()).predict_proba(TEXTS[TEST]))[
            :, 1
        ].mean() > 0.02

    @pytest.mark.parametrize(
        "of", [tuple, iter, np.array, pd.Series, pa.array, lambda t: np.array(t)[:, None]]
    )
    def test_texts_in_any_container(self, of):
        distilled = quick().fit(of(TEXTS[LABELED]), Y[LABELED], X_unlabeled=of(TEXTS[UNLABELED]))
        np.testing.assert_array_equal(
            distilled.predict(of(TEXTS[TEST])), fit(quick()).predict(TEXTS[TEST])
        )


class TestHabits:
    def test_refits_clones_and_pickles_are_equal(self, fitted):
        expected = fitted.predict_proba(TEXTS[TEST])
        np.testing.assert_array_equal(fit(clone(fitted)).predict_proba(TEXTS[TEST]), expected)
        restored = pickle.loads(pickle.dumps(fitted))
        np.testing.assert_array_equal(restored.predict_proba(TEXTS[TEST]), expected)

    def test_parameters_stay_unfitted_and_the_student_knows_no_teacher(self, fitted):
        assert not hasattr(fitted.teacher[-1], "coef_")
        assert not hasattr(fitted.student[-1], "classes_")
        assert b"LogisticRegression" not in pickle.dumps(fitted.student_)

    def test_all_methods_are_the_students(self, fitted):
        for name in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
            np.testing.assert_array_equal(
                getattr(fitted, name)(TEXTS[TEST]), getattr(fitted.student_, name)(TEXTS[TEST])
            )
        hinge = DistilledClassifier(teacher(LinearSVC()), teacher())
        assert hasattr(hinge, "decision_function") and not hasattr(hinge, "predict_proba")

    def test_a_failed_fit_changes_nothing(self, fitted):
        copy = pickle.loads(pickle.dumps(fitted))
        with pytest.raises(ValueError, match="no unlabelled texts"):
            copy.fit(TEXTS[LABELED], Y[LABELED])
        np.testing.assert_array_equal(copy.predict(TEXTS[TEST]), fitted.predict(TEXTS[TEST]))

    def test_it_is_a_classifier_of_text(self):
        assert sklearn.base.is_classifier(quick())
        assert get_tags(DistilledClassifier(student())).input_tags.string
        with pytest.raises(NotFittedError):
            quick().predict(TEXTS[TEST])

    def test_a_search_tunes_student_and_teacher(self):
        grid = {
            "student__multinomialnb__alpha": [0.1, 9.0],
            "teacher__logisticregression__C": [1, 99],
        }
        search = GridSearchCV(quick(), grid, cv=3, error_score="raise")
        search.fit(TEXTS[LABELED], Y[LABELED], X_unlabeled=TEXTS[UNLABELED])
        assert len(search.cv_results_["params"]) == 4
        best = fit(quick().set_params(**search.best_params_))
        np.testing.assert_array_equal(
            search.predict_proba(TEXTS[TEST]), best.predict_proba(TEXTS[TEST])
        )

    def test_unlabelled_texts_are_routed(self):
        with sklearn.config_context(enable_metadata_routing=True):
            distilled = quick().set_fit_request(X_unlabeled=True, sample_weight=True)
            distilled.set_score_request(sample_weight=True)
            result = cross_validate(
                distilled,
                TEXTS[LABELED],
                Y[LABELED],
                cv=3,
                params={"X_unlabeled": TEXTS[UNLABELED], "sample_weight": np.ones(60)},
                error_score="raise",
                return_estimator=True,
            )
            vote = VotingClassifier([("one", distilled)], voting="soft")
            vote.fit(TEXTS[LABELED], Y[LABELED], X_unlabeled=TEXTS[UNLABELED])
        n_words = [len(one.student_[0].vocabulary_) for one in result["estimator"]]
        assert min(n_words) > len(TfidfVectorizer().fit(TEXTS[UNLABELED]).vocabulary_)
        expected = fit(quick()).predict_proba(TEXTS[TEST])
        np.testing.assert_array_equal(vote.predict_proba(TEXTS[TEST]), expected)

    def test_skops_saves_it(self, fitted):
        io = pytest.importorskip("skops.io")
        restored = io.loads(io.dumps(fitted), trusted=sentilib.TRUSTED_TYPES)
        np.testing.assert_array_equal(
            restored.predict_proba(TEXTS[TEST]), fitted.predict_proba(TEXTS[TEST])
        )

    def test_outputs_set_to_data_frames_change_nothing(self, fitted):
        with sklearn.config_context(transform_output="pandas"):
            predicted = fit(clone(fitted)).predict(TEXTS[TEST])
        np.testing.assert_array_equal(predicted, fitted.predict(TEXTS[TEST]))


class TestInspection:
    def test_explanations_are_the_students(self, fitted):
        one, other = (
            TokenShapExplainer(model).explain(TEXTS[200:204]) for model in (fitted, fitted.student_)
        )
        for values, expected in zip(one.values, other.values, strict=True):
            np.testing.assert_array_equal(values, expected)

    def test_reports_tables_chunks_and_compression(self, fitted, tmp_path):
        path = tmp_path / "report.html"
        report(fitted, TEXTS[TEST], Y[TEST], path=path)
        (data,) = re.findall(r'id="data">(.*?)</script>', path.read_text(encoding="utf-8"), re.S)
        assert json.loads(data)
        wrong = np.flatnonzero(fitted.predict(TEXTS[TEST]) != Y[TEST])
        table = error_table(fitted, TEXTS[TEST], Y[TEST])
        assert set(wrong) <= set(table["row"])
        expected = fitted.predict_proba(TEXTS[TEST])
        np.testing.assert_array_equal(
            predict_proba_in_chunks(fitted, TEXTS[TEST], chunk_size=30), expected
        )
        small = compress(fitted, bits=32).predict_proba(TEXTS[TEST])
        np.testing.assert_allclose(small, expected, atol=1e-6)


class TestBadInput:
    @pytest.mark.parametrize(
        ("probabilities", "message"),
        [
            (P[:-1], r"shape \(140, 2\), got \(139, 2\)"),
            (np.ones(140), r"got \(140,\)"),
            (np.full((140, 3), 1 / 3), r"shape \(140, 2\), got \(140, 3\)"),
            (P + np.eye(140, 2)[::-1], "row 138 does not sum to 1"),
            (P + np.eye(140, 2) * [[np.nan, 0]], "row 0 is not finite"),
            (np.tile([1.5, -0.5], (140, 1)), "row 0 contains a negative number"),
            (np.tile([3.0, 2.0], (140, 1)), "row 0 does not sum to 1"),
            (np.full((140, 2), "half"), "must be numbers"),
        ],
    )
    def test_rows_that_are_no_distributions(self, probabilities, message):
        with pytest.raises(ValueError, match=message):
            fit(quick().set_params(teacher=None), probabilities=probabilities)

    def test_a_teachers_rows_are_checked_too(self):
        class Wrong(Oracle):
            def predict_proba(self, X):
                return super().predict_proba(X) * 2

        with pytest.raises(ValueError, match="teacher's predict_proba must be one distribution"):
            fit(DistilledClassifier(quick().student, Wrong()))

    @pytest.mark.parametrize("texts", [None, [], np.array([], dtype=object), iter(())])
    def test_no_unlabelled_texts(self, texts):
        with pytest.raises(ValueError, match="no unlabelled texts to learn from"):
            fit(quick(), X_unlabeled=texts)

    @pytest.mark.parametrize(
        ("parameters", "error", "message"),
        [
            ({"teacher": None}, ValueError, "no teacher"),
            ({"teacher": teacher(LinearSVC())}, TypeError, "CalibratedClassifierCV"),
            ({"teacher": "model"}, ValueError, "teacher"),
            ({"student": teacher(KNeighborsClassifier())}, TypeError, "student must accept weight"),
            ({"student": TfidfVectorizer()}, TypeError, "must be a classifier"),
            (
                {"student": GridSearchCV(teacher(), {})},
                TypeError,
                "search belongs around DistilledClassifier",
            ),
        ],
    )
    def test_parts_that_cannot_teach_or_learn(self, parameters, error, message):
        with pytest.raises(error, match=message):
            fit(quick().set_params(**parameters))

    def test_a_teacher_who_cannot_weigh(self):
        with pytest.raises(TypeError, match=r"FrozenEstimator\(teacher\)"):
            fit(
                quick().set_params(teacher=teacher(KNeighborsClassifier())),
                sample_weight=np.ones(60),
            )

    def test_a_teacher_of_other_classes(self):
        stranger = teacher().fit(TEXTS[LABELED], np.array(["bad", "good"])[Y[LABELED]])
        with pytest.raises(ValueError, match=r"predicts the classes .*bad.*but y contains"):
            fit(quick().set_params(teacher=FrozenEstimator(stranger)))

    def test_two_sources_of_probabilities(self):
        with pytest.raises(ValueError, match="either a teacher or probabilities"):
            fit(quick(), probabilities=P)

    @pytest.mark.parametrize(
        ("y", "message"),
        [
            (np.zeros(60), "one class only"),
            (Y[:59], "inconsistent numbers"),
            ([None, *Y[1:60]], "missing values"),
            (np.linspace(0, 1, 60), "Unknown label type"),
        ],
    )
    def test_labels(self, y, message):
        with pytest.raises(ValueError, match=message):
            fit(quick(), y)

    def test_one_string_or_numbers_for_texts(self):
        with pytest.raises(ValueError, match="got one string"):
            fit(quick(), X_unlabeled="one text")
        with pytest.raises(ValueError, match=r"array of shape \(3, 2\)"):
            fit(quick(), X_unlabeled=np.zeros((3, 2)))
