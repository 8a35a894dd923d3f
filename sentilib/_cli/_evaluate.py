"""sentilib evaluate: how good the predictions of labelled reviews are."""

import click

from sentilib._cli import _options


@click.command(
    epilog=_options.examples(
        "sentilib evaluate model.skops test.csv --text review --label sentiment",
        "sentilib evaluate model.skops test/ --json > scores.json",
    )
)
@_options.MODEL
@_options.INPUT
@_options.TEXT
@_options.LABEL
@_options.DROP_MISSING
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
@_options.FORMAT
@_options.CHUNK_SIZE
@_options.UNSAFE
@_options.QUIET
def evaluate(
    model_path: str,
    paths: tuple[str, ...],
    text_column: str | None,
    label_column: str,
    drop_missing: bool,
    as_json: bool,
    format: str | None,
    encoding: str,
    delimiter: str | None,
    chunk_size: int,
    unsafe: bool,
    quiet: bool,
) -> None:
    """Compare the predictions of a model with the labels of reviews.

    MODEL is a file that `sentilib train` has written. INPUT are files or folders of CSV, JSON lines
    or Parquet with a column of reviews and one of labels, or - for standard input.

    Prints accuracy, log loss, Brier score, macro F1, area under the ROC curve (two labels) and
    expected calibration error, with confidence intervals, and the confusion matrix. INPUT should
    contain reviews that the model has not learnt from. Texts are read part by part: only their
    probabilities are kept in memory.
    """
    import numpy as np

    from sentilib._cli import _scores
    from sentilib._cli._labelled import LabelledReader, codes_of
    from sentilib._cli._models import class_names, load_model, predicted

    source = _options.source(paths, format, encoding, delimiter, chunk_size)
    reader = LabelledReader(source, text_column, label_column, (), drop_missing, quiet)
    model = load_model(model_path, unsafe=unsafe)
    classes = class_names(model)
    truth, guesses, probabilities = [], [], []
    for part in reader.parts():
        if not len(part):
            continue
        truth.append(codes_of(part.labels, classes, source.name))
        labels, proba = predicted(model, part.texts)
        guesses.append(codes_of(labels, classes, model_path))
        probabilities.append(proba)
    found = _scores.scores(
        classes, np.concatenate(truth), np.concatenate(probabilities), np.concatenate(guesses)
    )
    click.echo(_scores.as_json(found) if as_json else _scores.as_text(found))
