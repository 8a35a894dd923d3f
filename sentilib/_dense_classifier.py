"""DenseSentimentClassifier: an additive model of words and short phrases."""

from typing import Any

import numpy as np
from sklearn.utils import Tags

from sentilib._classifier import BaseSentimentClassifier
from sentilib._sklearn import COUNT
from sentilib._text._word_vectors import WordVectors
from sentilib._training._dense import DenseArchitecture


class DenseSentimentClassifier(BaseSentimentClassifier):
    """Classify token ids by an additive model of words and short phrases.

    Embedding -> Dropout -> Dense(relu) -> average over the tokens -> Dropout -> Dense, plus a
    weight for every n-gram that occurred in training. All layers before the average read one word
    at a time, so the logits are additive over words and n-grams: training applies these layers to
    the vocabulary instead of to every position, and prediction is a table look-up.

    Parameters
    ----------
    embedding_dim : int, default=16
        Number of dimensions of a word's vector.
    hidden_units : int, default=28
        Number of units of the hidden layer.
    ngram_range : tuple of two int (min_n, max_n), default=(1, 4)
        Min and max number of words of the n-grams that have a weight. ``(1, 1)`` removes the
        n-grams from the model: the layers already read single words.
    ngram_min_df : int, default=2
        Min number of rows that contain an n-gram of two or more words.
    ngram_max_features : int, default=1_000_000
        Max number of n-grams of two or more words, those that the most rows contain.
    dropout : float, default=0.5
        Fraction of values set to zero in training, after the embedding and before the output
        layer.
    vectors : WordVectors or None, default=None
        Pretrained word vectors: what they say about the classes is learnt beside the layers, and
        gives words that training never saw their own contribution. HTMLTokenizer must get the same
        object. `fit` with `warm_start` and `partial_fit` then train further what the first fit
        learnt from them.
    mask_padding : bool, default=True
        Whether the model ignores padding (id 0). If False, padding is a word like any other, as in
        the textbook models.
    epochs : int, default=4
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
    tables_ : DenseTables
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
    ConvSentimentClassifier : Reads words in context.
    HTMLTokenizer : Converts raw documents to token ids.

    Notes
    -----
    With `ngram_range=(1, 1), dropout=0.2, mask_padding=False, batch_size=32, epochs=5,
    learning_rate=1e-3, learning_rate_schedule="constant"` on 10,000 words and 250 tokens this is
    the dense model of the well-known IMDB example. Dropout between embedding and hidden layer
    applies to words, which the rows of a batch share, not to positions.

    If padding is masked, the averages of a row include neutral tokens, about a ninth of the mean
    length of the training rows but at most 32, so that texts that are short for the model are drawn
    towards the prior, the classes' shares in the training data. It is the output for a text without
    known words: the bias is not trained, and unknown words contribute nothing.

    The weights of a row's n-grams are summed, and the sum is divided by the square root of the
    row's number of tokens plus a quarter of the neutral ones. A weight is the log ratio of the
    n-gram's shares in the two classes [1]_, or, with more classes, of its share in one class to
    that in all (as in multinomial naive Bayes), times a fraction of the scale that minimizes the
    log loss of the training data (temperature scaling [2]_), times a factor of the n-gram that is
    trained. So the cost of a step grows with the text, hardly with the number of classes. A fitted
    model has a weight for every n-gram and class: `ngram_max_features` limits its memory with a
    thousand classes and long texts.
    In training, the ratios of each row are counted in the other four of five folds (cross-fitting,
    as in scikit-learn's `TargetEncoder`), so that no row reads its own label from its rare n-grams.
    The folds are random; with `groups` in `fit`, all rows of a group are in one fold.

    References
    ----------
    .. [1] S. Wang, C. D. Manning, "Baselines and Bigrams: Simple, Good Sentiment and Topic
       Classification", ACL 2012, section 2.
    .. [2] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural Networks",
       ICML 2017, section 4.2.

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

    __module__ = "sentilib"  # saved files name the public path

    _parameter_constraints: dict = {
        **BaseSentimentClassifier._parameter_constraints,
        "hidden_units": [COUNT],
        "vectors": [WordVectors, None],
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
        vectors: WordVectors | None = None,
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
        self.vectors = vectors
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
        # A bag of ids depends neither on the order of words nor on columns.
        tags.classifier_tags.poor_score = True
        return tags

    def _architecture(self) -> DenseArchitecture:
        return DenseArchitecture(
            int(self.embedding_dim),
            int(self.hidden_units),
            float(self.dropout),
            bool(self.mask_padding),
        )
