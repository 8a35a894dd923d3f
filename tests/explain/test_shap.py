"""Explanations work in shap, and shap's explainers on our ids; in a process of their own.

(shap loads TensorFlow where it finds it, and a failed explainer of its own leaves it unusable.)
"""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("shap")

PROGRAM = """
import sys, warnings
sys.path.insert(0, {folder!r})
warnings.simplefilter("ignore")
import matplotlib
matplotlib.use("Agg")
import numpy as np
import shap
from games import PLACES, random_conv, random_dense
from sklearn.pipeline import make_pipeline
from sentilib import HTMLTokenizer, TokenShapExplainer
from sentilib.explain import TokenIdMasker, faithfulness, plots

texts = ["A mildly <b>entertaining</b> film", "boo!", "a film"]
tokenizer = HTMLTokenizer(max_length=12, punctuation="split").fit(texts)
explainer = TokenShapExplainer(make_pipeline(tokenizer, random_dense()))
explanation = explainer(texts)
assert isinstance(explanation, shap.Explanation) and explanation.shape == (3, None)
for part in (explanation, explanation[0]):
    assert "entertaining" in shap.plots.text(part, display=False)
mean = explanation.mean(0)
assert list(mean.feature_names) == ["a", "mildly", "entertaining", "film", "boo"]
of_film = [explanation.values[0][3], explanation.values[2][1]]
assert abs(mean.values[3] - np.mean(of_film)) < 1e-12
assert shap.plots.bar(mean, show=False) is not None
assert explanation.abs.mean(0).values.min() >= 0
assert shap.plots.waterfall(explanation[0], show=False) is not None
assert plots.terminal(explanation) == plots.terminal(explainer.explain(texts))
assert plots.text(explanation[0]) == plots.text(explainer.explain(texts[:1])[0])

three = TokenShapExplainer(make_pipeline(tokenizer, random_conv(n_classes=3)))(texts)
assert three.shape == (3, None, 3)
assert three[0, :, "2"].values.tolist() == three.values[0][:, 2].tolist()
assert "boo" in shap.plots.text(three, display=False)

X = np.array(PLACES[:2])
for classifier in (random_conv(), random_dense(n_classes=3)):
    ours = TokenShapExplainer(classifier)(X)
    for explainer in (
        shap.ExactExplainer(classifier.decision_function, TokenIdMasker()),
        shap.PermutationExplainer(classifier.decision_function, TokenIdMasker(), seed=0),
    ):
        theirs = explainer(X)
        tolerance = 2e-2 if "Permutation" in str(type(explainer)) else 1e-12
        for row, values in enumerate(ours.values):
            token = X[row] != 0
            assert np.abs(theirs.values[row][token] - values).max() < tolerance
            assert not theirs.values[row][~token].any()
            assert np.abs(theirs.base_values[row] - ours.base_values[row]).max() < 1e-12
print("all of it")
"""


@pytest.mark.slow
def test_explanations_work_in_shap_and_shap_on_our_ids():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(folder=str(Path(__file__).parent))],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.stdout == "all of it\n", done.stderr


@pytest.mark.slow
def test_explaining_loads_neither_keras_nor_shap_before_it_is_called():
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import sentilib.explain
from sentilib.explain import plots, faithfulness, TokenImportanceDisplay, TokenShapExplainer
import games
explainer = TokenShapExplainer(games.random_dense())
assert not {{"keras", "tensorflow", "shap", "numba", "matplotlib"}} & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
