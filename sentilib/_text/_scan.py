"""Scans of documents by the kernels, in blocks that threads share."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, pairwise
from typing import Any, NamedTuple

import numpy as np

import sentilib._text._kernels as _kernels
import sentilib._text._markup as _markup
from sentilib._text import _html
from sentilib._text._documents import blocks, prepared
from sentilib._text._normalization import Form, normalized
from sentilib._text._unicode import rules
from sentilib._text._words import WordTable

_TAIL = b"\xff" * _markup.STRIDE
_NO_SPANS = np.empty((0, 2), dtype=np.int64)
_NO_WORDS = WordTable(1, 1)


class Block(NamedTuple):
    """Documents in the form that the kernels read."""

    first: int  # index of its first document
    raw: np.ndarray  # uint8, visible text as UTF-8, 0xFF after each document
    starts: np.ndarray  # int64 (n_documents,)
    token: np.ndarray  # int64, scratch space for the longest token


class Stream(NamedTuple):
    """A block's tokens, as numbers; document k has numbers[starts[k]:starts[k + 1]]."""

    first: int
    numbers: np.ndarray  # int32 (n_tokens,) or longer
    starts: np.ndarray  # int64 (n_documents + 1,)


class Scanner:
    """Scanner that splits documents into words, for one combination of options."""

    def __init__(
        self,
        *,
        lowercase: bool,
        strip_accents: str | None,
        punctuation: str,
        markup: str | None = "lenient",
        normalization: Form = "NFC",
        unspaced: str = "split",
        decode_error: str = "strict",
    ) -> None:
        self._rules, self._growth = rules(lowercase, strip_accents, punctuation, unspaced)
        self._normalization = normalization
        self._decode_error = decode_error
        self._markup = markup
        self.mark_negation(0, _NO_WORDS)

    def mark_negation(self, scope: int, negations: WordTable) -> None:
        """Let words end with NEGATED, up to `scope` tokens after a negation; 0 marks none."""
        self.negation_scope, self.negations = scope, negations

    def prepare(self, first: int, documents: Sequence[str], *, plain: bool = False) -> Block:
        """Encode documents, replace markup by visible text, and normalize it.

        Plain documents are visible text already.
        """
        form = self._normalization
        documents, encoded, suspects = prepared(first, documents, _TAIL, form, self._decode_error)
        raw = _as_array(encoded)
        starts = np.empty(len(documents), dtype=np.int64)
        marked: list[int] = []
        changed: dict[int, str] = {}
        if plain or self._markup is None:
            starts[0] = 0
            starts[1:] = np.flatnonzero(raw == 0xFF)[: len(documents) - 1] + 1
        else:
            marks = np.zeros(len(documents), dtype=np.uint8)
            _markup.reveal(raw, starts, marks)
            strict = self._markup == "html5"
            marked = marks.nonzero()[0].tolist()
            changed = {
                k: _html.visible_text(documents[k], strict=strict)
                for k in marked
                if marks[k] == _markup.LEFT
            }
        for k in dict.fromkeys(suspects + marked):
            if k in changed:
                changed[k] = normalized(changed[k], form)
            else:
                text = encoded[starts[k] : encoded.index(0xFF, starts[k])].decode()
                normal = normalized(text, form)
                if normal is not text:
                    changed[k] = normal
        if changed:
            texts = list(map(str.encode, changed.values()))
            sizes = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1
            starts[list(changed)] = len(raw) + np.cumsum(sizes) - sizes
            raw = np.concatenate([raw, _as_array(b"\xff".join([*texts, _TAIL]))])
        token = np.empty(len(raw) * self._growth // 8 + 1, dtype=np.int64)
        return Block(first, raw, starts, token)

    def normalized(self, text: str) -> str:
        """Return a text in the scanner's normalization form."""
        return normalized(text, self._normalization)

    def scan(
        self, block: Block, table: WordTable, *, learn: bool, spans: np.ndarray = _NO_SPANS
    ) -> Stream:
        """Read a block's words; when learning, add unknown words to the table and count all."""
        numbers = np.empty(len(block.raw), dtype=np.int32)
        starts = np.empty(len(block.starts) + 1, dtype=np.int64)
        document = place = n_tokens = left = 0
        while True:
            table.size, document, place, n_tokens, left = _kernels.scan(
                block.raw,
                block.starts,
                block.first,
                tuple(self._rules),
                block.token,
                table.arrays,
                learn,
                self.negations.arrays,
                self.negation_scope,
                numbers,
                starts,
                spans,
                table.size,
                document,
                place,
                n_tokens,
                left,
            )
            if document == len(block.starts):
                return Stream(block.first, numbers, starts)
            table.make_room(2 * len(table.stats) + 1, 2 * len(table.chunks) + 1)

    def count_all(
        self, documents: Iterable[str], n_threads: int, *, keep_streams: bool = False
    ) -> tuple[WordTable, int, list[Stream]]:
        """Count the words of all documents.

        Returns the table, the number of documents and the streams, if they are kept.
        """
        idle: list[WordTable] = []
        kept: list[tuple[Stream, WordTable]] = []
        sizes: list[int] = []

        def work(jobs: Iterator[tuple[int, Sequence[str]]]) -> None:
            try:
                table = idle.pop()
            except IndexError:
                table = WordTable()
            for first, block in jobs:
                stream = self.scan(self.prepare(first, block), table, learn=True)
                sizes.append(len(block))
                if keep_streams:
                    numbers = stream.numbers[: stream.starts[-1]].copy()
                    kept.append((stream._replace(numbers=numbers), table))
            idle.append(table)

        share_out(work, blocks(documents), n_threads)
        if not idle:
            return WordTable(), 0, []
        merged, numbers = WordTable.union(idle)
        places = dict(zip(map(id, idle), numbers, strict=True))
        for stream, table in kept:
            _kernels.translate(stream.numbers, stream.starts, places[id(table)].astype(np.int32))
        return merged, sum(sizes), [stream for stream, _ in kept]

    def encode_all(
        self,
        documents: Sequence[str],
        table: WordTable,
        ids: np.ndarray,
        matrix: "Matrix",
        n_threads: int,
    ) -> None:
        """Write the ids of words into rows: 1 if unknown; words with a negative id are left out."""

        def work(jobs: Iterator[tuple[int, Sequence[str]]]) -> None:
            for first, texts in jobs:
                stream = self.scan(self.prepare(first, texts), table, learn=False)
                matrix.fill(translate(stream, ids))

        share_out(work, blocks(documents), n_threads)

    def tokens(self, texts: list[str]) -> list[list[str]]:
        """Return the tokens of texts without markup."""
        table = WordTable()
        stream = self.scan(self.prepare(0, texts, plain=True), table, learn=True)
        words = table.words()
        tokens = [words[w] for w in stream.numbers[: stream.starts[-1]].tolist()]
        starts = stream.starts.tolist()
        return [tokens[a:b] for a, b in pairwise(starts)]

    def with_marks(self, table: WordTable, ids: np.ndarray) -> np.ndarray:
        """Set the bit of marks in the ids of a table's words, in place."""
        _kernels.add_marks(table.chunks, table.starts, self._rules.character_class, ids)
        return ids

    def visible_text(self, document: str) -> str:
        """Return the text of a document as it is scanned, without markup."""
        return texts_of(self.prepare(0, [document]))[0].decode()


def texts_of(block: Block) -> list[bytes]:
    """Return the visible texts of a block's documents, as UTF-8."""
    raw = block.raw.tobytes()
    return [raw[start : raw.index(b"\xff", start)] for start in block.starts.tolist()]


def share_out(work: Callable[[Iterator[Any]], None], jobs: Iterable[Any], n_threads: int) -> None:
    """Run jobs in threads, including the calling one, until none is left.

    Only the calling thread draws from `jobs`, in batches. An error in one thread, or a Ctrl-C in
    the calling one, discards the remaining jobs.
    """
    jobs = iter(jobs)
    if n_threads == 1:
        work(jobs)
        return
    while batch := deque(islice(jobs, 32 * n_threads)):

        def take(batch: deque[Any] = batch) -> Iterator[Any]:
            while True:
                try:
                    job = batch.popleft()
                except IndexError:
                    return
                yield job

        n_helpers = min(n_threads, len(batch)) - 1
        if n_helpers == 0:
            work(take())
            continue
        with ThreadPoolExecutor(n_helpers) as pool:
            try:
                helpers = [pool.submit(work, take()) for _ in range(n_helpers)]
                work(take())
                for helper in helpers:
                    helper.result()
            finally:
                batch.clear()


class Matrix:
    """Rows of ids, zeros at first, which are filled from streams of ids."""

    def __init__(self, n_documents: int, width: int, *, padding: str, truncating: str) -> None:
        self.rows = np.zeros((n_documents, width), dtype=np.int32)
        self._pads_front = padding == "pre"
        self._n_head = {"pre": 0, "middle": width // 2, "post": width}[truncating]
        self._n_longer = deque[int]()  # by block, as threads fill the matrix

    @property
    def n_truncated(self) -> int:
        """Number of documents that were longer than a row."""
        return sum(self._n_longer)

    def fill(self, stream: Stream) -> None:
        """Write a block's ids into the rows of its documents; the stream may change."""
        rows = self.rows[stream.first : stream.first + len(stream.starts) - 1]
        self._n_longer.append(
            _kernels.pad(stream.numbers, stream.starts, self._pads_front, self._n_head, rows)
        )

    def fill_all(self, streams: Iterable[Stream], ids: np.ndarray, n_threads: int) -> None:
        """Translate streams of words to ids in place, and write the ids into the rows."""

        def work(jobs: Iterator[Stream]) -> None:
            for stream in jobs:
                self.fill(translate(stream, ids))

        share_out(work, streams, n_threads)


def translate(stream: Stream, ids: np.ndarray) -> Stream:
    """Replace a stream's numbers by ids in place; tokens with a negative id are removed."""
    _kernels.translate(stream.numbers, stream.starts, ids)
    return stream


def _as_array(raw: bytes | bytearray) -> np.ndarray:
    return np.frombuffer(raw, dtype=np.uint8)
