"""The part that both classifiers share; it knows labels, weights and epochs, no architecture."""

import copy
from collections.abc import Callable, Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.model_selection import StratifiedGroupKFold, train_test_split
from sklearn.utils import check_random_state, compute_sample_weight
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from sentilib import _backend

PAD, OOV = 0, 1
_MAX_VOCABULARY_SIZE = 2**26


class BaseSentimentClassifier(
    ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Labels, validation split, training loop, history and prediction, for any architecture.

    Think twice before adding anything here: what depends on the layers of a model belongs into
    its subclass, what depends on the Keras backend into `_backend`.

    A subclass gives

    * `_build_model(vocabulary_size, n_classes, policy)`: its Keras model, token ids to logits;
    * `_build_training_model(...)`: the same mathematics with the same weights in the same order,
      arranged for speed (by default the same model);
    * `_initial_weights(vocabulary_size, n_classes, rng)`: in the order of `model.weights`,
      the embedding first;
    * `_encode(X)` and `_model_input(encoded, rows)`: what the training model reads;
    * `_closed_form()`: whatever it derives from the weights to predict without Keras;
    * `_latent(X)` and `_logits(X)`: prediction in float64, row by row;
    * `_auto_batch_size(n_samples, on_gpu)` and `_auto_learning_rate(batch_size)`;
    * `_architecture()`: the parameters that shape its graph.
    """

    _parameter_constraints: dict = {
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "mask_padding": ["boolean"],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
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

    @_fit_context(prefer_skip_nested_validation=True)
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
            then shares no group with the training part; a random part would flatter.

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
        X, y = draft._validate_ids(X, y, reset=True)
        check_classification_targets(y)
        draft._fit(X, y, sample_weight, X_val, y_val, groups)
        self.__dict__ = vars(draft)
        return self

    def _fit(self, X, y, sample_weight, X_val, y_val, groups) -> None:
        rng = check_random_state(self.random_state)
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
            X_val, y_val = self._validate_ids(X_val, y_val, reset=False)
            unknown = np.setdiff1d(y_val, classes)
            if len(unknown):
                raise ValueError(f"y_val holds labels that y does not: {unknown.tolist()}.")
            validation = X_val, y_val
        elif self.early_stopping:
            train, held_out = self._validation_split(y, groups, rng)
            validation = X[held_out], y[held_out]
            X, y = X[train], y[train]
            weight = None if weight is None else weight[train]
        if self.class_weight is not None:
            by_class = compute_sample_weight(self.class_weight, y)
            weight = by_class if weight is None else weight * by_class
        self._train(X, y, weight, validation, rng, epochs=self.epochs, resume=resume)

    @_fit_context(prefer_skip_nested_validation=True)
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
        X, y = draft._validate_ids(X, y, reset=first)
        check_classification_targets(y)
        if first:
            draft.classes_ = np.unique(classes)
            if len(draft.classes_) < 2:
                raise ValueError(
                    f"classes={draft.classes_.tolist()} holds fewer than two classes."
                )
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
        self.__dict__ = vars(draft)
        return self

    def _train(
        self, X, y, weight, validation, rng, *, epochs, resume, keep_optimizer=False
    ) -> None:
        """Run the training loop and set all fitted attributes."""
        device = _backend.resolve_device(self.device)
        policy = _backend.resolve_precision(self.precision, device)
        n_classes = len(self.classes_)
        vocabulary_size = max(int(X.max()) + 1, OOV + 1)
        seen = np.zeros(vocabulary_size, dtype=bool)
        seen[np.unique(X)] = True
        seed = int(rng.randint(2**31 - 1))
        weights = self._initial_weights(vocabulary_size, n_classes, np.random.default_rng(seed))
        optimizer_state = None
        if resume:
            weights, seen = self._resumed_weights(weights, seen)
            optimizer_state = self._optimizer_state
        vocabulary_size = len(seen)

        batch_size = self.batch_size
        if batch_size == "auto":
            batch_size = self._auto_batch_size(len(X), device.startswith("gpu"))
        learning_rate = self.learning_rate
        if learning_rate == "auto":
            learning_rate = None
            if isinstance(self.optimizer, str):
                learning_rate = self._auto_learning_rate(batch_size)

        rows = _with_spare_rows(vocabulary_size)
        labels = np.searchsorted(self.classes_, y).astype(np.int32)
        weight = np.ones(len(X)) if weight is None else weight / weight.mean()
        batches = self._batches(
            X, labels, weight, batch_size, rows, np.random.default_rng([seed, 1])
        )
        if validation is not None:
            X_val, y_val = validation
            known = (X_val < vocabulary_size) & seen[np.minimum(X_val, vocabulary_size - 1)]
            validation_batches = self._batches(
                np.where(known, X_val, OOV).astype(np.int32),
                np.searchsorted(self.classes_, y_val).astype(np.int32),
                np.ones(len(X_val)),
                max(batch_size, 256),
                rows,
                None,
            )
        key = (type(self), self._architecture(), rows, n_classes, policy)
        with _backend.borrow_trainer(
            key,
            lambda: self._build_training_model(rows, n_classes, policy),
            optimizer=self.optimizer,
            device=device,
        ) as trainer:
            trainer.reset(weights, learning_rate, seed, optimizer_state)
            history = trainer.fit(
                *batches,
                epochs=epochs,
                validation=validation_batches if validation is not None else None,
                callbacks=self._callbacks(learning_rate),
                verbose=int(self.verbose),
            )
            weights = trainer.weights(like=weights)
            if self.warm_start or keep_optimizer:
                self._optimizer_state = trainer.optimizer_state()
        if not all(np.isfinite(w).all() for w in weights):
            raise ValueError(_divergence_message(learning_rate))

        weights[0] = _fill_unseen_rows(weights[0], seen)
        self._weights, self._seen = weights, seen
        self._inference = self._closed_form()
        self.vocabulary_size_ = vocabulary_size
        self.history_ = history
        self.n_iter_ = len(history["loss"])
        self.device_ = device

    def _resumed_weights(self, fresh, seen):
        """Weights to go on from, with rows for new ids; a new word starts as an unknown word."""
        weights = [w.copy() for w in self._weights]
        if [w.shape[1:] for w in weights] != [w.shape[1:] for w in fresh]:
            raise ValueError(
                "Training goes on from fitted weights, but the architecture's parameters have "
                "changed since. Set warm_start=False to start anew."
            )
        n_new = len(seen) - len(self._seen)
        if n_new > 0:
            weights[0] = np.vstack([weights[0], np.tile(weights[0][OOV], (n_new, 1))])
        known = np.zeros(max(len(seen), len(self._seen)), dtype=bool)
        known[: len(seen)] |= seen
        known[: len(self._seen)] |= self._seen
        return weights, known

    def _batches(
        self, X, labels, weight, batch_size, vocabulary_size, rng
    ) -> tuple[Callable[[], Iterator], int]:
        """Give a function that makes one epoch's batches, and their number."""
        encoded = self._encode(X, vocabulary_size)
        ends = last_token(X)
        weight = weight.astype(np.float32)
        n_batches = -(-len(X) // batch_size)

        def one_epoch() -> Iterator:
            for rows in _row_batches(ends, batch_size, rng):
                yield self._model_input(encoded, rows), labels[rows], weight[rows]

        return one_epoch, n_batches

    def _callbacks(self, learning_rate) -> list:
        keras = _backend.import_keras()

        class StopWhenNotFinite(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                if not np.isfinite((logs or {}).get("loss", 0.0)):
                    raise ValueError(_divergence_message(learning_rate, epoch + 1))

        callbacks = [StopWhenNotFinite(), *(self.callbacks or [])]
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
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
        if (weight < 0).any() or not weight.any():
            raise ValueError(
                "sample_weight must hold no negative weight and at least one positive weight."
            )
        return weight

    def _validation_split(self, y, groups, rng) -> tuple[np.ndarray, np.ndarray]:
        """Split stratified by label, and by group where groups are given."""
        n_classes = len(self.classes_)
        too_small = (
            f"The validation set is too small: validation_fraction={self.validation_fraction} "
            f"of {len(y)} rows cannot hold all {n_classes} classes on both sides. Increase "
            "'validation_fraction' or the size of your dataset, or pass X_val and y_val."
        )
        seed = int(rng.randint(2**31 - 1))
        if groups is None:
            if min(self.validation_fraction, 1 - self.validation_fraction) * len(y) < n_classes:
                raise ValueError(too_small)
            if np.unique(y, return_counts=True)[1].min() < 2:
                raise ValueError(too_small)
            train, held_out = train_test_split(
                np.arange(len(y)),
                test_size=self.validation_fraction,
                stratify=y,
                random_state=seed,
            )
            return np.sort(train), np.sort(held_out)
        groups = np.asarray(groups)
        if groups.shape != (len(y),):
            raise ValueError(
                f"groups must hold one label a row: expected shape ({len(y)},), "
                f"got {groups.shape}."
            )
        n_splits = max(2, round(1 / self.validation_fraction))
        if len(np.unique(groups)) < n_splits or np.unique(y, return_counts=True)[1].min() < 2:
            raise ValueError(too_small + f" There are {len(np.unique(groups))} groups.")
        folds = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
        train, held_out = next(folds.split(np.zeros(len(y)), y, groups))
        if len(np.unique(y[train])) < n_classes or not len(held_out):
            raise ValueError(too_small)
        return train, held_out

    # ------------------------------------------------------------------ input

    def _validate_ids(self, X, y=None, *, reset: bool):
        """Check token ids (and labels) and give them as a C-contiguous int32 matrix."""
        first = X[0] if isinstance(X, (list, tuple)) and len(X) else X
        dtype = getattr(X, "dtype", None)
        if isinstance(first, str) or (dtype is not None and getattr(dtype, "kind", "") == "U"):
            raise ValueError(
                f"X holds text, but {type(self).__name__} reads token ids. Put an HTMLTokenizer "
                "before it: Pipeline([('tokenizer', HTMLTokenizer()), ('classifier', ...)])."
            )
        if y is None:
            X = validate_data(self, X, reset=reset)
        else:
            X, y = validate_data(self, X, y, reset=reset)
        if X.dtype.kind not in "iub":
            fractional = X != np.floor(X)
            if fractional.any():
                row, column = np.argwhere(fractional)[0]
                raise ValueError(
                    f"X must hold token ids, whole numbers from 0 on, but X[{row}, {column}] is "
                    f"{X[row, column]!r}. HTMLTokenizer().transform(texts) makes them."
                )
        low, high = X.min(), X.max()
        if low < 0:
            raise ValueError(
                f"X must hold token ids, whole numbers from 0 on, but holds {low}. "
                "Negative values in data passed to the classifier are no ids."
            )
        if high > np.iinfo(np.int32).max:
            raise ValueError(f"X holds the id {high}, beyond the largest int32, 2147483647.")
        if y is not None and high >= _MAX_VOCABULARY_SIZE:
            raise ValueError(
                f"X holds the id {high}, which would need an embedding of as many rows; the "
                f"largest id to learn from is {_MAX_VOCABULARY_SIZE - 1}. HTMLTokenizer numbers "
                "its words without gaps."
            )
        X = np.ascontiguousarray(X, dtype=np.int32)
        return X if y is None else (X, y)

    def _known_ids(self, X) -> np.ndarray:
        """Validate X and read ids that training never reached as unknown words."""
        check_is_fitted(self)
        X = self._validate_ids(X, reset=False)
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
        tags.transformer_tags.preserves_dtype = []
        return tags

    def __getstate__(self) -> dict:
        state = super().__getstate__().copy()
        state.pop("_model", None)
        state.pop("_inference", None)
        return state

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        if "_weights" in state:
            self._inference = self._closed_form()

    # ------------------------------------------------------------------ architecture

    def _build_training_model(self, vocabulary_size: int, n_classes: int, policy: str) -> Any:
        return self._build_model(vocabulary_size, n_classes, policy)


def glorot_uniform(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """First weights of a layer, uniform within sqrt(6 / (fan_in + fan_out)).

    Glorot & Bengio, Understanding the difficulty of training deep feedforward neural networks,
    AISTATS 2010, equation 16.
    """
    receptive_field = int(np.prod(shape[:-2]))
    limit = np.sqrt(6 / ((shape[-2] + shape[-1]) * receptive_field))
    return rng.uniform(-limit, limit, size=shape).astype(np.float32)


def uniform_embedding(rng: np.random.Generator, vocabulary_size: int, dim: int) -> np.ndarray:
    """First embedding, Keras's default: uniform between -0.05 and 0.05."""
    return rng.uniform(-0.05, 0.05, size=(vocabulary_size, dim)).astype(np.float32)


def _with_spare_rows(vocabulary_size: int) -> int:
    """Round up in steps of at most an eighth, so that folds of one grid share a trainer."""
    step = 2 ** max(4, vocabulary_size.bit_length() - 4)
    return -(-vocabulary_size // step) * step


def last_token(X: np.ndarray) -> np.ndarray:
    """Number of leading columns that hold all tokens of each row."""
    is_token = X != PAD
    ends = X.shape[1] - is_token[:, ::-1].argmax(axis=1)
    ends[~is_token.any(axis=1)] = 0
    return ends


def _row_batches(ends, batch_size, rng) -> Iterator[np.ndarray]:
    """Cut rows into batches of like length, in random order; in given order without `rng`.

    Rows are shuffled first and sorted by length only within 16 batches, so that batches stay
    random samples of each length.
    """
    n_samples = len(ends)
    if rng is None:
        order = np.arange(n_samples)
    else:
        order = rng.permutation(n_samples)
        for start in range(0, n_samples, 16 * batch_size):
            part = order[start : start + 16 * batch_size]
            part[:] = part[np.argsort(ends[part], kind="stable")]
    starts = np.arange(0, n_samples, batch_size)
    if rng is not None:
        rng.shuffle(starts)
    for start in starts:
        yield order[start : start + batch_size]


def _fill_unseen_rows(embedding: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Let ids that training never saw behave as unknown words.

    Where there was no unknown word either, it is the mean of the words.
    """
    embedding = embedding.copy()
    if not seen[OOV]:
        words = np.flatnonzero(seen[OOV + 1 :]) + OOV + 1
        embedding[OOV] = embedding[words].mean(axis=0) if len(words) else 0
    embedding[~seen] = embedding[OOV]
    return embedding


def _divergence_message(learning_rate: float | None, epoch: int | None = None) -> str:
    when = "" if epoch is None else f" in epoch {epoch}"
    rate = "of the optimizer" if learning_rate is None else f"(now {learning_rate:g})"
    return (
        f"Training stopped: the loss or a weight became infinite or NaN{when}. Lower "
        f"learning_rate {rate}, or check sample_weight and class_weight for huge values."
    )
