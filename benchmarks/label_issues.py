"""Flip labels on purpose and count how many `find_label_issues` finds, next to cleanlab.

    python benchmarks/label_issues.py [--n 5000] [--seeds 3]

Prints the average precision of the ranking (random: the share of flipped labels), and precision
and recall of those called issues, for IMDB at three noise rates and for generated reviews of two
and three classes. Both libraries get the same out-of-fold probabilities, those of
`find_label_issues` itself, so that only what they make of them differs. cleanlab is left out where
it is not installed.
"""

import argparse
import time

import numpy as np
from sklearn.metrics import average_precision_score, precision_score, recall_score
from sklearn.pipeline import make_pipeline

from sentilib import DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import load_imdb, make_reviews
from sentilib.inspection import find_label_issues
from sentilib.inspection._evaluation import labels as checked_labels
from sentilib.inspection._out_of_fold import out_of_fold_proba, tokenized_once


def flip(y, rate, rng):
    """Replace a share of the labels by another one."""
    y, classes = y.copy(), np.unique(y)
    rows = rng.permutation(len(y))[: round(rate * len(y))]
    shift = rng.randint(1, len(classes), size=len(rows))
    y[rows] = classes[(np.searchsorted(classes, y[rows]) + shift) % len(classes)]
    flipped = np.zeros(len(y), dtype=bool)
    flipped[rows] = True
    return y, flipped


def cleanlab_scores(y, proba, flipped):
    """Give average precision, precision and recall of cleanlab's default ranking and filter."""
    try:
        from cleanlab.filter import find_label_issues as find
        from cleanlab.rank import get_label_quality_scores
    except ImportError:
        return None
    codes = np.searchsorted(np.unique(y), y)
    quality = get_label_quality_scores(codes, proba)
    found = find(codes, proba, n_jobs=1)
    return (
        average_precision_score(flipped, -quality),
        precision_score(flipped, found),
        recall_score(flipped, found),
    )


def main():
    """Run the comparison and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=5000, help="IMDB reviews")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=1, help="n_repeats")
    options = parser.parse_args()

    imdb = load_imdb("train")
    cases = [("IMDB", 2, rate) for rate in (0.02, 0.05, 0.1)]
    cases += [("generated", 2, 0.05), ("generated", 3, 0.05)]
    print(f"{'data':12}{'classes':>8}{'flipped':>9}{'':>10}{'AP':>8}{'precision':>11}{'recall':>8}")
    for name, n_classes, rate in cases:
        ours, theirs, seconds = [], [], []
        for seed in range(options.seeds):
            rng = np.random.RandomState(seed)
            if name == "IMDB":
                rows = rng.permutation(len(imdb.data))[: options.n]
                texts, y = [imdb.data[row] for row in rows], np.asarray(imdb.target)[rows]
                groups = np.asarray(imdb.movie)[rows]
            else:
                data = make_reviews(
                    options.n,
                    n_classes=n_classes,
                    label_noise=0,
                    random_state=seed,
                    return_X_y=False,
                )
                texts, y, groups = data.data, data.target, data.movie
            noisy, flipped = flip(y, rate, rng)
            pipe = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=seed))
            start = time.perf_counter()
            table = find_label_issues(
                pipe, texts, noisy, groups=groups, n_repeats=options.repeats, random_state=seed
            ).sort_index()
            seconds.append(time.perf_counter() - start)
            ours.append(
                (
                    average_precision_score(flipped, -table["label_quality"]),
                    precision_score(flipped, table["is_issue"]),
                    recall_score(flipped, table["is_issue"]),
                )
            )
            model, ids = tokenized_once(pipe, texts)
            proba = out_of_fold_proba(
                model,
                ids,
                checked_labels(noisy, len(texts)),
                cv=5,
                groups=groups,
                n_jobs=None,
                random_state=np.random.RandomState(seed),
            )
            if (found := cleanlab_scores(noisy, proba, flipped)) is not None:
                theirs.append(found)
        for who, scores in (("sentilib", ours), ("cleanlab", theirs)):
            if scores:
                mean, spread = np.mean(scores, axis=0), np.std(scores, axis=0)
                print(
                    f"{name:12}{n_classes:8}{rate:9.0%}{who:>10}{mean[0]:8.3f}{mean[1]:11.3f}"
                    f"{mean[2]:8.3f}   AP spread {spread[0]:.3f}, {np.mean(seconds):.1f} s"
                )


if __name__ == "__main__":
    main()
