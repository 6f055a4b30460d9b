/*
 * Included by gru.c once for each instruction set: defines run_NAME for vectors of WIDTH floats.
 *
 * ROWS texts share the registers: three gates of ROWS texts, the weights and one state must fit. TILES groups of ROWS
 * texts are read together, so that weights are fetched once for all of them.
 */
#define JOINED(name, suffix) name##_##suffix
#define NAMED(name, suffix) JOINED(name, suffix)
#define vector NAMED(vector, NAME)
#define integers NAMED(integers, NAME)
#define chosen NAMED(chosen, NAME)
#define sigmoid NAMED(sigmoid, NAME)
#define step NAMED(step, NAME)
#define read_texts NAMED(read_texts, NAME)
#define INLINE static inline TARGET __attribute__((always_inline))
#define SLOTS (TILES * ROWS)

typedef float vector __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));
typedef int32_t integers __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));

INLINE vector chosen(integers first, vector a, vector b) {
    return (vector)((first & (integers)a) | (~first & (integers)b));
}

/*
 * 1 / (1 + exp(-x)). exp(y) = 2^n exp(r) with y = n log(2) + r, exp(r) as a Taylor polynomial; log(2) has two parts, so
 * that r is exact. The relative error is below 3e-7.
 */
INLINE vector sigmoid(vector x) {
    const vector limit = (vector){} + 87.0f;
    vector y = MINIMUM(MAXIMUM(-x, -limit), limit);
    /* Adding 1.5 * 2^23 rounds to an integer, which is then in the lowest bits. */
    vector shifted = y * 1.442695041f + 12582912.0f;
    integers n = (integers)shifted - 0x4B400000;
    vector whole = shifted - 12582912.0f;
    vector r = y - whole * 0.693359375f;
    r = r + whole * 2.12194440e-4f;
    vector p = r * (1.0f / 5040) + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r * r + r + 1.0f;
    return 1.0f / (1.0f + p * (vector)((n + 127) << 23));
}

/*
 * One word of each text. `inputs`, `maximum` and `total` have a pointer for each slot; `state` and `next` are (slots,
 * hidden). States s are stored as (s + 1) / 2. Tiles without a text are skipped.
 */
INLINE void step(
    const int hidden, const struct job *job, const int *busy, const float *const *inputs, const float *state,
    float *next, float *const *maximum, float *const *total) {
    for (int unit = 0; unit < hidden; unit += WIDTH) {
        const vector bias = *(const vector *)(job->bias + unit);
        for (int tile = 0; tile < TILES; tile++) {
            if (!busy[tile]) continue;
            const int first = tile * ROWS;
            const float *own = state + first * hidden, *weights = job->weights + (int64_t)unit * 3 * hidden;
            vector reset[ROWS], update[ROWS], candidate[ROWS];
            for (int row = 0; row < ROWS; row++) reset[row] = update[row] = candidate[row] = (vector){};
            for (int k = 0; k < hidden; k++, weights += 3 * WIDTH) {
                const vector to_reset = *(const vector *)weights;
                const vector to_update = *(const vector *)(weights + WIDTH);
                const vector to_candidate = *(const vector *)(weights + 2 * WIDTH);
#pragma GCC unroll 8
                for (int row = 0; row < ROWS; row++) {
                    const vector s = (vector){} + own[row * hidden + k];
                    reset[row] += to_reset * s;
                    update[row] += to_update * s;
                    candidate[row] += to_candidate * s;
                }
            }
#pragma GCC unroll 8
            for (int row = 0; row < ROWS; row++) {
                const int slot = first + row;
                const float *input = inputs[slot] + unit;
                const vector r = sigmoid(reset[row] + *(const vector *)input);
                const vector z = sigmoid(update[row] + *(const vector *)(input + hidden));
                const vector c = sigmoid(*(const vector *)(input + 2 * hidden) + r * (candidate[row] + bias));
                const vector s = c + z * (*(const vector *)(own + row * hidden + unit) - c);
                *(vector *)(next + slot * hidden + unit) = s;
                vector *most = (vector *)(maximum[slot] + unit);
                *most = MAXIMUM(s, *most);
                *(vector *)(total[slot] + unit) += s;
            }
        }
    }
}

INLINE void read_texts(const int hidden, const struct job *job) {
    float states[2][SLOTS * WIDEST] __attribute__((aligned(64)));
    float unused[2][WIDEST] __attribute__((aligned(64)));
    const float *inputs[SLOTS];
    float *maximum[SLOTS], *total[SLOTS];
    const int32_t *word[SLOTS];
    int64_t left[SLOTS], following = 0;
    const int ahead = job->backward ? -1 : 1;
    int now = 0;
    memset(states, 0, sizeof states);
    memset(unused, 0, sizeof unused);
    memset(left, 0, sizeof left);
    for (;;) {
        int busy[TILES] = {0}, any = 0;
        for (int slot = 0; slot < SLOTS; slot++) {
            if (left[slot] == 0 && following == job->texts) {
                inputs[slot] = job->table;
                maximum[slot] = unused[0];
                total[slot] = unused[1];
                continue;
            }
            if (left[slot] == 0) {
                left[slot] = job->length[following];
                word[slot] = job->words + job->start[following] + (job->backward ? left[slot] - 1 : 0);
                maximum[slot] = job->maximum + following * hidden;
                total[slot] = job->total + following * hidden;
                for (int k = 0; k < hidden; k++) states[now][slot * hidden + k] = 0.5f;
                following++;
            }
            inputs[slot] = job->table + (int64_t)*word[slot] * 3 * hidden;
            word[slot] += ahead;
            left[slot]--;
            busy[slot / ROWS] = any = 1;
            if (left[slot]) {
                /* A row of the table is rarely in a cache, and is needed in the next step. */
                const char *row = (const char *)(job->table + (int64_t)*word[slot] * 3 * hidden);
                for (int byte = 0; byte < 12 * hidden; byte += 64) __builtin_prefetch(row + byte);
            }
        }
        if (!any) return;
        step(hidden, job, busy, inputs, states[now], states[!now], maximum, total);
        now = !now;
    }
}

/* With a constant number of units the compiler keeps all addresses in the instructions. */
static TARGET void NAMED(run, NAME)(const struct job *job) {
    if (job->hidden == 128) read_texts(128, job);
    else read_texts(job->hidden, job);
}

#undef vector
#undef integers
#undef chosen
#undef sigmoid
#undef step
#undef read_texts
#undef JOINED
#undef NAMED
#undef INLINE
#undef SLOTS
#undef NAME
#undef TARGET
#undef WIDTH
#undef ROWS
#undef TILES
#undef MAXIMUM
#undef MINIMUM
