"""The benchmark for a GPU, rehearsed on the CPU."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sentilib._training._compiled_steps import CompiledSteps

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_the_benchmark_for_a_gpu_measures_each_step_in_a_rehearsal(tmp_path):
    output = tmp_path / "gpu.json"
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "gpu.py", "--rehearse", "--output", output],
        env={"KERAS_BACKEND": "tensorflow", **os.environ},
        capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(output.read_text(encoding="utf-8"))
    assert found["device"] == "cpu" and found["skipped"] == []
    results = found["results"]
    for name in ("Dense", "CNN"):
        assert results[f"{name}, device against CPU"]["logits"] <= 1e-4
        assert results[f"{name}, device against CPU"]["refit"] == 0
        assert 0.5 < results[f"{name}, fit from ids"]["accuracy"] <= 1
        for steps in ("plain Keras, steps of 16", "steps of 16, float32"):
            assert results[f"{name}, {steps}"]["tokens per second"] > 0
    assert results["CNN, steps of 16, mixed_bfloat16"]["share of bandwidth"] > 0


@pytest.mark.parametrize("name", ["Dense", "CNN"])
def test_a_rehearsal_takes_the_steps_of_the_backend(name, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")  # which the script would set
    monkeypatch.syspath_prepend(BENCHMARKS)
    before = set(sys.modules)
    run = importlib.import_module("gpu").Run(SimpleNamespace(rehearse=True, minutes=1))
    for module in set(sys.modules) - before:
        if str(BENCHMARKS) in str(getattr(sys.modules[module], "__file__", "")):
            monkeypatch.delitem(sys.modules, module)

    def compiled(*batch):
        raise AssertionError("a compiled step")

    monkeypatch.setattr(CompiledSteps, "train", compiled)
    X, y = np.arange(2, 34, dtype=np.int32).reshape(16, 2), np.arange(16) % 2
    run.model(name, epochs=1).fit(X, y)
    with pytest.raises(AssertionError, match="a compiled step"):
        run.model(name, epochs=1).set_params(callbacks=None).fit(X, y)
