"""DenseSentimentClassifier: its Keras model and its closed forms."""

from numbers import Integral

import numpy as np

from sentilib._classifier import BaseSentimentClassifier
from sentilib._compiled._threads import in_threads, row_slices
from sentilib._ids import PAD
from sentilib._ngrams._dictionary import evidence_size, merged_rows
from sentilib._ngrams._evidence import NgramEvidence
from sentilib._sklearn import Interval
from sentilib._training import _backend
from sentilib._training._initial_weights import balanced_output, glorot_uniform, uniform_embedding


class DenseSentimentClassifier(NgramEvidence, BaseSentimentClassifier):
    """Classify token ids by what each word and each short phrase says.

    Embedding -> Dropout -> Dense(relu) -> average over the tokens -> Dropout -> Dense, plus a
    weight for every n-gram of the text that training met before. All layers before the average see
    one word at a time, so the model is additive over words and n-grams: training applies them to
    the vocabulary instead of to every position, prediction is a table look-up.

    Parameters
    ----------
    embedding_dim : int, default=16
        Length of a word's vector.
    hidden_units : int, default=28
        Width of the hidden layer.
    ngram_range : tuple (min_n, max_n), default=(1, 4)
        Least and greatest number of words of the n-grams that have a weight. ``(1, 1)`` leaves
        their part out of the model: single words have the layers.
    ngram_min_df : int, default=2
        Leave n-grams of two words and more out that fewer rows hold.
    max_ngrams : int, default=1_000_000
        Keep at most that many n-grams of two words and more, those that most rows hold.
    dropout : float, default=0.5
        Share of values dropped in training after the embedding and before the output layer.
    mask_padding : bool, default=True
        Whether padding (id 0) is left out of the model. If False it is a word like any other, as
        in the textbook models.
    epochs : int, default=4
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
    ConvSentimentClassifier : Reads words in their context.
    HTMLTokenizer : Makes token ids from raw documents.

    Notes
    -----
    With `ngram_range=(1, 1), dropout=0.2, mask_padding=False, batch_size=32, epochs=5,
    learning_rate=1e-3, learning_rate_schedule="constant"` on 10,000 words and 250 tokens this is
    the dense model of the well-known IMDB example. Dropout between embedding and hidden layer
    falls on words, which a batch shares, not on positions.

    A row's n-grams are counted, their weights added up and the sum divided by the square root of
    the row's number of tokens. A weight starts as the log ratio of the n-gram's shares in the
    classes [1]_, times a share of what suits the training data best (Platt scaling), and training
    multiplies it. In training, each fifth of the rows has ratios counted in the others
    (cross-fitting, as in scikit-learn's `TargetEncoder`), so that no row reads its own label in the
    rare n-grams that it holds.

    References
    ----------
    .. [1] S. Wang, C. D. Manning, "Baselines and Bigrams: Simple, Good Sentiment and Topic
       Classification", ACL 2012, section 2.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sentilib import DenseSentimentClassifier, HTMLTokenizer
    >>> from sentilib.datasets import make_reviews
    >>> reviews, labels = make_reviews(1000, length=40, random_state=0)
    >>> pipe = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=0))
    >>> pipe.fit(reviews[:800], labels[:800]).score(reviews[800:], labels[800:]) > 0.7
    True
    """

    _parameter_constraints: dict = {
        **BaseSentimentClassifier._parameter_constraints,
        "hidden_units": [Interval(Integral, 1, None, closed="left")],
        **NgramEvidence._ngram_constraints,
    }

    def __init__(
        self,
        embedding_dim=16,
        hidden_units=28,
        *,
        ngram_range=(1, 4),
        ngram_min_df=2,
        max_ngrams=1_000_000,
        dropout=0.5,
        mask_padding=True,
        epochs=4,
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
        self.hidden_units = hidden_units
        self.ngram_range = ngram_range
        self.ngram_min_df = ngram_min_df
        self.max_ngrams = max_ngrams
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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # A bag of ids cannot tell (a, b) from (b, a), nor what depends on columns.
        tags.classifier_tags.poor_score = True
        return tags

    def _architecture(self):
        return self.embedding_dim, self.hidden_units, self.dropout, self._n_ngram_rows()

    def _auto_batch_size(self, n_samples, on_gpu):
        n_steps = 48 if len(self.classes_) == 2 else 192  # at least, of an epoch
        size = 2 ** int(np.log2(max(1, n_samples / n_steps)))
        return int(np.clip(size, 16, 2048 if on_gpu else 256))

    def _auto_learning_rate(self, batch_size):
        return 5e-3 * max(1.0, batch_size / 256) ** 0.5

    # ------------------------------------------------------------------ training

    def _first_share(self, X):
        # Training makes up for the rest, and chooses: the shorter the texts, the more.
        return np.clip(0.05 * np.sqrt((X != PAD).sum(axis=1).mean()), 0.3, 0.75)

    def _layer_weights(self, vocabulary_size, n_classes, rng):
        d, h = self.embedding_dim, self.hidden_units
        return [
            uniform_embedding(rng, vocabulary_size, d),
            glorot_uniform(rng, d, h),
            np.zeros(h, dtype=np.float32),
            balanced_output(h, n_classes),
            np.zeros(n_classes, dtype=np.float32),
        ]

    def _encode_tokens(self, X, rows):
        return self._word_bags(X, rows)

    def _token_input(self, encoded, rows):
        return encoded[rows]

    def _word_bags(self, X, n_columns):
        starts, ids, n_tokens = self._words(X)
        return merged_rows(starts, ids, 1 / np.maximum(n_tokens, 1), n_columns)

    def _words(self, X):
        """Where each row starts in the ids of all words, these ids, and their number in a row."""
        if self.mask_padding:
            is_token = X != PAD
            n_tokens = is_token.sum(axis=1)
            ids = X[is_token]
        else:
            n_tokens = np.full(len(X), X.shape[1])
            ids = X.ravel()
        return np.concatenate([[0], np.cumsum(n_tokens)]), ids, n_tokens

    # ------------------------------------------------------------------ models

    def _build_model(self, vocabulary_size, n_classes, policy):
        keras = _backend.import_keras()
        layers, ops = keras.layers, keras.ops
        ids = keras.Input((None,), dtype="int32", name="token_ids")
        x = layers.Embedding(vocabulary_size, self.embedding_dim, dtype=policy, name="embedding")(
            ids
        )
        x = layers.Dropout(self.dropout, dtype=policy, name="embedding_dropout")(x)
        x = layers.Dense(self.hidden_units, activation="relu", dtype=policy, name="hidden")(x)
        if self.mask_padding:
            is_token = ops.cast(ops.expand_dims(ops.not_equal(ids, PAD), -1), "float32")
            x = ops.sum(x * is_token, axis=1) / ops.maximum(ops.sum(is_token, axis=1), 1)
        else:
            x = layers.GlobalAveragePooling1D(dtype=policy, name="average")(x)
        x = layers.Dropout(self.dropout, dtype=policy, name="latent_dropout")(x)
        logits = layers.Dense(n_classes, dtype="float32", name="logits")(x)
        return keras.Model(ids, self._add_evidence(ids, logits), name="dense_sentiment")

    def _build_training_model(self, vocabulary_size, n_classes, policy):
        keras = _backend.import_keras()
        layers, ops = keras.layers, keras.ops
        shape = (vocabulary_size, self.embedding_dim), self.hidden_units, self.dropout

        class VocabularyAverage(layers.Layer):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                (rows, dim), units, rate = shape
                self.embedding = self.add_weight(shape=(rows, dim), name="embedding")
                self.kernel = self.add_weight(shape=(dim, units), name="kernel")
                self.bias = self.add_weight(shape=(units,), name="bias")
                self.dropout = layers.Dropout(rate)
                self.built = True

            def call(self, bags, training=False):
                bags, selector = _backend.without_empty_columns(bags)
                table = self.embedding
                if selector is not None:
                    table = _backend.sparse_matmul(selector, table)
                table = self.dropout(table, training=training)
                table = ops.relu(ops.matmul(table, self.kernel) + self.bias)
                return _backend.sparse_matmul(bags, table)

            def compute_output_shape(self, bags_shape):
                return (bags_shape[0], shape[1])

        words = keras.Input((vocabulary_size,), sparse=True, dtype="float32", name="word_bags")
        x = VocabularyAverage(dtype="float32", name="vocabulary_average")(words)
        x = layers.Dropout(self.dropout, name="latent_dropout")(x)
        logits = layers.Dense(n_classes, dtype="float32", name="logits")(x)
        evidence = self._training_inputs()
        logits = self._add_training_evidence(evidence, logits)
        return keras.Model([words, *evidence], logits, name="dense_sentiment_training")

    # ------------------------------------------------------------------ closed form

    _n_word_tables = 2  # vectors, and as their average is linear, what each adds to the logits

    def _layer_tables(self):
        embedding, kernel, bias, output = (
            self._weights[k].astype(np.float64) for k in (0, 1, 2, -2)
        )
        words = np.maximum(embedding @ kernel + bias, 0)
        return words, words @ output

    def _pooled(self, X):
        return self._word_means(X, self._inference[0])

    def _logits(self, X):
        logits = self._word_means(X, self._inference[1]) + self._weights[-1]
        if self._ngrams is not None:
            sums = self._ngrams.sums(X, self._inference[-1])
            logits += self._ngram_logits(sums / evidence_size(X)[:, None])
        return logits

    def _word_means(self, X, table):
        from sentilib._tables import _word_kernels

        means = np.empty((len(X), table.shape[1]))
        in_threads(
            lambda rows: _word_kernels.means(X[rows], table, self.mask_padding, means[rows]),
            row_slices(len(X)),
        )
        return means
