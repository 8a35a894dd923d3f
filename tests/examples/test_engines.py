"""The examples for Spark and Ray score a folder as `predict_proba` does, where the engine is."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = [pytest.mark.examples, pytest.mark.slow]


@pytest.mark.parametrize("engine", ["spark", "ray"])
def test_an_engine_scores_a_folder_to_the_bit(engine):
    if find_spec({"spark": "pyspark", "ray": "ray"}[engine]) is None:
        pytest.skip(f"{engine} is not installed")
    if engine == "spark" and not shutil.which("java"):
        pytest.skip("Spark needs a Java runtime")
    path = os.pathsep.join(filter(None, [str(EXAMPLES.parent), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{engine}_predict.py"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Scored 1,000 reviews" in done.stdout
    assert "Largest difference from predict_proba here: 0.0e+00" in done.stdout
