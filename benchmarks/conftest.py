"""Data, measurement and report that all benchmarks share."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import _peers  # before any library: sets how many threads they use
import numpy as np
import pytest
from _report import Report, Timing
from sklearn.model_selection import GroupShuffleSplit

from sentilib import HTMLTokenizer
from sentilib.datasets import load_imdb, make_reviews

GROUPS = ("tokenize", "train", "predict", "latency", "explain")  # in the order of the table
N_GENERATED = 25_000  # reviews of each split, if there is no IMDB
_report = pytest.StashKey[Report]()


class Reviews(NamedTuple):
    """Raw documents, their labels (0 negative, 1 positive) and movies."""

    text: list[str]
    label: np.ndarray
    movie: np.ndarray

    @property
    def megabytes(self) -> float:
        """Size in UTF-8, in megabytes."""
        return sum(len(text.encode()) for text in self.text) / 1e6

    def rows(self, rows: np.ndarray) -> "Reviews":
        """Return some of the reviews."""
        return Reviews([self.text[i] for i in rows], self.label[rows], self.movie[rows])


class Ids(NamedTuple):
    """Token ids and labels to learn from, and those of other movies to validate on."""

    X: np.ndarray
    y: np.ndarray
    X_val: np.ndarray
    y_val: np.ndarray


# ---------------------------------------------------------------------------- options


def pytest_addoption(parser):
    group = parser.getgroup("sentilib")
    group.addoption("--turns", type=int, default=3, help="turns of each contender; default: 3")
    group.addoption("--limit", type=int, help="maximum number of reviews per split")
    group.addoption(
        "--without",
        default=[],
        action="append",
        metavar="PEER",
        help="leave out a peer, by its name in the functions",
    )
    group.addoption(
        "--output", type=Path, default=Path("bench_output"), help="folder for table and picture"
    )


def pytest_configure(config):
    config.stash[_report] = Report()


def pytest_generate_tests(metafunc):
    if "measure" in metafunc.fixturenames:
        turns = range(metafunc.config.getoption("turns"))
        metafunc.parametrize("turn", turns, ids=[f"turn {k + 1}" for k in turns])


def pytest_collection_modifyitems(config, items):
    """Let contenders of a file take turns, so that a slow minute affects them all."""
    without = config.getoption("without")
    left_out = [item for item in items if any(peer in item.originalname for peer in without)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: (GROUPS.index(group_of(item)), item.callspec.params["turn"]))
    for module in dict.fromkeys(item.module for item in items):
        config.stash[_report].comparisons.extend(getattr(module, "COMPARISONS", []))


def group_of(item):
    """Return the group of a benchmark, which is named by its file."""
    return item.path.stem.removeprefix("bench_")


# ---------------------------------------------------------------------------- data


@pytest.fixture(scope="session")
def splits(pytestconfig):
    """Return train and test in random order: IMDB if it is found, else generated reviews."""
    limit = pytestconfig.getoption("limit")
    report = pytestconfig.stash[_report]
    try:
        parts = [load_imdb(name, download=False) for name in ("train", "test")]
        splits = [Reviews(part.data, part.target, part.movie) for part in parts]
        report.data = "IMDB reviews"
    except FileNotFoundError:
        n_generated = 2 * (limit or N_GENERATED)
        bunch = make_reviews(n_generated, random_state=0, return_X_y=False)
        reviews = Reviews(bunch.data, bunch.target, bunch.movie)
        splitter = GroupShuffleSplit(1, test_size=0.5, random_state=0)
        splits = [
            reviews.rows(rows) for rows in next(splitter.split(bunch.data, groups=bunch.movie))
        ]
        report.data = "generated reviews"
    rng = np.random.default_rng(0)
    splits = [part.rows(rng.permutation(len(part.text))[:limit]) for part in splits]
    report.data = " and ".join(
        f"{len(part.text):,} {report.data} ({part.megabytes:.1f} MB) to {purpose}"
        for part, purpose in zip(splits, ("train", "test"), strict=True)
    )
    return splits


@pytest.fixture(scope="session")
def train(splits):
    """Return the reviews to learn from."""
    return splits[0]


@pytest.fixture(scope="session")
def test(splits):
    """Return the reviews to predict."""
    return splits[1]


@pytest.fixture(scope="session")
def by_movie(train):
    """Split train into four fifths and a fifth that shares no movie with them."""
    splitter = GroupShuffleSplit(1, test_size=0.2, random_state=0)
    learn, held_out = next(splitter.split(train.text, groups=train.movie))
    return train.rows(learn), train.rows(held_out)


@pytest.fixture(scope="session")
def ids(by_movie):
    """Return ids for the reference models: 10,000 words, 250 tokens, no punctuation."""
    learn, held_out = by_movie
    tokenizer = HTMLTokenizer(_peers.N_WORDS, _peers.N_TOKENS, punctuation="drop")
    X = tokenizer.fit_transform(learn.text)
    return Ids(X, learn.label, tokenizer.transform(held_out.text), held_out.label)


# ---------------------------------------------------------------------------- measurement


@pytest.fixture
def measure(benchmark, turn, request, pytestconfig):
    """Return a function that times another one and keeps its seconds for the table.

    measure(task, contender, function, rounds=3, warm_up=True, setup=None, **facts)

    It returns the result of the last round. `facts` (accuracies, ...) go to the JSON file;
    `measure.note(name=value)` adds further ones.
    """
    report = pytestconfig.stash[_report]

    def run(task, contender, function, *, rounds=3, warm_up=True, setup=None, **facts) -> Any:
        benchmark.group = group_of(request.node)
        result = benchmark.pedantic(
            function, rounds=rounds, warmup_rounds=int(warm_up and turn == 0), setup=setup
        )
        run.timing = Timing(benchmark.group, task, contender, turn, benchmark.stats.stats.data)
        report.timings.append(run.timing)
        note(**facts)
        return result

    def note(**facts):
        facts = {name: float(value) for name, value in facts.items()}
        run.timing.facts.update(facts)
        benchmark.extra_info.update(task=run.timing.task, contender=run.timing.contender, **facts)

    run.note = note
    run.turn = turn
    return run


# ---------------------------------------------------------------------------- report


def pytest_benchmark_update_json(config, output_json):
    output_json["ratios"] = config.stash[_report].as_dict()


def pytest_terminal_summary(terminalreporter, config):
    report = config.stash[_report]
    if not report.timings:
        return
    terminalreporter.section("how many times as fast as its peers")
    terminalreporter.write_line(report.table())
    folder = config.getoption("output")
    report.write(folder)
    for name in sorted(os.listdir(folder)):
        terminalreporter.write_line(f"written: {folder / name}")
