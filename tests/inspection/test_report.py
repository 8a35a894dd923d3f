"""The report's file: what it holds, that it is whole or absent, that nothing breaks out of it."""

import base64
import json
import os
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from sentilib import TokenShapExplainer
from sentilib._pipelines import read_reviews
from sentilib.explain import counterfactual
from sentilib.inspection import report
from sentilib.inspection._measures._evaluation import Evaluation
from sentilib.inspection._measures._metrics import calibration, metrics
from sentilib.inspection._report._editable import editable_model

pandas = pytest.importorskip("pandas")

HOSTILE = (
    "</script><script>window.hacked=1</script><img src=x onerror=alert(1)> &lt;script&gt;"
    "window.hacked=2&lt;/script&gt; "
    "\"quotes\" 'n' &amp;amp; <!-- &lt;!-- --> ]]&gt; \u2028 \U0001f600"
)


def data_of(page):
    (text,) = re.findall(
        r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL
    )
    return json.loads(text)


def column(data, name):
    packed = data["columns"][name]
    return np.frombuffer(base64.b64decode(packed["base64"]), "<" + packed["type"])


class Elements(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.links, self.ids, self.names, self.figures = [], [], [], set(), []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href", "action")]
        self.ids += [value for name, value in attributes if name == "id"]
        self.names |= {name for name, _ in attributes}
        if tag == "svg" and "aria-hidden" not in dict(attributes):
            self.figures.append(dict(attributes))


@pytest.fixture(scope="module")
def page(dense, reviews, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    data = {"stars": np.arange(300) % 10}
    found = report(
        dense, reviews.data[1200:], reviews.target[1200:], path=path, data=data, n_explained=40,
        X_train=reviews.data[:1200], y_train=reviews.target[:1200],
    )  # fmt: skip
    assert found == str(path)
    return path.read_text(encoding="utf-8")


def test_it_holds_every_review_s_figures(page, dense, held_out):
    X, y = held_out
    data = data_of(page)
    proba = dense.predict_proba(X)
    assert data["n_reviews"] == len(X) == len(data["snippets"])
    np.testing.assert_array_equal(column(data, "truth"), y)
    np.testing.assert_array_equal(column(data, "predicted"), proba.argmax(axis=1))
    np.testing.assert_allclose(
        column(data, "loss"), -np.log(proba[np.arange(len(y)), y]), rtol=1e-5, atol=1e-6
    )
    lengths = [len(dense[0].tokenize(text)) for text in X]
    np.testing.assert_array_equal(column(data, "length"), lengths)


def test_heat_maps_are_kept_for_the_worst_and_for_a_sample(page, dense, held_out):
    X, y = held_out
    data = data_of(page)
    proba = dense.predict_proba(X)
    worst = np.argsort(proba[np.arange(len(y)), y])[:20]
    assert len(data["maps"]) == 40
    assert set(map(str, worst)) <= set(data["maps"])
    texts = [X[int(row)] for row in data["maps"]]
    base_values = TokenShapExplainer(dense)(texts).base_values
    for text, base, heat_map in zip(texts, base_values, data["maps"].values(), strict=True):
        pieces, steps, toward, step, cut, unknown = heat_map
        ids = dense[1]._known_ids(dense[0].transform([text]))[0]
        assert unknown == np.flatnonzero(ids == 1).tolist()
        assert "".join(pieces) == dense[0].visible_text(text)
        assert len(pieces) == 2 * len(steps) + 1
        assert toward == 1 and cut == [0] * (len(dense[0].tokenize(text)) > 60)
        margin = dense.decision_function([text])[0]
        assert abs(step * sum(steps) + base - margin) <= step * (len(steps) / 2 + 1)


def test_the_page_contains_a_small_dense_model(page):
    assert {name for name, *_ in data_of(page)["model"]["layout"]} >= {"words", "ngramWorth"}
    assert "Reviews with a heat-map can be edited" in page


def test_a_large_model_is_left_out_and_another_one_never_included(
    dense, conv, held_out, monkeypatch
):
    X, y = (values[:30] for values in held_out)
    monkeypatch.setattr("sentilib.inspection._report._editable._SMALL", 1000)
    calibrated = CalibratedClassifierCV(FrozenEstimator(dense)).fit(X, y)
    for estimator, documents, editable, reason in (
        (FrozenEstimator(dense), X, True, "can be edited: the page predicts"),
        (dense, X, "auto", r"With report\(..., editable=True\), reviews can be edited"),
        (conv, X, True, "it computes the sums of a DenseSentimentClassifier, not Conv"),
        (dense[1], dense[0].transform(X), True, "the reviews were passed as ids"),
        (calibrated, X, True, "contains no CalibratedClassifierCV, only"),
        (dense, X, False, "^$"),
    ):
        model, sentence = editable_model(read_reviews(estimator, documents), editable)
        assert re.search(reason, sentence)
        assert (model is not None) == sentence.startswith("Reviews with a heat-map can")


def test_it_names_the_words_without_which_the_prediction_flips(page, dense, held_out):
    data = data_of(page)
    rows = sorted(map(int, data["maps"]))
    found = counterfactual(dense, [held_out[0][row] for row in rows])
    for row, tokens, after in zip(rows, found.positions, found.after, strict=True):
        removal = data["removals"][str(row)]
        if tokens is None or len(tokens) > data["max_removed"] == 20:
            assert removal is None
        else:
            assert removal == [tokens.tolist(), after, 0]
    assert sum(removal is not None for removal in data["removals"].values()) > 20


def test_it_counts_the_training_reviews(page, reviews):
    positive = int(reviews.target[:1200].sum())
    assert re.search(r"Training reviews</th><td>1,200</td>", page)
    assert f"0: {1200 - positive:,} ({1 - positive / 1200:.1%}), 1: {positive:,} (" in page


def test_points_lie_where_the_principal_components_put_them(page, dense, held_out):
    latent = dense.transform(held_out[0]).astype(float)
    centred = (latent - latent.mean(axis=0)) / np.sqrt(latent.std(axis=0))
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    data = data_of(page)
    for k, axis in enumerate("xyz"):
        r = np.corrcoef(column(data, axis), centred @ axes[k])[0, 1]
        assert abs(r) > 0.999


def test_it_has_all_its_sections_and_loads_nothing(page):
    for name in ("metrics", "baselines", "checks", "cards", "calibration", "thresholds", "training",
                 "latent", "features", "shift", "slices", "labels", "reviews"):  # fmt: skip
        assert f'<section id="{name}"' in page
        assert f'href="#{name}"' in page
    found = Elements(page)
    assert all(link.startswith(("#", "data:")) for link in found.links)
    assert found.tags.count("script") == 2
    assert "http:" not in page.replace("http://www.w3.org", "") and "https:" not in page
    assert "stars" in page


def test_its_figures_are_named_images_within_the_page_s_policy(page):
    found = Elements(page)
    assert len(found.ids) == len(set(found.ids))
    assert "style" not in found.names
    names = [figure["aria-label"] for figure in found.figures]
    assert len(set(names)) == len(names) == 13 and {f["role"] for f in found.figures} == {"img"}
    assert names[0] == "Accuracy against confidence of the prediction"
    assert names[1:4] == ["ROC curve", "Precision and recall", "Cost per review"]
    assert names[4:6] == ["Loss (nats) per epoch", "Accuracy per epoch"]
    assert names[6].startswith("Mean loss against Length (tokens). Rank correlation ")
    assert names[9].startswith("Mean loss against stars. ")
    assert names[12] == "Telling words, new reviews against training reviews"
    bins = re.findall(r"<title>[\d.]+ to [\d.]+: loss [\d.]+, accuracy [\d.]+, (\d+) r", page)
    assert sum(map(int, bins)) % 300 == 0 and len(bins) > 20


def test_hostile_reviews_titles_and_labels_stay_text(dense, held_out, tmp_path):
    X, y = held_out[0][:12], held_out[1][:12]
    path = tmp_path / "r.html"
    columns = {HOSTILE: y, "\x1b[31m \x00 $\\frac{": y}
    report(dense, [HOSTILE, *X[1:]], y, path=path, title=HOSTILE, n_explained=12, data=columns)
    page = path.read_text(encoding="utf-8")
    found = Elements(page)
    assert found.tags.count("script") == 2 and "img" not in found.tags
    data = data_of(page)
    assert "".join(data["maps"]["0"][0]) == dense[0].visible_text(HOSTILE)
    assert "window.hacked=2" in data["snippets"][0]


@pytest.mark.parametrize(("n_explained", "n_kept"), [(0, 0), (3, 3), (99, 12), (None, 12)])
def test_n_explained_says_how_many_reviews_have_a_heat_map(
    dense, held_out, tmp_path, n_explained, n_kept
):
    path = tmp_path / "r.html"
    report(dense, held_out[0][:12], held_out[1][:12], path=path, n_explained=n_explained)
    assert len(data_of(path.read_text(encoding="utf-8"))["maps"]) == n_kept


@pytest.mark.parametrize(
    "options",
    [{"n_explained": -1}, {"snippet_length": 0}, {"confidence_level": 95}, {"random_state": "a"},
     {"title": 7}, {"clusterer": "kmeans"}],
)  # fmt: skip
def test_bad_parameters_are_named_before_any_work(dense, tmp_path, options):
    (name,) = options
    with pytest.raises(ValueError, match=f"The '{name}' parameter of report must be"):
        report(dense, ["not read"], [0], path=tmp_path / "r.html", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_random_state_gives_the_same_page(dense, held_out, tmp_path):
    X, y = held_out[0][:60], held_out[1][:60]
    pages = []
    for k in range(2):
        path = tmp_path / f"{k}.html"
        report(dense, X, y, path=path, random_state=4, n_explained=10)
        pages.append(path.read_bytes())
    assert pages[0] == pages[1]


@pytest.mark.parametrize("n", [1, 10])
def test_three_classes_and_few_reviews(dense_of_three, three_reviews, tmp_path, n):
    X, y = three_reviews.data[400 : 400 + n], three_reviews.target[400 : 400 + n]
    path = report(dense_of_three, pandas.Series(X), y, path=tmp_path / "r.html")
    with open(path, encoding="utf-8") as stream:
        data = data_of(stream.read())
    assert data["classes"] == ["0", "1", "2"]
    assert len(data["maps"]) == n


def test_one_class_in_y_leaves_out_what_needs_two(dense, held_out, tmp_path):
    X, y = held_out
    rows = np.flatnonzero(y == 1)[:20]
    path = tmp_path / "r.html"
    report(dense, [X[row] for row in rows], y[rows], path=path)
    page = path.read_text(encoding="utf-8")
    assert '<section id="thresholds"' not in page
    assert "ROC AUC" not in page and "No likely label errors were found." in page


def test_a_classifier_of_ids_that_cannot_be_explained_gets_a_page_without_heat_maps(
    dense, held_out, tmp_path
):
    X, y = held_out
    ids = dense[0].transform(X)
    path = tmp_path / "r.html"
    report(LogisticRegression(max_iter=5000).fit(ids, y), ids, y, path=path)
    page = path.read_text(encoding="utf-8")
    assert "There are no heat-maps: estimator must be a fitted" in page
    assert '<section id="latent"' not in page and '<section id="training"' not in page


def test_training_reviews_need_labels_that_the_model_knows(dense, held_out, tmp_path):
    X, y = held_out[0][:12], held_out[1][:12]
    for training, message in (
        ({"X_train": X}, "X_train was passed without y_train: pass"),
        ({"y_train": y}, "y_train was passed without X_train: pass"),
        (
            {"X_train": X, "y_train": y[:3]},
            "X_train and y_train must be of the same length",
        ),
        ({"X_train": X, "y_train": y + 7}, r"y_train contains labels .* never saw: \[7, 8\]"),
    ):
        with pytest.raises(ValueError, match=message):
            report(dense, X, y, path=tmp_path / "r.html", **training)
    assert list(tmp_path.iterdir()) == []


def test_missing_values_of_a_column_are_left_out_with_one_warning(dense, held_out, tmp_path):
    X, y = held_out
    stars = np.arange(len(X), dtype=float)
    stars[:7] = np.nan
    with pytest.warns(UserWarning, match=f"'stars': 7 of {len(X)} values") as caught:
        report(dense, X, y, path=tmp_path / "r.html", data={"stars": stars}, n_explained=0)
    assert len(caught) == 1


class TestWriting:
    def test_a_folder_that_does_not_exist_is_named_before_any_work(self, dense, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"'.*new' does not exist: create it first"):
            report(dense, ["not read"], [0, 0], path=tmp_path / "new" / "r.html")
        with pytest.raises(IsADirectoryError, match="is a folder: name a file"):
            report(dense, ["not read"], [0, 0], path=tmp_path)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_that_cannot_be_written_to_is_left_alone(self, dense, tmp_path):
        tmp_path.chmod(0o500)
        with pytest.raises(PermissionError):
            report(dense, ["text"], [0], path=tmp_path / "r.html")
        tmp_path.chmod(0o700)

    def test_a_full_disk_leaves_the_older_file_and_nothing_else(
        self, dense, held_out, tmp_path, monkeypatch
    ):
        path = tmp_path / "r.html"
        path.write_text("older")

        def full(*args):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            report(dense, held_out[0][:10], held_out[1][:10], path=path)
        assert [entry.name for entry in tmp_path.iterdir()] == ["r.html"]
        assert path.read_text() == "older"

    def test_bad_labels_leave_no_file(self, dense, held_out, tmp_path):
        with pytest.raises(ValueError, match="never saw"):
            report(dense, held_out[0][:2], [0, 9], path=tmp_path / "r.html")
        assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def evaluation():
    rng = np.random.RandomState(0)
    p = rng.uniform(size=2000)
    return Evaluation.of(np.array([0, 1]), (rng.uniform(size=2000) < p).astype(int), p)


def test_the_values_are_scikit_learn_s(evaluation):
    from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, log_loss

    found = {m.name: m for m in metrics(evaluation, 0.95, 0)}
    y, p = evaluation.truth, evaluation.proba[:, 1]
    expected = {
        "Accuracy": accuracy_score(y, p > 0.5),
        "Log loss (nats)": log_loss(y, p),
        "Brier score": brier_score_loss(y, p),
        "Macro F1": f1_score(y, p > 0.5, average="macro"),
        "ROC AUC": roc_auc_score(y, p),
    }
    assert {name: found[name].value for name in expected} == pytest.approx(expected)
    for metric in found.values():
        if metric.name != "Expected calibration error":
            assert metric.low < metric.value < metric.high


def test_delong_s_interval_agrees_with_the_bootstrap(evaluation):
    rng = np.random.RandomState(1)
    y, p = evaluation.truth, evaluation.proba[:, 1]
    areas = [roc_auc_score(y[rows], p[rows]) for rows in rng.randint(2000, size=(300, 2000))]
    (auc,) = (m for m in metrics(evaluation, 0.95, 0) if m.name == "ROC AUC")
    low, high = np.quantile(areas, [0.025, 0.975])
    assert (auc.low, auc.high) == pytest.approx((low, high), abs=0.003)


def test_honest_probabilities_are_calibrated(evaluation):
    bins = calibration(evaluation, 0.999)
    assert sum(b.n_reviews for b in bins) == 2000
    assert all(b.low <= b.confidence <= b.high for b in bins)
