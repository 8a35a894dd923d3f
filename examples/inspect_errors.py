"""Inspect the errors of two models: a report for each, and a page that compares them.

    python examples/inspect_errors.py [--data generated] [--output inspect_output]

The script also tests two common claims about such models: that the loss decreases with the length
of a review, and that it increases with the number of unknown words.
"""

import argparse
import time
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import numpy as np
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import Pipeline

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import load_imdb, make_reviews
from sentilib.inspection import (
    LatentSpaceDisplay,
    LossByFeatureDisplay,
    compare,
    error_table,
    find_leaks,
    report,
    slices,
)


def load(source, n_generated):
    """Load training and test reviews; generated reviews have no rating."""
    if source == "imdb":
        train, test = load_imdb("train"), load_imdb("test")
        return train, test, {"rating": test.rating}
    parts = [
        make_reviews(n, random_state=k, return_X_y=False)
        for k, n in enumerate((n_generated, n_generated // 3))
    ]
    return *parts, None


def fit(train):
    """Fit one tokenizer and both classifiers, with validation on held-out movies."""
    tokenizer = HTMLTokenizer()
    X = tokenizer.fit_transform(train.data)
    y = np.asarray(train.target)
    rows, held_out = next(
        GroupShuffleSplit(1, test_size=0.1, random_state=0).split(X, groups=train.movie)
    )
    models = {}
    for name, kind in (("Dense", DenseSentimentClassifier), ("CNN", ConvSentimentClassifier)):
        classifier = kind(random_state=0)
        classifier.fit(X[rows], y[rows], X_val=X[held_out], y_val=y[held_out])
        models[name] = Pipeline([("tokenizer", tokenizer), ("classifier", classifier)])
    return models


def check(name, pipe, test, output):
    """Print how the loss depends on length and on unknown words, with intervals."""
    display = LossByFeatureDisplay.from_estimator(
        pipe, test.data, test.target, features=["length", "oov_count", "oov_rate"], n_bins=10
    )
    print(f"\n{name}: rank correlation of the loss with a feature, 95 % interval")
    for feature, (rho, low, high) in display.trends.iterrows():
        bins = display.bins[feature]
        first, last = bins.iloc[0], bins.iloc[-1]
        print(
            f"  {feature:10} {rho:+.3f} [{low:+.3f}, {high:+.3f}];  mean loss of the lowest tenth "
            f"{first.loss:.3f} [{first.loss_low:.3f}, {first.loss_high:.3f}], of the highest "
            f"{last.loss:.3f} [{last.loss_low:.3f}, {last.loss_high:.3f}]"
        )
    display.figure_.savefig(output / f"loss_by_feature_{name}.png", dpi=70)
    latent = LatentSpaceDisplay.from_estimator(pipe, test.data, test.target)
    latent.figure_.savefig(output / f"latent_space_{name}.png", dpi=70)


def main(argv=None, n_generated=6000):
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", choices=("imdb", "generated"), default="imdb")
    parser.add_argument("--output", type=Path, default=Path("inspect_output"))
    options = parser.parse_args(argv)
    options.output.mkdir(parents=True, exist_ok=True)

    train, test, data = load(options.data, n_generated)
    models = fit(train)
    for name, pipe in models.items():
        check(name, pipe, test, options.output)
        print(f"\n{name}: the subgroups with the highest loss")
        worst = slices(pipe, test.data, test.target, data=data, random_state=0).head(5)
        print(worst[["slice", "n_reviews", "loss", "loss_low", "loss_high"]].to_string(index=False))
        print(f"\n{name}: the errors with the highest confidence")
        errors = error_table(pipe, test.data, test.target, n_explained=5).head(5)
        print(errors[["truth", "probability", "words_for", "words_against"]].to_string())
        start = time.perf_counter()
        path = report(
            pipe,
            test.data,
            test.target,
            path=options.output / f"report_{name}.html",
            data=data,
            random_state=0,
        )
        megabytes = Path(path).stat().st_size / 1e6
        print(f"\n{path}: {megabytes:.1f} MB in {time.perf_counter() - start:.1f} s")

    found = compare(models["Dense"], models["CNN"], test.data, test.target, names=("Dense", "CNN"))
    print(f"\n{found}")
    print(found.report(options.output / "compare.html"))
    leaks = find_leaks(
        train.data,
        test.data,
        y_train=train.target,
        y_test=test.target,
        groups_train=train.movie,
        groups_test=test.movie,
    )
    print(f"\n{leaks}")


if __name__ == "__main__":
    main()
