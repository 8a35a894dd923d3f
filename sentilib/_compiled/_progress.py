"""Text for a terminal: lines that name a wait before it begins, where `verbose` is set."""

# A terminal obeys control characters and changes of direction, and cannot write surrogates.
_UNPRINTABLE = dict.fromkeys(
    [
        *range(ord("\n")),
        *range(ord("\n") + 1, 32),
        *range(127, 160),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        *range(0xD800, 0xE000),
    ],
    " ",
)


def printable(text: str) -> str:
    """Replace what would harm a terminal by spaces; line feeds and joiners within words remain."""
    return text.translate(_UNPRINTABLE)


def announce(verbose: int, line: str) -> None:
    """Print a line, to standard output as Keras prints its progress, unless `verbose` is 0."""
    if verbose:
        print(printable(line), flush=True)
