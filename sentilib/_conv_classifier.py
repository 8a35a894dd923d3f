"""ConvSentimentClassifier: convolutions that read words in context."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np

from sentilib._classifier import BaseSentimentClassifier
from sentilib._sklearn import COUNT, StrOptions
from sentilib._training._conv import ConvArchitecture


class ConvSentimentClassifier(BaseSentimentClassifier):
    """Classify token ids by convolutions, which read words in context.

    Embedding -> Dropout -> blocks of (Conv1D -> BatchNormalization -> ReLU) -> pooling ->
    Dropout -> Dense, plus a weight for every n-gram that occurred in training. Three blocks of
    kernel size 3 have a receptive field of seven words.

    Parameters
    ----------
    embedding_dim : int, default=16
        Number of dimensions of a word's vector.
    filters : sequence of int, default=(28, 16, 8)
        Number of channels of each convolution block.
    kernel_size : int, default=3
        Number of words that a convolution reads at once.
    pooling : {"average", "max"}, default="average"
        Reduction of the positions of a row to one vector.
    ngram_range : tuple of two int (min_n, max_n), default=(1, 4)
        Min and max number of words of the n-grams that have a weight, in addition to the
        convolutions. ``(1, 1)`` removes the n-grams from the model.
    ngram_min_df : int, default=2
        Min number of rows that contain an n-gram of two or more words.
    ngram_max_features : int, default=1_000_000
        Max number of n-grams of two or more words, those that the most rows contain.
    dropout : float, default=0.7
        Fraction of values set to zero in training, after the embedding and before the output
        layer.
    mask_padding : bool, default=True
        Whether the model ignores padding (id 0). If False, padding is a word like any other, as in
        the textbook models.
    epochs : int, default=3
        Number of passes over the training data.
    batch_size : int or "auto", default="auto"
        Number of rows per training step. `"auto"` depends on the number of rows and the device.
    learning_rate : float or "auto", default="auto"
        Max step size of the optimizer. `"auto"` depends on the batch size; with an optimizer
        object, it is the object's own rate or schedule. A float replaces these.
    learning_rate_schedule : {"linear", "constant"}, default="linear"
        `"linear"` raises the rate within the first tenth of all steps, then lowers it to zero. An
        optimizer object with a `LearningRateSchedule` keeps it, unless `learning_rate` is a float.
        `partial_fit`, which knows no last step, uses a constant rate.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        Name of a Keras optimizer, or an object, which is copied.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, which are multiplied by `sample_weight`.
    validation_fraction : float, default=0.1
        Fraction of the rows held out for early stopping, stratified by label; with `groups` in
        `fit`, no group is on both sides. Used only with `early_stopping` and without `X_val`.
    early_stopping : bool, default=False
        Whether to stop when the validation loss stops decreasing, and to restore the weights of the
        best epoch. `partial_fit` ignores it.
    patience : int, default=2
        Number of epochs without a lower validation loss after which training stops early.
    warm_start : bool, default=False
        Whether `fit` continues from the weights of the previous fit.
    callbacks : list of keras.callbacks.Callback or None, default=None
        Callbacks of the training loop, which calls them as `keras.Model.fit` does. A fit uses
        copies, see `callbacks_`; a callback that cannot be copied (with an open file, a lock) is
        used itself. `ModelCheckpoint` saves the model of `to_keras`: after
        ``from sentilib import keras_layers``, ``keras.models.load_model(path)`` loads a `.keras`
        file, and ``classifier.to_keras().load_weights(path)`` a `.weights.h5` file. In a callback,
        ``self.model.to_keras()`` is that model with the current weights. A callback that sets the
        learning rate needs `learning_rate_schedule="constant"`.
        Callbacks of scikit-learn (`sklearn.callback`) are passed to `set_callbacks` instead.
    device : str, default="auto"
        Device of training: `"cpu"`, `"gpu"`, `"gpu:1"`, ...; `"auto"` is a GPU if there is one.
        Prediction always runs on the CPU.
    precision : {"auto", "float32", "mixed_bfloat16", "mixed_float16"}, default="auto"
        Floating-point policy of training; `"auto"` is `"float32"` on a CPU and `"mixed_bfloat16"`
        on a GPU.
    n_jobs : int or None, default=None
        Number of threads of prediction, and of `fit` except for Keras's own steps. None means all
        cores, or one inside a parallel worker (such as that of a grid search); -1 means all cores.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, dropout, the order of rows, the folds of cross-fitting and the
        validation split. An int makes refits on a CPU bit-equal.
    verbose : int, default=0
        0 prints nothing, 1 a progress bar, 2 one line per epoch; 1 and 2 also a line before each
        preparation that takes time: importing Keras, learning n-grams, ...

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels.
    tables_ : ConvTables
        The fitted model as a value: named arrays, and the functions that they define, without
        Keras.
    history_ : dict of str to list of float
        `loss` and `accuracy` of each epoch of the last fit; with validation data also `val_loss`
        and `val_accuracy`.
    n_iter_ : int
        Number of epochs of the last fit.
    vocabulary_size_ : int
        Number of ids that the model knows: the max id of the training data plus one.
    n_features_in_ : int
        Number of tokens per row.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X had any.
    device_ : str
        Device of the last fit, such as `"cpu:0"`.
    callbacks_ : list of keras.callbacks.Callback
        The callbacks that the last fit used, with what they recorded, without the model. Pickles
        and deep copies do not contain them.

    See Also
    --------
    DenseSentimentClassifier : Faster, reads words and the phrases that occurred in training.
    HTMLTokenizer : Converts raw documents to token ids.

    Notes
    -----
    With `ngram_range=(1, 1), dropout=0.2, mask_padding=False, batch_size=32, learning_rate=1e-3,
    learning_rate_schedule="constant"` on 10,000 words and 250 tokens this is the CNN of the
    well-known IMDB example (a convolution's bias has no effect before a batch normalization and is
    left out).

    N-grams have weights as in `DenseSentimentClassifier`, but these start at the whole scale of
    temperature scaling. If padding is masked, short texts are drawn towards the prior as there. To
    learn that unknown words tell nothing, each batch has a row of them more, which `history_`
    includes. Predictions compute the convolutions in float32, explanations in float64.

    Batch normalization uses statistics that are computed from the training data with the trained
    weights, without dropout, instead of moving averages.

    Masked padding is zero at the input of each block, like positions beyond the border, and is
    excluded from the batch statistics and the pooling: a review has the same logits for any width
    of the matrix.

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

    __module__ = "sentilib"  # saved files name the public path

    _parameter_constraints: dict = {
        **BaseSentimentClassifier._parameter_constraints,
        "filters": ["array-like"],
        "kernel_size": [COUNT],
        "pooling": [StrOptions({"average", "max"})],
    }

    def __init__(
        self,
        embedding_dim: int = 16,
        filters: Sequence[int] = (28, 16, 8),
        kernel_size: int = 3,
        *,
        pooling: str = "average",
        ngram_range: tuple[int, int] = (1, 4),
        ngram_min_df: int = 2,
        ngram_max_features: int = 1_000_000,
        dropout: float = 0.7,
        mask_padding: bool = True,
        epochs: int = 3,
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        learning_rate_schedule: str = "linear",
        optimizer: Any = "adam",
        class_weight: dict | str | None = None,
        validation_fraction: float = 0.1,
        early_stopping: bool = False,
        patience: int = 2,
        warm_start: bool = False,
        callbacks: list | None = None,
        device: str = "auto",
        precision: str = "auto",
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int | bool = 0,
    ) -> None:
        self.embedding_dim = embedding_dim
        self.filters = filters
        self.kernel_size = kernel_size
        self.pooling = pooling
        self.ngram_range = ngram_range
        self.ngram_min_df = ngram_min_df
        self.ngram_max_features = ngram_max_features
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
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _architecture(self) -> ConvArchitecture:
        are_counts = [isinstance(n, Integral) and 0 < n < 2**31 for n in self.filters]
        if not are_counts or not all(are_counts):
            raise ValueError(
                f"filters={self.filters!r} must contain one positive integer per block of "
                "convolution, such as (28, 16, 8)."
            )
        return ConvArchitecture(
            int(self.embedding_dim),
            tuple(int(n) for n in self.filters),
            int(self.kernel_size),
            str(self.pooling),
            float(self.dropout),
            bool(self.mask_padding),
        )
