"""sentilib report: a page about the errors of a model."""

import click

from sentilib._cli import _options, _pipeline
from sentilib._cli._errors import say


@click.command(
    epilog=_options.examples(
        "sentilib report model.skops test.csv --text review --label sentiment -o report.html",
        "sentilib report model.skops test.csv --training train.csv -o report.html",
        "sentilib report model.skops test.parquet --feature price --feature year -o report.html",
    )
)
@_options.MODEL
@_options.INPUT
@click.option(
    "--output", "-o", metavar="FILE", required=True, help="Page to write, such as report.html."
)
@_options.TEXT
@_options.LABEL
@click.option(
    "--feature",
    "features",
    metavar="COLUMN",
    multiple=True,
    help="Further column to compare the errors with, such as a price or a language; may be "
    "repeated.",
)
@click.option(
    "--training",
    metavar="FILE",
    multiple=True,
    type=click.Path(),
    help="Reviews that the model has learnt from, with the same columns and format as INPUT: the "
    "page compares with them and with a simple model that is fitted to them, and checks for "
    "overfitting, leaks and shift. May be repeated.",
)
@click.option("--title", help="Title of the page.")
@click.option(
    "--explained",
    type=click.IntRange(0),
    default=1000,
    show_default=True,
    help="Number of reviews that the page contains completely, with coloured words: half of them "
    "with the largest errors, half at random.",
)
@_options.RANDOM_STATE
@_options.DROP_MISSING
@_options.OVERWRITE
@_options.LABELLED_FORMAT
@_options.UNSAFE
@_options.QUIET
def report(
    model_path: str,
    paths: tuple[str, ...],
    output: str,
    text_column: str | None,
    label_column: str,
    features: tuple[str, ...],
    training: tuple[str, ...],
    title: str | None,
    explained: int,
    random_state: int,
    drop_missing: bool,
    overwrite: bool,
    format: str | None,
    encoding: str,
    delimiter: str | None,
    unsafe: bool,
    quiet: bool,
) -> None:
    """Write a web page about the errors of a model.

    MODEL is a file that `sentilib train` has written. INPUT are files or folders of CSV, JSON lines
    or Parquet with a column of reviews and one of labels.

    The page is one HTML file for any browser, which needs no network: scores with confidence
    intervals, baselines, checks in plain words, calibration, thresholds and costs of errors, the
    latent space, loss against features, the worst subgroups, likely label errors, and all reviews
    with their predictions. INPUT should contain reviews that the model has not learnt from; all of
    them are read into memory, and the page contains them.
    """
    from sentilib._cli._labelled import LabelledReader, codes_of
    from sentilib._cli._models import class_names, load_model
    from sentilib.inspection import report as write_report

    target = _options.new_file(output, overwrite=overwrite)
    source = _options.source(paths, format, encoding, delimiter)
    model = load_model(model_path, unsafe=unsafe)
    reader = LabelledReader(
        source, text_column, label_column, features, drop_missing, quiet, "--feature"
    )
    data = reader.read()
    labels = model.classes_[codes_of(data.labels, class_names(model), source.name)]
    known = {}
    if training:
        source = _options.source(training, format, encoding, delimiter)
        reader = LabelledReader(source, text_column, label_column, (), drop_missing, quiet)
        learnt = reader.read()
        codes = codes_of(learnt.labels, class_names(model), source.name)
        known = {"X_train": learnt.texts, "y_train": model.classes_[codes]}
    columns = {name: _pipeline.numbers(values) for name, values in data.columns.items()}
    with _pipeline.messages_on_standard_error(quiet=quiet) as verbose:
        write_report(
            model,
            data.texts,
            labels,
            path=target,
            title=title,
            data=columns or None,
            n_explained=explained,
            random_state=random_state,
            verbose=verbose,
            **known,
        )
    say(f"{output} shows {len(data):,} reviews, {target.stat().st_size / 1e6:.1f} MB.")
