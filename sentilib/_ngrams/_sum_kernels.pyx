"""Compiled sums over the n-grams of rows."""

from cpython.mem cimport PyMem_RawFree
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memset

from sentilib._ngrams._lookup_kernels cimport (
    Buckets, Scratch, allocate, buckets_of, check, count_places, long_ngrams, number_of_word,
)


cdef bint _are_rows(const Scratch* scratch, int64_t first, int64_t last, int64_t n) noexcept nogil:
    """Return whether the n-grams found are rows of a table of `n` rows."""
    cdef int64_t i
    cdef uint32_t largest = 0
    for i in range(first, last):
        largest = max(largest, <uint32_t>scratch.numbers[i])
    return first >= last or largest < n


def sums(
    const int32_t[:, ::1] ids, const int32_t[::1] words, const int64_t[::1] buckets,
    int64_t min_n, int64_t max_n, const double[:, ::1] table, double[:, ::1] out,
):
    """Sum the table's rows over the n-grams of each row of ids."""
    cdef Buckets lines = buckets_of(buckets)
    cdef int64_t n_rows = ids.shape[0], n_tokens = ids.shape[1], n_words = words.shape[0]
    cdef int64_t n_ngrams = table.shape[0], n_columns = table.shape[1]
    cdef int64_t row, n_places, column, k, i, number, low, high
    cdef double total
    cdef bint is_valid = True
    cdef Scratch scratch
    cdef const int32_t* row_ids
    check(words, min_n, max_n)
    if out.shape[0] != n_rows or out.shape[1] != n_columns:
        raise ValueError(f"Sums must be {n_rows} x {n_columns}.")
    allocate(&scratch, n_tokens, max_n)
    with nogil:
        for row in range(n_rows):
            row_ids = &ids[row, 0]
            n_places = count_places(row_ids, n_tokens)
            long_ngrams(row_ids, n_places, &lines, max_n, &scratch)
            low, high = scratch.first[max(min_n, 2)], scratch.first[max_n + 1]
            is_valid = _are_rows(&scratch, low, high, n_ngrams)
            for column in range(n_columns if is_valid else 0):
                total = 0.0
                if min_n == 1:
                    for k in range(n_places):
                        number = number_of_word(row_ids[k], &words[0], n_words)
                        if number >= n_ngrams:
                            is_valid = False
                            break
                        total += table[number, column] if number >= 0 else 0.0
                for i in range(low, high):
                    total += table[scratch.numbers[i], column]
                out[row, column] = total
            if not is_valid:
                break
    PyMem_RawFree(scratch.memory)
    if not is_valid:
        raise ValueError(f"The table has {n_ngrams} rows, fewer than the dictionary has n-grams.")


def share_out(
    const int32_t[:, ::1] ids, const int32_t[::1] words, const int64_t[::1] buckets,
    int64_t min_n, int64_t max_n, const double[:, ::1] table, const int64_t[::1] kinds,
    const double[:, :, ::1] shares, double[:, ::1] values, double[:, ::1] out,
):
    """Distribute the worth of each row's n-grams among its tokens, all ids except padding.

    Of an n-gram worth 1 in a row of kind r, `shares[r, n - 1, 0]` goes to each of its tokens, and
    `shares[r, n - 1, 1]` to each token of the row. `values` (n_tokens, n_columns) are the sums.
    `out` (n_rows, n_columns) receives the undivided worth of each row, as `sums` computes it.
    """
    cdef Buckets lines = buckets_of(buckets)
    cdef int64_t n_rows = ids.shape[0], n_tokens = ids.shape[1], n_words = words.shape[0]
    cdef int64_t n_ngrams = table.shape[0], n_columns = table.shape[1]
    cdef int64_t row, n_places, column, order, k, i, number, after, token, first_value = 0, n = 0
    cdef double everyone, own, common, total
    cdef bint is_valid = True
    cdef Scratch scratch
    cdef double* worth
    cdef double* value
    cdef const int32_t* row_ids
    cdef const int64_t* first
    check(words, min_n, max_n)
    if kinds.shape[0] != n_rows or shares.shape[1] < max_n or shares.shape[2] != 2:
        raise ValueError(f"kinds must be {n_rows}, and shares by kind, {max_n} orders and 2.")
    for row in range(n_rows):
        if not 0 <= kinds[row] < shares.shape[0]:
            raise ValueError(f"Row {row} is of kind {kinds[row]}, of {shares.shape[0]}.")
        for k in range(n_tokens):
            n += ids[row, k] != 0
    if values.shape[0] != n or values.shape[1] != n_columns:
        raise ValueError(f"Values must be {n} x {n_columns}, one row per token.")
    if out.shape[0] != n_rows or out.shape[1] != n_columns:
        raise ValueError(f"Sums must be {n_rows} x {n_columns}.")
    allocate(&scratch, n_tokens, max_n)
    worth, value, first = scratch.worth, scratch.value, scratch.first
    with nogil:
        for row in range(n_rows):
            row_ids = &ids[row, 0]
            n_places = count_places(row_ids, n_tokens)
            long_ngrams(row_ids, n_places, &lines, max_n, &scratch)
            if not _are_rows(&scratch, first[2], first[max_n + 1], n_ngrams):
                is_valid = False
                break
            for column in range(n_columns):
                everyone = total = 0.0
                memset(value, 0, 8 * n_places)
                for order in range(min_n, max_n + 1):
                    own = shares[kinds[row], order - 1, 0]
                    common = shares[kinds[row], order - 1, 1]
                    memset(worth, 0, 8 * (n_places + order))
                    if order == 1:
                        for k in range(n_places):
                            number = number_of_word(row_ids[k], &words[0], n_words)
                            if number >= n_ngrams:
                                is_valid = False
                                break
                            if number >= 0:
                                worth[k] = table[number, column]
                                everyone += worth[k] * common
                                total += worth[k]
                    else:
                        for i in range(first[order], first[order + 1]):
                            k = scratch.ends[i]
                            worth[k] = table[scratch.numbers[i], column]
                            everyone += worth[k] * common
                            total += worth[k]
                    for after in range(order):
                        for k in range(n_places):
                            value[k] += worth[after + k] * own
                out[row, column] = total
                token = first_value
                for k in range(n_places):
                    if row_ids[k] != 0:
                        values[token, column] = value[k] + everyone
                        token += 1
            if not is_valid:
                break
            for k in range(n_places):
                first_value += row_ids[k] != 0
    PyMem_RawFree(scratch.memory)
    if not is_valid:
        raise ValueError(f"The table has {n_ngrams} rows, fewer than the dictionary has n-grams.")
