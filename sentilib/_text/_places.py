"""Positions of the tokens that reach a model, and the document's text cut at them."""

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sentilib._ids import PAD

if TYPE_CHECKING:
    from sentilib._text._readings import Readings


class Places(NamedTuple):
    """The tokens of a document that reach a model, and their positions in its visible text."""

    visible: str
    tokens: list[str]
    spans: np.ndarray  # int64 (n_tokens, 2)
    start: int  # of the text that was read, in characters, without white space around it
    stop: int
    cuts: np.ndarray  # int64 (n_cuts, 2), start and end of the text that was left out in between

    @classmethod
    def of(cls, reading: tuple[list[str], np.ndarray, str], kept: np.ndarray) -> "Places":
        """Return the places of those tokens of a document that are kept, by their numbers."""
        tokens, spans, visible = reading
        start, stop = len(visible) - len(visible.lstrip()), len(visible.rstrip())
        if len(kept) and kept[0] > 0:
            start = int(spans[kept[0], 0])
        if len(kept) and kept[-1] + 1 < len(tokens):
            stop = int(spans[kept[-1] + 1, 0])
        gaps = np.flatnonzero(np.diff(kept) > 1)
        cuts = np.column_stack([spans[kept[gaps] + 1, 0], spans[kept[gaps + 1], 0]])
        return cls(visible, [tokens[k] for k in kept.tolist()], spans[kept], start, stop, cuts)

    def through_steps(self, ids: np.ndarray, *, pads_front: bool) -> "Places":
        """Return the places after further steps turned the tokens into these ids.

        Words that the steps removed are left out; ids that they wrote into the padding become
        numbers before or after the text.
        """
        n = len(self.tokens)
        columns = np.flatnonzero(ids != PAD)
        places = columns - (len(ids) - n if pads_front else 0)
        kept = places[(places >= 0) & (places < n)]
        head, head_tokens, head_spans = _spelt(ids[columns[places < 0]])
        tail, tail_tokens, tail_spans = _spelt(ids[columns[places >= n]])
        behind = len(head) + len(self.visible) + 1
        return Places(
            f"{head}{self.visible} {tail}" if tail else head + self.visible,
            [*head_tokens, *(self.tokens[k] for k in kept.tolist()), *tail_tokens],
            np.concatenate([head_spans, self.spans[kept] + len(head), tail_spans + behind]),
            0 if head else self.start,
            behind + len(tail) if tail else self.stop + len(head),
            self.cuts + len(head),
        )

    @property
    def pieces(self) -> list[str]:
        """Alternating pieces, text, word, text, ..., which join to the visible text."""
        edges = [0, *self.spans.ravel().tolist(), len(self.visible)]
        return [self.visible[a:b] for a, b in pairwise(edges)]

    @property
    def cut_pieces(self) -> list[int]:
        """Numbers, from 0 on, of the text pieces before, between and after words that were cut."""
        cuts = np.searchsorted(self.spans[:, 0], self.cuts[:, 1]).tolist()
        head, tail = self.visible[: self.start].strip(), self.visible[self.stop :].strip()
        return [*[0] * bool(head), *cuts, *[len(self.tokens)] * bool(tail)]

    @property
    def words(self) -> list[str]:
        """The tokens as they are written in the visible text."""
        return [self.visible[a:b] for a, b in self.spans.tolist()]

    @property
    def segments(self) -> list[str]:
        """The text that was read, cut at the start of each word except the first.

        An ellipsis stands for text that was left out in between.
        """
        if not self.tokens:
            return []
        first, *others = self.spans[:, 0].tolist()
        word = self.visible[first : self.spans[0, 1]]
        if word not in self.visible[self.start : first]:  # displays look for its first occurrence
            first = self.start
        bounds = pairwise([first, *others, self.stop])
        if not len(self.cuts):
            return [self.visible[a:b] for a, b in bounds]
        return [self._read(a, b) for a, b in bounds]

    def _read(self, start: int, stop: int) -> str:
        inside = self.cuts[(self.cuts[:, 0] >= start) & (self.cuts[:, 1] <= stop)]
        edges = [start, *inside.ravel().tolist(), stop]
        return "… ".join(self.visible[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True))


class TokenPlaces(NamedTuple):
    """What locates the tokens of read documents that reach a model."""

    reading: "Readings"
    width: int  # of a row of ids
    truncating: str
    pads_front: bool
    ids: np.ndarray | None  # (n_documents, width), if further steps changed them

    def kept(self, row: int) -> np.ndarray:
        """Return the numbers of those tokens of a document that a row of ids contains."""
        return self.reading.kept(row, self.width, self.truncating)

    def of(self, row: int) -> Places:
        """Return the places of the tokens of a document that reach the model."""
        places = Places.of(self.reading[row], self.kept(row))
        if self.ids is None:
            return places
        return places.through_steps(self.ids[row], pads_front=self.pads_front)


def _spelt(ids: np.ndarray) -> tuple[str, list[str], np.ndarray]:
    """Write ids as numbers, each followed by a space: the text, the tokens and their spans."""
    names = [str(k) for k in ids.tolist()]
    lengths = np.array([len(name) for name in names], dtype=np.int64)
    starts = np.cumsum(lengths + 1) - lengths - 1
    return "".join(f"{name} " for name in names), names, np.column_stack([starts, starts + lengths])
