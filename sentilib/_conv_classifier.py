"""ConvSentimentClassifier: reads words in their context."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np

from sentilib._classifier import BaseSentimentClassifier
from sentilib._sklearn import Interval, StrOptions
from sentilib._training._conv import ConvArchitecture


class ConvSentimentClassifier(BaseSentimentClassifier):
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
    ngram_max_features : int, default=1_000_000
        Keep at most that many n-grams of two words and more, those that most rows hold.
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
    n_jobs : int or None, default=None
        Threads of prediction, and of all of a fit but Keras's own steps. None means all cores, but
        one inside a parallel worker (of a grid search, say); -1 all cores.
    random_state : int, RandomState instance or None, default=None
        Determines first weights, dropout, the order of rows and the validation split. An int
        makes refits bit-equal.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, 2 a line per epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, ascending.
    tables_ : ConvTables
        The fitted model as a value: named arrays and what they compute, in NumPy alone.
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
    learning_rate_schedule="constant"` on 10,000 words and 250 tokens
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
        are_counts = [isinstance(n, Integral) and n > 0 for n in self.filters]
        if not are_counts or not all(are_counts):
            raise ValueError(
                f"filters={self.filters!r} must contain a whole number above 0 for each block of "
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
