"""Kernels that compute and sum the values of additive games."""

import numpy as np
from numba import types

from sentilib._compiled._compile import F64, F64_2D, I64, kernel

_IDS = types.Array(types.int32, 2, "C", readonly=True)


@kernel(types.void(_IDS, F64_2D, F64, F64, F64_2D))
def share_out(ids, worth, own, common, values):
    """Give each word its share of its worth, and all tokens of the row the common share."""
    everyone = np.empty(worth.shape[1])
    last = 0
    for row in range(len(ids)):
        first = last
        everyone[:] = 0
        for word in ids[row]:
            if word != 0:
                for column in range(worth.shape[1]):
                    values[last, column] = own[row] * worth[word, column]
                    everyone[column] += common[row] * worth[word, column]
                last += 1
        if common[row] != 0:
            for token in range(first, last):
                for column in range(worth.shape[1]):
                    values[token, column] += everyone[column]


@kernel(types.void(F64_2D, I64, F64_2D, F64_2D))
def row_sums(values, n_tokens, sums, sizes):
    """Sum the values of each row's tokens, and their absolute values."""
    last = 0
    for row in range(len(n_tokens)):
        sums[row] = 0
        sizes[row] = 0
        first, last = last, last + n_tokens[row]
        for token in range(first, last):
            for column in range(values.shape[1]):
                sums[row, column] += values[token, column]
                sizes[row, column] += abs(values[token, column])
