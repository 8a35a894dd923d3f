"""Compiled loops over rows of token ids, for the whole package."""

from numba import types

from sentilib._compiled._compile import I64, kernel

# Ids may be mapped from a file that is open for reading only.
IDS = types.Array(types.int32, 2, "C", readonly=True)


@kernel(types.void(IDS, I64))
def count(ids, n_tokens):
    """Count the tokens of each row: all ids except padding."""
    for row in range(ids.shape[0]):
        n = 0
        for k in range(ids.shape[1]):
            n += ids[row, k] != 0
        n_tokens[row] = n
