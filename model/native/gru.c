/*
 * The recurrence of the GRU for the inference network (model/inference.py, model/kernel.py).
 *
 * Texts are read side by side, a few in the processor's registers. When one ends, the next one takes its place, so no
 * time is spent on padding. Every state is computed in the same order whatever the number of texts: the result for a
 * text does not depend on the other texts.
 *
 * gru_step.h contains the code once; it is compiled for each instruction set, and the caller chooses one at run time.
 */
#include <stdint.h>
#include <string.h>

/* The widest GRU, in units per direction. A multiple of the widest vector. */
#define WIDEST 512

/*
 * One direction of the GRU. Gates are in the order reset, update, candidate. A gate is 1 / (1 + 2^t), where t is the
 * sum of the words' and the state's part.
 */
struct direction {
    const float *table;     /* (words, 3 hidden): the words' part of the gates */
    const void *weights;    /* the state's part of the gates: floats (hidden / width, hidden, 3, width), or with bfloat16
                               products bfloat16 (hidden / width, hidden / 2, 3, width, 2) */
    const float *bias;      /* (hidden): added to the state's part of the candidate */
    const float *output;    /* (2, hidden): the weights of the largest and of the mean state in the logit */
};

struct network {
    struct direction directions[2]; /* forward, backward */
    int64_t words;                  /* the number of rows of a table */
    int32_t hidden;                 /* a multiple of 16, at most WIDEST */
    float bias;                     /* of the logit */
    int32_t bfloat16;               /* 1 for bfloat16 products: only if has_bfloat16() */
};

/* The texts to read, whose words follow one another. */
struct job {
    const int32_t *words;   /* (count): the word numbers of all texts */
    const int64_t *length;  /* (texts): the number of words of each text */
    const int64_t *order;   /* (texts): the texts to read, from the last to the first of this array */
    int64_t *start;         /* (texts): receives where a text starts in words */
    float *logits;          /* (texts): receives the logits */
    int64_t texts, count;
};

#if defined(__x86_64__)
#include <immintrin.h>

#define NAME avx512
#define TARGET __attribute__((target("avx512f")))
#define WIDTH 16
#define ROWS 8
#define TILES 2
#define MAXIMUM(a, b) ((vector)_mm512_max_ps((__m512)(a), (__m512)(b)))
#define MINIMUM(a, b) ((vector)_mm512_min_ps((__m512)(a), (__m512)(b)))

/*
 * 2^t = 2^n 2^(i/16) 2^f with an integer n, i from 0 to 15 and |f| of at most 1/32: a lookup in a register and a
 * polynomial of degree 2, which minimises the largest relative error. It is below 5e-7.
 */
static inline TARGET __attribute__((always_inline)) __m512 power_by_lookup(__m512 t) {
    const __m512 sixteenths = _mm512_setr_ps(
        1.0f, 1.04427378f, 1.09050773f, 1.13878863f, 1.18920712f, 1.24185781f, 1.29683955f, 1.35425555f,
        1.41421356f, 1.47682615f, 1.54221083f, 1.61049033f, 1.68179283f, 1.75625216f, 1.83400809f, 1.91520656f);
    /* Adding 1.5 * 2^19 rounds to sixteenths: i is then in the lowest bits. */
    const __m512 shifted = t + 786432.0f, rounded = shifted - 786432.0f, f = t - rounded;
    const __m512 p = (f * 0.24022643f + 0.69318772f) * f + 1.0f;
    return _mm512_scalef_ps(p * _mm512_permutexvar_ps(_mm512_castps_si512(shifted), sixteenths), rounded);
}
#define POWER(t) ((vector)power_by_lookup((__m512)(t)))
#define BFLOAT16 0
#include "gru_step.h"

/* Older compilers do not know these instructions. */
#if __GNUC__ >= 12 || (defined(__clang_major__) && __clang_major__ >= 16)
#define WITH_BFLOAT16 1
#define NAME avx512_bfloat16
#define TARGET __attribute__((target("avx512f,avx512bf16")))
#define WIDTH 16
#define ROWS 8
#define TILES 2
#define MAXIMUM(a, b) ((vector)_mm512_max_ps((__m512)(a), (__m512)(b)))
#define MINIMUM(a, b) ((vector)_mm512_min_ps((__m512)(a), (__m512)(b)))
#define POWER(t) ((vector)power_by_lookup((__m512)(t)))
#define BFLOAT16 1
/* 0.5 as bfloat16. */
#define HALF 0x3F00
#include "gru_step.h"
#endif

#define NAME avx2
#define TARGET __attribute__((target("avx2,fma")))
#define WIDTH 8
#define ROWS 4
#define TILES 2
#define MAXIMUM(a, b) ((vector)_mm256_max_ps((__m256)(a), (__m256)(b)))
#define MINIMUM(a, b) ((vector)_mm256_min_ps((__m256)(a), (__m256)(b)))
#define POWER(t) power(t)
#define BFLOAT16 0
#include "gru_step.h"
#endif

#define NAME portable
#define TARGET
#define WIDTH 4
#define ROWS 4
#define TILES 1
#define MAXIMUM(a, b) chosen((a) > (b), (a), (b))
#define MINIMUM(a, b) chosen((a) < (b), (a), (b))
#define POWER(t) power(t)
#define BFLOAT16 0
#include "gru_step.h"

#include "ngrams.h"

/* Changes when the arguments of a function or their meaning change. model/kernel.py accepts no other layout. */
#define LAYOUT 3
int32_t layout(void) { return LAYOUT; }

/* The number of floats in the widest vector that this processor has code for: 16, 8 or 4. */
int32_t vector_width(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return 16;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 8;
#endif
    return 4;
}

/* Whether this processor has code for bfloat16 products. */
int32_t has_bfloat16(void) {
#ifdef WITH_BFLOAT16
    return vector_width() == 16 && __builtin_cpu_supports("avx512bf16");
#else
    return 0;
#endif
}

/* What is wrong with a job: the results of `run`. */
enum { NOTHING, TEXTS, WORDS };

static int32_t check(const struct network *network, const struct job *job) {
    int64_t end = 0;
    for (int64_t text = 0; text < job->texts; text++) {
        job->start[text] = end;
        if (job->length[text] < 1 || job->length[text] > job->count - end) return TEXTS;
        end += job->length[text];
    }
    int outside = 0;
    for (int64_t place = 0; place < job->count; place++) {
        const int32_t word = job->words[place];
        outside |= word < 0 || word >= network->words;
    }
    return outside ? WORDS : NOTHING;
}

/* Compute the logits of a job's texts with vectors of `width` floats: at most vector_width(). */
int32_t run(const struct network *network, int32_t width, const struct job *job) {
    const int32_t wrong = check(network, job);
    if (wrong != NOTHING) return wrong;
    for (int64_t text = 0; text < job->texts; text++) job->logits[text] = network->bias;
    for (int backward = 0; backward < 2; backward++) {
#if defined(__x86_64__)
#ifdef WITH_BFLOAT16
        if (network->bfloat16) {
            run_avx512_bfloat16(network, backward, job);
            continue;
        }
#endif
        if (width == 16) {
            run_avx512(network, backward, job);
            continue;
        }
        if (width == 8) {
            run_avx2(network, backward, job);
            continue;
        }
#endif
        run_portable(network, backward, job);
    }
    return NOTHING;
}
