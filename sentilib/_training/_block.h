/* Training of convolution blocks, for each instruction set. */
#ifndef SENTILIB_BLOCK_H
#define SENTILIB_BLOCK_H

#include <stdint.h>

enum { BLOCK_COLUMNS = 128 };  /* computed at a time, so that they stay in a cache */

typedef struct {
    const int32_t *words;  /* of each column; negative where there is none */
    const void *source;    /* (n_words, n) vectors of words, or units (n_columns, stride) before */
    const void *line;      /* of these units: scale, then shift, before the ReLU */
    int64_t n, stride;     /* channels, and their number in memory */
    int is_embedding;
    double rate;           /* of dropout */
    uint32_t keys[2];
} block_inputs;

#define TYPE f32
#define BODY "_block_body.h"
#include "_versions.h"
#undef TYPE

typedef void (*block_forward_function)(
    const block_inputs *in, int64_t n_taps, const void *taps, int64_t n_out, int64_t y_stride,
    const void *centre, int64_t begin, int64_t end, void *y, double *sums, void *scratch);
typedef void (*block_backward_function)(
    const block_inputs *in, int64_t n_taps, const void *taps, int64_t n_out, int64_t y_stride,
    const void *y, const void *dz, const void *line, const void *centre, int64_t begin, int64_t end,
    void *d_inputs, void *d_taps, double *sums, void *scratch);
typedef void (*block_pool_function)(
    const void *y, const int32_t *words, const void *line, int64_t n, int64_t stride, int64_t begin,
    int64_t end, int is_maximum, void *pooled);
typedef void (*block_unpool_function)(
    const void *y, const int32_t *words, const void *line, int64_t n, int64_t stride, int64_t begin,
    int64_t end, const void *maxima, const void *gradient, const void *centre, void *dz,
    double *sums);
static const block_forward_function block_forward[] = VERSIONS(block_forward, f32);
static const block_backward_function block_backward[] = VERSIONS(block_backward, f32);
static const block_pool_function block_pool[] = VERSIONS(block_pool, f32);
static const block_unpool_function block_unpool[] = VERSIONS(block_unpool, f32);

#endif
