"""sentilib explain: how much each word contributes to a prediction."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from sentilib._cli import _options
from sentilib._cli._options import text_column_of, texts_of
from sentilib._cli._rows._source import STANDARD, Source
from sentilib._files import atomic_write

_FORMATS = {"": "text", ".txt": "text", ".html": "html", ".htm": "html", ".jsonl": "jsonl"}


@click.command(
    epilog=_options.examples(
        "echo 'A superb film, not boring at all!' | sentilib explain model.skops -",
        "sentilib explain model.skops reviews.csv --text review --rows 100 -o words.html",
        "sentilib explain model.skops reviews.csv --output-format jsonl | jq .words",
    )
)
@_options.MODEL
@_options.INPUT
@_options.TEXT
@click.option(
    "--rows",
    "n_rows",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="Number of reviews to explain, from the beginning.",
)
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    default=STANDARD,
    help="File to write. [default: standard output]",
)
@click.option(
    "--output-format",
    type=click.Choice(["text", "html", "jsonl"]),
    help="text for a terminal, html for a browser, or jsonl: an object per line, with the "
    "contribution of each word. [default: as the name of --output tells, otherwise text]",
)
@_options.OVERWRITE
@_options.FORMAT
@_options.UNSAFE
def explain(
    model_path: str,
    paths: tuple[str, ...],
    text_column: str | None,
    n_rows: int,
    output: str,
    output_format: str | None,
    overwrite: bool,
    format: str | None,
    encoding: str,
    delimiter: str | None,
    unsafe: bool,
) -> None:
    """Show how much each word contributes to the predictions.

    MODEL is a file that `sentilib train` has written. INPUT are files of CSV, JSON lines, Parquet
    or plain text, folders of them, or - for standard input, by default with one review per line.

    In text, good[+1.20] means that this word raises the log-odds of the second label by 1.20. The
    contributions (Shapley values) and the base value add up to these log-odds, or to the score of
    each label if there are more than two. On a terminal, words are coloured instead.
    """
    from sentilib import TokenShapExplainer
    from sentilib._cli._models import load_model, predicted

    target = None if output == STANDARD else _options.new_file(output, overwrite=overwrite)
    kind = output_format or _FORMATS.get(Path(output).suffix.lower())
    if kind is None:
        raise click.UsageError(
            f"The name {output!r} tells no format of an output (.txt, .html, .jsonl): pass "
            "--output-format."
        )
    source = _options.source(paths, format, encoding, delimiter, n_rows)
    model = load_model(model_path, unsafe=unsafe)
    numbers, texts = _first(source, text_column, n_rows)
    labels, proba = predicted(model, texts)
    explanation = TokenShapExplainer(model, random_state=0).explain(texts)
    sure = [float(p) for p in proba.max(axis=1)]
    if kind == "html":
        from sentilib.explain import plots

        content = plots.text(explanation)
    elif kind == "jsonl":
        content = _lines(explanation, numbers, labels, sure)
    else:
        codes = model.classes_.tolist()
        color = target is None and sys.stdout.isatty()
        content = _terminal(explanation, numbers, labels, sure, codes, color)
    if target is None:
        click.echo(content.encode("utf-8", "replace"), nl=kind == "text")
    else:
        with atomic_write(target) as stream:
            stream.write(content.encode("utf-8", "replace"))


def _first(source: Source, text_column: str | None, n_rows: int) -> tuple[list[int], list[str]]:
    """Return the first reviews, and the numbers of their rows."""
    numbers: list[int] = []
    found: list[str] = []

    def select(names: list[str]) -> list[str]:
        return [_text_column(source, names, text_column)]

    for rows in source.parts(select):
        if rows.size:
            column = _text_column(source, rows.names, text_column)
            for number, text in enumerate(
                texts_of(rows.column(column), rows.first, column, source.format), rows.first + 1
            ):
                if text is not None:
                    numbers.append(number)
                    found.append(text)
        if len(found) >= n_rows:
            break
    if not found:
        raise ValueError(f"{source.name} contains no rows with text.")
    return numbers[:n_rows], found[:n_rows]


def _text_column(source: Source, names: list[str], given: str | None) -> str:
    if given is None and source.format == "files":
        return "text"
    return text_column_of(names, given, source.name)


def _terminal(
    explanation: Any, numbers: list[int], labels: list, sure: list[float], codes: list, color: bool
) -> str:
    from sentilib._cli._models import label_name
    from sentilib.explain import plots

    parts = []
    for k, number in enumerate(numbers):
        one_output = isinstance(explanation.output_names, str)
        output = 0 if one_output else codes.index(labels[k])
        drawn = plots.terminal(explanation[k : k + 1], color=color, output=output)
        parts.append(f"Row {number:,}: {label_name(labels[k])} ({sure[k]:.3f})\n{drawn}")
    return "\n\n".join(parts)


def _lines(explanation: Any, numbers: list[int], labels: list, sure: list[float]) -> str:
    import numpy as np

    names = explanation.output_names
    lines = []
    for k, number in enumerate(numbers):
        values = np.asarray(explanation.values[k])
        record = {
            "row": number,
            "prediction": labels[k],
            "probability": sure[k],
            "method": explanation.method,
            "outputs": [names] if isinstance(names, str) else list(names),
            "base_values": np.atleast_1d(explanation.base_values[k]).tolist(),
            "words": list(explanation.display_data[k]),
            "contributions": np.atleast_2d(values.T).tolist(),
        }
        lines.append(json.dumps(record, ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines)
