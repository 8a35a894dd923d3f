"""Compiled convolutions, with contiguous positions as the innermost axis.

Column p of a layer's block is the unit whose leftmost token is at position `start + p`, so that
tap t reads column p + t, and the last columns, which lack a neighbour, are incomplete.
"""

from libc.stdint cimport int32_t, int64_t

import numpy as np

from sentilib._compiled cimport _instructions


cdef extern from "_pool.h" nogil:
    enum:
        POOL_MEAN, POOL_MAXIMUM, POOL_MOMENTS, POOL_COLUMNS
    ctypedef int64_t (*pool_function)(
        const int32_t* ids, int64_t n_rows, int64_t width, const int64_t* lengths,
        const void* table, int64_t n_ids, int64_t n_taps, const void* bias,
        const int64_t* channels, int64_t n_layers, const void* weights, bint masks, int kind,
        double* out, int64_t out_width, void* units, int64_t stride, int64_t n_places,
        int64_t* words,
    ) noexcept
    const pool_function* pool_f32
    const pool_function* pool_f64


MEAN, MAXIMUM, MOMENTS = POOL_MEAN, POOL_MAXIMUM, POOL_MOMENTS  # what `pool` computes

ctypedef fused scalar:
    float
    double


def pool(
    const int32_t[:, ::1] ids, const int64_t[::1] lengths, const scalar[:, :, ::1] table,
    const scalar[::1] bias, const int64_t[::1] channels, const scalar[::1] weights, bint masks,
    int kind, double[:, ::1] out,
):
    """Pool the last layer over the positions of each row, with weights from `Layers`.

    Computes the mean or the maximum of each unit, or the moments of the last convolution before its
    ReLU: all sums, then all sums of squares.
    """
    cdef int64_t n_rows = ids.shape[0], width = ids.shape[1], n_layers = channels.shape[0]
    cdef int64_t n_ids = table.shape[0] - 1, n_taps = table.shape[1]
    cdef int64_t margin = n_layers * (n_taps - 1), largest = 0, n_weights = 0, row, depth
    cdef int64_t stride = min(POOL_COLUMNS, width) + margin + 16 + n_taps
    cdef int64_t n_places = width + margin + stride, failed
    cdef pool_function function = NULL
    cdef scalar[::1] units
    cdef int64_t[::1] words
    if n_layers == 0 or n_ids < 0 or n_taps == 0 or kind not in (MEAN, MAXIMUM, MOMENTS):
        raise ValueError("The convolutions lack layers, words, taps, or a known kind of pooling.")
    for depth in range(n_layers):
        if channels[depth] <= 0 or channels[depth] % 4:
            raise ValueError(f"Layers have multiples of four channels, got {channels[depth]}.")
        largest = max(largest, channels[depth])
        if depth and channels[depth] > weights.shape[0]:
            raise ValueError(f"Too few weights for {channels[depth]} channels.")
        if depth:
            n_weights += channels[depth] * (1 + n_taps * channels[depth - 1])
    if table.shape[2] != channels[0] or bias.shape[0] != channels[0]:
        raise ValueError(f"The first layer must have {channels[0]} channels.")
    if weights.shape[0] != n_weights:
        raise ValueError(f"The layers have {n_weights} weights, got {weights.shape[0]}.")
    if out.shape[0] != n_rows or lengths.shape[0] != n_rows:
        raise ValueError(f"There are {n_rows} rows, but other numbers of lengths or results.")
    if out.shape[1] > channels[n_layers - 1] * (2 if kind == POOL_MOMENTS else 1):
        raise ValueError(f"{out.shape[1]} results are more than the units of the last layer.")
    for row in range(n_rows):
        if not 0 <= lengths[row] <= width:
            raise ValueError(f"Row {row} has {lengths[row]} of {width} tokens.")
    if n_rows == 0 or out.shape[1] == 0:
        return
    # Zeros: incomplete columns are computed too, and a NaN would survive the multiplication by 0.
    units = np.zeros(
        2 * largest * stride + n_places + channels[0],
        dtype=np.float32 if scalar is float else np.float64,
    )
    words = np.empty(n_places, dtype=np.int64)
    function = (pool_f32 if scalar is float else pool_f64)[_instructions.chosen]
    with nogil:
        failed = function(
            &ids[0, 0], n_rows, width, &lengths[0], &table[0, 0, 0], n_ids, n_taps, &bias[0],
            &channels[0], n_layers, &weights[0] if n_weights else NULL, masks, kind, &out[0, 0],
            out.shape[1], &units[0], stride, n_places, &words[0],
        )
    if failed >= 0:
        raise ValueError(f"Row {failed} contains an id outside the table, which has {n_ids} rows.")
