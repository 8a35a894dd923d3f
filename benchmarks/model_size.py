"""Size of saved models against accuracy, beside fastText's quantized model.

    python benchmarks/model_size.py                     # reviews of held-out movies
    python benchmarks/model_size.py --test              # the official test split
    python benchmarks/model_size.py --data generated

Prints a table in Markdown of the default pipeline and of what `sentilib.compress` makes of it, in
files of skops: megabytes (10**6 bytes) as they are and deflated, seconds to save and to load beside
those of pickle (best of 3), accuracy and log loss. Without `--test`, a fifth of the movies of the
training split is held out; settings are chosen there.
"""

import argparse
import pickle
import tempfile
import time
from pathlib import Path
from zipfile import ZIP_DEFLATED

import _peers
import numpy as np
import skops.io
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline

import sentilib
from sentilib import DenseSentimentClassifier, HTMLTokenizer, compress
from sentilib.datasets import load_imdb, make_reviews

SETTINGS = [(1_000_000, 16), (350_000, 16)]
SETTINGS += [(n, 8) for n in (1_000_000, 350_000, 200_000, 100_000, 30_000)]
HEAD = "| model | MB | deflated | save, load | pickle MB | save, load | accuracy | log loss |"


def split(data, is_test):
    """Return texts and labels to fit on, and to score on."""
    train = load_imdb("train") if data == "imdb" else make_reviews(1000, return_X_y=False)
    text, label = np.array(train.data, dtype=object), np.asarray(train.target)
    if is_test:
        test = load_imdb("test") if data == "imdb" else make_reviews(500, random_state=1)
        new, new_label = test if data != "imdb" else (test.data, test.target)
        return text, label, np.array(new, dtype=object), np.asarray(new_label)
    splitter = GroupShuffleSplit(1, test_size=0.2, random_state=0)
    rows, new = next(splitter.split(text, groups=train.movie))
    return text[rows], label[rows], text[new], label[new]


def best(call):
    """Return the least seconds of three calls, and the last result."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - start)
    return min(times), result


def line(name, pipe, ids, label):
    """Return the line of the table for one pipeline, scored on rows of ids."""
    saving, saved = best(lambda: skops.io.dumps(pipe))
    loading, restored = best(lambda: skops.io.loads(saved, trusted=sentilib.TRUSTED_TYPES))
    deflated = skops.io.dumps(pipe, compression=ZIP_DEFLATED)
    pickling, pickled = best(lambda: pickle.dumps(pipe))
    unpickling, _ = best(lambda: pickle.loads(pickled))
    proba = restored[-1].predict_proba(ids)
    accuracy = accuracy_score(label, pipe.classes_[proba.argmax(axis=1)])
    return (
        f"| {name} | {len(saved) / 1e6:.1f} | {len(deflated) / 1e6:.1f} | {saving:.2f}, "
        f"{loading:.2f} | {len(pickled) / 1e6:.1f} | {pickling:.2f}, {unpickling:.2f} | "
        f"{accuracy:.4f} | {log_loss(label, proba):.4f} |"
    )


def fasttext_lines(text, label, new, new_label):
    """Return the lines of fastText and of its quantized model, with its authors' options.

    It learns from the rows in their order, which must be random.
    """
    rows = np.random.default_rng(0).permutation(len(text))
    text, label = text[rows], label[rows]
    peer = _peers.FastText().fit(text, label)
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        model, train = Path(folder) / "model", Path(folder) / "train.txt"
        codes = np.searchsorted(peer.classes_, label)
        rows = zip(codes, text, strict=True)
        train.write_text("".join(f"__label__{code} {peer.clean(text)}\n" for code, text in rows))
        for name in ("fastText, bigrams", "fastText, quantized"):
            peer.model.save_model(str(model))
            found = peer.classes_[peer.predict_proba(new).argmax(axis=1)]
            lines.append(
                f"| {name} | {model.stat().st_size / 1e6:.1f} | | | | | "
                f"{accuracy_score(new_label, found):.4f} | |"
            )
            if len(lines) == 1:
                options = {"cutoff": 100_000, "retrain": True, "qnorm": True}
                peer.model.quantize(str(train), thread=_peers.THREADS, verbose=0, **options)
    return lines


def main(argv=None):
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", choices=["imdb", "generated"], default="imdb")
    parser.add_argument("--test", action="store_true", help="score on the test split")
    parser.add_argument("--fasttext", action="store_true", help="fit fastText too")
    options = parser.parse_args(argv)
    text, label, new, new_label = split(options.data, options.test)
    pipe = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=0))
    pipe.fit(text, label)
    ids = pipe[0].transform(new)
    print(HEAD, "|---" * 8 + "|", line("default", pipe, ids, new_label), sep="\n", flush=True)
    for max_ngrams, bits in SETTINGS:
        small = compress(pipe, max_ngrams=max_ngrams, bits=bits)
        name = f"`max_ngrams={max_ngrams:_}, bits={bits}`"
        print(line(name, small, ids, new_label), flush=True)
    if options.fasttext:
        print(*fasttext_lines(text, label, new, new_label), sep="\n")


if __name__ == "__main__":
    main()
