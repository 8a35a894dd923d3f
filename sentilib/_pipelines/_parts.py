"""Parts: the steps of a pipeline, and the model inside other estimators around it."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from sentilib._classifier import BaseSentimentClassifier
from sentilib._compiled._states import snapshot
from sentilib._html_tokenizer import HTMLTokenizer
from sentilib._ids import FIRST_WORD
from sentilib._sklearn import check_fitted


class Parts(NamedTuple):
    """The steps of a pipeline, or a classifier alone, fitted or not."""

    estimator: Any  # without a search or FrozenEstimator around it
    front: list[Any]  # transformers of documents, before the tokenizer
    tokenizer: HTMLTokenizer | None
    between: list[Any]  # transformers of ids
    classifier: Any  # predicts: the last step, or an estimator around the whole pipeline
    model: Any  # the only classifier of this library that is the classifier or inside it, or None
    reads_documents: bool = False  # whether the classifier contains all steps and reads X itself
    tables: ColumnTransformer | None = None  # fitted, around the tokenizer, in its place
    members: tuple[str, ...] = ()  # expressions for models of this library among several inside

    counts_only: bool = False  # whether the tokenizer is not the estimator's

    @classmethod
    def of(cls, estimator: Any) -> "Parts":
        """Split an estimator into parts.

        Parameters
        ----------
        estimator : estimator
            A pipeline or a classifier; a fitted search, or another fitted estimator around them,
            such as CalibratedClassifierCV. Of several models inside, the first one's tokenizer
            counts.
        """
        estimator = _unwrapped(estimator)
        *steps, classifier = _steps(estimator)
        steps = _transforming(steps)
        inside, n_inside = _inside(classifier)
        model, members = classifier, tuple(name for name, _ in inside)
        if inside:
            path, first = inside[0]
            model = first.model if n_inside == 1 else None
            if n_inside == 1:
                members = tuple(path + name for name in first.members)
            if first.tokenizer is not None:
                return first._replace(
                    estimator=estimator,
                    front=steps + first.front,
                    classifier=estimator,
                    model=model,
                    reads_documents=True,
                    members=members,
                )
        if not isinstance(model, BaseSentimentClassifier):
            model = None
        for k, step in enumerate(steps):
            if isinstance(step, HTMLTokenizer):
                return cls(
                    estimator, steps[:k], step, steps[k + 1 :], classifier, model, members=members
                )
            if isinstance(step, ColumnTransformer) and (found := _tokenizers(step)):
                tokenizer = next(iter(found.values()))
                return cls(
                    estimator,
                    steps[:k],
                    tokenizer,
                    steps[k + 1 :],
                    classifier,
                    model,
                    tables=step,
                    members=members,
                )
        return cls(estimator, [], None, steps, classifier, model, members=members)

    @property
    def name(self) -> str:
        """Name of the class that predicts."""
        return type(_steps(self.classifier)[-1]).__name__

    @property
    def classes(self) -> np.ndarray:
        """Labels of the model; an estimator around it may have numbered them for it."""
        own = self.model.classes_
        around = getattr(self.classifier, "classes_", own)
        return around if len(around) == len(own) else own

    def check_fitted(self) -> None:
        """Raise NotFittedError unless tokenizer and classifier are fitted."""
        check_fitted(self.classifier)
        if self.tokenizer is not None:
            check_fitted(self.tokenizer)

    def snapshot(self) -> "Parts":
        """Return fitted parts of which no fit in another thread changes tokenizer and model."""
        tokenizer, model, classifier = self.tokenizer, self.model, self.classifier
        if tokenizer is not None:
            tokenizer._check_vocabulary()
            tokenizer = snapshot(tokenizer)
        if model is not None:
            model = snapshot(model)
            classifier = model if classifier is self.model else classifier
        return self._replace(tokenizer=tokenizer, model=model, classifier=classifier)

    @property
    def text_columns(self) -> list[Any]:
        """Columns of a table that tokenizers of a ColumnTransformer read."""
        return [] if self.tables is None else list(_tokenizers(self.tables))

    def why_not_explained(self) -> str | None:
        """Return why the classifier's words cannot be explained, None if they can."""
        if self.model is not None:
            return None
        what = self.name
        if self.members:
            last = "[-1]" if isinstance(self.estimator, Pipeline) else ""
            return (
                f"{what} combines several models, whose words cannot be explained as one. Explain "
                f"one of them, such as estimator{last}{self.members[0]}."
            )
        if isinstance(self.estimator, Pipeline):
            what = f"a Pipeline that ends in {what}"
        return (
            "estimator must be a fitted DenseSentimentClassifier or ConvSentimentClassifier, or a "
            f"Pipeline that ends in one, got {what}. A search must be fitted, with refit=True."
        )

    def check_explained(self) -> None:
        """Raise TypeError unless the classifier's words can be explained."""
        if (reason := self.why_not_explained()) is not None:
            raise TypeError(reason)

    def word_weights(self) -> np.ndarray:
        """Return the weights of ids in the mean word: document frequency, or 1 for words seen."""
        model = self.model
        seen = np.zeros(model.vocabulary_size_)
        seen[: len(model._trained.seen)] = model._trained.seen
        seen[:FIRST_WORD] = 0
        frequency = getattr(self.tokenizer, "document_frequency_", None)
        if frequency is not None and not self.between:
            n = min(len(frequency), len(seen))
            seen[:n] *= frequency[:n]
            seen[n:] = 0
        if not seen.any():
            raise ValueError(
                "baseline='mean' averages the words seen in training, but there are none. Use "
                "baseline='oov' or 'pad'."
            )
        return seen


def members_of(estimator: Any) -> list[tuple[str, Parts]]:
    """Return the parts of each model of this library among several inside, with its expression.

    Steps before the estimator that combines them belong to the parts of each.
    """
    around = Parts.of(estimator)
    *steps, classifier = _steps(around.estimator)
    steps = _transforming(steps)
    found: list[tuple[str, Parts]] = []
    for path, part in _inside(classifier)[0]:
        inner = [("", part)] if part.model is not None else members_of(part.estimator)
        for rest, leaf in inner:
            if leaf.tokenizer is not None:
                leaf = leaf._replace(front=[*steps, *leaf.front])
            else:
                leaf = around._replace(
                    between=[*around.between, *leaf.between], model=leaf.model, members=()
                )
            found.append((path + rest, leaf))
    return found


def last_step(estimator: Any) -> Any:
    """Return what predicts: the last step of pipelines, within searches and frozen estimators."""
    return _steps(_unwrapped(estimator))[-1]


def resamples(step: Any) -> bool:
    """Return whether a step is a sampler of imbalanced-learn, which only `fit` uses."""
    return hasattr(step, "fit_resample") and not hasattr(step, "transform")


def _steps(estimator: Any) -> list[Any]:
    """Return the steps of a pipeline and of the pipelines inside it, or the estimator alone."""
    if not isinstance(estimator, Pipeline):
        return [estimator]
    return [part for _, step in estimator.steps for part in _steps(_unwrapped(step))]


def _transforming(steps: list[Any]) -> list[Any]:
    """Return the steps that change what later ones read when the pipeline predicts."""
    return [
        step for step in steps if step is not None and step != "passthrough" and not resamples(step)
    ]


def _inside(estimator: Any) -> tuple[list[tuple[str, Parts]], int]:
    """Return the parts of the models of this library inside a fitted estimator.

    Each has an expression that leads to it, such as ".estimators_[0]". The second value is the
    number of all estimators inside.
    """
    for name in ("estimators_", "calibrated_classifiers_", "estimator_", "student_"):
        found = getattr(estimator, name, None)
        if found is None:
            continue
        many = isinstance(found, list | tuple | np.ndarray)
        if isinstance(found, np.ndarray):
            found = found.ravel()
        members: list[Any] = list(found) if many else [found]
        parts = []
        for k, member in enumerate(members):
            path = f".{name}[{k}]" if many else f".{name}"
            if name == "calibrated_classifiers_":
                member, path = member.estimator, f"{path}.estimator"
            parts.append((path, Parts.of(member)))
        own = [part for part in parts if part[1].model is not None or part[1].members]
        return own, len(members)
    return [], 0


def _tokenizers(transformer: ColumnTransformer) -> dict[Any, HTMLTokenizer]:
    """Return the fitted tokenizers of a ColumnTransformer by the column that each reads."""
    found = {}
    for _, step, columns in getattr(transformer, "transformers_", []):
        step = _unwrapped(step)
        if isinstance(columns, list | np.ndarray) and len(columns) == 1:
            columns = columns[0]
        if isinstance(step, HTMLTokenizer) and isinstance(columns, str | int | np.integer):
            found[columns] = step
    return found


def _unwrapped(estimator: Any) -> Any:
    """Return the estimator inside frozen estimators and fitted searches."""
    while True:
        if isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            return estimator
