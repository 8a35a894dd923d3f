"""Peers, each at its fastest setting for the job in which it is compared.

Each constructor documents what its peer leaves out; no peer does more than sentilib.
"""

import os
import re
import string
import tempfile
from collections import Counter

import numpy as np

THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
# The libraries read these when they are loaded.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
os.environ.setdefault("RAYON_NUM_THREADS", str(THREADS))

N_WORDS, N_TOKENS = 10_000, 250  # of the reference models
PAD, OOV = 0, 1
# Gives a classifier of sentilib the layers of its plain Keras peer, without n-grams.
SAME_LAYERS = {"ngram_range": (1, 1), "dropout": 0.2}


# ---------------------------------------------------------------------------- tokenizers


def hugging_face_tokenizer(n_words):
    """Build a word-level tokenizer that lower-cases and splits at white space and punctuation.

    This splitter is the fastest one. It keeps punctuation as tokens and does not parse HTML.
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
    """Build Keras's layer with its defaults: lower case, no punctuation, split at white space.

    It keeps the first `n_tokens` words and does not parse HTML.
    """
    from keras import layers

    return layers.TextVectorization(max_tokens=n_words + 2, output_sequence_length=n_tokens)


def text_batches(texts, batch_size=1024):
    """Return documents in the form that Keras's preprocessing layers read fastest."""
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(texts).batch(batch_size)


def vectorized(texts, layer, batch_size=1024):
    """Return token ids of batches of documents, computed on all processors."""
    import tensorflow as tf

    batches = text_batches(texts, batch_size)
    return batches.map(layer, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


class PythonTokenizer:
    """Tokenizer of the IMDB example in plain Python: no line breaks, no punctuation, lower case.

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
        """Return the ids of the last `n_tokens` words of each document, padded with zeros."""
        known = self.vocabulary.get
        rows = np.zeros((len(texts), self.n_tokens), dtype=np.int32)
        for row, text in zip(rows, texts, strict=True):
            ids = [known(word, OOV) for word in self.words(text)[-self.n_tokens :]]
            row[: len(ids)] = ids
        return rows


# ---------------------------------------------------------------------------- Keras models


def keras_dense(n_words=N_WORDS, n_tokens=N_TOKENS, learning_rate=1e-3):
    """Build the Dense model of the IMDB example in plain Keras."""
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
    """Build the CNN of the IMDB example in plain Keras."""
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
    """Let Keras trace its training and prediction steps, then restore weights and optimizer."""
    weights, optimizer_state = model.get_weights(), {}
    model.optimizer.build(model.trainable_variables)
    model.optimizer.save_own_variables(optimizer_state)
    model.fit(X[:batch_size], y[:batch_size], batch_size=batch_size, verbose=0)
    model.set_weights(weights)
    model.optimizer.load_own_variables(optimizer_state)
    return model


def give_weights(model, classifier):
    """Copy the weights of a fitted classifier of sentilib (without masks) to plain Keras."""
    embedding, *others = classifier.to_keras().get_weights()
    missing = model.weights[0].shape[0] - len(embedding)  # words that a small sample lacks
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
    """Build TF-IDF of words with logistic regression; tags count as words.

    Terms that occur in a single review are dropped, which makes fit and prediction faster.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    vectorizer = TfidfVectorizer(
        ngram_range=ngram_range, min_df=2, sublinear_tf=True, dtype=np.float32
    )
    return make_pipeline(vectorizer, LogisticRegression(C=10))


def default_tfidf_regression(ngram_range):
    """Build TF-IDF with logistic regression at scikit-learn's defaults."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(TfidfVectorizer(ngram_range=ngram_range), LogisticRegression())


def tuned_tfidf_regression(ngram_range, min_df=2):
    """Build TF-IDF with logistic regression, tuned as experts do: three folds choose C."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline

    vectorizer = TfidfVectorizer(
        ngram_range=ngram_range, min_df=min_df, sublinear_tf=True, dtype=np.float32
    )
    # Documents are counted once, which leaks word frequencies between folds, but no labels.
    search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": [1, 3, 10, 30]}, cv=3)
    return make_pipeline(vectorizer, search)


# ---------------------------------------------------------------------------- fastText


class FastText:
    """FastText on word bigrams; Python cleans the text, because fastText reads lines of words.

    Its `predict` for one text fails under NumPy 2 (``np.array(copy=False)``), so both ways of
    prediction call what `predict` calls.

    Parameters
    ----------
    lr, epoch, dim : float and int
        Passed to fastText. Its tutorial ends with a learning rate of 1 and 25 epochs.
    """

    _breaks = re.compile(r"<br\s*/?>")
    _marks = str.maketrans(dict.fromkeys(string.punctuation + "\n\r", " "))

    def __init__(self, lr=0.5, epoch=5, dim=16, seed=0):
        self.settings = {"lr": lr, "epoch": epoch, "dim": dim, "seed": seed}

    def __repr__(self):
        return f"FastText({', '.join(f'{name}={value}' for name, value in self.settings.items())})"

    def clean(self, text):
        """Return one line of lower-case words."""
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
        """Return the probability of each class, in the order of `classes_`."""
        lines = [f"{self.clean(text)}\n" for text in texts]
        if len(self.classes_) == 2:  # the more probable class is enough
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
        """Return the probability of the second of two classes, for one text."""
        ((value, label),) = self.model.f.predict(f"{self.clean(text)}\n", 1, 0.0, "strict")
        return value if label == "__label__1" else 1 - value
