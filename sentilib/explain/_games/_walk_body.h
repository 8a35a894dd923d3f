/* A walk from the baseline to a review, word by word, in the type of the body before. */

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
    const double *embedding = w->embedding, *valid = w->valid;
    double *of_words = w->units;
    const double *pooled = of_words + n_before;  /* the last layer */
    for (int64_t step = -1; step < n_steps; step++) {
        int64_t low = 0, high = n_places, n_in = w->channels[0];
        const int32_t *words = step < 0 ? w->baselines : w->words;
        const double *weights = w->weights;
        double *layer = of_words, *now = latent + (step + 1) * n_units;
        if (step >= 0) {
            low = order[step];
            high = low + 1;
            is_valid[low] = valid[low];
            memcpy(now, now - n_units, n_units * sizeof(double));
        } else {
            memset(now, 0, n_units * sizeof(double));
        }
        for (int64_t place = low; place < high; place++)
            for (int64_t c = 0; c < n_in; c++)
                layer[place * n_in + c] =
                    embedding[words[place] * n_in + c] * is_valid[place];
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
