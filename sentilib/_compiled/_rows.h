/* Counts of tokens, for each instruction set. */
#ifndef SENTILIB_ROWS_H
#define SENTILIB_ROWS_H

#define BODY "_rows_body.h"
#include "_versions.h"

typedef void (*count_function)(
    const int32_t *ids, int64_t n_rows, int64_t width, int64_t *n_tokens);
static const count_function count_tokens[] = VERSIONS(count_tokens, i32);

#endif
