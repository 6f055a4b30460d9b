/*
 * The logits of character n-grams: the sum of the weights of a text's pairs and triples of characters, divided by the
 * square root of their number. model/ngrams.py computes the same in NumPy.
 */

/* The n-grams of so many characters are looked up together: their entries are rarely in a cache. */
#define BLOCK 64

/* KeyTable in model/ngrams.py. */
struct key_table {
    const uint32_t *entries;    /* (places, 2): key and weight; the last key is the largest one */
    int32_t shift;              /* the bits of a key that are not part of its place */
};

/* The finaliser of splitmix64. Keys are ordered as signed numbers. */
static uint32_t hash(uint64_t codes) {
    codes = (codes ^ (codes >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    codes = (codes ^ (codes >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)(codes ^ (codes >> 31)) ^ UINT32_C(0x80000000);
}

static float find(const struct key_table *table, uint32_t key) {
    const uint32_t *entry = table->entries + 2 * (int64_t)(key >> table->shift);
    float weight = 0;
    while (entry[0] < key) entry += 2;
    if (entry[0] == key) memcpy(&weight, entry + 1, sizeof weight);
    return weight;
}

/* Add the weights of the n-grams that start at the characters from `start` to before `end` of a text. */
static double add_block(
    const struct key_table *table, const uint32_t *characters, int64_t length, int64_t start, int64_t end) {
    uint32_t keys[2 * BLOCK];
    int count = 0;
    double sum = 0;
    for (int64_t place = start; place < end && place + 1 < length; place++) {
        const uint64_t pair = (uint64_t)characters[place] << 21 | characters[place + 1];
        keys[count++] = hash(pair);
        if (place + 2 < length) keys[count++] = hash(pair << 21 | characters[place + 2]);
    }
    for (int key = 0; key < count; key++) __builtin_prefetch(table->entries + 2 * (int64_t)(keys[key] >> table->shift));
    for (int key = 0; key < count; key++) sum += find(table, keys[key]);
    return sum;
}

/* Compute the logits (texts) of texts of `lengths` code points (texts), which follow one another in `characters`. */
void ngram_logits(
    const struct key_table *table, const uint32_t *characters, const int64_t *lengths, int64_t texts, float *logits) {
    for (int64_t text = 0; text < texts; text++) {
        const int64_t length = lengths[text], count = 2 * length - 3;
        double sum = 0;
        for (int64_t start = 0; start < length; start += BLOCK) {
            const int64_t end = start + BLOCK < length ? start + BLOCK : length;
            sum += add_block(table, characters, length, start, end);
        }
        logits[text] = (float)(sum / __builtin_sqrt(count > 1 ? (double)count : 1.0));
        characters += length;
    }
}
