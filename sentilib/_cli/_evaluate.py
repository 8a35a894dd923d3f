"""sentilib evaluate: how good the predictions of labelled reviews are."""

import click

from sentilib._cli import _options


@click.command(
    epilog=_options.examples(
        "sentilib evaluate model.skops test.csv --text review --label sentiment",
        "sentilib evaluate model.skops test/ --json > scores.json",
        "zcat test.csv.gz | sentilib evaluate model.skops - --format csv --text review",
    )
)
@_options.MODEL
@_options.INPUT
@_options.TEXT
@_options.LABEL
@_options.DROP_MISSING
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
@_options.LABELLED_FORMAT
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
    """Measure how good the predictions of a model are.

    MODEL is a file that `sentilib train` has written. INPUT are files or folders of CSV, JSON lines
    or Parquet with a column of reviews and one of labels, or - for standard input.

    Prints accuracy, log loss, Brier score, macro F1, area under the ROC curve (two labels) and
    expected calibration error, with confidence intervals, and the confusion matrix. Accuracy, F1
    and area are at best 1, the others 0. INPUT should contain reviews that the model has not learnt
    from. Texts are read part by part: with two labels, a million reviews take 70 MB of memory.
    """
    import numpy as np

    from sentilib._cli import _scores
    from sentilib._cli._labelled import LabelledReader, codes_of
    from sentilib._cli._models import class_names, load_model, predicted

    source = _options.source(paths, format, encoding, delimiter, chunk_size)
    reader = LabelledReader(source, text_column, label_column, (), drop_missing, quiet)
    model = load_model(model_path, unsafe=unsafe)
    classes = class_names(model)
    small = np.min_scalar_type(len(classes))
    truth, guesses, probabilities = [], [], []
    for part in reader.parts():
        if not len(part):
            continue
        truth.append(codes_of(part.labels, classes, source.name).astype(small))
        labels, proba = predicted(model, part.texts)
        guesses.append(codes_of(labels, classes, model_path).astype(small))
        probabilities.append(proba)
    arrays = [np.concatenate(parts) for parts in (truth, probabilities, guesses)]
    del truth, guesses, probabilities  # which take as much memory again
    found = _scores.scores(classes, *arrays)
    click.echo(_scores.as_json(found) if as_json else _scores.as_text(found))
