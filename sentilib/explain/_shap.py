"""An explanation of shap that is built when something needs it; imports shap."""

from typing import Any, Self, cast

import numpy as np
import shap

from sentilib.explain.plots import described, drawn

_ADDED = ("method", "is_exact", "additivity_error", "class_names", "unknown_words")
_BUILT = frozenset(vars(shap.Explanation(np.zeros(1))))  # attributes that shap's constructor sets


class Explanation(shap.Explanation):
    """shap.Explanation of a `TokenExplanation`, with the attributes that this library adds.

    shap's constructor visits every token, and so does every slice, which copies the whole. Here
    the attributes and rows are those of the `TokenExplanation`, until something needs what shap's
    constructor sets: the result of an operation, which shap computes on a copy.
    """

    _ours: Any  # TokenExplanation
    _whole: Any  # for one review, a TokenExplanation of that row with its first dimension

    @classmethod
    def of(cls, explanation: Any, whole: Any = None) -> Self:
        """Convert a `TokenExplanation`."""
        made = cls.__new__(cls)
        made._ours, made._whole = explanation, whole
        return made

    @property
    def _is_built(self) -> bool:
        return self.__dict__.keys() >= _BUILT

    def _build(self) -> None:
        """Let shap's constructor compute the attributes that are not set."""
        ours = self._whole or self._ours
        built = shap.Explanation(
            ours.values,
            base_values=ours.base_values,
            data=ours.data,
            display_data=ours.display_data,
            feature_names=ours.feature_names,
            output_names=ours.output_names,
            error_std=ours.error_std,
        )
        if self._whole is not None:  # as a slice of shap's, whose feature names are no aliases
            built = built[0]
        for name in _BUILT:
            self.__dict__.setdefault(name, vars(built)[name])

    def __getattr__(self, name: str) -> Any:
        if name in _ADDED and "_ours" in self.__dict__:
            return getattr(self._ours, name)
        if name not in _BUILT or "_ours" not in self.__dict__ or self._is_built:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self._build()
        return self.__dict__[name]

    def __repr__(self) -> str:
        return super().__repr__() if self._is_built else described(self._ours)

    def _repr_html_(self) -> str | None:
        return None if self._is_built else drawn(self._ours)

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Number of reviews, of tokens (None if that differs) and, with several, of outputs."""
        if self._is_built:
            return super().shape
        values = self._ours.values
        if values.dtype.kind != "O":
            return values.shape
        inner = zip(*{row.shape for row in values}, strict=True)
        return len(values), *(n[0] if len(set(n)) == 1 else None for n in inner)

    def __getitem__(self, item: Any) -> Any:
        """Return some reviews, or what else shap's index selects."""
        rows, *others = item if isinstance(item, tuple) else (item,)
        is_one = isinstance(rows, int | np.integer)
        if self._is_built or self._ours.values.dtype.kind != "O":
            return super().__getitem__(item)
        if not is_one and (rows == slice(None) if isinstance(rows, slice) else not _are_rows(rows)):
            return super().__getitem__(item)
        some = self._ours[[int(rows)] if is_one else rows]
        if is_one and not others:
            return type(self).of(some[0], some)
        rest = 0 if is_one else slice(None), *others
        return shap.Explanation.__getitem__(type(self).of(some), rest)

    def __copy__(self) -> Self:
        """Copy shap's attributes and the added ones."""
        if not self._is_built:
            return type(self).of(self._ours, self._whole)
        made = cast(Self, super().__copy__())
        made.__class__ = type(self)
        made._ours, made._whole = self._ours, self._whole
        return made


def _are_rows(rows: Any) -> bool:
    """Return whether an index is a list or an array of numbers of rows, or a mask of them."""
    if isinstance(rows, list):
        return bool(rows) and all(isinstance(row, int | np.integer) for row in rows)
    return isinstance(rows, np.ndarray) and rows.ndim == 1 and rows.dtype.kind in "iub"


def _until_built(name: str) -> property:
    """Return shap's property, which reads a `TokenExplanation` until there is more to read."""
    of_shap = getattr(shap.Explanation, name)

    def get(explanation: Explanation) -> Any:
        if explanation._is_built:
            return of_shap.fget(explanation)
        return getattr(explanation._ours, name, None)

    return property(get, of_shap.fset, doc=of_shap.__doc__)


for _name in (
    "values", "base_values", "data", "display_data", "feature_names", "output_names", "error_std",
    "instance_names", "output_indexes", "lower_bounds", "upper_bounds", "main_effects",
    "hierarchical_values", "clustering",
):  # fmt: skip
    setattr(Explanation, _name, _until_built(_name))
