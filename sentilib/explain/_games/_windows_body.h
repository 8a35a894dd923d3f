/* The games of convolutional classifiers, in vectors of TYPE; `_window_kernels` describes them. */
#include "_vectors.h"

/* Variants of a unit whose sums for OUTPUTS channels stay in registers. */
#undef GROUP
#if defined(SENTILIB_AVX512) || defined(SENTILIB_NEON)
#define GROUP 4
#else
#define GROUP 2
#endif

/* Multiply the channels of a vector of positions by one tap, for OUTPUTS channels of a layer and
 * n_variants variants. */
SENTILIB_INLINE void NAME(tap_of_variants)(
    const S *inputs, int64_t width, const S *taps, int64_t n_in, int64_t n_products,
    const S *biases, S *products, const int n_variants)
{
    V sums[OUTPUTS][GROUP];
    for (int k = 0; k < OUTPUTS; k++)
        for (int v = 0; v < n_variants; v++)
            sums[k][v] = V_SET(biases ? biases[k] : 0);
    for (int64_t i = 0; i < n_in; i++) {
        V x[GROUP];
        for (int v = 0; v < n_variants; v++)
            x[v] = V_LOAD(inputs + (v * n_in + i) * width);
        for (int k = 0; k < OUTPUTS; k++) {
            const V weight = V_SET(taps[i * n_products + k]);
            for (int v = 0; v < n_variants; v++)
                sums[k][v] = V_FMA(weight, x[v], sums[k][v]);
        }
    }
    for (int v = 0; v < n_variants; v++)
        for (int k = 0; k < OUTPUTS; k++)
            V_STORE(products + (v * OUTPUTS + k) * LANES, sums[k][v]);
}

/* The products of all taps and variants: (kernel_size, n_before, OUTPUTS, LANES). Taps are
 * innermost, so that variants are read from a near cache. */
static void NAME(multiply_taps)(
    const S *inputs, int64_t width, const S *taps, int64_t n_in, int64_t n_out,
    const S *biases, S *products, int64_t n_before, int64_t kernel_size)
{
    const int64_t n_products = kernel_size * n_out;
    for (int64_t v = 0; v < n_before; v += n_before < GROUP ? 2 : GROUP)
        for (int64_t tap = 0; tap < kernel_size; tap++) {
            const S *x = inputs + v * n_in * width + tap;
            S *of_tap = products + (tap * n_before + v) * OUTPUTS * LANES;
            if (n_before < GROUP)
                NAME(tap_of_variants)(x, width, taps + tap * n_out, n_in, n_products,
                                      tap ? NULL : biases, of_tap, 2);
            else
                NAME(tap_of_variants)(x, width, taps + tap * n_out, n_in, n_products,
                                      tap ? NULL : biases, of_tap, GROUP);
        }
}

/* One variant of a unit: the sum of its taps, rectified. */
SENTILIB_INLINE V NAME(unit)(
    const S *products, int64_t n_before, int64_t variant, int64_t kernel_size)
{
    V sum = V_LOAD(products + (variant & (n_before - 1)) * OUTPUTS * LANES);
    for (int64_t tap = 1; tap < kernel_size; tap++) {
        const int64_t of_tap = tap * n_before + ((variant >> tap) & (n_before - 1));
        sum = V_ADD(sum, V_LOAD(products + of_tap * OUTPUTS * LANES));
    }
    return V_MAX(V_SET(0), sum);
}

/* Add the head's products with OUTPUTS channels of the last layer to the margins of all variants of
 * a vector of windows, which are (n_all, LANES) for each output. */
static void NAME(add_to_tables)(
    const S *products, const S *heads, int64_t n_outputs, int64_t n_before,
    int64_t n_all, int64_t size, int64_t absent, int is_first, S *tables)
{
    const int64_t half = size == 3 ? n_all / 2 : n_all;
    for (int64_t variant = 0; variant < half; variant++) {
        V units[2][OUTPUTS];
        if (absent && !(variant & absent))
            continue;
        if (size == 3) {  /* the variants without and with the last word */
            const S *first = products + (variant & (n_before - 1)) * OUTPUTS * LANES;
            const S *second =
                products + (n_before + ((variant >> 1) & (n_before - 1))) * OUTPUTS * LANES;
            const S *third = products + (2 * n_before + (variant >> 2)) * OUTPUTS * LANES;
            for (int k = 0; k < OUTPUTS; k++) {
                const V sum = V_ADD(V_LOAD(first + k * LANES), V_LOAD(second + k * LANES));
                const S *last = third + k * LANES;
                units[0][k] = V_MAX(V_SET(0), V_ADD(sum, V_LOAD(last)));
                last += n_before / 2 * OUTPUTS * LANES;
                units[1][k] = V_MAX(V_SET(0), V_ADD(sum, V_LOAD(last)));
            }
        } else {
            for (int k = 0; k < OUTPUTS; k++)
                units[0][k] = NAME(unit)(products + k * LANES, n_before, variant, size);
        }
        for (int64_t m = 0; m < n_outputs; m++)
            for (int64_t v = 0; v <= (size == 3); v++) {
                S *table =
                    tables + m * n_all * WINDOW_COLUMNS + (variant + v * half) * LANES;
                V sum = is_first ? V_SET(0) : V_LOAD(table);
                for (int k = 0; k < OUTPUTS; k++)
                    sum = V_FMA(V_SET(heads[k * n_outputs + m]), units[v][k], sum);
                V_STORE(table, sum);
            }
    }
}

/* The units of OUTPUTS channels in all variants, for a vector of columns, from the products of
 * their taps; n_out vectors of `stride` columns per variant. With deletion, units whose word is
 * absent are zero: those without the bit `absent`. */
static void NAME(add_units)(
    const S *products, int64_t n_before, int64_t n_variants, int64_t size, int64_t absent,
    V is_position, int64_t n_out, int64_t stride, S *units)
{
    const int64_t half = size == 3 ? n_variants / 2 : n_variants;
    for (int64_t v = 0; v < half; v++) {
        S *here = units + v * n_out * stride, *other = here + half * n_out * stride;
        if (size == 3) {  /* the variants without and with the last word */
            const S *first = products + (v & (n_before - 1)) * OUTPUTS * LANES;
            const S *second =
                products + (n_before + ((v >> 1) & (n_before - 1))) * OUTPUTS * LANES;
            for (int k = 0; k < OUTPUTS; k++) {
                const V sum = V_ADD(V_LOAD(first + k * LANES), V_LOAD(second + k * LANES));
                const S *last = products + ((2 * n_before + (v >> 2)) * OUTPUTS + k) * LANES;
                const V without = V_MAX(V_SET(0), V_ADD(sum, V_LOAD(last)));
                V_STORE(here + k * stride, V_MUL(without, is_position));
                last += n_before / 2 * OUTPUTS * LANES;
                const V with = V_MAX(V_SET(0), V_ADD(sum, V_LOAD(last)));
                V_STORE(other + k * stride, V_MUL(with, is_position));
            }
        } else {
            for (int k = 0; k < OUTPUTS; k++)
                V_STORE(here + k * stride,
                        V_MUL(NAME(unit)(products + k * LANES, n_before, v, size), is_position));
        }
    }
    if (absent)
        for (int64_t v = 0; v < n_variants; v++)
            for (int k = 0; !(v & absent) && k < OUTPUTS; k++)
                V_STORE(units + (v * n_out + k) * stride, V_SET(0));
}

/* Fill the margins of all variants of a block's windows: (n_outputs, COLUMNS / LANES, n_variants,
 * LANES).
 *
 * A layer computes the columns that the next one reads. Those that the block before has computed,
 * if it ended where this one starts, are moved to the front. Each vector of columns passes through
 * a layer as a whole, so that its products stay in the nearest cache. */
static void NAME(fill_tables)(const struct windows *w, int64_t start, int continues, int deletion)
{
    const int64_t size = w->kernel_size, n_all = (int64_t)2 << w->n_layers * (size - 1);
    const S *weights = w->weights, *embedding = w->embedding, *heads = w->head;
    const S *valid = w->valid;
    int64_t n_before = 2, n_in = w->channels[0], width = WINDOW_COLUMNS + w->n_layers * w->step;
    S *layer = w->units, *of_taps = w->products, *of_variants = w->tables;
    for (int64_t p = 0; p < width; p++) {
        const int64_t place = start + p;
        const S *absent = embedding + w->baselines[place] * n_in;
        const S *present = embedding + w->words[place] * n_in;
        for (int64_t c = 0; c < n_in; c++) {
            layer[c * width + p] = deletion ? 0 : absent[c] * valid[place];
            layer[(n_in + c) * width + p] = present[c] * valid[place];
        }
    }
    if (deletion)  /* which leaves out variants */
        memset(of_variants, 0, w->n_outputs * n_all * WINDOW_COLUMNS * sizeof(S));
    for (int64_t depth = 1; depth <= w->n_layers; depth++) {
        const int64_t n_out = w->channels[depth], n_variants = n_before << (size - 1);
        const int64_t centre = depth * ((size - 1) / 2);
        const int64_t absent = deletion ? (int64_t)1 << centre : 0;
        const int64_t n_columns = width - w->step, kept = continues * (n_columns - WINDOW_COLUMNS);
        const S *taps = weights, *biases = taps + n_in * size * n_out;
        S *next = layer + n_before * n_in * width;
        weights = biases + n_out;
        for (S *row = next; kept && row < next + n_variants * n_out * n_columns;
             row += n_columns)
            memmove(row, row + WINDOW_COLUMNS, kept * sizeof(S));
        for (int64_t p = kept; p < n_columns; p += LANES) {
            const V is_position = V_LOAD(valid + start + centre + p);
            S *tables = of_variants + p * n_all;
            for (int64_t o = 0; o < n_out; o += OUTPUTS) {
                NAME(multiply_taps)(layer + p, width, taps + o, n_in, n_out, biases + o,
                                    of_taps, n_before, size);
                if (depth == w->n_layers)
                    NAME(add_to_tables)(of_taps, heads + o * w->n_outputs, w->n_outputs,
                                        n_before, n_all, size, absent, o == 0, tables);
                else
                    NAME(add_units)(of_taps, n_before, n_variants, size, absent, is_position,
                                    n_out, n_columns, next + o * n_columns + p);
            }
            int is_whole = 1;  /* all windows are positions of the network */
            for (int k = 0; k < LANES; k++)
                is_whole &= valid[start + centre + p + k] == 1;
            if (depth == w->n_layers && !is_whole)
                for (int64_t m = 0; m < w->n_outputs; m++)
                    for (int64_t v = 0; v < n_all; v++) {
                        S *table = tables + m * n_all * WINDOW_COLUMNS + v * LANES;
                        V_STORE(table, V_MUL(V_LOAD(table), is_position));
                    }
        }
        layer = next;
        width = n_columns;
        n_in = n_out;
        n_before = n_variants;
    }
}

static void NAME(shapley)(
    const struct windows *w, int64_t first, int64_t n_blocks, const void *of_subsets,
    double *values, int64_t n_distances, int64_t n_places)
{
    const int64_t n_more = w->n_layers * (w->kernel_size - 1), n_variants = (int64_t)2 << n_more;
    const S *weights = of_subsets, *of_variants = w->tables;
    S share[WINDOW_COLUMNS];
    for (int64_t block = 0; block < n_blocks; block++) {
        const int64_t start = first + block * WINDOW_COLUMNS;
        NAME(fill_tables)(w, start, block > 0, 0);
        for (int64_t m = 0; m < w->n_outputs; m++) {
            const S *tables = of_variants + m * n_variants * WINDOW_COLUMNS;
            for (int64_t j = 0; j <= n_more; j++) {
                const int64_t bit = (int64_t)1 << j;
                for (int64_t p = 0; p < WINDOW_COLUMNS; p += 4 * LANES) {
                    V sums[4] = {V_SET(0), V_SET(0), V_SET(0), V_SET(0)};
                    for (int64_t subset = 0; subset < n_variants;) {
                        V parts[4] = {V_SET(0), V_SET(0), V_SET(0), V_SET(0)};
                        const int64_t end = subset + 32 < n_variants ? subset + 32 : n_variants;
                        for (; subset < end; subset++) {  /* short sums, for their rounding */
                            if (subset & bit)
                                continue;
                            const V weight = V_SET(weights[subset]);
                            for (int k = 0; k < 4; k++) {
                                const S *without =
                                    tables + (p + k * LANES) * n_variants + subset * LANES;
                                const V joined = V_LOAD(without + bit * LANES);
                                parts[k] = V_FMA(weight, V_SUB(joined, V_LOAD(without)), parts[k]);
                            }
                        }
                        for (int k = 0; k < 4; k++)
                            sums[k] = V_ADD(sums[k], parts[k]);
                    }
                    for (int k = 0; k < 4; k++)
                        V_STORE(share + p + k * LANES, sums[k]);
                }
                double *of_places = values + (m * n_distances + j) * n_places + start + j;
                for (int64_t p = 0; p < WINDOW_COLUMNS; p++)
                    of_places[p] = share[p];
            }
        }
    }
}

#if SENTILIB_IS(TYPE) == 2  /* games that are computed in double alone */
static void NAME(interactions)(
    const struct windows *w, int64_t first, int64_t n_blocks, const void *of_subsets,
    double *values, int64_t n_distances, int64_t n_places)
{
    const int64_t n_more = w->n_layers * (w->kernel_size - 1), n_variants = (int64_t)2 << n_more;
    const double *weights = of_subsets, *of_variants = w->tables;
    double share[WINDOW_COLUMNS];
    for (int64_t block = 0; block < n_blocks; block++) {
        const int64_t start = first + block * WINDOW_COLUMNS;
        NAME(fill_tables)(w, start, block > 0, 0);
        for (int64_t m = 0; m < w->n_outputs; m++) {
            const double *tables = of_variants + m * n_variants * WINDOW_COLUMNS;
            for (int64_t i = 0; i < n_more; i++)
                for (int64_t j = i + 1; j <= n_more; j++) {
                    const int64_t left = (int64_t)1 << i, right = (int64_t)1 << j;
                    for (int64_t p = 0; p < WINDOW_COLUMNS; p += LANES) {
                        V sum = V_SET(0);
                        for (int64_t subset = 0; subset < n_variants; subset++) {
                            if (subset & (left | right))
                                continue;
                            const double *none = tables + p * n_variants + subset * LANES;
                            const V one = V_LOAD(none + left * LANES);
                            const V other = V_LOAD(none + right * LANES);
                            const V both = V_LOAD(none + (left | right) * LANES);
                            const V change = V_SUB(V_SUB(both, one), V_SUB(other, V_LOAD(none)));
                            sum = V_FMA(V_SET(weights[subset]), change, sum);
                        }
                        V_STORE(share + p, sum);
                    }
                    double *pairs = values + (m * n_distances + j - i - 1) * n_places + start + i;
                    for (int64_t p = 0; p < WINDOW_COLUMNS; p++)
                        pairs[p] += share[p];
                }
        }
    }
}

static void NAME(deletion_shapley)(
    const struct windows *w, int64_t first, int64_t n_blocks, const int32_t *rows,
    const int64_t *rows_length, const double *coefficients, int64_t n_players_max, int64_t n_sizes,
    double *values, int64_t n_places, double *everyone, int64_t n_rows)
{
    const int64_t n_more = w->n_layers * (w->kernel_size - 1), n_variants = (int64_t)2 << n_more;
    const int64_t reach = w->n_layers * ((w->kernel_size - 1) / 2);
    const double *valid = w->valid, *of_variants = w->tables;
    for (int64_t block = 0; block < n_blocks; block++) {
        const int64_t start = first + block * WINDOW_COLUMNS;
        NAME(fill_tables)(w, start, block > 0, 1);
        for (int64_t p = 0; p < WINDOW_COLUMNS; p++) {
            const int64_t place = start + p, row = rows[place + reach];
            int64_t players = 0, n_players = 0;
            if (valid[place + reach] == 0)
                continue;
            for (int64_t j = 0; j <= n_more; j++)
                if (valid[place + j] != 0) {
                    players |= (int64_t)1 << j;
                    n_players++;
                }
            const double *weights =
                coefficients + (rows_length[row] * n_players_max + n_players) * n_sizes * 3;
            for (int64_t subset = players; subset; subset = (subset - 1) & players) {
                int64_t size = 0;
                if (!(subset >> reach & 1))
                    continue;
                for (int64_t j = 0; j <= n_more; j++)
                    size += subset >> j & 1;
                const double joining = weights[(size - 1) * 3];
                const double before = weights[size * 3 + 1], outside = weights[size * 3 + 2];
                for (int64_t m = 0; m < w->n_outputs; m++) {
                    const double *of_vector =
                        of_variants + (m * WINDOW_COLUMNS + p / LANES * LANES) * n_variants;
                    const double margin = of_vector[subset * LANES + p % LANES];
                    double *of_places = values + m * n_places + place;
                    const double gain = (joining - outside) * margin;
                    const double loss = (before + outside) * margin;
                    everyone[m * n_rows + row] = S_FMA(outside, margin, everyone[m * n_rows + row]);
                    for (int64_t j = 0; j <= n_more; j++)
                        if (subset >> j & 1)
                            of_places[j] += gain;
                        else if (players >> j & 1)
                            of_places[j] -= loss;
                }
            }
        }
    }
}
#endif
