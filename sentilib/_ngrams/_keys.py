"""The exact 64-bit key of an n-gram: what comes before in the upper half, its last id in the lower.

The upper half of a word's key is 0; of a pair's, the id of its first word; of a longer n-gram's,
`prefix_of(number)` of the n-gram that it extends by one word, which is below -1. Two n-grams
therefore never share a key, whatever their lengths. The functions work on integers and on arrays,
and compiled loops use them too.
"""

from sentilib._ids import FIRST_WORD

EMPTY = -1  # no key: an upper half is never -1


def key_of(before, word):
    """Return the key of the n-gram that ends in `word`, an id."""
    return before * 2**32 + word


def split(key):
    """Return what comes before, and the id of the last word."""
    return key >> 32, key & 0xFFFFFFFF


def prefix_of(number):
    """Return what stands for the n-gram of this number in the keys of longer ones."""
    return -2 - number


def number_of(prefix):
    """Return the number of the n-gram that a prefix below -1 stands for."""
    return -2 - prefix


def is_prefix(before):
    """Return whether a longer n-gram can begin with this: a word or a known n-gram."""
    return (before >= FIRST_WORD) | (before <= -2)
