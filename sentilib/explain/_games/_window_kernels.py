"""Kernels of the games of convolutional classifiers.

Rows of token ids form a tape: the tokens of each row, then a gap as wide as a window. The tape is
read in blocks of `COLUMNS` positions. Variant v of a unit is its value if, among the tokens that it
sees, those whose bit is set in v are present and the others are replaced by the baseline; bit 0 is
the leftmost token. Column p of a layer's table belongs to the unit whose
leftmost token is position `start + p` of the tape, so that tap t reads column p + t.

Positions are innermost in all tables, as in `_conv_kernels`.
"""

import numpy as np
from numba import types

from sentilib._compiled._compile import F64, F64_2D, F64_3D, F64_4D, I32, I64, kernel
from sentilib._tables._conv_kernels import COLUMNS, CONTRACT, conv_helper, tap_products, unit

_NETWORK = (F64_2D, I64, F64, types.int64, F64_2D)  # as Network.of arranges it
_TAPE = (I32, I32, F64)
_WORKSPACE = (F64, F64, F64_3D)


@conv_helper
def _fill_tables(
    words, baselines, valid, embedding, channels, weights, kernel_size, head, deletion, start,
    units, products, tables,
):  # fmt: skip
    """Fill the margins of all variants of a block's windows: (n_outputs, n_variants, COLUMNS)."""
    n_layers = len(channels) - 1
    reach = (kernel_size - 1) // 2  # of one layer, to the left
    n_variants, n_in = 2, channels[0]
    layer = units[: 2 * n_in * COLUMNS].reshape((2, n_in, COLUMNS))
    for p in range(COLUMNS):
        place = start + p
        word, baseline, is_valid = words[place], baselines[place], valid[place]
        for c in range(n_in):
            layer[0, c, p] = 0.0 if deletion else embedding[baseline, c] * is_valid
            layer[1, c, p] = embedding[word, c] * is_valid
    tables[:] = 0.0
    row = np.empty(COLUMNS)
    first = 0
    for depth in range(1, n_layers + 1):
        n_out = channels[depth]
        n_products = kernel_size * n_out
        taps = weights[first : first + n_in * n_products].reshape((n_in, n_products))
        first += n_in * n_products
        biases = weights[first : first + n_out]
        first += n_out
        width = COLUMNS + kernel_size - 1
        product = products[: n_variants * n_products * width].reshape(
            (n_variants, n_products, width)
        )
        for v in range(n_variants):
            tap_products(layer[v], taps, product[v])
        centre = depth * reach
        is_position = valid[start + centre : start + centre + COLUMNS]
        n_variants <<= kernel_size - 1
        if depth == n_layers:
            break
        layer = units[: n_variants * n_out * COLUMNS].reshape((n_variants, n_out, COLUMNS))
        for v in range(n_variants):
            for o in range(n_out):
                if deletion and not (v >> centre) & 1:
                    layer[v, o, :] = 0.0
                else:
                    unit(product, v, o, n_out, kernel_size, biases[o], is_position, layer[v, o])
        n_in = n_out
    for v in range(n_variants):
        if deletion and not (v >> centre) & 1:
            continue
        for o in range(n_out):
            unit(product, v, o, n_out, kernel_size, biases[o], is_position, row)
            for m in range(head.shape[1]):
                factor, table = head[o, m], tables[m, v]
                for p in range(COLUMNS):
                    table[p] += factor * row[p]


@kernel(types.void(*_TAPE, *_NETWORK, I64, F64, *_WORKSPACE, F64_3D), fastmath=CONTRACT)
def shapley(
    words, baselines, valid, embedding, channels, weights, kernel_size, head, blocks,
    subset_weights, units, products, tables, values,
):  # fmt: skip
    """Compute each token's Shapley values in the games of the windows that contain it.

    `values[m, j, i]` is the value of place i in the window whose leftmost place is i - j, so that
    sums over j do not depend on the division into blocks.

    `subset_weights[T]` is |T|! (r - |T| - 1)! / r! for the subset T of a window's r tokens.
    """
    n_variants = tables.shape[1]
    n_complete = COLUMNS - (len(channels) - 1) * (kernel_size - 1)
    share = np.empty(COLUMNS)
    for start in blocks:
        _fill_tables(
            words, baselines, valid, embedding, channels, weights, kernel_size, head, False, start,
            units, products, tables,
        )  # fmt: skip
        for m in range(len(tables)):
            for j in range(COLUMNS - n_complete + 1):
                bit = 1 << j
                share[:] = 0.0
                for subset in range(n_variants):
                    if not subset & bit:
                        weight = subset_weights[subset]
                        without, joined = tables[m, subset], tables[m, subset | bit]
                        for p in range(COLUMNS):
                            share[p] += weight * (joined[p] - without[p])
                for p in range(n_complete):
                    values[m, j, start + j + p] = share[p]


@kernel(types.void(*_TAPE, *_NETWORK, I64, F64, *_WORKSPACE, F64_3D), fastmath=CONTRACT)
def interactions(
    words, baselines, valid, embedding, channels, weights, kernel_size, head, blocks,
    subset_weights, units, products, tables, values,
):  # fmt: skip
    """Add pairwise Shapley interactions; values[m, d - 1, i] is that of places i and i + d.

    `subset_weights[T]` is |T|! (r - |T| - 2)! / (r - 1)!.
    """
    n_variants = tables.shape[1]
    n_more = (len(channels) - 1) * (kernel_size - 1)
    share = np.empty(COLUMNS)
    for start in blocks:
        _fill_tables(
            words, baselines, valid, embedding, channels, weights, kernel_size, head, False, start,
            units, products, tables,
        )  # fmt: skip
        for m in range(len(tables)):
            for i in range(n_more):
                for j in range(i + 1, n_more + 1):
                    left, right = 1 << i, 1 << j
                    share[:] = 0.0
                    for subset in range(n_variants):
                        if not subset & (left | right):
                            weight = subset_weights[subset]
                            none, both = tables[m, subset], tables[m, subset | left | right]
                            one, other = tables[m, subset | left], tables[m, subset | right]
                            for p in range(COLUMNS):
                                share[p] += weight * ((both[p] - one[p]) - (other[p] - none[p]))
                    for p in range(COLUMNS - n_more):
                        values[m, j - i - 1, start + i + p] += share[p]


@kernel(
    types.void(*_TAPE, *_NETWORK, I64, I32, I64, F64_4D, *_WORKSPACE, F64_2D, F64_2D),
    fastmath=CONTRACT,
)
def deletion_shapley(
    words, baselines, valid, embedding, channels, weights, kernel_size, head, blocks,
    rows, rows_length, coefficients, units, products, tables, values, everyone,
):  # fmt: skip
    """Add Shapley values of games in which absent words are deleted.

    A window of k players in a row of n contributes to the values of its players and, by the
    divisor, equally to those of all other tokens of the row. `rows` is the row of each place,
    `rows_length` the index of each row's length in `coefficients[:, k, t]`, the weights from
    `WindowGame._deletion_weights` for subsets of size t. The contribution to all tokens of a row
    is added to `everyone`: (n_outputs, n_rows).
    """
    reach = (len(channels) - 1) * ((kernel_size - 1) // 2)
    n_more = (len(channels) - 1) * (kernel_size - 1)
    for start in blocks:
        _fill_tables(
            words, baselines, valid, embedding, channels, weights, kernel_size, head, True, start,
            units, products, tables,
        )  # fmt: skip
        for p in range(COLUMNS - n_more):
            if not valid[start + p + reach]:
                continue
            row = rows[start + p + reach]
            players, n_players = 0, 0
            for j in range(n_more + 1):
                if valid[start + p + j]:
                    players |= 1 << j
                    n_players += 1
            weights_of = coefficients[rows_length[row], n_players]
            subset = players
            while subset:
                if (subset >> reach) & 1:
                    size = 0
                    for j in range(n_more + 1):
                        size += (subset >> j) & 1
                    joining = weights_of[size - 1, 0]
                    before, outside = weights_of[size, 1], weights_of[size, 2]
                    for m in range(len(tables)):
                        margin = tables[m, subset, p]
                        everyone[m, row] += outside * margin
                        for j in range(n_more + 1):
                            if (subset >> j) & 1:
                                values[m, start + p + j] += (joining - outside) * margin
                            elif (players >> j) & 1:
                                values[m, start + p + j] -= (before + outside) * margin
                subset = (subset - 1) & players


@conv_helper
def _column_maximum(array, column, step, place):
    """Return the maximum of a column; before the first step, of its filled part."""
    largest = 0.0
    for k in range(place + 1 if step < 0 else len(array)):
        largest = max(largest, array[k, column])
    return largest


@kernel(
    types.void(I32, I32, F64, I64, types.boolean, types.boolean, *_NETWORK, F64, F64_2D),
    fastmath=CONTRACT,
)
def walk(
    words, baselines, valid, order, deletion, takes_max, embedding, channels, weights, kernel_size,
    head, units, latent,
):  # fmt: skip
    """Replace the baseline by words one by one, and compute the pooled channels after each step.

    `latent[s]` is the sum, or the maximum, over the positions after s replacements. A replacement
    changes few units of each layer; only these are recomputed.
    """
    n_places, n_layers = len(words), len(channels) - 1
    reach = (kernel_size - 1) // 2
    is_valid = valid.copy()
    if deletion:
        is_valid[:] = 0.0
    pooled = units[len(units) - n_places * channels[n_layers] :].reshape(
        (n_places, channels[n_layers])
    )
    row = np.empty(channels.max())
    for step in range(-1, len(order)):
        low, high = 0, n_places
        if step >= 0:
            low = order[step]
            high = low + 1
            is_valid[low] = valid[low]
        layer = units[: n_places * channels[0]].reshape((n_places, channels[0]))
        for place in range(low, high):
            word = baselines[place] if step < 0 else words[place]
            for c in range(channels[0]):
                layer[place, c] = embedding[word, c] * is_valid[place]
        if step < 0:
            latent[0] = 0.0
        else:
            latent[step + 1] = latent[step]
        used, first = n_places * channels[0], 0
        for depth in range(1, n_layers + 1):
            n_in, n_out = channels[depth - 1], channels[depth]
            low = max(0, low - (kernel_size - 1 - reach))
            high = min(n_places, high + reach)
            taps = weights[first : first + n_in * kernel_size * n_out].reshape(
                (n_in, kernel_size, n_out)
            )
            first += n_in * kernel_size * n_out
            biases = weights[first : first + n_out]
            first += n_out
            out = units[used : used + n_places * n_out].reshape((n_places, n_out))
            used += n_places * n_out
            for place in range(low, high):
                for o in range(n_out):
                    row[o] = biases[o]
                for tap in range(kernel_size):
                    source = place + tap - reach
                    if 0 <= source < n_places and is_valid[source] != 0.0:
                        for c in range(n_in):
                            x = layer[source, c]
                            if x != 0.0:
                                tap_weights = taps[c, tap]
                                for o in range(n_out):
                                    row[o] += x * tap_weights[o]
                for o in range(n_out):
                    new = max(row[o], 0.0) * is_valid[place]
                    if depth == n_layers:
                        old = 0.0 if step < 0 else out[place, o]
                        out[place, o] = new
                        if not takes_max:
                            latent[step + 1, o] += new - old
                        elif new >= latent[step + 1, o]:
                            latent[step + 1, o] = new
                        elif old == latent[step + 1, o]:
                            latent[step + 1, o] = _column_maximum(pooled, o, step, place)
                    else:
                        out[place, o] = new
            layer = out
