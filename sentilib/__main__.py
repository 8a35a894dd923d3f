"""Run the command line: ``python -m sentilib``."""

from sentilib._cli import main

if __name__ == "__main__":
    raise SystemExit(main())
