"""The exact 64-bit key of an n-gram: its prefix in the upper half, its last id in the lower half.

The prefix of a word is 0; of a pair, the id of its first word; of a longer n-gram,
`prefix_of(number)` of the n-gram that it extends by one word, which is below -1. Two n-grams
therefore never have the same key, whatever their lengths. The functions work on integers and on
arrays; `_keys.pxd` contains those of compiled loops.
"""

EMPTY = -1  # not a key, since a prefix is never -1


def key_of(before, word):
    """Return the key of the n-gram with prefix `before` and last id `word`."""
    return before * 2**32 + word


def split(key):
    """Return the prefix, and the id of the last word."""
    return key >> 32, key & 0xFFFFFFFF


def prefix_of(number):
    """Return the prefix of n-grams that extend the n-gram with this number."""
    return -2 - number


def number_of(prefix):
    """Return the number of the n-gram that a prefix below -1 refers to."""
    return -2 - prefix
