"""Lets shap's own explainers run on token ids."""

import numpy as np

from sentilib._ids import OOV, PAD


class TokenIdMasker:
    """Mask words of rows of token ids, for shap's PermutationExplainer and ExactExplainer.

    shap's text masker joins words to a string that is tokenized again, and glues its mask word to
    the next one. This one replaces ids, where they stand; padding stays as it is and gets zero.

    Parameters
    ----------
    baseline : {"oov", "pad"} or int, default="oov"
        What stands in the place of an absent word, as in `TokenShapExplainer`.

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

    clustering = None  # shap asks for it

    def __init__(self, baseline="oov"):
        named = {"oov": OOV, "pad": PAD}
        if isinstance(baseline, str) and baseline not in named:
            raise ValueError(f"baseline must be 'oov', 'pad' or an id, got {baseline!r}.")
        self.baseline = named[baseline] if isinstance(baseline, str) else int(baseline)

    def __call__(self, mask, row):
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
            Masked ids, as shap's explainers take them.
        """
        row = np.asarray(row)
        return (np.where(mask | (row == PAD), row, self.baseline)[None],)

    def shape(self, row):
        """Shape of a mask: one row with a column for each id."""
        return 1, len(row)

    def mask_shapes(self, row):
        """Shapes of the masks of all inputs."""
        return [(len(row),)]

    def invariants(self, row):
        """Say which columns no mask changes: padding, and ids that are the baseline."""
        row = np.asarray(row)
        return ((row == PAD) | (row == self.baseline))[None]
