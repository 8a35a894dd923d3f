"""The part that both classifiers share; it knows labels, weights and epochs, no architecture."""

import copy
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sentilib._ids import (
    MAX_VOCABULARY_SIZE,
    OOV,
    as_token_ids,
    fill_unseen_rows,
    row_batches,
    with_spare_rows,
)
from sentilib._sklearn import Interval, StrOptions, check_sample_weight, fit_context
from sentilib._training import _backend
from sentilib._training._validation_split import validation_split

_WARM_UP = 0.1  # share of the steps in which a linear schedule rises to its peak


class BaseSentimentClassifier(
    ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Labels, validation split, training loop, history and prediction, for any architecture.

    Think twice before adding anything here: what depends on the layers of a model belongs into
    its subclass, what depends on the Keras backend into `_backend`.

    A subclass gives

    * `_build_model(vocabulary_size, n_classes, policy)`: its Keras model, token ids to logits;
    * `_build_training_model(...)`: the same mathematics with the same weights in the same order,
      arranged for speed;
    * `_initial_weights(vocabulary_size, n_classes, rng)`: in the order of `model.weights`,
      the embedding first;
    * `_encode(X, vocabulary_size)` and `_model_input(encoded, rows)`: what the training model
      reads, a tuple of ids and CSR arrays;
    * `_learn_features(...)`: learns what it needs beyond ids; gives the training data as `_encode`;
    * `_closed_form()`: whatever it derives from the weights to predict without Keras;
    * `_latent(X)` and `_logits(X)`: prediction, row by row, as float64;
    * `_architecture_callbacks(X)`: Keras callbacks that its training needs;
    * `_lengths(X)`: what batches of like length are sorted by, or None;
    * `_auto_batch_size(n_samples, on_gpu)` and `_auto_learning_rate(batch_size)`;
    * `_architecture()`: the parameters that shape its graph.
    """

    classes_: np.ndarray
    _weights: list[np.ndarray]
    _seen: np.ndarray

    _parameter_constraints: dict = {
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "mask_padding": ["boolean"],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "learning_rate_schedule": [StrOptions({"linear", "constant"})],
        "optimizer": [str, object],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "early_stopping": ["boolean"],
        "patience": [Interval(Integral, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "callbacks": ["array-like", None],
        "device": [str],
        "precision": [StrOptions({"auto", "float32", "mixed_bfloat16", "mixed_float16"})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # ------------------------------------------------------------------ training

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        groups: Any = None,
    ) -> "BaseSentimentClassifier":
        """Learn from token ids and labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens), int
            Token ids as `HTMLTokenizer.transform` makes them: 0 is padding, 1 any unknown word.
            Whole numbers of another dtype are taken as ids too.
        y : array-like of shape (n_samples,)
            Labels of any type and number, at least two different ones.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; only their ratios matter. Rows of weight 0 are left out.
        X_val, y_val : array-like of shapes (n_val, n_tokens) and (n_val,), default=None
            Explicit validation data, for `history_` and for early stopping.
        groups : array-like of shape (n_samples,), default=None
            Movie, product, author, ... of each row. With `early_stopping`, the validation part
            then shares no group with the training part; a random part would be optimistic.

        Returns
        -------
        self : estimator
            Fitted. When `fit` fails or is interrupted, the estimator is left as it was.

        Raises
        ------
        ValueError
            If X holds no valid ids, y a single class, the validation part would be too small
            or the loss stops being finite.
        """
        draft = copy.copy(self)
        draft._fit(X, y, sample_weight, X_val, y_val, groups)
        self.__dict__ = draft.__dict__  # all at once, whatever interrupts
        return self

    def _fit(self, X, y, sample_weight, X_val, y_val, groups) -> None:
        rng = check_random_state(self.random_state)
        X, y = self._validate(X, y, reset=True)
        weight = self._sample_weight(sample_weight, X)
        if weight is not None and not weight.all():
            kept = weight > 0
            X, y, weight = X[kept], y[kept], weight[kept]
            groups = None if groups is None else np.asarray(groups)[kept]
        classes = np.unique(y)
        if len(classes) < 2:
            raise ValueError(
                f"y holds one class only ({classes[0]!r}), but {type(self).__name__} needs at "
                "least two classes to tell apart."
            )
        X = as_token_ids(X, largest=MAX_VOCABULARY_SIZE - 1)
        resume = self.warm_start and hasattr(self, "_weights")
        if resume and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"warm_start=True goes on with the classes of the first fit "
                f"({self.classes_.tolist()}), but y holds {classes.tolist()}."
            )
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val go together: give both or neither.")
        self.classes_ = classes
        validation = None
        if X_val is not None:
            X_val, y_val = self._validate(X_val, y_val, reset=False)
            X_val = as_token_ids(X_val)
            unknown = np.setdiff1d(y_val, classes)
            if len(unknown):
                raise ValueError(f"y_val holds labels that y does not: {unknown.tolist()}.")
            validation = X_val, y_val
        elif self.early_stopping:
            train, held_out = validation_split(y, groups, self.validation_fraction, rng)
            validation = X[held_out], y[held_out]
            X, y = X[train], y[train]
            weight = None if weight is None else weight[train]
        if self.class_weight is not None:
            by_class = compute_sample_weight(self.class_weight, y)
            weight = by_class if weight is None else weight * by_class
        self._train(X, y, weight, validation, rng, epochs=self.epochs, resume=resume)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> "BaseSentimentClassifier":
        """Run one epoch over a part of the data, going on from the weights as they are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens), int
            Token ids; ids above all earlier ones extend the vocabulary.
        y : array-like of shape (n_samples,)
            Labels, all of them among `classes`.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; needed in the first call, optional later.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; only their ratios within this call matter.

        Returns
        -------
        self : estimator
            Fitted.

        Raises
        ------
        ValueError
            If the first call lacks `classes`, or y holds a label that is not among them.
        """
        draft = copy.copy(self)
        first = not hasattr(self, "_weights")
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        X, y = draft._validate(X, y, reset=first)
        X = as_token_ids(X, largest=MAX_VOCABULARY_SIZE - 1)
        if first:
            draft.classes_ = np.unique(classes)
            if len(draft.classes_) < 2:
                raise ValueError(f"classes={draft.classes_.tolist()} holds fewer than two classes.")
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes={np.unique(classes).tolist()} differs from the classes of the first "
                f"call: {self.classes_.tolist()}."
            )
        unknown = np.setdiff1d(y, draft.classes_)
        if len(unknown):
            raise ValueError(
                f"y holds labels that are not among the classes {draft.classes_.tolist()}: "
                f"{unknown.tolist()}. Pass all labels as classes in the first call."
            )
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' is not possible in partial_fit, which never sees all "
                "labels. Compute the weights on a large sample and pass them as a dict."
            )
        weight = draft._sample_weight(sample_weight, X)
        if self.class_weight is not None:
            by_class = compute_sample_weight(self.class_weight, y)
            weight = by_class if weight is None else weight * by_class
        rng = check_random_state(self.random_state)
        draft._train(X, y, weight, None, rng, epochs=1, resume=not first, keep_optimizer=True)
        self.__dict__ = draft.__dict__  # all at once, whatever interrupts
        return self

    def _train(
        self, X, y, weight, validation, rng, *, epochs, resume, keep_optimizer=False
    ) -> None:
        """Run the training loop and set all fitted attributes."""
        device = _backend.resolve_device(self.device)
        policy = _backend.resolve_precision(self.precision, device)
        n_classes = len(self.classes_)
        labels = np.searchsorted(self.classes_, y).astype(np.int32)
        weight = np.ones(len(X)) if weight is None else weight / weight.mean()
        seen = np.zeros(max(int(X.max()) + 1, OOV + 1), dtype=bool)
        seen[X] = True
        if resume:
            seen = _either(seen, self._seen)
        rows = with_spare_rows(len(seen))
        encoded = self._learn_features(
            X, rows, labels, weight, resume=resume, accumulate=keep_optimizer
        )
        seed = int(rng.randint(2**31 - 1))
        weights = self._initial_weights(len(seen), n_classes, np.random.default_rng(seed))
        optimizer_state = None
        if resume:
            weights = self._resumed_weights(weights)
            optimizer_state = getattr(self, "_optimizer_state", None)

        batch_size = self.batch_size
        if batch_size == "auto":
            batch_size = self._auto_batch_size(len(X), device.startswith("gpu"))
        learning_rate = self.learning_rate
        if learning_rate == "auto":
            learning_rate = None
            if isinstance(self.optimizer, str):
                learning_rate = self._auto_learning_rate(batch_size)

        batches = self._batches(
            encoded,
            self._lengths(X),
            labels,
            weight,
            batch_size,
            np.random.default_rng([seed, 1]),
        )
        if validation is not None:
            X_val, y_val = validation
            known = (X_val < len(seen)) & seen[np.minimum(X_val, len(seen) - 1)]
            validation_batches = self._batches(
                self._encode(np.where(known, X_val, OOV).astype(np.int32), rows),
                None,
                np.searchsorted(self.classes_, y_val).astype(np.int32),
                np.ones(len(X_val)),
                max(batch_size, 256),
                None,
            )
        key = (type(self), self._architecture(), rows, n_classes, policy)
        n_steps = None  # of the schedule; a stream has no last step
        if self.learning_rate_schedule == "linear" and learning_rate and not keep_optimizer:
            n_steps = epochs * batches.n
        with _backend.borrow_trainer(
            key,
            lambda: self._build_training_model(rows, n_classes, policy),
            optimizer=self.optimizer,
            device=device,
        ) as trainer:
            trainer.reset(weights, learning_rate, seed, optimizer_state)
            history = trainer.fit(
                batches,
                epochs=epochs,
                validation=validation_batches if validation is not None else None,
                callbacks=[
                    *self._architecture_callbacks(X),
                    *self._callbacks(learning_rate, n_steps),
                ],
                verbose=int(self.verbose),
            )
            weights = trainer.weights(like=weights)
            keep_optimizer = keep_optimizer or self.warm_start
            self._optimizer_state = trainer.optimizer_state() if keep_optimizer else None
        if not all(np.isfinite(w).all() for w in weights):
            raise ValueError(_divergence_message(learning_rate))

        weights[0] = fill_unseen_rows(weights[0], seen)
        self._weights, self._seen = weights, seen
        self._use_tables(self._closed_form())
        self.vocabulary_size_ = len(seen)
        self.history_ = history
        self.n_iter_ = len(history["loss"])
        self.device_ = device

    def _use_tables(self, tables, dtype=np.float32):
        """Predict from these tables of `_closed_form`; the dtype is that of convolutions."""
        self._inference = tables

    def _resumed_weights(self, fresh):
        """Weights to go on from, with rows for new ids; a new word starts as an unknown word."""
        weights = [w.copy() for w in self._weights]
        if [w.shape[1:] for w in weights] != [w.shape[1:] for w in fresh]:
            raise ValueError(
                "Training goes on from fitted weights, but the architecture's parameters have "
                "changed since. Set warm_start=False to start anew."
            )
        n_new = len(fresh[0]) - len(weights[0])
        weights[0] = np.vstack([weights[0], np.tile(weights[0][OOV], (n_new, 1))])
        return weights

    def _batches(self, encoded, lengths, labels, weight, batch_size, rng) -> _backend.Batches:
        weight = weight.astype(np.float32)

        def one_epoch() -> Iterator:
            for rows in row_batches(len(labels), lengths, batch_size, rng):
                yield self._model_input(encoded, rows), labels[rows], weight[rows]

        return _backend.Batches(one_epoch, -(-len(labels) // batch_size))

    def _callbacks(self, learning_rate: float | None, n_steps: int | None) -> list:
        keras = _backend.import_keras()

        class StopWhenNotFinite(keras.callbacks.Callback):  # type: ignore[name-defined, misc]
            def on_epoch_end(self, epoch, logs=None):
                if not np.isfinite((logs or {}).get("loss", 0.0)):
                    raise ValueError(_divergence_message(learning_rate, epoch + 1))

        class LinearSchedule(keras.callbacks.Callback):  # type: ignore[name-defined, misc]
            def on_train_begin(self, logs=None):
                self.step = 0

            def on_train_batch_begin(self, batch, logs=None):
                done = self.step / n_steps
                self.step += 1
                share = min(1.0, (self.step / n_steps) / _WARM_UP, (1 - done) / (1 - _WARM_UP))
                self.model.optimizer.learning_rate = learning_rate * share

        callbacks = [StopWhenNotFinite(), *(self.callbacks or [])]
        if n_steps is not None:
            callbacks.append(LinearSchedule())
        if self.early_stopping:
            callbacks.append(
                keras.callbacks.EarlyStopping(
                    monitor="val_loss", patience=self.patience, restore_best_weights=True
                )
            )
        return callbacks

    def _sample_weight(self, sample_weight, X) -> np.ndarray | None:
        if sample_weight is None:
            return None
        weight = check_sample_weight(sample_weight, X, dtype=np.float64)
        if (weight < 0).any():
            raise ValueError(
                f"sample_weight must hold no negative weight, but its smallest is {weight.min()}."
            )
        if not weight.any():
            raise ValueError("sample_weight must hold at least one non-zero weight.")
        return weight

    # ------------------------------------------------------------------ input

    def _validate(self, X, y=None, *, reset: bool):
        """Check shapes, finiteness and feature names of X, and y if it is given."""
        first = X[0] if isinstance(X, (list, tuple)) and len(X) else X
        if isinstance(first, str) or getattr(getattr(X, "dtype", None), "kind", "O") in "UT":
            raise ValueError(
                f"X holds text, but {type(self).__name__} reads token ids. Put an HTMLTokenizer "
                "before it: Pipeline([('tokenizer', HTMLTokenizer()), ('classifier', ...)])."
            )
        if not reset and y is None:
            return validate_data(self, X, reset=False)
        X, y = validate_data(self, X, y, reset=reset)
        check_classification_targets(y)
        return X, y

    def _known_ids(self, X) -> np.ndarray:
        """Validate X and read ids that training never reached as unknown words."""
        check_is_fitted(self)
        X = as_token_ids(self._validate(X, reset=False))
        if X.max() >= self.vocabulary_size_:
            X = np.where(X < self.vocabulary_size_, X, OOV).astype(np.int32)
        return X

    # ------------------------------------------------------------------ prediction

    def decision_function(self, X: Any) -> np.ndarray:
        """Margin of the logits.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens), int
            Token ids; ids that `fit` never saw are unknown words.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            With two classes the logit of the second minus that of the first (the log-odds),
            otherwise the logits.
        """
        logits = self._logits(self._known_ids(X))
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithm of the class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens), int
            Token ids.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            Columns in the order of `classes_`.
        """
        return log_softmax(self._logits(self._known_ids(X)), axis=1)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens), int
            Token ids.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            Columns in the order of `classes_`; each row sums to 1.
        """
        return softmax(self._logits(self._known_ids(X)), axis=1)

    def predict(self, X: Any) -> np.ndarray:
        """Most probable class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens), int
            Token ids.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels as they came in `y`.
        """
        logits = self._logits(self._known_ids(X))
        return self.classes_[logits.argmax(axis=1)]

    def transform(self, X: Any) -> np.ndarray:
        """Pooled latent space: what the output layer reads.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens), int
            Token ids.

        Returns
        -------
        ndarray of shape (n_samples, n_latent), float32
            One point a row.
        """
        return self._latent(self._known_ids(X)).astype(np.float32)

    @property
    def _n_features_out(self) -> int:
        return self._weights[-2].shape[0]

    @property
    def model_(self) -> Any:
        """Keras model with the fitted weights: token ids (n_samples, n_tokens) to logits.

        Built on first use, in the textbook arrangement of its layers. It is a copy: predictions
        come from the fitted weights, whatever is done to it.
        """
        check_is_fitted(self)
        if "_model" not in vars(self):
            model = self._build_model(self.vocabulary_size_, len(self.classes_), "float32")
            model.set_weights(self._weights)
            self._model = model
        return self._model

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_weights")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def __copy__(self):
        """Share everything but the Keras model, which a fit of the copy would make stale."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.__dict__.pop("_model", None)
        return other

    def __getstate__(self) -> dict:
        state = super().__getstate__().copy()
        state.pop("_model", None)
        state.pop("_inference", None)
        state.pop("_packed", None)
        return state

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        if "_weights" in state:
            self._use_tables(self._closed_form())

    # ------------------------------------------------------------------ architecture

    def _architecture_callbacks(self, X: np.ndarray) -> list:
        """Keras callbacks that the architecture needs in training."""
        return []

    def _lengths(self, X: np.ndarray) -> np.ndarray | None:
        """Give what batches of like length are sorted by, if the training model gains by it."""
        return None


def _either(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Elementwise "or" of two flags by id, of different lengths perhaps."""
    either = np.zeros(max(len(a), len(b)), dtype=bool)
    either[: len(a)] |= a
    either[: len(b)] |= b
    return either


def _divergence_message(learning_rate: float | None, epoch: int | None = None) -> str:
    when = "" if epoch is None else f" in epoch {epoch}"
    rate = "of the optimizer" if learning_rate is None else f"(now {learning_rate:g})"
    return (
        f"Training stopped: the loss or a weight became infinite or NaN{when}. Lower "
        f"learning_rate {rate}, or check sample_weight and class_weight for huge values."
    )
