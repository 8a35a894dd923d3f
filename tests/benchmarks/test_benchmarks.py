"""The benchmarks run on few reviews, and their report computes what it says."""

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pytest_benchmark")
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def module():
    spec = importlib.util.spec_from_file_location("_report", ROOT / "benchmarks" / "_report.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up there
    yield spec.loader.exec_module(module) or module
    del sys.modules[spec.name]


@pytest.fixture
def report(module):
    """Two turns of a peer and of two settings of the product."""
    report = module.Report()

    def time(contender, *turns, accuracy):
        for turn, seconds in enumerate(turns):
            timing = module.Timing("group", "job", contender, turn, seconds)
            timing.facts["accuracy"] = accuracy[turn]
            report.timings.append(timing)

    time("peer", [8.0, 9.0], [10.0, 11.0], accuracy=[0.8, 0.9])
    time("sentilib, quick", [0.5, 1.5], [0.5, 1.5], accuracy=[0.8, 0.89])
    time("sentilib, thorough", [2.0], [4.0], accuracy=[0.9, 0.9])
    return report


def test_a_ratio_is_that_of_medians_and_its_range_that_of_the_turns(module, report):
    report.comparisons = [module.Comparison("job", "peer", 9, product="sentilib, quick")]
    (row,) = report.rows()
    assert (row.peer_seconds, row.product_seconds, row.ratio) == (9.5, 1.0, 9.5)
    assert (row.lowest, row.highest) == (8.5, 10.5)
    assert row.holds


@pytest.mark.parametrize(
    "limits", [{"at_least": 10}, {"within_seconds": 0.9}, {"accuracy_loss": 0.001}]
)
def test_a_row_that_misses_one_limit_does_not_hold(module, report, limits):
    options = {"at_least": 9, "product": "sentilib, quick"} | limits
    report.comparisons = [module.Comparison("job", "peer", **options)]
    (row,) = report.rows()
    assert row.holds is False
    assert "| NO |" in report.table()


def test_the_fastest_setting_that_is_as_accurate_as_the_peer_counts(module, report):
    report.comparisons = [module.Comparison("job", "peer", any_setting=True)]
    (row,) = report.rows()
    assert row.product == "sentilib, thorough"
    assert row.holds is None


def test_a_table_says_where_no_setting_is_as_accurate_as_the_peer(module, report):
    report.comparisons = [
        module.Comparison("job", "peer", 2, product="sentilib, quick", any_setting=True)
    ]
    assert report.rows() == []
    assert "NOT REACHED" in report.table() and "0.8450" in report.table()


def test_the_benchmarks_run_on_few_reviews_and_leave_table_picture_and_figures(tmp_path):
    pytest.importorskip("matplotlib")
    command = [sys.executable, "-m", "pytest", "benchmarks/bench_tokenize.py", "--limit=40"]
    command += ["--turns=1", f"--output={tmp_path}", "--without=keras", "--without=hugging"]
    command += [f"--benchmark-json={tmp_path / 'benchmark.json'}"]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")
    }
    environment.pop("SENTILIB_DATA", None)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), *sys.path]))
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    table = (tmp_path / "ratios.md").read_text(encoding="utf-8")
    assert table in done.stdout
    rows = json.loads((tmp_path / "ratios.json").read_text(encoding="utf-8"))["rows"]
    assert {row["task"] for row in rows} == {"fit of the vocabulary", "transform", "fit_transform"}
    assert all(row["ratio"] == row["peer_seconds"] / row["product_seconds"] > 0 for row in rows)
    assert json.loads((tmp_path / "benchmark.json").read_text(encoding="utf-8"))["ratios"]["rows"]
    assert (tmp_path / "ratios.png").read_bytes().startswith(b"\x89PNG")


def test_many_classes_are_learnt_beside_a_linear_model(capsys, tmp_path, monkeypatch):
    pd = pytest.importorskip("pandas")
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    texts = [f"word{k % 3} and more" for k in range(60)]
    table = pd.DataFrame({"text": texts, "label": np.arange(60) % 3, "split": "train"})
    table.loc[45:, "split"] = "test"
    table.to_parquet(tmp_path / "three.parquet")
    importlib.import_module("many_classes").main(
        ["--rounds", "1", "--sizes", "1", "--sets", str(tmp_path)]
    )
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines()[2:]]
    assert [(row[1].strip(), row[2].strip()[:5]) for row in rows] == [
        ("20", "SGDCl"),
        ("20", "Dense"),
        ("3", "SGDCl"),
        ("3", "Dense"),
    ]
    assert all(float(row[3]) > 0.95 for row in rows)
