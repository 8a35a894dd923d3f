"""sentilib predict: labels and probabilities of any number of reviews."""

from typing import Any

import click

from sentilib import __version__
from sentilib._cli import _options
from sentilib._cli._errors import say
from sentilib._cli._models import class_names, digest_of, load_model, predicted
from sentilib._cli._options import text_column_of, texts_of
from sentilib._cli._progress import progress
from sentilib._cli._rows._output import FileTarget, Output, StreamOutput, format_for
from sentilib._cli._rows._rows import Column
from sentilib._cli._rows._source import STANDARD, Source

_FORMATS = ("csv", "jsonl", "parquet")


@click.command(
    epilog=_options.examples(
        "sentilib predict model.skops reviews.csv --text review -o predictions.csv",
        "sentilib predict model.skops reviews/ -o predictions/ --output-format parquet",
        "sentilib predict model.skops big.jsonl.gz --keep id -o predictions.csv.gz",
        "echo 'A superb film!' | sentilib predict model.skops -",
    )
)
@_options.MODEL
@_options.INPUT
@_options.TEXT
@click.option(
    "--output",
    "-o",
    metavar="PATH",
    default=STANDARD,
    help="File to write, such as predictions.csv, or NAME/ for a folder of files of Parquet. "
    "[default: standard output]",
)
@click.option(
    "--output-format",
    type=click.Choice(_FORMATS),
    help="Format of the output. [default: as the name of --output tells, otherwise that of INPUT]",
)
@click.option(
    "--keep",
    "kept",
    metavar="COLUMN",
    multiple=True,
    help="Column of INPUT to copy to the output; may be repeated. [default: all]",
)
@click.option("--keep-none", is_flag=True, help="Write the new columns only.")
@click.option("--prefix", default="", help="Text before the names of the new columns.")
@click.option("--overwrite", is_flag=True, help="Replace an existing output file at the end.")
@click.option("--restart", is_flag=True, help="Discard an unfinished output and begin again.")
@_options.FORMAT
@_options.CHUNK_SIZE
@_options.UNSAFE
@_options.QUIET
def predict(
    model_path: str,
    paths: tuple[str, ...],
    text_column: str | None,
    output: str,
    output_format: str | None,
    kept: tuple[str, ...],
    keep_none: bool,
    prefix: str,
    overwrite: bool,
    restart: bool,
    format: str | None,
    encoding: str,
    delimiter: str | None,
    chunk_size: int,
    unsafe: bool,
    quiet: bool,
) -> None:
    """Predict the label of each review of INPUT, in its order.

    MODEL is a file that `sentilib train` has written. INPUT are files of CSV, JSON lines, Parquet
    or plain text, folders of them, or - for standard input, by default with one review per line.

    The output contains the rows of INPUT and the new
    columns prediction and probability_LABEL, one for each label. A row without text (null) has
    empty ones.

    Until the output is complete, it is in PATH.unfinished. If the command is killed or interrupted
    before, run it again with the same input, model and options: it continues, and no row is lost or
    written twice. Memory does not grow with INPUT.
    """
    if keep_none and kept:
        raise click.UsageError("--keep and --keep-none exclude each other.")
    source = _options.source(paths, format, encoding, delimiter, chunk_size)
    output_format = format_for(source, output, output_format)
    columns = _Columns(source, text_column, kept if kept or keep_none else None, prefix)
    if output == STANDARD:
        stream = StreamOutput(output_format, source.delimiter or ",")
        columns.predict(load_model(model_path, unsafe=unsafe), stream, quiet)
        return
    target = FileTarget(source, output, output_format, delimiter, overwrite=overwrite)
    task = {
        "input": source.fingerprint(),
        "model": digest_of(model_path),
        "version of sentilib": __version__,
        "--text": text_column,
        "--keep": "none" if keep_none else list(kept),
        "--prefix": prefix,
        "--format": [source.format, encoding, source.delimiter],
        "--output-format": output_format,
        "--chunk-size": chunk_size if source.is_standard_input else None,
    }
    model = load_model(model_path, unsafe=unsafe)
    unfinished = target.open(task, restart=restart, rows_per_part=chunk_size)
    try:
        if not unfinished.done:
            columns.predict(model, unfinished, quiet)
        unfinished.finish()
    finally:
        unfinished.close()


class _Columns:
    """The columns that are read and written."""

    def __init__(
        self, source: Source, text: str | None, kept: tuple[str, ...] | None, prefix: str
    ) -> None:
        self._source = source
        self._given = text
        self._kept = kept
        self._prefix = prefix

    def predict(self, model: Any, output: Output, quiet: bool) -> None:
        """Read, predict and write part by part."""
        if output.rows:
            say(f"continuing after {output.rows:,} rows.")
        n_rows, n_missing = output.rows, 0
        for rows in progress(
            self._source,
            self._select,
            skip=output.rows,
            digest=output.digest,
            quiet=quiet,
            what="Predicting",
        ):
            texts: list[str | None] = []
            if rows.size:
                text = self._text(rows.names)
                texts = texts_of(rows.column(text), rows.first, text, self._source.format)
            new = self._new(model, texts)
            names = rows.names if self._kept is None else list(dict.fromkeys(self._kept))
            if taken := [name for name in new if name in names]:
                raise ValueError(
                    f"{self._source.name} has a column {taken[0]!r} already: name the new columns "
                    "otherwise by --prefix, or choose the columns to copy by --keep."
                )
            output.write(rows, names, new)
            n_rows, n_missing = rows.end, n_missing + texts.count(None)
        if n_missing:
            have = "row has" if n_missing == 1 else "rows have"
            say(f"warning: {n_missing:,} {have} no text and therefore no prediction.")
        if not n_rows:
            say("warning: the input contains no rows.")

    def _text(self, names: list[str]) -> str:
        if self._given is None and self._source.format == "files":
            return "text"
        return text_column_of(names, self._given, self._source.name)

    def _select(self, names: list[str]) -> list[str]:
        text = self._text(names)
        if self._kept is None:
            return names
        where = self._source.name
        kept = [_options.require(names, name, "--keep", where) for name in self._kept]
        return list(dict.fromkeys([*kept, text]))

    def _new(self, model: Any, texts: list[str | None]) -> dict[str, Column]:
        """Return the columns of predictions, which are missing for missing texts."""
        rows = [row for row, text in enumerate(texts) if text is not None]
        values: list[list] = [[None] * len(texts) for _ in range(1 + len(model.classes_))]
        if rows:
            labels, proba = predicted(model, [texts[row] for row in rows])  # type: ignore[misc]
            for column, found in zip(values, [labels, *proba.T.tolist()], strict=True):
                if len(rows) == len(texts):
                    column[:] = found
                else:
                    for row, value in zip(rows, found, strict=True):
                        column[row] = value
        names = ["prediction", *(f"probability_{name}" for name in class_names(model))]
        examples = [model.classes_.tolist()[0], *[0.5] * len(model.classes_)]
        return {
            f"{self._prefix}{name}": Column(*pair)
            for name, *pair in zip(names, values, examples, strict=True)
        }
