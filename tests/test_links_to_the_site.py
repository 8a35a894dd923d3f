"""Estimators link to their pages, if someone says where the site is."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = """
from sentilib import *
from sentilib import DistilledClassifier
from sklearn.pipeline import make_pipeline
for estimator in (HTMLTokenizer(), DenseSentimentClassifier(), ConvSentimentClassifier(),
                  DistilledClassifier(None), TokenShapExplainer(None)):
    print(estimator._get_doc_link())
pipe = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier())
print("sentilib.HTMLTokenizer.html" in pipe._repr_html_())
"""


def links(**environment):
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.split("\n")[:6]


def test_estimators_link_to_pages_that_the_api_lists():
    api = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    *found, is_in_repr = links(SENTILIB_SITE="https://docs.example.org/sentilib/")
    for link in found:
        site, name = link.removesuffix(".html").split("/generated/api/sentilib.")
        assert site == "https://docs.example.org/sentilib"
        assert f"   {name}\n" in api.partition("sentilib.explain")[0]
    assert len(set(found)) == 5 and is_in_repr == "True"


def test_without_an_address_nothing_is_linked():
    assert links(SENTILIB_SITE="") == ["", "", "", "", "", "False"]
