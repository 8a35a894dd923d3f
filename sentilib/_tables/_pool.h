/* Convolutions and their pooling, for each instruction set and type of float. */
#ifndef SENTILIB_POOL_H
#define SENTILIB_POOL_H

enum { POOL_MEAN, POOL_MAXIMUM, POOL_MOMENTS };
enum { POOL_COLUMNS = 256 };  /* complete ones per block, so that its layers fit into a cache */

#define BODY "_pool_versions.h"
#include "_versions.h"

typedef int64_t (*pool_function)(
    const int32_t *ids, int64_t n_rows, int64_t width, const int64_t *lengths, const void *table,
    int64_t n_ids, int64_t n_taps, const void *bias, const int64_t *channels, int64_t n_layers,
    const void *weights, int masks, int kind, double *out, int64_t out_width, void *units,
    int64_t stride, int64_t n_places, int64_t *words);
static const pool_function pool_f32[] = VERSIONS(pool, f32);
static const pool_function pool_f64[] = VERSIONS(pool, f64);

#endif
