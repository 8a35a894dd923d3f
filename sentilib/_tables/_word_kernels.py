"""Compiled loops over the words of rows."""

import numpy as np
from numba import types

from sentilib._compiled._compile import F64_2D, kernel
from sentilib._compiled._row_kernels import IDS


@kernel(types.void(IDS, F64_2D, types.boolean, F64_2D))
def means(ids, table, masks_padding, out):
    """Average the table's rows over the words of each row, with or without padding."""
    n_rows, n_tokens = ids.shape
    total = np.empty(table.shape[1])
    for row in range(n_rows):
        total[:] = 0
        n = 0
        for k in range(n_tokens):
            word = np.uint64(ids[row, k])
            if word != 0 or not masks_padding:
                n += 1
                for column in range(table.shape[1]):
                    total[column] += table[word, column]
        for column in range(table.shape[1]):
            out[row, column] = total[column] / max(n, 1)
