/* Steps of the Dense model on the rows of its tables that a batch contains, for each instruction
 * set.
 *
 * Adam moves a row by its momentum also in steps whose batches lack it. Such steps are made up for
 * when the row returns: n steps of gradient zero multiply m by beta_1 ** n and v by beta_2 ** n, and
 * move the weight by a sum over the steps of rate * m * beta_1 ** k / (sqrt(v * beta_2 ** k) + epsilon),
 * which is m / (sqrt(v) + epsilon) times a quadratic function of sqrt(v) / (sqrt(v) + epsilon), but
 * for rounding: its coefficients depend on the steps alone. */
#ifndef SENTILIB_ADAM_H
#define SENTILIB_ADAM_H

#include <stdint.h>

enum { ADAM_BLOCK = 16 };  /* the widths of tables are multiples of it */
enum { ADAM_TILE = 64 };   /* rows whose units and gradients fit into a near cache */

typedef struct {
    float weight, m, v;
    int32_t last;  /* step of the last update; below 0: in this batch, at place -1 - last */
} Cell;

typedef struct {
    int32_t step;  /* from 1 on */
    float rate, beta_1, beta_2, epsilon;  /* rate: with the correction of bias */
    const float *moved;  /* by last step: three coefficients */
    const float *powers_1, *powers_2;  /* by number of steps missed */
} Clock;

#define BODY "_adam_body.h"
#include "_versions.h"

typedef int64_t (*collect_cells_function)(
    Cell *cells, const int32_t *columns, int64_t n, int32_t *places, int32_t *rows, Cell *now);
typedef void (*wake_cells_function)(Cell *now, int64_t n, const Clock *clock);
typedef void (*update_cells_function)(
    Cell *cells, const int32_t *rows, Cell *now, const float *gradient, int64_t n,
    const Clock *clock);
typedef void (*sum_cells_function)(
    const Cell *now, float slope, const int32_t *places, const float *values,
    const int64_t *starts, int64_t n_rows, float *sums);
typedef void (*spread_cells_function)(
    const int32_t *places, const float *values, const int64_t *starts, int64_t n_rows,
    const float *gradient, float slope, float *by_place);
typedef void (*wake_rows_function)(
    float *table, float *m, float *v, const int32_t *rows, const int32_t *lasts, int64_t n,
    int64_t width, const Clock *clock);
typedef void (*hidden_function)(
    const float *table, const int32_t *rows, int64_t n, int64_t width, const float *kernel,
    const float *bias, int64_t n_units, uint64_t seed, uint32_t threshold, float scale,
    float *factors, float *inputs, float *units);
typedef void (*average_function)(
    const float *units, int64_t n_units, const int32_t *places, const float *values,
    const int64_t *starts, int64_t n_rows, float *averages);
typedef void (*hidden_gradient_function)(
    float *table, float *m, float *v, int32_t *last, const int32_t *rows, int64_t n,
    int64_t width, const float *transposed, int64_t n_units, const float *factors, float *inputs,
    const float *units, const int32_t *entry_starts, const int32_t *entry_rows,
    const float *entry_values, const float *gradient, float *of_units, float *of_kernel,
    float *of_bias, const Clock *clock);
typedef void (*update_function)(
    float *weight, float *m, float *v, const float *gradient, int64_t n, const Clock *clock);

static const collect_cells_function collect_cells[] = VERSIONS(collect_cells, f32);
static const wake_cells_function wake_cells[] = VERSIONS(wake_cells, f32);
static const update_cells_function update_cells[] = VERSIONS(update_cells, f32);
static const sum_cells_function sum_cells[] = VERSIONS(sum_cells, f32);
static const spread_cells_function spread_cells[] = VERSIONS(spread_cells, f32);
static const wake_rows_function wake_rows[] = VERSIONS(wake_rows, f32);
static const hidden_function hidden[] = VERSIONS(hidden, f32);
static const average_function average[] = VERSIONS(average, f32);
static const hidden_gradient_function hidden_gradient[] = VERSIONS(hidden_gradient, f32);
static const update_function update[] = VERSIONS(update, f32);

#endif
