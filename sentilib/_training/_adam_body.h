/* The loops of `_adam.h`; no sum depends on the width of vectors. */
#include "_memory.h"
#define NAME(f) SENTILIB_JOIN(f, ISA, f32)

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
        const float m = now[k].m, v = now[k].v;
        now[k].weight -= c.moved[last] * m / (sqrtf(v) + c.epsilon);
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

static void NAME(update)(
    float *weight, float *m, float *v, const float *gradient,
    int64_t n, const Clock *clock)
{
    const Clock c = *clock;
    const float one_1 = 1 - c.beta_1, one_2 = 1 - c.beta_2;
    for (int64_t k = 0; k < n; k++) {
        m[k] += (gradient[k] - m[k]) * one_1;
        v[k] += (gradient[k] * gradient[k] - v[k]) * one_2;
        weight[k] -= c.rate * m[k] / (sqrtf(v[k]) + c.epsilon);
    }
}

static void NAME(wake_row)(
    float *weight, float *m, float *v, int32_t last, int64_t width,
    const Clock *clock)
{
    const Clock c = *clock;
    const int32_t missed = c.step - 1 - last;
    const float moved = c.moved[last], power_1 = c.powers_1[missed], power_2 = c.powers_2[missed];
    for (int64_t k = 0; k < width; k++) {
        weight[k] -= moved * m[k] / (sqrtf(v[k]) + c.epsilon);
        m[k] *= power_1;
        v[k] *= power_2;
    }
}

/* The factors of dropout for a block of a table, which starts at `place`: 0, or `scale`. */
SENTILIB_INLINE void NAME(dropout)(
    int64_t place, uint64_t seed, uint32_t threshold, float scale, float *factors)
{
    for (int k = 0; k < ADAM_BLOCK; k += 4) {
        uint64_t bits = seed + 0x9E3779B97F4A7C15u * (uint64_t)(place + k + 1);
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9u;  /* splitmix64 */
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBu;
        bits ^= bits >> 31;
        for (int j = 0; j < 4; j++)
            factors[k + j] = ((bits >> (16 * j)) & 0xFFFF) >= threshold ? scale : 0.0f;
    }
}

/* The inputs of the hidden layer, after dropout, and its units, for some rows of a table. */
static void NAME(hidden)(
    const float *table, const int32_t *rows, int64_t n, int64_t width, const float *kernel,
    const float *bias, int64_t n_units, uint64_t seed, uint32_t threshold, float scale,
    float *inputs, float *units)
{
    for (int64_t i = 0; i < n; i++) {
        const float *row = table + rows[i] * width;
        float *x = inputs + i * width;
        sentilib_prefetch(table + rows[i + 4 < n ? i + 4 : n - 1] * width);
        for (int64_t d = 0; d < width; d += ADAM_BLOCK) {
            NAME(dropout)(rows[i] * width + d, seed, threshold, scale, x + d);
            for (int j = 0; j < ADAM_BLOCK; j++)
                x[d + j] *= row[d + j];
        }
        for (int64_t u = 0; u < n_units; u += ADAM_BLOCK) {
            float sums[ADAM_BLOCK];
            memcpy(sums, bias + u, sizeof(sums));
            for (int64_t d = 0; d < width; d++)
                for (int j = 0; j < ADAM_BLOCK; j++)
                    sums[j] += x[d] * kernel[d * n_units + u + j];
            for (int j = 0; j < ADAM_BLOCK; j++)
                units[i * n_units + u + j] = sums[j] > 0 ? sums[j] : 0;
        }
    }
}

static void NAME(average)(
    const float *units, int64_t n_units, const int32_t *places, const float *values,
    const int64_t *starts, int64_t n_rows, float *averages)
{
    for (int64_t row = 0; row < n_rows; row++)
        for (int64_t u = 0; u < n_units; u += ADAM_BLOCK) {
            float sums[ADAM_BLOCK] = {0};
            for (int64_t k = starts[row]; k < starts[row + 1]; k++) {
                const float *of_word = units + places[k] * n_units + u;
                for (int j = 0; j < ADAM_BLOCK; j++)
                    sums[j] += values[k] * of_word[j];
            }
            memcpy(averages + row * n_units + u, sums, sizeof(sums));
        }
}

SENTILIB_INLINE void NAME(add)(float *sums, float factor, const float *values)
{
    float block[ADAM_BLOCK];
    for (int j = 0; j < ADAM_BLOCK; j++)
        block[j] = sums[j] + factor * values[j];
    memcpy(sums, block, sizeof(block));
}

/* The gradients of the hidden layer, added up, and the update of the table's rows. */
static void NAME(hidden_gradient)(
    float *table, float *m, float *v, int32_t *last, const int32_t *rows, int64_t n,
    int64_t width, const float *transposed, int64_t n_units, uint64_t seed, uint32_t threshold,
    float scale, const float *inputs, const float *units, const int32_t *places,
    const float *values, const int64_t *starts, int64_t n_rows, const float *gradient,
    float *of_units, float *of_kernel, float *of_bias, const Clock *clock)
{
    float factors[ADAM_BLOCK], of_row[ADAM_BLOCK];
    memset(of_units, 0, n * n_units * sizeof(float));
    for (int64_t row = 0; row < n_rows; row++)
        for (int64_t k = starts[row]; k < starts[row + 1]; k++) {
            float *of_word = of_units + places[k] * n_units;
            for (int64_t u = 0; u < n_units; u += ADAM_BLOCK)
                NAME(add)(of_word + u, values[k], gradient + row * n_units + u);
        }
    for (int64_t i = 0; i < n; i++) {
        float *g = of_units + i * n_units;
        const float *x = inputs + i * width;
        for (int64_t u = 0; u < n_units; u++)
            g[u] = units[i * n_units + u] > 0 ? g[u] : 0;
        for (int64_t u = 0; u < n_units; u++)
            of_bias[u] += g[u];
        for (int64_t d = 0; d < width; d++)
            for (int64_t u = 0; u < n_units; u += ADAM_BLOCK)
                NAME(add)(of_kernel + d * n_units + u, x[d], g + u);
        for (int64_t d = 0; d < width; d += ADAM_BLOCK) {
            float sums[ADAM_BLOCK] = {0};
            for (int64_t u = 0; u < n_units; u++)
                for (int j = 0; j < ADAM_BLOCK; j++)
                    sums[j] += g[u] * transposed[u * width + d + j];
            memcpy(of_row, sums, sizeof(sums));
            const int64_t place = rows[i] * width + d;
            NAME(dropout)(place, seed, threshold, scale, factors);
            for (int j = 0; j < ADAM_BLOCK; j++)
                of_row[j] *= factors[j];
            NAME(update)(table + place, m + place, v + place, of_row, ADAM_BLOCK, clock);
        }
        last[rows[i]] = clock->step;
    }
}
