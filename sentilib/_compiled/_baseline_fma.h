/* Fused multiply-adds for processors without the instruction, from sums and products.
 *
 * S. Boldo, G. Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using
 * rounding to odd", IEEE Transactions on Computers 57(4), 2008. The result is that of the
 * instruction, unless a product is above 2 ** 990 or below 2 ** -960. */
#ifndef SENTILIB_BASELINE_FMA_H
#define SENTILIB_BASELINE_FMA_H

/* The sum, and its rounding error in *error. */
static inline __m128d sentilib_two_sum(__m128d a, __m128d b, __m128d *error)
{
    const __m128d sum = _mm_add_pd(a, b), part = _mm_sub_pd(sum, a);
    *error = _mm_add_pd(_mm_sub_pd(a, _mm_sub_pd(sum, part)), _mm_sub_pd(b, part));
    return sum;
}

/* The sum, rounded to odd: of its two neighbours, an inexact one becomes that with an odd end. */
static inline __m128d sentilib_odd_sum(__m128d a, __m128d b)
{
    const __m128i one = _mm_set_epi32(0, 1, 0, 1);
    __m128d error;
    const __m128d sum = sentilib_two_sum(a, b, &error);
    const __m128i bits = _mm_castpd_si128(sum);
    const __m128i is_odd = _mm_and_si128(bits, one);
    const __m128i differ = _mm_srli_epi64(_mm_castpd_si128(_mm_xor_pd(sum, error)), 63);
    __m128i step = _mm_sub_epi64(one, _mm_add_epi64(differ, differ));
    step = _mm_and_si128(step, _mm_sub_epi64(is_odd, one));
    step = _mm_and_si128(step, _mm_castpd_si128(_mm_cmpneq_pd(error, _mm_setzero_pd())));
    return _mm_castsi128_pd(_mm_add_epi64(bits, step));
}

/* The upper half of the digits. */
static inline __m128d sentilib_upper(__m128d a)
{
    const __m128d scaled = _mm_mul_pd(a, _mm_set1_pd(134217729.0));  /* 2 ** 27 + 1 */
    return _mm_sub_pd(scaled, _mm_sub_pd(scaled, a));
}

static inline __m128d sentilib_fma_pd(__m128d a, __m128d b, __m128d c)
{
    const __m128d a1 = sentilib_upper(a), b1 = sentilib_upper(b), product = _mm_mul_pd(a, b);
    const __m128d a0 = _mm_sub_pd(a, a1), b0 = _mm_sub_pd(b, b1);
    __m128d rest = _mm_sub_pd(_mm_mul_pd(a1, b1), product), low, lowest;
    rest = _mm_add_pd(_mm_add_pd(rest, _mm_mul_pd(a1, b0)), _mm_mul_pd(a0, b1));
    rest = _mm_add_pd(rest, _mm_mul_pd(a0, b0));
    const __m128d sum = sentilib_two_sum(c, rest, &lowest);
    const __m128d high = sentilib_two_sum(product, sum, &low);
    return _mm_add_pd(high, sentilib_odd_sum(lowest, low));
}

/* A product of two float32 is exact in float64. */
static inline __m128 sentilib_fma_ps(__m128 a, __m128 b, __m128 c)
{
    const __m128d low = _mm_mul_pd(_mm_cvtps_pd(a), _mm_cvtps_pd(b));
    const __m128d high = _mm_mul_pd(_mm_cvtps_pd(_mm_movehl_ps(a, a)),
                                    _mm_cvtps_pd(_mm_movehl_ps(b, b)));
    const __m128d first = sentilib_odd_sum(low, _mm_cvtps_pd(c));
    const __m128d second = sentilib_odd_sum(high, _mm_cvtps_pd(_mm_movehl_ps(c, c)));
    return _mm_movelh_ps(_mm_cvtpd_ps(first), _mm_cvtpd_ps(second));
}

#endif
