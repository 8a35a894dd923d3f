"""Kernels check their arguments at the door: whatever comes in, no read is outside an array."""

import numpy as np
import pytest
import sentilib._compiled._row_kernels as row_kernels
import sentilib._ngrams._counting_kernels as counting
import sentilib._ngrams._learning_kernels as learning
import sentilib._ngrams._lookup_kernels as lookup
import sentilib._ngrams._sum_kernels as sum_kernels
import sentilib._tables._conv_kernels as conv
import sentilib._tables._word_kernels as word_kernels
import sentilib._text._kernels as text
import sentilib._text._markup as markup
import sentilib._text._table_kernels as table_kernels
import sentilib._text._utf8_kernels as utf8_kernels
import sentilib._training._block_kernels as block_kernels
import sentilib._training._dense_kernels as dense
import sentilib._training._embedding_kernels as embedding
import sentilib.explain._games._additive_kernels as additive
import sentilib.explain._games._window_kernels as windows

from sentilib._ngrams._dictionary import NgramDictionary
from sentilib._tables._conv_layers import Layers, Network
from sentilib._text._unicode import rules
from sentilib._text._words import WordTable

HUGE = [2**31 - 1, -(2**31), -1, 10**6]
rng = np.random.default_rng(0)
IDS = rng.integers(0, 30, (6, 40)).astype(np.int32)
TOKENS = IDS.ravel()
I32, I64, F32 = np.int32, np.int64, np.float32


def zeros(*shape, dtype=np.float64):
    return np.zeros(shape, dtype=dtype)


DICTIONARY = NgramDictionary((1, 3), 1, 1000).learn(np.tile(IDS, (2, 1)))
LINES = DICTIONARY._words, DICTIONARY._buckets, 1, 3
TERMS = DICTIONARY.terms(IDS)
BLOCKS = [(rng.normal(size=(3, 8, 8)), np.zeros(8))] * 2
LAYERS = Layers.of(rng.normal(size=(30, 8)), BLOCKS, np.float64)
NETWORK = Network.of(rng.normal(size=(30, 8)), BLOCKS)
N_PLACES = 2 * windows.COLUMNS + windows.n_columns(2, 3, 4)
TAPE = zeros(N_PLACES, dtype=I32), zeros(N_PLACES, dtype=I32), np.ones(N_PLACES)
WINDOWS = (*TAPE, *NETWORK, np.ones((8, 1)), 5, 2)
WORKSPACE = windows.workspace(NETWORK.channels, 3, 1, np.float64)
IN_SINGLE = [
    a.astype(F32) if getattr(a, "dtype", None) == np.float64 else a for a in (*WINDOWS, zeros(32))
]
SINGLE_WORKSPACE = windows.workspace(NETWORK.channels, 3, 1, F32)
WALK = (
    *TAPE,
    np.arange(9),
    False,
    False,
    *NETWORK,
    np.ones((8, 1)),
    zeros(24 * N_PLACES),
    zeros(10, 8),
)
RAW = np.frombuffer(b"a <b>good</b> film&amp;\xff" + b"\xff" * 32, dtype=np.uint8).copy()
RULES = tuple(rules(True, None, "split")[0])
TABLE = WordTable.of(["good", "unputdownable"])
STARTS = np.array([0, 2, 5])


def scan(
    raw=RAW,
    rules=RULES,
    table=TABLE.arrays,
    token=8,
    stream=40,
    state=(2, 0, 0, 0, 0),
    start=0,
    negations=TABLE.arrays,
    scope=2,
):
    return text.scan(
        raw, np.array([start]), 0, rules, zeros(token, dtype=I64), table, False, negations,
        scope, zeros(stream, dtype=I32), zeros(2, dtype=I64), zeros(0, 2, dtype=I64), *state,
    )  # fmt: skip


def block_inputs(words, source, line):
    return block_kernels.Inputs(words, source, line, 5, True, 0.5, 1, 2)


def block_forward(words, source, line, *arguments):
    block_kernels.forward(0, 2, EDGES, block_inputs(words, source, line), *arguments)


def block_backward(words, source, line, *arguments):
    block_kernels.backward(0, 2, EDGES, block_inputs(words, source, line), *arguments)


EDGES = np.array([1, 5, 9])
WORDS = np.array([-1, 2, 3, -1, -1, 0, 4, 4, -1, -1], dtype=I32)
INPUTS = WORDS, zeros(9, 5, dtype=F32), zeros(2, 16, dtype=F32)
UNITS = zeros(10, 16, dtype=F32)
POOLED = np.arange(3), np.array([1, 5, 9]), WORDS, UNITS, zeros(2, 16, dtype=F32), 8


# Each kernel, and arguments with which it succeeds.
def schedule():
    begun = dense.Schedule(0, 0.9, 0.999, 1e-7)
    begun.begin(0.01)
    return begun


def ngram_step(starts, columns, values, sums, gradient):
    steps = dense.NgramSteps(*(zeros(9, dtype=F32) for _ in range(3)), 20.0)
    now = schedule()
    steps.forward(starts, columns, values, now, sums)
    steps.backward(gradient, now)
    steps.arrays(now)


def word_step(starts, columns, values, kernel, bias, seed, averages, transposed, *gradients):
    steps = embedding.WordSteps(*(zeros(9, 16, dtype=F32) for _ in range(3)), 0.5)
    now = schedule()
    steps.forward(starts, columns, values, kernel, bias, seed, now, averages)
    steps.backward(averages, transposed, now, *gradients)
    steps.finish(now)


def update(*arrays):
    dense.update(*arrays, schedule())


ENTRIES = STARTS, np.arange(5, dtype=I32), np.ones(5, dtype=F32)
CALLS = {
    "count": (row_kernels.count, IDS, zeros(6, dtype=I64)),
    "are_below": (row_kernels.are_below, IDS, 30),
    "mark": (row_kernels.mark, IDS, zeros(30, dtype=np.uint8)),
    "extents": (row_kernels.extents, IDS, zeros(6, dtype=I64), zeros(6, dtype=I64)),
    "means": (word_kernels.means, IDS, zeros(30, 3), True, zeros(6, 3)),
    "share_out of words": (
        additive.share_out, IDS, zeros(30, 2), zeros(6), zeros(6), zeros(int((IDS != 0).sum()), 2),
    ),
    "row_sums": (additive.row_sums, zeros(9, 2), np.array([4, 5]), zeros(2, 2), zeros(2, 2)),
    "index": (lookup.index, DICTIONARY.keys, LINES[0].copy(), LINES[1].copy()),
    "numbers": (lookup.numbers, DICTIONARY.keys, LINES[1], zeros(len(DICTIONARY), dtype=I32)),
    "find": (lookup.find, IDS, *LINES),
    "sums": (sum_kernels.sums, IDS, *LINES, zeros(len(DICTIONARY), 2), zeros(6, 2)),
    "share_out": (
        sum_kernels.share_out, IDS, *LINES, zeros(len(DICTIONARY), 2), zeros(6, dtype=I64),
        zeros(1, 3, 2), zeros(int((IDS != 0).sum()), 2), zeros(6, 2),
    ),
    "count_tokens": (learning.count_tokens, IDS, zeros(6, dtype=I64)),
    "join of rows": (learning.join, IDS, np.arange(0, 241, 40), zeros(240, dtype=I32)),
    "count_parts": (
        learning.count_parts, TOKENS, TOKENS, np.arange(0, 241, 40), 3, zeros(8, dtype=I64),
    ),
    "sort_into_parts": (
        learning.sort_into_parts, TOKENS, TOKENS, np.arange(0, 241, 40), 0, 3, np.arange(8) * 240,
        zeros(1920, dtype=I64), zeros(1920, dtype=I32), zeros(1920, dtype=I32),
    ),
    "document_frequency": (
        learning.document_frequency, np.array([0, 4, 9]), 1, 1, np.arange(9), zeros(9, dtype=I32),
        zeros(9, dtype=I32),
    ),
    "spread": (
        learning.spread, np.arange(9, dtype=I32), zeros(9, dtype=I32), zeros(2, dtype=I32),
        zeros(9, dtype=I32),
    ),
    "collect": (
        learning.collect, TOKENS, np.arange(0, 241, 40), LINES[0], True, [np.full(240, -3, I32)],
        np.arange(2, dtype=I32), zeros(6, dtype=I64), zeros(480, dtype=I32),
    ),
    "count of classes": (
        counting.count, TERMS.starts, TERMS.features, zeros(6, dtype=I32), zeros(6, dtype=I32),
        zeros(6), 0, 2, zeros(2 * len(DICTIONARY)),
    ),
    "list_rows": (
        counting.list_rows, TERMS.starts, TERMS.features, zeros(len(DICTIONARY), dtype=I64),
        zeros(len(TERMS.features), dtype=I32),
    ),
    "count_classes": (
        counting.count_classes, STARTS, zeros(5, dtype=I32), zeros(3, dtype=I32), 2,
        zeros(2, dtype=I64),
    ),
    "count_pairs": (
        counting.count_pairs, STARTS, zeros(5, dtype=I32), zeros(3, dtype=I32), zeros(3, dtype=I32),
        zeros(3), 2, np.array([0, 1, 2]), zeros(2, dtype=I32), zeros(1, 2),
    ),
    "weigh": (
        counting.weigh, STARTS, zeros(5, dtype=I32), zeros(5, dtype=F32), zeros(2, dtype=I64),
        zeros(1, 3), zeros(5, dtype=F32),
    ),
    "count_entries": (
        counting.count_entries, STARTS, zeros(5, dtype=I32), np.array([0, 2]), zeros(2, dtype=I32),
        zeros(2, 3, dtype=I64),
    ),
    "weigh_by_class": (
        counting.weigh_by_class, STARTS, zeros(5, dtype=I32), zeros(5, dtype=F32),
        zeros(2, dtype=I64), np.array([0, 2]), zeros(2, dtype=I32), zeros(1, 2),
        np.array([[0, 0], [4, 4]]), zeros(10, dtype=I32), zeros(10, dtype=F32),
    ),
    "merge": (
        counting.merge, STARTS, zeros(5, dtype=I32), zeros(2), 3, 0, zeros(2, dtype=I64),
        zeros(5, dtype=I32), zeros(5, dtype=F32),
    ),
    "take_rows": (
        counting.take_rows, STARTS, zeros(5, dtype=I32), zeros(5, dtype=F32), np.array([0, 1]),
        STARTS.copy(), zeros(5, dtype=I32), zeros(5, dtype=F32),
    ),
    "pool": (conv.pool, IDS, np.full(6, 40), *LAYERS, True, conv.MEAN, zeros(6, 8)),
    "shapley": (windows.shapley, *WINDOWS, zeros(32), *WORKSPACE, zeros(1, 5, N_PLACES)),
    "shapley in single precision": (
        windows.shapley, *IN_SINGLE, *SINGLE_WORKSPACE, zeros(1, 5, N_PLACES),
    ),
    "lay_out": (
        windows.lay_out, IDS, zeros(6, dtype=I64), np.full(6, 40), 2, 1, True,
        zeros(3, 2 + 6 * 42, dtype=I32), zeros(2 + 6 * 42), zeros(int((IDS != 0).sum()), dtype=I64),
    ),
    "interactions": (windows.interactions, *WINDOWS, zeros(32), *WORKSPACE, zeros(1, 4, N_PLACES)),
    "deletion_shapley": (
        windows.deletion_shapley, *WINDOWS, zeros(N_PLACES, dtype=I32), zeros(2, dtype=I64),
        zeros(1, 6, 6, 3), *WORKSPACE, zeros(1, N_PLACES), zeros(1, 2),
    ),
    "Schedule": (dense.Schedule, 3, 0.9, 0.999, 1e-7),
    "NgramSteps": (dense.NgramSteps, *(zeros(9, dtype=F32) for _ in range(3)), 20.0),
    "steps of n-grams": (ngram_step, *ENTRIES, zeros(2, dtype=F32), zeros(2, dtype=F32)),
    "WordSteps": (embedding.WordSteps, *(zeros(9, 16, dtype=F32) for _ in range(3)), 0.5),
    "steps of words": (
        word_step, *ENTRIES, zeros(16, 32, dtype=F32), zeros(32, dtype=F32), 3,
        zeros(2, 32, dtype=F32), zeros(32, 16, dtype=F32), zeros(16, 32, dtype=F32),
        zeros(32, dtype=F32),
    ),
    "update": (update, *(zeros(32, dtype=F32) for _ in range(4))),
    "pack": (
        block_kernels.pack, IDS, np.full(6, 40), np.arange(6) * 40, 30, True,
        zeros(240, dtype=I32),
    ),
    "forward": (
        block_forward, *INPUTS, zeros(3, 5, 16, dtype=F32), 8, zeros(16, dtype=F32), UNITS,
        zeros(2, 2, 16),
    ),
    "backward": (
        block_backward, *INPUTS, zeros(3, 8, 16, dtype=F32), 8, zeros(16, dtype=F32), UNITS, UNITS,
        zeros(3, 16, dtype=F32), UNITS, zeros(2, 3, 5, 16, dtype=F32), zeros(2, 2, 16),
    ),
    "pool of blocks": (block_kernels.pool, 0, 2, *POOLED, False, zeros(2, 16, dtype=F32)),
    "unpool": (
        block_kernels.unpool, 0, 2, *POOLED, True, zeros(2, 16, dtype=F32),
        zeros(2, 16, dtype=F32), zeros(16, dtype=F32), UNITS, zeros(2, 2, 16),
    ),
    "scatter": (block_kernels.scatter, WORDS, UNITS, zeros(9, 5, dtype=F32)),
    "walk": (windows.walk, *WALK),
    "reveal": (markup.reveal, RAW.copy(), zeros(1, dtype=I64), zeros(1, dtype=np.uint8)),
    "join": (
        utf8_kernels.join, RAW[:20].copy(), np.array([0, 2, 20]), zeros(22, dtype=np.uint8),
        zeros(2, dtype=np.uint8),
    ),
    "scan": (scan,),
    "add_marks": (
        text.add_marks, TABLE.chunks, TABLE.starts[:-1], RULES[1], zeros(2, dtype=I32),
    ),
    "translate": (text.translate, zeros(5, dtype=I32), STARTS, zeros(3, dtype=I32)),
    "pad": (text.pad, zeros(5, dtype=I32), STARTS, False, 2, zeros(2, 4, dtype=I32)),
    "merge of words": (
        table_kernels.merge, WordTable().arrays, 0, TABLE.arrays, np.arange(2), zeros(2, dtype=I64),
    ),
    "find_words": (table_kernels.find_words, TABLE.arrays, TABLE.arrays, 2, zeros(2, dtype=I64)),
    "fill_slots": (table_kernels.fill_slots, TABLE.arrays, 0),
    "spell": (table_kernels.spell, TABLE.arrays, np.arange(2), zeros(40, dtype=np.uint8)),
}  # fmt: skip


def copied(arguments):
    return [value.copy() if isinstance(value, np.ndarray) else value for value in arguments]


@pytest.mark.parametrize("name", CALLS)
def test_damaged_arguments_raise_valueerror_and_crash_nothing(name):
    """Shorter, longer, empty and misshapen arrays, other types, and numbers far outside."""
    kernel, *arguments = CALLS[name]
    kernel(*copied(arguments))
    n_refused = 0
    for k, value in enumerate(arguments):
        if isinstance(value, np.ndarray):
            damaged = [value[:-1], value[:0], np.concatenate([value, value]), value[None]]
            damaged += [value.astype(">i2"), value.astype(object)]
            for huge in HUGE:
                damaged.append(value.copy())
                if value.dtype.kind in "iu" and value.size:
                    damaged[-1][..., -1] = np.array(huge).astype(value.dtype)
                    damaged.append(np.full_like(value, np.array(huge).astype(value.dtype)))
        elif isinstance(value, tuple):
            damaged = [(*value[:1], value[1][:1], *value[2:]), value[:-1]]
        elif isinstance(value, bool):
            damaged = [2]
        else:
            damaged = [-1, 2**40, 2**63 - 1, -(2**63)]
        for other in damaged:
            changed = copied(arguments)
            changed[k] = other
            try:
                kernel(*changed)
            except (ValueError, IndexError, OverflowError, MemoryError, TypeError):
                n_refused += 1
    assert n_refused >= len(arguments) // 2


@pytest.mark.parametrize("huge", HUGE)
def test_ids_beyond_the_table_are_refused(huge):
    ids = IDS.copy()
    ids[3, 7] = huge
    for call in (
        lambda: word_kernels.means(ids, zeros(30, 2), False, zeros(6, 2)),
        lambda: conv.pool(ids, np.full(6, 40), *LAYERS, True, conv.MEAN, zeros(6, 8)),
        lambda: additive.share_out(ids, zeros(30, 1), zeros(6), zeros(6), zeros(240, 1)),
    ):
        with pytest.raises(ValueError, match=r"outside the"):
            call()


def test_an_ngram_without_a_row_in_the_table_is_refused():
    with pytest.raises(ValueError, match="fewer than the dictionary has n-grams"):
        sum_kernels.sums(IDS, *LINES, zeros(len(DICTIONARY) - 1, 2), zeros(6, 2))


def test_ids_beyond_the_dictionary_are_no_words():
    for huge in HUGE:
        ids = IDS.copy()
        ids[:] = huge
        counts, *_ = lookup.find(ids, *LINES)
        assert counts.tolist() == [0] * 6


def test_text_that_is_no_utf8_is_read_to_its_end():
    """Whatever the bytes, the scan stops at the bytes 0xFF after the documents."""
    tail = np.full(32, 0xFF, dtype=np.uint8)
    for seed in range(300):
        noise = np.random.default_rng(seed).integers(0, 255, 60).astype(np.uint8)
        if seed % 3 == 0:
            noise[-4:] = [0xF7, 0xBF, 0xBF, 0xBF]
        raw = np.concatenate([noise, [0xFF], tail]).astype(np.uint8)
        scan(raw, token=1000, stream=1000)
        markup.reveal(raw, zeros(1, dtype=I64), zeros(1, dtype=np.uint8))
        assert (raw[-32:] == 0xFF).all()


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (dict(raw=RAW[:-2].copy()), "must end with 32 bytes"),
        (dict(raw=np.zeros(0, dtype=np.uint8)), "must end with 32 bytes"),
        (dict(start=len(RAW)), "no start"),
        (dict(start=-1), "no start"),
        (dict(rules=(np.zeros(256, dtype=np.uint8), *RULES[1:])), "end of documents"),
        (dict(table=(TABLE.slots[:3], *TABLE.arrays[1:])), r"2 \*\* k slots"),
        (dict(token=0), "tokens need room"),
        (dict(stream=1), "more tokens than room"),
        (dict(state=(9, 0, 0, 0, 0)), "state"),
        (dict(state=(2, 0, 10**6, 0, 0)), "state"),
        (dict(state=(2, 0, 0, 50, 0)), "state"),
        (dict(state=(2, 0, 0, 0, 3)), "state"),
        (dict(negations=(TABLE.slots[:3], *TABLE.arrays[1:])), r"2 \*\* k slots"),
    ],
)
def test_a_scan_refuses_what_it_cannot_read(damage, match):
    with pytest.raises(ValueError, match=match):
        scan(**damage)


def test_slots_that_point_nowhere_are_passed_by():
    slots = np.full(4, -1, dtype=I64)
    arrays = (slots, *TABLE.arrays[1:])
    assert scan(table=arrays)[0] == 2
    found = zeros(2, dtype=I64)
    table_kernels.find_words(arrays, TABLE.arrays, 2, found)
    assert found.tolist() == [-1, -1]


def test_rows_are_read_up_to_their_last_token_wherever_it_is():
    for width in range(1, 70):
        ids = np.tril(np.full((width, width), 5, dtype=I32))  # row k has k + 1 tokens
        for count in (learning.count_tokens, row_kernels.count):
            n_tokens = zeros(width, dtype=I64)
            count(ids, n_tokens)
            assert n_tokens.tolist() == [*range(1, width + 1)]
