"""Choice of the instruction set that the kernels with vectors use, when they are first imported.

It is the last of `AVAILABLE`, or the one that the environment variable SENTILIB_ISA names. All
compute equal results: sums have one order, and multiply-adds one rounding, on every processor.
"""

import os


cdef extern from "_instructions.h" nogil:
    const char* sentilib_instruction_sets[]
    bint sentilib_has(int number) noexcept


def _available():
    cdef int number = 0
    names = []
    while sentilib_instruction_sets[number] != NULL and sentilib_has(number):
        names.append(sentilib_instruction_sets[number].decode())
        number += 1
    return names


*_, BEST = AVAILABLE = _available()
NAME = os.environ.get("SENTILIB_ISA") or BEST
if NAME not in AVAILABLE:
    raise ImportError(
        f"SENTILIB_ISA={NAME!r} is no instruction set of this processor, which has "
        f"{', '.join(AVAILABLE)}. Unset the variable."
    )
chosen = AVAILABLE.index(NAME)
