"""DenseSentimentClassifier: what each word and each short phrase says."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import Tags

from sentilib._classifier import BaseSentimentClassifier
from sentilib._sklearn import Interval
from sentilib._training._dense import DenseArchitecture


class DenseSentimentClassifier(BaseSentimentClassifier):
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
    ngram_max_features : int, default=1_000_000
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
    tables_ : DenseTables
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
    }

    def __init__(
        self,
        embedding_dim: int = 16,
        hidden_units: int = 28,
        *,
        ngram_range: tuple[int, int] = (1, 4),
        ngram_min_df: int = 2,
        ngram_max_features: int = 1_000_000,
        dropout: float = 0.5,
        mask_padding: bool = True,
        epochs: int = 4,
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
        self.hidden_units = hidden_units
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

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # A bag of ids cannot tell (a, b) from (b, a), nor what depends on columns.
        tags.classifier_tags.poor_score = True
        return tags

    def _architecture(self) -> DenseArchitecture:
        return DenseArchitecture(
            int(self.embedding_dim),
            int(self.hidden_units),
            float(self.dropout),
            bool(self.mask_padding),
        )
