"""Figures in a page: they follow its policy and colours, and leave the user's settings alone."""

import sys
import warnings
from xml.etree import ElementTree

import pytest

from sentilib import _plotting

matplotlib = pytest.importorskip("matplotlib")

from sentilib._pages._svg import inline_svg, page_figures  # noqa: E402


def draw(name="one", title="A title", notes=None, label="Loss"):
    with page_figures("report") as axes:
        ax = axes()
        for k in range(len(_plotting.COLORS)):
            (line,) = ax.plot([1, 2, 3], [k, 2, 3], "o-", color=_plotting.color_of(k))
            line.set_gid(f"line-{k}")
        ax.set(xlabel=_plotting.plain(label), ylabel="Loss (nats)", title="Loss")
        return inline_svg(ax.figure, name, title, notes)


def attributes(svg, name):
    return [e.attrib[name] for e in ElementTree.fromstring(svg).iter() if name in e.attrib]


def test_no_declaration_is_left_that_the_policy_would_drop():
    svg = draw()
    assert attributes(svg, "style") == []
    assert "<style" not in svg and "<metadata" not in svg and "http" not in svg
    assert set(attributes(svg, "font-size")) and "font-family" not in svg


def test_text_and_axes_have_the_ink_and_lines_the_palette_of_the_page():
    svg = draw()
    root = ElementTree.fromstring(svg)
    assert {text.get("fill") for text in root.iter("text")} == {"currentColor"}
    assert {"Loss", "Loss (nats)", "1.50"} <= {text.text for text in root.iter("text")}
    strokes = set(attributes(svg, "stroke")) | set(attributes(svg, "fill"))
    palette = {f"var(--c{k})" for k in range(len(_plotting.COLORS))}
    assert strokes == palette | {"currentColor", "none"}


def test_it_is_an_image_with_a_name():
    root = ElementTree.fromstring(draw(title='A "title" & <more>'))
    assert root.get("role") == "img" and root.get("aria-label") == 'A "title" & <more>'
    assert root.get("viewBox") and root.get("width") is None


def test_ids_of_two_figures_are_distinct_and_all_referred_to():
    one, two = draw("one"), draw("two")
    ids = attributes(one, "id"), attributes(two, "id")
    assert ids[0] and not set(ids[0]) & set(ids[1])
    assert len(ids[0]) == len(set(ids[0]))
    for svg, own in zip((one, two), ids, strict=True):
        targets = attributes(svg, "href") + attributes(svg, "clip-path")
        assert {target.strip("url()").removeprefix("#") for target in targets} == set(own)


def test_markers_have_their_tooltips():
    root = ElementTree.fromstring(draw(notes={"line-2": ["first", "second <b>", "third"]}))
    markers = [use for use in root.iter("use") if use.find("title") is not None]
    assert [use.find("title").text for use in markers] == ["first", "second <b>", "third"]
    x = [float(use.get("x")) for use in markers]
    assert x == sorted(x)
    with pytest.raises(ValueError, match="zip"):
        draw(notes={"line-2": ["too few"]})


def test_a_figure_is_the_same_each_time():
    assert draw() == draw()


def test_labels_may_contain_anything():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        svg = draw(label="\x1b[31m \x00 $\\frac{ 映画 \U0001f600 </svg> \ud800")
    assert caught == []
    texts = [text.text for text in ElementTree.fromstring(svg).iter("text")]
    assert "[31m $\\frac{ 映画 \U0001f600 </svg>" in texts


def test_the_user_s_settings_neither_change_nor_matter():
    plt = pytest.importorskip("matplotlib.pyplot")
    plain = draw()
    with matplotlib.rc_context():
        matplotlib.style.use("dark_background")
        matplotlib.rcParams.update({"font.size": 30, "svg.hashsalt": "mine", "axes.grid": True})
        figure = plt.figure()
        before = dict(matplotlib.rcParams), matplotlib.get_backend(), plt.get_fignums()
        assert draw() == plain
        after = dict(matplotlib.rcParams), matplotlib.get_backend(), plt.get_fignums()
        assert before == after and plt.gcf() is figure
        plt.close(figure)


def test_a_missing_matplotlib_is_named_with_its_installation(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with (
        pytest.raises(ImportError, match=r"^report needs matplotlib: .*\[plot\]'"),
        page_figures("report"),
    ):
        pass


def test_a_shorthand_of_fonts_keeps_its_size():
    from sentilib._pages._svg import _simplify

    text = ElementTree.fromstring(
        "<text style=\"font: 10px 'DejaVu Sans'; fill: #0072b2\">a</text>"
    )
    _simplify(text)
    assert text.attrib == {"font-size": "10px", "fill": "var(--c0)"}
