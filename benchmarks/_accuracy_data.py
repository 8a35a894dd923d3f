"""Data sets of the accuracy table: texts and labels to learn from, texts and labels to score on."""

import functools
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import GroupShuffleSplit

from sentilib.datasets import load_imdb, make_reviews

IMDB_SIZES = (500, 2_000, 10_000, 25_000)
N_IMDB = IMDB_SIZES[-1]
N_STARS = 10_000  # training reviews by star rating: the peers take minutes for more
N_GENERATED = 2_000, 5_000
# Of each set with few labels: labelled and unlabelled training texts, and texts to score on
N_POOL, N_FEW_NEW = 6_000, 2_000
NO_TEXTS = np.array([], dtype=object)


class Split(NamedTuple):
    """Documents with labels, to learn from and to score on, and further ones without labels."""

    text: np.ndarray
    label: np.ndarray
    new_text: np.ndarray
    new_label: np.ndarray
    unlabeled: np.ndarray = NO_TEXTS

    def limited(self, limit: int | None) -> "Split":
        """Return the first rows of each part, without new labels that the first part lacks."""
        text, label = self.text[:limit], self.label[:limit]
        known = np.isin(self.new_label, label)
        new = self.new_text[known][:limit], self.new_label[known][:limit]
        return Split(text, label, *new, self.unlabeled[:limit])

    def digest(self) -> str:
        """Return a hash of the split, which identifies its runs."""
        digest = hashlib.sha256()
        for column in self:
            for value in column.tolist():
                digest.update(f"{value}\0".encode())
        return digest.hexdigest()[:16]


class Task(NamedTuple):
    """A data set at one training size; `load` gives its split for a seed."""

    data: str
    load: Callable[[int], Split]
    n_labels: int | None = None  # of a task with few labels


def tasks(
    names: list[str] | None,
    sets: Path | None,
    limit: int | None,
    n_labels: Sequence[int] = (),
) -> tuple[list[Task], list]:
    """Return the selected tasks, and a line for each data set that is not available.

    Each set of texts that people wrote also gives a task for each of the numbers `n_labels`.
    """
    found = [Task("generated", generated)]
    all_labels = []
    missing = []
    try:
        imdb("train")
    except FileNotFoundError:
        missing.append("IMDB: not found; set SENTILIB_DATA, or call load_imdb() to download it")
    else:
        found = [Task("IMDB", functools.partial(imdb_split, n, "target")) for n in IMDB_SIZES] + [
            Task("IMDB stars", functools.partial(imdb_split, N_STARS, "rating")),
            *found,
        ]
        all_labels = [Task("IMDB", functools.partial(imdb_split, N_IMDB, "target"))]
    if sets is not None:
        paths = sorted(sets.glob("*.parquet"))
        if not paths:
            raise FileNotFoundError(f"{sets} contains no file NAME.parquet.")
        of_files = [Task(path.stem, functools.partial(from_parquet, path)) for path in paths]
        found += of_files
        all_labels += of_files
    known = [task.data for task in found]
    if names is not None:
        if unknown := set(names).difference(known):
            raise ValueError(
                f"No data set is called {', '.join(sorted(unknown))}; there are "
                f"{', '.join(dict.fromkeys(known))}."
            )
        found, all_labels = (
            [task for task in some if task.data in names] for some in (found, all_labels)
        )
    for task in all_labels if n_labels else ():
        split = task.load(0)
        n_classes, n_texts = len(np.unique(split.label)), min(len(split.text), N_POOL)
        for n in sorted(n_labels):
            if 3 * n_classes <= n < n_texts:
                found.append(Task(task.data, functools.partial(few_labels, task, n), n))
            else:
                missing.append(
                    f"{task.data}: no {n:,} labels of {n_classes} classes, {n_texts:,} texts"
                )
    limited = [
        task._replace(load=lambda seed, load=task.load: load(seed).limited(limit)) for task in found
    ]
    return limited, missing


@functools.cache
def imdb(name: str) -> Any:
    """Load a split of IMDB."""
    return load_imdb(name, download=False)


def imdb_split(n_samples: int, target: str, seed: int) -> Split:
    """Draw training reviews at random, in random order, and return them with all test reviews."""
    train, test = imdb("train"), imdb("test")
    rows = np.random.default_rng(seed).permutation(len(train.data))[:n_samples]
    # The release is sorted by label.
    new_rows = np.random.default_rng(0).permutation(len(test.data))
    return Split(
        np.array(train.data, dtype=object)[rows],
        train[target][rows],
        np.array(test.data, dtype=object)[new_rows],
        test[target][new_rows],
    )


def generated(seed: int) -> Split:
    """Generate reviews, and others of different movies to score on."""
    n_train, n_new = N_GENERATED
    bunch = make_reviews(n_train + n_new, random_state=seed, return_X_y=False)
    splitter = GroupShuffleSplit(1, test_size=n_new / (n_train + n_new), random_state=seed)
    rows, new_rows = next(splitter.split(bunch.data, groups=bunch.movie))
    text = np.array(bunch.data, dtype=object)
    return Split(text[rows], bunch.target[rows], text[new_rows], bunch.target[new_rows])


def from_parquet(path: Path, seed: int) -> Split:
    """Read a file with the columns text, label and split; shuffle the training rows."""
    import pandas as pd

    frame = pd.read_parquet(path)
    if missing := {"text", "label", "split"}.difference(frame.columns):
        raise ValueError(
            f"{path} lacks the column(s) {', '.join(sorted(missing))}; text, label and split are "
            "expected."
        )
    parts = [frame[frame["split"] == name] for name in ("train", "test")]
    if not all(map(len, parts)):
        raise ValueError(f"{path}: the column split must contain 'train' and 'test'.")
    train, test = (
        (np.array(part["text"].tolist(), dtype=object), np.array(part["label"].tolist()))
        for part in parts
    )
    rows = np.random.default_rng(seed).permutation(len(train[0]))
    return Split(train[0][rows], train[1][rows], *test)


def few_labels(task: Task, n_labels: int, seed: int) -> Split:
    """Draw texts with labels, at least three of each class, from a part of the training texts.

    The others of the part have no labels. Part and texts to score on are the same for all seeds.
    """
    full = task.load(0)
    pool, new = (
        np.random.default_rng(0).permutation(len(part))[:n]
        for part, n in ((full.text, N_POOL), (full.new_text, N_FEW_NEW))
    )
    text, label = full.text[pool], full.label[pool]
    order = np.random.default_rng([seed, n_labels]).permutation(len(text))
    firsts = np.concatenate([np.flatnonzero(label[order] == k)[:3] for k in np.unique(label)])
    order = np.concatenate([order[firsts], np.delete(order, firsts)])
    rows, rest = order[:n_labels], order[n_labels:]
    return Split(text[rows], label[rows], full.new_text[new], full.new_label[new], text[rest])
