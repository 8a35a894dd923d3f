/* What processors do and C does not name portably. */
#ifndef SENTILIB_MEMORY_H
#define SENTILIB_MEMORY_H

#include <stdint.h>
#include <string.h>

/* Prefetch the cache line of an element that is read later. */
#if defined(__GNUC__) || defined(__clang__)
#define sentilib_prefetch(address) __builtin_prefetch((const void *)(address), 0, 3)
#elif defined(_M_X64) || defined(_M_IX86)
#include <xmmintrin.h>
#define sentilib_prefetch(address) _mm_prefetch((const char *)(address), _MM_HINT_T0)
#else
#define sentilib_prefetch(address) ((void)(address))
#endif

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
#ifdef _MSC_VER
#include <intrin.h>
#endif

/* Count one up, also where several threads do; return the number before. */
static inline int64_t sentilib_next(int64_t *counter)
{
#ifdef _MSC_VER
    return _InterlockedExchangeAdd64(counter, 1);
#else
    return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
#endif
}

/* Load eight bytes, from any address, as a little-endian integer. */
static inline uint64_t sentilib_load_eight(const uint8_t *bytes)
{
    uint64_t eight;
    memcpy(&eight, bytes, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    eight = __builtin_bswap64(eight);
#endif
    return eight;
}

/* The two halves of a product of 128 bits, combined: each bit depends on all bits of both. */
static inline uint64_t sentilib_folded_product(uint64_t a, uint64_t b)
{
#if defined(__SIZEOF_INT128__)
    const unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#elif defined(_M_X64) || defined(_M_ARM64)
    return a * b ^ __umulh(a, b);
#else
    const uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    const uint64_t low = a0 * b0, middle = a1 * b0 + (low >> 32), other = a0 * b1 + (uint32_t)middle;
    return a * b ^ (a1 * b1 + (middle >> 32) + (other >> 32));
#endif
}

/* Whether all of 16 bytes are text: none is "<", "&", NUL or 0xFF. */
static inline int sentilib_is_text(const uint8_t *bytes)
{
#if defined(__SSE2__) || defined(_M_X64)
    const __m128i here = _mm_loadu_si128((const __m128i *)bytes);
    __m128i special = _mm_cmpeq_epi8(here, _mm_set1_epi8('<'));
    special = _mm_or_si128(special, _mm_cmpeq_epi8(here, _mm_set1_epi8('&')));
    special = _mm_or_si128(special, _mm_cmpeq_epi8(here, _mm_setzero_si128()));
    special = _mm_or_si128(special, _mm_cmpeq_epi8(here, _mm_set1_epi8(-1)));
    return _mm_movemask_epi8(special) == 0;
#elif defined(__aarch64__)
    const uint8x16_t here = vld1q_u8(bytes);
    uint8x16_t special = vceqq_u8(here, vdupq_n_u8('<'));
    special = vorrq_u8(special, vceqq_u8(here, vdupq_n_u8('&')));
    special = vorrq_u8(special, vceqq_u8(here, vdupq_n_u8(0)));
    special = vorrq_u8(special, vceqq_u8(here, vdupq_n_u8(0xFF)));
    return vmaxvq_u8(special) == 0;
#else
    uint8_t special = 0;
    for (int k = 0; k < 16; k++)
        special |= (bytes[k] == '<') | (bytes[k] == '&') | (bytes[k] == 0) | (bytes[k] == 0xFF);
    return special == 0;
#endif
}

#endif
