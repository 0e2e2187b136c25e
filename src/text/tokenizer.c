/* tokenizer.c - open, encode, and what a token is; see tokenizer.h.
 *
 * Encoding, from the outside in: special tokens cut the text into fragments (tokenizer_trie), a
 * fragment is cut into words (tokenizer_pre, or at spaces for SentencePiece), and a word is merged
 * into tokens (tokenizer_merge).  The only state that changes after open is the list of idle
 * scratches, under its lock. */
#include "text/tokenizer.h"
#include <pthread.h>
#include <stdlib.h>
#include "text/tokenizer_merge.h"
#include "text/tokenizer_pre.h"
#include "text/tokenizer_special.h"
#include "text/tokenizer_trie.h"
#include "text/tokenizer_vocab.h"

enum { IDLE_SCRATCHES_MAX = 16 }; /* × 512 KiB of cache each */

struct idle_scratches {
    pthread_mutex_t lock; /* guards first and count */
    struct tokenizer_scratch *first;
    int count;
};

struct tokenizer {
    struct tokenizer_vocab vocab;
    struct tokenizer_trie trie;
    struct tokenizer_pre *pre; /* NULL: SentencePiece */
    struct tokenizer_special special;
    struct tokenizer_ends ends;
    struct tokenizer_merge_options merge;
    bool add_space_prefix;
    struct idle_scratches *idle; /* behind a pointer: a const tokenizer has it, too */
};

/* ---- tokens ------------------------------------------------------------------------- */

bool tokens_add(struct tokens *t, int32_t id) {
    if (!tokenizer_merge_reserve(t, 1)) return false;
    t->ids[t->count++] = id;
    return true;
}

void tokens_deinit(struct tokens *t) {
    free(t->ids);
    *t = (struct tokens){0};
}

/* ---- open --------------------------------------------------------------------------- */

static bool read_model(const struct gguf *g, enum tokenizer_model *model, struct error *err) {
    struct span name;
    struct error mine = {0};
    if (!gguf_string(g, "tokenizer.ggml.model", &name, &mine)) {
        if (mine.code != ERR_NONE) return error_set(err, mine.code, "%s", mine.text);
        return error_set(err, ERR_FORMAT, "the file has no tokenizer (tokenizer.ggml.model)");
    }
    if (span_equal_text(name, "gpt2")) {
        *model = TOKENIZER_BPE;
        return true;
    }
    if (span_equal_text(name, "llama")) {
        *model = TOKENIZER_SPM;
        return true;
    }
    int shown = name.len < 64 ? (int)name.len : 64;
    return error_set(err, ERR_UNSUPPORTED, "the tokenizer \"%.*s\" (tokenizer.ggml.model) is not "
                     "one of ours: gpt2 (byte-level BPE), llama (SentencePiece)", shown, name.data);
}

static bool open_pre(struct tokenizer *t, const struct gguf *g, struct error *err) {
    struct tokenizer_pre_options options = {0};
    struct error mine = {0};
    if (!gguf_string(g, "tokenizer.ggml.pre", &options.name, &mine) && mine.code != ERR_NONE)
        return error_set(err, mine.code, "%s", mine.text);
    t->pre = tokenizer_pre_open(&options, err);
    if (t->pre == NULL) return false;
    t->merge.whole_words = tokenizer_pre_ignores_merges(t->pre);
    return true;
}

static bool read_vocabulary(struct tokenizer *t, const struct gguf *g, struct error *err) {
    enum tokenizer_model model;
    struct tokenizer_special_names names;
    tokenizer_special_names_init(&names);
    if (!read_model(g, &model, err)) return false;
    bool spm = model == TOKENIZER_SPM;
    if (!spm && !open_pre(t, g, err)) return false;
    bool adds_bos = spm || tokenizer_pre_adds_bos(t->pre);
    if (!tokenizer_vocab_init(&t->vocab, g, model, &names, err) ||
        !tokenizer_special_read(g, &t->vocab, &names, adds_bos, &t->special, &t->ends, err) ||
        !tokenizer_special_read_strip(g, &t->vocab, err) ||
        !tokenizer_trie_init(&t->trie, &t->vocab, err))
        return false;
    t->merge.unknown = spm ? t->special.unknown : -1;
    if (!spm) return tokenizer_vocab_read_merges(&t->vocab, g, err);
    /* tokenizer.ggml.remove_extra_whitespaces is not asked: SentencePiece models of this kind
     * ("llama") are all made without it, and code must keep its spaces. */
    struct error mine = {0};
    t->add_space_prefix = true;
    if (!gguf_bool(g, "tokenizer.ggml.add_space_prefix", &t->add_space_prefix, &mine) &&
        mine.code != ERR_NONE)
        return error_set(err, mine.code, "%s", mine.text);
    return true;
}

struct tokenizer *tokenizer_open(const struct gguf *g, struct error *err) {
    struct tokenizer *t = calloc(1, sizeof *t);
    struct idle_scratches *idle = calloc(1, sizeof *idle);
    if (t == NULL || idle == NULL) {
        free(t);
        free(idle);
        error_set(err, ERR_MEMORY, "no memory for the tokenizer");
        return NULL;
    }
    pthread_mutex_init(&idle->lock, NULL);
    t->idle = idle;
    if (read_vocabulary(t, g, err)) return t;
    tokenizer_close(t);
    return NULL;
}

void tokenizer_close(struct tokenizer *t) {
    if (t == NULL) return;
    while (t->idle->first != NULL) {
        struct tokenizer_scratch *s = t->idle->first;
        t->idle->first = s->next;
        tokenizer_merge_scratch_close(s);
    }
    pthread_mutex_destroy(&t->idle->lock);
    free(t->idle);
    tokenizer_trie_deinit(&t->trie);
    tokenizer_vocab_deinit(&t->vocab);
    tokenizer_pre_close(t->pre);
    free(t);
}

/* ---- what a token is ---------------------------------------------------------------- */

static bool has_flag(const struct tokenizer *t, int32_t id, unsigned flags) {
    return id >= 0 && id < t->vocab.size && (t->vocab.flags[id] & flags) != 0;
}

int tokenizer_vocab_size(const struct tokenizer *t) {
    return t->vocab.size;
}

const struct tokenizer_special *tokenizer_special(const struct tokenizer *t) {
    return &t->special;
}

bool tokenizer_is_end(const struct tokenizer *t, int32_t id) {
    return has_flag(t, id, TOKENIZER_END);
}

bool tokenizer_is_control(const struct tokenizer *t, int32_t id) {
    return has_flag(t, id, TOKENIZER_CONTROL | TOKENIZER_UNKNOWN);
}

const int32_t *tokenizer_ends(const struct tokenizer *t, int *count) {
    *count = t->ends.count;
    return t->ends.ids;
}

struct span tokenizer_bytes(const struct tokenizer *t, int32_t id) {
    struct span nothing = {"", 0};
    if (id < 0 || id >= t->vocab.size) return nothing;
    const unsigned shown = TOKENIZER_CONTROL | TOKENIZER_USER_DEFINED | TOKENIZER_UNKNOWN;
    if (has_flag(t, id, TOKENIZER_UNUSED) && !has_flag(t, id, shown)) return nothing;
    return tokenizer_vocab_text(&t->vocab, t->vocab.prints[id]);
}

int32_t tokenizer_find_special(const struct tokenizer *t, const char *text) {
    struct span whole = span_of(text);
    struct tokenizer_trie_match m = tokenizer_trie_longest(&t->trie, &t->vocab, whole, whole.len);
    return m.len == whole.len ? m.id : -1;
}

bool tokenizer_adds_space(const struct tokenizer *t) {
    return t->add_space_prefix;
}

/* ---- encode ------------------------------------------------------------------------- */

static struct tokenizer_scratch *borrow_scratch(const struct tokenizer *t) {
    pthread_mutex_lock(&t->idle->lock);
    struct tokenizer_scratch *s = t->idle->first;
    if (s != NULL) {
        t->idle->first = s->next;
        t->idle->count--;
    }
    pthread_mutex_unlock(&t->idle->lock);
    return s != NULL ? s : tokenizer_merge_scratch_open();
}

static void return_scratch(const struct tokenizer *t, struct tokenizer_scratch *s) {
    tokenizer_merge_scratch_shrink(s);
    pthread_mutex_lock(&t->idle->lock);
    bool keep = t->idle->count < IDLE_SCRATCHES_MAX;
    if (keep) {
        s->next = t->idle->first;
        t->idle->first = s;
        t->idle->count++;
    }
    pthread_mutex_unlock(&t->idle->lock);
    if (!keep) tokenizer_merge_scratch_close(s);
}

struct encoding { /* one call */
    const struct tokenizer *t;
    struct tokenizer_scratch *s;
    struct tokens *out;
    struct error *err;
};

static bool no_memory(struct encoding *e) {
    return error_set(e->err, ERR_MEMORY, "no memory to tokenise the text");
}

static bool encode_word(void *arg, struct span word) {
    struct encoding *e = arg;
    return tokenizer_merge_word(&e->t->vocab, e->s, &e->t->merge, word, e->out) || no_memory(e);
}

/* SentencePiece has no words: merges may cross everything that some token crosses.  But where a
 * byte is never followed by a "▁" within a token, nothing merges across the two, and the text may
 * be cut there.  That gives words for the cache, and the ids of the whole. */
static bool encode_escaped(struct encoding *e, struct span text) {
    size_t begin = 0, at = 1;
    while (at + 3 <= text.len) {
        const char *mark = memchr(text.data + at, 0xE2, text.len - at - 2);
        if (mark == NULL) break;
        at = (size_t)(mark - text.data);
        bool cut = mark[1] == (char)0x96 && mark[2] == (char)0x81 &&
                   !e->t->vocab.joins[(uint8_t)mark[-1]];
        if (cut) {
            if (!encode_word(e, (struct span){text.data + begin, at - begin})) return false;
            begin = at;
        }
        at++;
    }
    return encode_word(e, (struct span){text.data + begin, text.len - begin});
}

static bool encode_spm(struct encoding *e, struct span text, bool space_in_front) {
    struct str *escaped = &e->s->escaped;
    str_clear(escaped);
    if (space_in_front) str_add_text(escaped, "\u2581");
    for (size_t at = 0; at < text.len;) {
        const char *space = memchr(text.data + at, ' ', text.len - at);
        size_t end = space == NULL ? text.len : (size_t)(space - text.data);
        str_add(escaped, text.data + at, end - at);
        if (space != NULL) str_add_text(escaped, "\u2581");
        at = end + (space != NULL);
    }
    if (escaped->failed) return no_memory(e);
    return encode_escaped(e, (struct span){escaped->data, escaped->len});
}

/* Text between two special tokens; after_special: directly behind one, or at the very front. */
static bool encode_fragment(struct encoding *e, struct span text, bool after_special) {
    if (text.len == 0) return true;
    if (e->t->pre == NULL) return encode_spm(e, text, after_special && e->t->add_space_prefix);
    struct tokenizer_words words = {encode_word, e};
    return tokenizer_pre_run(e->t->pre, &e->s->pre, text, words, e->err);
}

/* Walks over the pieces beside the text: how far the bytes from a position on are trusted. */
struct trust {
    const struct tokenizer_piece *pieces;
    int count, next;   /* the next piece to look at */
    size_t until;      /* the end of the stretch that the pieces before it make up */
    bool trusted;      /* what that stretch is */
};

static size_t trusted_from(struct trust *r, size_t at) {
    while (at >= r->until && r->next < r->count) {
        r->trusted = r->pieces[r->next].trusted;
        for (; r->next < r->count; r->next++) {
            const struct tokenizer_piece *p = &r->pieces[r->next];
            if (p->trusted != r->trusted && p->text.len > 0) break;
            r->until += p->text.len;
        }
    }
    return r->trusted && at < r->until ? r->until - at : 0;
}

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool encode_text(struct encoding *e, struct span text, struct trust *trust) {
    const struct tokenizer *t = e->t;
    size_t begin = 0, at = 0;
    bool after_special = true;
    while (at < text.len) {
        uint8_t first = (uint8_t)text.data[at];
        if (!t->trie.begins_control[first] && !t->trie.begins_user_defined[first]) {
            at++;
            continue;
        }
        struct span rest = {text.data + at, text.len - at};
        size_t trusted = trusted_from(trust, at);
        struct tokenizer_trie_match m = {0};
        if (trusted > 0 || t->trie.begins_user_defined[first])
            m = tokenizer_trie_longest(&t->trie, &t->vocab, rest, trusted);
        if (m.len == 0) {
            at++;
            continue;
        }
        if (!encode_fragment(e, (struct span){text.data + begin, at - begin}, after_special))
            return false;
        if (!tokens_add(e->out, m.id)) return no_memory(e);
        after_special = true;
        at += m.len;
        if (t->vocab.flags[m.id] & TOKENIZER_STRIPS_RIGHT)
            while (at < text.len && is_space(text.data[at])) at++;
        begin = at;
    }
    return encode_fragment(e, (struct span){text.data + begin, text.len - begin}, after_special);
}

static bool encode(const struct tokenizer *t, struct span text, struct trust *trust,
                   struct tokenizer_scratch *s, struct tokens *out, struct error *err) {
    struct encoding e = {t, s, out, err};
    int64_t before = out->count;
    if (encode_text(&e, text, trust)) return true;
    out->count = before;
    return false;
}

static bool too_long(size_t len, struct error *err) {
    return error_set(err, ERR_ARGUMENT, "a text of %zu bytes is too long to tokenise; at most %d",
                     len, TOKENIZER_TEXT_BYTES_MAX);
}

bool tokenizer_encode(const struct tokenizer *t, struct span text, bool parse_special,
                      struct tokens *out, struct error *err) {
    if (text.len > TOKENIZER_TEXT_BYTES_MAX) return too_long(text.len, err);
    struct tokenizer_scratch *s = borrow_scratch(t);
    if (s == NULL) return error_set(err, ERR_MEMORY, "no memory to tokenise the text");
    struct tokenizer_piece whole = {text, parse_special};
    struct trust trust = {.pieces = &whole, .count = 1};
    bool ok = encode(t, text, &trust, s, out, err);
    return_scratch(t, s);
    return ok;
}

bool tokenizer_encode_pieces(const struct tokenizer *t, const struct tokenizer_piece *pieces,
                             int piece_count, struct tokens *out, struct error *err) {
    size_t len = 0;
    for (int i = 0; i < piece_count; i++) {
        if (pieces[i].text.len > TOKENIZER_TEXT_BYTES_MAX - len)
            return too_long(len + pieces[i].text.len, err);
        len += pieces[i].text.len;
    }
    struct tokenizer_scratch *s = borrow_scratch(t);
    if (s == NULL) return error_set(err, ERR_MEMORY, "no memory to tokenise the text");
    str_clear(&s->joined);
    str_reserve(&s->joined, len);
    for (int i = 0; i < piece_count; i++)
        str_add(&s->joined, pieces[i].text.data, pieces[i].text.len);
    bool ok = false;
    if (s->joined.failed) {
        error_set(err, ERR_MEMORY, "no memory to join a prompt of %zu bytes", len);
    } else {
        struct trust trust = {.pieces = pieces, .count = piece_count};
        struct span text = {s->joined.data != NULL ? s->joined.data : "", len};
        ok = encode(t, text, &trust, s, out, err);
    }
    return_scratch(t, s);
    return ok;
}
