"""A Dense model and its tokenizer's rules in one compressed string, for edits in the page.

`model.js` reads it. N-grams are a tree there: its nodes are numbered breadth first, so that the
children of a node are neighbours, sorted by their last word, and need no keys.
"""

import base64
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from sentilib._ids import OOV
from sentilib._ngrams._keys import number_of, split
from sentilib._pipelines import Parts, Reviews
from sentilib._tables._dense import DenseTables
from sentilib._tables._ngram_table import NgramTable
from sentilib._text import _unicode
from sentilib._text._kernels import IS_MARK, MAX_RUN, NEGATED
from sentilib._text._normalization import CHILLUS

_SMALL = 3_000_000  # characters of a model that "auto" includes
_KINDS = """SEPARATOR WORD APOSTROPHE IGNORED MARK IDEOGRAPH PUNCTUATION STANDALONE KEYCAP_BASE
KEYCAP QUOTE PREFIX STACKER EMOJI SKIN_TONE REGIONAL""".split()


def editable_model(reviews: Reviews, editable: bool | str) -> tuple[dict[str, Any] | None, str]:
    """Return the model for the page, or None, and a sentence about edits.

    Parameters
    ----------
    reviews : Reviews
        Reviews as the fitted estimator reads them.
    editable : bool or "auto"
        Whether the page contains the model; "auto" means if it is small.
    """
    if not editable:
        return None, ""
    if (reason := _why_not(reviews)) is not None:
        return None, f"Edited reviews are not predicted again in this page: {reason}"
    if editable == "auto" and (size := _expected_size(reviews.parts.model.tables_)) > _SMALL:
        return None, (
            "With report(..., editable=True), reviews can be edited in the page, which then "
            f"contains the model and is about {size / 1e6:.0f} MB larger."
        )
    model = packed_model(reviews.parts)
    return model, (
        "Reviews with a heat-map can be edited: the page predicts them again, with the model that "
        f"it contains ({len(model['gzip']) / 1e6:.1f} MB)."
    )


def _expected_size(tables: DenseTables) -> float:
    """Return about how many characters a model needs."""
    n_outputs = 1 if tables.n_classes == 2 else tables.n_classes
    n_ngrams = 0 if tables.ngrams is None else len(tables.ngrams.dictionary)
    return (2 + 4 * n_outputs) * n_ngrams + (6 + 5 * n_outputs) * tables.n_ids


def _why_not(reviews: Reviews) -> str | None:
    """Return why the page cannot predict, None if it can."""
    parts = reviews.parts
    if (reason := reviews.why_not_explained()) is not None:
        return reason
    if not isinstance(parts.model.tables_, DenseTables):
        return f"it computes the sums of a DenseSentimentClassifier, not {parts.name}."
    if reviews.reading is None:
        return "the reviews were passed as ids, and the page has no words for new ones."
    around = [*parts.front, *parts.between, *([] if parts.tables is None else [parts.tables])]
    if parts.classifier is not parts.model:
        around.append(parts.classifier)
    if around:
        return f"it contains no {type(around[0]).__name__}, only tokenizer and classifier."
    return None


def packed_model(parts: Parts) -> dict[str, Any]:
    """Return tokenizer and Dense model of a pipeline as plain values and compressed arrays."""
    tokenizer, tables = parts.tokenizer, parts.model.tables_
    assert tokenizer is not None
    scanner = tokenizer._reader().scanner
    kinds = _unicode.rules(
        tokenizer.lowercase, tokenizer.strip_accents, tokenizer.punctuation, tokenizer.unspaced
    )[0]
    changes = np.flatnonzero(np.diff(kinds.character_class, prepend=np.uint8(255)))
    folded = np.flatnonzero(kinds.fold_entry)
    entries = kinds.fold_entry[folded]
    if tokenizer.strip_accents == "ascii":  # all others vanish, by one entry that is the last
        folded, entries = folded[entries < entries.max()], entries[entries < entries.max()]
    folds = kinds.fold_bytes.tobytes()
    starts, stops = kinds.fold_start[entries], kinds.fold_start[entries + 1]
    vocabulary = tokenizer._vocabulary
    ids = vocabulary.ids & ~IS_MARK
    arrays = {
        "kindStart": changes,
        "kind": kinds.character_class[changes],
        "folded": folded,
        "folds": _utf8(
            folds[a:b].decode() for a, b in zip(starts.tolist(), stops.tolist(), strict=True)
        ),
        "words": _utf8(vocabulary.table.words()),
        "ids": np.where(vocabulary.ids < 0, -1, np.where(ids < tables.n_ids, ids, OOV)),
        "worth": _outputs(tables._word_logits).astype(np.float32),
        **_tree(tables.ngrams, tables.n_ids),
    }
    packed, layout = bytearray(), []
    for name, array in arrays.items():
        if array.dtype.kind == "i":
            array = array.astype(np.int32)
        values = np.ascontiguousarray(array).reshape(-1)
        bytes_of_values = values.view(np.uint8).reshape(-1, values.itemsize)
        packed += bytes_of_values.T.tobytes()  # all first bytes, ...: compresses better
        layout.append([name, values.dtype.str[1:], len(values)])
    n_grams = tables.ngrams
    return {
        "gzip": base64.b64encode(zlib.compress(packed, 6, wbits=31)).decode(),
        "layout": layout,
        "bias": _outputs(tables.bias[None])[0].tolist(),
        "masksPadding": tables.masks_padding,
        "neutral": [tables.n_neutral, 0.0 if n_grams is None else n_grams.n_neutral],
        "longest": 1 if n_grams is None else n_grams.dictionary.max_n,
        "width": tokenizer.max_length,
        "head": {"pre": 0, "middle": tokenizer.max_length // 2, "post": tokenizer.max_length}[
            tokenizer.truncating
        ],
        "form": tokenizer.normalization,
        "chillus": CHILLUS,
        "asciiOnly": tokenizer.strip_accents == "ascii",
        "run": MAX_RUN,
        "negationScope": scanner.negation_scope,
        "negations": scanner.negations.words(),
        "negated": NEGATED,
        "kinds": {name: value for name, value in vars(_unicode).items() if name in _KINDS},
    }


def _outputs(logits: np.ndarray) -> np.ndarray:
    """Return the margins of two classes, else the logits: (n_rows, n_outputs)."""
    return logits[:, 1:] - logits[:, :1] if logits.shape[1] == 2 else logits


def _utf8(words: Iterable[str]) -> np.ndarray:
    return np.frombuffer("\n".join(words).encode(), dtype=np.uint8)


def _tree(ngrams: NgramTable | None, n_ids: int) -> dict[str, np.ndarray]:
    """Return the n-grams as a tree: children of each node, last word, worth, breadth first.

    The first nodes are the ids.
    """
    if ngrams is None:
        return {"children": np.zeros(n_ids, dtype=np.int32)}
    dictionary = ngrams.dictionary
    before, word = split(dictionary.keys)
    is_word = (before == 0) & (word != OOV)
    roots = np.zeros((n_ids, ngrams.worth.shape[1]))
    if dictionary.min_n == 1:
        roots[word[is_word]] = ngrams.worth[is_word]
    worth, words, counts = [roots], [], []
    level, number = np.flatnonzero(before > 0), np.full(len(before), -1)
    parent, n_parents, is_longer = before[level], n_ids, before < 0
    prefix = number_of(before)
    for order in range(2, dictionary.max_n + 1):
        level = level[np.lexsort((word[level], parent))]
        counts.append(np.bincount(parent, minlength=n_parents))
        words.append(word[level])
        worth.append(ngrams.worth[level] * (order >= dictionary.min_n))
        number[:] = -1
        number[level] = np.arange(len(level))
        n_parents = len(level)
        level = np.flatnonzero(is_longer & (number[prefix] >= 0))
        parent = number[prefix[level]]
    return {
        "children": np.concatenate([*counts, np.zeros(n_parents, dtype=np.int64)]),
        "word": np.concatenate(words),
        "ngramWorth": np.concatenate(worth).astype(np.float32),
    }
