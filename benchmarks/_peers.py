"""Peers, each at the setting in which it is fastest at the job that it is compared in.

What a peer does less than this library is said where it is built; none is made to do more.
"""

import os
import re
import string
import tempfile
from collections import Counter

import numpy as np

THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
# Read when the libraries are loaded.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
os.environ.setdefault("RAYON_NUM_THREADS", str(THREADS))

N_WORDS, N_TOKENS = 10_000, 250  # of the reference models
PAD, OOV = 0, 1
# With it, a classifier of this library has the layers of its plain Keras peer and no n-grams.
SAME_LAYERS = {"ngram_range": (1, 1), "dropout": 0.2}


# ---------------------------------------------------------------------------- tokenizers


def hugging_face_tokenizer(n_words):
    """Word-level tokenizer that lower-cases and splits at white space and punctuation.

    Of its splitters this is the fastest one. It keeps punctuation as tokens and knows no HTML.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordLevelTrainer(
        vocab_size=n_words + 2, special_tokens=["[PAD]", "[UNK]"], show_progress=False
    )
    return tokenizer, trainer


def text_vectorization(n_words, n_tokens):
    """Keras's layer with its defaults: lower case, no punctuation, split at white space, no HTML.

    It keeps the first `n_tokens` words.
    """
    from keras import layers

    return layers.TextVectorization(max_tokens=n_words + 2, output_sequence_length=n_tokens)


def text_batches(texts, batch_size=1024):
    """Documents as Keras's preprocessing layers read them fastest."""
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(texts).batch(batch_size)


def vectorized(texts, layer, batch_size=1024):
    """Token ids of batches of documents, made by all processors."""
    import tensorflow as tf

    batches = text_batches(texts, batch_size)
    return batches.map(layer, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


class PythonTokenizer:
    """Tokenizer of the IMDB example in plain Python: line breaks and punctuation go, case folds.

    For single reviews it is much faster than a Keras layer.
    """

    _breaks = re.compile(r"<br\s*/?>")
    _marks = str.maketrans("", "", string.punctuation)

    def __init__(self, n_words=N_WORDS, n_tokens=N_TOKENS):
        self.n_words, self.n_tokens = n_words, n_tokens

    def words(self, text):
        """Split one document."""
        return self._breaks.sub(" ", text.lower()).translate(self._marks).split()

    def fit(self, texts):
        """Learn the most frequent words."""
        counts = Counter(word for text in texts for word in self.words(text))
        frequent = counts.most_common(self.n_words)
        self.vocabulary = {word: i for i, (word, _) in enumerate(frequent, start=2)}
        return self

    def transform(self, texts):
        """Give the ids of the last `n_tokens` words of each document, filled up with zeros."""
        known = self.vocabulary.get
        rows = np.zeros((len(texts), self.n_tokens), dtype=np.int32)
        for row, text in zip(rows, texts, strict=True):
            ids = [known(word, OOV) for word in self.words(text)[-self.n_tokens :]]
            row[: len(ids)] = ids
        return rows


# ---------------------------------------------------------------------------- Keras models


def keras_dense(n_words=N_WORDS, n_tokens=N_TOKENS, learning_rate=1e-3):
    """Dense model of the IMDB example, in plain Keras."""
    from keras import Input, Sequential, layers

    model = Sequential(
        [
            Input((n_tokens,), dtype="int32"),
            layers.Embedding(n_words + 2, 16),
            layers.Dropout(0.2),
            layers.Dense(28, activation="relu"),
            layers.GlobalAveragePooling1D(),
            layers.Dropout(0.2),
            layers.Dense(2),
        ]
    )
    return _compiled(model, learning_rate)


def keras_cnn(n_words=N_WORDS, n_tokens=N_TOKENS):
    """CNN of the IMDB example, in plain Keras."""
    from keras import Input, Sequential, layers

    model = Sequential([Input((n_tokens,), dtype="int32"), layers.Embedding(n_words + 2, 16)])
    model.add(layers.Dropout(0.2))
    for filters in (28, 16, 8):
        model.add(layers.Conv1D(filters, 3, padding="same"))
        model.add(layers.BatchNormalization())
        model.add(layers.ReLU())
    for layer in (layers.GlobalAveragePooling1D(), layers.Dropout(0.2), layers.Dense(2)):
        model.add(layer)
    return _compiled(model, 1e-3)


def _compiled(model, learning_rate):
    import keras

    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def warmed_up(model, X, y, batch_size):
    """Let Keras trace its training and prediction steps, without a trace in the weights."""
    weights = model.get_weights()
    model.fit(X[:batch_size], y[:batch_size], batch_size=batch_size, verbose=0)
    model.set_weights(weights)
    for variable in model.optimizer.variables:
        if variable is not model.optimizer._learning_rate:
            variable.assign(np.zeros(variable.shape, dtype=variable.dtype))
    return model


def give_weights(model, classifier):
    """Set the weights of a fitted classifier of this library (without masks) in plain Keras."""
    embedding, *others = classifier.model_.get_weights()
    missing = model.weights[0].shape[0] - len(embedding)  # words that few reviews do not have
    theirs = iter([np.vstack([embedding, np.tile(embedding[OOV], (missing, 1))]), *others])
    model.set_weights(
        [
            # The classifier's convolutions have no bias, since batch normalization follows.
            np.zeros(variable.shape, dtype=np.float32)
            if "conv1d" in variable.path and variable.path.endswith("bias")
            else next(theirs)
            for variable in model.weights
        ]
    )
    if next(theirs, None) is not None:
        raise ValueError("The two models differ in more than the bias of the convolutions.")
    return model


# ---------------------------------------------------------------------------- scikit-learn


def tfidf_regression(ngram_range):
    """TF-IDF of words and logistic regression; tags count as words.

    Terms of a single review are left out, which makes fit and prediction faster.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    vectorizer = TfidfVectorizer(
        ngram_range=ngram_range, min_df=2, sublinear_tf=True, dtype=np.float32
    )
    return make_pipeline(vectorizer, LogisticRegression(C=10))


def default_tfidf_regression(ngram_range):
    """TF-IDF and logistic regression at scikit-learn's defaults."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(TfidfVectorizer(ngram_range=ngram_range), LogisticRegression())


def tuned_tfidf_regression(ngram_range):
    """TF-IDF and logistic regression as those tune them who know: three folds choose C."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline

    vectorizer = TfidfVectorizer(
        ngram_range=ngram_range, min_df=2, sublinear_tf=True, dtype=np.float32
    )
    # Documents are counted once, which leaks the frequency of words, no label, between folds.
    search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": [1, 3, 10, 30]}, cv=3)
    return make_pipeline(vectorizer, search)


# ---------------------------------------------------------------------------- fastText


class FastText:
    """FastText on word bigrams. It reads lines of words, so that Python cleans the text for it.

    Its `predict` for one text fails under NumPy 2 (``np.array(copy=False)``), so both ways of
    prediction call what `predict` calls.

    Parameters
    ----------
    lr, epoch, dim : float and int
        As fastText calls them. Its tutorial ends with a rate of 1 and 25 epochs.
    """

    _breaks = re.compile(r"<br\s*/?>")
    _marks = str.maketrans(dict.fromkeys(string.punctuation + "\n\r", " "))

    def __init__(self, lr=0.5, epoch=5, dim=16, seed=0):
        self.settings = {"lr": lr, "epoch": epoch, "dim": dim, "seed": seed}

    def __repr__(self):
        return f"FastText({', '.join(f'{name}={value}' for name, value in self.settings.items())})"

    def clean(self, text):
        """Give one line of lower-case words."""
        return self._breaks.sub(" ", text.lower()).translate(self._marks)

    def fit(self, texts, labels):
        """Write a training file and learn from it with all processors."""
        import fasttext

        self.classes_, codes = np.unique(labels, return_inverse=True)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "train.txt")
            with open(path, "w", encoding="utf-8") as file:
                file.writelines(
                    f"__label__{code} {self.clean(text)}\n"
                    for text, code in zip(texts, codes, strict=True)
                )
            self.model = fasttext.train_supervised(
                path, wordNgrams=2, thread=THREADS, verbose=0, **self.settings
            )
        return self

    def predict_proba(self, texts):
        """Probability of each class, in the order of `classes_`."""
        lines = [f"{self.clean(text)}\n" for text in texts]
        if len(self.classes_) == 2:  # the more probable one is enough
            labels, values = self.model.f.multilinePredict(lines, 1, 0.0, "strict")
            values = np.array([value[0] for value in values])
            positive = np.where([label[0] == "__label__1" for label in labels], values, 1 - values)
            return np.column_stack([1 - positive, positive])
        proba = np.zeros((len(lines), len(self.classes_)))
        for row, line in zip(proba, lines, strict=True):
            # `multilinePredict` repeats the first value for all labels.
            for value, label in self.model.f.predict(line, -1, 0.0, "strict"):
                row[int(label.removeprefix("__label__"))] = value
        return proba / proba.sum(axis=1, keepdims=True)

    def predict_one(self, text):
        """Probability of the second of two classes, for one text."""
        ((value, label),) = self.model.f.predict(f"{self.clean(text)}\n", 1, 0.0, "strict")
        return value if label == "__label__1" else 1 - value
