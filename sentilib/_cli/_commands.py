"""The group of all commands."""

import difflib
import os
from collections.abc import Sequence
from typing import Any

import click

from sentilib import __version__
from sentilib._cli._errors import ReaderHasEnded, exit_code
from sentilib._cli._evaluate import evaluate
from sentilib._cli._explain import explain
from sentilib._cli._export import export
from sentilib._cli._label_issues import label_issues
from sentilib._cli._predict import predict
from sentilib._cli._report import report
from sentilib._cli._train import train


class _InOrder(click.Group):
    """Group whose help lists the commands in the order in which one needs them."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except BrokenPipeError as error:
            raise ReaderHasEnded from error  # which click would treat in its own way

    def list_commands(self, _: click.Context) -> list[str]:
        return list(self.commands)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        found = super().get_command(context, name)
        if found is None and (near := difflib.get_close_matches(name, self.commands, n=1)):
            context.fail(f"No such command {name!r}. Did you mean {near[0]!r}?")
        return found


@click.group(
    cls=_InOrder,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  sentilib train reviews.csv --text review --label sentiment -o model.skops
  sentilib evaluate model.skops test.csv --text review --label sentiment
  sentilib predict model.skops new.csv --text review -o predictions.csv

Exit codes: 0 success, 1 failure, 2 wrong arguments, 130 interrupted. Results are written to
standard output or to the file of --output, messages to standard error.

Start with sentilib train --help; each command has such a page.""",
)
@click.version_option(__version__, prog_name="sentilib")
def sentilib() -> None:
    """Learn the sentiment of reviews, or any other label of texts, and predict it.

    Texts may contain HTML. `train` learns from a table of texts and labels, `predict` labels other
    texts, the other commands show how good a model is, why it predicts what it does, and which
    labels may be wrong.

    Tables are files of CSV, JSON lines or Parquet, whole folders of them, or standard input.
    """


for command in (train, evaluate, predict, explain, report, label_issues, export):
    sentilib.add_command(command)


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's own lines on standard error
    given = list(arguments) or ["--help"]
    return exit_code(lambda: sentilib.main(given, prog_name="sentilib", standalone_mode=False))
