"""Heat-maps of words: levels of colour, signed numbers and legends."""

LEVELS = 20  # of colour, per sign; the style sheet has a class for each


def level(value: float, scale: float) -> int:
    """Return the level of colour of a value, from 0 (none) to `LEVELS` for `scale`."""
    return int(LEVELS * min(1.0, abs(value) / scale) + 0.5) if scale > 0 else 0


def signed(value: float) -> str:
    """Return a number with three digits and a sign; minus is the typographic minus sign."""
    return f"{value:+.3g}".replace("-", "\N{MINUS SIGN}")


def legend(classes: list[str], toward: int) -> tuple[str, str]:
    """Return the meaning of negative and of positive values with respect to a class."""
    if len(classes) == 2:
        return f"pulls toward {classes[1 - toward]}", f"pulls toward {classes[toward]}"
    return f"pulls away from {classes[toward]}", f"pulls toward {classes[toward]}"
