"""Compiled training of convolution blocks: each is one pass over a batch, forward and backward.

The rows of a batch follow each other as columns, without padding; columns without a word separate
them. Parts of rows are computed in any order, each with its own sums, so that results do not depend
on the number of threads. Channels in memory (`stride`) are multiples of 16.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t

import numpy as np

from sentilib._compiled cimport _instructions


cdef extern from "_block.h" nogil:
    enum:
        BLOCK_COLUMNS
    ctypedef struct block_inputs:
        const int32_t* words
        const void* source
        const void* line
        int64_t n, stride
        bint is_embedding
        double rate
        uint32_t[2] keys
    ctypedef void (*block_forward_function)(
        const block_inputs* inputs, int64_t n_taps, const void* taps, int64_t n_out,
        int64_t y_stride, const void* centre, int64_t begin, int64_t end, void* y, double* sums,
        void* scratch,
    ) noexcept
    ctypedef void (*block_backward_function)(
        const block_inputs* inputs, int64_t n_taps, const void* taps, int64_t n_out,
        int64_t y_stride, const void* y, const void* dz, const void* line, const void* centre,
        int64_t begin, int64_t end, void* d_inputs, void* d_taps, double* sums, void* scratch,
    ) noexcept
    ctypedef void (*block_pool_function)(
        const void* y, const int32_t* words, const void* line, int64_t n, int64_t stride,
        int64_t begin, int64_t end, bint is_maximum, void* pooled,
    ) noexcept
    ctypedef void (*block_unpool_function)(
        const void* y, const int32_t* words, const void* line, int64_t n, int64_t stride,
        int64_t begin, int64_t end, const void* maxima, const void* gradient, const void* centre,
        void* dz, double* sums,
    ) noexcept
    const block_forward_function* block_forward
    const block_backward_function* block_backward
    const block_pool_function* block_pool
    const block_unpool_function* block_unpool


def pack(
    const int32_t[:, :] ids, const int64_t[::1] lengths, const int64_t[::1] starts, int64_t n_ids,
    bint masks, int32_t[::1] words,
):
    """Write the words of each row from the column `starts[row]` on, and return their numbers."""
    cdef int64_t row, p, n_words
    cdef int32_t word
    if lengths.shape[0] != ids.shape[0] or starts.shape[0] < ids.shape[0]:
        raise ValueError(f"There are {ids.shape[0]} rows, but other numbers of lengths or starts.")
    counts = np.zeros(ids.shape[0], dtype=np.int64)
    cdef int64_t[::1] n_words_of = counts
    for row in range(ids.shape[0]):
        if (
            not 0 <= lengths[row] <= ids.shape[1]
            or not 0 <= starts[row] <= words.shape[0] - lengths[row]
        ):
            raise ValueError(f"Row {row} has {lengths[row]} of {ids.shape[1]} tokens.")
        n_words = 0
        for p in range(lengths[row]):
            word = ids[row, p]
            if not 0 <= word < n_ids:
                raise ValueError(f"Row {row} contains the id {word}, expected ids below {n_ids}.")
            if word != 0 or not masks:
                words[starts[row] + p] = word
                n_words += 1
        n_words_of[row] = n_words
    return counts


cdef class Inputs:
    """Inputs of a block: vectors of words with dropout, or the units of the block before."""

    cdef block_inputs inputs
    cdef tuple arrays

    def __init__(
        self, const int32_t[::1] words, const float[:, ::1] source, const float[:, ::1] line,
        int64_t n, bint is_embedding, double rate=0.0, uint32_t key=0, uint32_t other_key=0,
    ):
        if source.shape[1] != n if is_embedding else source.shape[0] != words.shape[0]:
            raise ValueError("The inputs have another shape than their source.")
        cdef int64_t p
        self.arrays = words, source, line  # kept alive
        self.inputs.words = &words[0]
        self.inputs.source = &source[0, 0]
        self.inputs.line = &line[0, 0]
        self.inputs.n, self.inputs.stride = n, (n + 15) // 16 * 16
        self.inputs.is_embedding, self.inputs.rate = is_embedding, rate
        self.inputs.keys = [key, other_key]
        if line.shape[0] != 2 or line.shape[1] != self.inputs.stride or (
            not is_embedding and source.shape[1] != self.inputs.stride
        ):
            raise ValueError(f"{n} channels take {self.inputs.stride} places in memory.")
        for p in range(words.shape[0] if is_embedding else 0):
            if words[p] >= source.shape[0]:
                raise ValueError(f"The id {words[p]} is not in a table of {source.shape[0]} words.")


cdef check(
    Inputs inputs, const float[:, :, ::1] taps, const float[:, ::1] y, const int64_t[::1] edges,
    int64_t n_parts,
):
    cdef int64_t n_columns = inputs.arrays[0].shape[0], n_taps = taps.shape[0], part
    if y.shape[0] != n_columns or y.shape[1] % 16 or edges.shape[0] != n_parts + 1:
        raise ValueError("A block has columns, channels or parts of other numbers than its units.")
    for part in range(n_parts + 1):
        if not (edges[part - 1] if part else n_taps // 2) <= edges[part] <= n_columns - n_taps // 2:
            raise ValueError("Parts must be in order, with columns between them and the ends.")


def forward(
    int64_t begin, int64_t end, const int64_t[::1] edges, Inputs inputs,
    const float[:, :, ::1] taps, int64_t n_out, const float[::1] centre, float[:, ::1] y,
    double[:, :, ::1] sums,
):
    """Convolve the parts from `begin` to `end`; sum the units and their products, less `centre`."""
    cdef int64_t n_taps = taps.shape[0], stride = y.shape[1], part
    cdef block_forward_function function = block_forward[_instructions.chosen]
    check(inputs, taps, y, edges, sums.shape[0])
    if (
        taps.shape[1] != inputs.inputs.n or taps.shape[2] != stride or n_out > stride
        or centre.shape[0] != stride or sums.shape[1] != 2 or sums.shape[2] != stride
        or not 0 <= begin <= end <= sums.shape[0]
    ):
        raise ValueError("The units of a block, its taps or its sums have other shapes.")
    cdef float[::1] scratch = np.zeros(
        (BLOCK_COLUMNS + n_taps) * (inputs.inputs.stride + inputs.inputs.n), dtype=np.float32
    )
    with nogil:
        for part in range(begin, end):
            function(&inputs.inputs, n_taps, &taps[0, 0, 0], n_out, stride, &centre[0], edges[part],
                     edges[part + 1], &y[0, 0], &sums[part, 0, 0], &scratch[0])


def backward(
    int64_t begin, int64_t end, const int64_t[::1] edges, Inputs inputs,
    const float[:, :, ::1] taps, int64_t n_out, const float[::1] centre, const float[:, ::1] y,
    const float[:, ::1] dz, const float[:, ::1] line, float[:, ::1] d_inputs,
    float[:, :, :, ::1] d_taps, double[:, :, ::1] sums,
):
    """Compute gradients of the parts from `begin` to `end`, of their inputs and of the taps.

    `taps` are those of the transposed convolution, and `line` has the three coefficients of the
    gradient of units: those of `dz`, of `y`, and a constant. `sums` become those of `forward`, of
    the gradients of the inputs.
    """
    cdef int64_t n_taps = taps.shape[0], stride = y.shape[1], n = inputs.inputs.stride, part
    cdef block_backward_function function = block_backward[_instructions.chosen]
    check(inputs, taps, y, edges, sums.shape[0])
    if (
        taps.shape[1] != n_out or taps.shape[2] != n or n_out > stride or line.shape[0] != 3
        or line.shape[1] != stride or dz.shape[0] != y.shape[0] or dz.shape[1] != stride
        or centre.shape[0] != n or d_inputs.shape[0] != y.shape[0] or d_inputs.shape[1] != n
        or d_taps.shape[0] != sums.shape[0] or d_taps.shape[1] != n_taps
        or d_taps.shape[2] != inputs.inputs.n or d_taps.shape[3] != stride or sums.shape[1] != 2
        or sums.shape[2] != n or not 0 <= begin <= end <= sums.shape[0]
    ):
        raise ValueError("The units of a block, its taps or its sums have other shapes.")
    cdef float[::1] scratch = np.zeros(
        (BLOCK_COLUMNS + n_taps) * (n + inputs.inputs.n + stride), dtype=np.float32
    )
    with nogil:
        for part in range(begin, end):
            function(&inputs.inputs, n_taps, &taps[0, 0, 0], n_out, stride, &y[0, 0], &dz[0, 0],
                     &line[0, 0], &centre[0], edges[part], edges[part + 1], &d_inputs[0, 0],
                     &d_taps[part, 0, 0, 0], &sums[part, 0, 0], &scratch[0])


def pool(
    int64_t begin, int64_t end, const int64_t[::1] parts, const int64_t[::1] starts,
    const int32_t[::1] words, const float[:, ::1] y, const float[:, ::1] line, int64_t n,
    bint is_maximum, float[:, ::1] pooled,
):
    """Sum the rectified units of each row of the parts, or find their maxima."""
    cdef int64_t row
    cdef block_pool_function function = block_pool[_instructions.chosen]
    check_rows(begin, end, parts, starts, words, y, line, n, pooled)
    with nogil:
        for row in range(parts[begin], parts[end]):
            function(&y[0, 0], &words[0], &line[0, 0], n, y.shape[1], starts[row], starts[row + 1],
                     is_maximum, &pooled[row, 0])


def unpool(
    int64_t begin, int64_t end, const int64_t[::1] parts, const int64_t[::1] starts,
    const int32_t[::1] words, const float[:, ::1] y, const float[:, ::1] line, int64_t n,
    bint is_maximum, const float[:, ::1] pooled, const float[:, ::1] gradient,
    const float[::1] centre, float[:, ::1] dz, double[:, :, ::1] sums,
):
    """Compute gradients of units before the ReLU, with their sums as `backward` computes them."""
    cdef int64_t part, row
    cdef block_unpool_function function = block_unpool[_instructions.chosen]
    check_rows(begin, end, parts, starts, words, y, line, n, pooled)
    if (
        dz.shape[0] != y.shape[0] or dz.shape[1] != y.shape[1] or centre.shape[0] != y.shape[1]
        or gradient.shape[0] != pooled.shape[0] or gradient.shape[1] != pooled.shape[1]
        or sums.shape[0] != parts.shape[0] - 1 or sums.shape[1] != 2
        or sums.shape[2] != y.shape[1]
    ):
        raise ValueError("The gradients of units or their sums have other shapes.")
    with nogil:
        for part in range(begin, end):
            for row in range(parts[part], parts[part + 1]):
                function(&y[0, 0], &words[0], &line[0, 0], n, y.shape[1], starts[row],
                         starts[row + 1], &pooled[row, 0] if is_maximum else NULL,
                         &gradient[row, 0], &centre[0], &dz[0, 0], &sums[part, 0, 0])


cdef check_rows(
    int64_t begin, int64_t end, const int64_t[::1] parts, const int64_t[::1] starts,
    const int32_t[::1] words, const float[:, ::1] y, const float[:, ::1] line, int64_t n,
    const float[:, ::1] pooled,
):
    cdef int64_t part, row, n_rows = starts.shape[0] - 1
    if (
        words.shape[0] != y.shape[0] or line.shape[0] != 2 or line.shape[1] != y.shape[1]
        or not 0 <= begin <= end < parts.shape[0] or pooled.shape[0] != n_rows
        or pooled.shape[1] != y.shape[1] or y.shape[1] % 16 or not 0 < n <= y.shape[1]
    ):
        raise ValueError("The rows of a batch have other numbers of columns or units.")
    for part in range(parts.shape[0]):
        if not (parts[part - 1] if part else 0) <= parts[part] <= n_rows:
            raise ValueError("Parts must be in order.")
    for row in range(n_rows):
        if not 0 <= starts[row] <= starts[row + 1] <= y.shape[0]:
            raise ValueError(f"Row {row} begins after its end.")


def scatter(const int32_t[::1] words, const float[:, ::1] gradients, float[:, ::1] table):
    """Add the gradients of columns to those of their words, in the order of the columns."""
    cdef int64_t p, k, n = table.shape[1]
    if gradients.shape[0] != words.shape[0] or gradients.shape[1] < n:
        raise ValueError("The gradients of columns have another shape than the table of words.")
    for p in range(words.shape[0]):
        if words[p] >= table.shape[0]:
            raise ValueError(f"The id {words[p]} is not in a table of {table.shape[0]} words.")
    with nogil:
        for p in range(words.shape[0]):
            if words[p] >= 0:
                for k in range(n):
                    table[words[p], k] += gradients[p, k]
