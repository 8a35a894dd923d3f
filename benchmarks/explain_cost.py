"""Explain more and longer reviews: time per token, and memory.

    python benchmarks/explain_cost.py [--limit 25000] [--rounds 3]

The default Dense model and CNN explain reviews of 125 to 1,000 tokens, then an eighth of the
reviews to all of them at 250 tokens. Prints a table in Markdown: seconds (the fastest round),
processor time per token, and by how much the peak memory of the process exceeds that of fitting,
including the returned values.
"""

import argparse
import resource
import sys
import time

import numpy as np

from sentilib import (
    ConvSentimentClassifier,
    DenseSentimentClassifier,
    HTMLTokenizer,
    TokenShapExplainer,
)
from sentilib.datasets import load_imdb, make_reviews

LENGTHS = (125, 250, 500, 1000)
LENGTH = 250
PARTS = (8, 4, 2, 1)
N_LEARNT = 4000


def load():
    """Return texts and labels to learn from: IMDB if it is found, else generated reviews."""
    try:
        train = load_imdb("train", download=False)
    except FileNotFoundError:
        return make_reviews(N_LEARNT, random_state=0)
    rows = np.random.default_rng(0).permutation(len(train.data))[:N_LEARNT]
    return [train.data[row] for row in rows], train.target[rows]


def peak_megabytes():
    """Return the peak memory of the process, in megabytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main(argv=None):
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--limit", type=int, default=25_000, help="reviews of the largest batch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=-1, help="threads; all processors by default")
    options = parser.parse_args(argv)

    texts, y = load()
    ids = HTMLTokenizer().fit_transform(texts)
    words = ids[ids != 0]
    few = max(1, options.limit // PARTS[0])
    sizes = [(few, length) for length in LENGTHS]
    sizes += [(max(1, options.limit // part), LENGTH) for part in PARTS]
    print("| model | reviews | tokens each | seconds | µs a token | reviews/s | memory, MB |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name, kind in (("Dense", DenseSentimentClassifier), ("CNN", ConvSentimentClassifier)):
        explainer = TokenShapExplainer(
            kind(epochs=1, random_state=0).fit(ids, y), n_jobs=options.jobs
        )
        explainer.explain(ids[:2])  # compiles, builds the tables
        before = peak_megabytes()
        for n_reviews, length in sizes:
            X = np.zeros((n_reviews, ids.shape[1]), dtype=np.int32)
            X[:, :length] = np.resize(words, (n_reviews, length))
            seconds, of_processors = [], []
            for _ in range(options.rounds):
                start, used = time.perf_counter(), time.process_time()
                explainer.explain(X)
                seconds.append(time.perf_counter() - start)
                of_processors.append(1e6 * (time.process_time() - used) / (n_reviews * length))
            best = min(seconds)
            print(
                f"| {name} | {n_reviews:,} | {length:,} | {best:.3f} | "
                f"{min(of_processors):.2f} | {n_reviews / best:,.0f} | "
                f"{peak_megabytes() - before:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
