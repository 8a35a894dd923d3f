"""Pages: what is passed in stays text, and the policy lets in what the page itself contains."""

import base64
import hashlib
import json
import re
import sys

import jinja2
import numpy as np
import pytest

from sentilib._pages._heat_map import LEVELS, legend, level
from sentilib._pages._page import _environment, render, write_page
from sentilib.explain import TokenExplanation, plots

HOSTILE = "</script><style>*{}</style> {{ 7 * 7 }} {% raw %} <b title='\"'> &amp; \u2028"
REVIEW = {
    "scale": 1.0,
    "shares": [(HOSTILE, 0.25), ("other", 0.75)],
    "outputs": [
        {
            "name": HOSTILE,
            "sums": [0.0, 1.0, 1.0],
            "legend": (HOSTILE, HOSTILE),
            "unknown": True,
            "words": [(HOSTILE, HOSTILE, HOSTILE, 1.0, LEVELS, True)],
        }
    ],
}


def hash_of(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Make a package of one's own templates, with a page that has data and a script."""
    folder = tmp_path / "own_pages" / "templates"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "own.html").write_text(
        '{% extends "page.html" %}{% block script %}{{ super() }}const own = 1;{% endblock %}'
        "{% block body %}<h1>{{ title }}</h1>{% endblock %}"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return "own_pages"


def test_nothing_that_is_passed_in_becomes_markup():
    html = render("explanation.html", title=HOSTILE, reviews=[REVIEW])
    assert html.count("<style>") == 1 and "<script" not in html and "<b " not in html
    assert "{{ 7 * 7 }}" in html and "49" not in html
    assert html.count("&lt;/script&gt;&lt;style&gt;") == 10


def test_the_policy_has_the_hashes_of_the_page_s_own_style_and_script(package):
    html = render("own.html", package, title="t", data={})
    (policy,) = re.findall(r'Policy" content="([^"]*)"', html)
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert "const own = 1;" in script
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hash_of(style)}'; "
        f"script-src 'sha256-{hash_of(script)}'; img-src data:"
    )


def test_a_page_without_a_script_allows_none():
    html = render("explanation.html", title="t", reviews=[])
    (policy,) = re.findall(r'Policy" content="([^"]*)"', html)
    assert "script" not in policy and "<script" not in html and "img-src" not in policy


def test_data_come_back_as_they_were_and_end_no_element(package):
    data = {"text": HOSTILE, "names": {"é": [1, 2.5, None, True]}}
    html = render("own.html", package, title="t", data=data)
    (text,) = re.findall(r'id="data">(.*?)</script>', html, re.DOTALL)
    assert json.loads(text) == data
    assert not set("<>&'") & set(text)
    with pytest.raises(ValueError, match="not JSON compliant"):
        render("own.html", package, title="t", data={"loss": float("nan")})


def test_a_value_that_a_template_lacks_is_an_error_and_leaves_no_file(tmp_path):
    with pytest.raises(jinja2.UndefinedError, match="'title' is undefined"):
        write_page(tmp_path / "page.html", "explanation.html", reviews=[])
    assert list(tmp_path.iterdir()) == []


def test_every_level_of_colour_has_a_class_twice_as_deep_for_twice_the_value():
    html = render("explanation.html", title="t", reviews=[])
    depths = {int(k): float(d) for k, d in re.findall(r"\.l(\d+) \{ --depth: ([\d.]+); \}", html)}
    assert sorted(depths) == list(range(1, LEVELS + 1))
    values = np.linspace(-1, 1, 201)
    levels = [level(value, 1.0) for value in values]
    np.testing.assert_allclose(
        [depths.get(k, 0.0) for k in levels], 0.75 * np.abs(values), atol=0.75 / LEVELS / 1.99
    )
    assert level(5.0, 1.0) == LEVELS and level(0.0, 0.0) == level(0.01, 1.0) == 0


def test_a_legend_names_both_of_two_classes_or_one_of_many():
    assert legend(["bad", "good"], 1) == ("pulls toward bad", "pulls toward good")
    assert legend(["a", "b", "c"], 2) == ("pulls away from c", "pulls toward c")


def test_a_terminal_needs_no_templates(monkeypatch):
    explanation = TokenExplanation(np.array([0.5]), 0.1, ["a"], ["a"], ["a"], "log-odds of good")
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.delitem(sys.modules, "sentilib._pages._page")
    assert plots.terminal(explanation, color=False).endswith("a[+0.5]")
    with pytest.raises(ImportError, match="jinja2"):
        plots.text(explanation)


def test_templates_are_read_once(package):
    assert _environment(package) is _environment(package)
