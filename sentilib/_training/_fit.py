"""One fit: from token ids and class numbers to trained weights, for any architecture."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from sentilib._compiled._progress import announce
from sentilib._ids import FIRST_WORD, OOV
from sentilib._ngrams import _evidence
from sentilib._ngrams._bags import RowsOf, bags
from sentilib._ngrams._dictionary import NgramDictionary, centred, evidence_size
from sentilib._ngrams._ratios import Ratios, weighted
from sentilib._tables._base import Tables
from sentilib._tables._ngram_table import NgramTable, factor_of
from sentilib._training import _vectors
from sentilib._training._architecture import (
    Architecture,
    Defaults,
    Weights,
    n_neutral_ngrams,
    with_neutral_tokens,
)
from sentilib._training._backend import (
    backend,
    resolve_device,
    resolve_precision,
    with_smaller_batches,
)
from sentilib._training._batches import (
    Batches,
    Encoded,
    n_graph_rows,
    row_batches,
    with_spare_rows,
    with_unknown_row,
)
from sentilib._training._optimizers import check_optimizer, divergence_message, peak_learning_rate
from sentilib._training._resuming import resumed, seen_ids
from sentilib._training._settings import own_settings
from sentilib._training._trainer import OptimizerState, borrowed_trainer


class Options(NamedTuple):
    """Parameters of a fit that do not belong to the architecture."""

    ngrams: NgramDictionary | None  # an empty dictionary with the options
    epochs: int
    batch_size: int | str
    learning_rate: float | str
    learning_rate_schedule: str
    optimizer: Any
    callbacks: Any
    tasks: Any  # calls of scikit-learn's callbacks
    fitted: Callable[["Result"], Any]  # makes an estimator of a result
    patience: int | None  # of early stopping; None without it, as in a stream
    device: str
    precision: str
    verbose: int
    in_stream: bool  # whether this is `partial_fit`, which has no last step
    keeps_optimizer: bool
    vectors: np.ndarray | None = None  # of the ids from the first word on


class Model(NamedTuple):
    """The result of a fit, from which a later one can continue."""

    architecture: Architecture
    weights: Weights
    ngrams: NgramDictionary | None
    seen: np.ndarray  # bool (n_ids,), ids in any training data so far
    optimizer_state: OptimizerState | None  # kept for warm starts and streams
    stream: _evidence.Stream | None  # kept for streams
    class_weight: np.ndarray | None = None  # float64 (n_classes,), sum over the training rows

    def tables(self) -> Tables:
        """Derive the tables of prediction."""
        if self.ngrams is None:
            return self.architecture.tables(self.weights, None)
        deviation, ratio = (
            self.weights[f"ngram_{name}"].astype(np.float64) for name in ("deviation", "ratio")
        )
        worth = centred(ratio * factor_of(deviation))
        n_classes, n_neutral = len(self.weights["bias"]), n_neutral_ngrams(self.architecture)
        ngrams = NgramTable(self.ngrams, worth, n_classes, n_neutral)
        return self.architecture.tables(self.weights, ngrams)

    @own_settings()
    def to_keras(self) -> Any:
        """Build the textbook Keras model."""
        from sentilib._training._textbook import textbook_model

        backend().check_models_run()
        return textbook_model(self.architecture, self.weights, self.ngrams)[0]


class Result(NamedTuple):
    """What a fit returns."""

    model: Model
    history: dict[str, list[float]]  # metrics of each epoch
    device: str
    callbacks: list[Any]  # the user's, as they were used: copies, without the model


class Data(NamedTuple):
    """Rows with the numbers of their classes."""

    ids: np.ndarray
    labels: np.ndarray
    weight: np.ndarray
    groups: np.ndarray | None = None


def fit(
    architecture: Architecture,
    data: Data,
    n_classes: int,
    options: Options,
    *,
    seed: int,
    validation: Data | None = None,
    previous: Model | None = None,
) -> Result:
    """Train an architecture.

    Parameters
    ----------
    architecture : Architecture
        Layers with their parameters.
    data : Data
        Training data; its weights have mean 1.
    n_classes : int
        Number of classes.
    options : Options
        All other parameters.
    seed : int
        Seed of the initial weights, dropout, folds and the order of rows.
    validation : Data, default=None
        Validation data.
    previous : Model, default=None
        Model to continue from.

    Returns
    -------
    Result
        Trained model, and what training recorded.

    Raises
    ------
    TypeError
        If the optimizer or a callback is none.
    RuntimeError
        If the state of the process is in the way, as in a forked one.
    ValueError
        If the loss or a weight becomes infinite or NaN, or the previous model has other shapes.
    """
    if "keras" not in sys.modules:
        announce(options.verbose, "Importing Keras and its backend ...")
    with own_settings():
        check_optimizer(options.optimizer, options.learning_rate)
        device = resolve_device(options.device)
        defaults = architecture.defaults(data.ids, n_classes, on_gpu=device.startswith("gpu"))
        size = options.batch_size
        size = min(defaults.batch_size if isinstance(size, str) else size, len(data.ids))
        known = architecture, data, n_classes, options, seed, validation, previous, device, defaults
        return with_smaller_batches(partial(_fit, *known), size, device)


def _fit(
    architecture: Architecture,
    data: Data,
    n_classes: int,
    options: Options,
    seed: int,
    validation: Data | None,
    previous: Model | None,
    device: str,
    defaults: Defaults,
    batch_size: int,
) -> Result:
    from sentilib._training._callbacks import copied_callbacks, with_own_callbacks
    from sentilib._training._textbook import textbook_model

    callbacks = copied_callbacks(options.callbacks)
    before = previous and previous.architecture
    architecture = with_neutral_tokens(architecture, data.ids, before)
    if before and options.vectors is not None:
        architecture = _vectors.widened(architecture, getattr(before, "vector_dims", 0))
    seen = seen_ids(data.ids, previous and previous.seen, options.vectors)
    weights = architecture.first_weights(len(seen), n_classes, np.random.default_rng(seed))
    class_weight = np.bincount(data.labels, data.weight, minlength=n_classes)
    if options.in_stream and previous is not None and previous.class_weight is not None:
        class_weight += previous.class_weight
    evidence, n_ngrams = None, 0
    if options.ngrams is not None:
        announce(options.verbose, f"Learning the n-grams of {len(data.ids):,} rows ...")
        share, size = defaults.ngram_share, n_neutral_ngrams(architecture)
        evidence = _learnt(data, n_classes, options, share, size, seed, previous)
        n_ngrams = n_graph_rows(evidence.dictionary, in_stream=options.in_stream)
        weights["ngram_deviation"] = np.zeros((len(evidence.dictionary), 1), dtype=np.float32)
        weights["ngram_ratio"] = evidence.ratio
    term = None
    if options.vectors is not None and previous is None:
        folds = _evidence.cross_fitting_folds(
            len(data.ids), data.groups, np.random.default_rng([seed, 2])
        )
        shares = architecture.encode(data.ids, len(seen)).batch(np.arange(len(data.ids)))[0]
        term = _vectors.learn(shares, options.vectors, *data[1:3], folds, n_classes)
        if evidence is None:
            evidence = _evidence.without_ngrams(len(data.ids), n_classes)
        evidence = evidence._replace(bag=term.beside(evidence.bag))
        n = len(evidence.dictionary) + 1
        n_ngrams = max(n_ngrams, with_spare_rows(n))
        weights["ngram_deviation"] = np.zeros((n, 1), dtype=np.float32)
    if previous is not None:
        layers = replace(before, dropout=architecture.dropout)  # type: ignore[type-var]
        weights = resumed(previous.weights, weights, layers == architecture)
    if previous is None or architecture.mask_padding:
        weights["bias"] = np.log((class_weight / class_weight.sum()).clip(1e-9)).astype(np.float32)
    n_ids = with_spare_rows(len(seen))
    encoder = _Encoder(architecture, n_ids, n_ngrams, evidence, term)
    batches = encoder.batches(
        data, evidence and evidence.bag, batch_size, np.random.default_rng([seed, 1])
    )
    validation_batches = None
    if validation is not None:
        known = seen.copy()
        if options.vectors is not None:
            known[FIRST_WORD : FIRST_WORD + len(options.vectors)] = True
        known = (validation.ids < len(seen)) & known[np.minimum(validation.ids, len(seen) - 1)]
        ids = np.where(known, validation.ids, OOV).astype(np.int32)
        validation = validation._replace(ids=ids)
        validation_batches = encoder.batches(validation, None, max(batch_size, 256), None)

    def model_of(weights: Weights, optimizer_state: OptimizerState | None = None) -> Model:
        layers = architecture
        if term is not None:
            layers, weights = term.folded(architecture, weights)
        ngrams = None if options.ngrams is None else evidence and evidence.dictionary
        stream = evidence and evidence.stream
        return Model(layers, weights, ngrams, seen, optimizer_state, stream, class_weight)

    rate = peak_learning_rate(options.learning_rate, options.optimizer, defaults.learning_rate)
    message = divergence_message(rate)
    with borrowed_trainer(
        architecture,
        n_ids=n_ids,
        n_ngrams=n_ngrams,
        n_classes=n_classes,
        policy=resolve_precision(options.precision, device),
        optimizer=options.optimizer,
        sets_learning_rate=rate is not None,
        device=device,
        verbose=options.verbose,
    ) as trainer:
        trainer.reset(
            weights, rate, architecture.dropout, seed, previous and previous.optimizer_state
        )

        def weights_now() -> Weights:
            now = {**weights, **trainer.weights(like=weights)}
            return architecture.with_statistics(now, data.ids, seen)

        def take_statistics() -> None:
            trainer.set_weights(weights_now())

        @own_settings()  # a callback may call it later
        def textbook() -> tuple:
            now = weights_now()
            trainer.set_weights(now)
            layers, now, dictionary, *_ = model_of(now)
            return textbook_model(layers, now, dictionary)

        def fitted(history: dict[str, list[float]]) -> Any:
            return options.fitted(Result(model_of(weights_now()), history, device, callbacks))

        history = trainer.fit(
            batches,
            epochs=options.epochs,
            validation=validation_batches,
            before_validation=take_statistics,
            callbacks=with_own_callbacks(callbacks, options, rate, batches.n, message),
            textbook=textbook,
            fitted=fitted,
            verbose=options.verbose,
        )
        weights |= trainer.weights(like=weights)
        optimizer_state = trainer.optimizer_state() if options.keeps_optimizer else None
    if not all(np.isfinite(w).all() for w in weights.values()):
        raise ValueError(message.format(when=""))
    return Result(model_of(weights, optimizer_state), history, device, callbacks)


def _learnt(
    data: Data,
    n_classes: int,
    options: Options,
    share: float,
    n_neutral: float,
    seed: int,
    previous: Model | None,
) -> _evidence.Evidence:
    assert options.ngrams is not None
    known = known_ratio = stream = None
    if previous is not None and previous.ngrams is not None:
        known, known_ratio = previous.ngrams, previous.weights["ngram_ratio"]
    if options.in_stream:
        stream = previous and previous.stream
        if stream is None:  # the previous call was `fit`, if there was one
            n_fixed = 0 if known is None else len(known)
            stream = _evidence.Stream(np.zeros((n_fixed, n_classes)), n_fixed)
    rng = np.random.default_rng([seed, 2])
    return _evidence.learn(
        data.ids,
        data.labels,
        data.weight,
        n_classes=n_classes,
        empty=options.ngrams,
        share=share,
        n_neutral=n_neutral,
        folds=_evidence.cross_fitting_folds(len(data.ids), data.groups, rng),
        known=known,
        known_ratio=known_ratio,
        stream=stream,
    )


class _Encoder:
    """Encoder of rows to batches, for one training graph."""

    def __init__(
        self,
        architecture: Architecture,
        n_ids: int,
        n_ngrams: int,
        evidence: _evidence.Evidence | None,
        term: _vectors.VectorTerm | None,
    ) -> None:
        self._architecture, self._n_ids, self._n_ngrams = architecture, n_ids, n_ngrams
        self._evidence, self._term = evidence, term

    def batches(
        self,
        data: Data,
        evidence: scipy.sparse.csr_array | None,
        batch_size: int,
        rng: np.random.Generator | None,
    ) -> Batches:
        """Return batches of rows with their evidence, computed from n-grams if it is None."""
        encoded: Encoded = self._architecture.encode(data.ids, self._n_ids)
        evidence_of = self._evidence_by_rows(data.ids, evidence)
        labels, weight = data.labels.astype(np.int32), data.weight.astype(np.float32)
        unknown = rng.spawn(1)[0] if rng is not None and encoded.teaches_unknown else None

        def one_epoch() -> Iterator:
            for rows in row_batches(len(labels), encoded.lengths, batch_size, rng):
                x = *encoded.batch(rows), *evidence_of(rows)
                batch = x, labels[rows], weight[rows]
                yield batch if unknown is None else with_unknown_row(*batch, unknown)

        return Batches(one_epoch, -(-len(labels) // batch_size))

    def _evidence_by_rows(
        self, ids: np.ndarray, evidence: scipy.sparse.csr_array | None
    ) -> Callable[[np.ndarray], tuple]:
        """Return a function from the numbers of rows to their evidence, if there are n-grams."""
        if self._evidence is None:
            return lambda rows: ()
        n_columns = self._evidence.ratio.shape[1]
        if evidence is None:
            dictionary = self._evidence.dictionary
            bag = bags(
                dictionary.terms(ids),
                len(dictionary),
                evidence_size(ids, n_neutral_ngrams(self._architecture)),
            )
            ratios = Ratios.of_table(self._evidence.ratio)
            evidence = weighted(bag, np.zeros(len(ids), dtype=np.int64), ratios)
            if self._term is not None:
                shares = self._architecture.encode(ids, len(self._term.words))
                evidence = self._term.beside(evidence, shares.batch(np.arange(len(ids)))[0])
        shape = evidence.shape[0], self._n_ngrams
        wide = scipy.sparse.csr_array((evidence.data, evidence.indices, evidence.indptr), shape)
        columns, rows_of = np.arange(n_columns), RowsOf(wide)
        return lambda rows: (rows_of((rows[:, None] * n_columns + columns).ravel()),)
