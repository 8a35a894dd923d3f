/* The loops of `_adam.h`; no sum depends on the width of vectors. */
#include "_memory.h"
#define TYPE f32
#include "_vectors.h"
#define N_VECTORS (ADAM_BLOCK / LANES)  /* of a block */

/* Write the place of each entry's row among the distinct rows, and a copy of each row's cell. */
static int64_t NAME(collect_cells)(
    Cell *cells, const int32_t *columns, int64_t n, int32_t *places, int32_t *rows, Cell *now)
{
    int32_t n_rows = 0;
    for (int64_t k = 0; k < n; k++) {
        Cell *cell = cells + columns[k];
        sentilib_prefetch(cells + columns[k + 24 < n ? k + 24 : n - 1]);
        const int32_t last = cell->last, is_first = last >= 0, place = is_first ? n_rows : -1 - last;
        now[n_rows] = *cell;  /* without a branch, which would be mispredicted */
        rows[n_rows] = columns[k];
        cell->last = -1 - place;
        places[k] = place;
        n_rows += is_first;
    }
    return n_rows;
}

static void NAME(wake_cells)(Cell *now, int64_t n, const Clock *clock)
{
    const Clock c = *clock;
    for (int64_t k = 0; k < n; k++) {
        const int32_t last = now[k].last, missed = c.step - 1 - last;
        const float m = now[k].m, v = now[k].v, inverse = 1 / (sqrtf(v) + c.epsilon);
        const float *moved = c.moved + 3 * last, share = 1 - c.epsilon * inverse;
        now[k].weight -= m * inverse * (moved[0] + share * (moved[1] + share * moved[2]));
        now[k].m = m * c.powers_1[missed];
        now[k].v = v * c.powers_2[missed];
    }
}

static void NAME(update_cells)(
    Cell *cells, const int32_t *rows, Cell *now, const float *gradient, int64_t n,
    const Clock *clock)
{
    const Clock c = *clock;
    const float one_1 = 1 - c.beta_1, one_2 = 1 - c.beta_2;
    for (int64_t k = 0; k < n; k++) {
        const float g = gradient[k];
        const float m = now[k].m + (g - now[k].m) * one_1;
        const float v = now[k].v + (g * g - now[k].v) * one_2;
        const Cell cell = {now[k].weight - c.rate * m / (sqrtf(v) + c.epsilon), m, v, c.step};
        sentilib_prefetch(cells + rows[k + 16 < n ? k + 16 : n - 1]);
        cells[rows[k]] = cell;
    }
}

static void NAME(sum_cells)(
    const Cell *now, float slope, const int32_t *places, const float *values,
    const int64_t *starts, int64_t n_rows, float *sums)
{
    for (int64_t row = 0; row < n_rows; row++) {
        double sum = 0, other = 0;
        int64_t k = starts[row];
        for (; k + 1 < starts[row + 1]; k += 2) {
            sum += values[k] * (1 + slope * now[places[k]].weight);
            other += values[k + 1] * (1 + slope * now[places[k + 1]].weight);
        }
        if (k < starts[row + 1])
            sum += values[k] * (1 + slope * now[places[k]].weight);
        sums[row] = (float)(sum + other);
    }
}

static void NAME(spread_cells)(
    const int32_t *places, const float *values, const int64_t *starts, int64_t n_rows,
    const float *gradient, float slope, float *by_place)
{
    for (int64_t row = 0; row < n_rows; row++) {
        const float of_row = slope * gradient[row];
        for (int64_t k = starts[row]; k < starts[row + 1]; k++)
            by_place[places[k]] += of_row * values[k];
    }
}

SENTILIB_INLINE void NAME(update_block)(
    float *weight, float *m, float *v, const float *gradient, const Clock *clock)
{
    const V one_1 = V_SET(1 - clock->beta_1), one_2 = V_SET(1 - clock->beta_2);
    for (int k = 0; k < ADAM_BLOCK; k += LANES) {
        const V g = V_LOAD(gradient + k), old_m = V_LOAD(m + k), old_v = V_LOAD(v + k);
        const V new_m = V_ADD(old_m, V_MUL(V_SUB(g, old_m), one_1));
        const V new_v = V_ADD(old_v, V_MUL(V_SUB(V_MUL(g, g), old_v), one_2));
        const V size = V_ADD(V_SQRT(new_v), V_SET(clock->epsilon));
        V_STORE(m + k, new_m);
        V_STORE(v + k, new_v);
        V_STORE(weight + k, V_SUB(V_LOAD(weight + k),
                                  V_DIV(V_MUL(V_SET(clock->rate), new_m), size)));
    }
}

static void NAME(update)(
    float *weight, float *m, float *v, const float *gradient, int64_t n, const Clock *clock)
{
    for (int64_t k = 0; k < n; k += ADAM_BLOCK)
        NAME(update_block)(weight + k, m + k, v + k, gradient + k, clock);
}

static void NAME(wake_rows)(
    float *table, float *m, float *v, const int32_t *rows, const int32_t *lasts, int64_t n,
    int64_t width, const Clock *clock)
{
    for (int64_t i = 0; i < n; i++) {
        const int64_t next = rows[i + 4 < n ? i + 4 : n - 1] * width;
        const int32_t missed = clock->step - 1 - lasts[i];
        const float *moved = clock->moved + 3 * lasts[i];
        const V moved_0 = V_SET(moved[0]), moved_1 = V_SET(moved[1]), moved_2 = V_SET(moved[2]);
        const V one = V_SET(1), epsilon = V_SET(clock->epsilon);
        const V power_1 = V_SET(clock->powers_1[missed]), power_2 = V_SET(clock->powers_2[missed]);
        sentilib_prefetch(table + next);
        sentilib_prefetch(m + next);
        sentilib_prefetch(v + next);
        if (missed == 0)
            continue;
        for (int64_t k = rows[i] * width; k < (rows[i] + 1) * width; k += LANES) {
            const V old_m = V_LOAD(m + k), old_v = V_LOAD(v + k);
            const V inverse = V_DIV(one, V_ADD(V_SQRT(old_v), epsilon));
            const V share = V_SUB(one, V_MUL(epsilon, inverse));
            const V factor = V_ADD(moved_0, V_MUL(share, V_ADD(moved_1, V_MUL(share, moved_2))));
            V_STORE(table + k, V_SUB(V_LOAD(table + k), V_MUL(V_MUL(old_m, inverse), factor)));
            V_STORE(m + k, V_MUL(old_m, power_1));
            V_STORE(v + k, V_MUL(old_v, power_2));
        }
    }
}

/* The factors of dropout, 0 or `scale`, for a block of columns from d on of up to ADAM_TILE rows. */
static void NAME(dropout)(
    const int32_t *rows, int64_t n, int64_t width, int64_t d, uint64_t seed, uint32_t threshold,
    float scale, float *factors)
{
    uint16_t drawn[ADAM_TILE * ADAM_BLOCK];
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < ADAM_BLOCK; k += 4) {
            const uint64_t place = (uint64_t)(rows[i] * width + d + k + 1);
            uint64_t bits = seed + 0x9E3779B97F4A7C15u * place;
            bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9u;  /* splitmix64 */
            bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBu;
            bits ^= bits >> 31;
            for (int j = 0; j < 4; j++)
                drawn[i * ADAM_BLOCK + k + j] = (uint16_t)(bits >> (16 * j));
        }
    for (int64_t i = 0; i < n; i++) {
        int32_t is_kept[ADAM_BLOCK];
        for (int k = 0; k < ADAM_BLOCK; k++)
            is_kept[k] = drawn[i * ADAM_BLOCK + k] >= (int32_t)threshold;
        for (int k = 0; k < ADAM_BLOCK; k++)
            factors[i * width + d + k] = scale * (float)is_kept[k];
    }
}

SENTILIB_INLINE void NAME(clear)(V sums[N_VECTORS])
{
    for (int j = 0; j < N_VECTORS; j++)
        sums[j] = V_SET(0);
}

SENTILIB_INLINE void NAME(load)(const float *block, V sums[N_VECTORS])
{
    for (int j = 0; j < N_VECTORS; j++)
        sums[j] = V_LOAD(block + j * LANES);
}

SENTILIB_INLINE void NAME(store)(const V sums[N_VECTORS], float *block)
{
    for (int j = 0; j < N_VECTORS; j++)
        V_STORE(block + j * LANES, sums[j]);
}

SENTILIB_INLINE void NAME(add)(V sums[N_VECTORS], float factor, const float *block)
{
    for (int j = 0; j < N_VECTORS; j++)
        sums[j] = V_ADD(sums[j], V_MUL(V_SET(factor), V_LOAD(block + j * LANES)));
}

/* Add the products of `n_rows` rows of x and a block of columns of a matrix to `start`. */
SENTILIB_INLINE void NAME(multiply_rows)(
    const float *x, int64_t n_in, const float *matrix, int64_t n_out, const float *start,
    float *out, const int n_rows)
{
    V sums[4][N_VECTORS];
    for (int i = 0; i < n_rows; i++)
        for (int j = 0; j < N_VECTORS; j++)
            sums[i][j] = start ? V_LOAD(start + j * LANES) : V_SET(0);
    for (int64_t d = 0; d < n_in; d++)
        for (int i = 0; i < n_rows; i++)
            NAME(add)(sums[i], x[i * n_in + d], matrix + d * n_out);
    for (int i = 0; i < n_rows; i++)
        NAME(store)(sums[i], out + i * n_out);
}

/* The products of rows (n, n_in) and a matrix (n_in, n_out), and `start` if it is not NULL. */
static void NAME(products)(
    const float *x, int64_t n, int64_t n_in, const float *matrix, int64_t n_out,
    const float *start, float *out)
{
    for (int64_t u = 0; u < n_out; u += ADAM_BLOCK) {
        const float *first = start ? start + u : NULL;
        int64_t i = 0;
        for (; i + 4 <= n; i += 4)  /* which share what is read of the matrix */
            NAME(multiply_rows)(x + i * n_in, n_in, matrix + u, n_out, first,
                                out + i * n_out + u, 4);
        for (; i < n; i++)
            NAME(multiply_rows)(x + i * n_in, n_in, matrix + u, n_out, first,
                                out + i * n_out + u, 1);
    }
}

/* The factors of dropout, the inputs of the hidden layer and its units, for some rows of a table. */
static void NAME(hidden)(
    const float *table, const int32_t *rows, int64_t n, int64_t width, const float *kernel,
    const float *bias, int64_t n_units, uint64_t seed, uint32_t threshold, float scale,
    float *factors, float *inputs, float *units)
{
    for (int64_t first = 0; first < n; first += ADAM_TILE) {
        const int64_t end = first + ADAM_TILE < n ? first + ADAM_TILE : n;
        for (int64_t d = 0; d < width; d += ADAM_BLOCK)
            NAME(dropout)(rows + first, end - first, width, d, seed, threshold, scale,
                          factors + first * width);
        for (int64_t i = first; i < end; i++)
            for (int64_t d = 0; d < width; d += LANES)
                V_STORE(inputs + i * width + d, V_MUL(V_LOAD(factors + i * width + d),
                                                      V_LOAD(table + rows[i] * width + d)));
        float *of_tile = units + first * n_units;
        NAME(products)(inputs + first * width, end - first, width, kernel, n_units, bias, of_tile);
        for (float *unit = of_tile; unit < units + end * n_units; unit += LANES)
            V_STORE(unit, V_MAX(V_SET(0), V_LOAD(unit)));  /* NaN if it is NaN */
    }
}

static void NAME(average)(
    const float *units, int64_t n_units, const int32_t *places, const float *values,
    const int64_t *starts, int64_t n_rows, float *averages)
{
    for (int64_t row = 0; row < n_rows; row++)
        for (int64_t u = 0; u < n_units; u += ADAM_BLOCK) {
            V sums[N_VECTORS];
            NAME(clear)(sums);
            for (int64_t k = starts[row]; k < starts[row + 1]; k++)
                NAME(add)(sums, values[k], units + places[k] * n_units + u);
            NAME(store)(sums, averages + row * n_units + u);
        }
}

/* The gradients of the hidden layer, added up, and the update of some rows of the table.
 *
 * Entry k of the batch, from entry_starts[i] on for row i, is in the batch's row entry_rows[k]. The
 * inputs are overwritten. */
static void NAME(hidden_gradient)(
    float *table, float *m, float *v, int32_t *last, const int32_t *rows, int64_t n,
    int64_t width, const float *transposed, int64_t n_units, const float *factors, float *inputs,
    const float *units, const int32_t *entry_starts, const int32_t *entry_rows,
    const float *entry_values, const float *gradient, float *of_units, float *of_kernel,
    float *of_bias, const Clock *clock)
{
    V sums[N_VECTORS];
    for (int64_t first = 0; first < n; first += ADAM_TILE) {
        const int64_t end = first + ADAM_TILE < n ? first + ADAM_TILE : n;
        for (int64_t i = first; i < end; i++) {
            float *g = of_units + i * n_units;
            for (int64_t u = 0; u < n_units; u += ADAM_BLOCK) {
                NAME(clear)(sums);
                for (int32_t k = entry_starts[i]; k < entry_starts[i + 1]; k++)
                    NAME(add)(sums, entry_values[k], gradient + entry_rows[k] * n_units + u);
                NAME(store)(sums, g + u);
            }
            for (int64_t u = 0; u < n_units; u++)
                g[u] = units[i * n_units + u] > 0 ? g[u] : 0;
        }
        for (int64_t u = 0; u < n_units; u += ADAM_BLOCK) {
            const float *g = of_units + u;
            NAME(load)(of_bias + u, sums);
            for (int64_t i = first; i < end; i++)
                NAME(add)(sums, 1, g + i * n_units);
            NAME(store)(sums, of_bias + u);
            for (int64_t d = 0; d < width; d += 4) {
                V of_four[4][N_VECTORS];
                for (int k = 0; k < 4; k++)
                    NAME(load)(of_kernel + (d + k) * n_units + u, of_four[k]);
                for (int64_t i = first; i < end; i++)
                    for (int k = 0; k < 4; k++)
                        NAME(add)(of_four[k], inputs[i * width + d + k], g + i * n_units);
                for (int k = 0; k < 4; k++)
                    NAME(store)(of_four[k], of_kernel + (d + k) * n_units + u);
            }
        }
        NAME(products)(of_units + first * n_units, end - first, n_units, transposed, width, NULL,
                       inputs + first * width);
        for (int64_t i = first; i < end; i++) {
            const int64_t next = rows[i + 4 < n ? i + 4 : n - 1] * width, place = rows[i] * width;
            sentilib_prefetch(table + next);
            sentilib_prefetch(m + next);
            sentilib_prefetch(v + next);
            float *of_row = inputs + i * width;
            for (int64_t d = 0; d < width; d += ADAM_BLOCK) {
                for (int j = 0; j < ADAM_BLOCK; j += LANES)
                    V_STORE(of_row + d + j, V_MUL(V_LOAD(of_row + d + j),
                                                  V_LOAD(factors + i * width + d + j)));
                NAME(update_block)(table + place + d, m + place + d, v + place + d, of_row + d,
                                   clock);
            }
            last[rows[i]] = clock->step;
        }
    }
}
#undef TYPE
#undef N_VECTORS
