"""Kernels of the games of convolutional classifiers.

Rows of token ids form a tape: the tokens of each row, then a gap as wide as a window. The tape is
read in blocks of `COLUMNS` windows, from place `first` on. Variant v of a unit is its value if,
among the tokens that it sees, those whose bit is set in v are present and the others are replaced
by the baseline; bit 0 is the leftmost token. Column p of a layer's table belongs to the unit whose
leftmost token is position `start + p` of the tape, so that tap t reads column p + t. Blocks follow
one another, and each begins with the columns that the one before has computed beyond its own.

Positions are innermost in all tables, as in `_conv_kernels`.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t

import numpy as np

from sentilib._compiled cimport _instructions


cdef extern from "_windows.h" nogil:
    enum:
        WINDOW_COLUMNS
        WINDOW_BYTES
    cdef struct windows:
        const int32_t* words
        const int32_t* baselines
        const void* valid
        const void* embedding
        const int64_t* channels
        int64_t n_layers
        const void* weights
        int64_t kernel_size
        const void* head
        int64_t n_outputs
        int64_t step
        void* units
        void* products
        void* tables
    ctypedef void (*shares_function)(
        const windows* w, int64_t first, int64_t n_blocks, const void* weights,
        double* values, int64_t n_distances, int64_t n_places,
    ) noexcept
    ctypedef void (*deletion_function)(
        const windows* w, int64_t first, int64_t n_blocks, const int32_t* rows,
        const int64_t* rows_length, const double* coefficients, int64_t n_players_max,
        int64_t n_sizes, double* values, int64_t n_places, double* everyone, int64_t n_rows,
    ) noexcept
    ctypedef void (*walk_function)(
        const windows* w, int64_t n_places, const int64_t* order, int64_t n_steps,
        double* is_valid, bint takes_max, double* row, double* latent,
    ) noexcept
    const shares_function* shapley_single
    const shares_function* shapley_double
    const shares_function* interactions_versions
    const deletion_function* deletion_versions
    const walk_function* walk_versions


ctypedef fused real:
    float
    double


COLUMNS = WINDOW_COLUMNS

cdef enum:
    MAX_FIELD = 30  # words of a window, bits of a variant
    MAX_SIZE = 1 << 20  # of kernels and channels, whose products then fit into 64 bits


cdef int _check(bint is_valid, str what) except -1:
    if not is_valid:
        raise ValueError(f"Inconsistent arrays of an explanation: {what}.")
    return 0


cdef windows _windows(
    const int32_t[::1] words, const int32_t[::1] baselines, const real[::1] valid,
    const real[:, ::1] embedding, const int64_t[::1] channels, const real[::1] weights,
    int64_t kernel_size, const real[:, ::1] head,
) except *:
    """Check the tape and the network, as `Network.of` arranges it."""
    cdef windows w
    cdef int64_t n_layers = channels.shape[0] - 1, n_weights = 0, n_ids = embedding.shape[0], k
    _check(
        n_layers >= 1 and 1 <= kernel_size <= MAX_SIZE, "layers, or the size of their kernel"
    )
    for k in range(n_layers + 1):
        _check(
            0 < channels[k] <= MAX_SIZE and channels[k] % 4 == 0, "channels are no multiples of four"
        )
        if k:
            n_weights += channels[k] * (1 + kernel_size * channels[k - 1])
        _check(n_weights <= weights.shape[0], "too few weights")
    _check(weights.shape[0] == n_weights, f"{weights.shape[0]} weights instead of {n_weights}")
    _check(embedding.shape[1] == channels[0], "the width of the embedding")
    _check(head.shape[0] == channels[n_layers], "the height of the output layer")
    _check(
        words.shape[0] == baselines.shape[0] == valid.shape[0] > 0, "the lengths of the tape"
    )
    for k in range(words.shape[0]):
        if <uint32_t>words[k] >= n_ids or <uint32_t>baselines[k] >= n_ids:
            raise ValueError(f"The tape contains an id outside the embedding of {n_ids} words.")
    w.words, w.baselines, w.valid = &words[0], &baselines[0], &valid[0]
    w.embedding, w.channels, w.n_layers = &embedding[0, 0], &channels[0], n_layers
    w.weights, w.kernel_size = &weights[0], kernel_size
    w.head, w.n_outputs = &head[0, 0] if head.shape[1] else NULL, head.shape[1]
    w.step = 0
    w.units = w.products = w.tables = NULL
    return w


def lay_out(
    const int32_t[:, ::1] X, const int64_t[::1] low, const int64_t[::1] high, int64_t gap,
    int32_t baseline, bint masks_padding, int32_t[:, ::1] ids, double[::1] valid,
    int64_t[::1] tokens,
):
    """Write columns `low` to `high` of each row of X to a tape, with gaps around them.

    `ids` (3, n_places) are the tape's words, baselines and rows, all 0 before; `tokens` gets the
    places of the tokens.
    """
    cdef int64_t row, column, place = gap, n_tokens = 0, n_places = valid.shape[0]
    cdef int32_t word
    _check(
        low.shape[0] == high.shape[0] == X.shape[0] <= 1 << 31
        and ids.shape[0] == 3 and ids.shape[1] == n_places and 0 <= gap <= n_places,
        "the extents of rows, or the lengths of the tape",
    )
    for row in range(X.shape[0]):
        _check(
            0 <= low[row] <= high[row] <= X.shape[1] and place + high[row] - low[row] <= n_places,
            "a row beyond its columns, or beyond the tape",
        )
        for column in range(low[row], high[row]):
            word = X[row, column]
            ids[0, place] = word
            ids[2, place] = <int32_t>row
            if word:
                _check(n_tokens < tokens.shape[0], "more tokens than places for them")
                tokens[n_tokens] = place
                n_tokens += 1
                ids[1, place] = baseline
            valid[place] = word != 0 or not masks_padding
            place += 1
        place += gap
    _check(n_tokens == tokens.shape[0], "fewer tokens than places for them")


def n_columns(int64_t n_layers, int64_t kernel_size, int64_t itemsize):
    """Return the columns of words that a block reads, in whole vectors of each instruction set.

    `itemsize` is the number of bytes of a scalar, 4 or 8.
    """
    _check(
        1 <= kernel_size <= MAX_FIELD + 1
        and 0 < n_layers
        and (kernel_size == 1 or n_layers < MAX_FIELD)
        and n_layers * (kernel_size - 1) < MAX_FIELD,
        "the size of windows",
    )
    _check(itemsize == sizeof(float) or itemsize == sizeof(double), "the size of scalars")
    return WINDOW_COLUMNS + n_layers * _step(kernel_size, itemsize)


def workspace(const int64_t[::1] channels, int64_t kernel_size, int64_t n_outputs, dtype):
    """Return arrays for units, products and tables of the blocks of a network."""
    cdef int64_t n_layers = channels.shape[0] - 1, itemsize = np.dtype(dtype).itemsize
    n_columns(n_layers, kernel_size, itemsize)  # checks the size of windows
    for depth in range(n_layers):
        _check(0 < channels[depth] <= MAX_SIZE, "the number of channels")
    cdef int64_t n_units = _n_units(&channels[0], n_layers, kernel_size, itemsize)
    cdef int64_t n_variants = <int64_t>2 << n_layers * (kernel_size - 1)
    cdef int64_t n_products = (n_variants >> (kernel_size - 1)) * kernel_size
    return (
        _zeros(n_units, dtype),
        _zeros(n_products * 4 * WINDOW_BYTES // itemsize, dtype),
        _zeros(n_outputs * n_variants * WINDOW_COLUMNS, dtype).reshape(n_outputs, n_variants, -1),
    )


def _zeros(n, dtype):
    """Return zeros that begin where a line of the cache does, which halves the reads of vectors."""
    n_lanes = WINDOW_BYTES // np.dtype(dtype).itemsize
    whole = np.zeros(n + n_lanes, dtype)
    first = -whole.ctypes.data // whole.itemsize % n_lanes
    return whole[first : first + n]


cdef int64_t _step(int64_t kernel_size, int64_t itemsize) noexcept:
    """Return by how many columns a layer exceeds the next one: taps, in whole vectors."""
    cdef int64_t n_lanes = WINDOW_BYTES // itemsize
    return (kernel_size - 1 + n_lanes - 1) // n_lanes * n_lanes


cdef int64_t _n_units(
    const int64_t* channels, int64_t n_layers, int64_t kernel_size, int64_t itemsize
) noexcept:
    """Return the number of units of all variants and layers but the last, and of words."""
    cdef int64_t n_variants = 2, n_units = 0, depth
    for depth in range(n_layers):
        n_units += (
            n_variants * channels[depth]
            * (WINDOW_COLUMNS + (n_layers - depth) * _step(kernel_size, itemsize))
        )
        n_variants <<= kernel_size - 1
    return n_units


cdef int64_t _blocks(
    windows* w, int64_t first, int64_t n_blocks, int64_t n_places, real[::1] units,
    real[::1] products, real[:, :, ::1] tables,
) except -1:
    """Check the blocks and the workspace; return the number of words beside the first of a window.
    """
    cdef int64_t itemsize = sizeof(real), width = n_columns(w.n_layers, w.kernel_size, itemsize)
    cdef int64_t n_more = w.n_layers * (w.kernel_size - 1), n_variants = <int64_t>2 << n_more
    w.step = _step(w.kernel_size, itemsize)
    _check(
        units.shape[0] >= _n_units(w.channels, w.n_layers, w.kernel_size, itemsize)
        and products.shape[0]
        >= (n_variants >> (w.kernel_size - 1)) * w.kernel_size * 4 * (WINDOW_BYTES // itemsize),
        "the workspace is too small",
    )
    _check(
        tables.shape[0] == w.n_outputs
        and tables.shape[1] == n_variants
        and tables.shape[2] == WINDOW_COLUMNS,
        "the shape of the tables of variants",
    )
    _check(
        n_blocks <= 0
        or (n_blocks <= n_places and 0 <= first <= n_places
            and first + (n_blocks - 1) * WINDOW_COLUMNS + width <= n_places),
        "a block beyond the tape",
    )
    w.units, w.products = &units[0], &products[0]
    w.tables = &tables[0, 0, 0] if w.n_outputs else NULL
    return n_more


cdef int _share(
    const shares_function* versions, windows* w, int64_t first, int64_t n_blocks,
    real[::1] units, real[::1] products, real[:, :, ::1] tables,
    const real[::1] subset_weights, double[:, :, ::1] values, int64_t n_places, bint of_pairs,
) except -1:
    cdef int64_t n_more = _blocks(w, first, n_blocks, n_places, units, products, tables)
    _check(subset_weights.shape[0] >= tables.shape[1], "fewer weights than subsets")
    _check(
        values.shape[0] == w.n_outputs
        and values.shape[1] >= n_more + 1 - of_pairs
        and values.shape[2] == n_places,
        "the shape of the values",
    )
    if w.n_outputs and n_blocks > 0 and values.shape[1]:
        with nogil:
            versions[_instructions.chosen](
                w, first, n_blocks, &subset_weights[0], &values[0, 0, 0],
                values.shape[1], n_places,
            )
    return 0


def shapley(
    const int32_t[::1] words, const int32_t[::1] baselines, const real[::1] valid,
    const real[:, ::1] embedding, const int64_t[::1] channels, const real[::1] weights,
    int64_t kernel_size, const real[:, ::1] head, int64_t first,
    int64_t n_blocks, const real[::1] subset_weights, real[::1] units, real[::1] products,
    real[:, :, ::1] tables, double[:, :, ::1] values,
):
    """Compute each token's Shapley values in the games of the windows that contain it.

    `values[m, j, i]` is the value of place i in the window whose leftmost place is i - j, so that
    sums over j do not depend on the division into blocks. In single precision, tables and each
    window's values are float32.

    `subset_weights[T]` is |T|! (r - |T| - 1)! / r! for the subset T of a window's r tokens.
    """
    cdef windows w = _windows(
        words, baselines, valid, embedding, channels, weights, kernel_size, head
    )
    _share(
        shapley_single if real is float else shapley_double, &w, first, n_blocks, units, products, tables, subset_weights, values,
        words.shape[0], False,
    )


def interactions(
    const int32_t[::1] words, const int32_t[::1] baselines, const double[::1] valid,
    const double[:, ::1] embedding, const int64_t[::1] channels, const double[::1] weights,
    int64_t kernel_size, const double[:, ::1] head, int64_t first,
    int64_t n_blocks, const double[::1] subset_weights, double[::1] units, double[::1] products,
    double[:, :, ::1] tables, double[:, :, ::1] values,
):
    """Add pairwise Shapley interactions; values[m, d - 1, i] is that of places i and i + d.

    `subset_weights[T]` is |T|! (r - |T| - 2)! / (r - 1)!.
    """
    cdef windows w = _windows(
        words, baselines, valid, embedding, channels, weights, kernel_size, head
    )
    _share(
        interactions_versions, &w, first, n_blocks, units, products, tables, subset_weights, values,
        words.shape[0], True,
    )


def deletion_shapley(
    const int32_t[::1] words, const int32_t[::1] baselines, const double[::1] valid,
    const double[:, ::1] embedding, const int64_t[::1] channels, const double[::1] weights,
    int64_t kernel_size, const double[:, ::1] head, int64_t first,
    int64_t n_blocks, const int32_t[::1] rows, const int64_t[::1] rows_length,
    const double[:, :, :, ::1] coefficients, double[::1] units, double[::1] products,
    double[:, :, ::1] tables, double[:, ::1] values, double[:, ::1] everyone,
):
    """Add Shapley values of games in which absent words are deleted.

    A window of k players in a row of n contributes to the values of its players and, by the
    divisor, equally to those of all other tokens of the row. `rows` is the row of each place,
    `rows_length` the index of each row's length in `coefficients[:, k, t]`, the weights from
    `WindowGame._deletion_weights` for subsets of size t. The contribution to all tokens of a row
    is added to `everyone`: (n_outputs, n_rows).
    """
    cdef windows w = _windows(
        words, baselines, valid, embedding, channels, weights, kernel_size, head
    )
    cdef int64_t n_places = words.shape[0], n_rows = rows_length.shape[0], k
    cdef int64_t n_more = _blocks(&w, first, n_blocks, n_places, units, products, tables)
    _check(
        coefficients.shape[1] > n_more + 1
        and coefficients.shape[2] > n_more + 1
        and coefficients.shape[3] == 3,
        "the shape of the coefficients",
    )
    _check(rows.shape[0] == n_places, "the rows of the places")
    for k in range(n_places):
        _check(<uint32_t>rows[k] < n_rows, "a place outside the rows")
    for k in range(n_rows):
        _check(0 <= rows_length[k] < coefficients.shape[0], "a length without coefficients")
    _check(values.shape[0] == w.n_outputs and values.shape[1] == n_places, "the values")
    _check(everyone.shape[0] == w.n_outputs and everyone.shape[1] == n_rows, "values of rows")
    if w.n_outputs and n_blocks > 0:
        with nogil:
            deletion_versions[_instructions.chosen](
                &w, first, n_blocks, &rows[0], &rows_length[0],
                &coefficients[0, 0, 0, 0], coefficients.shape[1], coefficients.shape[2],
                &values[0, 0], n_places, &everyone[0, 0], n_rows,
            )


def walk(
    const int32_t[::1] words, const int32_t[::1] baselines, const double[::1] valid,
    const int64_t[::1] order, bint deletion, bint takes_max, const double[:, ::1] embedding,
    const int64_t[::1] channels, const double[::1] weights, int64_t kernel_size,
    const double[:, ::1] head, double[::1] units, double[:, ::1] latent,
):
    """Replace the baseline by words one by one, and compute the pooled channels after each step.

    `latent[s]` is the sum, or the maximum, over the positions after s replacements. A replacement
    changes few units of each layer; only these are recomputed.
    """
    cdef windows w = _windows(
        words, baselines, valid, embedding, channels, weights, kernel_size, head
    )
    cdef int64_t n_places = words.shape[0], n_units = 0, k
    cdef double[::1] is_valid = np.zeros(n_places) if deletion else np.array(valid)
    cdef double[::1] row = np.empty(np.max(channels))
    for k in range(channels.shape[0]):
        n_units += n_places * channels[k]
    for k in range(order.shape[0]):
        _check(0 <= order[k] < n_places, "a step outside the places")
    _check(units.shape[0] >= n_units, "the workspace is too small")
    _check(
        latent.shape[0] == order.shape[0] + 1 and latent.shape[1] == channels[channels.shape[0] - 1],
        "the shape of the pooled channels",
    )
    w.units = &units[0]
    with nogil:
        walk_versions[_instructions.chosen](
            &w, n_places, &order[0] if order.shape[0] else NULL, order.shape[0], &is_valid[0],
            takes_max, &row[0], &latent[0, 0],
        )
