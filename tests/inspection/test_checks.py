"""Coded checks: each warns where its fault was planted, and is silent where it was not."""

import re
from pathlib import Path

import numpy as np
import pytest

from sentilib import DenseSentimentClassifier
from sentilib.inspection import checks, report
from sentilib.inspection._checks._run import CHECKS
from sentilib.inspection._measures._evaluation import Evaluation
from sentilib.inspection._measures._metrics import calibration_error_by_chance
from sentilib.inspection._measures._near_duplicates import read_words
from sentilib.inspection._measures._rules import best_rule
from sentilib.inspection._measures._statistics import combined_interval, difference_interval

pandas = pytest.importorskip("pandas")

CODES = [check.code for check in CHECKS]


@pytest.fixture(scope="module")
def clean(dense, reviews):
    """Checks of held-out reviews without a fault, but that they are longer than what is read."""
    return checks(
        dense, reviews.data[1200:], reviews.target[1200:], reviews.data[:1200],
        reviews.target[:1200], random_state=0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def memorised(dense, reviews):
    """A model that knows 100 random labels by heart."""
    y = np.random.default_rng(0).integers(0, 2, 100)
    ids = dense[0].transform(reviews.data[:100])
    model = DenseSentimentClassifier(epochs=40, learning_rate=0.01, random_state=0).fit(ids, y)
    return checks(model, dense[0].transform(reviews.data[1200:]), reviews.target[1200:], ids, y,
                  random_state=0)  # fmt: skip


def of(code, *args, **options):
    return checks(*args, random_state=0, **options).loc[code]


def without(rng, y, share):
    """Return labels of which a share was flipped."""
    return np.where(rng.random(len(y)) < share, 1 - y, y)


def test_a_table_with_a_row_per_check(clean):
    assert clean.index.tolist() == CODES == sorted(set(CODES)) and clean.index.name == "code"
    assert all(re.fullmatch(r"SL[123]0\d", code) for code in CODES)
    assert clean.columns[:5].tolist() == ["title", "verdict", "figure", "what_to_do", "threshold"]
    warns = clean["verdict"] == "warning"
    assert ((clean["what_to_do"] != "") == warns).all()
    assert clean["threshold"].str.startswith("Warns if").all()


def test_clean_reviews_warn_of_nothing_but_of_what_is_cut(clean):
    assert clean.index[clean["verdict"] == "warning"].tolist() == ["SL304"]
    assert clean.index[clean["verdict"] == "not checked"].tolist() == ["SL202"]
    made = clean.drop(index=["SL202"])
    assert made["value"].notna().all() and not made["figure"].str.contains("nan").any()


def test_a_model_that_knows_random_labels_by_heart(memorised):
    for code in ("SL101", "SL102", "SL103"):
        assert memorised.loc[code, "verdict"] == "warning", memorised.loc[code, "figure"]
    assert memorised.loc["SL101", "low"] > 0.2 and memorised.loc["SL102", "low"] < 0
    for code in ("SL201", "SL203", "SL302"):  # ids are no text
        assert memorised.loc[code, "verdict"] == "not checked"


def test_reviews_on_both_sides(dense, reviews, held_out, clean):
    X, y = held_out
    copies = [f"<p>{text}</p>" for text in reviews.data[:10]]
    found = of(
        "SL201", dense, [*X[:90], *copies], [*y[:90], *reviews.target[:10]],
        reviews.data[:200], reviews.target[:200],
    )  # fmt: skip
    assert found["verdict"] == "warning" and found["value"] == 0.1
    assert clean.loc["SL201", ["verdict", "value"]].tolist() == ["ok", 0.0]


@pytest.mark.parametrize(("shared", "verdict"), [(3, "warning"), (0, "ok")])
def test_groups_on_both_sides(shared, verdict, dense, reviews, held_out):
    X, y = (values[:100] for values in held_out)
    groups = np.arange(100) + 1000
    groups[:shared] = 7
    found = of(
        "SL202", dense, X, y, reviews.data[:50], reviews.target[:50], groups=groups,
        groups_train=np.arange(50),
    )  # fmt: skip
    assert (found["verdict"], found["value"]) == (verdict, shared / 100)


@pytest.mark.parametrize(
    ("groups", "verdict"),
    [(np.arange(40) % 3, "not checked"), ([None] * 40, "ok"), (np.arange(40) % 9, "ok")],
)
def test_the_shift_needs_five_groups(groups, verdict, dense, reviews, held_out):
    X, y = (values[:40] for values in held_out)
    training = reviews.data[:50], reviews.target[:50]
    found = of("SL203", dense, X, y, *training, groups=groups, groups_train=np.arange(50))
    assert found["verdict"] == verdict


def test_reviews_without_words_are_checked(dense, reviews):
    found = checks(dense, [""] * 8, reviews.target[:8], random_state=0)
    assert found.loc["SL302", "figure"].startswith("needs words")


def test_groups_of_two_columns_are_refused(dense, reviews, held_out):
    X, y = (values[:40] for values in held_out)
    with pytest.raises(ValueError, match=r"groups_test must contain one value for each review.*2"):
        of(
            "SL203", dense, X, y, reviews.data[:50], reviews.target[:50], groups=np.ones((40, 2)),
            groups_train=np.arange(50),
        )  # fmt: skip


def test_shift(dense, reviews, held_out, clean):
    X, y = held_out
    X = [f"{text} zarzuela" if k % 10 else text for k, text in enumerate(X)]
    found = of("SL203", dense, X, y, reviews.data[:400], reviews.target[:400])
    assert found["verdict"] == "warning" and "'zarzuela'" in found["figure"]
    assert clean.loc["SL203", "verdict"] == "ok" and clean.loc["SL203", "low"] < 0.5


def test_a_small_class_and_one_that_is_absent(dense, held_out, clean):
    X, y = held_out
    few = np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:12]]
    found = of("SL301", dense, [X[k] for k in few], y[few])
    assert found["verdict"] == "warning" and "class 1, of 12 reviews" in found["figure"]
    none = few[:-12]
    assert (
        "no review has the label 1" in of("SL301", dense, [X[k] for k in none], y[none])["figure"]
    )
    assert clean.loc["SL301", "verdict"] == "ok"


@pytest.mark.parametrize("training", [True, False])
def test_a_word_that_tells_the_label(training, dense, reviews, held_out, clean):
    X, y = held_out
    told = [f"Stars: {'nine' if k else 'two'}. {text}" for text, k in zip(X, y, strict=True)]
    args = [told[100:], y[100:], *([told[:100], y[:100]] if training else [])]
    found = of("SL302", dense, *args)
    assert found["verdict"] == "warning" and found["value"] == 1
    assert re.search("0, if with(out)? '(stars two|two|nine)", found["figure"])
    assert clean.loc["SL302", "verdict"] == "ok" and clean.loc["SL302", "value"] < 0.7


def test_a_length_that_tells_the_label(dense, held_out):
    X, y = held_out
    told = [text * (1 + 9 * int(k)) for text, k in zip(X, y, strict=True)]
    found = of("SL302", dense, told, y)
    assert found["verdict"] == "warning" and re.search(r"of at most \d+ words", found["figure"])


@pytest.mark.parametrize(("share", "verdict"), [(0.3, "warning"), (0.0, "ok")])
def test_labels_that_are_wrong(share, verdict, dense, reviews, held_out):
    y = without(np.random.default_rng(0), reviews.target_clean[1200:], share)
    assert of("SL303", dense, held_out[0], y)["verdict"] == verdict


def test_reviews_that_fit_are_not_cut(dense, held_out, clean):
    X = [" ".join(re.sub("<[^>]*>", "", text).split()[:25]) for text in held_out[0]]
    assert of("SL304", dense, X, held_out[1])["verdict"] == "ok"
    assert clean.loc["SL304", "value"] > 0.2


def test_words_that_the_model_does_not_know(dense, held_out, clean):
    X = [re.sub(r"\b(the|is|a)\b", "xyzzy", text) for text in held_out[0]]
    found = of("SL305", dense, X, held_out[1])
    assert found["verdict"] == "warning" and found["low"] > 0.05
    assert clean.loc["SL305", "verdict"] == "ok"


@pytest.mark.parametrize("n", [1, 4])
def test_few_reviews_are_enough_for_a_table(n, dense, held_out):
    X, y = (values[:n] for values in held_out)
    found = checks(dense, X, y, X, y)
    assert found.loc["SL203", "verdict"] == "not checked" and len(found) == len(CODES)


def test_the_report_shows_the_checks_with_warnings_first(dense, held_out, tmp_path):
    X, y = (values[:30] for values in held_out)
    report(dense, X, y, path=tmp_path / "r", n_explained=0, random_state=0)
    page = (tmp_path / "r").read_text(encoding="utf-8")
    section = re.search('<section id="checks".*?</section>', page, re.DOTALL)[0]
    verdicts = re.findall(">(warning|ok|not checked)</span></td>", section)
    assert verdicts == sorted(verdicts, key=["warning", "ok", "not checked"].index)
    assert '<section id="shift"' not in page
    assert len(verdicts) == len(CODES) and section.count("What to do:") == verdicts.count("warning")


def test_the_guide_lists_every_code():
    guide = (Path(__file__).parents[2] / "docs" / "inspection.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| (SL\d+) \| ([^|]*) \|", guide, re.MULTILINE)
    assert listed == [(check.code, check.title) for check in CHECKS]


class TestMeasures:
    def test_newcombe_s_interval_of_a_difference(self):
        found = combined_interval((1.0, -1.0), (56, 48), (70, 80), 0.95)  # his example (a)
        np.testing.assert_allclose(found, (0.2, 0.0524, 0.3339), atol=5e-5)

    def test_welch_s_interval(self):
        a, b = np.array([1.0, 2.0, 4.0, 9.0]), np.array([0.0, 1.0, 1.0])
        from scipy.stats import ttest_ind

        expected = ttest_ind(a, b, equal_var=False).confidence_interval(0.9)
        np.testing.assert_allclose(difference_interval(a, b, 0.9), expected)

    def test_the_best_rule_is_that_of_all_rules(self):
        rng = np.random.default_rng(1)
        texts = [" ".join(rng.choice(list("abc"), rng.integers(1, 6))) for _ in range(60)]
        truth = rng.integers(0, 3, 60)
        rules = {}
        for text in texts:
            words = text.split()
            for k, word in enumerate(words):
                for name in (word, " ".join(words[k : k + 2])):
                    chosen = [f" {name} " in f" {t} " for t in texts[:40]]
                    rules[name] = np.array(chosen)
            rules[len(words)] = np.array([len(t.split()) > len(words) for t in texts[:40]])
        scores = []
        for chosen in rules.values():
            for label in range(3):
                member = truth[:40] == label
                score = (chosen[member].mean() + (~chosen)[~member].mean()) / 2
                scores.append(max(score, 1 - score))
        readings = read_words(texts)
        on_itself = best_rule(readings, np.tile(np.arange(40), 2), np.tile(truth[:40], 2), 40, 0.95)
        assert on_itself.accuracy == pytest.approx(max(scores))
        assert best_rule(readings, np.arange(60), np.zeros(60, dtype=int), 40, 0.95) is None
        shuffled = np.random.default_rng(2).permutation(60)
        again = read_words([texts[k] for k in shuffled])
        there = best_rule(again, np.arange(60), truth[shuffled], 40, 0.95)
        assert best_rule(readings, shuffled, truth[shuffled], 40, 0.95)[2:] == there[2:]

    def test_honest_probabilities_seldom_exceed_the_error_by_chance(self):
        rng = np.random.RandomState(0)
        above = 0
        for _ in range(20):
            proba = rng.random_sample(300)
            y = (rng.random_sample(300) < proba).astype(int)
            error, limit = calibration_error_by_chance(
                Evaluation.of(np.arange(2), y, proba), 0.95, rng
            )
            above += error > limit
        assert above <= 4 and 0 < limit < 0.2
