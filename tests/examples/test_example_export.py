"""The example of exported files runs, in Python and in JavaScript."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = [pytest.mark.examples, pytest.mark.slow]


@pytest.fixture
def exported(folder):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    spec = importlib.util.spec_from_file_location("export_model", EXAMPLES / "export_model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main([], n_generated=600)
    return folder / "export_output"


def test_both_files_are_written_and_compared(capsys, exported):
    assert {path.name for path in exported.iterdir()} == {
        "expected.json", "model.onnx", "tokenizer.json"
    }  # fmt: skip
    out = capsys.readouterr().out
    assert "model.onnx: " in out and "tokenizer.json: " in out
    (difference,) = re.findall(r"300 reviews, largest difference to the estimator: (\S+)", out)
    assert float(difference) <= 1e-5


def test_javascript_predicts_the_same_from_the_files(exported):
    node, program = shutil.which("node"), EXAMPLES / "javascript" / "predict.mjs"
    if node is None or not (program.parent / "node_modules").is_dir():
        pytest.skip("needs Node.js, and `npm install` in examples/javascript")

    def run(*reviews):
        done = subprocess.run(
            [node, program, exported, *reviews],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    (difference,) = re.findall(r"200 reviews.*\n.*difference to Python: (\S+)", run())
    assert float(difference) <= 1e-5
    out = run("A superb, moving film!", "Awful. Boring and bad.")
    assert re.fullmatch(r"positive 0\.\d{3}  A sup.*\nnegative 0\.\d{3}  Awful.*\n", out)
