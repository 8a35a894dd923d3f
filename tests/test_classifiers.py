"""What both classifiers promise beyond scikit-learn's stock battery."""

import copy
import gc
import pickle
import subprocess
import sys
import threading
from collections import OrderedDict

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier, HTMLTokenizer
from sentilib._training import _trainer
from sentilib.datasets import make_reviews


def logits_of(model, X):
    import keras

    return keras.ops.convert_to_numpy(model(X))


CLASSIFIERS = [DenseSentimentClassifier, ConvSentimentClassifier]


@pytest.fixture(scope="module")
def reviews():
    """Ids, labels and movies of 400 generated reviews, about 60 tokens each."""
    bunch = make_reviews(400, length=60, n_movies=40, return_X_y=False, random_state=0)
    ids = HTMLTokenizer(max_features=800, max_length=120).fit_transform(bunch.data)
    return ids, bunch.target, bunch.movie


@pytest.fixture(scope="module", params=CLASSIFIERS, ids=lambda cls: cls.__name__)
def fitted(request, reviews):
    X, y, _ = reviews
    return request.param(random_state=0, epochs=3).fit(X, y)


@pytest.fixture(params=CLASSIFIERS, ids=lambda cls: cls.__name__)
def classifier(request):
    return request.param(random_state=0, epochs=2)


class TestFittedModel:
    def test_attributes_have_their_documented_shapes(self, fitted, reviews):
        X, _, _ = reviews
        assert fitted.classes_.tolist() == [0, 1]
        assert fitted.n_features_in_ == X.shape[1]
        assert fitted.vocabulary_size_ == X.max() + 1
        assert fitted.n_iter_ == 3
        assert {name: len(values) for name, values in fitted.history_.items()} == {
            "loss": 3,
            "accuracy": 3,
        }
        assert fitted.device_ == "cpu:0"

    def test_predictions_agree_with_each_other(self, fitted, reviews):
        X, y, _ = reviews
        margin, proba = fitted.decision_function(X), fitted.predict_proba(X)
        assert margin.shape == (len(X),) and proba.shape == (len(X), 2)
        np.testing.assert_allclose(proba.sum(axis=1), 1)
        np.testing.assert_allclose(np.log(proba[:, 1] / proba[:, 0]), margin, atol=1e-9)
        np.testing.assert_allclose(np.log(proba), fitted.predict_log_proba(X), atol=1e-9)
        np.testing.assert_array_equal(fitted.predict(X), (margin > 0).astype(int))
        assert fitted.score(X, y) == np.mean(fitted.predict(X) == y)

    def test_closed_form_equals_the_keras_model(self, fitted, reviews):
        X, _, _ = reviews
        logits = np.log(fitted.predict_proba(X))
        logits -= logits.mean(axis=1, keepdims=True)
        expected = logits_of(fitted.to_keras(), X).astype(float)
        expected -= expected.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(logits, expected, atol=1e-5)

    def test_latent_space_is_what_the_output_layer_reads(self, fitted, reviews):
        X, _, _ = reviews
        latent = fitted.transform(X)
        assert latent.dtype == np.float32
        assert latent.shape == (len(X), len(fitted.get_feature_names_out()))
        kernel, bias = fitted.to_keras().get_layer("logits").get_weights()
        logits = latent[:, : len(kernel)] @ kernel + bias
        logits += latent[:, len(kernel) :] * [-0.5, 0.5]
        np.testing.assert_allclose(
            logits[:, 1] - logits[:, 0], fitted.decision_function(X), atol=1e-5
        )

    def test_ids_that_fit_never_saw_are_unknown_words(self, fitted, reviews):
        X, _, _ = reviews
        X = X[:20].copy()
        X[:, 3] = 1
        expected = fitted.predict_proba(X)
        X[:, 3] = fitted.vocabulary_size_ + 1000
        np.testing.assert_array_equal(fitted.predict_proba(X), expected)

    def test_a_gap_among_the_ids_is_an_unknown_word_too(self, classifier, reviews):
        X, y, _ = reviews
        X = np.where(X == 7, 8, X)
        classifier.fit(X, y)
        with_gap, with_unknown = X[:20].copy(), X[:20].copy()
        with_gap[:, 3], with_unknown[:, 3] = 7, 1
        np.testing.assert_array_equal(
            classifier.predict_proba(with_gap), classifier.predict_proba(with_unknown)
        )

    def test_masked_padding_has_no_influence(self, fitted, reviews):
        X, _, _ = reviews
        before = np.zeros_like(X)
        for i, row in enumerate(X):
            tokens = row[row != 0]
            before[i, -len(tokens) :] = tokens
        np.testing.assert_allclose(
            fitted.decision_function(before), fitted.decision_function(X), atol=1e-12
        )

    def test_a_review_without_tokens_gets_a_finite_prediction(self, fitted, reviews):
        X, _, _ = reviews
        assert np.isfinite(fitted.predict_proba(np.zeros_like(X[:1]))).all()

    def test_pickle_deepcopy_and_clone(self, fitted, reviews):
        X, _, _ = reviews
        expected = fitted.predict_proba(X)
        fitted.to_keras()  # must not get into the pickle
        pickled = pickle.dumps(fitted)
        assert b"keras" not in pickled
        for twin in (pickle.loads(pickled), copy.deepcopy(fitted)):
            np.testing.assert_array_equal(twin.predict_proba(X), expected)
            assert twin.history_ == fitted.history_
        assert clone(fitted).get_params() == fitted.get_params()
        assert not hasattr(clone(fitted), "classes_")

    @pytest.mark.slow
    def test_a_pickle_predicts_without_keras(self, fitted, reviews, tmp_path):
        X, _, _ = reviews
        (tmp_path / "model.pickle").write_bytes(pickle.dumps(fitted))
        np.save(tmp_path / "X.npy", X[:5])
        program = (
            "import pickle, sys, numpy as np\n"
            f"model = pickle.load(open(r'{tmp_path / 'model.pickle'}', 'rb'))\n"
            f"print(model.predict(np.load(r'{tmp_path / 'X.npy'}')).tolist())\n"
            "assert 'keras' not in sys.modules and 'tensorflow' not in sys.modules\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=240
        )
        assert done.stdout.strip() == str(fitted.predict(X[:5]).tolist()), done.stderr

    def test_threads_may_share_a_fitted_classifier(self, fitted, reviews):
        X, _, _ = reviews
        expected = fitted.predict_proba(X)
        results = [None] * 4
        threads = [
            threading.Thread(target=lambda i=i: results.__setitem__(i, fitted.predict_proba(X)))
            for i in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for result in results:
            np.testing.assert_array_equal(result, expected)

    def test_unfitted_methods_say_so(self, classifier, reviews):
        X, _, _ = reviews
        for method in ("predict", "predict_proba", "decision_function", "transform"):
            with pytest.raises(NotFittedError):
                getattr(classifier, method)(X)
        with pytest.raises(NotFittedError):
            classifier.to_keras()


@pytest.mark.parametrize(
    "filters", [(), (0,), (8, -1), ("eight",), (2.5,)], ids=["none", "zero", "less", "word", "half"]
)
def test_filters_are_whole_numbers(reviews, filters):
    X, y, _ = reviews
    with pytest.raises(ValueError, match="must contain one positive integer per block"):
        ConvSentimentClassifier(filters=filters).fit(X, y)


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        (ConvSentimentClassifier, {"pooling": "max"}),
        (ConvSentimentClassifier, {"mask_padding": False}),
        (DenseSentimentClassifier, {"mask_padding": False}),
        (DenseSentimentClassifier, {"hidden_units": 5}),
    ],
)
def test_training_does_not_go_on_with_other_layers(reviews, kind, changed):
    X, y, _ = reviews
    model = kind(epochs=1, warm_start=True, random_state=0).fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="parameters of the layers"):
        model.set_params(**changed).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    model.set_params(**kind().get_params()).set_params(dropout=0.1, warm_start=True).fit(X, y)


class TestTraining:
    @pytest.mark.slow
    def test_same_random_state_gives_bit_equal_probabilities(self, classifier, reviews):
        X, y, _ = reviews
        first = classifier.fit(X, y).predict_proba(X)
        np.testing.assert_array_equal(clone(classifier).fit(X, y).predict_proba(X), first)
        other = clone(classifier).set_params(random_state=1).fit(X, y)
        assert not np.array_equal(other.predict_proba(X), first)

    def test_global_random_state_is_left_alone(self, classifier, reviews):
        X, y, _ = reviews
        np.random.seed(0)  # noqa: NPY002
        state = np.random.get_state()[1].copy()  # noqa: NPY002
        classifier.fit(X, y)
        np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002

    def test_any_labels_and_any_number_of_classes(self, classifier):
        texts, y = make_reviews(200, n_classes=3, length=40, random_state=0)
        names = np.array(["rotten", "so-so", "fresh"], dtype=object)
        X = HTMLTokenizer(max_length=60).fit_transform(texts)
        classifier.fit(X, names[y])
        assert classifier.classes_.tolist() == ["fresh", "rotten", "so-so"]
        assert classifier.decision_function(X).shape == (200, 3)
        assert set(classifier.predict(X)) <= set(names)

    def test_whole_numbers_of_any_dtype_are_ids(self, classifier, reviews):
        X, y, _ = reviews
        expected = classifier.fit(X, y).predict_proba(X)
        for dtype in (np.int64, np.uint16, np.float32, np.float64):
            np.testing.assert_array_equal(classifier.predict_proba(X.astype(dtype)), expected)

    def test_inputs_are_not_changed(self, classifier, reviews):
        X, y, _ = reviews
        X, weight = X.copy(), np.random.default_rng(0).random(len(X))
        before = X.copy(), y.copy(), weight.copy()
        classifier.set_params(class_weight="balanced").fit(X, y, sample_weight=weight)
        for now, then in zip((X, y, weight), before, strict=True):
            np.testing.assert_array_equal(now, then)

    def test_rows_of_weight_zero_are_as_good_as_absent(self, classifier, reviews):
        X, y, _ = reviews
        weight = np.ones(len(X))
        weight[::3] = 0
        weighted = clone(classifier).fit(X, y, sample_weight=weight)
        without = clone(classifier).fit(X[weight > 0], y[weight > 0])
        np.testing.assert_array_equal(weighted.predict_proba(X), without.predict_proba(X))

    def test_only_ratios_of_weights_matter(self, classifier, reviews):
        X, y, _ = reviews
        weight = np.random.default_rng(0).integers(1, 5, len(X))
        one = clone(classifier).fit(X, y, sample_weight=weight)
        other = clone(classifier).fit(X, y, sample_weight=1024 * weight)
        np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))

    @pytest.mark.slow
    def test_weights_stand_for_repetitions_on_average(self, classifier):
        # Each of four words comes equally often with both labels, one of them with three times
        # the weight: weighted and repeated rows must teach the same odds. Without dropout and
        # with large batches what is left between them is small.
        X = np.tile(np.arange(2, 6), 240)[:, None]
        y = np.repeat([0, 1], 480)
        weight = np.where(X[:, 0] % 2 == y, 3, 1)
        repeats = np.repeat(np.arange(960), weight)
        words = np.arange(2, 6)[:, None]
        classifier.set_params(epochs=15, learning_rate=0.02, batch_size=120, dropout=0.0)
        weighted = clone(classifier).fit(X, y, sample_weight=weight).predict_proba(words)[:, 1]
        repeated = clone(classifier).fit(X[repeats], y[repeats]).predict_proba(words)[:, 1]
        np.testing.assert_allclose(weighted, repeated, atol=0.05)
        np.testing.assert_allclose(weighted, [0.25, 0.75, 0.25, 0.75], atol=0.05)
        plain = clone(classifier).fit(X, y).predict_proba(words)[:, 1]
        np.testing.assert_allclose(plain, 0.5, atol=0.05)

    def test_class_weight_and_sample_weight_multiply(self, classifier, reviews):
        X, y, _ = reviews
        by_class = clone(classifier).set_params(class_weight={0: 1, 1: 5})
        product = np.where(y == 1, 5.0, 1.0) * 2
        np.testing.assert_array_equal(
            by_class.fit(X, y, sample_weight=np.full(len(y), 2.0)).predict_proba(X),
            clone(classifier).fit(X, y, sample_weight=product).predict_proba(X),
        )
        assert by_class.predict(X).mean() > clone(classifier).fit(X, y).predict(X).mean()

    def test_validation_data_enter_the_history(self, classifier, reviews):
        X, y, _ = reviews
        classifier.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
        assert set(classifier.history_) == {"accuracy", "loss", "val_accuracy", "val_loss"}
        # The last epoch's figure is the fitted model's own.
        assert classifier.history_["val_accuracy"][-1] == pytest.approx(
            classifier.score(X[300:], y[300:]), abs=0.011
        )

    def test_validation_is_by_the_model_that_predicts_where_training_lacks_unknown_words(
        self, classifier, reviews
    ):
        X, y, _ = reviews
        X = np.where(X == 1, 2, X)
        X_val = np.where((X[300:] % 3 == 0) & (X[300:] > 0), 1, X[300:])
        classifier.set_params(epochs=2).fit(X[:300], y[:300], X_val=X_val, y_val=y[300:])
        assert classifier.history_["val_loss"][-1] == pytest.approx(
            log_loss(y[300:], classifier.predict_proba(X_val)), rel=1e-4
        )

    def test_early_stopping_restores_the_best_epoch(self, classifier, reviews):
        X, y, _ = reviews
        rng = np.random.default_rng(0)
        noise = rng.permutation(y[300:])  # validation labels that cannot be learnt
        classifier.set_params(early_stopping=True, patience=1, epochs=40, learning_rate=0.02)
        classifier.fit(X[:300], y[:300], X_val=X[300:], y_val=noise)
        losses = classifier.history_["val_loss"]
        assert classifier.n_iter_ == len(losses) < 40
        assert np.argmin(losses) == len(losses) - 2
        proba = classifier.predict_proba(X[300:])
        loss = -np.log(proba[np.arange(len(noise)), noise]).mean()
        assert loss == pytest.approx(min(losses), rel=0.01)

    def test_validation_part_shares_no_group_with_training(self, classifier, reviews):
        X, y, movie = reviews
        # One private word a movie: with groups, validation rows hold words training never saw.
        X = X.copy()
        X[:, 0] = 900 + np.unique(movie, return_inverse=True)[1]
        classifier.set_params(early_stopping=True, validation_fraction=0.25, epochs=1)
        by_group = clone(classifier).fit(X, y, groups=movie)
        at_random = clone(classifier).fit(X, y)
        unseen_by_group, unseen_at_random = (
            np.count_nonzero(~model._trained.seen[900:]) for model in (by_group, at_random)
        )
        assert 5 <= unseen_by_group <= 15
        assert unseen_at_random < 5

    def test_warm_start_goes_on_and_a_plain_fit_starts_anew(self, classifier, reviews):
        X, y, _ = reviews
        warm = clone(classifier).set_params(warm_start=True)
        first_loss = warm.fit(X, y).history_["loss"][0]
        assert warm.fit(X, y).history_["loss"][0] < first_loss
        cold = clone(classifier).fit(X, y)
        once = cold.predict_proba(X)
        np.testing.assert_array_equal(cold.fit(X, y).predict_proba(X), once)

    def test_partial_fit_ignores_early_stopping_without_a_warning(self, classifier, reviews):
        X, y, _ = reviews
        classifier.set_params(early_stopping=True)  # it would monitor a validation loss
        classifier.partial_fit(X, y, classes=[0, 1])
        assert set(classifier.history_) == {"accuracy", "loss"}

    @pytest.mark.slow
    def test_partial_fit_learns_from_chunks_and_new_ids(self, classifier, reviews):
        X, y, _ = reviews
        order = np.argsort(X.max(axis=1), kind="stable")  # new words come late
        model = clone(classifier).set_params(learning_rate=0.02, batch_size=4)
        for _ in range(4):
            for rows in np.array_split(order, 4):
                model.partial_fit(X[rows], y[rows], classes=[0, 1])
        assert model.vocabulary_size_ == X.max() + 1
        assert model.score(X, y) > 0.85

    def test_keras_callbacks_see_every_epoch(self, classifier, reviews):
        import keras

        X, y, _ = reviews
        seen = []
        callback = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: seen.append((epoch, sorted(logs)))
        )
        classifier.set_params(callbacks=[callback]).fit(X, y)
        assert seen == [(0, ["accuracy", "loss"]), (1, ["accuracy", "loss"])]

    def test_callbacks_come_in_any_array(self, classifier, reviews):
        from keras.callbacks import History

        X, y, _ = reviews
        classifier.set_params(callbacks=np.array([History(), History()])).fit(X, y)
        assert all(len(told.history["loss"]) == 2 for told in classifier.callbacks_)

    def test_keras_optimizer_objects_are_taken_and_not_changed(self, classifier, reviews):
        import keras

        X, y, _ = reviews
        optimizer = keras.optimizers.SGD(learning_rate=0.5, momentum=0.9)
        classifier.set_params(optimizer=optimizer)
        first = classifier.fit(X, y).predict_proba(X)
        assert not optimizer.built
        np.testing.assert_array_equal(clone(classifier).fit(X, y).predict_proba(X), first)

    def test_verbose_names_waits_and_shows_progress_and_silence_is_the_default(
        self, classifier, reviews, capsys, monkeypatch
    ):
        X, y, _ = reviews
        classifier.fit(X, y)
        assert capsys.readouterr() == ("", "")
        monkeypatch.setattr(_trainer, "_idle_trainers", OrderedDict())
        waits = [f"Learning the n-grams of {len(X):,} rows ...", "Building the training graph ..."]
        lines = []
        for fit in (classifier.set_params(verbose=2).fit, classifier.fit):
            fit(X, y)
            out = capsys.readouterr().out
            assert "Epoch 2/2" in out
            lines.append([line for line in out.splitlines() if line.endswith("...")])
        assert lines == [waits, waits[:1]]  # the second fit uses the graph again

    def test_metadata_passes_through_a_pipeline(self, classifier):
        from sklearn.pipeline import make_pipeline

        bunch = make_reviews(200, length=40, n_movies=20, return_X_y=False, random_state=0)
        classifier.set_params(early_stopping=True)
        pipe = make_pipeline(HTMLTokenizer(max_length=60), classifier)
        step = type(classifier).__name__.lower()
        pipe.fit(
            bunch.data,
            bunch.target,
            **{f"{step}__groups": bunch.movie, f"{step}__sample_weight": np.ones(200)},
        )
        assert "val_loss" in pipe[-1].history_

    @pytest.mark.slow
    def test_folds_by_movie_in_cross_validation(self, classifier, reviews):
        from sklearn.model_selection import cross_val_score

        X, y, movie = reviews
        scores = cross_val_score(classifier, X, y, cv=GroupKFold(2), groups=movie)
        assert scores.shape == (2,)


class TestBadInput:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda X: X - 1, r"Negative values in data .* its min is -1"),
            (lambda X: X + 0.5, r"token ids, non-negative integers, but X\[0, 0\] is"),
            (lambda X: X.astype(np.int64) + 2**31, r"contains the id \d+, but the max is"),
            (lambda X: np.full(X.shape, 2.0**31, np.float32), r"contains the id 2147483648"),
            (lambda X: np.where(X == 5, np.nan, X), "NaN"),
        ],
        ids=["negative", "fractional", "beyond int32", "beyond int32 in float32", "NaN"],
    )
    def test_ids_that_are_no_ids(self, fitted, reviews, change, message):
        X, y, _ = reviews
        for call in (lambda: clone(fitted).fit(change(X), y), lambda: fitted.predict(change(X))):
            with pytest.raises(ValueError, match=message):
                call()

    def test_text_instead_of_ids(self, classifier):
        for X in (["a good film", "a bad film"], np.array([["good"], ["bad"]])):
            with pytest.raises(ValueError, match="Put an HTMLTokenizer before it"):
                classifier.fit(X, [0, 1])

    def test_another_width_than_in_fit(self, fitted, reviews):
        X, _, _ = reviews
        with pytest.raises(ValueError, match=r"119 features, but .* expecting 120 features"):
            fitted.predict(X[:, 1:])

    def test_one_class_only(self, classifier, reviews):
        X, _, _ = reviews
        with pytest.raises(ValueError, match="one class only"):
            classifier.fit(X, np.zeros(len(X)))

    def test_labels_of_another_length(self, classifier, reviews):
        X, y, _ = reviews
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            classifier.fit(X, y[:-1])

    def test_negative_and_vanishing_weights(self, classifier, reviews):
        X, y, _ = reviews
        with pytest.raises(ValueError, match="no negative weight, but its min is -1"):
            classifier.fit(X, y, sample_weight=np.full(len(y), -1.0))
        with pytest.raises(ValueError, match="at least one non-zero"):
            classifier.fit(X, y, sample_weight=np.zeros(len(y)))

    def test_partial_fit_without_classes_and_with_unseen_labels(self, classifier, reviews):
        X, y, _ = reviews
        with pytest.raises(ValueError, match="classes must be passed on the first call"):
            classifier.partial_fit(X, y)
        assert not hasattr(classifier, "classes_")
        classifier.partial_fit(X, y, classes=[0, 1])
        with pytest.raises(ValueError, match=r"not among the classes \[0, 1\]: \[2\]"):
            classifier.partial_fit(X, y + 1)
        with pytest.raises(ValueError, match="differs from the classes of the first call"):
            classifier.partial_fit(X, y, classes=[0, 1, 2])
        with pytest.raises(ValueError, match="'balanced' is not possible in partial_fit"):
            clone(classifier).set_params(class_weight="balanced").partial_fit(X, y, classes=[0, 1])

    def test_a_validation_part_too_small_to_stratify(self, classifier, reviews):
        X, y, movie = reviews
        classifier.set_params(early_stopping=True)
        with pytest.raises(ValueError, match=r"validation set is too small.*Increase"):
            classifier.fit(X[:10], [0, 1] * 5)
        with pytest.raises(ValueError, match=r"in 2 groups.*Increase"):
            classifier.fit(X, y, groups=np.arange(len(X)) % 2)
        with pytest.raises(ValueError, match="groups must contain one label per row"):
            classifier.fit(X, y, groups=movie[:-1])

    def test_half_a_validation_set(self, classifier, reviews):
        X, y, _ = reviews
        with pytest.raises(ValueError, match="X_val and y_val go together"):
            classifier.fit(X, y, X_val=X)
        with pytest.raises(ValueError, match=r"y_val contains labels that y does not: \[2\]"):
            classifier.fit(X, y, X_val=X, y_val=y + 1)

    def test_a_device_that_is_not_there(self, classifier, reviews):
        X, y, _ = reviews
        with pytest.raises(ValueError, match=r"device='gpu:7' is not available.*cpu:0"):
            classifier.set_params(device="gpu:7").fit(X, y)

    @pytest.mark.parametrize(
        "params",
        [
            {"embedding_dim": 0},
            {"dropout": 1.0},
            {"epochs": 0},
            {"batch_size": "large"},
            {"learning_rate": -1.0},
            {"precision": "float8"},
            {"validation_fraction": 1.5},
        ],
    )
    def test_parameters_out_of_range(self, classifier, reviews, params):
        X, y, _ = reviews
        (name,) = params
        with pytest.raises(ValueError, match=f"The '{name}' parameter"):
            classifier.set_params(**params).fit(X, y)

    def test_diverging_training_stops_and_says_what_to_lower(self, classifier, reviews):
        X, y, _ = reviews
        classifier.set_params(optimizer="sgd", learning_rate=1e30)
        with pytest.raises(ValueError, match=r"Training stopped.*Lower learning_rate \(now 1e\+30"):
            classifier.fit(X, y)
        assert not hasattr(classifier, "classes_")

    @pytest.mark.slow
    def test_an_interrupt_leaves_the_estimator_as_it_was(self, classifier, reviews):
        import keras

        class Interrupt(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                raise KeyboardInterrupt

        X, y, _ = reviews
        with pytest.raises(KeyboardInterrupt):
            clone(classifier).set_params(callbacks=[Interrupt()]).fit(X, y)
        expected = classifier.fit(X, y).predict_proba(X)
        before = dict(vars(classifier))
        classifier.set_params(callbacks=[Interrupt()])
        with pytest.raises(KeyboardInterrupt):
            classifier.fit(X[:100, :50], y[:100])
        assert {k: v for k, v in vars(classifier).items() if k != "callbacks"} == {
            k: v for k, v in before.items() if k != "callbacks"
        }
        np.testing.assert_array_equal(classifier.predict_proba(X), expected)
        # Nothing of the interrupted fit reaches the next one.
        classifier.set_params(callbacks=None).fit(X, y)
        np.testing.assert_array_equal(classifier.predict_proba(X), expected)


@pytest.mark.slow
@pytest.mark.parametrize("cls", CLASSIFIERS, ids=lambda cls: cls.__name__)
def test_thirty_fits_leave_no_memory_behind(cls, reviews):
    import psutil

    X, y = (part[:100] for part in reviews[:2])
    process = psutil.Process()
    for i in range(30):
        cls(epochs=1, learning_rate=0.001 * (1 + i), random_state=i).fit(X, y)
        if i == 4:
            gc.collect()
            after_five = process.memory_info().rss
    gc.collect()
    assert process.memory_info().rss - after_five < 30 * 2**20
