/* tokenizer_vocab.c - reading the vocabulary; see tokenizer_vocab.h.
 *
 * Keys: tokenizer.ggml.tokens, token_type, scores, merges (docs/gguf.md of ggml).  Types are
 * SentencePiece's: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. */
#include "text/tokenizer_vocab.h"
#include <math.h>
#include <stdlib.h>
#include "base/random.h"
#include "text/tokenizer_special.h"

static const char space_mark[] = "\u2581"; /* "▁", how SentencePiece writes a space: 3 bytes */

/* ---- GPT-2's printable stand-ins for bytes -------------------------------------------
 *
 * The 188 bytes that print in Latin-1 stand for themselves, the other 68 in order for U+0100 to
 * U+0143: 00-20 (33), 7F-A0 (34), AD. */

enum { STAND_INS_FIRST = 0x100, STAND_INS_LAST = 0x143 };

static int byte_of_code(uint32_t code) {
    if ((code >= 0x21 && code <= 0x7E) || (code >= 0xA1 && code <= 0xFF && code != 0xAD))
        return (int)code;
    if (code < STAND_INS_FIRST || code > STAND_INS_LAST) return -1;
    int nth = (int)code - STAND_INS_FIRST;
    if (nth < 33) return nth;
    return nth < 67 ? 0x7F + nth - 33 : 0xAD;
}

/* text as raw bytes; out has room for text.len.  -1: it is not written in stand-ins. */
static int64_t decode_stand_ins(struct span text, char *out) {
    int64_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t lead = (uint8_t)text.data[i];
        uint32_t code = lead;
        if (lead >= 0x80) { /* all stand-ins take two bytes: C2 to C5 and one more */
            if (lead < 0xC2 || lead > 0xC5 || i + 1 == text.len) return -1;
            uint8_t next = (uint8_t)text.data[++i];
            if ((next & 0xC0) != 0x80) return -1;
            code = (uint32_t)(lead & 0x1F) << 6 | (next & 0x3F);
        }
        int byte = byte_of_code(code);
        if (byte < 0) return -1;
        out[len++] = (char)byte;
    }
    return len;
}

/* ---- tables ------------------------------------------------------------------------- */

/* A power of two that leaves a third or more of the table free. */
static uint64_t table_size(int64_t entries) {
    uint64_t size = 16;
    while (size < (uint64_t)entries + (uint64_t)entries / 2) size *= 2;
    return size;
}

/* Two tokens with one text: the first is found, as the lower id was in every file seen. */
static void index_token(struct tokenizer_vocab *v, int32_t id) {
    struct span text = tokenizer_vocab_text(v, v->keys[id]);
    uint64_t hash = tokenizer_vocab_hash(v, text);
    uint32_t tag = (uint32_t)(hash >> 32);
    uint64_t at = hash & v->slot_mask;
    for (; v->slots[at].id >= 0; at = (at + 1) & v->slot_mask) {
        if (v->slots[at].tag != tag) continue;
        if (span_equal(tokenizer_vocab_text(v, v->keys[v->slots[at].id]), text)) return;
    }
    v->slots[at] = (struct tokenizer_slot){tag, id};
}

static bool index_tokens(struct tokenizer_vocab *v, struct error *err) {
    uint64_t size = table_size(v->size);
    v->slots = malloc(size * sizeof *v->slots);
    if (v->slots == NULL)
        return error_set(err, ERR_MEMORY, "no memory for an index of %d tokens", v->size);
    memset(v->slots, 0xFF, size * sizeof *v->slots); /* every id -1 */
    v->slot_mask = size - 1;
    for (int32_t id = 0; id < v->size; id++)
        if (v->keys[id].len > 0) index_token(v, id);
    return true;
}

/* ---- tokens ------------------------------------------------------------------------- */

static struct tokenizer_key pool_add(struct tokenizer_vocab *v, struct span text) {
    struct tokenizer_key key = {(uint32_t)v->pool.len, (uint32_t)text.len};
    str_add(&v->pool, text.data, text.len);
    return key;
}

/* "<0x41>", how SentencePiece writes a byte; -1 where it is not one. */
static int byte_token_value(struct span text) {
    if (text.len != 6 || memcmp(text.data, "<0x", 3) != 0 || text.data[5] != '>') return -1;
    int value = 0;
    for (int i = 3; i < 5; i++) {
        char c = text.data[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                           : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Text with each "▁" as a space; out has room for text.len. */
static size_t spaces_for_marks(struct span text, char *out) {
    size_t len = 0;
    for (size_t i = 0; i < text.len;) {
        if (text.len - i >= 3 && memcmp(text.data + i, space_mark, 3) == 0) {
            out[len++] = ' ';
            i += 3;
        } else {
            out[len++] = text.data[i++];
        }
    }
    return len;
}

static void add_spm_token(struct tokenizer_vocab *v, int32_t id, struct span text, char *buffer) {
    unsigned flags = v->flags[id];
    int byte = flags & TOKENIZER_BYTE ? byte_token_value(text) : -1;
    if (byte >= 0) { /* found by its byte, never by its text */
        char value = (char)byte;
        v->prints[id] = pool_add(v, (struct span){&value, 1});
        if (v->byte_ids[byte] < 0) v->byte_ids[byte] = id;
        return;
    }
    if (flags & (TOKENIZER_CONTROL | TOKENIZER_UNKNOWN)) { /* never made from pieces of text */
        v->prints[id] = pool_add(v, text);
        return;
    }
    v->keys[id] = pool_add(v, text);
    size_t len = spaces_for_marks(text, buffer);
    if ((flags & TOKENIZER_USER_DEFINED) || len == text.len)
        v->prints[id] = v->keys[id];
    else
        v->prints[id] = pool_add(v, (struct span){buffer, len});
    for (size_t i = 1; i + 3 <= text.len; i++)
        if (memcmp(text.data + i, space_mark, 3) == 0) v->joins[(uint8_t)text.data[i - 1]] = true;
}

static void add_bpe_token(struct tokenizer_vocab *v, int32_t id, struct span text, char *buffer) {
    unsigned flags = v->flags[id];
    int64_t len = decode_stand_ins(text, buffer);
    if (len >= 0) v->keys[id] = pool_add(v, (struct span){buffer, (size_t)len});
    int byte = flags & TOKENIZER_BYTE ? byte_token_value(text) : -1;
    if (byte >= 0) {
        char value = (char)byte;
        v->prints[id] = pool_add(v, (struct span){&value, 1});
    } else if (flags & (TOKENIZER_CONTROL | TOKENIZER_USER_DEFINED | TOKENIZER_UNKNOWN)) {
        bool same = (size_t)len == text.len && memcmp(buffer, text.data, text.len) == 0;
        v->prints[id] = same ? v->keys[id] : pool_add(v, text);
    } else {
        v->prints[id] = len >= 0 ? v->keys[id] : pool_add(v, text);
    }
}

static uint8_t flags_of_type(double type) {
    switch (type >= 0 && type < 16 ? (int)type : 0) {
    case 2: return TOKENIZER_UNKNOWN;
    case 3: return TOKENIZER_CONTROL;
    case 4: return TOKENIZER_USER_DEFINED;
    case 5: return TOKENIZER_UNUSED;
    case 6: return TOKENIZER_BYTE;
    default: return 0;
    }
}

/* An array that must have one number a token; without the key *found stays false. */
static bool read_numbers(const struct tokenizer_vocab *v, const struct gguf *g, const char *key,
                         struct gguf_array *out, bool *found, struct error *err) {
    struct error mine = {0};
    *found = false;
    if (!gguf_array(g, key, out, &mine))
        return mine.code == ERR_NONE || error_set(err, mine.code, "%s", mine.text);
    if (out->type == GGUF_STRING || out->type == GGUF_ARRAY)
        return error_set(err, ERR_FORMAT, "%s: is no array of numbers", key);
    if (out->count != v->size)
        return error_set(err, ERR_FORMAT, "%s: %lld entries for %d tokens", key,
                         (long long)out->count, v->size);
    *found = true;
    return true;
}

static bool read_types(struct tokenizer_vocab *v, const struct gguf *g, struct error *err) {
    struct gguf_array types;
    bool found;
    if (!read_numbers(v, g, "tokenizer.ggml.token_type", &types, &found, err)) return false;
    for (int32_t id = 0; found && id < v->size; id++)
        v->flags[id] = flags_of_type(gguf_array_number(&types, id));
    return true;
}

/* Scores as integers whose order is that of merging: the highest score is the lowest rank.  The
 * bits of a float order like an integer once the sign is dealt with. */
static uint32_t rank_of_score(float score) {
    if (score == 0 || isnan(score)) score = 0; /* -0 is 0, and a NaN must order somehow */
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    uint32_t ascending = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return ~ascending;
}

static bool read_scores(struct tokenizer_vocab *v, const struct gguf *g, struct error *err) {
    struct gguf_array scores;
    bool found;
    if (!read_numbers(v, g, "tokenizer.ggml.scores", &scores, &found, err)) return false;
    v->ranks = calloc((size_t)v->size, sizeof *v->ranks);
    if (v->ranks == NULL)
        return error_set(err, ERR_MEMORY, "no memory for the scores of %d tokens", v->size);
    for (int32_t id = 0; id < v->size; id++)
        v->ranks[id] = rank_of_score(found ? (float)gguf_array_number(&scores, id) : 0);
    return true;
}

static bool read_tokens(struct tokenizer_vocab *v, const struct gguf_array *tokens,
                        struct tokenizer_special_names *names, struct error *err) {
    char *buffer = malloc(TOKENIZER_TOKEN_BYTES_MAX);
    if (buffer == NULL) return error_set(err, ERR_MEMORY, "no memory for the vocabulary");
    bool ok = false;
    int64_t offset = 0;
    struct span text;
    str_reserve(&v->pool, (size_t)tokens->bytes);
    for (int32_t id = 0; id < v->size; id++) {
        if (!gguf_array_next_string(tokens, &offset, &text)) {
            error_set(err, ERR_FORMAT, "tokenizer.ggml.tokens: ends at token %d of %d", id,
                      v->size);
            goto done;
        }
        if (text.len > TOKENIZER_TOKEN_BYTES_MAX) {
            error_set(err, ERR_FORMAT, "tokenizer.ggml.tokens: token %d has %zu bytes; at most %d",
                      id, text.len, TOKENIZER_TOKEN_BYTES_MAX);
            goto done;
        }
        tokenizer_special_note(names, text, id);
        if (v->model == TOKENIZER_SPM)
            add_spm_token(v, id, text, buffer);
        else
            add_bpe_token(v, id, text, buffer);
    }
    ok = !v->pool.failed || error_set(err, ERR_MEMORY, "no memory for the text of %d tokens "
                                      "(%d bytes at most)", v->size, TOKENIZER_POOL_BYTES_MAX);
done:
    free(buffer);
    return ok;
}

static bool read_vocabulary_arrays(struct tokenizer_vocab *v, const struct gguf *g,
                                   struct gguf_array *tokens, struct error *err) {
    struct error mine = {0};
    if (!gguf_array(g, "tokenizer.ggml.tokens", tokens, &mine)) {
        if (mine.code != ERR_NONE) return error_set(err, mine.code, "%s", mine.text);
        return error_set(err, ERR_FORMAT, "the file has no vocabulary (tokenizer.ggml.tokens)");
    }
    if (tokens->type != GGUF_STRING)
        return error_set(err, ERR_FORMAT, "tokenizer.ggml.tokens: is no array of strings");
    if (tokens->count < 1 || tokens->count > TOKENIZER_VOCAB_MAX)
        return error_set(err, ERR_FORMAT, "tokenizer.ggml.tokens: %lld tokens; 1 to %d can be",
                         (long long)tokens->count, TOKENIZER_VOCAB_MAX);
    v->size = (int)tokens->count;
    v->flags = calloc((size_t)v->size, sizeof *v->flags);
    v->keys = calloc((size_t)v->size, sizeof *v->keys);
    v->prints = calloc((size_t)v->size, sizeof *v->prints);
    if (v->flags == NULL || v->keys == NULL || v->prints == NULL)
        return error_set(err, ERR_MEMORY, "no memory for a vocabulary of %d tokens", v->size);
    return true;
}

bool tokenizer_vocab_init(struct tokenizer_vocab *v, const struct gguf *g,
                          enum tokenizer_model model, struct tokenizer_special_names *names,
                          struct error *err) {
    *v = (struct tokenizer_vocab){.model = model, .seed = random_entropy()};
    v->pool.len_max = TOKENIZER_POOL_BYTES_MAX;
    for (int i = 0; i < 256; i++) v->byte_ids[i] = -1;
    struct gguf_array tokens;
    if (!read_vocabulary_arrays(v, g, &tokens, err) || !read_types(v, g, err) ||
        !read_tokens(v, &tokens, names, err) || !index_tokens(v, err))
        return false;
    if (model == TOKENIZER_SPM && !read_scores(v, g, err)) return false;
    for (int byte = 0; byte < 256; byte++) { /* SPM: a byte without "<0x..>" may be a character */
        char value = (char)byte;
        if (v->byte_ids[byte] < 0)
            v->byte_ids[byte] = tokenizer_vocab_find_plain(v, (struct span){&value, 1});
    }
    return true;
}

void tokenizer_vocab_deinit(struct tokenizer_vocab *v) {
    free(v->flags);
    free(v->keys);
    free(v->prints);
    free(v->ranks);
    free(v->slots);
    free(v->pairs);
    str_deinit(&v->pool);
    *v = (struct tokenizer_vocab){0};
}

/* ---- merges ------------------------------------------------------------------------- */

static void add_pair(struct tokenizer_vocab *v, struct tokenizer_pair pair) {
    uint64_t at = tokenizer_vocab_pair_hash(v, pair.ids) & v->pair_mask;
    for (; v->pairs[at].ids != UINT64_MAX; at = (at + 1) & v->pair_mask)
        if (v->pairs[at].ids == pair.ids) return; /* said twice: the first rank counts */
    v->pairs[at] = pair;
}

/* One merge, "left right" in stand-ins; buffer has room for it. */
static bool add_merge(struct tokenizer_vocab *v, struct span merge, uint32_t rank, char *buffer,
                      struct error *err) {
    /* A stand-in is never a space, so the first space behind a character divides. */
    const char *space = merge.len > 1 ? memchr(merge.data + 1, ' ', merge.len - 1) : NULL;
    int shown = merge.len < 80 ? (int)merge.len : 80;
    if (space == NULL)
        return error_set(err, ERR_FORMAT, "tokenizer.ggml.merges: merge %u (\"%.*s\") is not two "
                         "tokens with a space between them", rank, shown, merge.data);
    struct span left = {merge.data, (size_t)(space - merge.data)};
    struct span right = {space + 1, merge.len - left.len - 1};
    int64_t left_len = decode_stand_ins(left, buffer);
    int64_t right_len = left_len < 0 ? -1 : decode_stand_ins(right, buffer + left_len);
    int32_t left_id = -1, right_id = -1, merged = -1;
    if (left_len > 0 && right_len > 0) {
        size_t ll = (size_t)left_len, rl = (size_t)right_len;
        left_id = tokenizer_vocab_find(v, (struct span){buffer, ll});
        right_id = tokenizer_vocab_find(v, (struct span){buffer + ll, rl});
        merged = tokenizer_vocab_find(v, (struct span){buffer, ll + rl});
    }
    if (left_id < 0 || right_id < 0 || merged < 0)
        return error_set(err, ERR_FORMAT, "tokenizer.ggml.merges: merge %u (\"%.*s\") names a "
                         "token that the vocabulary does not have", rank, shown, merge.data);
    if (v->flags[merged] & (TOKENIZER_CONTROL | TOKENIZER_UNKNOWN))
        return true; /* text must not become a control token by merging */
    add_pair(v, (struct tokenizer_pair){
        .ids = (uint64_t)(uint32_t)left_id << 32 | (uint32_t)right_id,
        .rank = rank, .merged = merged});
    return true;
}

static bool add_merges(struct tokenizer_vocab *v, const struct gguf_array *merges,
                       struct error *err) {
    enum { MERGE_BYTES_MAX = 2 * TOKENIZER_TOKEN_BYTES_MAX + 1 };
    char *buffer = malloc(MERGE_BYTES_MAX);
    if (buffer == NULL) return error_set(err, ERR_MEMORY, "no memory for the merges");
    int64_t offset = 0;
    struct span merge;
    bool ok = true;
    for (uint32_t rank = 0; ok && gguf_array_next_string(merges, &offset, &merge); rank++) {
        if (merge.len > MERGE_BYTES_MAX)
            ok = error_set(err, ERR_FORMAT, "tokenizer.ggml.merges: merge %u has %zu bytes; at "
                           "most %d", rank, merge.len, MERGE_BYTES_MAX);
        else
            ok = add_merge(v, merge, rank, buffer, err);
    }
    free(buffer);
    return ok;
}

bool tokenizer_vocab_read_merges(struct tokenizer_vocab *v, const struct gguf *g,
                                 struct error *err) {
    struct gguf_array merges;
    struct error mine = {0};
    if (!gguf_array(g, "tokenizer.ggml.merges", &merges, &mine)) {
        if (mine.code != ERR_NONE) return error_set(err, mine.code, "%s", mine.text);
        return error_set(err, ERR_FORMAT, "the vocabulary has no merges (tokenizer.ggml.merges)");
    }
    if (merges.type != GGUF_STRING && merges.count > 0)
        return error_set(err, ERR_FORMAT, "tokenizer.ggml.merges: is no array of strings");
    if (merges.count > TOKENIZER_MERGES_MAX)
        return error_set(err, ERR_FORMAT, "tokenizer.ggml.merges: %lld merges; at most %d",
                         (long long)merges.count, TOKENIZER_MERGES_MAX);
    uint64_t size = table_size(merges.count);
    v->pairs = malloc(size * sizeof *v->pairs);
    if (v->pairs == NULL)
        return error_set(err, ERR_MEMORY, "no memory for %lld merges", (long long)merges.count);
    memset(v->pairs, 0xFF, size * sizeof *v->pairs); /* every pair free */
    v->pair_mask = size - 1;
    return add_merges(v, &merges, err);
}
