"""Compiled convolutions, with contiguous positions as the innermost axis.

Column p of a layer's block is the unit whose leftmost token is at position `start + p`, so that
tap t reads column p + t, and the last columns, which lack a neighbour, are incomplete.

`pool` is used for prediction. `Network` and the functions that read it are used for explanations,
which compute each unit for many variants of its words; their blocks have COLUMNS columns.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numba import types

from sentilib._compiled._compile import F64_2D, I64, helper, kernel

COLUMNS = 96
_MAX_COLUMNS = 256  # complete columns per block of `pool`, so that its layers fit into a cache
MEAN, MAXIMUM, MOMENTS = range(3)  # what `pool` computes for each unit
CONTRACT = {"contract"}  # multiply-adds are fused; nothing else is reordered
conv_helper = partial(helper, fastmath=CONTRACT)


class Network(NamedTuple):
    """Weights in the form that kernels read, with channels padded to multiples of four."""

    embedding: np.ndarray  # float64 (n_ids, channels[0])
    channels: np.ndarray  # int64 (n_layers + 1,)
    weights: np.ndarray  # float64, by layer: taps (n_in, kernel_size, n_out), then biases
    kernel_size: int

    @classmethod
    def of(cls, embedding: np.ndarray, blocks: list[tuple[np.ndarray, np.ndarray]]) -> "Network":
        """Pack an embedding and the kernel and bias of each block."""
        channels = [embedding.shape[1], *(kernel.shape[2] for kernel, _ in blocks)]
        weights = []
        for kernel_, bias in blocks:
            n_in, n_out = kernel_.shape[1:]
            taps = fill(kernel_.transpose(1, 0, 2), (-n_in % 4, 0, -n_out % 4))
            weights += [taps.ravel(), fill(bias, (-n_out % 4,))]
        return cls(
            fill(embedding, (0, -channels[0] % 4)),
            np.array([-(-n // 4) * 4 for n in channels], dtype=np.int64),
            np.concatenate(weights) if weights else np.empty(0),
            len(blocks[0][0]) if blocks else 1,
        )

    @property
    def receptive_field(self) -> int:
        """Number of words that one unit of the last layer reads."""
        return 1 + (len(self.channels) - 1) * (self.kernel_size - 1)


def fill(array: np.ndarray, more: tuple[int, ...]) -> np.ndarray:
    """Append `more` zeros to each axis."""
    if not any(more):
        return np.ascontiguousarray(array)
    return np.ascontiguousarray(np.pad(array, [(0, n) for n in more]))


@conv_helper
def tap_products(inputs, taps, products):
    """Multiply the channels of COLUMNS positions by all taps of a convolution."""
    for o in range(0, taps.shape[1], 2):
        first, second = products[o], products[o + 1]
        for p in range(COLUMNS):
            first[p] = 0.0
            second[p] = 0.0
        for c in range(0, taps.shape[0], 4):
            x0, x1, x2, x3 = inputs[c], inputs[c + 1], inputs[c + 2], inputs[c + 3]
            f0, f1, f2, f3 = taps[c, o], taps[c + 1, o], taps[c + 2, o], taps[c + 3, o]
            s0, s1, s2, s3 = (
                taps[c, o + 1],
                taps[c + 1, o + 1],
                taps[c + 2, o + 1],
                taps[c + 3, o + 1],
            )
            for p in range(COLUMNS):
                first[p] += f0 * x0[p] + f1 * x1[p] + f2 * x2[p] + f3 * x3[p]
                second[p] += s0 * x0[p] + s1 * x1[p] + s2 * x2[p] + s3 * x3[p]


@conv_helper
def unit(products, variant, channel, n_channels, kernel_size, bias, valid, row):
    """Sum the taps of one channel for one variant, apply the ReLU, and zero invalid columns."""
    low = products.shape[0] - 1
    if kernel_size == 3:
        a = products[variant & low, channel]
        b = products[(variant >> 1) & low, n_channels + channel][1:]
        c = products[variant >> 2, 2 * n_channels + channel][2:]
        for p in range(COLUMNS):
            row[p] = max(a[p] + b[p] + c[p] + bias, 0.0) * valid[p]
        return
    for p in range(COLUMNS):
        row[p] = bias
    for tap in range(kernel_size):
        product = products[(variant >> tap) & low, tap * n_channels + channel][tap:]
        for p in range(COLUMNS):
            row[p] += product[p]
    for p in range(COLUMNS):
        row[p] = max(row[p], 0.0) * valid[p]


class Layers(NamedTuple):
    """Weights in the form that `pool` reads, with channels padded to multiples of four.

    The products of words and the taps of the first convolution are looked up. The last row, zeros,
    is used for positions without a word.
    """

    table: np.ndarray  # (n_ids + 1, kernel_size, channels[0])
    bias: np.ndarray  # (channels[0],)
    channels: np.ndarray  # int64 (n_layers,), units of each convolution
    weights: np.ndarray  # of the other layers: biases, then taps (kernel_size, n_in, n_out)

    @classmethod
    def of(
        cls, embedding: np.ndarray, blocks: list[tuple[np.ndarray, np.ndarray]], dtype: Any
    ) -> "Layers":
        """Pack an embedding and the kernel and bias of each block, in float32 or float64."""
        (first, bias), *others = blocks
        n_taps, n_in, n_out = first.shape
        table = embedding @ first.transpose(1, 0, 2).reshape(n_in, n_taps * n_out)
        weights = [np.empty(0)]
        for taps, more_bias in others:
            more = [-n % 4 for n in taps.shape[1:]]
            weights += [fill(more_bias, (more[1],)), fill(taps, (0, *more)).ravel()]
        return cls(
            fill(table.reshape(-1, n_taps, n_out), (1, 0, -n_out % 4)).astype(dtype),
            fill(bias, (-n_out % 4,)).astype(dtype),
            np.array([-(-len(b) // 4) * 4 for _, b in blocks], dtype=np.int64),
            np.concatenate(weights).astype(dtype),
        )


@conv_helper
def _look_up(table, bias, words, valid, first, n_columns, floor, sums, units):
    """Compute the first convolution: column p reads words[first + p] and the following ones."""
    n_taps, n_channels = table.shape[1:]
    for p in range(n_columns):
        for c in range(n_channels):
            sums[c] = bias[c]
        for tap in range(n_taps):
            products = table[words[first + p + tap], tap]
            for c in range(n_channels):
                sums[c] += products[c]
        is_position = valid[first + p + (n_taps - 1) // 2]
        for c in range(n_channels):
            units[c, p] = max(sums[c], floor) * is_position


@conv_helper
def _add_products(inputs, shift, taps, n_columns, outputs):
    """Add the products of one tap and the input channels to each output channel."""
    for o in range(0, taps.shape[1], 4):
        a, b, c, d = outputs[o], outputs[o + 1], outputs[o + 2], outputs[o + 3]
        for i in range(0, taps.shape[0], 4):
            x0, x1 = inputs[i, shift:], inputs[i + 1, shift:]
            x2, x3 = inputs[i + 2, shift:], inputs[i + 3, shift:]
            t0, t1, t2, t3 = taps[i, o:], taps[i + 1, o:], taps[i + 2, o:], taps[i + 3, o:]
            a0, a1, a2, a3 = t0[0], t1[0], t2[0], t3[0]
            b0, b1, b2, b3 = t0[1], t1[1], t2[1], t3[1]
            c0, c1, c2, c3 = t0[2], t1[2], t2[2], t3[2]
            d0, d1, d2, d3 = t0[3], t1[3], t2[3], t3[3]
            for p in range(n_columns):
                a[p] += a0 * x0[p] + a1 * x1[p] + a2 * x2[p] + a3 * x3[p]
                b[p] += b0 * x0[p] + b1 * x1[p] + b2 * x2[p] + b3 * x3[p]
                c[p] += c0 * x0[p] + c1 * x1[p] + c2 * x2[p] + c3 * x3[p]
                d[p] += d0 * x0[p] + d1 * x1[p] + d2 * x2[p] + d3 * x3[p]


def _pool_signature(scalar):
    values, table = types.Array(scalar, 1, "C"), types.Array(scalar, 3, "C")
    ids = types.Array(types.int32, 2, "C", readonly=True)
    return types.void(ids, I64, table, values, I64, values, types.boolean, types.int64, F64_2D)


@kernel([_pool_signature(types.float32), _pool_signature(types.float64)], fastmath=CONTRACT)
def pool(ids, lengths, table, bias, channels, weights, masks, kind, out):
    """Pool the last layer over the positions of each row.

    Computes the mean or the maximum of each unit, or the moments of the last convolution before its
    ReLU: all sums, then all sums of squares.
    """
    zero, one = bias.dtype.type(0), bias.dtype.type(1)
    floor = bias.dtype.type(-np.inf) if kind == MOMENTS else zero  # min of the last layer
    n_ids, n_taps, n_layers = len(table) - 1, table.shape[1], len(channels)
    reach = (n_taps - 1) // 2  # positions to the left that one layer reads
    margin = n_layers * (n_taps - 1)
    n_columns = min(_MAX_COLUMNS, ids.shape[1]) + margin + 16
    # Zeros: incomplete columns are computed too, and a NaN would survive the multiplication by 0.
    units = np.zeros((2, channels.max(), n_columns + n_taps), dtype=bias.dtype)
    sums, lanes = np.empty(channels[0], dtype=bias.dtype), np.empty((2, 16), dtype=bias.dtype)
    n_out = out.shape[1] // 2 if kind == MOMENTS else out.shape[1]
    n_places = ids.shape[1] + margin + n_columns + n_taps
    words, valid = np.empty(n_places, dtype=np.int64), np.zeros(n_places, dtype=bias.dtype)
    for row in range(len(ids)):
        begin = 0
        while masks and begin < lengths[row] and ids[row, begin] == 0:
            begin += 1
        length = lengths[row] - begin
        words[:] = n_ids
        valid[:] = 0
        n_tokens = 0
        for p in range(length):
            word = ids[row, begin + p]
            if word != 0 or not masks:
                words[margin + p] = word
                valid[margin + p] = one
                n_tokens += 1
        out[row] = 0.0
        n_blocks = -(-length // _MAX_COLUMNS)
        n_complete = -(-length // max(n_blocks, 1))
        n_columns = -(-(n_complete + margin) // 16) * 16
        for block in range(n_blocks):
            first = block * n_complete
            start = margin + first - n_layers * reach
            layer = units[0]
            rectified = zero if n_layers > 1 else floor
            _look_up(table, bias, words, valid, start, n_columns, rectified, sums, layer)
            used = 0
            for depth in range(1, n_layers):
                n_in, n_units = channels[depth - 1], channels[depth]
                inputs, layer = layer, units[depth % 2]
                for o in range(n_units):
                    layer[o, :n_columns] = weights[used + o]
                used += n_units
                for tap in range(n_taps):
                    taps = weights[used : used + n_in * n_units].reshape((n_in, n_units))
                    used += n_in * n_units
                    _add_products(inputs, tap, taps, n_columns, layer)
                is_position = valid[start + (depth + 1) * reach :]
                rectified = zero if depth < n_layers - 1 else floor
                for o in range(n_units):
                    unit_row = layer[o]
                    for p in range(n_columns):
                        unit_row[p] = max(unit_row[p], rectified) * is_position[p]
            n_here = min(n_complete, length - first)
            for o in range(n_out):
                unit_row = layer[o]
                unit_row[n_here:n_columns] = zero  # changes no sum, and no max of ReLU units
                lanes[:] = zero
                for p in range(0, n_columns, 16):
                    sixteen = unit_row[p : p + 16]
                    for k in range(16):
                        lanes[0, k] += sixteen[k]
                    if kind == MAXIMUM:
                        for k in range(16):
                            lanes[1, k] = max(lanes[1, k], sixteen[k])
                    if kind == MOMENTS:
                        for k in range(16):
                            lanes[1, k] += sixteen[k] * sixteen[k]
                if kind == MAXIMUM:
                    out[row, o] = max(out[row, o], lanes[1].max())
                else:
                    out[row, o] += lanes[0].sum()
                if kind == MOMENTS:
                    out[row, n_out + o] += lanes[1].sum()
        if kind == MEAN:
            out[row] /= max(n_tokens, 1)
