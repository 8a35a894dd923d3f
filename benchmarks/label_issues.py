"""Flip labels on purpose and count how many `find_label_issues` finds, beside cleanlab.

    python benchmarks/label_issues.py [--n 5000] [--seeds 3]

Prints the average precision of the ranking (a random one has the share of flipped labels), and the
precision and recall of the reported issues. Out of folds: IMDB at three noise rates and generated
reviews of two and three classes, with the Dense model together with others (the default), the Dense
model alone, and logistic regression on naive-Bayes-weighted n-grams (Wang & Manning 2012). Then
IMDB's test split, by a model of its training split. Both libraries get the same out-of-fold
probabilities, those of `find_label_issues`, so that only their use of them differs. cleanlab is
skipped if it is not installed.
"""

import argparse
import time

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, precision_score, recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from sentilib import DenseSentimentClassifier, HTMLTokenizer
from sentilib._pipelines import Progress
from sentilib.datasets import load_imdb, make_reviews
from sentilib.inspection import find_label_issues
from sentilib.inspection._measures._out_of_fold import mean_out_of_fold_proba, opinions
from sentilib.inspection._measures._second_opinions import LogCountRatios

DATA = ["IMDB", "generated", "IMDB test"]
MODELS = ["Dense and others", "Dense alone", "NB n-grams"]


def estimators(seed, n_classes):
    """Yield models, and whether others vote too; the weights of n-grams support two classes."""
    dense = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=seed))
    yield "Dense and others", dense, True
    yield "Dense alone", dense, False
    if n_classes == 2:
        yield (
            "NB n-grams",
            make_pipeline(
                CountVectorizer(
                    ngram_range=(1, 3),
                    binary=True,
                    token_pattern=r"[A-Za-z0-9']+|[!?]",
                    dtype=np.float64,
                ),
                LogCountRatios(),
                Normalizer(),
                LogisticRegression(C=10, max_iter=300),
            ),
            False,
        )


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
    """Return average precision, precision and recall of cleanlab's default ranking and filter."""
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
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--data", nargs="+", choices=DATA, default=DATA)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.02, 0.05, 0.1], help="of IMDB")
    parser.add_argument("--repeats", type=int, default=1, help="n_repeats")
    options = parser.parse_args()

    imdb = load_imdb("train")
    cases = [("IMDB", 2, rate) for rate in options.rates]
    cases += [("generated", 2, 0.05), ("generated", 3, 0.05)]
    cases = [case for case in cases if case[0] in options.data]
    print(
        f"{'data':11}{'classes':>8}{'flipped':>9}  {'model':18}{'':>10}{'AP':>8}"
        f"{'precision':>11}{'recall':>8}",
        flush=True,
    )
    for name, n_classes, rate in cases:
        scores, seconds = {}, {}
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            texts, y = reviews(name, n_classes, options.n, seed, imdb)
            noisy, flipped = flip(y, rate, np.random.RandomState(seed))
            for model_name, model, second in estimators(seed, n_classes):
                if model_name not in options.models:
                    continue
                start = time.perf_counter()
                table = find_label_issues(
                    model,
                    texts,
                    noisy,
                    second_opinion=second,
                    n_repeats=options.repeats,
                    random_state=seed,
                ).sort_index()
                seconds.setdefault(model_name, []).append(time.perf_counter() - start)
                ours = (
                    average_precision_score(flipped, -table["label_quality"]),
                    precision_score(flipped, table["is_issue"]),
                    recall_score(flipped, table["is_issue"]),
                )
                scores.setdefault((model_name, "sentilib"), []).append(ours)
                proba = probabilities(table, model, second, texts, noisy, seed, options.repeats)
                if (theirs := cleanlab_scores(noisy, proba, flipped)) is not None:
                    scores.setdefault((model_name, "cleanlab"), []).append(theirs)
        for (model_name, who), rows in scores.items():
            mean, spread = np.mean(rows, axis=0), np.std(rows, axis=0)
            print(
                f"{name:11}{n_classes:8}{rate:9.0%}  {model_name:18}{who:>10}{mean[0]:8.3f}"
                f"{mean[1]:11.3f}{mean[2]:8.3f}   AP spread {spread[0]:.3f}, "
                f"{np.mean(seconds[model_name]):.1f} s",
                flush=True,
            )
    if "IMDB test" in options.data:
        held_out(options)


def held_out(options):
    """Find flipped labels of the test split with a model of the training split."""
    train, test = load_imdb("train"), load_imdb("test")
    rows = np.random.RandomState(0).permutation(len(train.data))
    model = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=0))
    model.fit([train.data[row] for row in rows], np.asarray(train.target)[rows])
    for rate in options.rates:
        scores = []
        for seed in range(options.seeds):
            rows = np.random.RandomState(100 + seed).permutation(len(test.data))[: options.n]
            noisy, flipped = flip(np.asarray(test.target)[rows], rate, np.random.RandomState(seed))
            texts = [test.data[row] for row in rows]
            table = find_label_issues(FrozenEstimator(model), texts, noisy).sort_index()
            scores.append(average_precision_score(flipped, -table["label_quality"]))
        print(
            f"IMDB test{2:10}{rate:9.0%}  {'Dense, fitted on train':22}{np.mean(scores):8.3f}"
            f"   AP spread {np.std(scores):.3f}",
            flush=True,
        )


def probabilities(table, model, second, texts, y, seed, n_repeats):
    """Return the probabilities behind a table; for more than two classes they are recomputed."""
    classes = np.unique(y)
    if len(classes) == 2:
        given, own = table["given"].to_numpy(), table["self_confidence"].to_numpy()
        positive = np.where(given == classes[1], own, 1 - own)
        return np.column_stack([1 - positive, positive])
    models, *_ = opinions(model, texts, second_opinion=second)
    return mean_out_of_fold_proba(
        models,
        y,
        cv=10,
        groups=None,
        n_repeats=n_repeats,
        n_jobs=None,
        random_state=seed,
        progress=Progress(0, "benchmark"),
    )


def reviews(name, n_classes, n, seed, imdb):
    """Draw reviews with their original labels."""
    if name == "IMDB":
        rows = np.random.RandomState(seed).permutation(len(imdb.data))[:n]
        return [imdb.data[row] for row in rows], np.asarray(imdb.target)[rows]
    return make_reviews(n, n_classes=n_classes, label_noise=0, random_state=seed)


if __name__ == "__main__":
    main()
