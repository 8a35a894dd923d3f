"""The notebooks of the gallery: executed, and shown by a browser in light and dark."""

import re
import shutil
from pathlib import Path

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
DRIVER = shutil.which("chromedriver")
if CHROMIUM is None or DRIVER is None:
    pytest.skip("there is no Chromium with its chromedriver here", allow_module_level=True)
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium drives the browser")
nbformat = pytest.importorskip("nbformat", reason="nbconvert needs it")
nbclient = pytest.importorskip("nbclient", reason="nbclient executes notebooks")
nbconvert = pytest.importorskip("nbconvert", reason="nbconvert writes notebooks as HTML")
pytest.importorskip("ipykernel", reason="ipykernel runs the cells")

pytestmark = [pytest.mark.browser, pytest.mark.slow]
FOLDER = Path(__file__).parents[2] / "examples" / "notebooks"
NAMES = ("csv_to_model", "why_wrong")
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


def cells_of(path):
    """Return the cells of a script, which "# %%" begins."""
    _, *parts = re.split(r"^# %%\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for part in parts:
        text = re.match(r"(?:#.*\n)*", part)[0]
        yield nbformat.v4.new_markdown_cell(re.sub("^# ?", "", text, flags=re.MULTILINE))
        yield nbformat.v4.new_code_cell(part[len(text) :].strip())


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """Both notebooks, executed in one kernel."""
    cells = [cell for name in NAMES for cell in cells_of(FOLDER / f"{name}.py")]
    made = nbformat.v4.new_notebook(cells=cells)
    folder = str(tmp_path_factory.mktemp("notebook"))
    resources = {"metadata": {"path": folder}}
    nbclient.NotebookClient(made, timeout=200, resources=resources).execute()
    return made


def outputs_of(notebook, source):
    """Return the output of the cell that ends with a source, by media type."""
    (cell,) = [c for c in notebook.cells if c.cell_type == "code" and c.source.endswith(source)]
    (last,) = [o for o in cell.outputs if o.output_type == "execute_result"]
    return last.data


def test_objects_show_themselves_shortly_and_style_nothing_else(notebook):
    explained = [c for c in notebook.cells if c.source.endswith("\nexplanation")]
    assert len(explained) == 2
    for cell in explained:
        (shown,) = [o.data for o in cell.outputs if o.output_type == "execute_result"]
        assert "<style" not in shown["text/html"] and "<script" not in shown["text/html"]
        assert "rgba(0, 114, 178" in shown["text/html"] and "Probability: " in shown["text/html"]
        assert len(shown["text/plain"]) < 300
    for source in ("counterfactual(pipe, reviews)", "counterfactual(pipe, wrong)"):
        assert "the prediction is" in outputs_of(notebook, source)["text/html"]
    assert "McNemar" in outputs_of(notebook, 'names=("Dense", "CNN"))')["text/html"]
    assert 'report.html"' in outputs_of(notebook, "random_state=0)")["text/html"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    profile = f"--user-data-dir={tmp_path_factory.mktemp('profile')}"
    for option in (*OPTIONS, profile):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_browser_shows_it_without_an_error(notebook, browser, theme, tmp_path_factory):
    exporter = nbconvert.HTMLExporter(theme=theme, mathjax_url="", require_js_url="")
    html, _ = exporter.from_notebook_node(notebook)
    path = tmp_path_factory.mktemp("page") / "notebook.html"
    path.write_text(re.sub(r'<script src="https?:[^>]*></script>', "", html), encoding="utf-8")
    browser.get_log("browser")
    browser.get(f"file://{path}")
    of_sklearn = "Expected copy-paste icon is missing"  # its drawing of a pipeline
    problems = [e for e in browser.get_log("browser") if of_sklearn not in e["message"]]
    assert problems == []
    ground, ink, word = browser.execute_script(
        "const boxes = [...document.querySelectorAll('div')];"
        "const box = boxes.find((d) => d.style.maxWidth === '85ch');"
        "const word = box.querySelector('span[title]');"
        "const color = (e, name) => getComputedStyle(e)[name];"
        "return [color(document.body, 'backgroundColor'), color(box, 'color'),"
        "        color(word, 'color')]"
    )
    light = [sum(map(int, re.findall(r"\d+", color)[:3])) for color in (ground, ink)]
    assert (light[0] > light[1]) == (theme == "light") and abs(light[0] - light[1]) > 400
    assert word == ink
