"""A small model and its data, and a function that runs commands in this process."""

import csv
import io
import json
import sys
from typing import NamedTuple

import pytest

click = pytest.importorskip("click")
skops_io = pytest.importorskip("skops.io")

from sentilib._cli import main  # noqa: E402
from sentilib.datasets import make_reviews  # noqa: E402


class Result(NamedTuple):
    """What a command returned and printed."""

    code: int
    out: str
    err: str

    @property
    def line(self):
        """The only line on standard error, without the program's name."""
        [line] = self.err.splitlines()
        assert line.startswith("sentilib: ")
        return line.removeprefix("sentilib: ")

    @property
    def rows(self):
        return list(csv.DictReader(io.StringIO(self.out)))


@pytest.fixture
def cli(capsysbinary, monkeypatch, tmp_path):
    """Return a function that runs a command in the folder of the test."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main([str(argument) for argument in arguments])
        out, err = capsysbinary.readouterr()
        return Result(code, out.decode(), err.decode())

    return run


def write_csv(path, columns, **options):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, **options)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def read_csv(path, **options):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, **options))


def write_lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_parquet(path, columns, **options):
    parquet = pytest.importorskip("pyarrow.parquet")
    pyarrow = pytest.importorskip("pyarrow")
    parquet.write_table(pyarrow.table(columns), path, **options)
    return path


@pytest.fixture(scope="session")
def columns():
    """Return a table of reviews: its words are few, so that little training is enough."""
    bunch = make_reviews(600, n_movies=60, length=30, random_state=0, return_X_y=False)
    labels = [("neg", "pos")[label] for label in bunch.target]
    return {
        "id": list(range(600)),
        "text": bunch.data,
        "label": labels,
        "movie": bunch.movie.tolist(),
    }


@pytest.fixture(scope="session")
def trained(columns, tmp_path_factory):
    """Return a folder with a table, a model of it, and what `train` printed."""
    folder = tmp_path_factory.mktemp("trained")
    write_csv(folder / "reviews.csv", columns)
    with pytest.MonkeyPatch.context() as patch:
        out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        arguments = ["--set", "epochs=4", "--group", "movie", "--test-size", "0.25", "--json"]
        code = main(
            ["train", str(folder / "reviews.csv"), "-o", str(folder / "model.skops"), *arguments]
        )
        out.flush()
        result = Result(code, out.buffer.getvalue().decode(), err.getvalue())
    assert code == 0, result.err
    return folder, result


@pytest.fixture(scope="session")
def model_path(trained):
    return trained[0] / "model.skops"


@pytest.fixture(scope="session")
def pipe(model_path):
    """Return the model as Python loads it."""
    import sentilib

    return skops_io.load(model_path, trusted=sentilib.TRUSTED_TYPES)
