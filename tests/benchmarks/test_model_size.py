"""The benchmark of the size of saved models."""

import importlib
import sys
from pathlib import Path

import pytest

pytest.importorskip("skops.io")
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_a_smaller_model_takes_less_and_scores_alike(capsys, monkeypatch):
    before = set(sys.modules)
    monkeypatch.syspath_prepend(BENCHMARKS)
    module = importlib.import_module("model_size")
    for name in set(sys.modules) - before:
        if str(BENCHMARKS) in str(getattr(sys.modules[name], "__file__", "")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(module, "SETTINGS", [(2000, 8)])
    module.main(["--data", "generated"])
    head, _, *lines = capsys.readouterr().out.splitlines()
    assert head == module.HEAD
    whole, small = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)
    assert float(small[1]) < float(whole[1]) and float(small[2]) < float(small[1])
    assert abs(float(small[6]) - float(whole[6])) < 0.05 < 0.7 < float(whole[6])
    assert float(whole[7]) < 0.69
