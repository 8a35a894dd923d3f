"""The pipeline that train and label-issues fit, and its options."""

import ast
import contextlib
import difflib
import sys
from collections.abc import Iterator
from typing import Any

import click

from sentilib._cli._options import options

_KINDS = ("dense", "cnn", "vote")

MODEL_OPTIONS = options(
    click.option(
        "--model",
        "kind",
        type=click.Choice(_KINDS),
        default="dense",
        show_default=True,
        help="dense: words and phrases, fastest; cnn: also reads words in their context, slower; "
        "vote: the mean of both, often the most accurate, but explain and export refuse it.",
    ),
    click.option(
        "--set",
        "settings",
        metavar="NAME=VALUE",
        multiple=True,
        help="Parameter of a step, such as epochs=3, max_length=512 or tokenizer__markup=html5; "
        "may be repeated. `pydoc sentilib.DenseSentimentClassifier` lists them; so do those of "
        "ConvSentimentClassifier and HTMLTokenizer.",
    ),
)


def make_pipeline(kind: str, settings: tuple[str, ...], random_state: int) -> Any:
    """Return a pipeline with the parameters that the options set."""
    from sklearn.ensemble import VotingClassifier
    from sklearn.pipeline import Pipeline

    from sentilib import ConvSentimentClassifier, DenseSentimentClassifier, HTMLTokenizer

    models = {"dense": DenseSentimentClassifier, "cnn": ConvSentimentClassifier}
    if kind == "vote":
        classifier = VotingClassifier([(k, cls()) for k, cls in models.items()], voting="soft")
    else:
        classifier = models[kind]()
    pipe = Pipeline([("tokenizer", HTMLTokenizer()), ("classifier", classifier)])
    set_everywhere(pipe, "random_state", random_state)
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise click.UsageError(f"--set {setting}: expected NAME=VALUE, such as epochs=3.")
        set_everywhere(pipe, name.strip(), _value(value.strip()))
    return pipe


def _value(text: str) -> Any:
    """Return a number, a tuple, True, None or the like; other text stands for itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def set_everywhere(pipe: Any, name: str, value: Any) -> None:
    """Set a parameter of one step by its full name, or of all that have it by its own name."""
    params = pipe.get_params()
    found = [known for known in params if "__" in known and known.endswith(f"__{name}")]
    if name in params and "__" in name:
        found = [name]
    if not found:
        known = sorted({part for param in params for part in (param, param.split("__")[-1])})
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise click.UsageError(f"--set {name}: there is no parameter of this name.{hint}")
    pipe.set_params(**dict.fromkeys(found, value))


@contextlib.contextmanager
def messages_on_standard_error(*, quiet: bool) -> Iterator[int]:
    """Return `verbose` for our functions, whose messages go to standard error on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield 0
        return
    with contextlib.redirect_stdout(sys.stderr):
        yield 1


@contextlib.contextmanager
def shown_progress(pipe: Any, *, quiet: bool) -> Iterator[None]:
    """Show the progress of fits on standard error, if it is a terminal."""
    values = pipe.get_params()
    names = [name for name in values if name.endswith("__verbose") and not values[name]]
    with messages_on_standard_error(quiet=quiet) as verbose:
        pipe.set_params(**dict.fromkeys(names, verbose))
        try:
            yield
        finally:
            pipe.set_params(**dict.fromkeys(names, 0))


def numbers(values: list) -> list:
    """Return the values of a column as numbers, if all of them are some."""
    try:
        return [float(value) if value not in (None, "") else float("nan") for value in values]
    except (TypeError, ValueError):
        return ["" if value is None else str(value) for value in values]


def fit(pipe: Any, texts: list[str], labels: Any, groups: Any = None) -> Any:
    """Fit a pipeline; reviews of a group stay together in cross-fitting too."""
    import sklearn
    from sklearn.ensemble import VotingClassifier

    classifier = pipe[-1]
    if groups is None:
        return pipe.fit(texts, labels)
    if not isinstance(classifier, VotingClassifier):
        return pipe.fit(texts, labels, classifier__groups=groups)
    with sklearn.config_context(enable_metadata_routing=True):
        for _, member in classifier.estimators:
            member.set_fit_request(groups=True)
        pipe.fit(texts, labels, groups=groups)
    for member in [*classifier.estimators_, *dict(classifier.estimators).values()]:
        vars(member).pop("_metadata_request", None)  # which skops cannot save
    return pipe
