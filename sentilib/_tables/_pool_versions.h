/* The body of `pool` for both types of float. */
#define TYPE f32
#include "_pool_body.h"
#undef TYPE
#define TYPE f64
#include "_pool_body.h"
#undef TYPE
