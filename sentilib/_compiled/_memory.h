/* Access to memory that C does not name portably. */
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

#endif
