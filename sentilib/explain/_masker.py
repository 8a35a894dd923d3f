"""TokenIdMasker: masks token ids for shap's own explainers."""

from typing import Any

import numpy as np

from sentilib._ids import OOV, PAD


class TokenIdMasker:
    """Mask words of rows of token ids, for shap's PermutationExplainer and ExactExplainer.

    shap's text masker joins the words into a string that is tokenized again, which merges its mask
    word with the next word. This masker replaces ids in place; padding is never masked and gets the
    value zero.

    Parameters
    ----------
    baseline : {"oov", "pad"} or int, default="oov"
        Replacement of an absent word, as in `TokenShapExplainer`.

    See Also
    --------
    TokenShapExplainer : Exact values, in a fraction of the time.

    Examples
    --------
    >>> import numpy as np
    >>> from sentilib.explain import TokenIdMasker
    >>> masker = TokenIdMasker()
    >>> masker(np.array([True, False, True, False]), np.array([5, 6, 7, 0]))
    (array([[5, 1, 7, 0]]),)

    With a pipeline of tokenizer and classifier::

        explainer = shap.PermutationExplainer(pipe[-1].decision_function, TokenIdMasker())
        explanation = explainer(pipe[:-1].transform(texts), max_evals="auto")
    """

    clustering = None  # read by shap

    def __init__(self, baseline: str | int = "oov") -> None:
        named = {"oov": OOV, "pad": PAD}
        if isinstance(baseline, str) and baseline not in named:
            raise ValueError(f"baseline must be 'oov', 'pad' or an id, got {baseline!r}.")
        self.baseline = named[baseline] if isinstance(baseline, str) else int(baseline)

    def __call__(self, mask: Any, row: Any) -> tuple[np.ndarray]:
        """Replace the ids of a row where the mask is False.

        Parameters
        ----------
        mask : ndarray of shape (n_columns,), bool
            True keeps a word.
        row : ndarray of shape (n_columns,), int
            Ids of a review.

        Returns
        -------
        tuple of one ndarray of shape (1, n_columns), int
            Masked ids, in the form that shap's explainers expect.
        """
        row = np.asarray(row)
        return (np.where(mask | (row == PAD), row, self.baseline)[None],)

    def shape(self, row: Any) -> tuple[int, int]:
        """Return the shape of a mask: one row, with one column per id.

        Parameters
        ----------
        row : ndarray of shape (n_columns,), int
            Ids of a review.

        Returns
        -------
        tuple of (int, int)
            The shape.
        """
        return 1, len(row)

    def mask_shapes(self, row: Any) -> list[tuple[int]]:
        """Return the shapes of the masks of all inputs, of which there is one.

        Parameters
        ----------
        row : ndarray of shape (n_columns,), int
            Ids of a review.

        Returns
        -------
        list of tuple of (int,)
            The shapes.
        """
        return [(len(row),)]

    def invariants(self, row: Any) -> np.ndarray:
        """Return the columns that no mask changes: padding, and ids equal to the baseline.

        Parameters
        ----------
        row : ndarray of shape (n_columns,), int
            Ids of a review.

        Returns
        -------
        ndarray of shape (1, n_columns), bool
            True for each of these columns.
        """
        row = np.asarray(row)
        return ((row == PAD) | (row == self.baseline))[None]
