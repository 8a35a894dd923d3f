"""Exit codes, and errors as one line."""

import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

import click

from sentilib._compiled._progress import printable

FAULT, USAGE, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141
_DEBUG = "SENTILIB_DEBUG"


class ReaderHasEnded(Exception):
    """Nobody reads standard output any more, as after `| head`."""


def exit_code(command: Callable[[], Any]) -> int:
    """Run a command and return its exit code; an error is one line on standard error."""
    shown = warnings.showwarning
    warnings.showwarning = _show_warning
    try:
        command()
        sys.stdout.flush()
        return 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        context = error.ctx.command_path if error.ctx else "sentilib"
        message = error.format_message()
        say(f"{message}{'' if message[-1] in '.?' else '.'} See {context} --help.")
        return USAGE
    except SystemExit as end:  # of shell completion
        return int(end.code or 0)
    except (KeyboardInterrupt, click.Abort):
        say("interrupted.")
        return INTERRUPTED
    except (ReaderHasEnded, BrokenPipeError):
        return _broken_pipe()
    except Exception as error:
        if os.environ.get(_DEBUG):
            raise
        say(_message(error))
        return FAULT
    finally:
        warnings.showwarning = shown


def say(message: str) -> None:
    """Print a line on standard error, which names the program."""
    line = printable(" ".join(message.split()))
    print(f"sentilib: {line}", file=sys.stderr, flush=True)


def _message(error: Exception) -> str:
    """Return what an error says; one that nobody expected names its type and how to see more."""
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    if isinstance(error, MemoryError):
        return "not enough memory. A smaller --chunk-size may help."
    if isinstance(error, ValueError | TypeError | OSError | ImportError) and str(error):
        return " ".join([str(error), *getattr(error, "__notes__", [])])
    return (
        f"unexpected {type(error).__name__}: {error} ({_DEBUG}=1 in the environment shows where)."
    )


def _broken_pipe() -> int:
    """Leave quietly if the reader of standard output has ended, as `head` does."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


def _show_warning(message: Any, *_: Any, **__: Any) -> None:
    say(f"warning: {message}")
