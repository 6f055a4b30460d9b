/*
 * Included by gru.c once for each instruction set: defines run_NAME for vectors of WIDTH floats.
 *
 * ROWS texts share the registers: three gates of ROWS texts, the weights and one state must fit. TILES groups of ROWS
 * texts are read together, so that weights are fetched once for all of them. Each text has a slot in a group.
 */
#define JOINED(name, suffix) name##_##suffix
#define NAMED(name, suffix) JOINED(name, suffix)
#define vector NAMED(vector, NAME)
#define integers NAMED(integers, NAME)
#define reading NAMED(reading, NAME)
#define chosen NAMED(chosen, NAME)
#define power NAMED(power, NAME)
#define limited NAMED(limited, NAME)
#define multiply NAMED(multiply, NAME)
#define store NAMED(store, NAME)
#define step_tile NAMED(step_tile, NAME)
#define step NAMED(step, NAME)
#define first_word NAMED(first_word, NAME)
#define begin NAMED(begin, NAME)
#define finish NAMED(finish, NAME)
#define move NAMED(move, NAME)
#define read_texts NAMED(read_texts, NAME)
#define INLINE static inline TARGET __attribute__((always_inline))
#define SLOTS (TILES * ROWS)

typedef float vector __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));
typedef int32_t integers __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));

/* The texts that are being read, each in a slot. The arrays of floats are (SLOTS, hidden). */
struct reading {
    /* States s are stored as (s + 1) / 2. A step reads one of the arrays and writes the other one. */
    float states[2][SLOTS * WIDEST] __attribute__((aligned(64)));
#if BFLOAT16
    uint16_t rounded[2][SLOTS * WIDEST] __attribute__((aligned(64))); /* the states as bfloat16, for the products */
#endif
    float maximum[SLOTS * WIDEST] __attribute__((aligned(64)));
    float total[SLOTS * WIDEST] __attribute__((aligned(64)));
    const float *inputs[SLOTS]; /* the word's row of the table */
    const float *soon[SLOTS];   /* the row in the next step */
    const int32_t *word[SLOTS];
    int64_t left[SLOTS];        /* the words that are left */
    int64_t text[SLOTS];
    int64_t then[SLOTS];        /* the text that takes the place, or -1 */
    int busy;                   /* the slots with a text: the first ones */
    int now;                    /* the states to read */
};

INLINE vector chosen(integers first, vector a, vector b) {
    return (vector)((first & (integers)a) | (~first & (integers)b));
}

/*
 * 2^t = 2^n 2^f with an integer n and |f| of at most 1/2, for t that is limited. The polynomial of 2^f minimises the
 * largest relative error. It is below 2e-7.
 */
INLINE vector power(vector t) {
    /* Adding 1.5 * 2^23 rounds to an integer, which is then in the lowest bits. A shift adds it to the exponent. */
    const vector shifted = t + 12582912.0f, f = t - (shifted - 12582912.0f);
    vector p = f * 0.00132647288f + 0.00967151318f;
    p = p * f + 0.0555073374f;
    p = p * f + 0.240222421f;
    p = p * f + 0.693146978f;
    p = p * f + 1.0f;
    return (vector)((integers)p + ((integers)shifted << 23));
}

/* The product of two powers of limited exponents does not overflow, and 2^-60 does not change a sum with 1. */
INLINE vector limited(vector t) {
    const vector limit = (vector){} + 60.0f;
    return MINIMUM(MAXIMUM(t, -limit), limit);
}

/*
 * The products of the states of up to `rows` texts, from the slot `first` on, with the weights of a vector of units.
 */
INLINE void multiply(
    const int rows, const int hidden, const struct direction *direction, const struct reading *slots, const int first,
    const int unit, vector *reset, vector *update, vector *candidate) {
#pragma GCC unroll 8
    for (int row = 0; row < rows; row++) reset[row] = update[row] = candidate[row] = (vector){};
#if BFLOAT16
    /* An instruction adds the products of two states with two weights. */
    const uint16_t *own = slots->rounded[slots->now] + first * hidden;
    const uint16_t *weights = (const uint16_t *)direction->weights + (int64_t)unit * 3 * hidden;
    for (int k = 0; k < hidden; k += 2, weights += 6 * WIDTH) {
        const __m512bh to_reset = (__m512bh)_mm512_loadu_si512(weights);
        const __m512bh to_update = (__m512bh)_mm512_loadu_si512(weights + 2 * WIDTH);
        const __m512bh to_candidate = (__m512bh)_mm512_loadu_si512(weights + 4 * WIDTH);
#pragma GCC unroll 8
        for (int row = 0; row < rows; row++) {
            int32_t pair;
            memcpy(&pair, own + row * hidden + k, sizeof pair);
            const __m512bh s = (__m512bh)_mm512_set1_epi32(pair);
            reset[row] = (vector)_mm512_dpbf16_ps((__m512)reset[row], to_reset, s);
            update[row] = (vector)_mm512_dpbf16_ps((__m512)update[row], to_update, s);
            candidate[row] = (vector)_mm512_dpbf16_ps((__m512)candidate[row], to_candidate, s);
        }
    }
#else
    const float *own = slots->states[slots->now] + first * hidden;
    const float *weights = (const float *)direction->weights + (int64_t)unit * 3 * hidden;
    for (int k = 0; k < hidden; k++, weights += 3 * WIDTH) {
        const vector to_reset = *(const vector *)weights;
        const vector to_update = *(const vector *)(weights + WIDTH);
        const vector to_candidate = *(const vector *)(weights + 2 * WIDTH);
#pragma GCC unroll 8
        for (int row = 0; row < rows; row++) {
            const vector s = (vector){} + own[row * hidden + k];
            reset[row] += to_reset * s;
            update[row] += to_update * s;
            candidate[row] += to_candidate * s;
        }
    }
#endif
}

/* Store the states of a vector of units from `place` on, for the next step. */
INLINE void store(struct reading *slots, const int place, const vector s) {
    *(vector *)(slots->states[!slots->now] + place) = s;
#if BFLOAT16
    _mm256_storeu_si256(
        (__m256i *)(slots->rounded[!slots->now] + place), (__m256i)_mm512_cvtneps_pbh((__m512)s));
#endif
}

/*
 * One word of up to `rows` texts, from the slot `first` on, for the units of a vector.
 *
 * With gates r = 1 / (1 + 2^a), z = 1 / (1 + 2^b) and candidate c = 1 / (1 + 2^d), the new state is
 * c + z (s - c) = (s (1 + 2^d) + 2^b) / ((1 + 2^b) (1 + 2^d)): one division.
 */
INLINE void step_tile(
    const int rows, const int hidden, const struct direction *direction, struct reading *slots, const int first,
    const int unit) {
    const float *own = slots->states[slots->now] + first * hidden;
    const vector bias = *(const vector *)(direction->bias + unit);
    vector reset[ROWS], update[ROWS], candidate[ROWS];
    if (unit / WIDTH < rows) {
        /* A row of the table is rarely in a cache. It is needed in the next step. Requests for all rows at once would
         * delay the weights. */
        const float *soon = slots->soon[first + unit / WIDTH];
        for (int place = 0; place < 3 * hidden; place += 16) __builtin_prefetch(soon + place);
    }
    multiply(rows, hidden, direction, slots, first, unit, reset, update, candidate);
#pragma GCC unroll 8
    for (int row = 0; row < rows; row++) {
        const float *input = slots->inputs[first + row] + unit;
        const int place = (first + row) * hidden + unit;
        const vector open = 1.0f + POWER(limited(reset[row] + *(const vector *)input));
        const vector b = POWER(limited(update[row] + *(const vector *)(input + hidden)));
        const vector d = POWER(limited(*(const vector *)(input + 2 * hidden) + (candidate[row] + bias) / open));
        const vector s = (*(const vector *)(own + row * hidden + unit) * (1.0f + d) + b) / ((1.0f + b) * (1.0f + d));
        vector *most = (vector *)(slots->maximum + place);
        store(slots, place, s);
        *most = MAXIMUM(s, *most);
        *(vector *)(slots->total + place) += s;
    }
}

/* One word of each text. The last group of texts may be smaller. */
INLINE void step(const int hidden, const struct direction *direction, struct reading *slots) {
    for (int unit = 0; unit < hidden; unit += WIDTH) {
        for (int first = 0; first < slots->busy; first += ROWS) {
            const int rows = slots->busy - first;
            if (rows <= ROWS / 4) step_tile(ROWS / 4, hidden, direction, slots, first, unit);
            else if (rows <= ROWS / 2) step_tile(ROWS / 2, hidden, direction, slots, first, unit);
            else step_tile(ROWS, hidden, direction, slots, first, unit);
        }
    }
    slots->now = !slots->now;
}

/* The first word of a text, in reading order. */
INLINE const int32_t *first_word(const struct job *job, const int backward, const int64_t text) {
    return job->words + job->start[text] + (backward ? job->length[text] - 1 : 0);
}

/* Put a text into a slot. */
INLINE void begin(
    const int hidden, const struct job *job, const int backward, struct reading *slots, const int slot,
    const int64_t text) {
    float *state = slots->states[slots->now] + slot * hidden;
    slots->text[slot] = text;
    slots->left[slot] = job->length[text];
    slots->word[slot] = first_word(job, backward, text);
    for (int k = 0; k < hidden; k++) state[k] = 0.5f;
#if BFLOAT16
    for (int k = 0; k < hidden; k++) slots->rounded[slots->now][slot * hidden + k] = HALF;
#endif
    memset(slots->maximum + slot * hidden, 0, sizeof(float) * hidden);
    memset(slots->total + slot * hidden, 0, sizeof(float) * hidden);
}

/* Add the direction's part of the logit of the text in a slot. */
INLINE void finish(
    const int hidden, const struct direction *direction, const struct job *job, struct reading *slots, const int slot) {
    const float *maximum = slots->maximum + slot * hidden, *total = slots->total + slot * hidden;
    const int64_t text = slots->text[slot];
    const float share = 1.0f / (float)job->length[text];
    vector sums = {};
    for (int unit = 0; unit < hidden; unit += WIDTH) {
        sums += *(const vector *)(maximum + unit) * *(const vector *)(direction->output + unit);
        sums += *(const vector *)(total + unit) * share * *(const vector *)(direction->output + hidden + unit);
    }
    float logit = 0;
    for (int lane = 0; lane < WIDTH; lane++) logit += sums[lane];
    job->logits[text] += logit;
}

/* Move a text into the slot of one that has ended. */
INLINE void move(const int hidden, struct reading *slots, const int from, const int to) {
    const size_t size = sizeof(float) * hidden;
    slots->text[to] = slots->text[from];
    slots->left[to] = slots->left[from];
    slots->word[to] = slots->word[from];
    slots->soon[to] = slots->soon[from];
    memcpy(slots->states[slots->now] + to * hidden, slots->states[slots->now] + from * hidden, size);
#if BFLOAT16
    memcpy(slots->rounded[slots->now] + to * hidden, slots->rounded[slots->now] + from * hidden, size / 2);
#endif
    memcpy(slots->maximum + to * hidden, slots->maximum + from * hidden, size);
    memcpy(slots->total + to * hidden, slots->total + from * hidden, size);
}

INLINE void read_texts(const int hidden, const struct network *network, const int backward, const struct job *job) {
    const struct direction *direction = &network->directions[backward];
    const int64_t row = 3 * hidden;
    int64_t following = job->texts;
    struct reading slots;
    slots.busy = slots.now = 0;
    for (int k = 0; k < SLOTS * hidden; k++) slots.states[0][k] = slots.states[1][k] = 0.5f;
#if BFLOAT16
    for (int k = 0; k < SLOTS * hidden; k++) slots.rounded[0][k] = slots.rounded[1][k] = HALF;
#endif
    for (int slot = 0; slot < SLOTS; slot++) slots.inputs[slot] = slots.soon[slot] = direction->table;
    while (slots.busy < SLOTS && following > 0) {
        begin(hidden, job, backward, &slots, slots.busy, job->order[--following]);
        slots.soon[slots.busy] = direction->table + *slots.word[slots.busy] * row;
        slots.busy++;
    }
    while (slots.busy) {
        for (int slot = 0; slot < slots.busy; slot++) {
            slots.inputs[slot] = slots.soon[slot];
            if (--slots.left[slot]) {
                slots.word[slot] += backward ? -1 : 1;
                slots.soon[slot] = direction->table + *slots.word[slot] * row;
            } else if (following > 0) {
                slots.then[slot] = job->order[--following];
                slots.soon[slot] = direction->table + *first_word(job, backward, slots.then[slot]) * row;
            } else {
                slots.then[slot] = -1;
            }
        }
        step(hidden, direction, &slots);
        for (int slot = slots.busy - 1; slot >= 0; slot--) {
            if (slots.left[slot]) continue;
            finish(hidden, direction, job, &slots, slot);
            if (slots.then[slot] >= 0) begin(hidden, job, backward, &slots, slot, slots.then[slot]);
            else if (--slots.busy != slot) move(hidden, &slots, slots.busy, slot);
        }
    }
}

/* With a constant number of units the compiler keeps all addresses in the instructions. */
static TARGET void NAMED(run, NAME)(const struct network *network, const int backward, const struct job *job) {
    if (network->hidden == 128) read_texts(128, network, backward, job);
    else read_texts(network->hidden, network, backward, job);
}

#undef vector
#undef integers
#undef reading
#undef chosen
#undef power
#undef limited
#undef multiply
#undef store
#undef step_tile
#undef step
#undef first_word
#undef begin
#undef finish
#undef move
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
#undef POWER
#undef BFLOAT16
