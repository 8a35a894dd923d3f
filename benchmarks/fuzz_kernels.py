"""Feed bytes, guided by coverage, to the kernels that read what strangers write.

`make fuzz` builds the extension with clang's coverage and AddressSanitizer, and runs this script
for each kernel. atheris, which contains libFuzzer, chooses the bytes; a crash ends the run, and
writes its input beside. A failed assertion is a finding too.
"""

import sys

import numpy as np
import sentilib._ngrams._lookup_kernels as lookup
import sentilib._text._kernels as text
import sentilib._text._markup as markup

from sentilib._ngrams._dictionary import NgramDictionary
from sentilib._text._unicode import rules
from sentilib._text._words import WordTable

TAIL = b"\xff" * 33
OPTIONS = [(True, None, "split"), (False, "unicode", "token"), (True, "ascii", "drop")]
RULES = [tuple(rules(*options)[0]) for options in OPTIONS]
NEGATIONS = WordTable.of(["not", "no", "a"])
IDS = np.random.default_rng(0).integers(0, 40, (20, 30)).astype(np.int32)
DICTIONARY = NgramDictionary((1, 4), 1, 500).learn(IDS)
SEEDS = {
    "reveal": [
        "a <b>good</b> film&amp; it's <br/> <a href='x'>y</a> &#x1F44D; <p class=a b>",
        "<!doctype html><!-- x --><script>a<b</script><style>p{}</style><![CDATA[y]]>&notin;&lt",
    ],
    "scan": [
        'don\u2019t 👍🏽👨\u200d👩\u200d👧 🇩🇪 #\ufe0f\u20e3 你好 \u0e40\u0e01 \u05e6"\u05dc café',
        "A" * 70 + "\u0301" * 9,
    ],
    "find": [IDS[:2].tobytes().decode("latin-1")],
}


def documents(data: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a buffer of documents, which 0xFF separates, and room for starts and marks."""
    n = data.count(0xFF) + 1
    raw = np.frombuffer(data + TAIL, dtype=np.uint8).copy()
    return raw, np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.uint8)


def is_utf8(data: bytes) -> bool:
    """Return whether all documents are valid UTF-8, as those of the package always are."""
    try:
        return bool([document.decode() for document in data.split(b"\xff")])
    except UnicodeDecodeError:
        return False


def reveal(data: bytes) -> None:
    """Reveal documents: the text of each is no longer than the document, and ends within it."""
    raw, starts, marks = documents(data)
    before = raw.copy()
    markup.reveal(raw, starts, marks)
    ends = np.flatnonzero(before == 0xFF)
    assert (raw[ends] == 0xFF).all() and (starts[1:] == ends[: len(starts) - 1] + 1).all()


def scan(data: bytes) -> None:
    """Scan the bytes; only what is no UTF-8 may be refused."""
    try:
        scan_twice(data)
    except ValueError:
        if is_utf8(data[2:]):
            raise


def scan_twice(data: bytes) -> None:
    """Learn the words of the bytes, with tables that are full early; then look them up."""
    if len(data) < 2:
        return
    rules_, raw = RULES[data[0] % 3], documents(data[2:])
    table, state, n = WordTable(1 + data[1] % 5, 1 + data[1] // 5), (0,) * 5, len(raw[1])
    stream, starts = np.zeros(len(data) + 1, np.int32), np.zeros(n + 1, np.int64)
    token = np.zeros(len(data) + 40, np.int64)
    spans = np.zeros((len(stream), 2), np.int64)
    for document in range(n):
        raw[1][document] = np.flatnonzero(raw[0] == 0xFF)[document - 1] + 1 if document else 0
    for learn in (True, False):
        while state[1] < n:
            state = text.scan(
                raw[0], raw[1], 3, rules_, token, table.arrays, learn, NEGATIONS.arrays,
                data[0] // 3 % 4, stream, starts, spans, *state
            )  # fmt: skip
            table.size = max(table.size, state[0])
            if state[1] < n:
                table.make_room(2 * len(table.stats) + 1, 2 * len(table.chunks) + 1)
        t = starts[n]
        if learn:
            numbers, state = stream[:t].copy(), (table.size, 0, 0, 0, 0)
            first, last = spans[:t].T
    if is_utf8(data[2:]):  # of other bytes, no more than that they are read within the buffer
        assert (0 <= numbers).all() and (stream[:t] == numbers).all()
        assert (first < last).all() and (first[1:] >= last[:-1]).all()


def find(data: bytes) -> None:
    """Look up ids in a dictionary whose tables are damaged at some places."""
    if len(data) < 16:
        return
    words, buckets = DICTIONARY._words.copy(), DICTIONARY._buckets.copy()
    for k in range(data[0] % 4):
        place, value = data[1 + 2 * k], data[2 + 2 * k]
        words[place % len(words)] = (value - 128) << (24 * (value & 1))
        buckets[place % len(buckets)] = (value - 128) << (56 * (value & 1))
    ids = np.frombuffer(data[8 : len(data) // 4 * 4], dtype=np.int32)
    width = min(len(ids), 1 + data[7] % 40)
    ids = ids[: len(ids) // width * width].reshape(-1, width)
    try:
        counts, *found = lookup.find(ids, words, buckets, 1 + data[5] % 3, 1 + data[6] % 5)
    except ValueError:
        return
    assert all(len(array) == counts.sum() for array in found)


if __name__ == "__main__":
    import atheris

    name, *options = sys.argv[1:]
    folder = options[-1]
    for number, seed in enumerate(SEEDS[name]):
        start = b"\0\0" if name == "scan" else b""
        with open(f"{folder}/seed{number}", "wb") as file:
            file.write(start + seed.encode("latin-1" if name == "find" else "utf-8"))
    atheris.Setup([name, *options], {"reveal": reveal, "scan": scan, "find": find}[name])
    atheris.Fuzz()
