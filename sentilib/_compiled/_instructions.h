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
#define sentilib_cpuid(leaf, registers) __cpuidex((int *)(registers), leaf, 0)
#define sentilib_enabled() ((unsigned)_xgetbv(0))
#elif defined(SENTILIB_X86)
#include <cpuid.h>
#define sentilib_cpuid(leaf, r) __cpuid_count(leaf, 0, (r)[0], (r)[1], (r)[2], (r)[3])
static inline unsigned sentilib_enabled(void)
{
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}
#endif

static inline int sentilib_has(int number)
{
#ifdef SENTILIB_X86
    enum { FMA = 1 << 12, XGETBV = 1 << 27, AVX2 = 1 << 5, AVX512F = 1 << 16 };
    unsigned basic[4], extended[4], kept;  /* `kept`: registers that the system saves */
    sentilib_cpuid(0, basic);
    if (number == 0)
        return 1;
    if (basic[0] < 7)
        return 0;
    sentilib_cpuid(1, basic);
    sentilib_cpuid(7, extended);
    if (!(basic[2] & XGETBV) || !(basic[2] & FMA) || !(extended[1] & AVX2))
        return 0;
    kept = sentilib_enabled();
    return number == 1 ? (kept & 0x06) == 0x06
                       : (kept & 0xE6) == 0xE6 && (extended[1] & AVX512F) != 0;
#else
    return number == 0;
#endif
}

#endif
