"""The part of a graph that looks up n-grams, by exact keys."""

from typing import NamedTuple

import numpy as np

from sentilib._ids import FIRST_WORD
from sentilib._ngrams._dictionary import NgramDictionary
from sentilib._ngrams._keys import number_of, split
from sentilib._tables._ngram_table import NgramTable
from sentilib.export._graphs._stream import Stream


class Order(NamedTuple):
    """The n-grams of one length, in the order of the dictionary: frequent ones lie together.

    The key of an n-gram is the number of the n-gram that it extends (of a pair: the id of its first
    word), times the number of ids, plus the id of its last word. Numbers start at 1, so that no
    n-gram extends the number 0, that of unknown ones.
    """

    keys: np.ndarray  # int64
    numbers: np.ndarray  # int64, of each one in the dictionary


def orders(dictionary: NgramDictionary, n_ids: int) -> list[Order]:
    """Divide the n-grams, n > 1, of the words below `n_ids` by length."""
    before, word = split(dictionary.keys)
    is_word = (word >= FIRST_WORD) & (word < n_ids)
    extended = np.where(is_word & (before >= FIRST_WORD) & (before < n_ids), before, 0)
    found = []
    for _ in range(dictionary.max_n - 1):
        numbers = np.flatnonzero(extended)
        if not len(numbers):
            break
        found.append(Order(extended[numbers] * n_ids + word[numbers], numbers))
        new_number = np.zeros(len(before), dtype=np.int64)
        new_number[numbers] = np.arange(1, len(numbers) + 1)
        is_longer = is_word & (before < 0)
        extended = np.zeros(len(before), dtype=np.int64)
        extended[is_longer] = new_number[number_of(before[is_longer])]
    return found


def ngram_logits(table: NgramTable, stream: Stream, n_ids: int) -> str:
    """Add nodes that compute the contribution of n-grams to the logits: (n_rows, n_classes)."""
    graph, dictionary, n_columns = stream.graph, table.dictionary, table.worth.shape[1]
    known = orders(dictionary, n_ids)
    more = np.zeros(len(known), dtype=np.int64)
    ids = graph.add("Concat", stream.ids, more, axis=0)  # after each place is a word of an n-gram
    # Every word has a row, also where an n-gram of one word has no worth.
    values = [graph.add("Gather", graph.stored(_word_worth(table, n_ids)), stream.ids)]
    before = stream.ids
    for n, order in enumerate(known, 2):
        end = n - 1 - len(known) or np.iinfo(np.int64).max
        word = graph.add("Slice", ids, np.array([n - 1]), np.array([end]), np.array([0]))
        key = graph.add("Add", graph.add("Mul", before, np.array(n_ids)), word)
        before = graph.add(
            "LabelEncoder",
            key,
            domain="ai.onnx.ml",
            keys_int64s=order.keys.tolist(),
            values_int64s=list(range(1, len(order.keys) + 1)),
            default_int64=0,
        )
        if n >= dictionary.min_n:
            worth = np.vstack([np.zeros(n_columns), table.worth[order.numbers]])
            values.append(graph.add("Gather", graph.stored(worth), before))
    sums = stream.sums(graph.add("Sum", *values), n_columns)
    size = graph.add(
        "Max", graph.add("Add", stream.n_tokens, np.array(table.n_neutral)), np.array(1.0)
    )
    evidence = graph.add("Div", sums, graph.add("Sqrt", size))
    return graph.add("Mul", evidence, np.array([-0.5, 0.5])) if table.n_classes == 2 else evidence


def _word_worth(table: NgramTable, n_ids: int) -> np.ndarray:
    """Return the worth of each word as an n-gram, zero if it is none: (n_ids, n_columns)."""
    before, word = split(table.dictionary.keys)
    worth = np.zeros((n_ids, table.worth.shape[1]))
    if table.dictionary.min_n > 1:
        return worth
    numbers = np.flatnonzero((before == 0) & (word >= FIRST_WORD) & (word < n_ids))
    worth[word[numbers]] = table.worth[numbers]
    return worth
