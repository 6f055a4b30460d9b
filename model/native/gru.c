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

/* One direction of the GRU and the texts to read. Gates are in the order reset, update, candidate. */
struct job {
    const float *table;     /* (words, 3 hidden): the words' part of the gates */
    const float *weights;   /* (hidden / width, hidden, 3, width): the state's part of the gates */
    const float *bias;      /* (hidden): added to the state's part of the candidate */
    const int32_t *words;   /* the word numbers of all texts */
    const int64_t *start;   /* (texts): where a text starts in words */
    const int64_t *length;  /* (texts): its number of words, at least 1 */
    float *maximum;         /* (texts, hidden), zeros: receives the largest states */
    float *total;           /* (texts, hidden), zeros: receives the sums of states */
    int64_t texts;
    int32_t hidden;         /* a multiple of 16, at most WIDEST */
    int32_t backward;       /* 1 to read each text from its end */
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
#include "gru_step.h"

#define NAME avx2
#define TARGET __attribute__((target("avx2,fma")))
#define WIDTH 8
#define ROWS 4
#define TILES 2
#define MAXIMUM(a, b) ((vector)_mm256_max_ps((__m256)(a), (__m256)(b)))
#define MINIMUM(a, b) ((vector)_mm256_min_ps((__m256)(a), (__m256)(b)))
#include "gru_step.h"
#endif

#define NAME portable
#define TARGET
#define WIDTH 4
#define ROWS 4
#define TILES 1
#define MAXIMUM(a, b) chosen((a) > (b), (a), (b))
#define MINIMUM(a, b) chosen((a) < (b), (a), (b))
#include "gru_step.h"

/* Changes when the arguments of `run` or their meaning change: model/kernel.py uses no library of another layout. */
#define LAYOUT 1
int32_t layout(void) { return LAYOUT; }

/* The number of floats in the widest vector that this processor has code for: 16, 8 or 4. */
int32_t vector_width(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return 16;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 8;
#endif
    return 4;
}

/* Read the texts of a job with vectors of `width` floats: at most vector_width(). */
void run(const struct job *job, int32_t width) {
#if defined(__x86_64__)
    if (width == 16) {
        run_avx512(job);
        return;
    }
    if (width == 8) {
        run_avx2(job);
        return;
    }
#endif
    run_portable(job);
}
