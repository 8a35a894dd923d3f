"""Custom Keras layers. Importing this module imports Keras."""

from typing import Any

import numpy as np

from sentilib._ids import OOV, PAD
from sentilib._ngrams._dictionary import NgramDictionary, n_evidence_columns
from sentilib._ngrams._keys import key_of, prefix_of, split
from sentilib._tables._ngram_table import factor_of
from sentilib._training._backend import backend
from sentilib._training._keras import import_keras

keras: Any = import_keras()
layers, ops = keras.layers, keras.ops
Layer: Any = layers.Layer


@keras.saving.register_keras_serializable("sentilib")
class PaddingMask(Layer):
    """Mask of tokens (1) and padding (0): ids (n_rows, n_tokens) to (n_rows, n_tokens, 1)."""

    def call(self, ids: Any) -> Any:
        """Compare ids with padding."""
        return ops.cast(ops.expand_dims(ops.not_equal(ids, PAD), -1), self.compute_dtype)


@keras.saving.register_keras_serializable("sentilib")
class MaskedAverage(Layer):
    """Average over the tokens of a row: (n_rows, n_tokens, n_units) to (n_rows, n_units).

    Parameters
    ----------
    n_neutral : float, default=0.0
        Number of neutral tokens, with zero units, which each row has in addition.
    **kwargs : dict
        Parameters of every Keras layer.
    """

    def __init__(self, n_neutral: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n_neutral = n_neutral

    def call(self, x: Any, mask_of_tokens: Any) -> Any:
        """Average x over the tokens of a mask of shape (n_rows, n_tokens, 1)."""
        n_tokens = ops.maximum(ops.sum(mask_of_tokens, axis=1) + self.n_neutral, 1)
        return ops.sum(x * mask_of_tokens, axis=1) / n_tokens

    def get_config(self) -> dict:
        """Return the parameters of the layer."""
        return {**super().get_config(), "n_neutral": self.n_neutral}


class TrainingModel(keras.Model):
    """A training graph, whose files are those of the textbook model.

    Callbacks can therefore save what users load: a graph without spare rows and sparse inputs.
    """

    textbook: Any = None  # in a fit: builds the textbook model, and returns it with its variables
    set_variables: Any = None  # in a fit: sets the weights, by name
    fitted: Any = None  # in a fit: returns the estimator as if it had stopped, with a history

    def to_keras(self) -> Any:
        """Build the textbook model with the current weights."""
        return self.textbook()[0]

    def save(self, *args: Any, **kwargs: Any) -> Any:
        """Save the textbook model."""
        return self.to_keras().save(*args, **kwargs)

    def save_weights(self, *args: Any, **kwargs: Any) -> Any:
        """Save the weights of the textbook model."""
        return self.to_keras().save_weights(*args, **kwargs)

    def load_weights(self, *args: Any, **kwargs: Any) -> Any:
        """Load weights of the textbook model."""
        model, variables = self.textbook()
        model.load_weights(*args, **kwargs)
        self.set_variables({name: ops.convert_to_numpy(v) for name, v in variables.items()})


class SharedDropout(Layer):
    """Dropout whose rate can be changed, so that fits with other rates share a graph."""

    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.supports_masking = True
        self.seed_generator = keras.random.SeedGenerator(0)
        self.changeable_rate = self.add_weight(
            shape=(),
            dtype="float32",
            autocast=False,
            trainable=False,
            initializer="zeros",
            name="rate",
        )
        self.built = True

    def reset(self, rate: float, seed: int) -> None:
        """Set the rate, and start the random numbers anew."""
        if self.rate:
            self.changeable_rate.assign(rate)
            state = self.seed_generator.state
            state.assign(np.array([seed, 0]).astype(state.dtype))

    def call(self, x: Any, training: bool = False) -> Any:
        """Drop units in training, if the layer was built with a rate."""
        if not training or not self.rate:
            return x
        rate = ops.multiply(self.changeable_rate, 1.0)
        noise = keras.random.uniform(ops.shape(x), dtype="float32", seed=self.seed_generator)
        kept = ops.cast(ops.subtract(1.0, rate), x.dtype)
        return ops.where(ops.greater_equal(noise, rate), x / kept, 0)


class VocabularyAverage(Layer):
    """Embedding and hidden layer applied to the words of a batch, then averaged over rows.

    Dropout applies to words, which the rows of a batch share, not to positions.
    """

    def __init__(self, n_ids: int, dim: int, units: int, rate: float, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.units = units
        self.embedding, self.kernel, self.bias = (
            self.add_weight(shape=shape, initializer="zeros", name=name)  # each fit sets them
            for name, shape in (
                ("embedding", (n_ids, dim)),
                ("kernel", (dim, units)),
                ("bias", (units,)),
            )
        )
        self.dropout = SharedDropout(rate, dtype="float32")
        self.built = True

    def call(self, bags: Any, training: bool = False) -> Any:
        """Average over sparse fractions of words: (n_rows, n_ids) to (n_rows, units)."""
        bags, selector = backend().narrowed(bags)
        table = self.embedding
        if selector is not None:
            table = backend().sparse_matmul(selector, table)
        table = self.dropout(table, training=training)
        table = ops.relu(ops.matmul(table, self.kernel) + self.bias)
        return backend().sparse_matmul(bags, table)

    def compute_output_shape(self, bags_shape: tuple) -> tuple:
        """Return (n_rows, units)."""
        return (bags_shape[0], self.units)


class _NgramWeights(Layer):
    """A trained factor for each n-gram, on its log-count ratios."""

    def __init__(self, n_ngrams: int, n_classes: int, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", "name": "ngram_weights", **kwargs})
        self.n_ngrams, self.n_classes = n_ngrams, n_classes
        self.deviation = self.add_weight(shape=(n_ngrams, 1), initializer="zeros", name="deviation")
        self.built = True

    def logits(self, evidence: Any) -> Any:
        if self.n_classes == 2:
            return ops.concatenate([-0.5 * evidence, 0.5 * evidence], axis=-1)
        return evidence - ops.mean(evidence, axis=-1, keepdims=True)

    def compute_output_shape(self, shape: Any) -> tuple:
        """Return (n_rows, n_classes)."""
        return (None, self.n_classes)


class BaggedNgrams(_NgramWeights):
    """Contribution of n-grams to the logits, from sparse bags of their ratios.

    Each row of a batch has a bag for each column of its evidence.
    """

    def call(self, bags: Any) -> Any:
        """Multiply bags (n_rows * n_columns, n_ngrams) by the factors: (n_rows, n_classes)."""
        sums = backend().sparse_matmul(bags, factor_of(self.deviation))
        return self.logits(ops.reshape(sums, (-1, n_evidence_columns(self.n_classes))))


@keras.saving.register_keras_serializable("sentilib")
class Ngrams(_NgramWeights):
    """Contribution of n-grams to the logits, from ids, by a binary search of exact keys.

    Parameters
    ----------
    n_ngrams : int
        Number of n-grams in the dictionary.
    n_classes : int
        Number of classes.
    min_n, max_n : int
        Min and max number of words of an n-gram.
    n_neutral : float, default=0.0
        Number of neutral tokens, which each row has in addition.
    **kwargs : dict
        Parameters of every Keras layer.
    """

    def __init__(
        self,
        n_ngrams: int,
        n_classes: int,
        min_n: int,
        max_n: int,
        n_neutral: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(n_ngrams, n_classes, **kwargs)
        self.min_n, self.max_n, self.n_neutral = min_n, max_n, n_neutral
        shape = (n_ngrams, n_evidence_columns(n_classes))
        self.ratio = self.add_weight(shape=shape, trainable=False, name="log_count_ratio")

        def table(name: str, dtype: str, *width: int) -> Any:
            shape = (n_ngrams + 1, *width)
            return self.add_weight(
                shape=shape, dtype=dtype, trainable=False, initializer="zeros", name=name
            )

        if backend().HAS_INT64:
            self.sorted_keys = table("sorted_keys", "int64")
        else:  # prefix and last id
            self.sorted_keys = table("sorted_keys", "int32", 2)
        self.numbers = table("numbers", "int32")

    def set_dictionary(self, dictionary: NgramDictionary) -> None:
        """Set the keys of a dictionary."""
        order = np.argsort(dictionary.keys)
        self._set_keys(np.append(dictionary.keys[order], np.iinfo(np.int64).max))
        self.numbers.assign(np.append(order, 0).astype(np.int32))

    def _set_keys(self, keys: np.ndarray) -> None:
        if not backend().HAS_INT64:
            keys = np.stack(split(keys), axis=1).astype(np.uint32).view(np.int32)
        self.sorted_keys.assign(keys)

    def save_own_variables(self, store: Any) -> None:
        """Save the variables; files contain keys of 64 bits with every backend."""
        for number, variable in enumerate(self._in_files()):
            value = ops.convert_to_numpy(variable)
            if value.ndim == 2 and variable is self.sorted_keys:
                value = key_of(value[:, 0].astype(np.int64), value[:, 1].view(np.uint32))
            store[str(number)] = value

    def load_own_variables(self, store: Any) -> None:
        """Load the variables."""
        for number, variable in enumerate(self._in_files()):
            if variable is self.sorted_keys:
                self._set_keys(np.asarray(store[str(number)]))
            else:
                variable.assign(store[str(number)])

    def _in_files(self) -> list[Any]:
        return [self.deviation, self.ratio, self.sorted_keys, self.numbers]

    def _places(self, before: Any, ids: Any) -> tuple[Any, Any]:
        """Search the n-grams that extend prefixes by ids; return places, and which were found."""
        keys = ops.convert_to_tensor(self.sorted_keys)
        if backend().HAS_INT64:
            wanted = key_of(before, ids)
            place = ops.reshape(ops.searchsorted(keys, ops.reshape(wanted, (-1,))), ops.shape(ids))
            return place, ops.take(keys, place) == wanted
        prefixes, words = keys[:, 0], keys[:, 1]

        def halved(_: int, span: tuple[Any, Any]) -> tuple[Any, Any]:
            place, end = span
            middle = (place + end) // 2
            prefix, word = ops.take(prefixes, middle), ops.take(words, middle)
            is_below = (prefix < before) | ((prefix == before) & (word < ids))
            return ops.where(is_below, middle + 1, place), ops.where(is_below, end, middle)

        # A loop of the graph, which stays small for the backend's compiler.
        all_keys = ops.zeros_like(ids), ops.full_like(ids, self.n_ngrams)
        place, _ = ops.fori_loop(0, self.n_ngrams.bit_length(), halved, all_keys)
        return place, (ops.take(prefixes, place) == before) & (ops.take(words, place) == ids)

    def call(self, ids: Any) -> Any:
        """Compute the sum of n-grams over the root of a row's length: (n_rows, n_classes)."""
        worth = self.ratio * factor_of(self.deviation)
        numbers = ops.convert_to_tensor(self.numbers)
        n_tokens = ops.sum(ops.cast(ops.not_equal(ids, PAD), "float32"), axis=1, keepdims=True)
        kind = "int64" if backend().HAS_INT64 else "int32"
        ids = ops.cast(ids, kind)
        before, total = ops.zeros_like(ids), 0.0
        for n in range(1, self.max_n + 1):
            place, found = self._places(before, ids)
            found = ops.logical_and(found, ids > OOV)
            if n > 1:
                found = ops.logical_and(found, before != 0)
            number = ops.take(numbers, place)
            if n >= self.min_n:
                rows = ops.take(worth, number, axis=0)
                total += ops.sum(rows * ops.cast(ops.expand_dims(found, -1), rows.dtype), axis=1)
            next_ = ids if n == 1 else prefix_of(ops.cast(number, kind))
            next_ = ops.where(found if n > 1 else ids > OOV, next_, 0)
            before = ops.pad(next_[:, :-1], [[0, 0], [1, 0]])
        return self.logits(total / ops.sqrt(ops.maximum(n_tokens + self.n_neutral, 1)))

    def get_config(self) -> dict:
        """Return the parameters of the layer."""
        return {
            **super().get_config(),
            "n_ngrams": self.n_ngrams,
            "n_classes": self.n_classes,
            "min_n": self.min_n,
            "max_n": self.max_n,
            "n_neutral": self.n_neutral,
        }
