"""Compiled steps with Adam on the n-grams that a batch contains, and what all steps share.

The entries of a batch are those of a sparse matrix (`starts`, `columns`, `values`): n-grams with
their evidence, words with their shares. Rows of a table are numbered by `places` in the batch.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memset

import numpy as np

from sentilib._compiled cimport _instructions


cdef extern from "_adam.h" nogil:
    ctypedef struct Cell:
        float weight, m, v
        int32_t last
    ctypedef int64_t (*collect_cells_function)(
        Cell*, const int32_t*, int64_t, int32_t*, int32_t*, Cell*) noexcept
    ctypedef void (*wake_cells_function)(Cell*, int64_t, const Clock*) noexcept
    ctypedef void (*update_cells_function)(
        Cell*, const int32_t*, Cell*, const float*, int64_t, const Clock*) noexcept
    ctypedef void (*sum_cells_function)(
        const Cell*, float, const int32_t*, const float*, const int64_t*, int64_t, float*) noexcept
    ctypedef void (*spread_cells_function)(
        const int32_t*, const float*, const int64_t*, int64_t, const float*, float, float*) noexcept
    ctypedef void (*update_function)(
        float*, float*, float*, const float*, int64_t, const Clock*) noexcept
    const collect_cells_function* collect_cells
    const wake_cells_function* wake_cells
    const update_cells_function* update_cells
    const sum_cells_function* sum_cells
    const spread_cells_function* spread_cells
    const update_function* adam_update "update"


BLOCK = ADAM_BLOCK  # the widths of tables are multiples of it


cdef int fail(str what) except -1:
    raise ValueError(f"Inconsistent arrays: {what}.")


cdef int check_entries(
    const int64_t[::1] starts, const int32_t[::1] columns, const float[::1] values, int64_t n_columns
) except -1:
    """Check that rows start in ascending order, and that their columns are within a table."""
    cdef int64_t row, k, n_rows = starts.shape[0] - 1
    cdef uint32_t largest = 0
    if n_rows < 0 or columns.shape[0] != values.shape[0] or columns.shape[0] >= 1 << 31:
        fail(f"{starts.shape[0]} starts, {columns.shape[0]} columns, {values.shape[0]} values")
    if starts[0] != 0 or starts[n_rows] != columns.shape[0]:
        fail(f"rows from {starts[0]} to {starts[n_rows]} of {columns.shape[0]} entries")
    for row in range(n_rows):
        if starts[row] > starts[row + 1]:
            fail(f"row {row} starts at {starts[row]}, after its end, {starts[row + 1]}")
    for k in range(columns.shape[0]):
        largest = max(largest, <uint32_t>columns[k])
    if columns.shape[0] and largest >= n_columns:
        fail(f"a column is none of {n_columns}")
    return 0


def is_exact(double beta_1, double beta_2):
    """Return whether missed steps can be made up for, because v hardly changes while m decays."""
    return 0 <= beta_1 < 1 and 0 < 1 - beta_2 < 0.11 * (1 - beta_1)


cdef int check_step(Schedule schedule, int32_t last, bint is_open) except -1:
    if schedule.clock.step <= last or is_open:
        fail(f"step {schedule.clock.step} follows step {last}, or one without gradients")
    return 0


cdef class Schedule:
    """The steps so far: how far each moves a row by its momentum, and constants of the next step.

    Parameters
    ----------
    n_before : int
        Number of steps before these, for the correction of bias.
    beta_1, beta_2, epsilon : float
        Parameters of Adam, for which `is_exact`.
    """

    def __init__(self, int64_t n_before, double beta_1, double beta_2, double epsilon):
        if not is_exact(beta_1, beta_2):
            raise ValueError(f"The betas {beta_1} and {beta_2} of Adam are too close.")
        self.first, self.beta_1, self.beta_2 = n_before, beta_1, beta_2
        self.clock.beta_1, self.clock.beta_2 = <float>beta_1, <float>beta_2
        self.clock.epsilon = <float>epsilon
        ratio = beta_1 / np.sqrt(beta_2)
        n = np.log(1e-8) / np.log(ratio) if ratio else 1
        k = np.arange(1, min(n, 1e6) + 1)
        # A quadratic function through three points, where epsilon is all, half or none of a size.
        at = [beta_1**k / (1 - share * (1 - beta_2 ** (k / 2))) for share in (0, 0.5, 1)]
        self.shares = np.stack(
            [at[0], 4 * at[1] - 3 * at[0] - at[2], 2 * (at[0] + at[2]) - 4 * at[1]], axis=1
        )
        self.moved = np.zeros(0, dtype=np.float32)
        self._resize(256)

    @property
    def n_before(self):
        """Number of steps before the first one."""
        return self.first

    @property
    def n_steps(self):
        """Number of steps that have begun."""
        return self.clock.step

    def begin(self, double learning_rate):
        """Begin a step."""
        cdef int64_t n
        self.clock.step += 1
        if self.clock.step >= self.powers_1.shape[0]:
            self._resize(2 * self.powers_1.shape[0])
        n = self.first + self.clock.step
        self.rate = learning_rate * np.sqrt(1 - self.beta_2 ** n) / (1 - self.beta_1 ** n)
        self.clock.rate = <float>self.rate

    def end(self):
        """End the step: it has moved the rows of earlier ones."""
        cdef int64_t step = self.clock.step, k, j
        for k in range(min(self.shares.shape[0], step)):
            for j in range(3):
                self.moved[3 * (step - 1 - k) + j] += <float>(self.rate * self.shares[k, j])

    def _resize(self, int64_t n_steps):
        more = np.zeros(3 * n_steps - len(self.moved), dtype=np.float32)
        self.moved = np.append(self.moved, more)
        k = np.arange(n_steps, dtype=np.float64)
        powers_1, powers_2 = self.beta_1**k, self.beta_2**k
        powers_1[powers_1 < 1e-18] = 0  # small ones would make denormal numbers
        self.powers_1, self.powers_2 = powers_1.astype(np.float32), powers_2.astype(np.float32)
        self.clock.moved = &self.moved[0]
        self.clock.powers_1, self.clock.powers_2 = &self.powers_1[0], &self.powers_2[0]


cdef class NgramSteps:
    """The weights of n-grams, one each, with Adam's moments.

    Parameters
    ----------
    weight, m, v : ndarray of shape (n_ngrams,), float32
        Weights and moments.
    slope : float
        Factor of a weight in the factor of an n-gram's evidence, 1 + slope * weight.
    """

    cdef Cell[::1] cells, now
    cdef int32_t[::1] places, rows
    cdef const int64_t[::1] starts
    cdef const float[::1] values
    cdef float[::1] gradient
    cdef float slope
    cdef int64_t n_rows  # of the batch, until the gradients have come
    cdef int32_t step  # the last one

    def __init__(
        self, const float[::1] weight, const float[::1] m, const float[::1] v, float slope
    ):
        cdef int64_t k
        if weight.shape[0] != m.shape[0] or weight.shape[0] != v.shape[0]:
            fail(f"{weight.shape[0]} weights, {m.shape[0]} and {v.shape[0]} moments")
        self.slope = slope
        self.places, self.rows = (np.empty(0, dtype=np.int32) for _ in range(2))
        self.gradient = np.empty(0, dtype=np.float32)
        self.cells = np.empty(weight.shape[0], dtype=_CELL)
        for k in range(weight.shape[0]):
            self.cells[k] = Cell(weight[k], m[k], v[k], 0)

    def forward(
        self, const int64_t[::1] starts, const int32_t[::1] columns, const float[::1] values,
        Schedule schedule, float[::1] sums,
    ):
        """Sum the evidence of each row."""
        cdef int64_t n = columns.shape[0]
        check_entries(starts, columns, values, self.cells.shape[0])
        check_step(schedule, self.step, self.n_rows > 0)
        if sums.shape[0] != starts.shape[0] - 1:
            fail(f"{sums.shape[0]} sums of {starts.shape[0] - 1} rows")
        self.starts, self.values, self.step = starts, values, schedule.clock.step
        if n == 0:
            sums[:] = 0
            return
        if self.places.shape[0] < n:
            size = n + n // 8  # enough for most batches that follow
            self.places, self.rows = np.empty(size, np.int32), np.empty(size + 1, np.int32)
            self.now = np.empty(size + 1, dtype=_CELL)
        with nogil:
            self.n_rows = collect_cells[_instructions.chosen](
                &self.cells[0], &columns[0], n, &self.places[0], &self.rows[0], &self.now[0])
            wake_cells[_instructions.chosen](&self.now[0], self.n_rows, &schedule.clock)
            sum_cells[_instructions.chosen](
                &self.now[0], self.slope, &self.places[0], &values[0], &starts[0], sums.shape[0],
                &sums[0])

    def backward(self, const float[::1] gradient, Schedule schedule):
        """Update the weights of the batch, from the gradient of each row's sum."""
        if gradient.shape[0] != self.starts.shape[0] - 1 or schedule.clock.step != self.step:
            fail(f"{gradient.shape[0]} gradients of {self.starts.shape[0] - 1} rows")
        if self.n_rows == 0:
            return
        if self.gradient.shape[0] < self.n_rows:
            self.gradient = np.empty(self.places.shape[0], dtype=np.float32)
        with nogil:
            memset(&self.gradient[0], 0, self.n_rows * sizeof(float))
            spread_cells[_instructions.chosen](
                &self.places[0], &self.values[0], &self.starts[0], gradient.shape[0], &gradient[0],
                self.slope, &self.gradient[0])
            update_cells[_instructions.chosen](
                &self.cells[0], &self.rows[0], &self.now[0], &self.gradient[0], self.n_rows,
                &schedule.clock)
        self.n_rows = 0

    def arrays(self, Schedule schedule):
        """Return the weights and moments after the last step."""
        cdef Clock clock = schedule.clock
        clock.step += 1
        check_step(schedule, self.step - 1, self.n_rows > 0)
        if self.cells.shape[0]:
            wake_cells[_instructions.chosen](&self.cells[0], self.cells.shape[0], &clock)
        cells = np.asarray(self.cells)
        return tuple(np.ascontiguousarray(cells[name]) for name in ("weight", "m", "v"))


_CELL = np.dtype([("weight", "f4"), ("m", "f4"), ("v", "f4"), ("last", "i4")])


def update(
    float[::1] weight, float[::1] m, float[::1] v, const float[::1] gradient, Schedule schedule
):
    """Update weights that are in every batch, a multiple of BLOCK."""
    cdef int64_t n = weight.shape[0]
    if n % ADAM_BLOCK:
        fail(f"{n} weights")
    if m.shape[0] != n or v.shape[0] != n or gradient.shape[0] != n:
        fail(f"{n} weights, {m.shape[0]} and {v.shape[0]} moments, {gradient.shape[0]} gradients")
    if n:
        adam_update[_instructions.chosen](
            &weight[0], &m[0], &v[0], &gradient[0], n, &schedule.clock)
