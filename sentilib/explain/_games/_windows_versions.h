/* The body of the games for float64. */
#define TYPE f64
#include "_windows_body.h"
#undef TYPE
