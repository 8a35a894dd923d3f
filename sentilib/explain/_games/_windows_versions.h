/* The bodies of the games: values in float32 and float64, the others in float64. */
#define TYPE f32
#include "_windows_body.h"
#undef TYPE
#define TYPE f64
#include "_windows_body.h"
#include "_walk_body.h"
#undef TYPE
