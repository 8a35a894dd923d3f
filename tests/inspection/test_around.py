"""Estimators around our pipelines and around our classifiers: calibration, votes, stacks, ..."""

import json
import re

import imblearn.pipeline
import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sentilib import (
    DenseSentimentClassifier,
    DistilledClassifier,
    HTMLTokenizer,
    TokenShapExplainer,
)
from sentilib._pipelines import read_reviews
from sentilib.explain import counterfactual
from sentilib.inspection import (
    LatentSpaceDisplay,
    TrainingHistoryDisplay,
    compare,
    error_table,
    find_label_issues,
    report,
    slices,
)
from sentilib.inspection._measures._heat_maps import heat_maps
from sentilib.inspection._measures._member_maps import member_heat_maps


def data_of(path):
    (text,) = re.findall(r'id="data">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL)
    return json.loads(text)


def small():
    model = DenseSentimentClassifier(epochs=1, random_state=0)
    return make_pipeline(HTMLTokenizer(max_length=60), model)


def tf_idf():
    return make_pipeline(TfidfVectorizer(), LogisticRegression())


def shout(texts):
    return [text.upper() for text in texts]


@pytest.fixture(scope="module")
def train(reviews):
    return reviews.data[:120], reviews.target[:120]


@pytest.fixture(scope="module")
def around(dense, train):
    """Return fitted estimators with exactly one model inside, and with several."""
    frozen = FrozenEstimator(dense)
    X, y = train
    one = {
        "calibrated": CalibratedClassifierCV(frozen).fit(X, y),
        "search of a calibrated one": GridSearchCV(
            CalibratedClassifierCV(frozen), {"method": ["sigmoid"]}, cv=2
        ).fit(X, y),
        "stack of one": StackingClassifier([("a", frozen)], cv=2).fit(X, y),
        "threshold": FixedThresholdClassifier(frozen, threshold=0.9).fit(X, y),
        "tuned threshold": TunedThresholdClassifierCV(frozen, cv="prefit", refit=False).fit(X, y),
        "isotonic": CalibratedClassifierCV(frozen, method="isotonic").fit(X, y),
        "search of searches": GridSearchCV(
            GridSearchCV(CalibratedClassifierCV(frozen), {"cv": [2]}, cv=2), {"refit": [True]}, cv=2
        ).fit(X, y),
        "calibrated classifier in a pipeline": make_pipeline(
            FrozenEstimator(dense[0]), CalibratedClassifierCV(FrozenEstimator(dense[1]))
        ).fit(X, y),
        "pipeline in a pipeline": make_pipeline(FunctionTransformer(), frozen).fit(X, y),
    }
    several = {
        "calibrated on folds": CalibratedClassifierCV(small(), cv=2).fit(X, y),
        "vote": VotingClassifier([("a", frozen), ("b", tf_idf())], voting="soft").fit(X, y),
        "stack": StackingClassifier([("a", small()), ("b", tf_idf())], cv=2).fit(X, y),
        "vote behind a tokenizer": make_pipeline(
            FrozenEstimator(dense[0]),
            VotingClassifier([(k, FrozenEstimator(dense[1])) for k in "ab"], voting="soft"),
        ).fit(X, y),
    }
    return one, several


ONE = [
    "calibrated",
    "search of a calibrated one",
    "stack of one",
    "threshold",
    "tuned threshold",
    "isotonic",
    "search of searches",
    "calibrated classifier in a pipeline",
    "pipeline in a pipeline",
]
SEVERAL = ["calibrated on folds", "vote", "stack", "vote behind a tokenizer"]


# Isotonic calibration yields probabilities of 0, whose loss scikit-learn clips elsewhere.
@pytest.mark.parametrize("name", [name for name in ONE + SEVERAL if name != "isotonic"])
def test_figures_are_those_of_the_estimator_itself(name, around, held_out, tmp_path):
    X, y = held_out[0][:60], held_out[1][:60]
    estimator = (around[0] | around[1])[name]
    proba = estimator.predict_proba(X)
    table = error_table(estimator, X, y)
    by_row = table.sort_values("row")
    np.testing.assert_allclose(by_row["probability"], proba.max(axis=1))
    np.testing.assert_array_equal(by_row["prediction"], estimator.predict(X))
    assert table["loss"].mean() == pytest.approx(log_loss(y, proba))
    assert by_row["length"].tolist() == [len(HTMLTokenizer().tokenize(text)) for text in X]
    found = slices(estimator, X, y, random_state=0)
    assert ("cluster" in set(found["feature"])) == (name in ONE)
    report(estimator, X, y, path=tmp_path / "r")
    page = (tmp_path / "r").read_text(encoding="utf-8")
    assert len(data_of(tmp_path / "r")["maps"]) == 60
    assert ("combines several models. The heat-maps show the" in page) == (name in SEVERAL)
    assert bool(data_of(tmp_path / "r")["removals"]) == (name in ONE and name != "stack of one")
    issues = find_label_issues(FrozenEstimator(estimator), X, y)
    np.testing.assert_allclose(
        issues.sort_values("row")["self_confidence"], proba[np.arange(60), y]
    )


@pytest.mark.parametrize("name", ONE)
def test_the_only_model_inside_is_explained(name, around, dense, held_out):
    X = held_out[0][:5]
    found, expected = (TokenShapExplainer(model).explain(X) for model in (around[0][name], dense))
    assert found.feature_names == expected.feature_names
    for values, others in zip(found.values, expected.values, strict=True):
        np.testing.assert_array_equal(values, others)
    latent = LatentSpaceDisplay.from_estimator(around[0][name], X, held_out[1][:5])
    assert latent.points.shape == (5, 2)
    history = TrainingHistoryDisplay.from_estimator(around[0][name]).history
    assert history == dense[-1].history_


@pytest.mark.parametrize("name", ONE)
def test_the_words_that_decide_are_those_of_the_estimator_s_own_decision(name, around, held_out):
    estimator = around[0][name]
    X = [text for text in held_out[0] if len(HTMLTokenizer().tokenize(text)) < 60][:12]
    if name == "stack of one":
        with pytest.raises(TypeError, match="decision of StackingClassifier does not follow from"):
            counterfactual(estimator, X)
        return
    found = counterfactual(estimator, X)
    predicted = estimator.predict(X)
    np.testing.assert_array_equal(found.before, predicted)
    segments = TokenShapExplainer(estimator).explain(X).data
    changed = [
        "".join(
            "qqqq " if tokens is not None and k in tokens else segment
            for k, segment in enumerate(pieces)
        )
        for pieces, tokens in zip(segments, found.positions, strict=True)
    ]
    np.testing.assert_array_equal(estimator.predict(changed), found.after)
    flips = [tokens is not None for tokens in found.positions]
    np.testing.assert_array_equal(found.after != predicted, flips)
    assert sum(flips) > 6


def test_a_distilled_student_is_explained_and_decides(train, held_out, tmp_path):
    X, y = train
    proba = np.column_stack([1 - y, y])
    distilled = DistilledClassifier(small()).fit(X, y, X_unlabeled=X, probabilities=proba)
    texts = held_out[0][:20]
    expected = counterfactual(distilled.student_, texts)
    assert counterfactual(distilled, texts).words == expected.words
    report(distilled, texts, held_out[1][:20], path=tmp_path / "r")
    assert len(data_of(tmp_path / "r")["maps"]) == 20


def test_heat_maps_of_several_models_are_the_mean_of_theirs(around, held_out):
    estimator = around[1]["calibrated on folds"]
    rows = np.array([3, 5])
    toward = np.ones(2, dtype=int)
    found, about = member_heat_maps(read_reviews(estimator, held_out[0]), rows, toward)
    assert "mean of the contributions to the margins of 2 of them, estimator.calibrated" in about
    own = [
        heat_maps(read_reviews(member.estimator, held_out[0]), rows, toward)
        for member in estimator.calibrated_classifiers_
    ]
    for heat_map, first, second in zip(found, *own, strict=True):
        assert heat_map.pieces == first.pieces == second.pieces
        np.testing.assert_allclose(heat_map.values, (first.values + second.values) / 2)
        assert np.abs(first.values - second.values).max() > 1e-3

    found, about = member_heat_maps(read_reviews(around[1]["vote"], held_out[0]), rows, toward)
    assert "of one of them, estimator.estimators_[0], not to the prediction of all" in about
    one_against_rest = OneVsRestClassifier(small()).fit(held_out[0][:90], np.arange(90) % 3)
    reviews = read_reviews(one_against_rest, held_out[0])
    assert member_heat_maps(reviews, rows, toward) is None  # which predict other classes


def test_calibrations_of_three_classes_have_no_margin_that_decides(dense_of_three, three_reviews):
    X, y = three_reviews.data[:60], three_reviews.target[:60]
    calibrated = CalibratedClassifierCV(FrozenEstimator(dense_of_three)).fit(X, y)
    with pytest.raises(TypeError, match="decision of CalibratedClassifierCV does not follow"):
        counterfactual(calibrated, X[:2])
    assert len(counterfactual(FrozenEstimator(dense_of_three), X[:2])) == 2


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("calibrated on folds", r"estimator\.calibrated_classifiers_\[0\]\.estimator"),
        ("vote", r"estimator\.estimators_\[0\]"),
        ("stack", r"estimator\.estimators_\[0\]"),
        ("vote behind a tokenizer", r"estimator\[-1\]\.estimators_\[0\]"),
    ],
)
def test_several_models_are_not_explained_and_the_message_leads_to_one(
    name, path, around, held_out
):
    estimator = around[1][name]
    message = rf"combines several models, .* Explain one of them, such as {path}\."
    with pytest.raises(TypeError, match=message):
        TokenShapExplainer(estimator).explain(held_out[0][:2])
    assert re.search(message, error_table(estimator, *held_out).attrs["not_explained"])
    with pytest.raises(TypeError, match="has no latent space"):
        LatentSpaceDisplay.from_estimator(estimator, *held_out)
    inside = eval(path.replace("\\", ""), {"estimator": estimator})  # as a reader would
    X = held_out[0][:2] if "-1" not in path else estimator[0].transform(held_out[0][:2])
    assert len(TokenShapExplainer(inside).explain(X)) == 2


def test_classes_have_their_own_names_where_an_estimator_numbers_them(train, tmp_path):
    X, y = train[0], np.where(train[1], "good", "bad")
    as_column = np.array(X, dtype=object)[:, None]
    bagging = BaggingClassifier(small(), n_estimators=1, bootstrap=False).fit(as_column, y)
    for estimator in (OneVsRestClassifier(small()).fit(X, y), bagging):
        found = TokenShapExplainer(estimator).explain(X[:1])
        assert found.output_names == "log-odds of good" and found.class_names == ["bad", "good"]
    for texts in (as_column, X, pd.Series(X)):  # a list becomes the column that it reads
        found = error_table(bagging, texts, y)
        assert found["loss"].mean() == pytest.approx(log_loss(y, bagging.predict_proba(as_column)))


def test_label_issues_of_any_classifier_of_text(train):
    X, y = train
    for estimator in (
        FrozenEstimator(tf_idf().fit(X, y)),
        StackingClassifier([("a", tf_idf())], LogisticRegression(), cv=2),
    ):
        found = find_label_issues(estimator, pd.Series(X, index=range(500, 620)), y, cv=2)
        assert (found.index == found["row"] + 500).all() and found["snippet"].str.len().min() > 9


def test_ids_for_an_estimator_that_reads_text_are_refused(around, dense, held_out):
    with pytest.raises(ValueError, match="CalibratedClassifierCV contains the tokenizer and reads"):
        error_table(around[0]["calibrated"], dense[0].transform(held_out[0]), held_out[1])


def test_any_classifier_of_text_is_compared_with_a_model(dense, train, held_out, tmp_path):
    other = tf_idf().fit(*train)
    X, y = held_out
    for pair in ((dense, other), (other, dense)):
        found = compare(*pair, X, y)
        for name, model in zip(found.names, pair, strict=True):
            assert found.scores.loc[name, "accuracy"] == model.score(X, y)
        lengths = [len(HTMLTokenizer().tokenize(X[row])) for row in found.disagreements["row"]]
        assert found.disagreements["length"].tolist() == lengths
        found.report(tmp_path / "c", n_explained=3)
        plain = [pair["maps"][found.names.index("LogisticRegression")]
                 for pair in data_of(tmp_path / "c")["pairs"]]  # fmt: skip
        assert all(len(heat_map[0]) == 1 for heat_map in plain)
    with pytest.raises(TypeError, match="One of the two estimators must be a Pipeline whose first"):
        compare(other, clone(other).fit(*train), X, y, names=("a", "b"))


class TestPipelines:
    """Pipelines that begin with another step than the tokenizer."""

    def test_a_transformer_of_texts_before_the_tokenizer(self, dense, held_out, tmp_path):
        X, y = held_out[0][:20], held_out[1][:20]
        pipe = make_pipeline(FunctionTransformer(shout), *map(FrozenEstimator, dense)).fit(X, y)
        found = error_table(pipe, X, y)
        assert found["snippet"].iloc[0].isupper()
        assert found["loss"].mean() == pytest.approx(log_loss(y, pipe.predict_proba(X)))
        report(pipe, X, y, path=tmp_path / "r")
        assert len(data_of(tmp_path / "r")["maps"]) == 20
        assert TokenShapExplainer(pipe).explain(X[:1]).data[0][1].isupper()

    @pytest.mark.parametrize("place", ["before the tokenizer", "after it"])
    def test_a_sampler_is_passed_over_and_belongs_to_the_fits(self, place, train, held_out):
        X, y = held_out[0][:20], held_out[1][:20]
        few = np.r_[np.flatnonzero(train[1] == 0), np.flatnonzero(train[1] == 1)[:20]]
        column = np.array(train[0], dtype=object)[few, np.newaxis]
        sampler, (tokenizer, model) = RandomOverSampler(random_state=0), small()
        steps = [sampler, tokenizer] if place == "before the tokenizer" else [tokenizer, sampler]
        pipe = imblearn.pipeline.make_pipeline(*steps, model).fit(column, train[1][few])
        assert error_table(pipe, X, y)["loss"].mean() == pytest.approx(
            log_loss(y, pipe.predict_proba(X))
        )
        margin = pipe.decision_function(X[:1])[0]
        explained = TokenShapExplainer(pipe).explain(X[:1])
        assert explained.base_values[0] + explained.values[0].sum() == pytest.approx(margin)
        options = {"cv": 2, "second_opinion": False, "random_state": 0}
        confidence = [
            find_label_issues(estimator, column, train[1][few], **options)
            .sort_values("row")["self_confidence"]
            .to_numpy()
            for estimator in (pipe, make_pipeline(tokenizer, model))
        ]
        assert (confidence[0] != confidence[1]).mean() > 0.9  # fitted on other rows

    def test_a_tokenizer_in_a_column_transformer(self, dense, train, held_out, tmp_path):
        y = held_out[1][:20]
        X = pd.DataFrame({"title": "t", "text": held_out[0][:20], "stars": range(20)})
        only_text = ColumnTransformer([("t", FrozenEstimator(dense[0]), "text")])
        pipe = make_pipeline(only_text, FrozenEstimator(dense[1])).fit(X, y)
        found = error_table(pipe, X, y)
        expected = error_table(dense, X, y, text_column="text")
        pd.testing.assert_frame_equal(found, expected)
        with pytest.raises(ValueError, match=r"read the columns \['text'\]: .* got 'title'"):
            error_table(pipe, X, y, text_column="title")
        report(pipe, X, y, path=tmp_path / "r")
        assert len(data_of(tmp_path / "r")["maps"]) == 20
        issues = find_label_issues(pipe, X, y, cv=2, random_state=0)
        assert sorted(issues["row"]) == list(range(20)) == sorted(issues.index)

        two = ColumnTransformer([("t", small()[0], "title"), ("b", small()[0], "text")])
        pipe = make_pipeline(two, LogisticRegression(max_iter=5000)).fit(X, y)
        with pytest.raises(ValueError, match=r"\['title', 'text'\]: name one of them .* got None"):
            error_table(pipe, X, y)
        assert error_table(pipe, X, y, text_column="title")["snippet"].tolist() == ["t"] * 20

        with_stars = ColumnTransformer([*only_text.transformers, ("s", "passthrough", ["stars"])])
        pipe = make_pipeline(with_stars, LogisticRegression(max_iter=5000)).fit(X, y)
        found = error_table(pipe, X, y)
        assert found["words_for"].isna().all()
        assert found["loss"].mean() == pytest.approx(log_loss(y, pipe.predict_proba(X)))

    def test_a_step_that_drops_columns_leaves_a_report_without_heat_maps(
        self, dense, held_out, tmp_path
    ):
        X, y = held_out[0][:40], held_out[1][:40]
        steps = (FrozenEstimator(dense[0]), SelectKBest(f_classif, k=30))
        model = DenseSentimentClassifier(epochs=1, random_state=0, ngram_range=(1, 1))
        pipe = make_pipeline(*steps, model).fit(X, y)
        report(pipe, X, y, path=tmp_path / "r")
        page = (tmp_path / "r").read_text(encoding="utf-8")
        assert re.search("There are no heat-maps: SelectKBest is between tokenizer and", page)
        found = compare(pipe, dense, X, y, names=("a", "b")).report(tmp_path / "c")
        assert len(data_of(tmp_path / "c")["pairs"][0]["maps"][0][0]) == 1 and found


VERBOSE = {
    "error_table": lambda *args: error_table(*args, verbose=1),
    "slices": lambda *args: slices(*args, verbose=True),
    "compare": lambda model, *args: compare(model, model, *args, verbose=1),
    "LatentSpaceDisplay": lambda *args: LatentSpaceDisplay.from_estimator(*args, verbose=1),
    "find_label_issues": lambda model, *args: find_label_issues(
        FrozenEstimator(model), *args, verbose=1
    ),
    "TokenShapExplainer": lambda model, X, y: TokenShapExplainer(model, verbose=1).explain(X),
}


class TestVerbose:
    @pytest.mark.parametrize("name", VERBOSE)
    def test_a_line_before_each_step_and_at_the_end(self, name, dense, held_out, capsys):
        VERBOSE[name](dense, *held_out)
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) >= 2
        assert all(re.match(rf"\[{name}, \d+\.\d s\] [A-Z]", line) for line in lines)

    def test_nothing_by_default(self, dense, held_out, capsys, tmp_path):
        X, y = held_out[0][:40], held_out[1][:40]
        error_table(dense, X, y)
        find_label_issues(FrozenEstimator(dense), X, y)
        assert capsys.readouterr() == ("", "")
        report(dense, X, y, path=tmp_path / "r", verbose=1)
        assert "s] Explaining 40 reviews ...\n" in capsys.readouterr().out

    def test_folds_are_announced_and_counted(self, train, capfd):
        model = make_pipeline(HTMLTokenizer(), LogisticRegression(max_iter=5000))
        find_label_issues(model, *train, cv=2, second_opinion=False, verbose=2)
        out, err = capfd.readouterr()
        assert "s] Fitting LogisticRegression on 2 folds of 120 reviews ...\n" in out
        assert re.search(r"Done +2 (tasks|out of +2)", err)  # joblib 1.4, later ones
