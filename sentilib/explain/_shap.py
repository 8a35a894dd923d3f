"""An explanation of shap that keeps what this library adds; imports shap."""

from typing import Any, Self, cast

import shap


class Explanation(shap.Explanation):
    """shap.Explanation with further attributes, which a slice of it has as well."""

    added: dict

    @classmethod
    def of(cls, explanation: Any, added: dict) -> Self:
        """Convert an explanation of this library.

        Parameters
        ----------
        explanation : TokenExplanation
            Explanation to convert.
        added : dict of str to object
            Attributes that shap does not know, which hold for any slice.
        """
        made = cls(
            explanation.values,
            base_values=explanation.base_values,
            data=explanation.data,
            display_data=explanation.display_data,
            feature_names=explanation.feature_names,
            output_names=explanation.output_names,
            error_std=explanation.error_std,
        )
        made._add(added)
        return made

    def _add(self, added: dict) -> None:
        self.added = added
        self.__dict__.update(added)

    def __copy__(self) -> Self:
        """Copy shap's attributes and the added ones."""
        made = cast(Self, super().__copy__())
        made.__class__ = type(self)
        made._add(self.added)
        return made
