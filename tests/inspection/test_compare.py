"""Two models side by side."""

import json
import re

import numpy as np
import pytest
import scipy.stats
from sklearn.pipeline import make_pipeline

from sentilib import DenseSentimentClassifier, HTMLTokenizer
from sentilib.inspection import compare

pytest.importorskip("pandas")


@pytest.fixture(scope="module")
def found(dense, conv, reviews):
    return compare(dense, conv, reviews.data[1200:], reviews.target[1200:], names=("Dense", "CNN"))


@pytest.fixture
def right(dense, conv, held_out):
    X, y = held_out
    return dense.predict(X) == y, conv.predict(X) == y


def test_the_counts_are_those_of_the_predictions(found, right):
    a, b = right
    expected = [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]]
    assert found.counts.to_numpy().tolist() == expected
    assert found.scores.loc["Dense", "accuracy"] == a.mean()
    assert found.scores.loc["CNN", "accuracy"] == b.mean()


def test_mcnemar_s_p_value_is_the_binomial_tail_of_the_disagreements(found, right):
    a, b = right
    only_a, n = (a & ~b).sum(), (a != b).sum()
    k = min(only_a, n - only_a)
    tail = scipy.stats.binom.cdf(k, n, 0.5)
    assert found.pvalue == pytest.approx(min(1.0, 2 * tail) if 2 * k != n else 1.0)


def test_the_table_lists_every_disagreement_widest_gap_first(found, right, held_out):
    a, b = right
    table = found.disagreements
    assert set(table.index) == set(table["row"]) == set(np.flatnonzero(a != b))
    assert (table["gap"].abs().diff().dropna() <= 1e-12).all()
    for row in table.itertuples():
        assert row.right == ("Dense" if a[row.Index] else "CNN")
        assert row.truth == held_out[1][row.Index]
    assert "McNemar's exact p" in str(found)


def test_escape_codes_in_names_do_not_reach_the_terminal(dense, held_out):
    found = compare(dense, dense, *held_out, names=("a\x1b[31m", "b\x9b31m"))
    assert "\x1b" not in str(found) and "\x9b" not in str(found)
    assert str(found).count("a [31m") == 2


def test_a_model_compared_with_itself_has_no_disagreement(dense, held_out):
    found = compare(dense, dense, *held_out)
    assert found.pvalue == 1 and found.disagreements.empty
    assert found.names == ("DenseSentimentClassifier A", "DenseSentimentClassifier B")


def test_the_page_puts_the_heat_maps_of_both_next_to_each_other(dense, hasty, held_out, tmp_path):
    found = compare(dense, hasty, *held_out, names=("Dense", "CNN"))
    path = found.report(tmp_path / "compare.html", n_explained=5)
    with open(path, encoding="utf-8") as stream:
        page = stream.read()
    (text,) = re.findall(r'id="data">(.*?)</script>', page, re.DOTALL)
    data = json.loads(text)
    assert data["names"] == ["Dense", "CNN"]
    assert len(data["pairs"]) == 5
    for pair in data["pairs"]:
        review = held_out[0][pair["row"]]
        for pipe, heat_map in zip((dense, hasty), pair["maps"], strict=True):
            assert "".join(heat_map[0]) == pipe[0].visible_text(review)
            assert heat_map[6] == pytest.approx(pipe.predict_proba([review])[0, 1], abs=1e-4)
    assert "https:" not in page


def test_three_classes(dense_of_three, three_reviews, tmp_path):
    X, y = three_reviews.data[400:], three_reviews.target[400:]
    weak = make_pipeline(HTMLTokenizer(max_features=9), DenseSentimentClassifier(random_state=1))
    weak.fit(three_reviews.data[:400], three_reviews.target[:400])
    found = compare(dense_of_three, weak, X, y, names=("all words", "nine words"))
    assert found.report(tmp_path / "c.html", n_explained=3)


def test_models_of_different_labels_cannot_be_compared(dense, dense_of_three, held_out):
    with pytest.raises(ValueError, match="same labels"):
        compare(dense, dense_of_three, *held_out)
    with pytest.raises(ValueError, match=r"one name per model, got \('A',\)"):
        compare(dense, dense, *held_out, names=("A",))
    with pytest.raises(ValueError, match="different names"):
        compare(dense, dense, *held_out, names=("A", "A"))
    with pytest.raises(ValueError, match="never saw"):
        compare(dense, dense, ["a"], [7])
