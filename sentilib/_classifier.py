"""Base class of both classifiers: labels, weights, validation, prediction; no architecture."""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from sentilib import _ids
from sentilib._compiled._states import snapshot
from sentilib._compiled._threads import threads
from sentilib._ngrams._dictionary import empty_dictionary
from sentilib._sklearn import (
    COUNT,
    N_JOBS,
    CallbackSupportMixin,
    Estimator,
    FitTasks,
    HasMethods,
    Interval,
    StrOptions,
    check_fitted,
    copied_fast,
    fit_context,
)
from sentilib._tables._base import Tables
from sentilib._tables._softmax import log_softmax, softmax
from sentilib._training import _fit, _rows
from sentilib._training._architecture import Architecture
from sentilib._training._saved import SavedModel


class BaseSentimentClassifier(
    CallbackSupportMixin,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    SavedModel,
    Estimator,
):
    """Labels, validation data and prediction, for any architecture.

    Think twice before adding anything here. A subclass has one hook, `_architecture()`, which
    returns its layers as a value: `_training._architecture` lists the methods that training needs,
    and `_tables._base` those that prediction needs.
    """

    classes_: np.ndarray
    tables_: Tables
    _trained: _fit.Model
    vectors: Any = None  # a parameter of some

    _parameter_constraints: dict = {
        "embedding_dim": [COUNT],
        "ngram_range": [tuple, list],
        "ngram_min_df": [COUNT],
        "ngram_max_features": [Interval(Integral, 1, 2**29, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "mask_padding": ["boolean"],
        "epochs": [COUNT],
        "batch_size": [StrOptions({"auto"}), COUNT],
        "learning_rate": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "learning_rate_schedule": [StrOptions({"linear", "constant"})],
        "optimizer": [str, HasMethods(["apply", "get_config"])],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "early_stopping": ["boolean"],
        "patience": [Interval(Integral, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "callbacks": "no_validation",
        "device": [str],
        "precision": [StrOptions({"auto", "float32", "mixed_bfloat16", "mixed_float16"})],
        "n_jobs": [N_JOBS, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _architecture(self) -> Architecture:
        """Return the layers that the parameters define."""
        raise NotImplementedError

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
    ) -> Self:
        """Learn from token ids and labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens), int
            Token ids as `HTMLTokenizer.transform` returns them: 0 is padding, 1 the unknown word.
            Integral values of another dtype are accepted. Any other number, such as an age, would
            be read as a word: `examples/text_and_numbers.py` shows how to combine it with text.
        y : array-like of shape (n_samples,)
            Labels of any type, with at least two classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; only their ratios matter. Rows of weight 0 are left out.
        X_val, y_val : array-like of shapes (n_val, n_tokens) and (n_val,), default=None
            Validation data, for `history_` and early stopping.
        groups : array-like of shape (n_samples,), default=None
            Movie, product, author, ... of each row: the folds of cross-fitting and the validation
            split of `early_stopping` keep it on one side, as a random split is too optimistic.

        Returns
        -------
        self : estimator
            Fitted estimator. If `fit` fails or is interrupted, it remains unchanged.

        Raises
        ------
        ValueError
            If X contains invalid ids, y contains a single class, the validation set would be too
            small, or the loss becomes infinite or NaN.
        """
        tasks = FitTasks(self, self.epochs)
        draft = snapshot(self)
        draft._fit_all(tasks, X, y, sample_weight, X_val, y_val, groups)
        self.__dict__ = draft.__dict__  # in one step, which nothing can interrupt
        return self

    def _fit_all(
        self, tasks: FitTasks, X: Any, y: Any, weight: Any, X_val: Any, y_val: Any, groups: Any
    ) -> None:
        rng = check_random_state(self.random_state)
        given = X, y
        X, y = self._validate(X, y, reset=True)
        weight = _rows.checked_weight(weight, X)
        groups = _rows.checked_groups(groups, len(X))
        rows = np.arange(len(X)) if weight is None else np.flatnonzero(weight)
        if len(rows) < len(X):
            X, y, weight, groups = _rows.taken(rows, X, y, weight, groups)
        classes = _rows.two_or_more_classes(y, type(self).__name__)
        resume = self.warm_start and hasattr(self, "_trained")
        X = _ids.as_training_ids(X, _rows.known(self._trained if resume else None, self.vectors))
        if resume and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"warm_start=True continues with the classes of the first fit "
                f"({_rows.listed(self.classes_)}), but y contains {_rows.listed(classes)}."
            )
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val go together: pass both or neither.")
        self.classes_ = classes
        validation = None
        if X_val is not None:
            X_val, y_val = self._validate(X_val, y_val, "y_val", reset=False)
            if len(unknown := np.setdiff1d(y_val, classes)):
                raise ValueError(f"y_val contains labels that y does not: {_rows.listed(unknown)}.")
            validation = self._data(_ids.as_token_ids(X_val), y_val, np.ones(len(y_val)))
        elif self.early_stopping:
            train, held_out = _rows.validation_split(y, groups, self.validation_fraction, rng)
            validation = self._data(X[held_out], y[held_out], np.ones(len(held_out)))
            rows, X, y, weight, groups = _rows.taken(train, rows, X, y, weight, groups)
        tasks.begin(*given, weight, rows)
        data = self._data(X, y, _rows.total_weight(weight, self.class_weight, y, classes), groups)
        seed = int(rng.randint(2**31 - 1))
        self._train(tasks, data, validation, seed, resume=resume, in_stream=False)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch on a part of the data, starting from the current weights.

        After a `fit`, the n-grams that it learnt keep their log-count ratios; the factors of these
        are trained further.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens), int
            Token ids; new ids extend the vocabulary.
        y : array-like of shape (n_samples,)
            Labels, all contained in `classes`.
        classes : array-like of shape (n_classes,), default=None
            All labels that any call will pass; required in the first call, optional later.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; only their ratios within one call matter.

        Returns
        -------
        self : estimator
            Fitted estimator.

        Raises
        ------
        ValueError
            If the first call lacks `classes`, or y contains a label that is not in `classes`.
        """
        tasks, given = FitTasks(self, 1), (X, y)
        draft = snapshot(self)
        first = not hasattr(draft, "_trained")
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        X, y = draft._validate(X, y, reset=first)
        X = _ids.as_training_ids(X, _rows.known(None if first else draft._trained, self.vectors))
        draft.classes_ = _rows.classes_of_stream(classes, None if first else draft.classes_, y)
        _rows.refuse_balanced(self.class_weight)
        weight = _rows.checked_weight(sample_weight, X)
        data = draft._data(X, y, _rows.total_weight(weight, self.class_weight, y, draft.classes_))
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        tasks.begin(*given, weight, np.arange(len(X)))
        draft._train(tasks, data, None, seed, resume=not first, in_stream=True)
        self.__dict__ = draft.__dict__  # in one step, which nothing can interrupt
        return self

    def _data(self, X: Any, y: Any, weight: np.ndarray, groups: Any = None) -> _fit.Data:
        return _fit.Data(X, np.searchsorted(self.classes_, y), weight, groups)

    def _train(
        self, tasks: Any, data: Any, validation: Any, seed: int, *, resume: bool, in_stream: bool
    ) -> None:
        """Train and set all fitted attributes."""
        with threads(self.n_jobs):
            ngrams = self.ngram_range, self.ngram_min_df, self.ngram_max_features
            options = _fit.Options(
                ngrams=empty_dictionary(*ngrams),
                epochs=1 if in_stream else self.epochs,
                batch_size=self.batch_size,
                learning_rate=self.learning_rate,
                learning_rate_schedule=self.learning_rate_schedule,
                optimizer=self.optimizer,
                callbacks=self.callbacks,
                tasks=tasks,
                fitted=snapshot(self)._with,
                patience=self.patience if self.early_stopping and not in_stream else None,
                device=self.device,
                precision=self.precision,
                verbose=int(self.verbose),
                in_stream=in_stream,
                keeps_optimizer=in_stream or bool(self.warm_start),
                vectors=None if self.vectors is None else self.vectors.matrix,
            )
            result = _fit.fit(
                self._architecture(),
                data,
                len(self.classes_),
                options,
                seed=seed,
                validation=validation,
                previous=self._trained if resume else None,
            )
            self._with(result)
        tasks.end(self)

    def _with(self, result: _fit.Result) -> Self:
        self._trained, self.history_, self.device_, self.callbacks_ = result
        self.tables_ = self._trained.tables()
        self.vocabulary_size_ = self.tables_.n_ids
        self.n_iter_ = len(self.history_["loss"])
        return self

    def _validate(self, X: Any, y: Any = None, name: str = "y", *, reset: bool) -> Any:
        """Validate shape, finiteness and feature names of X, and y if it is passed."""
        _ids.check_matrix(X, type(self).__name__, name.replace("y", "X"))
        if not reset and y is None:
            return validate_data(self, X, reset=False)
        X, y = validate_data(self, X, _rows.checked_labels(y, name), reset=reset)
        check_classification_targets(y)
        _ids.check_positions(getattr(self, "feature_names_in_", None))
        return X, y

    def _known_ids(self, X: Any) -> np.ndarray:
        """Validate X; ids that the model does not know become OOV."""
        check_fitted(self)
        n_columns = None if hasattr(self, "feature_names_in_") else self.n_features_in_
        if _ids.are_known(X, n_columns, self.tables_.n_ids):
            return X
        return self.tables_.known(_ids.as_token_ids(self._validate(X, reset=False)))

    def _logits(self, X: Any) -> np.ndarray:
        model = snapshot(self)  # of one fit, whatever other threads do
        with threads(model.n_jobs):
            ids = model._known_ids(X)
            return model.tables_.logits(ids)

    def decision_function(self, X: Any) -> np.ndarray:
        """Compute the margin of the logits.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens), int
            Token ids; ids that did not occur in training are unknown words.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            With two classes the logit of the second minus that of the first (the log-odds),
            otherwise the logits.
        """
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Compute the logarithm of the class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens), int
            Token ids.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            Columns in the order of `classes_`.
        """
        return log_softmax(self._logits(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Compute the class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens), int
            Token ids.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            Columns in the order of `classes_`; each row sums to 1.
        """
        return softmax(self._logits(X))

    def predict(self, X: Any) -> np.ndarray:
        """Predict the most probable class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens), int
            Token ids.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels, of the type of `y`.
        """
        model = snapshot(self)
        numbers = model._logits(X).argmax(axis=1)
        return model.classes_[numbers]

    def transform(self, X: Any) -> np.ndarray:
        """Compute latent vectors: the input of the output layer, and the evidence of n-grams.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens), int
            Token ids.

        Returns
        -------
        ndarray of shape (n_samples, n_latent), float32
            One vector per row.
        """
        model = snapshot(self)
        with threads(model.n_jobs):
            ids = model._known_ids(X)
            return model.tables_.latent(ids).astype(np.float32)

    def to_keras(self) -> Any:
        """Build a Keras model with the fitted weights, as a textbook defines its layers.

        Returns
        -------
        keras.Model
            Model from token ids (n_samples, n_tokens) to logits (n_samples, n_classes). It is an
            independent copy, which can be saved, cloned and trained like any Keras model. Before a
            saved model is loaded, ``from sentilib import keras_layers`` registers its layers.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        """
        check_fitted(self)
        return self._trained.to_keras()

    @property
    def _n_features_out(self) -> int:
        return self.tables_.n_latent

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_trained")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = []
        return copied_fast(tags)

    __copy__ = snapshot  # shares the tables, which `__setstate__` would derive again
