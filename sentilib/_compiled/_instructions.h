/* The instruction sets that kernels are compiled for, and which of them this processor has. */
#ifndef SENTILIB_INSTRUCTIONS_H
#define SENTILIB_INSTRUCTIONS_H

#if defined(__x86_64__) || defined(_M_X64)
#define SENTILIB_X86 1
#include <immintrin.h>
#elif defined(__aarch64__) || defined(_M_ARM64)
#define SENTILIB_NEON 1
#include <arm_neon.h>
#endif

#ifdef SENTILIB_X86
static const char *const sentilib_instruction_sets[] = {"baseline", "avx2", "avx512", 0};
#elif defined(SENTILIB_NEON)
static const char *const sentilib_instruction_sets[] = {"neon", 0};
#else
static const char *const sentilib_instruction_sets[] = {"baseline", 0};
#endif

#if defined(SENTILIB_X86) && defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
static inline int sentilib_has(int number)
{
    int leaf[4], extended[4];
    __cpuid(leaf, 1);
    if (number == 0)
        return 1;
    if (!(leaf[2] >> 27 & 1) || !(leaf[2] >> 12 & 1))  /* OSXSAVE, FMA */
        return 0;
    __cpuidex(extended, 7, 0);
    if (number == 1)
        return (_xgetbv(0) & 0x06) == 0x06 && (extended[1] >> 5 & 1);
    return (_xgetbv(0) & 0xE6) == 0xE6 && (extended[1] >> 5 & 1) && (extended[1] >> 16 & 1);
}
#elif defined(SENTILIB_X86)
static inline int sentilib_has(int number)
{
    __builtin_cpu_init();
    if (number == 0)
        return 1;
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return 0;
    return number == 1 || __builtin_cpu_supports("avx512f");
}
#else
static inline int sentilib_has(int number)
{
    return number == 0;
}
#endif

#endif
