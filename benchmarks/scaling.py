"""Cost of ten times the reviews: seconds and peak memory of tokenizing and training on a stream.

    python benchmarks/scaling.py

Each size runs in its own process. Reviews are repeated with their words in another order and arrive
in chunks; generating them is not timed. Both estimators learn by `partial_fit`: one pass over the
stream for the vocabulary, one to train. The reviews are IMDB's if they are found, else generated.
"""

import argparse
import gc
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
from _peers import THREADS

from sentilib import DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import load_imdb, make_reviews

CHUNK = 5_000  # reviews
MOST_RATIO, MOST_MEGABYTES = 11, 1_500


def load(limit: int | None) -> tuple[list[str], np.ndarray]:
    """Load the reviews of train in random order."""
    try:
        texts, labels = load_imdb("train", download=False, return_X_y=True)
    except FileNotFoundError:
        texts, labels = make_reviews(limit or 25_000, random_state=0)
    rows = np.random.default_rng(0).permutation(len(texts))[:limit]
    return [texts[i] for i in rows], labels[rows]


def stream(texts: list[str], labels: np.ndarray, times: int) -> Iterator[tuple[list, np.ndarray]]:
    """Yield all reviews `times` times, each time with their words shuffled anew."""
    rng = np.random.default_rng(0)
    for _ in range(times):
        for start in range(0, len(texts), CHUNK):
            chunk = slice(start, start + CHUNK)
            yield [shuffled(text, rng) for text in texts[chunk]], labels[chunk]


def shuffled(text: str, rng: np.random.Generator) -> str:
    """Shuffle the words of a review; a line break moves like a word."""
    words = np.array(text.replace("<br />", " <br/> ").split(), dtype=object)
    return " ".join(words[rng.permutation(len(words))])


def learn(texts: list[str], labels: np.ndarray, times: int) -> dict[str, float]:
    """Learn the vocabulary, then train; return the seconds of each."""
    seconds = {"vocabulary": 0.0, "ids": 0.0, "training": 0.0}
    tokenizer = HTMLTokenizer(n_jobs=THREADS)
    classifier = DenseSentimentClassifier(random_state=0)
    for chunk, _ in stream(texts, labels, times):
        start = time.perf_counter()
        tokenizer.partial_fit(chunk)
        seconds["vocabulary"] += time.perf_counter() - start
    for chunk, y in stream(texts, labels, times):
        start = time.perf_counter()
        X = tokenizer.transform(chunk)
        tokenized = time.perf_counter()
        classifier.partial_fit(X, y, classes=[0, 1])
        seconds["ids"] += tokenized - start
        seconds["training"] += time.perf_counter() - tokenized
    return seconds | {"all": sum(seconds.values())}


def work(times: int, limit: int | None) -> None:
    """Print the figures of one size as JSON."""
    texts, labels = load(limit)
    # Loads Keras and the kernels, and traces the graph for a vocabulary of this size.
    learn(texts[:CHUNK], labels[:CHUNK], 1)
    gc.collect()  # Keras models are full of reference cycles
    figures = learn(texts, labels, times)
    unit = 1 if sys.platform == "darwin" else 1024
    figures["peak, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    print(json.dumps(figures))


def run(times: int, options: argparse.Namespace) -> dict[str, float]:
    """Return the medians over processes that learn from `times` times the reviews."""
    command = [sys.executable, __file__, "--worker", str(times)]
    if options.limit:
        command += ["--limit", str(options.limit)]
    runs = []
    for _ in range(options.repeats):
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def main(argv: list[str] | None = None) -> None:
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3, help="processes per size")
    parser.add_argument("--limit", type=int, help="maximum number of reviews")
    parser.add_argument("--worker", type=int, metavar="TIMES", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.worker:
        work(options.worker, options.limit)
        return

    once, ten = run(1, options), run(10, options)
    print("| | 1x | 10x | ratio |", "|---|--:|--:|--:|", sep="\n")
    for name in once:
        unit, digits = ("", 0) if name.startswith("peak") else (" s", 2)
        cells = [f"{size[name]:,.{digits}f}{unit}" for size in (once, ten)]
        print("| " + " | ".join([name, *cells, f"{ten[name] / once[name]:.1f}"]) + " |")
    print(f"\nRequired: at most {MOST_RATIO} times the time, under {MOST_MEGABYTES:,} MB.", end=" ")
    linear = ten["all"] <= MOST_RATIO * once["all"] and ten["peak, MB"] < MOST_MEGABYTES
    print("Both hold." if linear else "This does NOT hold.")


if __name__ == "__main__":
    main()
