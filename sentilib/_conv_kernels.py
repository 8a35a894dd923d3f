"""Compiled convolutions: positions are innermost, in blocks of fixed length and stride 1.

Column p of a layer's block belongs to the unit whose leftmost token is at position `start + p`, so
that tap t reads column p + t, and the last columns, which lack a neighbour, are not complete.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numba import types

from sentilib._compile import F64, F64_2D, I64, helper, kernel

COLUMNS = 96
CONTRACT = {"contract"}  # multiply-adds are fused; nothing else is reordered
conv_helper = partial(helper, fastmath=CONTRACT)


class Network(NamedTuple):
    """Weights as the kernels read them, channels filled up to multiples of four."""

    embedding: np.ndarray  # float64 (n_ids, channels[0])
    channels: np.ndarray  # int64 (n_layers + 1,)
    weights: np.ndarray  # float64, taps (n_in, kernel_size, n_out) and biases layer by layer
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
        """Words that one unit of the last layer sees."""
        return 1 + (len(self.channels) - 1) * (self.kernel_size - 1)


def fill(array: np.ndarray, more: tuple[int, ...]) -> np.ndarray:
    """Append zeros to each axis."""
    if not any(more):
        return np.ascontiguousarray(array)
    return np.ascontiguousarray(np.pad(array, [(0, n) for n in more]))


@conv_helper
def tap_products(inputs, taps, products):
    """Multiply the channels of COLUMNS positions with all taps of a convolution."""
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
    """Sum the taps of one channel for one variant, rectify, and blank what is no position."""
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


@kernel(
    types.void(
        types.Array(types.int32, 2, "C", readonly=True), I64, F64_2D, I64, F64, types.int64,
        types.boolean, types.boolean, F64_2D,
    ),
    fastmath=CONTRACT,
)  # fmt: skip
def pool(ids, lengths, embedding, channels, weights, kernel_size, masks, takes_max, out):
    """Pool the last layer over the positions of each row: their mean, or their maximum."""
    n_layers = len(channels) - 1
    reach = (kernel_size - 1) // 2  # of one layer, to the left
    margin = n_layers * (kernel_size - 1)
    n_complete = COLUMNS - margin
    width = COLUMNS + kernel_size - 1
    most = channels.max()
    # Zeros, as no column may hold what is not a number, complete or not.
    units = np.zeros(most * COLUMNS)
    products = np.zeros(most * kernel_size * width)
    n_places = ids.shape[1] + 2 * margin + COLUMNS
    words, valid = np.zeros(n_places, dtype=np.int64), np.zeros(n_places)
    unit_row = np.empty(COLUMNS)
    for row in range(len(ids)):
        length = lengths[row]
        valid[:] = 0.0
        n_tokens = 0.0
        for p in range(length):
            word = ids[row, p]
            words[margin + p] = word
            valid[margin + p] = 0.0 if masks and word == 0 else 1.0
            n_tokens += valid[margin + p]
        out[row] = 0.0
        for first in range(0, length, n_complete):
            start = margin + first - n_layers * reach
            n_in, used = channels[0], 0
            layer = units[: n_in * COLUMNS].reshape((n_in, COLUMNS))
            for p in range(COLUMNS):
                is_valid = valid[start + p]
                word = words[start + p] if is_valid > 0 else 0
                for c in range(n_in):
                    layer[c, p] = embedding[word, c] * is_valid
            for depth in range(1, n_layers + 1):
                n_out = channels[depth]
                n_products = kernel_size * n_out
                taps = weights[used : used + n_in * n_products].reshape((n_in, n_products))
                used += n_in * n_products
                biases = weights[used : used + n_out]
                used += n_out
                product = products[: n_products * width].reshape((1, n_products, width))
                tap_products(layer, taps, product[0])
                is_position = valid[start + depth * reach : start + depth * reach + COLUMNS]
                layer = units[: n_out * COLUMNS].reshape((n_out, COLUMNS))
                for o in range(n_out):
                    if depth < n_layers:
                        unit(product, 0, o, n_out, kernel_size, biases[o], is_position, layer[o])
                        continue
                    unit(product, 0, o, n_out, kernel_size, biases[o], is_position, unit_row)
                    if o < out.shape[1]:
                        for p in range(min(n_complete, length - first)):
                            if takes_max:
                                out[row, o] = max(out[row, o], unit_row[p])
                            else:
                                out[row, o] += unit_row[p]
                n_in = n_out
        if not takes_max:
            out[row] /= max(n_tokens, 1.0)


def fits(network: Any) -> bool:
    """Whether blocks have columns enough for the network's receptive field."""
    return network.receptive_field <= COLUMNS // 2
