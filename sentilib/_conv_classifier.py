"""ConvSentimentClassifier: its Keras model and its closed form."""

from numbers import Integral, Real

import numpy as np

from sentilib._classifier import BaseSentimentClassifier
from sentilib._compiled._threads import in_threads, row_slices
from sentilib._ids import PAD, last_token
from sentilib._ngrams._evidence import NgramEvidence
from sentilib._sklearn import Interval, StrOptions
from sentilib._training import _backend
from sentilib._training._initial_weights import balanced_output, glorot_uniform, uniform_embedding

_EPSILON = 1e-3  # of the batch normalization, Keras's default


class ConvSentimentClassifier(NgramEvidence, BaseSentimentClassifier):
    """Classify token ids by convolutions, which read words in their context.

    Embedding -> Dropout -> blocks of (Conv1D -> BatchNormalization -> ReLU) -> pooling ->
    Dropout -> Dense, plus a weight for every n-gram of the text that training met before. Three
    blocks of kernel size 3 see seven words at once.

    Parameters
    ----------
    embedding_dim : int, default=16
        Length of a word's vector.
    filters : sequence of int, default=(28, 16, 8)
        Channels of each convolution block; the last is the length of a latent vector.
    kernel_size : int, default=3
        Words that a convolution sees at once.
    pooling : {"average", "max"}, default="average"
        How the positions of a review become one vector.
    ngram_range : tuple (min_n, max_n), default=(1, 4)
        Least and greatest number of words of the n-grams that have a weight of their own, beside
        the convolutions. ``(1, 1)`` leaves their part out of the model.
    ngram_min_df : int, default=2
        Leave n-grams of two words and more out that fewer rows hold.
    max_ngrams : int, default=1_000_000
        Keep at most that many n-grams of two words and more, those that most rows hold.
    batch_norm_momentum : float, default=0.9
        Of the moving statistics that prediction uses. Keras's default, 0.99, lags behind in the
        few hundred steps of a short training.
    dropout : float, default=0.7
        Share of values dropped in training after the embedding and before the output layer.
    mask_padding : bool, default=True
        Whether padding (id 0) is left out of the model. If False it is a word like any other, as
        in the textbook models.
    epochs : int, default=3
        Passes over the training data.
    batch_size : int or "auto", default="auto"
        Rows a step. `"auto"` suits the number of rows and the device.
    learning_rate : float or "auto", default="auto"
        Highest step size of the optimizer. `"auto"` suits the batch size; with a Keras optimizer
        object, it is the object's own.
    learning_rate_schedule : {"linear", "constant"}, default="linear"
        `"linear"` rises within the first tenth of all steps, then falls to zero with the last;
        `partial_fit`, which knows no last step, is constant.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        Name or object; an object is copied.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied with `sample_weight`.
    validation_fraction : float, default=0.1
        Share of the rows held out for early stopping, stratified by label and, where `fit` gets
        `groups`, without common groups. Used only with `early_stopping` and without `X_val`.
    early_stopping : bool, default=False
        Whether to stop when the validation loss no longer falls, and to restore the best epoch.
    patience : int, default=2
        Epochs without a lower validation loss after which early stopping stops.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last one.
    callbacks : list of keras.callbacks.Callback or None, default=None
        Handed to Keras's training loop.
    device : str, default="auto"
        `"cpu"`, `"gpu"`, `"gpu:1"`, ... to train on; `"auto"` is a GPU where there is one.
        Prediction needs no GPU.
    precision : {"auto", "float32", "mixed_bfloat16", "mixed_float16"}, default="auto"
        Arithmetic of training; `"auto"` is float32 on a CPU and mixed_bfloat16 on a GPU.
    random_state : int, RandomState instance or None, default=None
        Determines first weights, dropout, the order of rows and the validation split. An int
        makes refits bit-equal.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, 2 a line per epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, ascending.
    model_ : keras.Model
        The fitted model, from ids (n_samples, n_tokens) to logits (n_samples, n_classes).
    history_ : dict of lists of float
        `loss` and `accuracy` of each epoch, with validation data `val_loss` and `val_accuracy`.
    n_iter_ : int
        Number of epochs of the last fit.
    vocabulary_size_ : int
        Largest id of the training data plus one.
    n_features_in_ : int
        Number of tokens a row.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where X had any.
    device_ : str
        Where the last fit ran.

    See Also
    --------
    DenseSentimentClassifier : Faster, knows words and the phrases that it met in training.
    HTMLTokenizer : Makes token ids from raw documents.

    Notes
    -----
    With `ngram_range=(1, 1), dropout=0.2, mask_padding=False, batch_size=32, learning_rate=1e-3,
    batch_norm_momentum=0.99, learning_rate_schedule="constant"` on 10,000 words and 250 tokens
    this is the CNN of the well-known IMDB example (a convolution's bias has no effect before a
    batch normalization and is left out).

    N-grams weigh as in `DenseSentimentClassifier`, but start at the whole scale that suits the
    training data. Predictions read the convolutions in float32, explanations in float64.

    Masked padding is zero at the entrance of each block, as what lies beyond the border is, and
    counts neither in the batch statistics nor in the pooling: a review gets the same logits
    however wide the matrix is.

    References
    ----------
    S. Ioffe, C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing
    Internal Covariate Shift", ICML 2015, algorithms 1 and 2.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sentilib import ConvSentimentClassifier, HTMLTokenizer
    >>> from sentilib.datasets import make_reviews
    >>> reviews, labels = make_reviews(1000, length=40, random_state=0)
    >>> pipe = make_pipeline(
    ...     HTMLTokenizer(max_length=100), ConvSentimentClassifier(random_state=0)
    ... )
    >>> pipe.fit(reviews[:800], labels[:800]).score(reviews[800:], labels[800:]) > 0.6
    True
    """

    _parameter_constraints: dict = {
        **BaseSentimentClassifier._parameter_constraints,
        "filters": ["array-like"],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
        "pooling": [StrOptions({"average", "max"})],
        **NgramEvidence._ngram_constraints,
        "batch_norm_momentum": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        embedding_dim=16,
        filters=(28, 16, 8),
        kernel_size=3,
        *,
        pooling="average",
        ngram_range=(1, 4),
        ngram_min_df=2,
        max_ngrams=1_000_000,
        batch_norm_momentum=0.9,
        dropout=0.7,
        mask_padding=True,
        epochs=3,
        batch_size="auto",
        learning_rate="auto",
        learning_rate_schedule="linear",
        optimizer="adam",
        class_weight=None,
        validation_fraction=0.1,
        early_stopping=False,
        patience=2,
        warm_start=False,
        callbacks=None,
        device="auto",
        precision="auto",
        random_state=None,
        verbose=0,
    ):
        self.embedding_dim = embedding_dim
        self.filters = filters
        self.kernel_size = kernel_size
        self.pooling = pooling
        self.ngram_range = ngram_range
        self.ngram_min_df = ngram_min_df
        self.max_ngrams = max_ngrams
        self.batch_norm_momentum = batch_norm_momentum
        self.dropout = dropout
        self.mask_padding = mask_padding
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.optimizer = optimizer
        self.class_weight = class_weight
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.patience = patience
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    def _validate_params(self):
        super()._validate_params()
        are_counts = [isinstance(n, Integral) and n > 0 for n in self.filters]
        if not are_counts or not all(are_counts):
            raise ValueError(
                f"filters={self.filters!r} must hold a whole number above 0 for each block of "
                "convolution, such as (28, 16, 8)."
            )

    def _architecture(self):
        return (
            self.embedding_dim,
            tuple(self.filters),
            self.kernel_size,
            self.pooling,
            self.batch_norm_momentum,
            self.dropout,
            self.mask_padding,
            self._n_ngram_rows(),
        )

    def _auto_batch_size(self, n_samples, on_gpu):
        return int(np.clip(2 ** int(np.log2(max(1, n_samples / 48))), 16, 1024 if on_gpu else 128))

    def _auto_learning_rate(self, batch_size):
        return 2e-3 * max(1.0, batch_size / 128) ** 0.5

    def _first_share(self, X):
        return 1.0  # convolutions, which learn fast, would make up for less, and by heart

    def _layer_weights(self, vocabulary_size, n_classes, rng):
        weights = [uniform_embedding(rng, vocabulary_size, self.embedding_dim)]
        channels = self.embedding_dim
        for n_filters in self.filters:
            kernel = glorot_uniform(rng, self.kernel_size, channels, n_filters)
            gamma, beta, mean, variance = np.zeros((4, n_filters), dtype=np.float32)
            weights += [kernel, gamma + 1, beta, mean, variance + 1]
            channels = n_filters
        return [
            *weights,
            balanced_output(channels, n_classes),
            np.zeros(n_classes, dtype=np.float32),
        ]

    def _build_model(self, vocabulary_size, n_classes, policy):
        keras = _backend.import_keras()
        ids = keras.Input((None,), dtype="int32", name="token_ids")
        logits = self._layers(ids, vocabulary_size, n_classes, policy)
        return keras.Model(ids, self._add_evidence(ids, logits), name="conv_sentiment")

    def _build_training_model(self, vocabulary_size, n_classes, policy):
        keras = _backend.import_keras()
        ids = keras.Input((None,), dtype="int32", name="token_ids")
        logits = self._layers(ids, vocabulary_size, n_classes, policy)
        evidence = self._training_inputs()
        logits = self._add_training_evidence(evidence, logits)
        return keras.Model([ids, *evidence], logits, name="conv_sentiment_training")

    def _layers(self, ids, vocabulary_size, n_classes, policy):
        keras = _backend.import_keras()
        layers, ops = keras.layers, keras.ops
        mask = ops.not_equal(ids, PAD) if self.mask_padding else None
        x = layers.Embedding(vocabulary_size, self.embedding_dim, dtype=policy, name="embedding")(
            ids
        )
        x = layers.Dropout(self.dropout, dtype=policy, name="embedding_dropout")(x)
        if mask is not None:
            is_token = ops.expand_dims(ops.cast(mask, x.dtype), -1)
            x = x * is_token
        for i, n_filters in enumerate(self.filters, start=1):
            # A bias would be lost in the batch normalization that follows.
            x = layers.Conv1D(
                n_filters,
                self.kernel_size,
                padding="same",
                use_bias=False,
                dtype=policy,
                name=f"convolution_{i}",
            )(x)
            x = layers.BatchNormalization(
                momentum=self.batch_norm_momentum,
                epsilon=_EPSILON,
                dtype=policy,
                name=f"normalization_{i}",
            )(x, mask=mask)
            x = layers.ReLU(dtype=policy, name=f"relu_{i}")(x)
            if mask is not None:
                x = x * is_token  # padding looks to the next block as the border does
        if self.pooling == "max":
            x = layers.GlobalMaxPooling1D(dtype=policy, name="pooling")(x)
        elif mask is not None:
            x = ops.sum(x, axis=1) / ops.maximum(ops.sum(is_token, axis=1), 1)
        else:
            x = layers.GlobalAveragePooling1D(dtype=policy, name="pooling")(x)
        x = layers.Dropout(self.dropout, dtype=policy, name="latent_dropout")(x)
        return layers.Dense(n_classes, dtype="float32", name="logits")(x)

    def _lengths(self, X):
        return last_token(X) if self.mask_padding else None

    def _encode_tokens(self, X, rows):
        return X, last_token(X)

    def _token_input(self, encoded, rows):
        X, ends = encoded
        return X[rows, : self._width(ends[rows], X.shape[1])]

    def _width(self, ends, n_tokens):
        """Trim a batch to its longest row, where padding is masked."""
        return max(int(ends.max()), 1) if self.mask_padding else n_tokens

    def _architecture_callbacks(self, X):
        keras = _backend.import_keras()
        # About 2 ** 20 tokens, evenly spread over the rows, fix a mean to a thousandth.
        sample = X[:: max(1, X.size // 2**20)]

        class PreciseStatistics(keras.callbacks.Callback):
            def replace(self):
                self.model.set_weights(
                    self.with_precise_statistics(self.model.get_weights(), sample)
                )

            with_precise_statistics = staticmethod(self._with_precise_statistics)

            def on_test_begin(self, logs=None):
                self.replace()

            def on_train_end(self, logs=None):
                self.replace()

        return [PreciseStatistics()]

    def _with_precise_statistics(self, weights, X):
        """Replace the moving statistics by those of the trained weights without dropout.

        The moving ones lag behind, and were taken under dropout, which widens the variance: some
        fits came out with a bias of a few points towards one class. Wu & Johnson, Rethinking
        "Batch" in BatchNorm, 2021, section 3.2.
        """
        from sentilib._tables._conv_kernels import MOMENTS, Layers

        weights = list(weights)
        count = np.count_nonzero(X != PAD) if self.mask_padding else X.size
        for first in range(1, 1 + 5 * len(self.filters), 5):
            embedding, blocks = self._folded(weights[:first])
            kernel = weights[first].astype(np.float64)
            n_units = kernel.shape[2]
            layers = Layers.of(embedding, [*blocks, (kernel, np.zeros(n_units))], np.float64)
            moments = self._pool(X, layers, MOMENTS, 2 * n_units).sum(axis=0)
            mean, square = np.split(moments / max(count, 1), 2)
            weights[first + 3] = mean
            weights[first + 4] = np.maximum(square - mean**2, 0)
        return weights

    _n_word_tables = 1

    def _layer_tables(self):
        return self._folded(self._weights[: 1 + 5 * len(self.filters)])

    def _folded(self, weights):
        """Embedding, then kernel and bias of each block with its normalization folded in."""
        embedding, *blocks = (w.astype(np.float64) for w in weights)
        folded = []
        for kernel, gamma, beta, mean, variance in zip(*[iter(blocks)] * 5, strict=True):
            scale = gamma / np.sqrt(variance + _EPSILON)
            folded.append((kernel * scale, beta - mean * scale))
        return embedding, folded

    def _use_tables(self, tables, dtype=np.float32):
        from sentilib._tables._conv_kernels import Layers

        super()._use_tables(tables, dtype)
        self._packed = Layers.of(*tables[:2], dtype)

    def _pooled(self, X):
        from sentilib._tables._conv_kernels import MAXIMUM, MEAN

        kind = MAXIMUM if self.pooling == "max" else MEAN
        return self._pool(X, self._packed, kind, self._weights[-2].shape[0])

    def _pool(self, X, layers, kind, n_out):
        from sentilib._tables._conv_kernels import pool

        pooled = np.empty((len(X), n_out))
        ends = last_token(X) if self.mask_padding else np.full(len(X), X.shape[1])

        def pool_rows(rows):
            ids, lengths = np.ascontiguousarray(X[rows]), ends[rows].astype(np.int64)
            pool(ids, lengths, *layers, self.mask_padding, kind, pooled[rows])

        in_threads(pool_rows, row_slices(len(X)))
        return pooled
