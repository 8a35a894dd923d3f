"""sentilib label-issues: reviews whose label is likely wrong."""

import click

from sentilib._cli import _options, _pipeline
from sentilib._cli._errors import say
from sentilib._cli._rows._output import write_table
from sentilib._cli._rows._source import STANDARD


@click.command(
    "label-issues",
    epilog=_options.examples(
        "sentilib label-issues reviews.csv --text review --label sentiment -o issues.csv",
        "sentilib label-issues reviews.parquet --group movie --cv 5 --output-format jsonl",
    ),
)
@_options.INPUT
@_options.TEXT
@_options.LABEL
@_options.GROUP
@_pipeline.MODEL_OPTIONS
@click.option(
    "--cv",
    type=click.IntRange(2),
    default=5,
    show_default=True,
    help="Number of parts: each is predicted by a model that is fitted on the others.",
)
@click.option(
    "--fast",
    is_flag=True,
    help="Ask only the model of --model, not also logistic regressions, which find more errors.",
)
@click.option("--all", "all_rows", is_flag=True, help="Write all rows, not only likely errors.")
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    default=STANDARD,
    help="Table to write. [default: standard output]",
)
@click.option(
    "--output-format",
    type=click.Choice(["csv", "jsonl", "parquet"]),
    help="[default: as the name of --output tells, otherwise csv]",
)
@_options.RANDOM_STATE
@_options.DROP_MISSING
@_options.OVERWRITE
@_options.LABELLED_FORMAT
@_options.QUIET
def label_issues(
    paths: tuple[str, ...],
    text_column: str | None,
    label_column: str,
    group_column: str | None,
    kind: str,
    settings: tuple[str, ...],
    cv: int,
    fast: bool,
    all_rows: bool,
    output: str,
    output_format: str | None,
    random_state: int,
    drop_missing: bool,
    overwrite: bool,
    format: str | None,
    encoding: str,
    delimiter: str | None,
    quiet: bool,
) -> None:
    """Find reviews whose label is likely wrong.

    INPUT are files or folders of CSV, JSON lines or Parquet with a column of reviews and one of
    labels, or - for standard input. They are read into memory and not changed. Models are fitted on
    parts of the reviews and predict the others (confident learning).

    The table begins with the most likely error. Its columns are row (1 is the first row of INPUT
    after the header), given and suggested label, label_quality (from 0, the models contradict the
    label, to 1, they agree), self_confidence (probability of the given label), is_issue, and
    snippet, the beginning of the text.
    """
    from sentilib._cli._labelled import LabelledReader, as_labels
    from sentilib.inspection import find_label_issues

    target = None if output == STANDARD else _options.new_file(output, overwrite=overwrite)
    pipe = _pipeline.make_pipeline(kind, settings, random_state)
    source = _options.source(paths, format, encoding, delimiter)
    further = () if group_column is None else (group_column,)
    reader = LabelledReader(source, text_column, label_column, further, drop_missing, quiet)
    data = reader.read()
    with _pipeline.messages_on_standard_error(quiet=quiet) as verbose:
        table = find_label_issues(
            pipe,
            data.texts,
            as_labels(data.labels),
            cv=cv,
            groups=None if group_column is None else list(map(str, data.columns[group_column])),
            second_opinion=not fast,
            snippet_length=80,
            random_state=random_state,
            verbose=verbose,
        )
    n_issues = int(table["is_issue"].sum())
    if not all_rows:
        table = table[table["is_issue"]]
    columns = {name: table[name].tolist() for name in table.columns}
    columns = {"row": [data.rows[row] for row in columns.pop("row")], **columns}
    write_table(columns, target, output_format)
    say(f"{n_issues:,} of {len(data):,} labels are likely wrong.")
