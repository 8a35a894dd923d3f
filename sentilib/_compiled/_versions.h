/* Include the file BODY once per instruction set, ISA; VERSIONS(f) lists the functions f_ISA. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "_instructions.h"

#define SENTILIB_JOIN_(a, b, c) a##_##b##_##c
#define SENTILIB_JOIN(a, b, c) SENTILIB_JOIN_(a, b, c)

#if defined(__clang__)
#define SENTILIB_PRAGMA(text) _Pragma(#text)
#define SENTILIB_TARGET(features) \
    SENTILIB_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define SENTILIB_END_TARGET _Pragma("clang attribute pop")
#elif defined(__GNUC__)
#define SENTILIB_PRAGMA(text) _Pragma(#text)
#define SENTILIB_TARGET(features) \
    _Pragma("GCC push_options") SENTILIB_PRAGMA(GCC target(features))
#define SENTILIB_END_TARGET _Pragma("GCC pop_options")
#else
#define SENTILIB_TARGET(features)
#define SENTILIB_END_TARGET
#endif

#if defined(__GNUC__) || defined(__clang__)
#define SENTILIB_INLINE static inline __attribute__((always_inline))
#else
#define SENTILIB_INLINE static __forceinline
#endif

#ifdef SENTILIB_NEON
#define ISA neon
#include BODY
#undef ISA
#define VERSIONS(f, type) {SENTILIB_JOIN(f, neon, type)}
#else
#define ISA baseline
#include BODY
#undef ISA
#endif

#ifdef SENTILIB_X86
#define SENTILIB_AVX2
SENTILIB_TARGET("avx2,fma")
#define ISA avx2
#include BODY
#undef ISA
SENTILIB_END_TARGET
#undef SENTILIB_AVX2

#define SENTILIB_AVX512
SENTILIB_TARGET("avx2,fma,avx512f")
#define ISA avx512
#include BODY
#undef ISA
SENTILIB_END_TARGET
#undef SENTILIB_AVX512
#define VERSIONS(f, type) \
    {SENTILIB_JOIN(f, baseline, type), SENTILIB_JOIN(f, avx2, type), \
     SENTILIB_JOIN(f, avx512, type)}
#elif !defined(SENTILIB_NEON)
#define VERSIONS(f, type) {SENTILIB_JOIN(f, baseline, type)}
#endif
#undef BODY
#include "_no_vectors.h"
