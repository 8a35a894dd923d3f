"""What `import sentilib` loads, and what it says where something is missing."""

import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

import sentilib

HEAVY = {"keras", "tensorflow", "numba", "shap", "sklearn", "scipy", "numpy", "pandas"}


def run(program, *options):
    """Run a program in a fresh interpreter and return what it wrote."""
    done = subprocess.run(
        [sys.executable, *options, "-c", program],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_importing_the_package_loads_nothing_heavy(capsys):
    done = run("import sys, sentilib; print(*sys.modules)", "-X", "importtime")
    assert not HEAVY & set(done.stdout.split())
    (microseconds,) = re.findall(r"\|\s+(\d+) \| sentilib$", done.stderr, re.MULTILINE)
    with capsys.disabled():
        print(f"\nimport sentilib: {int(microseconds) / 1000:.1f} ms")


def test_each_step_loads_only_what_it_needs():
    program = """
import sys
from sentilib import HTMLTokenizer
HTMLTokenizer()
assert not {"keras", "tensorflow", "numba", "selectolax", "shap"} & set(sys.modules)

print(HTMLTokenizer(max_length=3).fit_transform(["A <b>good</b> film", "a film"]).tolist())
assert not {"keras", "tensorflow", "shap"} & set(sys.modules)
assert not {"sklearn.model_selection", "sklearn.feature_extraction"} & set(sys.modules)

import sentilib
for name in sentilib.__all__:
    getattr(sentilib, name)
print(sentilib.ConvSentimentClassifier(epochs=1))
assert not {"keras", "tensorflow", "numba", "shap"} & set(sys.modules)
"""
    tokenized, named = run(program).stdout.splitlines()
    assert "ConvSentimentClassifier" in named
    assert tokenized == "[[2, 4, 3], [2, 3, 0]]"


@pytest.mark.parametrize("name", ["DenseSentimentClassifier", "ConvSentimentClassifier"])
def test_looking_at_a_fitted_classifier_and_its_explainer_loads_no_keras(name, tmp_path):
    """Completion in a notebook reads every attribute."""
    X = np.random.default_rng(0).integers(1, 20, (60, 6))
    classifier = getattr(sentilib, name)(epochs=1).fit(X, np.arange(60) % 2)
    (tmp_path / "classifier.pickle").write_bytes(pickle.dumps(classifier))
    program = f"""
import pickle, sys
with open({str(tmp_path / "classifier.pickle")!r}, "rb") as file:
    classifier = pickle.load(file)
classifier.predict([[1, 2, 3, 4, 5, 6]])
assert "sklearn.model_selection" not in sys.modules
from sentilib import TokenShapExplainer
for looked_at in (classifier, TokenShapExplainer(classifier)):
    for name in dir(looked_at):
        getattr(looked_at, name, None)
    print(repr(looked_at), looked_at._repr_html_(), looked_at._repr_mimebundle_())
assert not {{"keras", "tensorflow", "shap"}} & set(sys.modules)
"""
    assert name in run(program).stdout


@pytest.mark.parametrize("name", sentilib.__all__)
def test_public_names_resolve(name):
    assert getattr(sentilib, name) is not None
    assert name in dir(sentilib)


def test_a_star_import_brings_all_public_names():
    names = {}
    exec("from sentilib import *", names)
    assert set(sentilib.__all__) <= set(names)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'sentilib' has no attribute 'BertClassifier'"):
        sentilib.BertClassifier  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'BertClassifier'"):
        from sentilib import BertClassifier  # noqa: F401


class TestWithoutOptionalPackages:
    """`None` in `sys.modules` makes an import fail as if the package were not installed."""

    def test_a_data_frame_names_the_package_that_it_needs(self, monkeypatch):
        from sentilib.datasets import load_imdb

        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(ImportError, match=r"needs pandas: pip install 'sentilib\[parquet\]'"):
            load_imdb(as_frame=True, download=False)

    def test_a_parquet_file_names_the_package_that_it_needs(self, monkeypatch, tmp_path):
        from sentilib.datasets import load_imdb

        (tmp_path / "train.parquet").touch()
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(ImportError, match=r"needs pyarrow: pip install 'sentilib\[parquet\]'"):
            load_imdb(data_home=tmp_path, download=False)

    @pytest.mark.slow
    def test_text_is_learnt_without_any_of_them_and_a_missing_gpu_costs_no_warning(self):
        program = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("pandas", "pyarrow", "matplotlib", "shap"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Hidden())
from sklearn.pipeline import make_pipeline
from sentilib import DenseSentimentClassifier, HTMLTokenizer
pipe = make_pipeline(HTMLTokenizer(max_length=8), DenseSentimentClassifier(epochs=1))
print(pipe.fit(["a good film", "a bad film"] * 8, ["pos", "neg"] * 8).predict(["good"]).shape)
"""
        done = run(program)
        assert done.stdout == "(1,)\n"
        # TensorFlow itself may log a few lines while it is loaded, before its level can be set.
        own = re.compile(r"([EIW]\d{4}|[\d-]+) [\d:.]+:? .*\w+\.cc:\d+\]|WARNING: All log messages")
        assert [line for line in done.stderr.splitlines() if not own.match(line)] == []
