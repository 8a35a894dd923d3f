"""Learn 20 to 1,000 classes: accuracy and seconds beside linear models on TF-IDF.

    python benchmarks/many_classes.py [--sets FOLDER] [--rounds 3]

Short generated texts with three words of their class among twelve, new ones in each round, and
every NAME.parquet with the columns text, label and split (train or test) in a folder. Prints a
table in Markdown: accuracy on the test part (mean of the rounds, and its standard error over
generated data), and seconds from raw text to a fitted pipeline (median of the rounds, after one fit
that loads and compiles).
"""

import argparse
import statistics
import time
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline

from sentilib import DenseSentimentClassifier, HTMLTokenizer

SIZES = (20, 100), (150, 100), (1000, 15)  # classes, and texts of each


def intents(n_classes, n_texts, seed=0, n_words=12, vocabulary=4000):
    """Generate texts of which three words are among four of their class."""
    rng = np.random.RandomState(seed)
    own = rng.randint(vocabulary, size=(n_classes, 4))
    y = rng.permutation(np.repeat(np.arange(n_classes), n_texts))
    words = rng.randint(vocabulary, size=(len(y), n_words))
    words[:, :3] = np.take_along_axis(own[y], rng.randint(4, size=(len(y), 3)), axis=1)
    texts = [" ".join(f"w{word}" for word in rng.permutation(row)) for row in words]
    return texts, y, np.arange(len(y)) >= 0.8 * len(y)


def read(path):
    """Return the texts and labels of a file, and which rows are the test part."""
    import pandas as pd

    table = pd.read_parquet(path)
    return table["text"].tolist(), table["label"].to_numpy(), (table["split"] == "test").to_numpy()


def models():
    """Return a new pipeline of each kind."""
    return {
        "SGDClassifier on TF-IDF": make_pipeline(TfidfVectorizer(), SGDClassifier(random_state=0)),
        "Dense": make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=0)),
    }


def main(argv=None):
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sets", type=Path, metavar="FOLDER")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, default=len(SIZES), help="number of generated sets")
    options = parser.parse_args(argv)

    data = {f"generated, {k} x {n}": partial(intents, k, n) for k, n in SIZES[: options.sizes]}
    for path in sorted(options.sets.glob("*.parquet")) if options.sets else []:
        data[path.stem] = partial(read, path)
    models()["Dense"].fit(["good", "bad", "fine"] * 9, [0, 1, 2] * 9)
    print("| data | classes | model | accuracy | fit, seconds | times as long |")
    print("|---|--:|---|--:|--:|--:|")
    for name, load in data.items():
        seconds = {kind: [] for kind in models()}
        accuracy = {kind: [] for kind in models()}
        for seed in range(options.rounds):
            texts, y, is_test = load(seed=seed) if load.func is intents else load()
            train, test = ([texts[i] for i in np.flatnonzero(part)] for part in (~is_test, is_test))
            for kind, model in models().items():
                start = time.perf_counter()
                model.fit(train, y[~is_test])
                seconds[kind].append(time.perf_counter() - start)
                accuracy[kind].append(model.score(test, y[is_test]))
        medians = {kind: statistics.median(times) for kind, times in seconds.items()}
        first = next(iter(medians.values()))
        for kind, median in medians.items():
            mean = f"{np.mean(accuracy[kind]):.4f}"
            if load.func is intents and options.rounds > 1:
                mean += f" ± {np.std(accuracy[kind], ddof=1) / options.rounds**0.5:.4f}"
            print(
                f"| {name} | {len(np.unique(y))} | {kind} | {mean} | {median:.2f} "
                f"| {median / first:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
