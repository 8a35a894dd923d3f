/* The loop of `count` for one instruction set: the compiler makes vectors of it. */
static void SENTILIB_JOIN(count_tokens, ISA, i32)(
    const int32_t *ids, int64_t n_rows, int64_t width, int64_t *n_tokens)
{
    for (int64_t row = 0; row < n_rows; row++, ids += width) {
        int32_t n = 0;
        for (int64_t k = 0; k < width; k++)
            n += ids[k] != 0;
        n_tokens[row] = n;
    }
}
