"""Displays: what they compute, and that they draw where they are told to."""

import numpy as np
import pytest
from sklearn.cluster import DBSCAN, KMeans
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline

from sentilib import DenseSentimentClassifier, HTMLTokenizer
from sentilib.inspection import (
    LatentSpaceDisplay,
    LossByFeatureDisplay,
    TrainingHistoryDisplay,
    slices,
)

pandas = pytest.importorskip("pandas")
plt = pytest.importorskip("matplotlib.pyplot")


class TestLossByFeature:
    def test_bins_hold_every_review_once_and_average_to_the_log_loss(self, dense, held_out):
        X, y = held_out
        display = LossByFeatureDisplay.from_estimator(dense, X, y, n_bins=7)
        proba = dense.predict_proba(X)
        for name in ("length", "oov_count", "oov_rate"):
            bins = display.bins[name]
            assert bins["n_reviews"].sum() == len(X)
            mean = np.average(bins["loss"], weights=bins["n_reviews"])
            assert mean == pytest.approx(log_loss(y, proba))
            right = np.average(bins["accuracy"], weights=bins["n_reviews"])
            assert right == pytest.approx(dense.score(X, y))
            assert (bins["low"].to_numpy()[1:] > bins["high"].to_numpy()[:-1]).all()
        assert display.mean_loss == pytest.approx(log_loss(y, proba))

    def test_lengths_are_those_of_whole_reviews(self, dense):
        texts = ["word " * 500, "one two", ""]
        display = LossByFeatureDisplay.from_estimator(dense, texts, [0, 1, 1], features="length")
        assert display.bins["length"]["low"].tolist() == [0, 2, 500]

    def test_the_interval_is_student_s(self):
        rng = np.random.RandomState(0)
        proba = rng.uniform(0.2, 0.9, size=40)
        display = LossByFeatureDisplay.from_predictions(
            np.ones(40, dtype=int), proba, {"x": np.zeros(40)}, labels=[0, 1]
        )
        loss = -np.log(proba)
        (row,) = display.bins["x"].itertuples()
        half = 2.0227 * loss.std(ddof=1) / 40**0.5  # t of 39 degrees, 97.5 %
        assert row.loss == pytest.approx(loss.mean())
        assert (row.loss_high - row.loss_low) / 2 == pytest.approx(half, rel=1e-4)

    def test_a_trend_that_was_put_in_is_found(self):
        rng = np.random.RandomState(0)
        stars = rng.randint(1, 11, size=400)
        proba = 0.9 - 0.05 * stars + rng.uniform(-0.1, 0.1, size=400)
        display = LossByFeatureDisplay.from_predictions(
            np.ones(400, dtype=int), proba.clip(0.05, 0.95), {"stars": stars}, labels=[0, 1]
        )
        row = display.trends.loc["stars"]
        assert 0.9 < row["correlation_low"] < row["correlation"] < row["correlation_high"] < 1
        assert len(display.bins["stars"]) == 10

    def test_missing_values_are_left_out_with_a_warning_that_counts_them(self, dense, held_out):
        X, y = held_out
        stars = np.arange(len(X), dtype=float)
        stars[[3, 5, 8]] = np.nan
        with pytest.warns(UserWarning, match=f"'stars': 3 of {len(X)} values are missing"):
            display = LossByFeatureDisplay.from_estimator(
                dense, X, y, features=["stars", "length"], data={"stars": stars}
            )
        assert display.bins["stars"]["n_reviews"].sum() == len(X) - 3
        assert display.bins["length"]["n_reviews"].sum() == len(X)

    def test_a_data_frame_brings_its_reviews_and_its_features(self, dense, held_out):
        X, y = held_out
        frame = pandas.DataFrame({"stars": np.arange(len(X)) % 10, "review": X})
        display = LossByFeatureDisplay.from_estimator(
            dense, frame, pandas.Series(y), features=["stars", "length"]
        )
        plain = LossByFeatureDisplay.from_estimator(dense, X, y, features="length")
        pandas.testing.assert_frame_equal(display.bins["length"], plain.bins["length"])
        assert len(display.bins["stars"]) == 10

    def test_ids_do_as_well_as_text(self, dense, held_out):
        X, y = held_out
        ids = dense[0].transform(X)
        display = LossByFeatureDisplay.from_estimator(dense[-1], ids, y, features="oov_rate")
        plain = LossByFeatureDisplay.from_estimator(dense, X, y, features="oov_rate")
        pandas.testing.assert_frame_equal(display.bins["oov_rate"], plain.bins["oov_rate"])
        frame = pandas.DataFrame(ids, columns=dense[0].get_feature_names_out())
        classifier = DenseSentimentClassifier(epochs=1, random_state=0).fit(frame, y)
        LossByFeatureDisplay.from_estimator(classifier, frame, y, features="length")

    @pytest.mark.parametrize("features", ["length", ["length", "oov_rate"]])
    def test_one_axes_or_several_can_be_given(self, dense, held_out, features):
        n = 1 if isinstance(features, str) else len(features)
        figure, axes = plt.subplots(1, n, squeeze=False)
        display = LossByFeatureDisplay.from_estimator(
            dense, *held_out, features=features, ax=axes.ravel().tolist()
        )
        assert display.figure_ is figure
        for ax in axes.ravel():
            assert ax.get_ylabel() == "Loss (nats)" and ax.get_xlabel()

    def test_a_grid_takes_the_place_of_a_single_axes(self, dense, held_out):
        figure, ax = plt.subplots()
        display = LossByFeatureDisplay.from_estimator(dense, *held_out, ax=ax)
        assert display.figure_ is figure
        assert len(display.ax_) == 3
        figure.canvas.draw()

    def test_wrong_numbers_of_axes_are_refused(self, dense, held_out):
        _, axes = plt.subplots(1, 2)
        with pytest.raises(ValueError, match="Expected 3 axes"):
            LossByFeatureDisplay.from_estimator(dense, *held_out, ax=axes)

    def test_the_name_of_a_column_is_one_line_without_mathematics(self, dense, held_out):
        name = "$\\frac{$ of\x1b[31m\n" + "a very " * 20 + "long name"
        display = LossByFeatureDisplay.from_estimator(
            dense, *held_out, features=[name], data={name: np.arange(len(held_out[0]))}
        )
        display.figure_.canvas.draw()
        label = display.ax_.get_xlabel()
        assert label.startswith(r"\$\frac{\$ of [31m a very") and label.endswith("…")
        assert label.isprintable() and len(label) < 70


class TestLatentSpace:
    def test_the_default_is_the_principal_components(self, dense, held_out):
        X, y = held_out
        display = LatentSpaceDisplay.from_estimator(dense, X, y)
        latent = dense.transform(X).astype(float)
        centred = (latent - latent.mean(axis=0)) / np.sqrt(latent.std(axis=0))
        _, _, axes = np.linalg.svd(centred, full_matrices=False)
        for k in range(2):
            along = centred @ axes[k]
            assert abs(np.corrcoef(along, display.points[:, k])[0, 1]) == pytest.approx(1)
        np.testing.assert_array_equal(display.group, y)

    @pytest.mark.parametrize("n_components", [2, 3])
    def test_axes_can_be_given(self, dense, held_out, n_components):
        kind = {"projection": "3d"} if n_components == 3 else {}
        figure, ax = plt.subplots(subplot_kw=kind)
        display = LatentSpaceDisplay.from_estimator(
            dense, *held_out, n_components=n_components, ax=ax
        )
        assert display.ax_ is ax and display.figure_ is figure
        assert display.points.shape[1] == n_components
        figure.canvas.draw()

    def test_flat_axes_for_three_dimensions_are_refused(self, dense, held_out):
        _, ax = plt.subplots()
        with pytest.raises(ValueError, match="3 dimensions, but ax has the projection"):
            LatentSpaceDisplay.from_estimator(dense, *held_out, n_components=3, ax=ax)

    def test_clusters_are_described_by_size_errors_and_words(self, dense, held_out):
        X, y = held_out
        display = LatentSpaceDisplay.from_estimator(
            dense, X, y, color="cluster", clusterer=KMeans(2, n_init=1), random_state=0
        )
        table = display.cluster_table
        assert table["n_reviews"].sum() == len(X)
        wrong = np.average(table["error_rate"], weights=table["n_reviews"])
        assert wrong == pytest.approx(1 - dense.score(X, y))
        by_side = [set(words.split()) for words in table["words"]]
        good = {"superb", "brilliant", "stunning", "magnificent", "flawless", "great", "good"}
        bad = {"awful", "dreadful", "terrible", "horrible", "unbearable", "bad", "boring", "dull"}
        assert {bool(words & good) for words in by_side} == {True, False}
        assert {bool(words & bad) for words in by_side} == {True, False}

    def test_noise_of_a_clusterer_keeps_a_name_of_its_own(self, dense, held_out):
        display = LatentSpaceDisplay.from_estimator(
            dense, *held_out, color="cluster", clusterer=DBSCAN(eps=1e-6)
        )
        assert display.group_names == ["noise"]

    def test_labels_with_dollar_signs_are_shown_as_they_are(self):
        latent = np.random.RandomState(0).normal(size=(6, 4))
        display = LatentSpaceDisplay.from_predictions(
            latent, ["$", "$1$"] * 3, [0.1, 0.3, 0.6, 0.7, 0.9, 0.4]
        )
        display.figure_.canvas.draw()
        shown = [text.get_text() for text in display.ax_.get_legend().get_texts()]
        assert shown == [r"\$", r"\$1\$"]  # matplotlib's way to write a dollar sign

    @pytest.mark.slow
    def test_another_transformer_is_cloned_seeded_and_used(self, dense, held_out):
        X, y = held_out
        tsne = TSNE(2, perplexity=5, max_iter=250)
        one, two = (
            LatentSpaceDisplay.from_estimator(
                dense, X[:40], y[:40], transformer=tsne, random_state=3
            )
            for _ in range(2)
        )
        np.testing.assert_array_equal(one.points, two.points)
        assert not hasattr(tsne, "embedding_") and tsne.random_state is None
        assert one.axis_names == ["TSNE 1", "TSNE 2"]

    def test_a_random_state_makes_clusters_repeat(self, dense, held_out):
        one, two = (
            LatentSpaceDisplay.from_estimator(dense, *held_out, color="cluster", random_state=5)
            for _ in range(2)
        )
        np.testing.assert_array_equal(one.cluster, two.cluster)
        np.testing.assert_array_equal(one.points, two.points)

    def test_a_classifier_without_a_latent_space_is_refused(self, held_out):
        X, y = held_out
        ids = HTMLTokenizer(max_length=5).fit_transform(X)
        with pytest.raises(TypeError, match="LogisticRegression has no latent space"):
            LatentSpaceDisplay.from_estimator(LogisticRegression().fit(ids, y), ids, y)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"n_components": 4}, r"'n_components' .* must be an int in the range \[2, 3\]"),
            ({"color": "loss"}, "'color' parameter .* must be a str among"),
            ({"transformer": TSNE(1, perplexity=2)}, "must return 2 or 3 dimensions"),
        ],
    )
    def test_bad_options_say_what_is_possible(self, dense, held_out, options, message):
        X, y = held_out
        with pytest.raises(ValueError, match=message):
            LatentSpaceDisplay.from_estimator(dense, X[:10], y[:10], **options)


class TestTrainingHistory:
    def test_it_draws_loss_and_accuracy_of_each_epoch(self, dense):
        display = TrainingHistoryDisplay.from_estimator(dense)
        assert [ax.get_ylabel() for ax in display.ax_] == ["Loss (nats)", "Accuracy"]
        (line,) = display.ax_[0].get_lines()
        np.testing.assert_array_equal(line.get_ydata(), dense[-1].history_["loss"])
        np.testing.assert_array_equal(line.get_xdata(), np.arange(dense[-1].n_iter_) + 1)

    def test_validation_is_drawn_where_there_was_one(self, dense, held_out):
        X, y = held_out
        ids = dense[0].transform(X)
        classifier = DenseSentimentClassifier(epochs=2, random_state=0)
        classifier.fit(ids, y, X_val=ids[:50], y_val=y[:50])
        figure, ax = plt.subplots()
        display = TrainingHistoryDisplay.from_estimator(classifier, ax=ax)
        assert display.figure_ is figure
        assert [line.get_label() for line in display.ax_[1].get_lines()] == [
            "Training",
            "Validation",
        ]

    def test_a_measure_without_values_is_left_out(self):
        display = TrainingHistoryDisplay({"loss": [0.6, 0.4], "accuracy": []})
        assert display.measures == ["loss"] and len(display.plot().ax_) == 1
        with pytest.raises(ValueError, match="must contain 'loss' or 'accuracy', got"):
            TrainingHistoryDisplay({"f1": [0.5]}).plot()

    def test_a_classifier_without_history_is_refused(self):
        with pytest.raises(TypeError, match="LogisticRegression keeps no training history"):
            TrainingHistoryDisplay.from_estimator(LogisticRegression().fit([[0], [1]], [0, 1]))


class TestSlices:
    def test_a_subgroup_whose_labels_were_spoilt_leads_the_table(self, dense, held_out):
        X, y = held_out
        source = np.array(["web"] * (len(X) - 60) + ["paper"] * 60)
        spoilt = np.where(source == "paper", 1 - y, y)
        table = slices(dense, X, spoilt, ["length", "source"], data={"source": source})
        assert table["slice"][0] == "source = paper"
        assert table["accuracy"][0] == pytest.approx(1 - dense.score(X[-60:], y[-60:]))
        assert (table["loss_low"].dropna().diff().dropna() <= 0).all()

    def test_each_feature_covers_all_reviews(self, dense, held_out):
        table = slices(dense, *held_out, random_state=0)
        assert set(table["feature"]) == {"length", "oov_rate", "truncated", "cluster"}
        assert (table.groupby("feature")["n_reviews"].sum() == len(held_out[0])).all()
        again = slices(dense, *held_out, random_state=0)
        pandas.testing.assert_frame_equal(table, again)

    def test_accuracy_intervals_are_wilson_s(self, dense, held_out):
        table = slices(dense, *held_out, "truncated", metric="accuracy")
        for row in table.itertuples():
            z, n, p = 1.959964, row.n_reviews, row.accuracy
            half = z / (1 + z**2 / n) * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
            middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
            assert row.accuracy_low == pytest.approx(middle - half, abs=1e-6)
            assert row.accuracy_high == pytest.approx(middle + half, abs=1e-6)

    def test_missing_categories_are_left_out_with_a_warning(self, dense, held_out):
        X, y = held_out
        source = np.array(["web", None] * (len(X) // 2), dtype=object)
        with pytest.warns(UserWarning, match=f"'source': {len(X) // 2} of {len(X)} values"):
            table = slices(dense, X, y, "source", data={"source": source})
        assert table["n_reviews"].tolist() == [len(X) // 2]

    def test_a_column_of_the_user_s_goes_before_a_computed_feature(self, dense, held_out):
        X, y = held_out
        cluster = np.arange(len(X)) % 3
        table = slices(dense, X, y, "cluster", data={"cluster": cluster})
        assert sorted(table["slice"]) == ["cluster = 0", "cluster = 1", "cluster = 2"]

    @pytest.mark.parametrize(
        ("features", "data", "message"),
        [
            ([], None, "features is empty"),
            (
                ["length", "stars", "size"],
                None,
                r"no features \['stars', 'size'\]. Known are .*'cluster'",
            ),
            (
                "stars",
                {"stars": [1, 2]},
                r"'stars' of data must contain one value .* got shape \(2,\)",
            ),
        ],
    )
    def test_wrong_features_are_named(self, dense, held_out, features, data, message):
        with pytest.raises(ValueError, match=message):
            slices(dense, *held_out, features, data=data)


DISPLAYS = {
    "loss by feature": lambda *args, **kw: LossByFeatureDisplay.from_estimator(*args, **kw),
    "latent space": lambda *args, **kw: LatentSpaceDisplay.from_estimator(*args, **kw),
    "latent space in 3-D": lambda *args, **kw: LatentSpaceDisplay.from_estimator(
        *args, n_components=3, color="cluster", random_state=0, **kw
    ),
    "slices": lambda *args, **kw: slices(*args, random_state=0, **kw),
}


@pytest.mark.parametrize("make", DISPLAYS.values(), ids=DISPLAYS.keys())
class TestAll:
    def test_three_classes(self, make, dense_of_three, three_reviews):
        X, y = three_reviews.data[400:], three_reviews.target[400:]
        assert make(dense_of_three, X, y) is not None

    @pytest.mark.parametrize("kind", [list, np.array, pandas.Series, "frame"])
    def test_ten_reviews_of_any_kind(self, make, dense, held_out, kind):
        X, y = held_out[0][:10], held_out[1][:10]
        X = pandas.DataFrame({"text": X}) if kind == "frame" else kind(X)
        assert make(dense, X, y) is not None

    def test_one_class_is_enough(self, make, dense, held_out):
        X, y = held_out
        rows = np.flatnonzero(y == 1)[:20]
        assert make(dense, [X[row] for row in rows], y[rows]) is not None

    def test_labels_that_the_model_never_saw_are_named(self, make, dense, held_out):
        with pytest.raises(ValueError, match=r"labels that the model never saw: \[7\]"):
            make(dense, held_out[0][:3], [0, 7, 1])

    def test_different_lengths_are_refused(self, make, dense, held_out):
        with pytest.raises(ValueError, match="got 5 reviews and 4 labels"):
            make(dense, held_out[0][:5], held_out[1][:4])

    def test_an_unfitted_pipeline_is_refused(self, make, held_out):
        with pytest.raises(NotFittedError):
            make(make_pipeline(HTMLTokenizer(), DenseSentimentClassifier()), *held_out)

    def test_text_for_a_bare_classifier_is_refused(self, make, dense, held_out):
        with pytest.raises(ValueError, match="reads token ids"):
            make(dense[-1], *held_out)

    def test_inputs_are_left_as_they_were(self, make, dense, held_out):
        X, y = held_out[0][:20], held_out[1][:20].copy()
        before = list(X), y.copy()
        make(dense, X, y)
        assert before[0] == X
        np.testing.assert_array_equal(before[1], y)


def test_two_columns_of_text_are_one_too_many(dense):
    frame = pandas.DataFrame({"text": ["good"], "movie": ["tt1"]})
    with pytest.raises(ValueError, match="one column of text"):
        LossByFeatureDisplay.from_estimator(dense, frame, [1])


@pytest.mark.parametrize(
    ("package", "extra"), [("matplotlib.pyplot", "plot"), ("pandas", "inspect")]
)
def test_a_missing_package_is_named_with_its_installation(dense, held_out, hide, package, extra):
    hide(package)
    name = package.partition(".")[0]
    with pytest.raises(ImportError, match=rf"needs {name}: pip install 'sentilib\[{extra}\]'"):
        LossByFeatureDisplay.from_estimator(dense, *held_out)
