/* test_tokenizer_merge.c - merging against the definition of it, done naively; the cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "base/random.h"
#include "text/tokenizer_merge.h"
#include "text/tokenizer_special.h"
#include "text/unicode.h"
#include "tokenizer_fixture.h"

static void open_vocab(struct tokenizer_vocab *v, const char *golden_name, bool spm) {
    json_t *golden = fixture_golden(golden_name);
    struct error err;
    struct gguf *g = fixture_save(fixture_vocabulary(golden), &err);
    struct tokenizer_special_names names;
    struct tokenizer_special special;
    struct tokenizer_ends ends;
    tokenizer_special_names_init(&names);
    bool ok = g != NULL &&
              tokenizer_vocab_init(v, g, spm ? TOKENIZER_SPM : TOKENIZER_BPE, &names, &err) &&
              tokenizer_special_read(g, v, &names, false, &special, &ends, &err) &&
              (spm || tokenizer_vocab_read_merges(v, g, &err));
    if (!ok) fail_msg("%s", err.text);
    gguf_close(g);
    json_decref(golden);
}

struct naive { /* symbols of a word, in a plain list */
    int32_t ids[3000];
    size_t starts[3001];
    int count;
};

static uint32_t rank_of(const struct tokenizer_vocab *v, const struct naive *n, const char *word,
                        int i, int32_t *merged) {
    if (v->model == TOKENIZER_BPE) {
        const struct tokenizer_pair *pair = tokenizer_vocab_pair(v, n->ids[i], n->ids[i + 1]);
        *merged = pair != NULL ? pair->merged : -1;
        return pair != NULL ? pair->rank : UINT32_MAX;
    }
    *merged = tokenizer_vocab_find(v, (struct span){word + n->starts[i],
                                                    n->starts[i + 2] - n->starts[i]});
    return *merged >= 0 ? v->ranks[*merged] : UINT32_MAX;
}

/* The definition: find the leftmost pair of the lowest rank, merge it, begin again. */
static void merge_naively(const struct tokenizer_vocab *v, struct span word, struct naive *n) {
    n->count = 0;
    for (size_t at = 0; at < word.len;) {
        uint32_t code;
        struct span rest = {word.data + at, word.len - at};
        int len = v->model == TOKENIZER_BPE ? 1 : unicode_decode(rest, &code);
        if (len <= 0) len = 1;
        n->starts[n->count] = at;
        n->ids[n->count++] = v->model == TOKENIZER_BPE
                                 ? v->byte_ids[(uint8_t)word.data[at]]
                                 : tokenizer_vocab_find(v, (struct span){rest.data, (size_t)len});
        at += (size_t)len;
    }
    n->starts[n->count] = word.len;
    for (;;) {
        uint32_t lowest = UINT32_MAX;
        int best = -1;
        int32_t merged, into = -1;
        for (int i = 0; i + 1 < n->count; i++) {
            uint32_t rank = rank_of(v, n, word.data, i, &merged);
            if (rank >= lowest) continue;
            lowest = rank;
            best = i;
            into = merged;
        }
        if (best < 0) return;
        n->ids[best] = into;
        for (int i = best + 1; i < n->count; i++) {
            n->ids[i] = n->ids[i + 1];
            n->starts[i] = n->starts[i + 1];
        }
        n->starts[--n->count] = word.len;
    }
}

static struct tokens expected_ids(const struct tokenizer_vocab *v, struct span word) {
    static struct naive n;
    struct tokens out = {0};
    merge_naively(v, word, &n);
    for (int i = 0; i < n.count; i++) {
        if (n.ids[i] >= 0) {
            tokens_add(&out, n.ids[i]);
            continue;
        }
        for (size_t at = n.starts[i]; at < n.starts[i + 1]; at++)
            tokens_add(&out, v->byte_ids[(uint8_t)word.data[at]]);
    }
    return out;
}

/* Text in which much merges: pieces of the training text, now and then a random byte. */
static size_t random_word(struct random *r, char *out, size_t wanted) {
    static const char source[] = "return the quick brown fox's tokenizer_encode(text) 1234567 "
                                 "\u4F60\u597D\u65E5\u672C \u041F\u0440\u0438\u0432\u0435\u0442 "
                                 "\u00e9\u00bd    \u2581\u2581the\u2581quick\n\n";
    size_t len = 0;
    while (len < wanted) {
        size_t from = random_below(r, sizeof source - 1), take = 1 + random_below(r, 12);
        if (take > sizeof source - 1 - from) take = sizeof source - 1 - from;
        if (take > wanted - len) take = wanted - len;
        memcpy(out + len, source + from, take);
        len += take;
        if (len < wanted && random_below(r, 10) == 0) out[len++] = (char)random_below(r, 256);
    }
    return len;
}

static void check_words(const struct tokenizer_vocab *v) {
    struct tokenizer_scratch *s = tokenizer_merge_scratch_open();
    struct tokenizer_merge_options options = {.unknown = -1};
    struct random r;
    random_init(&r, 51);
    for (int i = 0; i < 3000; i++) {
        /* Around the sizes where the cache ends and where the heap begins, and far beyond. */
        char word[2048];
        size_t wanted = i % 10 == 9 ? 1000 : 1 + random_below(&r, 90);
        struct span text = {word, random_word(&r, word, wanted)};
        struct tokens out = {0}, expected = expected_ids(v, text);
        for (int again = 0; again < 2; again++) { /* the second time from the cache */
            out.count = 0;
            assert_true(tokenizer_merge_word(v, s, &options, text, &out));
            assert_int_equal(out.count, expected.count);
            assert_memory_equal(out.ids, expected.ids, (size_t)out.count * sizeof *out.ids);
        }
        tokens_deinit(&out);
        tokens_deinit(&expected);
    }
    tokenizer_merge_scratch_close(s);
}

static void bytes_merge_as_the_definition_says(void **state) {
    (void)state;
    struct tokenizer_vocab v;
    open_vocab(&v, "tokenizer_bpe.json", false);
    check_words(&v);
    tokenizer_vocab_deinit(&v);
}

static void characters_merge_as_the_definition_says(void **state) {
    (void)state;
    struct tokenizer_vocab v;
    open_vocab(&v, "tokenizer_spm.json", true);
    check_words(&v);
    tokenizer_vocab_deinit(&v);
}

static void a_whole_word_is_taken_where_merges_are_ignored(void **state) {
    (void)state;
    struct tokenizer_vocab v;
    open_vocab(&v, "tokenizer_bpe.json", false);
    struct tokenizer_scratch *s = tokenizer_merge_scratch_open();
    struct tokenizer_merge_options options = {.unknown = -1};
    struct span word = span_of(" quick"); /* a token that no merge makes */
    struct tokens out = {0};
    assert_true(tokenizer_merge_word(&v, s, &options, word, &out));
    assert_true(out.count > 1);
    tokenizer_merge_scratch_close(s);
    s = tokenizer_merge_scratch_open(); /* a cache of its own: it belongs to one tokenizer */
    options.whole_words = true;
    out.count = 0;
    assert_true(tokenizer_merge_word(&v, s, &options, word, &out));
    assert_int_equal(out.count, 1);
    assert_int_equal(out.ids[0], tokenizer_vocab_find(&v, word));
    /* But never a control token, though its text is a word. */
    out.count = 0;
    assert_true(tokenizer_merge_word(&v, s, &options, span_of("<|im_end|>"), &out));
    assert_true(out.count > 1);
    tokens_deinit(&out);
    tokenizer_merge_scratch_close(s);
    tokenizer_vocab_deinit(&v);
}

static void a_word_past_the_limit_is_cut_between_characters(void **state) {
    (void)state;
    struct tokenizer_vocab v;
    open_vocab(&v, "tokenizer_spm.json", true);
    struct tokenizer_scratch *s = tokenizer_merge_scratch_open();
    struct tokenizer_merge_options options = {.unknown = -1};
    /* Three bytes a character that is a token, shifted by one: the limit lies within one. */
    size_t len = 2 * (size_t)TOKENIZER_WORD_BYTES_MAX;
    char *word = malloc(len + 3);
    word[0] = '!';
    for (size_t i = 1; i < len; i += 3) memcpy(word + i, "\u4F60", 3);
    size_t characters = (len - 1 + 2) / 3;
    struct tokens out = {0};
    struct span text = {word, 1 + characters * 3};
    assert_true(tokenizer_merge_word(&v, s, &options, text, &out));
    assert_int_equal(out.count, 1 + characters); /* no bytes of a torn character */
    tokenizer_merge_scratch_shrink(s);
    assert_int_equal(s->symbol_capacity, 0);
    free(word);
    tokens_deinit(&out);
    tokenizer_merge_scratch_close(s);
    tokenizer_merge_scratch_close(NULL);
    tokenizer_vocab_deinit(&v);
}

static void bytes_without_a_token_are_the_unknown_one(void **state) {
    (void)state;
    struct tokenizer_vocab v;
    open_vocab(&v, "tokenizer_spm.json", true);
    v.byte_ids[0xFF] = -1;
    struct tokenizer_scratch *s = tokenizer_merge_scratch_open();
    struct tokens out = {0};
    struct tokenizer_merge_options options = {.unknown = 0};
    assert_true(tokenizer_merge_word(&v, s, &options, span_of("\xFF\xFF"), &out));
    assert_int_equal(out.count, 2);
    assert_int_equal(out.ids[0], 0);
    tokens_deinit(&out);
    tokenizer_merge_scratch_close(s);
    tokenizer_vocab_deinit(&v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_merge_as_the_definition_says),
        cmocka_unit_test(characters_merge_as_the_definition_says),
        cmocka_unit_test(a_whole_word_is_taken_where_merges_are_ignored),
        cmocka_unit_test(a_word_past_the_limit_is_cut_between_characters),
        cmocka_unit_test(bytes_without_a_token_are_the_unknown_one),
    };
    return cmocka_run_group_tests_name("tokenizer_merge", tests, NULL, NULL);
}
