"""The command line `sentilib`; its commands import what they need when they run."""

import sys
from collections.abc import Sequence

from sentilib._optional import missing


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    try:
        import click  # noqa: F401
    except ImportError:
        print(f"sentilib: {missing('The command line', 'click', 'cli')}", file=sys.stderr)
        return 1
    from sentilib._cli._commands import run

    return run(sys.argv[1:] if arguments is None else list(arguments))
