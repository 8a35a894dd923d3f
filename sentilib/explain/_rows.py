"""Rows of any explanation of reviews."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Row(NamedTuple):
    """One explained review."""

    values: np.ndarray  # (n_tokens, n_outputs)
    base_values: np.ndarray  # (n_outputs,)
    segments: list[str]  # text from each word to the next one
    words: list[str]
    tokens: list[str]
    unknown: list[bool]  # whether the model does not know the token

    @property
    def outputs(self) -> np.ndarray:
        """Base value plus all values, shape (n_outputs,)."""
        return self.base_values + self.values.sum(axis=0)


def rows_of(explanation: Any) -> list[Row]:
    """Return the rows of an explanation, which may be one of a single review.

    Parameters
    ----------
    explanation : shap.Explanation or TokenExplanation
        Explanation of one or several reviews.

    Raises
    ------
    TypeError
        If the object is not an explanation.
    """
    missing = [
        name
        for name in ("values", "base_values", "data", "feature_names")
        if getattr(explanation, name, None) is None
    ]
    if missing:
        raise TypeError(
            f"Expected an explanation as TokenShapExplainer returns it, got "
            f"{type(explanation).__name__} without {', '.join(missing)}."
        )
    values, data = explanation.values, explanation.data
    display_data = getattr(explanation, "display_data", None)
    words = data if display_data is None else display_data
    names, base_values = explanation.feature_names, explanation.base_values
    unknown: frozenset[str] = getattr(explanation, "unknown_words", frozenset())
    if _is_one_row(explanation):
        values, base_values, data, words, names = [values], [base_values], [data], [words], [names]
    elif len(names) != len(values) or isinstance(names[0], str):
        names = [names] * len(values)
    return [
        Row(
            np.asarray(value, dtype=np.float64).reshape(len(value), *(np.shape(value)[1:] or (1,))),
            np.atleast_1d(np.asarray(base, dtype=np.float64)),
            [str(segment) for segment in segments],
            [str(word) for word in row_words],
            [str(token) for token in tokens],
            [str(token) in unknown for token in tokens],
        )
        for value, base, segments, row_words, tokens in zip(
            values, base_values, data, words, names, strict=True
        )
    ]


def output_names_of(
    explanation: Any, n_outputs: int, class_names: Sequence[str] | None = None
) -> list[str]:
    """Return the name of each output, with the given names of the classes."""
    names = explanation.output_names
    if names is None:
        names = ["output"] if n_outputs == 1 else [f"output {k}" for k in range(n_outputs)]
    names = [names] if isinstance(names, str) else [str(name) for name in names]
    if class_names is None:
        return names
    n_classes = 2 if n_outputs == 1 else n_outputs
    if len(class_names) != n_classes:
        raise ValueError(
            f"class_names must name {n_classes} classes, got {len(class_names)}: "
            f"{list(class_names)}."
        )
    if n_outputs > 1:
        return [str(name) for name in class_names]
    what, of, _ = names[0].partition(" of ")
    return [f"{what} of {class_names[1]}"] if of else names


def _is_one_row(explanation: Any) -> bool:
    values = explanation.values
    if getattr(getattr(values, "dtype", None), "kind", "f") == "O":
        return False
    return len(values) == 0 or np.ndim(explanation.data[0]) == 0
