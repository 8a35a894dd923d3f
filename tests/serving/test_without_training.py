"""Prediction and explanation in an installation without Keras, and what it says of training.

`make test-serving` runs this in an environment that has only what requirements/serve.txt installs;
here, other packages are hidden.
"""

import configparser
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("SENTILIB_SERVING")  # interpreter of an installation for serving
NOT_NEEDED = {"keras", "tensorflow", "jax", "torch", "shap", "jinja2", "pooch", "requests"} | {
    "urllib3", "tqdm", "pandas", "pyarrow", "matplotlib", "skops", "fastapi", "onnx",
}  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    program = [str(Path(__file__).parent / "predict_and_explain.py")]
    command = [PYTHON, *program] if PYTHON else [sys.executable, *program, "--hide"]
    done = subprocess.run(
        [command[0], "-W", "error", *command[1:]],
        cwd=tmp_path_factory.mktemp("serving"),
        env={**os.environ, "PYTHONPATH": "" if PYTHON else str(ROOT)},
        capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_fitted_estimators_predict_and_explain_without_the_packages_of_training(found):
    assert not NOT_NEEDED & set(found["loaded"])


def test_each_message_says_in_one_line_what_is_missing_and_how_to_install_it(found):
    keras = (
        "Training, to_keras and keras_layers need Keras and one of its backends, and Keras is not "
        "installed: pip install keras tensorflow (or jax or torch in place of tensorflow). Fitted "
        "estimators predict and explain without it."
    )
    page = "An HTML page needs jinja2: pip install jinja2."
    download = "Downloading needs requests: pip install requests."
    assert found["messages"] == [keras] * 5 + [page] * 2 + [download]


def requirements(text):
    """Return the requirements of a list, one per line, without white space and comments."""
    lines = (re.sub(r"\s+", "", line.partition("#")[0]) for line in text.splitlines())
    return {line for line in lines if line}


def test_the_lists_of_requirements_are_those_of_the_package():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    needed = requirements(config["options"]["install_requires"])
    predict, serve = (
        requirements((ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8"))
        for name in ("predict", "serve")
    )
    assert predict < needed
    names = {re.split("[<>=]", line)[0] for line in predict}
    assert names == {"joblib", "numpy", "scikit-learn", "scipy", "selectolax"}
    assert serve == requirements(config["options.extras_require"]["serve"]) | {"-rpredict.txt"}


def test_the_page_names_the_limits_of_the_server_and_links_to_files():
    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", page):
        assert (ROOT / "docs" / target).is_file()
    server = (ROOT / "examples" / "serve.py").read_text(encoding="utf-8")
    defaults = dict(re.findall(r"^    (\w+): (?:int|float) = ([\d_.]+)", server, re.MULTILINE))
    rows = dict(re.findall(r"^\| `--max-([\w-]+)` \| ([\d,]+) ", page, re.MULTILINE))
    assert {name.replace("-", "_"): float(n.replace(",", "")) for name, n in rows.items()} == {
        name: float(value) for name, value in defaults.items()
    }
