"""Create the images of the README, and print the figures that it quotes.

    python docs/make_images.py

The script fits the default Dense model on the IMDB training reviews and inspects the test reviews.
It needs selenium, Chromium and chromedriver.
"""

import shutil
import tempfile
import time
from pathlib import Path

import matplotlib

matplotlib.use("agg")

from sklearn.pipeline import make_pipeline

from sentilib import DenseSentimentClassifier, HTMLTokenizer, TokenShapExplainer
from sentilib.datasets import load_imdb
from sentilib.explain import plots
from sentilib.inspection import LossByFeatureDisplay, report

IMAGES = Path(__file__).parent / "images"
REVIEW = (
    "I expected little of this film, and it is <b>not a masterpiece</b>: the ending is a mess. But "
    "it is funny &amp; never boring, and the two leads are wonderful. Well worth seeing, 8/10."
)


def loss_by_feature(pipe, test):
    """Draw loss against three features, and print the bins that the README quotes."""
    data = {"rating": test.rating}
    features = ["length", "oov_rate", "rating"]
    display = LossByFeatureDisplay.from_estimator(
        pipe, test.data, test.target, features=features, data=data
    )
    display.figure_.set_size_inches(14.2, 3.6)
    display.figure_.savefig(IMAGES / "loss_by_feature.png", dpi=70)
    for feature in ("length", "oov_count"):
        display = LossByFeatureDisplay.from_estimator(
            pipe, test.data, test.target, features=[feature]
        )
        print(f"\nLoss by {feature}\n{display.bins[feature].to_string()}\n{display.trends}")


def open_browser():
    """Open a browser without a window."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("chrome")
    for option in ("--headless=new", "--no-sandbox", "--hide-scrollbars", "--window-size=900,900"):
        options.add_argument(option)
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    return webdriver.Chrome(options=options, service=service)


def heat_map(pipe, folder):
    """Explain a review, and take a screenshot of its page."""
    html = plots.text(TokenShapExplainer(pipe)([REVIEW]), class_names=["negative", "positive"])
    path = Path(folder) / "words.html"
    path.write_text(html, encoding="utf-8")
    page = open_browser()
    try:
        page.set_window_size(780, 600)
        page.get(path.as_uri())
        page.find_element("tag name", "main").screenshot(str(IMAGES / "heat_map.png"))
    finally:
        page.quit()


def report_page(pipe, test, folder):
    """Write the report, and take a screenshot of its latent space with a review under the mouse."""
    start = time.perf_counter()
    path = Path(folder) / "report.html"
    report(pipe, test.data, test.target, path=path, random_state=0)
    seconds, megabytes = time.perf_counter() - start, path.stat().st_size / 1e6
    print(f"\nThe report: {megabytes:.1f} MB, written in {seconds:.1f} s")
    page = open_browser()
    try:
        start = time.perf_counter()
        page.get(path.as_uri())
        while page.execute_script("return document.documentElement.dataset.ready") != "yes":
            time.sleep(0.01)
        print(f"It opens in {time.perf_counter() - start:.1f} s.")
        canvas = page.find_element("id", "points")
        page.execute_script("arguments[0].focus()", canvas)
        canvas.send_keys("n")  # go to the review with the highest loss
        page.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
        left, top = page.execute_script(
            "const b = arguments[0].getBoundingClientRect(); return [b.left, b.top]", canvas
        )
        x = left + float(canvas.get_attribute("data-x"))
        y = top + float(canvas.get_attribute("data-y"))
        page.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": x, "y": y})
        time.sleep(0.5)
        page.execute_script("arguments[0].blur()", canvas)
        page.find_element("id", "space").screenshot(str(IMAGES / "report.png"))
    finally:
        page.quit()


def main():
    """Create the images."""
    train, test = load_imdb("train"), load_imdb("test")
    pipe = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=0))
    pipe.fit(train.data, train.target)
    print(f"Accuracy {pipe.score(test.data, test.target):.4f}")
    loss_by_feature(pipe, test)
    with tempfile.TemporaryDirectory() as folder:
        heat_map(pipe, folder)
        report_page(pipe, test, folder)


if __name__ == "__main__":
    main()
