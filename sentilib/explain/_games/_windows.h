/* The games of convolutional classifiers, for each instruction set. */
#ifndef SENTILIB_WINDOWS_H
#define SENTILIB_WINDOWS_H

#include <stdint.h>

enum {
    WINDOW_COLUMNS = 64,  /* whole vectors of every instruction set, and room for a window */
    WINDOW_BYTES = 64,    /* of the largest vector */
};

struct windows {
    const int32_t *words, *baselines;
    const void *valid, *embedding;  /* of the game's type, as below */
    const int64_t *channels;
    int64_t n_layers;
    const void *weights;
    int64_t kernel_size;
    const void *head;
    int64_t n_outputs;
    int64_t step;  /* columns that a layer has more than the next one, which has COLUMNS at last */
    void *units, *products, *tables;
};

#define BODY "_windows_versions.h"
#include "_versions.h"

typedef void (*shares_function)(
    const struct windows *w, int64_t first, int64_t n_blocks, const void *weights,
    double *values, int64_t n_distances, int64_t n_places);
typedef void (*deletion_function)(
    const struct windows *w, int64_t first, int64_t n_blocks, const int32_t *rows,
    const int64_t *rows_length, const double *coefficients, int64_t n_players_max, int64_t n_sizes,
    double *values, int64_t n_places, double *everyone, int64_t n_rows);
typedef void (*walk_function)(
    const struct windows *w, int64_t n_places, const int64_t *order, int64_t n_steps,
    double *is_valid, int takes_max, double *row, double *latent);
static const shares_function shapley_single[] = VERSIONS(shapley, f32);
static const shares_function shapley_double[] = VERSIONS(shapley, f64);
static const shares_function interactions_versions[] = VERSIONS(interactions, f64);
static const deletion_function deletion_versions[] = VERSIONS(deletion_shapley, f64);
static const walk_function walk_versions[] = VERSIONS(walk, f64);

#endif
