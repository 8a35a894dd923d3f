"""DenseSentimentClassifier: its Keras model and its closed forms."""

from numbers import Integral

import numpy as np
import scipy.sparse
from sklearn.utils._param_validation import Interval

from sentilib import _backend
from sentilib._classifier import BaseSentimentClassifier
from sentilib._initial_weights import balanced_output, glorot_uniform, uniform_embedding
from sentilib._token_ids import PAD


class DenseSentimentClassifier(BaseSentimentClassifier):
    """Classify token ids by the average of what each word says.

    Embedding -> Dropout -> Dense(relu) -> average over the tokens -> Dropout -> Dense. All layers
    before the average see one word at a time, so the model is additive over words: training
    applies them to the vocabulary instead of to every position, prediction is a table look-up.

    Parameters
    ----------
    embedding_dim : int, default=16
        Length of a word's vector.
    hidden_units : int, default=28
        Width of the hidden layer, and of the latent space.
    dropout : float, default=0.2
        Share of values dropped in training after the embedding and before the output layer.
    mask_padding : bool, default=True
        Whether padding (id 0) is left out of the model. If False it is a word like any other, as
        in the textbook models.
    epochs : int, default=5
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
    With `mask_padding=False, batch_size=32, learning_rate=1e-3,
    learning_rate_schedule="constant"` on 10,000 words and 250 tokens this is the dense model of
    the well-known IMDB example. Dropout between embedding and hidden layer falls on words, which
    a batch shares, not on positions.

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
    }

    def __init__(
        self,
        embedding_dim=16,
        hidden_units=28,
        *,
        dropout=0.2,
        mask_padding=True,
        epochs=5,
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
        return self.embedding_dim, self.hidden_units, self.dropout

    def _auto_batch_size(self, n_samples, on_gpu):
        return int(np.clip(2 ** int(np.log2(max(1, n_samples / 48))), 16, 2048 if on_gpu else 512))

    def _auto_learning_rate(self, batch_size):
        return 5e-3 * max(1.0, batch_size / 256) ** 0.5

    def _initial_weights(self, vocabulary_size, n_classes, rng):
        d, h = self.embedding_dim, self.hidden_units
        return [
            uniform_embedding(rng, vocabulary_size, d),
            glorot_uniform(rng, d, h),
            np.zeros(h, dtype=np.float32),
            balanced_output(h, n_classes),
            np.zeros(n_classes, dtype=np.float32),
        ]

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
            mask = ops.cast(ops.expand_dims(ops.not_equal(ids, PAD), -1), x.dtype)
            x = ops.sum(x * mask, axis=1) / ops.maximum(ops.sum(mask, axis=1), 1)
        else:
            x = layers.GlobalAveragePooling1D(dtype=policy, name="average")(x)
        x = layers.Dropout(self.dropout, dtype=policy, name="latent_dropout")(x)
        logits = layers.Dense(n_classes, dtype="float32", name="logits")(x)
        return keras.Model(ids, logits, name="dense_sentiment")

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
                table = self.dropout(self.embedding, training=training)
                table = ops.relu(ops.matmul(table, self.kernel) + self.bias)
                return ops.matmul(bags, table)

            def compute_output_shape(self, bags_shape):
                return (bags_shape[0], shape[1])

        bags = keras.Input((vocabulary_size,), sparse=True, dtype="float32", name="bags")
        x = VocabularyAverage(dtype="float32", name="vocabulary_average")(bags)
        x = layers.Dropout(self.dropout, name="latent_dropout")(x)
        logits = layers.Dense(n_classes, dtype="float32", name="logits")(x)
        return keras.Model(bags, logits, name="dense_sentiment_training")

    def _encode(self, X, vocabulary_size):
        bags = self._bags(X, vocabulary_size, np.float32)
        bags.sum_duplicates()
        return bags

    def _model_input(self, encoded, rows):
        return encoded[rows]

    def _bags(self, X, n_columns, dtype):
        if self.mask_padding:
            is_token = X != PAD
            n_tokens = is_token.sum(axis=1)
            ids = X[is_token]
        else:
            n_tokens = np.full(len(X), X.shape[1])
            ids = X.ravel()
        starts = np.concatenate([[0], np.cumsum(n_tokens)])
        shares = np.repeat(1 / np.maximum(n_tokens, 1), n_tokens).astype(dtype)
        return scipy.sparse.csr_array((shares, ids, starts), shape=(len(X), n_columns))

    def _closed_form(self):
        embedding, kernel, bias, *_ = (w.astype(np.float64) for w in self._weights)
        return np.maximum(embedding @ kernel + bias, 0)

    def _latent(self, X):
        return self._bags(X, self.vocabulary_size_, np.float64) @ self._inference

    def _logits(self, X):
        kernel, bias = self._weights[-2:]
        return self._latent(X) @ kernel.astype(np.float64) + bias
