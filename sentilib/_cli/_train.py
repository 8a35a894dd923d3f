"""sentilib train: fit a pipeline on labelled reviews, and save it."""

from typing import Any

import click

from sentilib._cli import _options, _pipeline
from sentilib._cli._errors import say


@click.command(
    epilog=_options.examples(
        "sentilib train reviews.csv --text review --label sentiment -o model.skops",
        "sentilib train reviews/ --group movie --model cnn --set epochs=4 -o model.skops",
        "sentilib train reviews.jsonl --test-size 0 --compress -o small.skops",
    )
)
@_options.INPUT
@click.option(
    "--output", "-o", metavar="FILE", required=True, help="File to write, such as model.skops."
)
@_options.TEXT
@_options.LABEL
@_options.GROUP
@_pipeline.MODEL_OPTIONS
@click.option(
    "--test-size",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.1,
    show_default=True,
    help="Share of the reviews to measure the accuracy on, which the measured model has not seen. "
    "0 measures nothing.",
)
@click.option(
    "--no-refit",
    is_flag=True,
    help="Save the model that was measured. Without this option, a second one is fitted on all "
    "reviews and saved.",
)
@click.option("--compress", is_flag=True, help="Save a smaller model, slightly less accurate.")
@_options.RANDOM_STATE
@_options.DROP_MISSING
@_options.OVERWRITE
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
@_options.LABELLED_FORMAT
@_options.QUIET
def train(
    paths: tuple[str, ...],
    output: str,
    text_column: str | None,
    label_column: str,
    group_column: str | None,
    kind: str,
    settings: tuple[str, ...],
    test_size: float,
    no_refit: bool,
    compress: bool,
    random_state: int,
    drop_missing: bool,
    overwrite: bool,
    as_json: bool,
    format: str | None,
    encoding: str,
    delimiter: str | None,
    quiet: bool,
) -> None:
    """Learn from labelled reviews, and write a model.

    INPUT are files or folders of CSV, JSON lines or Parquet with a column of reviews and one of
    labels, or - for standard input. Labels are any words or numbers, of two or more kinds. All
    reviews are read into memory.

    A tenth of the reviews is held out first: a model that is fitted on the others predicts them,
    and its scores are printed. Then a model is fitted on all reviews and written to FILE, at the
    very end. It contains no code (it is a file of the library skops).
    """
    from sentilib._cli._labelled import LabelledReader, as_labels
    from sentilib._cli._models import save_model

    target = _options.new_file(output, overwrite=overwrite)
    pipe = _pipeline.make_pipeline(kind, settings, random_state)
    source = _options.source(paths, format, encoding, delimiter)
    further = () if group_column is None else (group_column,)
    data = LabelledReader(source, text_column, label_column, further, drop_missing, quiet).read()
    labels = as_labels(data.labels)
    if len(set(labels.tolist())) < 2:
        raise ValueError(
            f"All {len(data):,} rows have the same label, {labels.tolist()[0]!r}: there is nothing "
            "to learn. Is this the column of labels? Name it by --label."
        )
    groups = None
    if group_column is not None:
        groups = [str(value) for value in data.columns[group_column]]
    with _pipeline.shown_progress(pipe, quiet=quiet):
        if test_size:
            found = _measure(pipe, data.texts, labels, groups, test_size, random_state)
        if not (test_size and no_refit):
            _pipeline.fit(pipe, data.texts, labels, groups)
    if compress:
        from sentilib import compress as compressed

        pipe = compressed(pipe)
    save_model(pipe, target)
    if test_size:
        from sentilib._cli import _scores

        click.echo(_scores.as_json(found) if as_json else f"Held out: {_scores.as_text(found)}")
    n_rows = found["rows"] if test_size and no_refit else 0
    say(
        f"{output} contains a model of {len(data) - n_rows:,} reviews, "
        f"{target.stat().st_size / 1e6:.1f} MB."
    )


def _measure(
    pipe: Any, texts: list[str], labels: Any, groups: Any, test_size: float, random_state: int
) -> dict:
    """Fit a pipeline on a part of the reviews, and compute its scores on the others."""
    import numpy as np
    from sklearn.model_selection import GroupShuffleSplit, StratifiedShuffleSplit

    from sentilib._cli._labelled import codes_of
    from sentilib._cli._models import class_names, predicted
    from sentilib._cli._scores import scores

    split = StratifiedShuffleSplit if groups is None else GroupShuffleSplit
    splitter = split(1, test_size=test_size, random_state=random_state)
    try:
        [(fitted, held_out)] = splitter.split(texts, labels, groups)
    except ValueError as error:
        raise ValueError(f"No test part of {test_size:g} can be held out: {error}") from error
    part = None if groups is None else [groups[row] for row in fitted]
    _pipeline.fit(pipe, [texts[row] for row in fitted], labels[fitted], part)
    found, proba = predicted(pipe, [texts[row] for row in held_out])
    classes = class_names(pipe)
    where = "The part held out"
    codes = codes_of(labels[held_out].tolist(), classes, where)
    return scores(classes, codes, proba, np.asarray(codes_of(found, classes, where)))
