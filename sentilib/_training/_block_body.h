/* Training of convolution blocks, in vectors of TYPE; `_block_kernels` describes the arguments.
 *
 * The channels of a column are contiguous, so that a window of columns is too, and sums over columns
 * have the same order for any size of vectors. */
#include "_vectors.h"

#if defined(SENTILIB_AVX512) || defined(SENTILIB_NEON)
#define GROUP 8  /* rows of sums that fit into registers, with two vectors each */
#else
#define GROUP 4
#endif

/* Products of windows of `x` and all taps, for n_rows windows and n_vectors vectors of units. */
SENTILIB_INLINE void NAME(multiply_windows)(
    const S *x, int64_t x_stride, int64_t n_taps, int64_t n_in, const S *taps, int64_t y_stride,
    const int n_rows, const int n_vectors, S *y)
{
    V sums[GROUP][2];
    for (int r = 0; r < n_rows; r++)
        for (int v = 0; v < n_vectors; v++)
            sums[r][v] = V_SET(0);
    for (int64_t tap = 0; tap < n_taps; tap++)
        for (int64_t i = 0; i < n_in; i++, taps += y_stride) {
            const S *inputs = x + tap * x_stride + i;
            V weights[2];
            for (int v = 0; v < n_vectors; v++)
                weights[v] = V_LOAD(taps + v * LANES);
            for (int r = 0; r < n_rows; r++)
                for (int v = 0; v < n_vectors; v++)
                    sums[r][v] = V_FMA(V_SET(inputs[r * x_stride]), weights[v], sums[r][v]);
        }
    for (int r = 0; r < n_rows; r++)
        for (int v = 0; v < n_vectors; v++)
            V_STORE(y + r * y_stride + v * LANES, sums[r][v]);
}

static void NAME(convolve)(
    const S *x, int64_t x_stride, int64_t n_taps, int64_t n_in, const S *taps, int64_t y_stride,
    int64_t n_out, int64_t n_columns, S *y)
{
    for (int64_t o = 0; o < n_out; o += 2 * LANES) {
        const int is_pair = n_out - o > LANES;
        int64_t p = 0;
        for (; p + GROUP <= n_columns; p += GROUP)
            if (is_pair)
                NAME(multiply_windows)(x + p * x_stride, x_stride, n_taps, n_in, taps + o, y_stride,
                                       GROUP, 2, y + p * y_stride + o);
            else
                NAME(multiply_windows)(x + p * x_stride, x_stride, n_taps, n_in, taps + o, y_stride,
                                       GROUP, 1, y + p * y_stride + o);
        for (; p < n_columns; p++)
            for (int64_t k = o; k < n_out && k < o + 2 * LANES; k += LANES)
                NAME(multiply_windows)(x + p * x_stride, x_stride, n_taps, n_in, taps + k, y_stride,
                                       1, 1, y + p * y_stride + k);
    }
}

/* Add the products of n_rows channels of `x` and n_vectors vectors of `y`, over all columns. */
SENTILIB_INLINE void NAME(multiply_columns)(
    const S *x, int64_t x_stride, const S *y, int64_t y_stride, int64_t n_columns, const int n_rows,
    const int n_vectors, S *products)
{
    V sums[GROUP][2];
    for (int r = 0; r < n_rows; r++)
        for (int v = 0; v < n_vectors; v++)
            sums[r][v] = V_LOAD(products + r * y_stride + v * LANES);
    for (int64_t p = 0; p < n_columns; p++, x += x_stride, y += y_stride)
        for (int r = 0; r < n_rows; r++)
            for (int v = 0; v < n_vectors; v++)
                sums[r][v] = V_FMA(V_SET(x[r]), V_LOAD(y + v * LANES), sums[r][v]);
    for (int r = 0; r < n_rows; r++)
        for (int v = 0; v < n_vectors; v++)
            V_STORE(products + r * y_stride + v * LANES, sums[r][v]);
}

/* Add the gradient of all taps: products of the inputs of each window and its units. */
static void NAME(add_products)(
    const S *x, int64_t x_stride, int64_t n_taps, int64_t n_in, const S *y, int64_t y_stride,
    int64_t n_out, int64_t n_columns, S *products)
{
    for (int64_t tap = 0; tap < n_taps; tap++, x += x_stride, products += n_in * y_stride)
        for (int64_t o = 0; o < n_out; o += 2 * LANES) {
            const int is_pair = n_out - o > LANES;
            int64_t i = 0;
            for (; i + GROUP <= n_in; i += GROUP)
                if (is_pair)
                    NAME(multiply_columns)(x + i, x_stride, y + o, y_stride, n_columns, GROUP, 2,
                                           products + i * y_stride + o);
                else
                    NAME(multiply_columns)(x + i, x_stride, y + o, y_stride, n_columns, GROUP, 1,
                                           products + i * y_stride + o);
            for (; i + 4 <= n_in; i += 4)
                for (int64_t k = o; k < n_out && k < o + 2 * LANES; k += LANES)
                    NAME(multiply_columns)(x + i, x_stride, y + k, y_stride, n_columns, 4, 1,
                                           products + i * y_stride + k);
            for (; i < n_in; i++)
                for (int64_t k = o; k < n_out && k < o + 2 * LANES; k += LANES)
                    NAME(multiply_columns)(x + i, x_stride, y + k, y_stride, n_columns, 1, 1,
                                           products + i * y_stride + k);
        }
}

/* Random factors of dropout, 0 or 1 / (1 - rate), for elements from `first`: a hash of each
 * element's number, by the constants of C. Wellons' "hash-prospector", and two keys. */
static void NAME(draw_factors)(
    uint32_t first, int64_t n, uint32_t key, uint32_t other_key, S rate, S *factors)
{
    const S kept = 1 / (1 - rate);
    for (int64_t k = 0; k < n; k++) {
        uint32_t h = first + (uint32_t)k + key;
        h = (h ^ h >> 16) * 0x21F0AAADu ^ other_key;
        h = (h ^ h >> 15) * 0xD35A2D97u;
        h ^= h >> 15;
        factors[k] = (S)(int32_t)(h >> 8) * (S)0x1p-24 >= rate ? kept : 0;
    }
}

/* A vector of units after normalization and ReLU, which keeps NaN. */
SENTILIB_INLINE V NAME(rectified)(const S *y, const S *line, int64_t stride)
{
    return V_MAX(V_SET(0), V_ADD(V_MUL(V_LOAD(y), V_LOAD(line)), V_LOAD(line + stride)));
}

SENTILIB_INLINE void NAME(add_sums)(V first, V second, int64_t stride, double *sums)
{
    S lanes[2][LANES];
    V_STORE(lanes[0], first);
    V_STORE(lanes[1], second);
    for (int k = 0; k < LANES; k++) {
        sums[k] += lanes[0][k];
        sums[stride + k] += lanes[1][k];
    }
}

/* The inputs of a block's convolution at n_columns columns; zero where there is no word. */
static void NAME(read_inputs)(
    const block_inputs *in, int64_t first, int64_t n_columns, S *factors, S *x)
{
    const int32_t *words = in->words + first;
    const S *source = in->source;
    if (in->is_embedding) {
        if (in->rate > 0)
            NAME(draw_factors)((uint32_t)(first * in->n), n_columns * in->n, in->keys[0],
                               in->keys[1], (S)in->rate, factors);
        for (int64_t p = 0; p < n_columns; p++, x += in->stride) {
            if (words[p] < 0) {
                memset(x, 0, in->n * sizeof(S));
                continue;
            }
            const S *vector = source + words[p] * in->n;
            if (in->rate > 0)
                for (int64_t i = 0; i < in->n; i++)
                    x[i] = vector[i] * factors[p * in->n + i];
            else
                memcpy(x, vector, in->n * sizeof(S));
        }
        return;
    }
    source += first * in->stride;
    for (int64_t p = 0; p < n_columns; p++, x += in->stride, source += in->stride)
        for (int64_t i = 0; i < in->n; i += LANES)
            V_STORE(x + i, words[p] < 0 ? V_SET(0) : NAME(rectified)(
                source + i, (const S *)in->line + i, in->stride));
}

/* Add the sums of u, and of u * (v - centre), over columns with words, to those of a part. */
static void NAME(add_moments)(
    const S *u, const S *v, const S *centre, const int32_t *words, int64_t n_columns, int64_t n,
    int64_t stride, double *sums)
{
    for (int64_t i = 0; i < n; i += LANES) {
        V first = V_SET(0), second = V_SET(0);
        for (int64_t p = 0; p < n_columns; p++) {
            if (words[p] < 0)
                continue;
            const V here = V_LOAD(u + p * stride + i);
            first = V_ADD(first, here);
            second = V_FMA(here, V_SUB(V_LOAD(v + p * stride + i), V_LOAD(centre + i)), second);
        }
        NAME(add_sums)(first, second, stride, sums + i);
    }
}

static void NAME(block_forward)(
    const block_inputs *in, int64_t n_taps, const void *taps, int64_t n_out, int64_t y_stride,
    const void *centre, int64_t begin, int64_t end, void *y_, double *sums, void *scratch)
{
    S *x = scratch, *factors = x + (BLOCK_COLUMNS + n_taps) * in->stride;
    for (int64_t first = begin; first < end; first += BLOCK_COLUMNS) {
        const int64_t n = end - first < BLOCK_COLUMNS ? end - first : BLOCK_COLUMNS;
        S *y = (S *)y_ + first * y_stride;
        NAME(read_inputs)(in, first - (n_taps - 1) / 2, n + n_taps - 1, factors, x);
        NAME(convolve)(x, in->stride, n_taps, in->n, taps, y_stride, n_out, n, y);
        NAME(add_moments)(y, y, centre, in->words + first, n, n_out, y_stride, sums);
    }
}

static void NAME(block_backward)(
    const block_inputs *in, int64_t n_taps, const void *taps, int64_t n_out, int64_t y_stride,
    const void *y_, const void *dz_, const void *line, const void *centre, int64_t begin,
    int64_t end, void *d_inputs, void *d_taps, double *sums, void *scratch)
{
    const int64_t left = (n_taps - 1) / 2, right = n_taps - 1 - left;
    const S *a = line, *b = a + y_stride, *c = b + y_stride;
    S *x = scratch, *factors = x + (BLOCK_COLUMNS + n_taps) * in->stride;
    S *dy = factors + (BLOCK_COLUMNS + n_taps) * in->n;
    for (int64_t first = begin; first < end; first += BLOCK_COLUMNS) {
        const int64_t n = end - first < BLOCK_COLUMNS ? end - first : BLOCK_COLUMNS;
        const int32_t *words = in->words + first;
        NAME(read_inputs)(in, first - left, n + n_taps - 1, factors, x);
        for (int64_t p = -right; p < n + left; p++) {
            const S *y = (const S *)y_ + (first + p) * y_stride;
            const S *dz = (const S *)dz_ + (first + p) * y_stride;
            for (int64_t o = 0; o < n_out; o += LANES)
                V_STORE(dy + (p + right) * y_stride + o, words[p] < 0 ? V_SET(0) : V_ADD(
                    V_ADD(V_MUL(V_LOAD(a + o), V_LOAD(dz + o)), V_MUL(V_LOAD(b + o), V_LOAD(y + o))),
                    V_LOAD(c + o)));
        }
        NAME(add_products)(x, in->stride, n_taps, in->n, dy + right * y_stride, y_stride, n_out, n,
                           d_taps);
        S *d = (S *)d_inputs + first * in->stride;
        NAME(convolve)(dy, y_stride, n_taps, n_out, taps, in->stride, in->n, n, d);
        x += left * in->stride;
        if (in->is_embedding) {
            for (int64_t p = 0; p < n && in->rate > 0; p++)
                for (int64_t i = 0; i < in->n; i++)
                    d[p * in->stride + i] *= factors[(p + left) * in->n + i];
        } else {
            for (int64_t p = 0; p < n; p++)
                for (int64_t i = p * in->stride; i < p * in->stride + in->n; i += LANES)
                    V_STORE(d + i, V_IF_POSITIVE(V_LOAD(x + i), V_LOAD(d + i)));
            NAME(add_moments)(d, (const S *)in->source + first * in->stride, centre, words, n,
                              in->n, in->stride, sums);
        }
        x -= left * in->stride;
    }
}

/* Sums or maxima of a row's rectified units. */
static void NAME(block_pool)(
    const void *y_, const int32_t *words, const void *line_, int64_t n, int64_t stride,
    int64_t begin, int64_t end, int is_maximum, void *pooled)
{
    const S *y = y_, *line = line_;
    for (int64_t i = 0; i < n; i += LANES) {
        V total = V_SET(0);
        for (int64_t p = begin; p < end; p++) {
            if (words[p] < 0)
                continue;
            const V unit = NAME(rectified)(y + p * stride + i, line + i, stride);
            total = is_maximum ? V_MAX(total, unit) : V_ADD(total, unit);
        }
        V_STORE((S *)pooled + i, total);
    }
}

/* The gradient of a row's units from that of what `block_pool` returns. Columns that have the
 * maximum share its gradient. */
static void NAME(block_unpool)(
    const void *y_, const int32_t *words, const void *line_, int64_t n, int64_t stride,
    int64_t begin, int64_t end, const void *maxima, const void *gradient, const void *centre,
    void *dz, double *sums)
{
    const S *y = y_, *line = line_;
    for (int64_t i = 0; i < n; i += LANES) {
        const V middle = V_LOAD((const S *)centre + i);
        V here = V_LOAD((const S *)gradient + i), largest = V_SET(0), n_largest = V_SET(0);
        V first = V_SET(0), second = V_SET(0);
        if (maxima != NULL) {
            largest = V_LOAD((const S *)maxima + i);
            for (int64_t p = begin; p < end; p++)
                if (words[p] >= 0)
                    n_largest = V_ADD(n_largest, V_SUB(V_SET(1), V_IF_POSITIVE(
                        V_SUB(largest, NAME(rectified)(y + p * stride + i, line + i, stride)),
                        V_SET(1))));
            S lanes[2][LANES];
            V_STORE(lanes[0], here);
            V_STORE(lanes[1], n_largest);
            for (int k = 0; k < LANES; k++)
                lanes[0][k] /= lanes[1][k] > 1 ? lanes[1][k] : 1;
            here = V_LOAD(lanes[0]);
        }
        for (int64_t p = begin; p < end; p++) {
            if (words[p] < 0)
                continue;
            const V units = V_LOAD(y + p * stride + i);
            const V unit = NAME(rectified)(y + p * stride + i, line + i, stride);
            V d = V_IF_POSITIVE(unit, here);
            if (maxima != NULL)
                d = V_SUB(d, V_IF_POSITIVE(V_SUB(largest, unit), d));
            V_STORE((S *)dz + p * stride + i, d);
            first = V_ADD(first, d);
            second = V_FMA(d, V_SUB(units, middle), second);
        }
        NAME(add_sums)(first, second, stride, sums + i);
    }
}

#undef GROUP
