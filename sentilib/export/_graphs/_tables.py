"""The graph that computes what tables compute."""

from typing import Any

import numpy as np

from sentilib._ids import PAD
from sentilib._tables._conv import ConvTables
from sentilib._tables._dense import DenseTables
from sentilib.export._graphs._graph import Graph
from sentilib.export._graphs._ngrams import ngram_logits
from sentilib.export._graphs._stream import Stream, known


def add_logits(graph: Graph, tables: Any, matrix: str) -> str:
    """Add nodes from token ids (n_rows, n_tokens) to logits (n_rows, n_classes), float64."""
    stream = Stream.of(graph, matrix, tables.n_ids)
    n_words = stream.n_tokens
    if not tables.masks_padding:
        n_words = graph.cast(graph.add("Shape", matrix, start=1, end=2), np.float64)
    pooled = _POOLED[type(tables)](tables, matrix, stream, n_words)
    if tables.n_neutral:
        n_all = graph.add("Add", stream.n_tokens, np.array(tables.n_neutral))
        pooled = graph.add("Mul", pooled, graph.add("Div", stream.n_tokens, n_all))
    if isinstance(tables, ConvTables):
        pooled = graph.add("MatMul", pooled, tables.head)
    logits = graph.add("Add", pooled, tables.bias)
    if tables.ngrams is not None:
        logits = graph.add("Add", logits, ngram_logits(tables.ngrams, stream, tables.n_ids))
    return logits


def _dense_pooled(tables: DenseTables, matrix: str, stream: Stream, n_words: str) -> str:
    """Average the words' contributions to the logits."""
    graph, table = stream.graph, tables.hidden @ tables.head
    pad = table[PAD].copy()
    table[PAD] = 0  # the stream has another number of paddings
    sums = stream.sums(graph.add("Gather", graph.stored(table), stream.ids), tables.n_classes)
    if not tables.masks_padding:
        n_pads = graph.add("Sub", n_words, stream.n_tokens)
        sums = graph.add("Add", sums, graph.add("Mul", n_pads, pad))
    return _divided(graph, sums, n_words)


def _conv_pooled(tables: ConvTables, matrix: str, stream: Stream, n_words: str) -> str:
    """Pool the last convolution over the positions of each row."""
    graph, embedding = stream.graph, tables.embedding.astype(np.float32)
    mask = None
    if tables.masks_padding:
        matrix = _without_trailing_padding(graph, matrix)
        embedding[PAD] = 0
        mask = graph.cast(graph.cast(matrix, bool), np.float32)
        mask = graph.add("Unsqueeze", mask, np.array([1]))
    units = graph.add("Gather", embedding, known(graph, matrix, tables.n_ids))
    units = graph.add("Transpose", units, perm=[0, 2, 1])
    for kernel, bias in zip(tables.kernels, tables.biases, strict=True):
        left = (len(kernel) - 1) // 2
        units = graph.add(
            "Conv",
            units,
            np.ascontiguousarray(kernel.transpose(2, 1, 0), dtype=np.float32),
            bias.astype(np.float32),
            pads=[left, len(kernel) - 1 - left],
        )
        units = graph.add("Relu", units)
        if mask is not None:
            units = graph.add("Mul", units, mask)
    units = graph.cast(units, np.float64)
    if tables.pooling == "max":  # padding's units are zero, and no other unit is below zero
        return graph.add("ReduceMax", units, np.array([2]), keepdims=0)
    return _divided(graph, graph.sum(units, 2), n_words)


def _divided(graph: Graph, sums: str, n_words: str) -> str:
    """Divide sums by the number of words; they are zero where there are none."""
    return graph.add("Div", sums, graph.add("Max", n_words, np.array(1.0)))


def _without_trailing_padding(graph: Graph, matrix: str) -> str:
    """Cut the columns after the last token of all rows."""
    is_token = graph.cast(graph.cast(matrix, bool), np.int64)
    width = graph.add("Shape", matrix, start=1, end=2)
    width = graph.add("Squeeze", width, np.array([0]))
    number = graph.add("Range", np.array(1), graph.add("Add", width, np.array(1)), np.array(1))
    last = graph.add("Mul", is_token, number)
    end = graph.add("ReduceMax", last, np.array([0, 1]), keepdims=0)
    end = graph.add("Unsqueeze", graph.add("Max", end, np.array(1)), np.array([0]))
    return graph.add("Slice", matrix, np.array([0]), end, np.array([1]))


_POOLED: dict[type, Any] = {DenseTables: _dense_pooled, ConvTables: _conv_pooled}
