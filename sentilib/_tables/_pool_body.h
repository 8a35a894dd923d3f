/* Convolutions and their pooling, in vectors of TYPE; `_conv_kernels` describes the arguments. */
#include "_vectors.h"

/* The first convolution: column p reads words[p] and the following ones. */
static void NAME(look_up)(
    const S *table, int64_t n_taps, int64_t n_channels, const S *bias, const int64_t *words,
    const S *valid, int64_t n_columns, int64_t stride, S floor, S *sums, S *units)
{
    for (int64_t p = 0; p < n_columns; p++) {
        const S is_position = valid[p + (n_taps - 1) / 2];
        memcpy(sums, bias, n_channels * sizeof(S));
        for (int64_t tap = 0; tap < n_taps; tap++) {
            const S *products = table + (words[p + tap] * n_taps + tap) * n_channels;
            for (int64_t c = 0; c < n_channels; c++)
                sums[c] += products[c];
        }
        for (int64_t c = 0; c < n_channels; c++)
            units[c * stride + p] = (floor > sums[c] ? floor : sums[c]) * is_position;
    }
}

/* Vectors of columns of one convolution, from its bias to its rectified units. */
SENTILIB_INLINE void NAME(convolve_columns)(
    const S *inputs, int64_t stride, const S *bias, const S *taps, int64_t n_taps, int64_t n_in,
    int64_t n_out, const S *valid, S floor, const int n_vectors, S *outputs)
{
    for (int64_t o = 0; o < n_out; o += OUTPUTS) {
        V sums[OUTPUTS][VECTORS];
        for (int k = 0; k < OUTPUTS; k++)
            for (int v = 0; v < n_vectors; v++)
                sums[k][v] = V_SET(bias[o + k]);
        for (int64_t tap = 0; tap < n_taps; tap++)
            NAME(multiply)(inputs + tap, stride, taps + tap * n_in * n_out + o, n_in, n_out,
                           n_vectors, sums);
        for (int k = 0; k < OUTPUTS; k++)
            for (int v = 0; v < n_vectors; v++)
                V_STORE(outputs + (o + k) * stride + v * LANES,
                        V_MUL(V_MAX(V_SET(floor), sums[k][v]), V_LOAD(valid + v * LANES)));
    }
}

static void NAME(convolve)(
    const S *inputs, int64_t stride, const S *bias, const S *taps, int64_t n_taps, int64_t n_in,
    int64_t n_out, const S *valid, S floor, int64_t n_columns, S *outputs)
{
    int64_t p = 0;
    for (; p + VECTORS * LANES <= n_columns; p += VECTORS * LANES)
        NAME(convolve_columns)(inputs + p, stride, bias, taps, n_taps, n_in, n_out, valid + p,
                               floor, VECTORS, outputs + p);
    for (; p < n_columns; p += LANES)
        NAME(convolve_columns)(inputs + p, stride, bias, taps, n_taps, n_in, n_out, valid + p,
                               floor, 1, outputs + p);
}

/* Add the values of one unit, or its maximum and the sum of squares, to those of earlier blocks. */
static void NAME(pool_unit)(
    const S *unit, int64_t n_columns, int kind, double *pooled, double *squares)
{
    S lanes[2][16] = {{0}};
    for (int64_t p = 0; p < n_columns; p += 16)
        for (int k = 0; k < 16; k += LANES) {
            const V here = V_LOAD(unit + p + k), other = V_LOAD(lanes[1] + k);
            V_STORE(lanes[0] + k, V_ADD(V_LOAD(lanes[0] + k), here));
            if (kind == POOL_MAXIMUM)
                V_STORE(lanes[1] + k, V_MAX(here, other));
            if (kind == POOL_MOMENTS)
                V_STORE(lanes[1] + k, V_FMA(here, here, other));
        }
    S sum = 0, second = kind == POOL_MAXIMUM ? lanes[1][0] : 0;
    for (int k = 0; k < 16; k++) {
        sum += lanes[0][k];
        if (kind == POOL_MAXIMUM)
            second = lanes[1][k] > second ? lanes[1][k] : second;
        else
            second += lanes[1][k];
    }
    if (kind == POOL_MAXIMUM)
        *pooled = second > *pooled ? second : *pooled;
    else
        *pooled += sum;
    if (kind == POOL_MOMENTS)
        *squares += second;
}

static int64_t NAME(pool)(
    const int32_t *ids, int64_t n_rows, int64_t width, const int64_t *lengths, const void *table_,
    int64_t n_ids, int64_t n_taps, const void *bias_, const int64_t *channels, int64_t n_layers,
    const void *weights_, int masks, int kind, double *out, int64_t out_width, void *units_,
    int64_t stride, int64_t n_places, int64_t *words)
{
    const S *table = table_, *bias = bias_, *weights = weights_;
    const S least = kind == POOL_MOMENTS ? -(S)INFINITY : 0;  /* of the last layer */
    const int64_t reach = (n_taps - 1) / 2, margin = n_layers * (n_taps - 1);
    const int64_t n_out = kind == POOL_MOMENTS ? out_width / 2 : out_width;
    int64_t largest = 0;
    for (int64_t depth = 0; depth < n_layers; depth++)
        largest = channels[depth] > largest ? channels[depth] : largest;
    S *layers[2] = {units_, (S *)units_ + largest * stride};
    S *valid = (S *)units_ + 2 * largest * stride, *sums = valid + n_places;
    for (int64_t row = 0; row < n_rows; row++) {
        const int32_t *row_ids = ids + row * width;
        double *pooled = out + row * out_width;
        int64_t begin = 0, n_tokens = 0;
        while (masks && begin < lengths[row] && row_ids[begin] == 0)
            begin++;
        const int64_t length = lengths[row] - begin;
        for (int64_t p = 0; p < n_places; p++) {
            words[p] = n_ids;
            valid[p] = 0;
        }
        for (int64_t p = 0; p < length; p++) {
            const int32_t word = row_ids[begin + p];
            if (word < 0 || word >= n_ids)
                return row;
            if (word != 0 || !masks) {
                words[margin + p] = word;
                valid[margin + p] = 1;
                n_tokens++;
            }
        }
        memset(pooled, 0, out_width * sizeof(double));
        const int64_t n_blocks = (length + POOL_COLUMNS - 1) / POOL_COLUMNS;
        const int64_t n_complete = n_blocks ? (length + n_blocks - 1) / n_blocks : 0;
        const int64_t n_columns = (n_complete + margin + 15) / 16 * 16;
        for (int64_t block = 0; block < n_blocks; block++) {
            const int64_t first = block * n_complete;
            const int64_t start = margin + first - n_layers * reach;
            const S *here = weights;
            S *layer = layers[0];
            NAME(look_up)(table, n_taps, channels[0], bias, words + start, valid + start,
                          n_columns, stride, n_layers > 1 ? 0 : least, sums, layer);
            for (int64_t depth = 1; depth < n_layers; depth++) {
                const int64_t n_in = channels[depth - 1], n_units = channels[depth];
                NAME(convolve)(layer, stride, here, here + n_units, n_taps, n_in, n_units,
                               valid + start + (depth + 1) * reach,
                               depth < n_layers - 1 ? 0 : least, n_columns, layers[depth % 2]);
                layer = layers[depth % 2];
                here += n_units + n_taps * n_in * n_units;
            }
            const int64_t n_here = n_complete < length - first ? n_complete : length - first;
            for (int64_t o = 0; o < n_out; o++) {
                S *unit = layer + o * stride;
                /* Zeros change no sum, and no maximum of rectified units. */
                memset(unit + n_here, 0, (n_columns - n_here) * sizeof(S));
                NAME(pool_unit)(unit, n_columns, kind, pooled + o, pooled + n_out + o);
            }
        }
        if (kind == POOL_MEAN)
            for (int64_t o = 0; o < out_width; o++)
                pooled[o] /= n_tokens > 1 ? n_tokens : 1;
    }
    return -1;
}
