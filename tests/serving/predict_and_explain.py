"""Use fitted estimators where little but sentilib is installed: python predict_and_explain.py.

With `--hide`, packages that requirements/predict.txt does not install are hidden first.
"""

import copy
import json
import os
import pickle
import sys
from pathlib import Path

SAVED = Path(__file__).parents[1] / "saved"
# What requirements/predict.txt names, and what these packages require
INSTALLED = (
    "cloudpickle joblib narwhals numpy scipy selectolax sklearn threadpoolctl sentilib".split()
)


class Hidden:
    """A finder that hides all packages but those of an installation for prediction."""

    def find_spec(self, name, path=None, target=None):
        package = name.partition(".")[0]
        is_private = package.startswith("_")  # of Python itself, such as _sysconfigdata_...
        if not (package in INSTALLED or package in sys.stdlib_module_names or is_private):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def restored(name):
    """Return a saved estimator, and what it computed when it was saved."""
    expected = json.loads((SAVED / "expected-1.json").read_text(encoding="utf-8"))
    return pickle.loads((SAVED / f"{name}-1.pickle").read_bytes()), expected[name]


def check_predictions(name):
    """Predict with a saved pipeline and with copies of it, and explain it."""
    import numpy as np

    import sentilib
    from sentilib.explain import TokenExplanation, plots

    pipe, expected = restored(name)
    texts = expected["texts"]
    for model in (pipe, copy.deepcopy(pipe), pickle.loads(pickle.dumps(pipe))):
        np.testing.assert_allclose(model.predict_proba(texts), expected["probabilities"], rtol=1e-6)
        assert model.predict(texts).tolist() == expected["labels"]
    chunked = sentilib.predict_proba_in_chunks(pipe, iter(texts), chunk_size=2)
    np.testing.assert_array_equal(chunked, pipe.predict_proba(texts))
    assert sentilib.compress(pipe, max_ngrams=50).predict(texts).shape == (len(texts),)

    explainer = sentilib.TokenShapExplainer(pipe)
    explanation = explainer(texts[:2])
    assert type(explanation) is TokenExplanation and explanation.is_exact
    total = explanation.base_values + np.array([v.sum(axis=0) for v in explanation.values])
    np.testing.assert_allclose(total, pipe.decision_function(texts[:2]), rtol=1e-5)
    assert "superb" in plots.terminal(explanation, color=False)
    assert len(explainer.interactions(texts[:1]).values) == 1


def failures():
    """Try what this installation does not support; yield the messages."""
    import sentilib
    from sentilib.explain import plots

    pipe, expected = restored("stream")
    ids = pipe[0].transform(expected["texts"])
    explanation = sentilib.TokenShapExplainer(pipe)(expected["texts"][:1])
    fresh = sentilib.ConvSentimentClassifier(epochs=1)
    os.environ.pop("SENTILIB_DATA", None)  # where the reviews may be
    for use in (
        lambda: pipe.fit(expected["texts"], [0, 1, 0, 1]),
        lambda: fresh.fit(ids, [0, 1, 0, 1]),
        lambda: pipe[-1].partial_fit(ids, [0, 1, 0, 1]),
        lambda: pipe[-1].to_keras(),
        lambda: sentilib.keras_layers,
        lambda: plots.text(explanation),
        lambda: sentilib.inspection.report(pipe, expected["texts"], [0, 1, 0, 1], path="a.html"),
        lambda: sentilib.datasets.load_imdb(data_home="nowhere"),
    ):
        try:
            use()
        except ImportError as error:
            assert error.__cause__ is None or "Keras" not in str(error)
            yield str(error)
        else:
            yield "no error"
    assert not hasattr(fresh, "classes_")
    check_predictions("stream")  # what failed has changed nothing


if __name__ == "__main__":
    if "--hide" in sys.argv:
        sys.meta_path.insert(0, Hidden())
    for kind in ("stream", "conv", "given"):
        check_predictions(kind)
    explainer, wanted = restored("explainer")
    assert [len(row) for row in explainer.explain(wanted["texts"]).values] == [
        len(row) for row in wanted["values"]
    ]
    loaded = {name.partition(".")[0] for name in list(sys.modules)}
    print(json.dumps({"loaded": sorted(loaded), "messages": list(failures())}))
