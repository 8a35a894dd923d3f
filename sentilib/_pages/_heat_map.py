"""Words coloured by what they contribute: levels of colour, signs and legends of every page."""

LEVELS = 20  # of colour, each way; the style sheet has a class for each


def level(value: float, scale: float) -> int:
    """Return the level of colour of a value, 0 for none; `scale` has the deepest."""
    return int(LEVELS * min(1.0, abs(value) / scale) + 0.5) if scale > 0 else 0


def signed(value: float) -> str:
    """Return a number with three digits and a sign that is as wide as a plus."""
    return f"{value:+.3g}".replace("-", "\N{MINUS SIGN}")


def legend(classes: list[str], toward: int) -> tuple[str, str]:
    """Return what negative and positive values do, seen from a class."""
    if len(classes) == 2:
        return f"pulls toward {classes[1 - toward]}", f"pulls toward {classes[toward]}"
    return f"pulls away from {classes[toward]}", f"pulls toward {classes[toward]}"
