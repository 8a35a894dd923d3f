/* Vectors V of LANES scalars S of TYPE, f32 or f64, for the instruction set ISA.
 *
 * V_FMA(a, b, c) is a * b + c, rounded once, and V_MAX(a, b) is a > b ? a : b. OUTPUTS sums
 * of VECTORS vectors each fit into registers. V_IF_POSITIVE(a, b), a > 0 ? b : 0, is for f32. */
#include "_no_vectors.h"
#define NAME(f) SENTILIB_JOIN(f, ISA, TYPE)

#define SENTILIB_f32 1
#define SENTILIB_f64 2
#define SENTILIB_IS_(type) SENTILIB_##type
#define SENTILIB_IS(type) SENTILIB_IS_(type)

#if SENTILIB_IS(TYPE) == 1
#define S float
#define S_FMA(a, b, c) fmaf(a, b, c)
#define S_SQRT(a) sqrtf(a)
#else
#define S double
#define S_FMA(a, b, c) fma(a, b, c)
#define S_SQRT(a) sqrt(a)
#endif

#if defined(SENTILIB_AVX512)
#define OUTPUTS 4
#define VECTORS 2
#if SENTILIB_IS(TYPE) == 1
#define V __m512
#define LANES 16
#define V_LOAD(p) _mm512_loadu_ps(p)
#define V_STORE(p, v) _mm512_storeu_ps(p, v)
#define V_SET(x) _mm512_set1_ps(x)
#define V_ADD(a, b) _mm512_add_ps(a, b)
#define V_SUB(a, b) _mm512_sub_ps(a, b)
#define V_DIV(a, b) _mm512_div_ps(a, b)
#define V_SQRT(a) _mm512_sqrt_ps(a)
#define V_MUL(a, b) _mm512_mul_ps(a, b)
#define V_FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define V_MAX(a, b) _mm512_max_ps(a, b)
#define V_IF_POSITIVE(a, b) \
    _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, _mm512_setzero_ps(), _CMP_GT_OQ), b)
#else
#define V __m512d
#define LANES 8
#define V_LOAD(p) _mm512_loadu_pd(p)
#define V_STORE(p, v) _mm512_storeu_pd(p, v)
#define V_SET(x) _mm512_set1_pd(x)
#define V_ADD(a, b) _mm512_add_pd(a, b)
#define V_SUB(a, b) _mm512_sub_pd(a, b)
#define V_DIV(a, b) _mm512_div_pd(a, b)
#define V_SQRT(a) _mm512_sqrt_pd(a)
#define V_MUL(a, b) _mm512_mul_pd(a, b)
#define V_FMA(a, b, c) _mm512_fmadd_pd(a, b, c)
#define V_MAX(a, b) _mm512_max_pd(a, b)
#endif

#elif defined(SENTILIB_AVX2)
#define OUTPUTS 4
#define VECTORS 1
#if SENTILIB_IS(TYPE) == 1
#define V __m256
#define LANES 8
#define V_LOAD(p) _mm256_loadu_ps(p)
#define V_STORE(p, v) _mm256_storeu_ps(p, v)
#define V_SET(x) _mm256_set1_ps(x)
#define V_ADD(a, b) _mm256_add_ps(a, b)
#define V_SUB(a, b) _mm256_sub_ps(a, b)
#define V_DIV(a, b) _mm256_div_ps(a, b)
#define V_SQRT(a) _mm256_sqrt_ps(a)
#define V_MUL(a, b) _mm256_mul_ps(a, b)
#define V_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define V_MAX(a, b) _mm256_max_ps(a, b)
#define V_IF_POSITIVE(a, b) \
    _mm256_and_ps(_mm256_cmp_ps(a, _mm256_setzero_ps(), _CMP_GT_OQ), b)
#else
#define V __m256d
#define LANES 4
#define V_LOAD(p) _mm256_loadu_pd(p)
#define V_STORE(p, v) _mm256_storeu_pd(p, v)
#define V_SET(x) _mm256_set1_pd(x)
#define V_ADD(a, b) _mm256_add_pd(a, b)
#define V_SUB(a, b) _mm256_sub_pd(a, b)
#define V_DIV(a, b) _mm256_div_pd(a, b)
#define V_SQRT(a) _mm256_sqrt_pd(a)
#define V_MUL(a, b) _mm256_mul_pd(a, b)
#define V_FMA(a, b, c) _mm256_fmadd_pd(a, b, c)
#define V_MAX(a, b) _mm256_max_pd(a, b)
#endif

#elif defined(SENTILIB_NEON)
#define OUTPUTS 4
#define VECTORS 2
#if SENTILIB_IS(TYPE) == 1
#define V float32x4_t
#define LANES 4
#define V_LOAD(p) vld1q_f32(p)
#define V_STORE(p, v) vst1q_f32(p, v)
#define V_SET(x) vdupq_n_f32(x)
#define V_ADD(a, b) vaddq_f32(a, b)
#define V_SUB(a, b) vsubq_f32(a, b)
#define V_DIV(a, b) vdivq_f32(a, b)
#define V_SQRT(a) vsqrtq_f32(a)
#define V_MUL(a, b) vmulq_f32(a, b)
#define V_FMA(a, b, c) vfmaq_f32(c, a, b)
#define V_MAX(a, b) vbslq_f32(vcgtq_f32(a, b), a, b)
#define V_IF_POSITIVE(a, b) vbslq_f32(vcgtq_f32(a, vdupq_n_f32(0)), b, vdupq_n_f32(0))
#else
#define V float64x2_t
#define LANES 2
#define V_LOAD(p) vld1q_f64(p)
#define V_STORE(p, v) vst1q_f64(p, v)
#define V_SET(x) vdupq_n_f64(x)
#define V_ADD(a, b) vaddq_f64(a, b)
#define V_SUB(a, b) vsubq_f64(a, b)
#define V_DIV(a, b) vdivq_f64(a, b)
#define V_SQRT(a) vsqrtq_f64(a)
#define V_MUL(a, b) vmulq_f64(a, b)
#define V_FMA(a, b, c) vfmaq_f64(c, a, b)
#define V_MAX(a, b) vbslq_f64(vcgtq_f64(a, b), a, b)
#endif

#elif defined(SENTILIB_X86)
#include "_baseline_fma.h"
#define OUTPUTS 4
#define VECTORS 1
#undef S_FMA
#if SENTILIB_IS(TYPE) == 1
#define S_FMA(a, b, c) \
    _mm_cvtss_f32(sentilib_fma_ps(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c)))
#define V __m128
#define LANES 4
#define V_LOAD(p) _mm_loadu_ps(p)
#define V_STORE(p, v) _mm_storeu_ps(p, v)
#define V_SET(x) _mm_set1_ps(x)
#define V_ADD(a, b) _mm_add_ps(a, b)
#define V_SUB(a, b) _mm_sub_ps(a, b)
#define V_DIV(a, b) _mm_div_ps(a, b)
#define V_SQRT(a) _mm_sqrt_ps(a)
#define V_MUL(a, b) _mm_mul_ps(a, b)
#define V_FMA(a, b, c) sentilib_fma_ps(a, b, c)
#define V_MAX(a, b) _mm_max_ps(a, b)
#define V_IF_POSITIVE(a, b) _mm_and_ps(_mm_cmpgt_ps(a, _mm_setzero_ps()), b)
#else
#define S_FMA(a, b, c) \
    _mm_cvtsd_f64(sentilib_fma_pd(_mm_set_sd(a), _mm_set_sd(b), _mm_set_sd(c)))
#define V __m128d
#define LANES 2
#define V_LOAD(p) _mm_loadu_pd(p)
#define V_STORE(p, v) _mm_storeu_pd(p, v)
#define V_SET(x) _mm_set1_pd(x)
#define V_ADD(a, b) _mm_add_pd(a, b)
#define V_SUB(a, b) _mm_sub_pd(a, b)
#define V_DIV(a, b) _mm_div_pd(a, b)
#define V_SQRT(a) _mm_sqrt_pd(a)
#define V_MUL(a, b) _mm_mul_pd(a, b)
#define V_FMA(a, b, c) sentilib_fma_pd(a, b, c)
#define V_MAX(a, b) _mm_max_pd(a, b)
#endif

#else
#define OUTPUTS 4
#define VECTORS 1
#define V S
#define LANES 1
#define V_LOAD(p) (*(p))
#define V_STORE(p, v) (*(p) = (v))
#define V_SET(x) (x)
#define V_ADD(a, b) ((a) + (b))
#define V_SUB(a, b) ((a) - (b))
#define V_DIV(a, b) ((a) / (b))
#define V_SQRT(a) S_SQRT(a)
#define V_MUL(a, b) ((a) * (b))
#define V_FMA(a, b, c) S_FMA(a, b, c)
#define V_MAX(a, b) ((a) > (b) ? (a) : (b))
#define V_IF_POSITIVE(a, b) ((a) > 0 ? (b) : 0)
#endif

/* Add the products of n_in rows of `inputs` and of OUTPUTS columns of `taps` to `sums`, for
 * n_vectors vectors of columns; four products are summed at a time. */
SENTILIB_INLINE void NAME(multiply)(
    const S *inputs, int64_t stride, const S *taps, int64_t n_in, int64_t n_out,
    const int n_vectors, V sums[OUTPUTS][VECTORS])
{
    for (int64_t i = 0; i < n_in; i += 4) {
        const S *row = inputs + i * stride, *tap = taps + i * n_out;
        V x[4][VECTORS];
        for (int k = 0; k < 4; k++)
            for (int v = 0; v < n_vectors; v++)
                x[k][v] = V_LOAD(row + k * stride + v * LANES);
        for (int o = 0; o < OUTPUTS; o++) {
            const V t0 = V_SET(tap[o]), t1 = V_SET(tap[n_out + o]);
            const V t2 = V_SET(tap[2 * n_out + o]), t3 = V_SET(tap[3 * n_out + o]);
            for (int v = 0; v < n_vectors; v++) {
                V sum = V_FMA(t0, x[0][v], V_MUL(t1, x[1][v]));
                sum = V_FMA(t3, x[3][v], V_FMA(t2, x[2][v], sum));
                sums[o][v] = V_ADD(sums[o][v], sum);
            }
        }
    }
}
