"""Accuracy and cost of sentilib's defaults and of the tools in use today, on the same data.

    python benchmarks/accuracy.py                          # IMDB and generated reviews, three seeds
    python benchmarks/accuracy.py --sets FOLDER            # and every NAME.parquet in a folder
    python benchmarks/accuracy.py --sets FOLDER --few      # few labels only, five draws
    python benchmarks/accuracy.py --data generated --seeds 1

Each finished run is a line of `accuracy.jsonl`. A run that has a line is not repeated, unless the
data, sentilib's code, a version or the machine has changed, so it can be interrupted and restarted
at any time. `--report` writes table and picture of the finished runs and fits nothing.
"""

import argparse
import gc
import hashlib
import itertools
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import _few_label_peers as _few
import _peers  # before any library: sets how many threads they use
import numpy as np
from _accuracy_data import Split, Task, tasks
from _accuracy_report import draw, table
from _report import machine
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from tqdm import tqdm

import sentilib
from sentilib import (
    ConvSentimentClassifier,
    DenseSentimentClassifier,
    DistilledClassifier,
    HTMLTokenizer,
    WordVectors,
)
from sentilib.datasets import make_reviews

N_BINS = 15  # of the calibration error
COMMON = ("numpy", "scipy", "scikit-learn")
OURS = (*COMMON, "selectolax", "keras", "tensorflow")
FASTTEXT = ("fasttext-wheel",)
N_SEEDS, N_DRAWS = 3, 5  # of tasks with all labels, and with few


class Contender(NamedTuple):
    """A model, its name in the table, and the packages that its figures depend on."""

    name: str
    build: Callable[[int], Any]
    packages: tuple[str, ...] = COMMON
    optional: tuple[str, ...] = ()  # further ones, without which it is left out

    @property
    def is_ours(self) -> bool:
        """Whether it is a model of sentilib."""
        return self.packages == OURS


def dense(seed: int) -> Any:
    """Build the default Dense pipeline."""
    return make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=seed))


def cnn(seed: int) -> Any:
    """Build the default CNN pipeline."""
    return make_pipeline(HTMLTokenizer(), ConvSentimentClassifier(random_state=seed))


def both(seed: int) -> Any:
    """Build a vote of both models, the mean of their probabilities, behind one tokenizer."""
    members = [
        ("dense", DenseSentimentClassifier(random_state=seed)),
        ("cnn", ConvSentimentClassifier(random_state=seed)),
    ]
    return make_pipeline(HTMLTokenizer(), VotingClassifier(members, voting="soft"))


def with_vectors(seed: int) -> Any:
    """Build the default Dense pipeline with the vectors of GloVe's 30,000 most frequent words."""
    vectors = WordVectors.of(_few.glove(), max_words=30_000)
    classifier = DenseSentimentClassifier(vectors=vectors, random_state=seed)
    return make_pipeline(HTMLTokenizer(vectors=vectors), classifier)


def taught(seed: int) -> Any:
    """Build the default Dense pipeline, taught by the sentence encoder on texts without labels."""
    return DistilledClassifier(dense(seed), _few.sentence_encoder())


def taught_with_vectors(seed: int) -> Any:
    """Build the Dense pipeline with vectors, taught by the sentence encoder."""
    return DistilledClassifier(with_vectors(seed), _few.sentence_encoder())


def taught_by_a_vote(seed: int) -> Any:
    """Build the default Dense pipeline, taught by a vote of itself and regression on characters."""
    characters = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True),
        LogisticRegression(C=10, max_iter=1000),
    )
    members = [("dense", dense(seed)), ("characters", characters)]
    return DistilledClassifier(dense(seed), VotingClassifier(members, voting="soft"))


# In the order of the table; first with thousands of labels, then with few.
CONTENDERS = (
    Contender("Dense", dense, OURS),
    Contender("CNN", cnn, OURS),
    Contender("Dense + CNN", both, OURS),
    Contender("TF-IDF, defaults", lambda seed: _peers.default_tfidf_regression((1, 2))),
    Contender("TF-IDF, tuned", lambda seed: _peers.tuned_tfidf_regression((1, 2))),
    Contender("fastText", lambda seed: _peers.FastText(seed=seed), FASTTEXT, FASTTEXT),
    Contender(
        "fastText, tutorial",
        lambda seed: _peers.FastText(lr=1.0, epoch=25, seed=seed),
        FASTTEXT,
        FASTTEXT,
    ),
)
FEW_LABELS = (
    Contender("Dense", dense, OURS),
    Contender("Dense, vectors", with_vectors, OURS, _few.GLOVE),
    Contender("Dense, taught by a vote", taught_by_a_vote, OURS),
    Contender("Dense, taught", taught, OURS, _few.ENCODER),
    Contender("Dense, both", taught_with_vectors, OURS, _few.GLOVE + _few.ENCODER),
    Contender("TF-IDF, tuned", lambda seed: _peers.tuned_tfidf_regression((1, 2), min_df=1)),
    Contender("static vectors", lambda seed: _few.static_vectors(), optional=_few.GLOVE),
    Contender("sentence encoder", lambda seed: _few.sentence_encoder(), optional=_few.ENCODER),
)


class Run(NamedTuple):
    """One model to be fitted once, and the key that identifies its line."""

    key: dict[str, Any]
    task: Task
    contender: Contender
    seed: int


# ---------------------------------------------------------------------------- runs


def plan(found: list[Task], names: list[str], seeds: int | None, facts: dict) -> list[Run]:
    """Return all runs, seed by seed, so that an unfinished table has a figure in each row."""
    code = source_digest()
    runs = {}
    for seed, task in itertools.product(range(seeds or N_DRAWS), found):
        contenders = CONTENDERS if task.n_labels is None else FEW_LABELS
        contenders = tuple(one for one in contenders if one.name in names and not _missing(one))
        if contenders and seed < (seeds or (N_SEEDS if task.n_labels is None else N_DRAWS)):
            split = task.load(seed)
            what = {"data": task.data, "n_train": len(split.text), "digest": split.digest()}
            if task.n_labels is not None:
                what |= {"few_labels": True, "n_unlabeled": len(split.unlabeled)}
            for contender in contenders:
                key = what | {
                    "n_new": len(split.new_text),
                    "n_classes": len(np.unique(split.label)),
                    "model": contender.name,
                    "settings": repr(contender.build(seed)),
                    "seed": seed,
                    "code": code if contender.is_ours else None,
                    "packages": versions(contender, facts),
                    "machine": f"{facts['processor']}, {facts['processors']} processors",
                }
                # With `--limit`, tasks that differ only in size are equal.
                runs.setdefault(identity(key), Run(key, task, contender, seed))
    return list(runs.values())


def _missing(contender: Contender) -> list[str]:
    return _few.missing(contender.optional)


def versions(contender: Contender, facts: dict) -> dict[str, str | None]:
    """Return the versions of the packages that a model's figures depend on."""
    known = {name: facts["packages"].get(name) for name in contender.packages}
    return known | {name: version(name) for name in contender.optional}


def source_digest() -> str:
    """Return a hash of sentilib's code, committed or not."""
    digest = hashlib.sha256()
    for path in sorted(Path(sentilib.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def commit() -> str | None:
    """Return the commit of the code, None outside of a git repository."""
    command = ["git", "describe", "--always", "--dirty"]
    folder = Path(__file__).parent
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def measure(model: Any, split: Split) -> dict[str, float]:
    """Fit from raw text, predict from raw text, and score."""
    gc.collect()
    unlabeled = {}
    if isinstance(model, DistilledClassifier):
        unlabeled = {"X_unlabeled": split.unlabeled}
    start = seconds()
    with warnings.catch_warnings():
        # scikit-learn's default of 100 iterations is part of the peer.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The least populated class")  # of three folds
        model.fit(split.text, split.label, **unlabeled)
    fitted = seconds()
    proba = model.predict_proba(split.new_text)
    predicted = seconds()
    return scores(proba, model.classes_, split.new_label) | {
        "fit_seconds": fitted - start,
        "predicted_per_second": len(proba) / (predicted - fitted),
    }


def seconds() -> float:
    """Return the time, including what was spared since texts were encoded before."""
    return time.perf_counter() + _few.spared_seconds


def scores(proba: np.ndarray, classes: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Compute accuracy, log loss and expected calibration error of the most probable class.

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017, equation 3; bins of equal
    width.
    """
    codes = np.searchsorted(classes, truth)
    confidence, correct = proba.max(axis=1), proba.argmax(axis=1) == codes
    own = np.maximum(proba[np.arange(len(proba)), codes], np.finfo(np.float64).eps)
    bins = np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    gaps = np.bincount(bins, weights=correct - confidence)
    return {
        "accuracy": float(correct.mean()),
        "log_loss": float(-np.log(own).mean()),
        "calibration_error": float(np.abs(gaps).sum() / len(proba)),
    }


def warm_up(models: set[str]) -> None:
    """Load Keras, the compiled tokenizer and pretrained models before anything is timed."""
    texts, labels = make_reviews(64, random_state=0)
    for one in (*CONTENDERS[:2], *FEW_LABELS):
        if one.name in models and not isinstance(model := one.build(0), DistilledClassifier):
            model.fit(texts, labels).predict_proba(texts)


# ---------------------------------------------------------------------------- lines


def identity(key: dict) -> str:
    """Return a key as a string that can be looked up."""
    return json.dumps(key, sort_keys=True)


def read(path: Path) -> list[dict]:
    """Return the finished runs, without lines that were cut off."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(line))
        except json.JSONDecodeError:
            print(f"{path}: an unfinished line is left out", file=sys.stderr)
    return lines


def append(path: Path, line: dict) -> None:
    """Append a finished run; if the last line was cut off, end it first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as file:
        cut_off = False
        if file.tell():
            file.seek(-1, 2)
            cut_off = file.read() != b"\n"
        file.write(b"\n" * cut_off + json.dumps(line).encode() + b"\n")


# ---------------------------------------------------------------------------- all of it


def run(runs: list[Run], path: Path, facts: dict) -> None:
    """Run everything that has no line yet; Ctrl-C stops it, and no finished run is lost."""
    done = {identity(line["key"]) for line in read(path)}
    todo = [one for one in runs if identity(one.key) not in done]
    print(f"{len(runs) - len(todo)} of {len(runs)} runs are in {path}", file=sys.stderr)
    if not todo:
        return
    warm_up({one.contender.name for one in todo})
    with tqdm(todo, unit="run", disable=None) as bar:  # no bar where nobody looks
        for one in bar:
            name = f"{one.task.data} {one.key['n_train']:,}, {one.contender.name}, seed {one.seed}"
            bar.set_description(name)
            found = measure(one.contender.build(one.seed), one.task.load(one.seed))
            facts = facts | {"commit": commit(), "time": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
            append(path, {"key": one.key} | found | {"facts": facts})
            tqdm.write(
                f"{name}: accuracy {found['accuracy']:.4f}, log loss {found['log_loss']:.4f}, "
                f"{found['fit_seconds']:.1f} s",
                file=sys.stderr,
            )


def options(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = list(dict.fromkeys(contender.name for contender in CONTENDERS + FEW_LABELS))
    parser.add_argument(
        "--sets", type=Path, metavar="DIR", help="folder of NAME.parquet with text, label, split"
    )
    parser.add_argument("--data", nargs="+", metavar="NAME", help="only these data sets")
    parser.add_argument("--models", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument(
        "--labels",
        type=int,
        nargs="*",
        default=[50, 200, 1000],
        metavar="N",
        help="numbers of labels of tasks with few labels; default: 50 200 1000",
    )
    parser.add_argument("--few", action="store_true", help="only the tasks with few labels")
    parser.add_argument(
        "--seeds",
        type=int,
        help=f"runs of each; default: {N_SEEDS}, and {N_DRAWS} draws of few labels",
    )
    parser.add_argument("--limit", type=int, help="take only that many texts of each part")
    parser.add_argument(
        "--output", type=Path, default=Path("bench_output"), help="folder of accuracy.*"
    )
    parser.add_argument("--report", action="store_true", help="report on finished runs, run none")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run what is missing, print the table, and write table and picture."""
    chosen = options(argv)
    found, notes = tasks(chosen.data, chosen.sets, chosen.limit, chosen.labels)
    if chosen.few:
        found = [task for task in found if task.n_labels is not None]
    for one in CONTENDERS + FEW_LABELS:
        if one.name in chosen.models and (lacking := _missing(one)):
            notes.append(f"{one.name}: not installed (pip install {' '.join(lacking)})")
    facts = machine()
    runs = plan(found, chosen.models, chosen.seeds, facts)
    path = chosen.output / "accuracy.jsonl"
    interrupted = False
    try:
        if not chosen.report:
            run(runs, path, facts)
    except KeyboardInterrupt:
        interrupted = True
        print("\nInterrupted; the next start goes on from here.", file=sys.stderr)
    wanted = {identity(one.key) for one in runs}
    lines = [line for line in read(path) if identity(line["key"]) in wanted]
    if lines:
        text = table(lines, runs_wanted=len(runs), notes=notes, machine=facts)
        (chosen.output / "accuracy.md").write_text(text + "\n", encoding="utf-8")
        print(text)
        written = ["accuracy.jsonl", "accuracy.md", *draw(lines, chosen.output, machine=facts)]
        print(f"\nWritten to {chosen.output}: {', '.join(written)}", file=sys.stderr)
    return 130 if interrupted else 0


if __name__ == "__main__":
    sys.exit(main())
