"""Frames of daily life: names of rows, missing values, columns of text, containers of output."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sentilib import HTMLTokenizer, TokenShapExplainer
from sentilib.inspection import (
    LatentSpaceDisplay,
    LossByFeatureDisplay,
    compare,
    error_table,
    find_label_issues,
    find_leaks,
    report,
    review_metadata,
    slices,
)

NAMES = [f"r{k * 7919 % 300:03}" for k in range(300)]  # no order


def data_of(path):
    (text,) = re.findall(r'id="data">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL)
    return json.loads(text)


@pytest.fixture(scope="module")
def frame(reviews):
    n = np.arange(300)
    return pd.DataFrame(
        {
            "stars": n % 5,
            "text": reviews.data[1200:],
            "title": [None, "a title"] * 150,
            "truth": reviews.target[1200:],
        },
        index=pd.Index(NAMES, name="id"),
    )


@pytest.fixture(scope="module")
def flipped(frame):
    labels = frame["truth"].copy()
    labels.iloc[::20] = 1 - labels.iloc[::20]
    return labels


@pytest.fixture(scope="module")
def issues(dense, frame, flipped):
    return find_label_issues(FrozenEstimator(dense), frame["text"], flipped)


def assert_names_and_rows_agree(table, frame):
    assert table.index.tolist() == [NAMES[row] for row in table["row"]]
    for text, snippet in zip(frame.loc[table.index, "text"], table["snippet"], strict=True):
        visible = " ".join(HTMLTokenizer().visible_text(text).split())
        assert visible.startswith(snippet.removesuffix("…").rstrip())


class TestNames:
    def test_label_issues_come_first_with_the_names_and_texts_of_their_reviews(
        self, issues, frame, flipped
    ):
        assert_names_and_rows_agree(issues, frame)
        assert issues.index.name == "id"
        n_issues = issues["is_issue"].sum()
        assert 5 < n_issues < 60 and issues["is_issue"].iloc[:n_issues].all()
        for part in (issues[issues["is_issue"]], issues[~issues["is_issue"]]):
            assert part["label_quality"].is_monotonic_increasing
        wrong = flipped != frame["truth"]
        assert wrong.loc[issues.index[:15]].mean() > 0.5  # random: 0.05

    def test_so_do_issues_found_on_folds(self, frame):
        model = make_pipeline(HTMLTokenizer(max_length=40), Bags(C=0.1, max_iter=1000))
        found = find_label_issues(
            model, frame, frame["truth"], text_column="text", cv=2, second_opinion=False
        )
        assert_names_and_rows_agree(found, frame)

    def test_errors_and_disagreements(self, dense, hasty, frame):
        assert_names_and_rows_agree(error_table(dense, frame["text"], frame["truth"]), frame)
        found = compare(dense, hasty, frame["text"], frame["truth"], names=("a", "b"))
        assert len(found.disagreements) > 3
        assert_names_and_rows_agree(found.disagreements, frame)

    def test_leaks_have_the_names_of_both_splits(self, frame):
        test = pd.Series([frame["text"].iloc[5], frame["text"].iloc[7]], index=["x", "y"])
        found = find_leaks(frame["text"], test).duplicates
        assert found.index.tolist() == [NAMES[5], "x", NAMES[7], "y"]
        assert found["row"].tolist() == [5, 0, 7, 1]
        assert find_leaks(frame["text"].tolist(), test).duplicates.index.tolist() == [
            5,
            "x",
            7,
            "y",
        ]

    def test_positions_where_there_are_no_names(self, dense, frame):
        found = error_table(dense, frame["text"].tolist(), frame["truth"], n_explained=0)
        assert found.index.tolist() == found["row"].tolist() != sorted(found["row"])

    def test_an_index_named_like_a_column_loses_its_name(self, dense, frame):
        texts = frame["text"].rename_axis("row")
        found = error_table(dense, texts, frame["truth"], n_explained=0)
        assert found.sort_values("row").index.tolist() == NAMES

    def test_metadata_keep_them_too(self, frame):
        pytest.importorskip("textblob")
        found = review_metadata(frame[:3], text_column="text")
        assert found.index.tolist() == NAMES[:3]

    def test_the_pages_name_reviews_so(self, dense, hasty, frame, tmp_path):
        report(dense, frame["text"][:40], frame["truth"][:40], path=tmp_path / "r.html")
        assert data_of(tmp_path / "r.html")["row_names"] == NAMES[:40]
        found = compare(dense, hasty, frame["text"], frame["truth"])
        found.report(tmp_path / "c.html")
        pairs = data_of(tmp_path / "c.html")["pairs"]
        assert [pair["name"] for pair in pairs] == found.disagreements.index.tolist()
        assert [pair["row"] for pair in pairs] == found.disagreements["row"].tolist()

    def test_what_matters_is_first_and_last(self, issues, dense, frame):
        with pd.option_context("display.width", 80, "display.max_columns", 0):
            head = str(issues).splitlines()[0].split()
        assert head == ["given", "suggested", "...", "is_issue", "snippet"]
        X = frame[["stars", "text"]]
        found = error_table(dense, X, frame["truth"], n_explained=0)
        assert found.columns[:4].tolist() == ["truth", "prediction", "probability", "loss"]
        assert found.columns[-4:].tolist() == ["stars", "words_for", "words_against", "snippet"]


class Bags(LogisticRegression):
    """Logistic regression on counts of ids, which is quick."""

    @staticmethod
    def bags(ids):
        rows = np.stack([np.bincount(row % 300, minlength=300) for row in np.asarray(ids)])
        return np.sqrt(rows[:, 2:])

    def fit(self, X, y):
        return super().fit(self.bags(X), y)

    def decision_function(self, X):
        return super().decision_function(self.bags(X))


READERS = {
    "error_table": lambda *args, **kw: error_table(*args, n_explained=0, **kw),
    "slices": lambda *args, **kw: slices(*args, "length", **kw),
    "loss": lambda *args, **kw: LossByFeatureDisplay.from_estimator(*args, features="length", **kw),
    "latent": lambda *args, **kw: LatentSpaceDisplay.from_estimator(*args, **kw),
    "issues": lambda model, *args, **kw: find_label_issues(FrozenEstimator(model), *args, **kw),
    "compare": lambda model, *args, **kw: compare(model, model, *args, **kw),
    "leaks": lambda model, X, y, **kw: find_leaks(X, **kw),
    "explainer": lambda model, X, y, **kw: TokenShapExplainer(model, **kw).explain(X),
}


class TestColumnOfText:
    @pytest.mark.parametrize("read", READERS.values(), ids=READERS.keys())
    def test_it_can_be_named_and_must_be_where_there_are_two(self, read, dense, frame):
        X, y = frame[["stars", "title", "text"]][:40], frame["truth"][:40]
        with pytest.raises(ValueError, match=r"found \['title', 'text'\].*text_column='title'"):
            read(dense, X, y)
        assert read(dense, X, y, text_column="text") is not None
        with pytest.raises(ValueError, match=r"no column 'body' \(text_column\): it has \['stars'"):
            read(dense, X, y, text_column="body")
        with pytest.raises(ValueError, match=r"X is a list, which has none. Leave text_column out"):
            read(dense, X["text"].tolist(), y, text_column="text")

    def test_by_the_report_and_by_measures(self, dense, frame, tmp_path):
        X = frame[["title", "text"]][:40]
        for name in ("text", 0):
            table = X.rename(columns={"text": name})
            report(dense, table, frame["truth"][:40], path=tmp_path / "r", text_column=name)
            assert data_of(tmp_path / "r")["snippets"][0].startswith("So this is The Hidden")
        with pytest.raises(ValueError, match="one column of text among"):
            report(dense, X, frame["truth"][:40], path=tmp_path / "r")

    def test_a_missing_text_is_named_and_does_not_hide_the_column(self, dense, frame):
        X = frame[["stars", "text"]].copy()
        X.iloc[3, 1] = np.nan
        with pytest.raises(TypeError, match="Document 3 is nan of type float"):
            error_table(dense, X, frame["truth"])
        with pytest.raises(TypeError, match="Document 3 is <NA> of type NAType"):
            error_table(dense, X.astype({"text": "string"}), frame["truth"])
        with pytest.raises(TypeError, match="Document 0 is nan of type float"):
            error_table(dense, pd.Series([np.nan] * 300), frame["truth"])
        for missing in (np.nan, None, pd.NA, np.float32("nan")):
            with pytest.raises(TypeError, match=r"Document 0 is .*Drop or fill missing documents"):
                TokenShapExplainer(dense)([missing, "text"])

    def test_categories_are_no_text_beside_text(self, dense, frame):
        X = frame[["text", "stars"]].assign(shop=pd.Series(["a", "b"] * 150).to_numpy())
        X = X.astype({"shop": "category"})
        found = error_table(dense, X, frame["truth"], n_explained=0)
        assert found["shop"].value_counts().to_dict() == {"a": 150, "b": 150}

    def test_two_columns_of_one_name_are_refused(self, dense, frame):
        X = frame[["text", "stars", "stars"]]
        with pytest.raises(
            ValueError, match=r"columns of the same name: \['text', 'stars', 'stars"
        ):
            error_table(dense, X, frame["truth"])


NUMBERS, TRUTHS, WORDS = [None, *range(9)] * 30, [None, True, False] * 100, [None, "x", "y"] * 100
COLUMNS = {
    "Int64": (NUMBERS, "Int64"),
    "Float64": (NUMBERS, "Float64"),
    "objects": (NUMBERS, object),
    "int64[pyarrow]": (NUMBERS, "int64[pyarrow]"),
    "boolean": (TRUTHS, "boolean"),
    "bool[pyarrow]": (TRUTHS, "bool[pyarrow]"),
    "string": (WORDS, "string"),
    "string[pyarrow]": (WORDS, "string[pyarrow]"),
    "category": (WORDS, "category"),
    "objects of all kinds": ([np.nan, "x", pd.NA, None, "y", pd.NaT] * 50, object),
}


def column_of(name):
    if "pyarrow" in name:
        pytest.importorskip("pyarrow")
    values, dtype = COLUMNS[name]
    return pd.Series(values, dtype=dtype)


class TestMissingValues:
    @pytest.mark.parametrize("name", COLUMNS)
    def test_subgroups_leave_them_out_and_say_so(self, name, dense, frame):
        column = column_of(name)
        n_missing = int(column.isna().sum())
        X, y = frame["text"], frame["truth"]
        with pytest.warns(UserWarning, match=f"'c': {n_missing} of 300 values are missing"):
            found = slices(dense, X, y, "c", data={"c": column})
        assert found["n_reviews"].sum() == 300 - n_missing
        assert len(found) == min(column.nunique(), 4)
        if column.nunique() > 4:  # numbers
            assert set(found["slice"]) == {"c 0 to 1", "c 2 to 3", "c 4 to 5", "c 6 to 8"}

    @pytest.mark.parametrize("zone", [None, "Asia/Tokyo"])
    def test_dates_are_cut_at_their_quantiles(self, zone, dense, frame):
        days = pd.Series(pd.date_range("2024-01-01", periods=300, tz=zone))
        days[7] = pd.NaT
        with pytest.warns(UserWarning, match="'day': 1 of 300 values are missing"):
            found = slices(dense, frame["text"], frame["truth"], "day", data={"day": days})
        assert found["n_reviews"].sum() == 299 and len(found) == 4
        assert found["slice"].str.match(r"day 202[34]-\d\d-\d\d \d\d:00:00 to 2024-").all()
        with pytest.raises(ValueError, match="'day' must be numeric, got type datetime64"):
            LossByFeatureDisplay.from_estimator(
                dense, frame["text"], frame["truth"], features="day", data={"day": days}
            )

    @pytest.mark.filterwarnings("ignore:Feature")
    def test_a_report_of_all_of_them(self, dense, frame, tmp_path):
        data = {f"c{k}": column_of(name).to_numpy() for k, name in enumerate(COLUMNS)}
        data["empty"] = [None] * 300
        X = pd.DataFrame({"text": frame["text"].to_numpy(), "n": column_of("Int64")})
        report(dense, X, frame["truth"], path=tmp_path / "r", data=data, n_explained=0)
        page = (tmp_path / "r").read_text(encoding="utf-8")
        assert data_of(tmp_path / "r")["row_names"] is None  # they are the positions
        titles = re.findall("<figcaption>(c[0-9]|n|empty)<", page)
        assert titles == ["n", "c0", "c1", "c2", "c3"]  # the numeric ones
        with pytest.raises(ValueError, match="feature 'empty' has no value"):
            slices(dense, X, frame["truth"], "empty", data=data)

    @pytest.mark.parametrize("missing", [None, np.nan, pd.NA], ids=["None", "NaN", "NA"])
    @pytest.mark.parametrize("name", sorted(READERS.keys() - {"leaks", "explainer"}))
    def test_labels_must_not_be_missing(self, name, missing, dense, frame):
        for labels in (["pos", missing, "neg"], [0, missing, 1]):
            for y in (labels, pd.Series(labels, dtype=object), np.array(labels, dtype=object)):
                with pytest.raises(
                    ValueError, match=r"y contains 1 missing values .* position 1\. Drop"
                ):
                    READERS[name](dense, frame["text"][:3], y)

    def test_labels_must_be_of_one_type(self, dense, frame):
        y = np.array([0, "pos", 1], dtype=object)
        message = "y contains values that cannot be compared, of the types int, str"
        for estimator in (FrozenEstimator(dense), dense):
            with pytest.raises(ValueError, match=message):
                find_label_issues(estimator, frame["text"][:3], y)
        with pytest.raises(ValueError, match=message):
            error_table(dense, frame["text"][:3], [0, "pos", 1])

    @pytest.mark.parametrize(
        "dtype", ["category", "Int64", "int64[pyarrow]", "boolean", "bool[pyarrow]", object]
    )
    def test_labels_of_any_type_are_read(self, dtype, dense, frame):
        if "pyarrow" in str(dtype):
            pytest.importorskip("pyarrow")
        y = frame["truth"].astype(dtype)
        plain = error_table(dense, frame["text"], frame["truth"], n_explained=0)
        found = error_table(dense, frame["text"], y, n_explained=0)
        pd.testing.assert_frame_equal(found, plain)

    @pytest.mark.parametrize("missing", [None, np.nan, pd.NA], ids=["None", "NaN", "NA"])
    def test_groups_are_called_groups(self, missing, frame):
        model = make_pipeline(HTMLTokenizer(), Bags(C=0.1, max_iter=1000))
        for groups in ([missing] * 2 + ["g"] * 298, pd.Series([missing] * 2 + [7] * 298)):
            with pytest.raises(ValueError, match="groups contains 2 missing values"):
                find_label_issues(
                    model,
                    frame["text"],
                    frame["truth"],
                    groups=groups,
                    cv=2,
                    second_opinion=False,
                )

    @pytest.mark.parametrize("missing", [None, np.nan, pd.NA], ids=["None", "NaN", "NA"])
    def test_a_missing_group_is_in_no_other_split(self, missing):
        texts, groups = ["one two", "three four"], [missing, "g"]
        leaks = find_leaks(
            texts, texts, groups_train=groups, groups_test=groups, y_train=groups, y_test=groups
        )
        assert leaks.shared_groups.index.tolist() == ["g"]
        assert leaks.duplicates["group"].isna().tolist() == [True, True, False, False]
        assert not leaks.duplicates["labels_disagree"].any()

    def test_labels_of_both_splits_must_be_of_one_type(self):
        with pytest.raises(
            ValueError, match=r"y_train and y_test .* types \(int, str\), which never"
        ):
            find_leaks(["one"], ["one"], y_train=["pos"], y_test=[1])


def test_messages_show_labels_as_they_are_written(dense):
    y = np.array(["pos", "pos"])
    with pytest.raises(ValueError, match=r"single class \('pos'\)"):
        find_label_issues(make_pipeline(HTMLTokenizer(), Bags(C=0.1, max_iter=1000)), ["a", "b"], y)
    with pytest.raises(ValueError, match=r"one column per class of \['neg', 'pos'\]"):
        LossByFeatureDisplay.from_predictions(
            y, np.ones((2, 3)) / 3, {"n": [1, 2]}, labels=np.array(["neg", "pos"])
        )


def test_a_label_with_a_lone_surrogate_is_shown_by_every_page(three_reviews, tmp_path):
    labels = np.array(["\udc80bad", "fair", "good\ud800"], dtype=object)[three_reviews.target]
    pipe = make_pipeline(HTMLTokenizer(max_length=40), Bags(C=0.1, max_iter=1000)).fit(
        three_reviews.data, labels
    )
    report(pipe, three_reviews.data, labels, path=tmp_path / "r", title="t\udc80")
    other = make_pipeline(HTMLTokenizer(max_features=9), Bags(C=0.1, max_iter=1000)).fit(
        three_reviews.data, labels
    )
    found = compare(pipe, other, three_reviews.data, labels, names=("a", "b"))
    found.report(tmp_path / "c", n_explained=3)
    for name in ("r", "c"):
        assert "?bad" in (tmp_path / name).read_text(encoding="utf-8")
    LossByFeatureDisplay.from_estimator(pipe, three_reviews.data, labels).figure_.canvas.draw()
    assert error_table(pipe, three_reviews.data, labels)["truth"].tolist()[0] in labels
    assert len(find_label_issues(FrozenEstimator(pipe), three_reviews.data, labels)) == 500
    leaks = find_leaks(["one", "one"], ["one"], y_train=["\ud800", "a"], y_test=["a"])
    assert leaks.duplicates["labels_disagree"].all()


@pytest.mark.parametrize("output", ["pandas", "polars"])
@pytest.mark.parametrize("how", ["set_config", "set_output"])
def test_containers_of_output_change_no_table(output, how, dense, frame, tmp_path):
    pytest.importorskip(output)
    X, y = frame["text"][:60], frame["truth"][:60]

    def tables(pipe):
        model = make_pipeline(HTMLTokenizer(max_length=40), Bags(C=0.1, max_iter=1000))
        return [
            error_table(pipe, X, y),
            find_label_issues(FrozenEstimator(pipe), X, y),
            find_label_issues(model, X, y, cv=2, random_state=0),
            slices(pipe, X, y, random_state=0),
            compare(pipe, pipe, X, y).scores,
            find_leaks(X).duplicates,
            pd.DataFrame(TokenShapExplainer(pipe).explain(X).values[0]),
            pd.DataFrame(TokenShapExplainer(pipe, baseline="mean").explain(X).values[3]),
            LatentSpaceDisplay.from_estimator(
                pipe, X, y, color="cluster", random_state=0
            ).cluster_table,
            LossByFeatureDisplay.from_estimator(pipe, X, y).trends,
        ]

    expected = tables(dense)
    pipe = make_pipeline(*(FrozenEstimator(step) for step in dense.named_steps.values()))
    if how == "set_config":
        with sklearn.config_context(transform_output=output):
            found = tables(pipe)
            report(pipe, X, y, path=tmp_path / "r.html")
    else:
        dense[0].set_output(transform=output)
        dense[1].set_output(transform=output)
        try:
            found = tables(dense)
        finally:
            for step in (dense[0], dense[1]):
                del step._sklearn_output_config
    for table, other in zip(found, expected, strict=True):
        pd.testing.assert_frame_equal(table, other)
