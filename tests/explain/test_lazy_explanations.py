"""Words are decoded, and shap's object is built, when someone looks; nothing else changes."""

import copy
import pickle

import numpy as np
import pytest
from games import random_conv, random_dense
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sentilib import HTMLTokenizer, TokenShapExplainer
from sentilib.explain import TokenExplanation, TokenImportanceDisplay, plots

TEXTS = [
    "A <b>mildly</b> entertaining film, a film!",
    "",
    "boo",
    "one two three four five six seven eight nine ten eleven twelve, one, two",
    "so !!!!!!!!!!!! unheard",
]
FULL = [text for text in TEXTS if text]
WORDS = ("data", "display_data", "feature_names")
UNKNOWN = {"unheard", "!", "boo"}


def explainer_of(n_classes=2, **options):
    tokenizer = HTMLTokenizer(max_length=12, vocabulary=
        ["a", "mildly", "entertaining", "film", "so", ",", "one", "two", "three", "four", "five",
         "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], **options,
    )  # fmt: skip
    return TokenShapExplainer(make_pipeline(tokenizer, random_dense(n_classes=n_classes)))


def decoded(explanation):
    """Return an explanation of the same values and words, made as users make one."""
    names = ("values", "base_values", *WORDS, "output_names", "error_std")
    further = ("method", "additivity_error", "class_names", "unknown_words")
    return TokenExplanation(
        *(getattr(explanation, name) for name in names),
        **{name: getattr(explanation, name) for name in further},
    )


def assert_equal(one, other):
    assert len(one.values) == len(other.values)
    for a, b in zip(one.values, other.values, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one.base_values, other.base_values)
    for name in (*WORDS, "output_names"):
        assert np.array_equal(getattr(one, name), getattr(other, name)) or list(
            getattr(one, name)
        ) == list(getattr(other, name))
    assert one.unknown_words == other.unknown_words
    assert one.class_names == other.class_names and one.is_exact == other.is_exact


@pytest.mark.parametrize("rows", [0, -1, np.int64(3), slice(1, 4), [4, 0], np.arange(5) % 2 == 0])
def test_rows_are_those_of_the_whole(rows):
    lazy = explainer_of().explain(TEXTS)
    chosen = lazy[rows]
    assert not set(WORDS) & set(vars(chosen)) and not set(WORDS) & set(vars(lazy))
    whole = decoded(explainer_of().explain(TEXTS))
    assert_equal(chosen, whole[rows])
    assert chosen.unknown_words == UNKNOWN
    np.testing.assert_array_equal(chosen.additivity_error, whole.additivity_error[rows])


def test_words_that_were_set_stay():
    explanation = explainer_of().explain(TEXTS)
    explanation.feature_names = [["own"]] * 5
    assert explanation[2].feature_names == ["own"] and explanation[2].data == ["boo"]
    assert explanation.feature_names == [["own"]] * 5


def test_words_do_not_change_with_what_was_explained():
    ids = np.zeros((2, 12), dtype=np.int32)
    ids[0, :3], ids[1, 0] = [2, 3, 99], 4
    texts = list(TEXTS)
    of_ids, of_texts = (explainer_of().explain(X) for X in (ids, texts))
    ids[:] = 5
    texts[:] = ["other"] * 5
    assert of_ids.feature_names == [["a", "mildly", "99"], ["entertaining"]]
    assert of_ids.unknown_words == {"99"}
    assert of_texts.feature_names[2] == ["boo"]


@pytest.mark.parametrize(
    "step", [None, lambda ids: np.where(ids == 3, 1, np.where(ids == 5, 0, ids))]
)
def test_unknown_words_are_those_of_each_row(step):
    explainer = explainer_of()
    if step is not None:
        explainer.estimator.steps.insert(1, ("step", FunctionTransformer(step)))
    explanation = explainer.explain(TEXTS)
    expected = UNKNOWN | ({"mildly"} if step is not None else set())
    assert explanation.unknown_words == expected
    assert ("film" in explanation.feature_names[0]) == (step is None)


def test_a_pickle_needs_no_tokenizer_and_no_reviews():
    explanation = explainer_of().explain(TEXTS)
    whole = decoded(explainer_of().explain(TEXTS))
    data = pickle.dumps(explanation)
    assert b"HTMLTokenizer" not in data and b"Readings" not in data
    for part in (pickle.loads(data), copy.deepcopy(explanation), copy.copy(explanation)):
        assert_equal(part, whole)
        assert_equal(part[[2, 3]], whole[[2, 3]])


def test_displays_and_plots_are_the_same():
    lazy, whole = explainer_of().explain(TEXTS), decoded(explainer_of().explain(TEXTS))
    assert plots.text(lazy) == plots.text(whole)
    assert plots.terminal(lazy[4]) == plots.terminal(whole[4])
    one, other = (TokenImportanceDisplay.from_explanation(e) for e in (lazy, whole))
    assert vars(one).keys() == vars(other).keys()


class TestShap:
    @pytest.fixture(params=[2, 3])
    def both(self, request):
        shap = pytest.importorskip("shap")
        explainer = explainer_of(request.param)
        whole = decoded(explainer.explain(FULL))
        plain = shap.Explanation(
            whole.values,
            base_values=whole.base_values,
            data=whole.data,
            display_data=whole.display_data,
            feature_names=whole.feature_names,
            output_names=whole.output_names,
        )
        return explainer(FULL), plain

    @pytest.mark.parametrize(
        "look",
        [
            lambda e: e,
            lambda e: e[0],
            lambda e: e[-1],
            lambda e: e[1:3],
            lambda e: e[[3, 0]],
            lambda e: e[0:3][2],
            lambda e: e[0, :3],
            lambda e: e[:, :1],
            lambda e: e[..., 0],
            lambda e: copy.copy(e),
            lambda e: e.sample(3),
            lambda e: e.abs.mean(0),
            lambda e: e[0:1].max(0),
            lambda e: e[3, :, "1"] if len(e.shape) == 3 else e[3],
            lambda e: e[:, :, "1"] if len(e.shape) == 3 else e,
        ],
    )
    def test_looking_gives_what_shap_gives(self, both, look):
        ours, theirs = map(look, both)
        assert ours.shape == theirs.shape and len(ours) == len(theirs)
        of_shap = type(theirs).__repr__
        assert of_shap(ours) == of_shap(theirs)
        assert repr(ours) == of_shap(theirs) if ours._is_built else len(repr(ours)) < 300
        assert np.array_equal(ours.feature_names, theirs.feature_names) or list(
            map(list, ours.feature_names)
        ) == list(map(list, theirs.feature_names))
        assert ours.output_names == theirs.output_names
        names = ([op.name for op in e.op_history if op.name != "__getitem__"] for e in both)
        assert next(names) == next(names)
        for name in ("error_std", "clustering", "lower_bounds", "instance_names"):
            assert getattr(ours, name) is None and getattr(theirs, name) is None
        assert ours.unknown_words == UNKNOWN and ours.method == "exact"

    def test_reading_builds_nothing(self, both):
        ours, _ = both
        for part in (ours, ours[0]):
            repr(part), part.shape, len(part), part.values, part.base_values, part.unknown_words
            assert not part._is_built
        assert not hasattr(ours, "no_such_attribute") and not ours._is_built

    def test_what_is_set_stays(self, both):
        ours, _ = both
        data = [[word.upper() for word in row] for row in ours.data]
        ours.data = data
        assert ours.data == data and ours[1].data == ["BOO"]
        assert ours.values[1].shape[0] == 1 and ours.class_names[:2] == ["0", "1"]

    @pytest.mark.parametrize("look", [lambda e: e, lambda e: e[0], lambda e: e[1:]])
    def test_pickles_and_copies(self, both, look):
        ours = look(both[0])
        for part in (pickle.loads(pickle.dumps(ours)), copy.deepcopy(ours)):
            assert repr(part) == repr(ours) and part.shape == ours.shape
            assert part.unknown_words == UNKNOWN and part.is_exact

    def test_rows_beyond_the_last_are_an_error(self, both):
        for explanation in both:
            with pytest.raises(IndexError):
                explanation[4]


def test_sampled_values_keep_their_errors():
    pytest.importorskip("shap")
    conv = make_pipeline(HTMLTokenizer(max_length=12).fit(TEXTS), random_conv(pooling="max"))
    explanation = TokenShapExplainer(conv, n_permutations=2, random_state=0)(TEXTS)
    assert explanation[0].error_std.shape == explanation[0].values.shape
    assert len(explanation[2:].error_std) == 3 and explanation.method == "permutation"
