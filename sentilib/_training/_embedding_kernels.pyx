"""The words of a batch: compiled steps of the Dense model's embedding and hidden layer.

As in `_dense_kernels`, rows of the table are numbered by `places` in the batch.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

import numpy as np

from sentilib._compiled cimport _instructions
from sentilib._compiled._memory cimport next_of
from sentilib._training._dense_kernels cimport (
    ADAM_BLOCK, Clock, Schedule, check_entries, check_step, fail,
)


cdef extern from "_adam.h" nogil:
    enum:
        ADAM_TILE
    ctypedef void (*wake_rows_function)(
        float*, float*, float*, const int32_t*, const int32_t*, int64_t, int64_t,
        const Clock*) noexcept
    ctypedef void (*hidden_function)(
        const float*, const int32_t*, int64_t, int64_t, const float*, const float*, int64_t,
        uint64_t, uint32_t, float, float*, float*, float*) noexcept
    ctypedef void (*average_function)(
        const float*, int64_t, const int32_t*, const float*, const int64_t*, int64_t,
        float*) noexcept
    ctypedef void (*hidden_gradient_function)(
        float*, float*, float*, int32_t*, const int32_t*, int64_t, int64_t, const float*, int64_t,
        const float*, float*, const float*, const int32_t*, const int32_t*, const float*,
        const float*, float*, float*, float*, const Clock*) noexcept
    const wake_rows_function* wake_rows
    const hidden_function* hidden
    const average_function* average
    const hidden_gradient_function* hidden_gradient


cdef enum:
    MIN_TILES = 4  # of words in a part, which is worth the handing over to a thread
    MAX_PARTS = 32  # of which each has gradients of its own


def alone(work):
    """Do work on this thread."""
    work()


cdef class WordSteps:
    """The embedding and the hidden layer, applied to words and averaged over rows.

    The words of a batch are divided into parts, of which each thread takes the next one. Gradients
    are added up by part, then over the parts in order: no result depends on the threads.

    Parameters
    ----------
    table, m, v : ndarray of shape (n_ids, width), float32
        Embedding, and Adam's moments; changed in place.
    rate : float
        Rate of the dropout of embeddings.
    """

    cdef float[:, ::1] table, m, v
    cdef int32_t[::1] last, places, rows, lasts
    cdef int32_t[::1] entry_starts, entry_rows  # of the batch by word
    cdef float[::1] entry_values
    cdef float[:, ::1] factors, inputs, units, of_units
    cdef const float[:, ::1] kernel, gradient
    cdef const float[::1] bias
    cdef float[:, :, ::1] of_parts  # gradients of the kernel and the bias
    cdef Clock clock
    cdef uint32_t threshold
    cdef float scale
    cdef uint64_t seed
    cdef int64_t n_rows  # of the batch, until the gradients have come
    cdef int64_t n_batch, part_size, next_part
    cdef int32_t step  # the last one

    def __init__(self, float[:, ::1] table, float[:, ::1] m, float[:, ::1] v, double rate):
        if not np.shape(table) == np.shape(m) == np.shape(v):
            fail("an embedding and its moments have different shapes")
        if table.shape[1] % ADAM_BLOCK or not 0 <= rate < 1:
            fail(f"a width of {table.shape[1]}, or a rate of {rate}")
        self.table, self.m, self.v = table, m, v
        self.places, self.entry_rows = (np.empty(0, dtype=np.int32) for _ in range(2))
        self.entry_values = np.empty(0, dtype=np.float32)
        self.factors = self.inputs = np.empty((0, 0), dtype=np.float32)
        self.units = self.of_units = self.inputs
        self.threshold = <uint32_t>(65536 * rate + 0.5)
        if self.threshold > 65535:
            self.threshold = 65535
        self.scale = <float>(1 / (1 - self.threshold / 65536.0))
        self.last = np.zeros(table.shape[0], dtype=np.int32)
        self.rows, self.lasts = (np.empty(table.shape[0], dtype=np.int32) for _ in range(2))
        self.entry_starts = np.empty(table.shape[0] + 2, dtype=np.int32)

    def forward(
        self, const int64_t[::1] starts, const int32_t[::1] columns, const float[::1] values,
        const float[:, ::1] kernel, const float[::1] bias, uint64_t seed, Schedule schedule,
        float[:, ::1] averages, share=alone,
    ):
        """Average the units of each row's words.

        `share` gets work for several threads: it calls it on each of them, and returns when all
        calls have ended.
        """
        cdef int64_t n_ids = self.table.shape[0], width = self.table.shape[1]
        cdef int64_t n_units = kernel.shape[1]
        check_entries(starts, columns, values, n_ids)
        check_step(schedule, self.step, self.n_rows > 0)
        if kernel.shape[0] != width or bias.shape[0] != n_units or n_units % ADAM_BLOCK:
            fail(f"a kernel of {kernel.shape[0]} x {n_units} and {bias.shape[0]} biases")
        if averages.shape[0] != starts.shape[0] - 1 or averages.shape[1] != n_units:
            fail(f"{averages.shape[0]} x {averages.shape[1]} averages")
        self._list_words(starts, columns, values)
        self.seed, self.step, self.n_batch = seed, schedule.clock.step, averages.shape[0]
        if self.units.shape[0] < self.n_rows or self.units.shape[1] != n_units:
            shape = self.n_rows + self.n_rows // 8
            self.factors, self.inputs = (np.empty((shape, width), np.float32) for _ in range(2))
            self.units, self.of_units = (np.empty((shape, n_units), np.float32) for _ in range(2))
        if averages.shape[0] == 0 or self.n_rows == 0:
            averages[:] = 0
            return
        self.kernel, self.bias, self.clock = kernel, bias, schedule.clock
        self._in_parts(self._apply, share)
        with nogil:
            average[_instructions.chosen](
                &self.units[0, 0], n_units, &self.places[0], &values[0], &starts[0],
                averages.shape[0], &averages[0, 0])

    cdef int _list_words(
        self, const int64_t[::1] starts, const int32_t[::1] columns, const float[::1] values
    ) except -1:
        """List the words of a batch, and the entries of each word, in the order of rows."""
        cdef int64_t n = columns.shape[0], row, k
        cdef int32_t word, place
        cdef int32_t* ends
        if self.places.shape[0] < n:
            size = n + n // 8
            self.places, self.entry_rows = (np.empty(size, np.int32) for _ in range(2))
            self.entry_values = np.empty(size, dtype=np.float32)
        with nogil:
            ends = &self.entry_starts[1]  # of the word before, then of the word itself
            self.entry_starts[0] = 0
            for k in range(n):
                word = columns[k]
                if self.last[word] >= 0:
                    self.rows[self.n_rows], self.lasts[self.n_rows] = word, self.last[word]
                    ends[self.n_rows] = 0
                    self.last[word] = <int32_t>(-1 - self.n_rows)
                    self.n_rows += 1
                place = -1 - self.last[word]
                self.places[k] = place
                ends[place] += 1
            place = 0
            for k in range(self.n_rows):
                place += ends[k]
                ends[k] = place - ends[k]
            for row in range(starts.shape[0] - 1):
                for k in range(starts[row], starts[row + 1]):
                    place = ends[self.places[k]]
                    ends[self.places[k]] += 1
                    self.entry_rows[place] = <int32_t>row
                    self.entry_values[place] = values[k]
        return 0

    cdef int _in_parts(self, work, share) except -1:
        """Do work on all parts of a batch's words."""
        self.part_size = ADAM_TILE * max(self.n_rows // (ADAM_TILE * MAX_PARTS) + 1, MIN_TILES)
        self.next_part = 0
        if self.n_rows <= self.part_size:
            work()
        else:
            share(work)
        return 0

    def _apply(self):
        """Apply the hidden layer to words, a part at a time, until no part is left."""
        cdef int64_t first, n, width = self.table.shape[1], n_units = self.kernel.shape[1]
        with nogil:
            while True:
                first = self.part_size * next_of(&self.next_part)
                if first >= self.n_rows:
                    break
                n = min(self.part_size, self.n_rows - first)
                wake_rows[_instructions.chosen](
                    &self.table[0, 0], &self.m[0, 0], &self.v[0, 0], &self.rows[first],
                    &self.lasts[first], n, width, &self.clock)
                hidden[_instructions.chosen](
                    &self.table[0, 0], &self.rows[first], n, width, &self.kernel[0, 0],
                    &self.bias[0], n_units, self.seed, self.threshold, self.scale,
                    &self.factors[first, 0], &self.inputs[first, 0], &self.units[first, 0])

    def backward(
        self, const float[:, ::1] gradient, const float[:, ::1] transposed, Schedule schedule,
        float[:, ::1] of_kernel, float[::1] of_bias, share=alone,
    ):
        """Update the embedding of the batch's words; add up the gradients of kernel and bias."""
        cdef int64_t width = self.table.shape[1], n_units = gradient.shape[1]
        if gradient.shape[0] != self.n_batch or self.units.shape[1] != n_units:
            fail(f"{gradient.shape[0]} x {n_units} gradients")
        if schedule.clock.step != self.step:
            fail(f"gradients of step {schedule.clock.step}, not of step {self.step}")
        if transposed.shape[0] != n_units or transposed.shape[1] != width:
            fail("the kernel is not transposed")
        if of_kernel.shape[0] != width or of_kernel.shape[1] != n_units or of_bias.shape[0] != n_units:
            fail("gradients of kernel or bias have other shapes")
        if self.n_rows == 0:
            return
        self.kernel, self.gradient, self.clock = transposed, gradient, schedule.clock
        if self.of_parts is None or self.of_parts.shape[2] != n_units:
            self.of_parts = np.empty((MAX_PARTS, width + 1, n_units), dtype=np.float32)
        of_parts = np.asarray(self.of_parts)
        of_parts[:] = 0
        self._in_parts(self._update, share)
        total = of_parts.sum(axis=0)
        np.add(of_kernel, total[:width], out=np.asarray(of_kernel))
        np.add(of_bias, total[width], out=np.asarray(of_bias))
        self.n_rows = 0

    def _update(self):
        """Update the embedding of words, a part at a time, until no part is left."""
        cdef int64_t part, first, n, width = self.table.shape[1], n_units = self.gradient.shape[1]
        with nogil:
            while True:
                part = next_of(&self.next_part)
                first = self.part_size * part
                if first >= self.n_rows:
                    break
                n = min(self.part_size, self.n_rows - first)
                hidden_gradient[_instructions.chosen](
                    &self.table[0, 0], &self.m[0, 0], &self.v[0, 0], &self.last[0],
                    &self.rows[first], n, width, &self.kernel[0, 0], n_units,
                    &self.factors[first, 0], &self.inputs[first, 0], &self.units[first, 0],
                    &self.entry_starts[first], &self.entry_rows[0], &self.entry_values[0],
                    &self.gradient[0, 0], &self.of_units[first, 0], &self.of_parts[part, 0, 0],
                    &self.of_parts[part, width, 0], &self.clock)

    def finish(self, Schedule schedule):
        """Bring all rows up to the last step."""
        cdef Clock clock = schedule.clock
        cdef int64_t n = self.table.shape[0]
        clock.step += 1
        check_step(schedule, self.step - 1, self.n_rows > 0)
        if n and self.table.shape[1]:
            self.rows = np.arange(n, dtype=np.int32)
            wake_rows[_instructions.chosen](
                &self.table[0, 0], &self.m[0, 0], &self.v[0, 0], &self.rows[0], &self.last[0], n,
                self.table.shape[1], &clock)
        self.last[:] = clock.step - 1
