/* The games of convolutional classifiers, in vectors of double; `_window_kernels` describes them. */
#include "_vectors.h"

/* Multiply the channels of COLUMNS positions by all taps of a convolution. */
static void NAME(tap_products)(
    const double *inputs, int64_t n_in, const double *taps, int64_t n_products, int64_t width,
    double *products)
{
    for (int64_t p = 0; p < WINDOW_COLUMNS; p += VECTORS * LANES)
        for (int64_t o = 0; o < n_products; o += OUTPUTS) {
            V sums[OUTPUTS][VECTORS];
            for (int k = 0; k < OUTPUTS; k++)
                for (int v = 0; v < VECTORS; v++)
                    sums[k][v] = V_SET(0);
            NAME(multiply)(inputs + p, WINDOW_COLUMNS, taps + o, n_in, n_products, VECTORS, sums);
            for (int k = 0; k < OUTPUTS; k++)
                for (int v = 0; v < VECTORS; v++)
                    V_STORE(products + (o + k) * width + p + v * LANES, sums[k][v]);
        }
}

/* Columns of one variant of a unit: the sum of its taps, rectified, and zero where invalid. */
SENTILIB_INLINE V NAME(unit)(
    const double *products, int64_t n_variants, int64_t n_products, int64_t width,
    int64_t variant, int64_t channel, int64_t n_channels, int64_t kernel_size, double bias,
    const double *valid, int64_t p)
{
    const int64_t low = n_variants - 1;
    const double *of_channel = products + channel * width + p;
    V sum;
    if (kernel_size == 3) {
        const int64_t step = n_products * width, tap = n_channels * width;
        sum = V_ADD(V_LOAD(of_channel + (variant & low) * step),
                    V_LOAD(of_channel + ((variant >> 1) & low) * step + tap + 1));
        sum = V_ADD(sum, V_LOAD(of_channel + (variant >> 2) * step + 2 * tap + 2));
        sum = V_ADD(sum, V_SET(bias));
    } else {
        sum = V_SET(bias);
        for (int64_t tap = 0; tap < kernel_size; tap++)
            sum = V_ADD(sum, V_LOAD(of_channel + ((variant >> tap) & low) * n_products * width +
                                    tap * n_channels * width + tap));
    }
    return V_MUL(V_MAX(V_SET(0), sum), V_LOAD(valid + p));
}

/* Fill the margins of all variants of a block's windows: (n_outputs, n_variants, COLUMNS). */
static void NAME(fill_tables)(const struct windows *w, int64_t start, int deletion)
{
    const int64_t size = w->kernel_size, reach = (size - 1) / 2, width = WINDOW_COLUMNS + size - 1;
    const double *weights = w->weights;
    int64_t n_variants = 2, n_in = w->channels[0], n_all = 2;
    double *layer = w->units;
    for (int64_t p = 0; p < WINDOW_COLUMNS; p++) {
        const int64_t place = start + p;
        const double *absent = w->embedding + w->baselines[place] * n_in;
        const double *present = w->embedding + w->words[place] * n_in;
        for (int64_t c = 0; c < n_in; c++) {
            layer[c * WINDOW_COLUMNS + p] = deletion ? 0.0 : absent[c] * w->valid[place];
            layer[(n_in + c) * WINDOW_COLUMNS + p] = present[c] * w->valid[place];
        }
    }
    for (int64_t depth = 0; depth < w->n_layers; depth++)
        n_all <<= size - 1;
    memset(w->tables, 0, w->n_outputs * n_all * WINDOW_COLUMNS * sizeof(double));
    for (int64_t depth = 1; depth <= w->n_layers; depth++) {
        const int64_t n_out = w->channels[depth], n_products = size * n_out, n_before = n_variants;
        const double *taps = weights, *biases = weights + n_in * n_products;
        const int64_t centre = depth * reach;
        const double *is_position = w->valid + start + centre;
        weights = biases + n_out;
        for (int64_t v = 0; v < n_before; v++)
            NAME(tap_products)(layer + v * n_in * WINDOW_COLUMNS, n_in, taps, n_products, width,
                               w->products + v * n_products * width);
        n_variants <<= size - 1;
        for (int64_t v = 0; v < n_variants; v++) {
            double *units = w->units + v * n_out * WINDOW_COLUMNS;
            const int is_absent = deletion && !(v >> centre & 1);
            if (depth < w->n_layers) {
                if (is_absent) {
                    memset(units, 0, n_out * WINDOW_COLUMNS * sizeof(double));
                    continue;
                }
                for (int64_t o = 0; o < n_out; o++)
                    for (int64_t p = 0; p < WINDOW_COLUMNS; p += LANES)
                        V_STORE(units + o * WINDOW_COLUMNS + p,
                                NAME(unit)(w->products, n_before, n_products, width, v, o, n_out,
                                           size, biases[o], is_position, p));
            } else if (!is_absent) {
                for (int64_t o = 0; o < n_out; o++) {
                    const double *head = w->head + o * w->n_outputs;
                    for (int64_t p = 0; p < WINDOW_COLUMNS; p += LANES) {
                        const V row = NAME(unit)(w->products, n_before, n_products, width, v, o,
                                                 n_out, size, biases[o], is_position, p);
                        for (int64_t m = 0; m < w->n_outputs; m++) {
                            double *table = w->tables + (m * n_all + v) * WINDOW_COLUMNS + p;
                            V_STORE(table, V_FMA(V_SET(head[m]), row, V_LOAD(table)));
                        }
                    }
                }
            }
        }
        n_in = n_out;
    }
}

static void NAME(shapley)(
    const struct windows *w, const int64_t *blocks, int64_t n_blocks, const double *weights,
    double *values, int64_t n_distances, int64_t n_places)
{
    const int64_t n_more = w->n_layers * (w->kernel_size - 1), n_variants = (int64_t)2 << n_more;
    double share[WINDOW_COLUMNS];
    for (int64_t block = 0; block < n_blocks; block++) {
        const int64_t start = blocks[block];
        NAME(fill_tables)(w, start, 0);
        for (int64_t m = 0; m < w->n_outputs; m++) {
            const double *tables = w->tables + m * n_variants * WINDOW_COLUMNS;
            for (int64_t j = 0; j <= n_more; j++) {
                const int64_t bit = (int64_t)1 << j;
                for (int64_t p = 0; p < WINDOW_COLUMNS; p += 2 * LANES) {
                    V sums[2] = {V_SET(0), V_SET(0)};
                    for (int64_t subset = 0; subset < n_variants; subset++) {
                        if (subset & bit)
                            continue;
                        const double *without = tables + subset * WINDOW_COLUMNS + p;
                        const double *joined = without + bit * WINDOW_COLUMNS;
                        const V weight = V_SET(weights[subset]);
                        for (int v = 0; v < 2; v++)
                            sums[v] = V_FMA(weight, V_SUB(V_LOAD(joined + v * LANES),
                                                          V_LOAD(without + v * LANES)), sums[v]);
                    }
                    V_STORE(share + p, sums[0]);
                    V_STORE(share + p + LANES, sums[1]);
                }
                memcpy(values + (m * n_distances + j) * n_places + start + j, share,
                       (WINDOW_COLUMNS - n_more) * sizeof(double));
            }
        }
    }
}

static void NAME(interactions)(
    const struct windows *w, const int64_t *blocks, int64_t n_blocks, const double *weights,
    double *values, int64_t n_distances, int64_t n_places)
{
    const int64_t n_more = w->n_layers * (w->kernel_size - 1), n_variants = (int64_t)2 << n_more;
    double share[WINDOW_COLUMNS];
    for (int64_t block = 0; block < n_blocks; block++) {
        const int64_t start = blocks[block];
        NAME(fill_tables)(w, start, 0);
        for (int64_t m = 0; m < w->n_outputs; m++) {
            const double *tables = w->tables + m * n_variants * WINDOW_COLUMNS;
            for (int64_t i = 0; i < n_more; i++)
                for (int64_t j = i + 1; j <= n_more; j++) {
                    const int64_t left = (int64_t)1 << i, right = (int64_t)1 << j;
                    for (int64_t p = 0; p < WINDOW_COLUMNS; p += LANES) {
                        V sum = V_SET(0);
                        for (int64_t subset = 0; subset < n_variants; subset++) {
                            if (subset & (left | right))
                                continue;
                            const double *none = tables + subset * WINDOW_COLUMNS + p;
                            const V one = V_LOAD(none + left * WINDOW_COLUMNS);
                            const V other = V_LOAD(none + right * WINDOW_COLUMNS);
                            const V both = V_LOAD(none + (left | right) * WINDOW_COLUMNS);
                            const V change = V_SUB(V_SUB(both, one), V_SUB(other, V_LOAD(none)));
                            sum = V_FMA(V_SET(weights[subset]), change, sum);
                        }
                        V_STORE(share + p, sum);
                    }
                    double *pairs = values + (m * n_distances + j - i - 1) * n_places + start + i;
                    for (int64_t p = 0; p < WINDOW_COLUMNS - n_more; p++)
                        pairs[p] += share[p];
                }
        }
    }
}

static void NAME(deletion_shapley)(
    const struct windows *w, const int64_t *blocks, int64_t n_blocks, const int32_t *rows,
    const int64_t *rows_length, const double *coefficients, int64_t n_players_max, int64_t n_sizes,
    double *values, int64_t n_places, double *everyone, int64_t n_rows)
{
    const int64_t n_more = w->n_layers * (w->kernel_size - 1), n_variants = (int64_t)2 << n_more;
    const int64_t reach = w->n_layers * ((w->kernel_size - 1) / 2);
    for (int64_t block = 0; block < n_blocks; block++) {
        const int64_t start = blocks[block];
        NAME(fill_tables)(w, start, 1);
        for (int64_t p = 0; p < WINDOW_COLUMNS - n_more; p++) {
            const int64_t place = start + p, row = rows[place + reach];
            int64_t players = 0, n_players = 0;
            if (w->valid[place + reach] == 0)
                continue;
            for (int64_t j = 0; j <= n_more; j++)
                if (w->valid[place + j] != 0) {
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
                    const double margin = w->tables[(m * n_variants + subset) * WINDOW_COLUMNS + p];
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

/* The maximum of a column; before the first step, of its filled part. */
static double NAME(column_maximum)(const double *column, int64_t n, int64_t stride)
{
    double largest = 0.0;
    for (int64_t k = 0; k < n; k++)
        largest = column[k * stride] > largest ? column[k * stride] : largest;
    return largest;
}

static void NAME(walk)(
    const struct windows *w, int64_t n_places, const int64_t *order, int64_t n_steps,
    double *is_valid, int takes_max, double *row, double *latent)
{
    const int64_t size = w->kernel_size, reach = (size - 1) / 2, n_layers = w->n_layers;
    const int64_t n_units = w->channels[n_layers];
    int64_t n_before = 0;
    for (int64_t depth = 0; depth < n_layers; depth++)
        n_before += n_places * w->channels[depth];
    const double *pooled = w->units + n_before;  /* the last layer */
    for (int64_t step = -1; step < n_steps; step++) {
        int64_t low = 0, high = n_places, n_in = w->channels[0];
        const int32_t *words = step < 0 ? w->baselines : w->words;
        const double *weights = w->weights;
        double *layer = w->units, *now = latent + (step + 1) * n_units;
        if (step >= 0) {
            low = order[step];
            high = low + 1;
            is_valid[low] = w->valid[low];
            memcpy(now, now - n_units, n_units * sizeof(double));
        } else {
            memset(now, 0, n_units * sizeof(double));
        }
        for (int64_t place = low; place < high; place++)
            for (int64_t c = 0; c < n_in; c++)
                layer[place * n_in + c] =
                    w->embedding[words[place] * n_in + c] * is_valid[place];
        for (int64_t depth = 1; depth <= n_layers; depth++) {
            const int64_t n_out = w->channels[depth];
            const double *taps = weights, *biases = weights + n_in * size * n_out;
            double *out = layer + n_places * n_in;
            weights = biases + n_out;
            low = low > size - 1 - reach ? low - (size - 1 - reach) : 0;
            high = high + reach < n_places ? high + reach : n_places;
            for (int64_t place = low; place < high; place++) {
                memcpy(row, biases, n_out * sizeof(double));
                for (int64_t tap = 0; tap < size; tap++) {
                    const int64_t source = place + tap - reach;
                    if (source < 0 || source >= n_places || is_valid[source] == 0)
                        continue;
                    for (int64_t c = 0; c < n_in; c++) {
                        const double x = layer[source * n_in + c];
                        const double *tap_weights = taps + (c * size + tap) * n_out;
                        if (x != 0)
                            for (int64_t o = 0; o < n_out; o++)
                                row[o] = S_FMA(x, tap_weights[o], row[o]);
                    }
                }
                for (int64_t o = 0; o < n_out; o++) {
                    const double unit = (0.0 > row[o] ? 0.0 : row[o]) * is_valid[place];
                    const double old = step < 0 ? 0.0 : out[place * n_out + o];
                    out[place * n_out + o] = unit;
                    if (depth < n_layers)
                        continue;
                    if (!takes_max)
                        now[o] += unit - old;
                    else if (unit >= now[o])
                        now[o] = unit;
                    else if (old == now[o])
                        now[o] = NAME(column_maximum)(pooled + o, step < 0 ? place + 1 : n_places,
                                                      n_units);
                }
            }
            layer = out;
            n_in = n_out;
        }
    }
}
