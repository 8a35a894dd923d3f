"""Pictures hold what they are to show, and nothing of a review takes effect in them."""

import copy
import pickle
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from games import random_conv, random_dense
from sklearn.pipeline import make_pipeline

from sentilib import HTMLTokenizer, TokenShapExplainer
from sentilib.explain import (
    TokenExplanation,
    TokenImportanceDisplay,
    TokenInteractionDisplay,
    faithfulness,
    plots,
    sampling_agreement,
)

HOSTILE = (
    "&lt;script&gt;alert(1)&lt;/script&gt; \"quoted\" 'single' &amp;lt; "
    "&lt;/span&gt;&lt;/div&gt; it's \x1b[31mred &lt;img src=x onerror=alert(2)&gt; $x$ film"
)
TEXTS = [HOSTILE, "", "mildly entertaining film, a film"]


@pytest.fixture(scope="module", params=[2, 3], ids=["two classes", "three classes"])
def explainer(request):
    tokenizer = HTMLTokenizer(max_length=80, punctuation="token").fit(TEXTS)
    classifier = random_conv(n_ids=60, n_columns=80, n_classes=request.param)
    return TokenShapExplainer(make_pipeline(tokenizer, classifier))


@pytest.fixture(scope="module")
def explanation(explainer):
    return explainer.explain(TEXTS)


class Reader(HTMLParser):
    """Reads elements and the text of the heat maps, as a browser would."""

    def __init__(self, html):
        super().__init__()
        self.names, self.attributes, self.texts, self.depth = [], set(), [], 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if ("class", "heat-map") in attrs:
            self.texts.append("")
            self.depth = 1
        elif self.depth:
            self.depth += 1

    def handle_endtag(self, tag):
        self.depth = max(0, self.depth - 1)

    def handle_data(self, data):
        if self.depth:
            self.texts[-1] += data


def test_no_markup_of_a_review_takes_effect(explanation):
    page = Reader(plots.text(explanation, title="<script>"))
    assert not {"script", "img", "link", "iframe"} & set(page.names)
    assert page.attributes <= {
        "lang", "charset", "name", "content", "http-equiv", "class", "title", "scope", "role",
        "aria-label", "viewbox", "preserveaspectratio", "x", "width", "height",
    }  # fmt: skip
    joined = ["".join(segments) for segments in explanation.data]
    n_outputs = explanation.values[0].size // len(explanation.data[0])
    assert "<script>alert(1)</script>" in joined[0]
    assert page.texts == [text for text in joined if text for _ in range(n_outputs)]


def test_a_page_needs_no_network(explanation):
    html = plots.text(explanation)
    for needle in ("http://", "https://", "src=", "@import", "url("):
        assert needle not in html.replace("src=x", "")
    assert "prefers-color-scheme: dark" in html


def test_the_strongest_word_has_the_strongest_colour():
    explanation = TokenExplanation(
        np.array([0.5, -0.25, 0.0]), 0.1, list("abc"), list("abc"), list("abc"), "log-odds of good"
    )
    html = plots.text(explanation, class_names=["bad", "good"])
    assert "--for: 0 114 178; --against: 213 94 0;" in html
    assert ".l20 { --depth: 0.75; }" in html and ".l10 { --depth: 0.375; }" in html
    assert '<span class="for l20" title="+0.5">a</span>' in html
    assert '<span class="against l10" title="\u22120.25">b</span>' in html
    assert '<span title="+0">c</span>' in html
    for number in ("+0.100", "+0.250", "+0.350", "bad 41.3%, good 58.7%"):
        assert number in html


def test_what_stands_around_a_word_is_not_coloured():
    explanation = TokenExplanation(
        np.array([0.5, -0.5]), 0.0, ['("Superb", ', "no)"], ["Superb", "no"], ["superb", "no"], "x"
    )
    html = plots.text(explanation)
    assert '(&#34;<span class="for l20" title="+0.5">Superb</span>&#34;, <span' in html
    assert plots.terminal(explanation, color=False).endswith('("Superb[+0.5]", no[-0.5])')


@pytest.mark.parametrize("draw", [plots.text, plots.terminal])
def test_class_names_must_fit(draw, explanation):
    with pytest.raises(ValueError, match="must name"):
        draw(explanation, class_names=["a"])


def test_given_class_names_replace_all_labels(explanation):
    n_outputs = explanation.values[0].size // len(explanation.data[0])
    names = ["<bad>", "fine", "grand"][: max(2, n_outputs)]
    shown = "log-odds of fine" if n_outputs == 1 else "grand"
    for kind in ("page", "notebook", "email"):
        html = plots.text(explanation, class_names=names, kind=kind)
        assert shown in html and "<bad>" not in html
        assert not re.search(r"log-odds of \d|row\">\d|(toward|from) \d", html)
    drawn = plots.terminal(explanation, color=False, class_names=names, output=n_outputs - 1)
    assert drawn.startswith(f"{shown}: ")


def test_given_class_names_label_the_axes_of_displays(explainer, explanation):
    pytest.importorskip("matplotlib")
    n_outputs = explanation.values[0].size // len(explanation.data[0])
    names, output = ["bad", "fine", "grand"][: max(2, n_outputs)], n_outputs - 1
    shown = "log-odds of fine" if n_outputs == 1 else "grand"
    named = {"class_names": names, "output": output}
    display = TokenImportanceDisplay.from_explanation(explanation, **named).plot()
    assert f"({shown})" in display.ax_.get_xlabel()
    interactions = TokenInteractionDisplay(explainer.interactions(TEXTS[2:]))
    assert f"({shown})" in interactions.plot(**named).ax_.get_xlabel()
    with pytest.raises(ValueError, match="must name"):
        interactions.plot(class_names=["a"])


def test_a_terminal_shows_the_most_probable_class_unless_one_is_named(explanation):
    n_outputs = explanation.values[0].size // len(explanation.data[0])
    drawn = plots.terminal(explanation, color=False)
    for k in range(len(TEXTS)):
        totals = np.reshape(explanation.values[k], (-1, n_outputs)).sum(axis=0)
        top = int((totals + explanation.base_values[k]).argmax())
        line = plots.terminal(explanation[k], color=False, output=top).partition("\n")[0]
        assert line in drawn


def test_what_is_no_explanation_is_refused():
    with pytest.raises(TypeError, match="Expected an explanation"):
        plots.text([1, 2])


def test_a_terminal_gets_no_control_characters_of_a_review(explanation):
    plain = plots.terminal(explanation, color=False)
    assert "\x1b" not in plain
    assert all(c.isprintable() or c == "\n" for c in plain)
    colored = plots.terminal(explanation)
    assert "\x1b[48;5;" in colored and "\x1b[31m" not in colored


def test_a_terminal_gets_no_control_characters_of_a_label():
    labels = [f"log-odds of good{code}" for code in ("\x1b[31m", "\x9b31m", "\u202e", "\r")]
    for label in labels:
        explanation = TokenExplanation(np.array([0.5]), 0.1, ["a"], ["a"], ["a"], label)
        drawn = plots.terminal(explanation, color=False)
        assert drawn.startswith("log-odds of good ")
        assert all(c.isprintable() or c == "\n" for c in drawn)


def test_a_terminal_has_the_colours_of_the_pages_with_readable_ink():
    explanation = TokenExplanation(
        np.array([1.0, -1.0, 0.2]), 0.0, list("abc"), list("abc"), list("abc"), "x"
    )
    colored = plots.terminal(explanation)
    # Blue and vermilion of the 6 x 6 x 6 cube: (0, 95, 175) under white, (215, 95, 0) under black
    assert "\x1b[48;5;25;38;5;231ma\x1b[0m" in colored
    assert "\x1b[48;5;166;38;5;16mb\x1b[0m" in colored
    assert "\x1b[48;5;110;38;5;16mc\x1b[0m" in colored


def test_one_review_is_drawn_as_several_are(explanation):
    assert plots.terminal(explanation[2]) in plots.terminal(explanation)


class TestDisplays:
    @pytest.fixture(autouse=True)
    def closed_figures(self):
        matplotlib = pytest.importorskip("matplotlib")
        matplotlib.use("Agg")
        yield
        import matplotlib.pyplot as plt

        plt.close("all")

    def test_importance_sums_up_by_word(self, explainer, explanation):
        display = TokenImportanceDisplay.from_explanation(explanation, output=0)
        values = [v if v.ndim == 1 else v[:, 0] for v in explanation.values]
        of_film = np.concatenate(
            [
                v[[name == "film" for name in names]]
                for v, names in zip(values, explanation.feature_names, strict=True)
            ]
        )
        (film,) = np.flatnonzero(display.tokens == "film")
        assert display.count[film] == len(of_film) == 3
        assert display.mean[film] == pytest.approx(of_film.mean())
        assert display.mean_abs[film] == pytest.approx(np.abs(of_film).mean())

    def test_importance_is_drawn_with_counts_and_units(self, explainer):
        display = TokenImportanceDisplay.from_estimator(
            explainer.estimator, TEXTS, n_words=4, by="mean", min_count=2
        )
        assert all(display.count >= 2)
        labels = [label.get_text() for label in display.ax_.get_yticklabels()]
        assert len(labels) == 4
        assert any(label.startswith("film  (3)") for label in labels) or "film" not in labels
        assert "Shapley value" in display.ax_.get_xlabel() and display.ax_.get_title()
        display.figure_.canvas.draw()  # a dollar sign is no mathematics

    def test_importance_refuses_what_it_cannot_draw(self, explanation):
        with pytest.raises(ValueError, match="min_count=99"):
            TokenImportanceDisplay.from_explanation(explanation, min_count=99)
        with pytest.raises(ValueError, match="by must be one of"):
            TokenImportanceDisplay.from_explanation(explanation).plot(by="median")

    def test_interactions_are_drawn_strongest_first(self, explainer):
        display = TokenInteractionDisplay.from_estimator(
            explainer.estimator, TEXTS, row=2, n_pairs=5
        )
        widths = [abs(bar.get_width()) for bar in display.ax_.patches]
        assert widths == sorted(widths) and len(widths) == 5
        assert TokenInteractionDisplay.from_estimator(explainer.estimator, TEXTS, row=1).ax_.texts

    def test_a_missing_matplotlib_is_named_with_its_installation(
        self, explainer, explanation, monkeypatch
    ):
        monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
        interactions = explainer.interactions(TEXTS)
        curves = faithfulness(explainer, TEXTS, random_state=0)
        for display in (
            TokenImportanceDisplay.from_explanation(explanation),
            TokenInteractionDisplay(interactions),
            curves,
        ):
            name = type(display).__name__
            with pytest.raises(ImportError, match=rf"^{name} needs matplotlib: .*\[plot\]'"):
                display.plot()

    def test_faithfulness_is_drawn(self, explainer):
        with pytest.raises(TypeError, match="must be a TokenShapExplainer, got Pipeline"):
            faithfulness(make_pipeline(explainer.estimator), TEXTS)
        with pytest.raises(TypeError, match=r"Explainer\.interactions, got TokenExplanation"):
            TokenInteractionDisplay(explainer.explain(TEXTS[:1]))
        curves = faithfulness(explainer, TEXTS, random_state=0).plot()
        assert len(curves.ax_.lines) == 4 and curves.ax_.get_ylabel()


class TestUnknownWords:
    """Words that the model does not know get no silent zero."""

    @pytest.fixture
    def explanation(self):
        pipe = make_pipeline(HTMLTokenizer(max_length=12).fit(["good film"]), random_dense())
        return TokenShapExplainer(pipe).explain(["A good masterpiece", "good", "a film"])

    def test_they_are_named_and_marked_in_a_terminal(self, explanation):
        assert explanation.unknown_words == {"a", "masterpiece"}
        assert explanation[0].unknown_words == explanation[[0, 2]].unknown_words
        drawn = plots.terminal(explanation, color=False)
        assert "A[?] good" in drawn and "masterpiece[?]" in drawn and "good[?]" not in drawn
        assert drawn.endswith("\n\n[?] marks words that the model does not know.")
        assert "masterpiece[?]" in plots.terminal(explanation[0])
        assert "[?]" not in plots.terminal(explanation[1])

    def test_they_are_dotted_in_a_page(self, explanation):
        html = plots.text(explanation)
        assert 'class="unknown" title="unknown word +0">masterpiece</span>' in html
        assert html.count("dotted</u>: unknown word") == 2
        assert "unknown word" not in plots.text(explanation[1])

    def test_and_in_a_display(self, explanation):
        pytest.importorskip("matplotlib").use("agg")
        labels = TokenImportanceDisplay.from_explanation(explanation).plot().ax_.get_yticklabels()
        assert "masterpiece, unknown  (1)" in [label.get_text() for label in labels]
        assert "good  (2)" in [label.get_text() for label in labels]

    def test_slices_of_an_explanation_of_shap_keep_what_was_added(self, explanation):
        pytest.importorskip("shap")
        made = explanation.to_shap()
        for part in (made[0], made[:2], copy.copy(made), pickle.loads(pickle.dumps(made))):
            assert part.unknown_words == {"a", "masterpiece"}
            assert part.class_names == ["0", "1"] and part.is_exact
        assert plots.terminal(made[0]) == plots.terminal(explanation[0])


def test_both_classes_have_their_names(explanation):
    names = explanation.class_names
    html = plots.text(explanation)
    assert len(names) == 2 + (explanation.base_values.ndim > 1) and "not 1" not in html
    assert f"pulls toward {names[0]}" in html and f"pulls toward {names[1]}" in html


def test_waits_are_announced(capsys):
    explainer = TokenShapExplainer(random_dense(), verbose=1)
    explainer.interactions(TestFaithfulness.IDS)
    faithfulness(TokenShapExplainer(random_dense()), TestFaithfulness.IDS, verbose=1)
    sampling_agreement(explainer, TestFaithfulness.IDS[:2], n_permutations=2, verbose=True)
    lines = [re.sub(r", .* s\]", "]", line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "[TokenShapExplainer] Reading the reviews ...",
        "[TokenShapExplainer] Computing the interactions in 60 reviews ...",
        "[TokenShapExplainer] Done.",
        "[faithfulness] Reading the reviews ...",
        "[faithfulness] Explaining 60 reviews ...",
        "[faithfulness] Removing words, by value and at random ...",
        "[faithfulness] Done.",
        "[sampling_agreement] Reading the reviews ...",
        "[sampling_agreement] Explaining 2 reviews, method exact ...",
        "[sampling_agreement] Explaining 2 reviews, method permutation ...",
        "[sampling_agreement] Done.",
    ]


class TestFaithfulness:
    IDS = np.random.default_rng(0).integers(2, 30, size=(60, 12)).astype(np.int32)

    def test_no_order_takes_more_out_of_a_dense_model_than_that_of_its_values(self):
        explainer = TokenShapExplainer(random_dense())
        fractions = np.arange(1, 13) / 12
        own = faithfulness(explainer, self.IDS, fractions=fractions, random_state=0)
        assert (own.comprehensiveness >= own.random_comprehensiveness - 1e-12).all()
        assert (own.sufficiency <= own.random_sufficiency + 1e-12).all()
        assert own.comprehensiveness[-1] == pytest.approx(own.random_comprehensiveness[-1])
        assert own.sufficiency[-1] == pytest.approx(0)
        other = explainer.explain(self.IDS)
        scale = np.abs(other.values[0]).max() / 2
        other.values = np.stack([v + 0.3 * scale * np.sin(9 * v / scale) for v in other.values])
        worse = faithfulness(explainer, self.IDS, other, fractions=fractions, random_state=0)
        assert worse.aopc_comprehensiveness < own.aopc_comprehensiveness

    def test_one_word_taken_out_of_a_dense_model_costs_its_value(self):
        explainer = TokenShapExplainer(random_dense())
        curves = faithfulness(explainer, self.IDS, fractions=[1 / 12])
        margins = explainer.estimator.decision_function(self.IDS)
        values = np.stack(list(explainer.explain(self.IDS).values))
        strongest = (values * np.sign(margins)[:, None]).max(axis=1)
        assert curves.comprehensiveness[0] == pytest.approx(strongest.mean())

    @pytest.mark.parametrize("n_classes", [2, 3])
    @pytest.mark.parametrize("output", ["margin", "probability"])
    def test_explained_words_matter_more_than_random_ones(self, n_classes, output):
        explainer = TokenShapExplainer(
            random_conv(n_classes=n_classes), output=output, random_state=0
        )
        curves = faithfulness(explainer, self.IDS, random_state=0)
        assert curves.aopc_comprehensiveness > curves.aopc_random_comprehensiveness
        assert curves.aopc_sufficiency < curves.aopc_random_sufficiency

    def test_bad_input(self):
        explainer = TokenShapExplainer(random_dense())
        with pytest.raises(ValueError, match=r"fractions must be in \(0, 1\]"):
            faithfulness(explainer, self.IDS, fractions=[0, 0.5])
        with pytest.raises(ValueError, match="does not match X"):
            faithfulness(explainer, self.IDS, explainer.explain(self.IDS[:5]))
        with pytest.raises(ValueError, match="No review has any token"):
            faithfulness(explainer, np.zeros((2, 12), dtype=int))


@pytest.mark.parametrize("kind", ["notebook", "email"])
def test_fragments_have_inline_styles_only_and_escape_reviews(explanation, kind):
    html = plots.text(explanation, kind=kind)
    found = Reader(html)
    assert set(found.names) == {"div", "span"} and found.attributes == {"style", "title"}
    assert "&lt;" in html and "class=" not in html
    words = re.compile(r'title="[^"]*">([^<]*)</span>')
    assert words.findall(html) == words.findall(plots.text(explanation)) != []
    n_legends = html.count("display:inline-block;width:14px") / 9
    assert html.count("(base value)") == n_legends + html.count("No words")
    colors = re.findall(r"background:([^;\"]*)", html)
    opaque = [bool(re.fullmatch("#[0-9a-f]{6}", color)) for color in colors]
    assert all(opaque) if kind == "email" else not any(opaque)
    if kind == "email":
        assert "background:#ffffff;color:#1b1f24" in html
    n_classes = max(2, np.size(explanation.base_values[0]))
    named = plots.text(explanation, kind=kind, class_names=["<x>", "y", "z"][:n_classes])
    assert "&lt;x&gt;" in named and "<x>" not in named


def test_an_explanation_shows_itself_shortly(explainer):
    explanation = explainer.explain([f"film {k}" for k in range(12)])
    assert len(repr(explanation)) < 300 and "12 reviews" in repr(explanation)
    assert "1 review:" in repr(explanation[3])
    html = explanation._repr_html_()
    assert html == plots.text(explanation, kind="notebook")
    n_outputs = np.size(explanation.base_values[0])
    assert html.count(">film</span>") == 10 * n_outputs
    assert "... and 2 more reviews" in html
    assert "more reviews" not in plots.text(explanation, kind="email")
    with pytest.raises(ValueError, match='kind must be "page"'):
        plots.text(explanation, kind="pdf")
    of_shap = explainer([f"film {k}" for k in range(12)])
    assert of_shap._repr_html_() == html and repr(of_shap) == repr(explanation)
    assert (
        explainer.interactions(["a film"]).__repr__().startswith("<Interactions of the words of 1")
    )
