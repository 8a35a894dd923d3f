"""Tokenizer and classifiers inside scikit-learn's own machinery, from raw text to probabilities."""

import copy
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn
from scipy.stats import loguniform, randint
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.feature_selection import VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    RandomizedSearchCV,
    cross_val_predict,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import ClassifierTags, TransformerTags, get_tags
from sklearn.utils.metadata_routing import get_routing_for_object

import sentilib
from sentilib import (
    ConvSentimentClassifier,
    DenseSentimentClassifier,
    DistilledClassifier,
    HTMLTokenizer,
)
from sentilib.datasets import make_reviews
from sentilib.explain import TokenShapExplainer

PACKAGE = Path(sentilib.__file__).parent

CLASSIFIERS = {  # more batches take less time than more epochs
    "dense": DenseSentimentClassifier(
        hidden_units=8, epochs=2, batch_size=8, learning_rate=0.02, random_state=0
    ),
    "conv": ConvSentimentClassifier(
        filters=(8, 4), epochs=2, batch_size=8, learning_rate=0.01, random_state=0
    ),
}


def small_tokenizer():
    return HTMLTokenizer(max_features=500, max_length=60)


@pytest.fixture(scope="module")
def reviews():
    return make_reviews(200, length=40, n_movies=20, return_X_y=False, random_state=0)


@pytest.fixture(params=CLASSIFIERS.values(), ids=CLASSIFIERS.keys())
def classifier(request):
    return clone(request.param)


@pytest.fixture
def pipe(classifier):
    return Pipeline([("tokenizer", small_tokenizer()), ("classifier", classifier)])


@pytest.fixture(scope="module", params=CLASSIFIERS.values(), ids=CLASSIFIERS.keys())
def fitted(request, reviews):
    pipe = Pipeline([("tokenizer", small_tokenizer()), ("classifier", clone(request.param))])
    return pipe.fit(reviews.data, reviews.target)


class TestFittedPipeline:
    def test_it_learns_from_raw_text(self, fitted, reviews):
        assert fitted.score(reviews.data, reviews.target) > 0.8

    def test_any_container_of_strings_gives_the_same_model(self, fitted, reviews):
        pandas = pytest.importorskip("pandas")
        expected = fitted.predict_proba(reviews.data)
        for container in (
            tuple(reviews.data),
            np.array(reviews.data, dtype=object),
            np.array(reviews.data),
            pandas.Series(reviews.data, index=np.arange(len(reviews.data))[::-1]),
        ):
            np.testing.assert_array_equal(fitted.predict_proba(container), expected)
            twin = clone(fitted).fit(container, pandas.Series(reviews.target))
            np.testing.assert_array_equal(twin.predict_proba(reviews.data), expected)

    def test_a_pickle_holds_all_that_prediction_needs(self, fitted, reviews):
        twin = pickle.loads(pickle.dumps(fitted))
        np.testing.assert_array_equal(
            twin.predict_proba(reviews.data), fitted.predict_proba(reviews.data)
        )
        assert str(twin.get_params()) == str(fitted.get_params())

    def test_set_output_changes_the_containers_and_no_number(self, fitted, reviews):
        pandas = pytest.importorskip("pandas")
        pipe = clone(fitted).set_output(transform="pandas").fit(reviews.data, reviews.target)
        ids = pipe[:-1].transform(reviews.data)
        assert ids.columns.tolist() == pipe[-1].feature_names_in_.tolist()
        assert ids.columns[0] == "token0" and (ids.dtypes == np.int32).all()
        latent = pipe.transform(reviews.data)
        assert isinstance(latent, pandas.DataFrame)
        assert latent.columns.tolist() == pipe.get_feature_names_out().tolist()
        np.testing.assert_array_equal(latent, fitted.transform(reviews.data))
        np.testing.assert_array_equal(
            pipe.predict_proba(reviews.data), fitted.predict_proba(reviews.data)
        )

    def test_probabilities_can_be_calibrated_on_ids(self, fitted, reviews):
        ids = fitted[0].transform(reviews.data)
        calibrated = CalibratedClassifierCV(FrozenEstimator(fitted[-1]), method="sigmoid")
        calibrated.fit(ids, reviews.target)
        assert calibrated.score(ids, reviews.target) > 0.8


class TestOneReview:
    """Predicting one review takes less time than Python's calls around it, so these are counted."""

    @staticmethod
    def calls(function):
        """Return how often code of this package, and code of `copy`, is entered."""
        n_calls = {"sentilib": 0, "copy": 0}

        def count(frame, event, _):
            if event == "call":
                path = frame.f_code.co_filename
                n_calls["sentilib"] += Path(path).is_relative_to(PACKAGE)
                n_calls["copy"] += path == copy.__file__

        function()  # imports, and whatever is computed once
        sys.setprofile(count)
        try:
            function()
        finally:
            sys.setprofile(None)
        return n_calls

    def test_a_prediction_takes_few_calls(self, fitted):
        n_calls = self.calls(lambda: fitted.predict_proba(["A fine film, <i>really</i>!"]))
        assert n_calls["sentilib"] <= 82  # 98 and 104 with a generator or a wrapper per loop
        assert n_calls["copy"] <= 8  # 51 if `copy` takes the tags apart

    def test_an_explanation_takes_few_calls(self, fitted):
        explainer = TokenShapExplainer(fitted)
        n_calls = self.calls(lambda: explainer.explain(["A fine film, <i>really</i>!"]))
        assert n_calls["sentilib"] <= 260  # 294 and 352 before

    def test_a_pipeline_has_its_own_copy_of_the_tags(self, fitted):
        tags = get_tags(fitted)
        tags.classifier_tags.poor_score = "changed"
        tags.transformer_tags.preserves_dtype.append("changed")
        for estimator in (fitted, fitted[-1], type(fitted[-1])()):
            again = get_tags(estimator)
            assert again.classifier_tags.poor_score == isinstance(
                fitted[-1], DenseSentimentClassifier
            )
            assert again.classifier_tags.multi_class
            assert again.transformer_tags.preserves_dtype == []

    def test_tags_are_copied_with_all_their_values(self, fitted):
        tags = get_tags(fitted[-1])
        for part in (tags.classifier_tags, tags.transformer_tags):
            other = copy.deepcopy(part)
            assert other is not part
            assert other == part
            assert isinstance(other, ClassifierTags | TransformerTags)


class TestComposition:
    def test_probabilities_can_be_calibrated_from_raw_text(self, pipe, reviews):
        calibrated = CalibratedClassifierCV(pipe, cv=2).fit(reviews.data, reviews.target)
        proba = calibrated.predict_proba(reviews.data)
        np.testing.assert_allclose(proba.sum(axis=1), 1)
        assert calibrated.score(reviews.data, reviews.target) > 0.6

    def test_a_column_of_a_data_frame_can_be_tokenized(self, classifier, reviews):
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"movie": reviews.movie, "review": reviews.data})
        from_column = make_pipeline(
            ColumnTransformer([("ids", small_tokenizer(), "review")]), clone(classifier)
        )
        from_list = make_pipeline(small_tokenizer(), clone(classifier))
        np.testing.assert_array_equal(
            from_column.fit(frame, reviews.target).predict_proba(frame),
            from_list.fit(reviews.data, reviews.target).predict_proba(reviews.data),
        )

    def test_another_step_may_stand_between_ids_and_classifier(self, classifier, reviews):
        pipe = make_pipeline(HTMLTokenizer(max_length=250), VarianceThreshold(), classifier)
        pipe.fit(reviews.data, reviews.target)
        assert pipe[-1].n_features_in_ < 250  # columns that hold nothing but padding are gone
        assert pipe.score(reviews.data, reviews.target) > 0.7

    def test_both_classifiers_vote_on_the_ids_of_one_tokenizer(self, reviews):
        voting = VotingClassifier(list(CLASSIFIERS.items()), voting="soft")
        pipe = make_pipeline(small_tokenizer(), voting).fit(reviews.data, reviews.target)
        ids = pipe[0].transform(reviews.data)
        each = [voter.predict_proba(ids) for voter in pipe[-1].estimators_]
        np.testing.assert_allclose(pipe.predict_proba(reviews.data), np.mean(each, axis=0))

    def test_both_classifiers_are_stacked_on_the_ids_of_one_tokenizer(self, reviews):
        stack = StackingClassifier(list(CLASSIFIERS.items()), LogisticRegression(), cv=2)
        pipe = make_pipeline(small_tokenizer(), stack).fit(reviews.data, reviews.target)
        assert pipe[-1].final_estimator_.coef_.shape == (1, 2)
        assert pipe.score(reviews.data, reviews.target) > 0.7

    def test_clone_keeps_every_parameter(self, pipe):
        changed = {
            "tokenizer__punctuation": "token",
            "tokenizer__stop_words": ["the"],
            "classifier__embedding_dim": 5,
            "classifier__class_weight": {0: 2.0, 1: 1.0},
            "classifier__early_stopping": True,
            "classifier__callbacks": [],
            "classifier__precision": "float32",
        }
        params = pipe.set_params(**changed).get_params()
        kept = clone(pipe).get_params()
        for name in params.keys() - {"steps", "tokenizer", "classifier"}:
            assert kept[name] == params[name], name
        assert {name: kept[name] for name in changed} == changed


class TestModelSelection:
    @pytest.mark.slow
    def test_a_grid_search_tunes_both_steps_in_two_processes(self, pipe, reviews):
        grid = {"tokenizer__max_features": [20, 500], "classifier__epochs": [1, 2]}
        search = GridSearchCV(pipe, grid, cv=2, n_jobs=2, scoring="neg_log_loss")
        search.fit(reviews.data, reviews.target)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        assert len(np.unique(search.cv_results_["mean_test_score"])) == 4
        best = search.best_estimator_
        assert best["classifier"].n_iter_ == search.best_params_["classifier__epochs"]
        # What the grid leaves alone stays as it was.
        before, after = pipe.get_params(), best.get_params()
        for name in before.keys() - grid.keys() - {"steps", "tokenizer", "classifier"}:
            assert after[name] == before[name], name

    def test_a_randomized_search_draws_from_distributions(self, pipe, reviews):
        space = {
            "tokenizer__max_features": randint(100, 500),
            "classifier__learning_rate": loguniform(1e-3, 1e-1),
            "classifier__dropout": [0.0, 0.2],
        }
        search = RandomizedSearchCV(pipe, space, n_iter=3, cv=2, n_jobs=2, random_state=0)
        search.fit(reviews.data, reviews.target)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        assert search.predict_proba(reviews.data).shape == (200, 2)

    def test_cross_validation_by_movie_predicts_each_review_by_a_model_of_others(
        self, pipe, reviews
    ):
        folds = GroupKFold(2)
        proba = cross_val_predict(
            pipe,
            reviews.data,
            reviews.target,
            groups=reviews.movie,
            cv=folds,
            method="predict_proba",
        )
        texts = np.array(reviews.data, dtype=object)
        train, test = next(folds.split(texts, groups=reviews.movie))
        one_fold = clone(pipe).fit(texts[train], reviews.target[train])
        np.testing.assert_array_equal(proba[test], one_fold.predict_proba(texts[test]))


class TestReproducibility:
    """With one `random_state` the probabilities agree to the last bit, wherever `fit` runs."""

    @pytest.mark.slow
    def test_in_another_process(self, reviews, tmp_path):
        pipes = [make_pipeline(small_tokenizer(), model) for model in CLASSIFIERS.values()]
        job = pipes, reviews.data, reviews.target
        (tmp_path / "job.pickle").write_bytes(pickle.dumps(job))
        program = """
import pickle, sys, numpy as np
with open(sys.argv[1], "rb") as file:
    pipes, texts, labels = pickle.load(file)
np.save(sys.argv[2], [pipe.fit(texts, labels).predict_proba(texts) for pipe in pipes])
"""
        arguments = [str(tmp_path / "job.pickle"), str(tmp_path / "proba.npy")]
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        here = [pipe.fit(*job[1:]).predict_proba(reviews.data) for pipe in pipes]
        np.testing.assert_array_equal(np.load(tmp_path / "proba.npy"), here)

    def test_in_two_worker_processes(self, pipe, reviews):
        here, there = (
            cross_val_predict(
                pipe, reviews.data, reviews.target, cv=2, method="predict_proba", n_jobs=n_jobs
            )
            for n_jobs in (None, 2)
        )
        np.testing.assert_array_equal(there, here)

    def test_in_a_parallel_grid_search(self, pipe, reviews):
        here, there = (
            GridSearchCV(pipe, {"classifier__epochs": [1, 2]}, cv=2, n_jobs=n_jobs).fit(
                reviews.data, reviews.target
            )
            for n_jobs in (None, 2)
        )
        np.testing.assert_array_equal(
            there.cv_results_["mean_test_score"], here.cv_results_["mean_test_score"]
        )
        np.testing.assert_array_equal(
            there.predict_proba(reviews.data), here.predict_proba(reviews.data)
        )


class TestMetadataRouting:
    @pytest.fixture(autouse=True)
    def routing(self):
        with sklearn.config_context(enable_metadata_routing=True):
            yield

    def test_every_parameter_of_a_fit_can_be_requested(self, classifier):
        requests = classifier.get_metadata_routing()
        assert {name: set(getattr(requests, name).requests) for name in ("fit", "score")} == {
            "fit": {"sample_weight", "X_val", "y_val", "groups"},
            "score": {"sample_weight"},
        }
        assert set(requests.partial_fit.requests) == {"classes", "sample_weight"}
        asked = classifier.set_partial_fit_request(classes=True, sample_weight=True)
        assert asked.get_metadata_routing().partial_fit.requests["classes"] is True

    def test_no_documents_are_metadata_and_the_docs_name_all_that_is(self):
        assert get_routing_for_object(HTMLTokenizer())._serialize() == {}
        assert not [name for name in dir(HTMLTokenizer) if re.match("set_.*_request", name)]
        distilled = DistilledClassifier(small_tokenizer())
        requests = [
            (kind, kind().get_metadata_routing())
            for kind in (DenseSentimentClassifier, ConvSentimentClassifier)
        ] + [(DistilledClassifier, distilled.get_metadata_routing())]
        page = (Path(__file__).parents[1] / "docs" / "training.md").read_text(encoding="utf-8")
        [paragraph] = re.findall(r"enable_metadata_routing.*?(?=\n\* )", page, re.DOTALL)
        for kind, routing in requests:
            for method, names in routing._serialize().items():
                documented = getattr(kind, method).__doc__
                for name in names:
                    assert re.search(rf"^ +(\w+, )*{name}\b.* : ", documented, re.MULTILINE), name
                    assert f"`{name}`" in paragraph

    def test_raw_validation_texts_pass_through_the_tokenizer(self, classifier, reviews):
        pipe = Pipeline(
            [
                ("tokenizer", small_tokenizer()),
                ("classifier", classifier.set_fit_request(X_val=True, y_val=True)),
            ],
            transform_input=["X_val"],
        )
        texts, labels = reviews.data, reviews.target
        pipe.fit(texts[:150], labels[:150], X_val=texts[150:], y_val=labels[150:])
        assert len(pipe["classifier"].history_["val_loss"]) == 2

    def test_groups_reach_the_folds_and_the_validation_split(self, pipe, reviews):
        pipe["classifier"].set_params(early_stopping=True, validation_fraction=0.25, epochs=1)
        pipe["classifier"].set_fit_request(groups=True)
        search = GridSearchCV(pipe, {"tokenizer__lowercase": [True, False]}, cv=GroupKFold(2))
        search.fit(reviews.data, reviews.target, groups=reviews.movie)
        assert "val_loss" in search.best_estimator_["classifier"].history_

    def test_weights_reach_the_classifier(self, pipe, reviews):
        texts, labels = reviews.data[:100], reviews.target[:100]
        weight = np.where(labels == 1, 5.0, 1.0)
        plain = clone(pipe).fit(texts, labels)
        pipe["classifier"].set_fit_request(sample_weight=True)
        weighted = pipe.fit(texts, labels, sample_weight=weight)
        likely, before = (p.predict_proba(reviews.data[100:])[:, 1] for p in (weighted, plain))
        assert likely.mean() > before.mean() + 0.01
