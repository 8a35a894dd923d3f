"""The pages in a headless Chromium: hover, click, search, sort, turn; no error, no request."""

import html
import json
import re
import shutil
import time
import unicodedata

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix
from sklearn.pipeline import make_pipeline

from sentilib import DenseSentimentClassifier, HTMLTokenizer, TokenShapExplainer
from sentilib.explain import counterfactual, plots
from sentilib.inspection import compare, report

pytest.importorskip("pandas")
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium drives the browser")
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
DRIVER = shutil.which("chromedriver")
if CHROMIUM is None or DRIVER is None:
    pytest.skip("there is no Chromium with its chromedriver here", allow_module_level=True)

from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402

pytestmark = [pytest.mark.browser, pytest.mark.slow]
HOSTILE = (
    "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1> zebra "
    '&lt;script&gt;window.hacked=2&lt;/script&gt; &lt;img src=x onerror=window.hacked=3&gt; "q" '
    "<a href='https://example.org/x'>superb</a> &amp;lt;b&amp;gt; \U0001f600 <!--"
)
OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--window-size=1200,900",
)  # fmt: skip
# Not a network: the browser's own new-tab page may still be loading when the log is emptied.
OWN = ("file:", "data:", "chrome:")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in (*OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def path(dense, reviews, tmp_path_factory):
    X, y = list(reviews.data[1200:]), reviews.target[1200:].copy()
    X[7] = HOSTILE
    y[7] = 0
    target = tmp_path_factory.mktemp("page") / "report.html"
    data = {HOSTILE: np.arange(len(X))}
    return report(dense, X, y, path=target, title=HOSTILE, data=data, n_explained=120)


class Page:
    """A page that was opened afresh."""

    def __init__(self, driver, path):
        self.driver = driver
        driver.get_log("browser"), driver.get_log("performance")
        driver.get(f"file://{path}")
        self.wait(lambda: self.run("return document.documentElement.dataset.ready") == "yes")

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait(self, condition):
        WebDriverWait(self.driver, 10, 0.05).until(lambda _: condition())

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.one(selector).get_property("textContent")

    def data(self, name):
        return self.one("#points").get_attribute(f"data-{name}")

    def rows(self):
        return self.run(
            "return Array.from(document.querySelectorAll('#list-body button'), "
            "(b) => Number(b.dataset.row))"
        )

    def column(self, name):
        return self.run(f"return Array.from(columns.{name})")

    def mouse(self, kind, x, y, buttons=0):
        self.driver.execute_cdp_cmd(
            "Input.dispatchMouseEvent",
            {"type": kind, "x": x, "y": y, "buttons": buttons, "clickCount": 1,
             "button": "left" if kind != "mouseMoved" else "none"},
        )  # fmt: skip

    def place_of_worst(self):
        """Bring the latent space into view, walk to the review of the highest loss: its place."""
        self.run("document.getElementById('points').scrollIntoView({block: 'center'})")
        canvas = self.one("#points")
        self.run("arguments[0].focus({preventScroll: true})", canvas)
        canvas.send_keys("n")
        row = int(self.data("selected"))
        left, top = self.run(
            "const b = document.getElementById('points').getBoundingClientRect();"
            "return [b.left, b.top]"
        )
        return row, left + float(self.data("x")), top + float(self.data("y"))


@pytest.fixture
def page(browser, path):
    opened = Page(browser, path)
    yield opened
    problems = [entry for entry in browser.get_log("browser") if entry["level"] != "INFO"]
    assert problems == []
    requests = [
        message["params"]["request"]["url"]
        for entry in browser.get_log("performance")
        if (message := json.loads(entry["message"])["message"])["method"]
        == "Network.requestWillBeSent"
    ]
    assert [url for url in requests if not url.startswith(OWN)] == []
    assert len([url for url in requests if url.startswith("file:")]) == 1
    assert opened.run("return window.hacked") is None


def test_the_list_begins_with_the_highest_loss(page):
    loss = np.array(page.column("loss"))
    assert page.rows() == np.argsort(-loss, kind="stable")[:25].tolist()
    assert page.text("#count") == "300 of 300 reviews"


def test_hostile_text_is_shown_as_text(page, dense):
    assert page.one("h1").text.startswith("</script><script>window.hacked=1</script><img")
    assert page.all("img") == [] and len(page.all("script")) == 2
    page.one("#search").send_keys("zebra", Keys.ENTER)
    page.wait(lambda: page.rows() == [7])
    page.one("#list-body button").click()
    assert page.text("#heat-map") == dense[0].visible_text(HOSTILE).strip()
    assert page.all("#heat-map img, #heat-map script, #heat-map a") == []


def test_a_search_narrows_the_list_to_reviews_with_all_words(page):
    page.one("#search").send_keys("superb Plot")
    page.wait(lambda: page.text("#count") != "300 of 300 reviews")
    rows = page.rows()
    texts = [
        page.run(
            "return data.maps[arguments[0]] ? data.maps[arguments[0]][0].join('') "
            ": data.snippets[arguments[0]]", row,
        ).lower()
        for row in rows
    ]  # fmt: skip
    assert rows and all("superb" in text and "plot" in text for text in texts)
    page.one("#search").send_keys(" qqqq")
    page.wait(lambda: page.text("#count") == "0 of 300 reviews")
    page.one("#search").clear()
    page.one("#search").send_keys(Keys.ENTER)
    page.wait(lambda: page.text("#count") == "300 of 300 reviews")


def test_a_click_on_a_column_sorts_by_it_and_a_second_one_turns_the_order(page):
    length = np.array(page.column("length"))
    page.one("[data-sort=length]").click()
    assert page.rows() == np.argsort(-length, kind="stable")[:25].tolist()
    assert page.one("th[aria-sort=descending]").text.startswith("Length")
    page.one("[data-sort=length]").click()
    assert page.rows() == np.argsort(length, kind="stable")[:25].tolist()
    assert page.one("th[aria-sort=ascending]").text.startswith("Length")


def test_filters_and_pages_go_through_all_reviews(page):
    truth, predicted = np.array(page.column("truth")), np.array(page.column("predicted"))
    Select(page.one("#filter")).select_by_visible_text("errors")
    assert page.text("#count") == f"{(truth != predicted).sum()} of 300 reviews"
    Select(page.one("#filter-truth")).select_by_visible_text("1")
    assert page.text("#count") == f"{((truth != predicted) & (truth == 1)).sum()} of 300 reviews"
    Select(page.one("#filter-truth")).select_by_visible_text("any")
    Select(page.one("#filter")).select_by_visible_text("with heat-map")
    assert page.text("#count") == "120 of 300 reviews"
    Select(page.one("#filter")).select_by_visible_text("all reviews")
    seen = page.rows()
    while page.one("#next").is_enabled():
        page.one("#next").click()
        seen += page.rows()
    assert sorted(seen) == list(range(300))


def test_a_click_on_a_review_opens_its_heat_map(page, dense):
    row = page.rows()[0]
    page.one("#list-body button").click()
    assert page.text("#dialog-title") == f"Review {row}"
    words = page.all("#heat-map span[title]")
    assert len(words) > 5
    signs = {word.get_attribute("title")[0] for word in words}
    assert signs == {"+", "\u2212"}
    colors = {word.value_of_css_property("background-color").rpartition(",")[0] for word in words}
    assert colors - {"rgba(0, 0, 0"} == {"rgba(0, 114, 178", "rgba(213, 94, 0"}
    assert "pulls toward 1" in page.text("#legend")
    words = counterfactual(dense, [page.text("#heat-map")]).words[0]
    assert f"prediction flips to {1 - page.column('predicted')[row]}: " in page.text("#removal")
    assert page.text("#removal").endswith(", ".join(f"“{word}”" for word in words) + ".")
    page.one("#close").click()
    assert not page.one("#dialog").is_displayed()


def test_a_review_that_is_not_kept_shows_its_beginning(page):
    row = page.run("return order.find((row) => !hasMap(row))")
    page.run("open(arguments[0])", row)
    assert page.text("#heat-map") == page.run("return data.snippets[arguments[0]]", row)
    assert "only the start" in page.text("#legend")


def test_the_keyboard_reaches_and_opens_reviews(page):
    page.one("#search").send_keys(Keys.TAB)  # to the filters, then to the head of the table
    for _ in range(30):
        active = page.driver.switch_to.active_element
        if active.get_attribute("data-row"):
            break
        active.send_keys(Keys.TAB)
    active.send_keys(Keys.ENTER)
    assert page.one("#dialog").is_displayed()
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    page.wait(lambda: not page.one("#dialog").is_displayed())


STRANGE = (
    "\U0001f600", "\U0001f1e9\U0001f1ea!!!", "don't", "\u0e40\u0e01\u0e21", "\u6f22\u5b57",
    "e\u0301", "STRASSE", "1\ufe0f\u20e3", "!!!!!!!!!!!!", "\u05e6\u05d4\"\u05dc", "\u0130x",
    "a\u00adb", "&amp;", "<3", "\u2764\ufe0f\u200d\U0001f525", "\u2019tis",
    "<img src=x onerror=window.hacked=4>", "</textarea>", "\n\n", "qqqq", "not", "DON'T", "no",
)  # fmt: skip


class TestEditing:
    @pytest.fixture
    def editing(self, page):
        page.one("#list-body button").click()
        page.one("#edit").click()
        page.wait(lambda: page.one("#edited").is_displayed())
        return page

    @staticmethod
    def check_edits(editing, pipe, n):
        """Compare predictions and values of n random edits in the page with those in Python."""
        rng = np.random.default_rng(0)
        texts = editing.run("return Object.values(data.maps).map((map) => map[0].join(''))")
        edited = [""]
        for text in texts[: n - 1]:
            words = text.split(" ")
            for _ in range(rng.integers(1, 9)):
                place, other = rng.integers(len(words)), rng.choice(texts).split(" ")
                new = rng.choice([*STRANGE, *rng.choice(other, 20)])
                words[place : place + rng.integers(2)] = [new] * rng.integers(2)
                words = words or ["film"]
            edited.append(" ".join(words))
        assert len(edited) == n
        seen = editing.run(
            "return arguments[0].map((text) => { $('edited').value = text;"
            "$('edited').dispatchEvent(new Event('input'));"
            "const found = predictText(model, text);"
            "return [found.probabilities, found.values.map((v) => v[0]), $('outcome').textContent,"
            "        $('heat-map').textContent]; })",
            edited,
        )  # fmt: skip
        documents = [html.escape(text) for text in edited]
        expected = pipe.predict_proba(documents)
        explanation = TokenShapExplainer(pipe).explain(documents)
        assert np.ptp(expected[:, 1]) > 0.5
        for k, (proba, values, outcome, shown) in enumerate(seen):
            np.testing.assert_allclose(proba, expected[k], rtol=0, atol=1e-5)
            np.testing.assert_allclose(values, explanation.values[k], rtol=0, atol=1e-5)
            largest = expected[k].max()
            assert (
                outcome.startswith(f"{expected[k].argmax()} (") and f"{largest:.1%}"[:-1] in outcome
            )
            assert shown == unicodedata.normalize("NFC", edited[k]).strip()
        return explanation

    def test_fifty_random_edits_have_python_s_probabilities_and_values(self, editing, dense):
        self.check_edits(editing, dense, 50)

    def test_negation_scopes_of_edits_are_python_s(self, browser, reviews, tmp_path):
        pipe = make_pipeline(
            HTMLTokenizer(negation_scope=3, stop_words=["no", "the"], max_length=60),
            DenseSentimentClassifier(epochs=1, random_state=0),
        ).fit(reviews.data[:300], reviews.target[:300])
        X, y = reviews.data[1200:1240], reviews.target[1200:1240]
        target = report(pipe, X, y, path=tmp_path / "report.html", n_explained=29)
        page = Page(browser, target)
        page.run("open(Number(Object.keys(data.maps)[0]))")
        page.one("#edit").click()
        page.wait(lambda: page.one("#edited").is_displayed())
        rows = self.check_edits(page, pipe, 30).feature_names
        tokens = {token for row in rows for token in row}
        known = [token in pipe[0].vocabulary_ for token in tokens if token.endswith("_NEG")]
        assert any(known) and not all(known)

    def test_the_keyboard_edits_flips_and_undoes(self, editing, dense):
        row = editing.run("return opened")
        before = editing.text("#heat-map")
        box = editing.one("#edited")
        assert (
            box.get_property("value") == before and box == editing.driver.switch_to.active_element
        )
        predicted = editing.column("predicted")[row]
        words = "terrible awful boring " if predicted else "superb moving wonderful "
        box.send_keys(20 * words)
        assert "the prediction flips" in editing.text("#outcome")
        assert editing.text("#heat-map").endswith(words.strip())
        page_width = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
        editing.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", page_width)
        try:
            width = "return [document.documentElement, $('dialog')].map((e) => e.scrollWidth)"
            assert max(editing.run(width)) <= 390
        finally:
            editing.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        editing.one("#edit").send_keys(Keys.ENTER)
        assert editing.text("#heat-map") == before and not box.is_displayed()


class TestThresholds:
    NAMES = ("Precision", "Recall", "False positive rate")

    @pytest.fixture
    def score(self, dense, reviews):
        X = [*reviews.data[1200:1207], HOSTILE, *reviews.data[1208:]]
        return np.exp(dense.predict_log_proba(X))[:, 1]  # to the bit as the report computes it

    @staticmethod
    def table(page, column=0):
        """Return the figures of a column, as they are shown."""
        cells = page.run(
            "return Array.from($('figures').tBodies[0].rows, (row) => [row.cells[0].textContent,"
            "row.cells[arguments[0] + 1].textContent])", column,
        )  # fmt: skip
        return dict(cells)

    @staticmethod
    def slide(page, value):
        page.run(
            "$('threshold').value = arguments[0];"
            "$('threshold').dispatchEvent(new Event('input'))", value,
        )  # fmt: skip

    @staticmethod
    def cost(page, kind, value):
        box = page.one(f"#cost-{kind}")
        page.run("arguments[0].value = ''", box)
        box.send_keys(value)

    @staticmethod
    def place(page, plot, kind):
        """Return the middle of a marker in the window."""
        page.run("arguments[0].scrollIntoView({block: 'center'})", page.one(f"#{plot}"))
        return page.run(
            "const b = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return [b.left + b.width / 2, b.top + b.height / 2]", f"#{plot} .{kind}",
        )  # fmt: skip

    def test_twenty_positions_of_the_slider_have_scikit_learn_s_figures(self, page, score):
        truth = np.array(page.column("truth"))
        thresholds = page.run(
            "return Array.from(unpack(data.thresholds.curves[0].thresholds), String)"
        )
        last = len(thresholds) - 1
        assert thresholds[0] == "Infinity" and last >= 20
        for k in np.unique(np.linspace(0, last, 20).astype(int)).tolist():
            self.slide(page, last - k)
            threshold, shown = float(thresholds[k]), self.table(page)
            counts = confusion_matrix(truth, score >= threshold).ravel().tolist()
            tn, fp, fn, tp = counts
            assert counts == [
                int(shown[f"{kind}s"]) for kind in ("True negative", "False positive",
                                                    "False negative", "True positive")
            ]  # fmt: skip
            expected = [tp / (tp + fp) if k else np.nan, tp / (tp + fn), fp / (fp + tn)]
            found = [float(shown[name].replace("–", "nan")) for name in self.NAMES]
            np.testing.assert_allclose(found, expected, atol=5.1e-5)
            assert float(shown["Cost per review"]) == pytest.approx((fp + fn) / 300, abs=1e-4)
            expected = f"{threshold:.4f}" if k else f"above {score.max():.4f}"
            assert shown["Threshold"] == page.text("#chosen") == expected
            spoken = page.one("#threshold").get_attribute("aria-valuetext")
            assert spoken.startswith(f"Threshold {expected}, Precision ")
            place = [300 * fp / (fp + tn), 300 - 300 * tp / (tp + fn)]
            at = page.one("#roc .chosen").get_attribute("transform")
            found = [float(v) for v in re.findall(r"[\d.]+", at)]
            np.testing.assert_allclose(found, place, atol=0.051)

    def test_the_script_draws_what_the_page_contains_without_it(self, page, path):
        with open(path, encoding="utf-8") as stream:
            lines = re.findall('<path class="line" d="([^"]+)"', stream.read())
        for plot, line in zip(("roc", "pr"), lines, strict=True):
            drawn = page.one(f"#{plot} .line").get_attribute("d")
            numbers = [[float(v) for v in re.findall(r"[\d.]+", d)] for d in (line, drawn)]
            np.testing.assert_allclose(*numbers, atol=0.11)  # one rounds halves to even

    def test_costs_choose_the_cheapest_threshold(self, page, score):
        truth = np.array(page.column("truth"))
        for missed, alarm in (("1", "1"), ("9", "1"), ("1", "20.5")):
            self.cost(page, "missed", missed)
            self.cost(page, "alarm", alarm)
            costs = []
            for threshold in [*score, np.inf]:
                _, fp, fn, _ = confusion_matrix(truth, score >= threshold).ravel()
                costs.append((fn * float(missed) + fp * float(alarm)) / 300)
            assert float(self.table(page, 2)["Cost per review"]) == pytest.approx(
                min(costs), rel=1e-3
            )
            ratio = float(alarm) / (float(missed) + float(alarm))
            assert page.text("#cheapest-note").endswith(
                f"follows from the costs alone: {ratio:.4f}."
            )
            tick = float(page.all("#cost .y")[-1].get_property("textContent"))
            assert max(costs) <= tick <= 2.5 * max(costs)
        before = page.text("#figures")
        self.cost(page, "alarm", "-3")
        assert page.one("#cost-alarm").get_attribute("aria-invalid") == "true"
        assert page.text("#figures") == before

    def test_the_keyboard_goes_from_point_to_point(self, page):
        slider = page.one("#threshold")
        before = slider.get_property("valueAsNumber")
        assert self.table(page)["True positives"] == self.table(page, 1)["True positives"]
        slider.send_keys(Keys.ARROW_RIGHT)
        assert slider.get_property("valueAsNumber") == before + 1
        higher = float(self.table(page)["Threshold"])
        slider.send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
        assert float(self.table(page)["Threshold"]) < 0.5 < higher
        slider.send_keys(Keys.HOME)
        assert self.table(page)["Recall"] == "1.0000"
        slider.send_keys(Keys.END)
        assert self.table(page)["Recall"] == "0.0000"

    @pytest.mark.parametrize("plot", ["roc", "pr", "cost"])
    def test_pointing_shows_the_figures_and_pressing_chooses(self, page, plot):
        slider = page.one("#threshold")
        self.slide(page, slider.get_property("valueAsNumber") + 5)
        expected = self.table(page)
        x, y = self.place(page, plot, "chosen")
        self.slide(page, 0)
        page.mouse("mouseMoved", x - 30, y - 30)
        page.mouse("mouseMoved", x, y)
        page.wait(lambda: page.one("#tooltip").is_displayed())
        assert f"False positives {expected['False positives']}" in page.text("#tooltip")
        assert self.table(page)["Recall"] == "1.0000"
        page.mouse("mousePressed", x, y, 1)
        page.mouse("mouseReleased", x, y)
        page.wait(lambda: self.table(page) == expected)
        page.mouse("mouseMoved", 2, 2)
        page.wait(lambda: not page.one("#tooltip").is_displayed())

    def test_a_finger_chooses(self, page):
        self.slide(page, page.one("#threshold").get_property("valueAsNumber") + 5)
        expected = self.table(page)
        x, y = self.place(page, "roc", "chosen")
        self.slide(page, 0)
        for kind, points in (("touchStart", [{"x": x, "y": y}]), ("touchEnd", [])):
            touch = {"type": kind, "touchPoints": points}
            page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", touch)
        page.wait(lambda: self.table(page) == expected)

    def test_markers_stand_out_in_light_and_dark(self, page, scheme):
        (panel,) = colors_of(page, "figure", "background-color")
        for kind, name in (("line", "stroke"), ("middle", "stroke"), ("cheapest", "fill"),
                           ("chosen", "fill"), ("guide", "stroke")):  # fmt: skip
            (color,) = colors_of(page, f"#roc .{kind}", name)
            assert contrast(panel, color) > 3  # WCAG, of graphics

    def test_one_of_three_classes_is_chosen(self, browser, dense_of_three, three_reviews, tmp_path):
        X, y = three_reviews.data[400:], three_reviews.target[400:]
        path = report(dense_of_three, X, y, path=tmp_path / "r.html", n_explained=0)
        page = Page(browser, path)
        score = dense_of_three.predict_proba(X)
        for k in (0, 2, 1):
            Select(page.one("#positive")).select_by_visible_text(str(k))
            tn, fp, fn, tp = confusion_matrix(y == k, score[:, k] >= 0.5).ravel().tolist()
            shown = self.table(page, 1)
            counts = ("True negatives", "False positives", "False negatives", "True positives")
            assert [int(shown[name]) for name in counts] == [tn, fp, fn, tp]
            assert {span.get_property("textContent") for span in page.all(".positive")} == {str(k)}
        assert [entry for entry in browser.get_log("browser") if entry["level"] != "INFO"] == []


class TestLatentSpace:
    def test_dragging_turns_it(self, page):
        page.place_of_worst()
        before = float(page.data("yaw")), float(page.data("pitch"))
        x, y = page.run(
            "const b = document.getElementById('points').getBoundingClientRect();"
            "return [b.left + 30, b.top + 30]"
        )
        page.mouse("mousePressed", x, y, 1)
        page.mouse("mouseMoved", x + 80, y + 20, 1)
        page.mouse("mouseReleased", x + 80, y + 20)
        page.wait(lambda: float(page.data("yaw")) > before[0] + 0.5)
        assert float(page.data("pitch")) > before[1] + 0.1
        assert not page.one("#dialog").is_displayed()

    def test_hovering_shows_the_review_and_a_click_opens_it(self, page):
        _, x, y = page.place_of_worst()
        page.mouse("mouseMoved", x - 40, y - 40)
        page.mouse("mouseMoved", x, y)
        page.wait(lambda: page.one("#tooltip").is_displayed())
        near = int(page.data("selected"))
        snippet = page.run("return data.snippets[arguments[0]]", near)
        assert snippet in page.text("#tooltip")
        assert page.column("loss")[near] > 0 and near >= 0
        page.mouse("mousePressed", x, y, 1)
        page.mouse("mouseReleased", x, y)
        page.wait(lambda: page.one("#dialog").is_displayed())
        assert page.text("#dialog-title") == f"Review {near}"
        assert not page.one("#tooltip").is_displayed()

    def test_the_keyboard_turns_walks_and_opens(self, page):
        row, _, _ = page.place_of_worst()
        loss = np.array(page.column("loss"))
        assert row == loss.argmax()
        canvas = page.one("#points")
        yaw = float(page.data("yaw"))
        canvas.send_keys(Keys.ARROW_RIGHT)
        page.wait(lambda: float(page.data("yaw")) > yaw)
        zoom = float(page.data("zoom"))
        canvas.send_keys("+")
        page.wait(lambda: float(page.data("zoom")) > zoom)
        canvas.send_keys("n")
        assert int(page.data("selected")) == np.argsort(-loss, kind="stable")[1]
        assert page.text("#spoken") == page.text("#tooltip") != ""
        canvas.send_keys(Keys.ENTER)
        page.wait(lambda: page.one("#dialog").is_displayed())

    def test_it_is_drawn_in_the_colours_of_the_chosen_meaning(self, page):
        def colors():
            return page.run(
                "const c = document.getElementById('points');"
                "const copy = document.createElement('canvas');"
                "copy.width = c.width; copy.height = c.height;"
                "const pen = copy.getContext('2d', {willReadFrequently: true});"
                "pen.drawImage(c, 0, 0);"
                "const d = pen.getImageData(0, 0, c.width, c.height).data; const seen = {};"
                "for (let k = 0; k < d.length; k += 4) if (d[k + 3] > 120)"
                "  seen[[d[k] >> 5, d[k + 1] >> 5, d[k + 2] >> 5]] = true;"
                "return Object.keys(seen)"
            )

        before = colors()
        assert len(before) >= 2
        Select(page.one("#coloring")).select_by_visible_text("correct or wrong")
        page.wait(lambda: set(colors()) != set(before))
        assert page.text("#space-legend") == "correctwrong"

    def test_buttons_do_what_the_keys_do(self, page):
        page.place_of_worst()
        yaw = float(page.data("yaw"))
        page.one("#controls button[aria-label='Rotate left']").click()
        page.wait(lambda: float(page.data("yaw")) < yaw)


@pytest.fixture(params=["light", "dark"])
def scheme(request, browser):
    media = "Emulation.setEmulatedMedia"
    features = [{"name": "prefers-color-scheme", "value": request.param}]
    browser.execute_cdp_cmd(media, {"features": features})
    yield request.param
    browser.execute_cdp_cmd(media, {"features": []})


def colors_of(page, selector, *properties):
    """Return computed colours of the first element, as red, green, blue and alpha from 0 to 1."""
    found = []
    for name in properties:
        text = page.one(selector).value_of_css_property(name)
        values = [float(v) for v in text[text.index("(") + 1 : -1].split(",")]
        found.append(np.array([*np.divide(values[:3], 255), *values[3:], 1.0][:4]))
    return found


def luminance(rgb):
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    low, high = sorted([luminance(one[:3]), luminance(other[:3])])
    return (high + 0.05) / (low + 0.05)


def test_text_stands_out_in_light_and_dark(page, scheme):
    ground, ink = colors_of(page, "body", "background-color", "color")
    assert contrast(ground, ink) > 10  # WCAG asks for 4.5
    assert (luminance(ground[:3]) > luminance(ink[:3])) == (scheme == "light")


def test_words_of_the_deepest_colours_can_be_read(page, scheme):
    page.one("#list-body button").click()
    ground, ink = colors_of(page, "#dialog", "background-color", "color")
    for kind in ("for", "against"):
        page.run(
            "const word = document.querySelector('#heat-map span[title]');"
            "word.className = `${arguments[0]} l${data.levels}`", kind,
        )  # fmt: skip
        (color,) = colors_of(page, "#heat-map span[title]", "background-color")
        assert color[3] == 0.75
        mixed = color[3] * color[:3] + (1 - color[3]) * ground[:3]
        assert contrast(mixed, ink) > 4.5


def test_figures_follow_the_page_s_colours_and_are_named(page, scheme):
    names = [figure.get_attribute("aria-label") for figure in page.all("figure svg")]
    assert len(names) == len(set(names)) == 6 + 4  # calibration, curves, training, features
    assert all(figure.get_attribute("role") == "img" for figure in page.all("figure svg"))
    (panel,) = colors_of(page, "figure", "background-color")
    (ink,) = colors_of(page, "figure svg text", "fill")
    assert contrast(panel, ink) > 4.5
    (line,) = colors_of(page, "figure svg use[stroke='var(--c0)']", "stroke")
    assert contrast(panel, line) > 3  # WCAG, of graphics
    family = page.one("figure svg text").value_of_css_property("font-family")
    assert family == page.one("body").value_of_css_property("font-family")


def test_points_of_figures_have_tooltips(page, dense):
    bins = page.run(
        "return Array.from(document.querySelectorAll('#features svg')[0]"
        ".querySelectorAll('use title'), (t) => t.textContent)"
    )
    assert len(bins) == 10
    assert all(
        re.fullmatch(r"\d+ to \d+: loss [\d.]+, accuracy [\d.]+, \d+ reviews", t) for t in bins
    )
    epochs = page.run(
        "return Array.from(document.querySelectorAll('#training svg')[0]"
        ".querySelectorAll('use title'), (t) => t.textContent)"
    )
    assert epochs == [f"{loss:.4f}" for loss in dense[-1].history_["loss"]]


def test_a_phone_shows_it_without_scrolling_sideways(page):
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True},
    )
    time.sleep(0.2)
    try:
        assert page.run("return document.documentElement.scrollWidth") <= 390
        assert page.one("#list-body button").is_displayed()
        for width in (320, 390):  # each word of the title is on one line
            page.driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": 700, "deviceScaleFactor": 2, "mobile": True},
            )
            rectangles = page.run(
                "const h1 = document.querySelector('h1'), range = document.createRange();"
                "h1.textContent = 'DenseSentimentClassifier on 25,000 reviews';"
                "range.setStart(h1.firstChild, 0); range.setEnd(h1.firstChild, 24);"
                "return range.getClientRects().length"
            )
            assert rectangles == 1
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_two_models_side_by_side(browser, dense, hasty, held_out, tmp_path):
    found = compare(dense, hasty, *held_out, names=("<b>Dense</b>", "CNN"))
    opened = Page(browser, found.report(tmp_path / "compare.html", n_explained=10))
    shown = found.disagreements.head(10)
    assert len(opened.all("article")) == len(shown) == 10
    assert opened.one("h1").text == "<b>Dense</b> and CNN"
    first = opened.one("article")
    assert first.find_elements(By.CSS_SELECTOR, ".heat-map span[title]")
    Select(opened.one("#filter")).select_by_visible_text("CNN")
    right = (shown["right"] == "CNN").sum()
    assert opened.text("#count") == f"{right} reviews"
    opened.one("#search").send_keys("qqqq")
    opened.wait(lambda: opened.text("#count") == "0 reviews")
    assert [entry for entry in browser.get_log("browser") if entry["level"] != "INFO"] == []


def test_a_page_of_explanations_is_coloured_without_a_script(browser, conv, held_out, tmp_path):
    explanation = TokenShapExplainer(conv).explain([HOSTILE, held_out[0][0]])
    path = tmp_path / "text.html"
    path.write_text(plots.text(explanation, class_names=["bad", "good"]), encoding="utf-8")
    browser.get_log("browser")
    browser.get(f"file://{path}")
    words = browser.find_elements(By.CSS_SELECTOR, ".heat-map .l20")
    strengths = [np.abs(values) / np.abs(values).max() for values in explanation.values]
    assert len(words) == sum((strength >= 0.975).sum() for strength in strengths) >= 2
    for word in words:
        assert word.value_of_css_property("background-color") in (
            "rgba(0, 114, 178, 0.75)", "rgba(213, 94, 0, 0.75)",
        )  # fmt: skip
    bar = browser.find_elements(By.CSS_SELECTOR, ".probability rect")
    assert [rect.value_of_css_property("fill") for rect in bar[:2]] == [
        "rgb(213, 94, 0)", "rgb(0, 114, 178)",
    ]  # fmt: skip
    assert browser.execute_script("return window.hacked") is None
    assert [entry for entry in browser.get_log("browser") if entry["level"] != "INFO"] == []
