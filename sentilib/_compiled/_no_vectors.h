/* The names of `_vectors.h` are free again. */
#undef S
#undef V
#undef LANES
#undef OUTPUTS
#undef VECTORS
#undef NAME
#undef S_FMA
#undef V_LOAD
#undef V_STORE
#undef V_SET
#undef V_ADD
#undef V_MUL
#undef V_SUB
#undef V_FMA
#undef V_MAX
