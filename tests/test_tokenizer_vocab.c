/* test_tokenizer_vocab.c - vocabularies that are not trusted: read right, or refused with a
 * reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "mutate.h"
#include "text/tokenizer_special.h"
#include "tokenizer_fixture.h"

struct parts { /* of a vocabulary file; NULL or 0 leaves a key out */
    const char *model, *pre;
    const char *const *tokens, *const *merges;
    int token_count, merge_count;
    const int32_t *types;
    int type_count;
    const float *scores;
    int score_count;
};

static struct gguf_write *write_parts(const struct parts *p) {
    struct gguf_write *w = gguf_write_open();
    if (p->model != NULL) gguf_write_string(w, "tokenizer.ggml.model", p->model);
    if (p->pre != NULL) gguf_write_string(w, "tokenizer.ggml.pre", p->pre);
    if (p->tokens != NULL)
        gguf_write_strings(w, "tokenizer.ggml.tokens", p->tokens, p->token_count);
    if (p->merges != NULL)
        gguf_write_strings(w, "tokenizer.ggml.merges", p->merges, p->merge_count);
    if (p->types != NULL)
        gguf_write_array(w, "tokenizer.ggml.token_type", GGUF_I32, p->types, p->type_count);
    if (p->scores != NULL)
        gguf_write_array(w, "tokenizer.ggml.scores", GGUF_F32, p->scores, p->score_count);
    return w;
}

static const char *const abc[] = {"a", "b", "ab", "c"};
static const char *const ab[] = {"a b"};
static const struct parts good = {.model = "gpt2", .tokens = abc, .token_count = 4, .merges = ab,
                                  .merge_count = 1};

static void assert_refused(const struct parts *p, enum error_code code, const char *part) {
    struct error err;
    struct tokenizer *t = fixture_tokenizer(write_parts(p), &err);
    assert_null(t);
    if (err.code != code || strstr(err.text, part) == NULL)
        fail_msg("expected \"%s\", got %s: %s", part, error_code_name(err.code), err.text);
}

static void what_is_missing_or_does_not_match_is_refused(void **state) {
    (void)state;
    struct parts p = good;
    p.model = NULL;
    assert_refused(&p, ERR_FORMAT, "tokenizer.ggml.model");
    p.model = "t5";
    assert_refused(&p, ERR_UNSUPPORTED, "\"t5\"");
    assert_refused(&p, ERR_UNSUPPORTED, "gpt2");
    p = good;
    p.pre = "of-tomorrow";
    assert_refused(&p, ERR_UNSUPPORTED, "of-tomorrow");
    p = good;
    p.tokens = NULL;
    assert_refused(&p, ERR_FORMAT, "tokenizer.ggml.tokens");
    p.tokens = abc;
    p.token_count = 0;
    assert_refused(&p, ERR_FORMAT, "0 tokens");
    p = good;
    p.merges = NULL;
    assert_refused(&p, ERR_FORMAT, "tokenizer.ggml.merges");
    p = good;
    p.types = (const int32_t[]){1, 1, 1};
    p.type_count = 3;
    assert_refused(&p, ERR_FORMAT, "3 entries for 4 tokens");
    p = good;
    p.model = "llama";
    p.scores = (const float[]){1, 2, 3, 4, 5};
    p.score_count = 5;
    assert_refused(&p, ERR_FORMAT, "5 entries for 4 tokens");
}

static void a_merge_must_be_two_tokens_that_make_a_third(void **state) {
    (void)state;
    static const char *const wrong[] = {"", "a", "ab", " ab", "a ", "a  b", "x b", "a x", "b a",
                                        "a c", "a\u20ac b"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct parts p = good;
        p.merges = &wrong[i];
        assert_refused(&p, ERR_FORMAT, "merge 0");
    }
}

static void an_array_of_another_type_is_refused(void **state) {
    (void)state;
    static const char *const keys[] = {"tokenizer.ggml.tokens", "tokenizer.ggml.merges",
                                       "tokenizer.ggml.token_type"};
    static const char *const texts[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 3; i++) {
        struct parts p = good;
        if (i == 0) p.tokens = NULL;
        if (i == 1) p.merges = NULL;
        struct gguf_write *w = write_parts(&p);
        if (i < 2)
            gguf_write_array(w, keys[i], GGUF_I32, (int32_t[]){1, 2, 3, 4}, 4);
        else
            gguf_write_strings(w, keys[i], texts, 4);
        struct error err;
        assert_null(fixture_tokenizer(w, &err));
        assert_int_equal(err.code, ERR_FORMAT);
        assert_non_null(strstr(err.text, keys[i]));
    }
}

static void a_token_past_the_limit_is_refused(void **state) {
    (void)state;
    char *text = malloc(TOKENIZER_TOKEN_BYTES_MAX + 2);
    memset(text, 'a', TOKENIZER_TOKEN_BYTES_MAX + 1);
    text[TOKENIZER_TOKEN_BYTES_MAX + 1] = 0;
    const char *tokens[] = {"a", "b", "ab", text};
    struct parts p = good;
    p.tokens = tokens;
    assert_refused(&p, ERR_FORMAT, "token 3 has 16385 bytes");
    text[TOKENIZER_TOKEN_BYTES_MAX] = 0;
    struct error err;
    struct tokenizer *t = fixture_tokenizer(write_parts(&p), &err);
    assert_non_null(t);
    assert_int_equal(tokenizer_bytes(t, 3).len, TOKENIZER_TOKEN_BYTES_MAX);
    tokenizer_close(t);
    free(text);
}

static void assert_ids(const struct tokenizer *t, const char *text, const int32_t *ids, int count) {
    struct tokens out = {0};
    assert_true(tokenizer_encode(t, span_of(text), false, &out, NULL));
    assert_int_equal(out.count, count);
    if (count > 0) assert_memory_equal(out.ids, ids, (size_t)count * sizeof *ids);
    tokens_deinit(&out);
}

static void duplicates_and_empty_tokens_are_tolerated(void **state) {
    (void)state;
    static const char *const tokens[] = {"a", "b", "ab", "ab", "", ""};
    static const char *const merges[] = {"a b", "a b"};
    struct parts p = {.model = "gpt2", .tokens = tokens, .token_count = 6, .merges = merges,
                      .merge_count = 2};
    struct error err;
    struct tokenizer *t = fixture_tokenizer(write_parts(&p), &err);
    assert_non_null(t);
    assert_ids(t, "ab", (int32_t[]){2}, 1); /* the lower id */
    assert_int_equal(tokenizer_bytes(t, 3).len, 2);
    assert_int_equal(tokenizer_bytes(t, 4).len, 0);
    assert_ids(t, "axb", (int32_t[]){0, 1}, 2); /* there is no byte x: it cannot be said */
    tokenizer_close(t);
}

static void no_merge_makes_a_control_token(void **state) {
    (void)state;
    static const int32_t types[] = {1, 1, 3, 1};
    struct parts p = good;
    p.types = types;
    p.type_count = 4;
    struct error err;
    struct tokenizer *t = fixture_tokenizer(write_parts(&p), &err);
    assert_non_null(t);
    assert_ids(t, "ab", (int32_t[]){0, 1}, 2);
    tokenizer_close(t);
    p.model = "llama";
    struct gguf_write *w = write_parts(&p);
    gguf_write_bool(w, "tokenizer.ggml.add_space_prefix", false);
    t = fixture_tokenizer(w, &err);
    assert_non_null(t);
    assert_ids(t, "ab", (int32_t[]){0, 1}, 2);
    tokenizer_close(t);
}

static void scores_order_from_the_highest_and_ties_from_the_left(void **state) {
    (void)state;
    static const char *const tokens[] = {"a", "b", "c", "ab", "bc", "\u2581"};
    struct parts p = {.model = "llama", .tokens = tokens, .token_count = 6, .score_count = 6};
    static const float scores[][6] = {
        {0, 0, 0, -2, -1, 0},            /* bc before ab */
        {0, 0, 0, -1, -2, 0},            /* ab before bc */
        {0, 0, 0, -1, -1, 0},            /* a tie: the left one */
        {0, 0, 0, 0.0f, -0.0f, 0},       /* the two zeros are one */
        {0, 0, 0, -1e30f, 1e30f, 0},
    };
    static const bool left_first[] = {false, true, true, true, false};
    for (int i = 0; i < 5; i++) {
        p.scores = scores[i];
        struct gguf_write *w = write_parts(&p);
        gguf_write_bool(w, "tokenizer.ggml.add_space_prefix", false);
        struct error err;
        struct tokenizer *t = fixture_tokenizer(w, &err);
        assert_non_null(t);
        assert_ids(t, "abc", left_first[i] ? (int32_t[]){3, 2} : (int32_t[]){0, 4}, 2);
        tokenizer_close(t);
    }
}

static void all_bytes_have_their_stand_in(void **state) {
    (void)state;
    /* The small vocabulary's first tokens are the 256 bytes in order, written in stand-ins. */
    struct tokenizer *t = fixture_bpe("qwen2");
    for (int b = 0; b < 256; b++) {
        struct span bytes = tokenizer_bytes(t, b);
        assert_int_equal(bytes.len, 1);
        assert_int_equal((uint8_t)bytes.data[0], b);
    }
    tokenizer_close(t);
}

/* A damaged vocabulary gives an error or a tokenizer that works. */
static int try_damaged(const uint8_t *data, size_t bytes) {
    char path[] = "/tmp/longhaul-vocab-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, data, bytes) == (ssize_t)bytes);
    close(fd);
    struct error err = {0};
    struct gguf *g = gguf_open(path, &err);
    unlink(path);
    struct tokenizer *t = g != NULL ? tokenizer_open(g, &err) : NULL;
    gguf_close(g);
    if (t == NULL) {
        assert_int_not_equal(err.code, ERR_NONE);
        return 0;
    }
    struct tokens ids = {0};
    struct str text = {0};
    struct detokenizer d;
    detokenizer_init(&d, t, true);
    assert_true(tokenizer_encode(t, span_of("The quick <|im_end|>\n brown fox's 123 \xFF\u65E5"),
                                 true, &ids, NULL));
    for (int64_t i = 0; i < ids.count; i++) {
        assert_in_range(ids.ids[i], 0, tokenizer_vocab_size(t) - 1);
        detokenizer_add(&d, ids.ids[i], &text);
    }
    detokenizer_finish(&d, &text);
    str_deinit(&text);
    tokens_deinit(&ids);
    tokenizer_close(t);
    return 1;
}

static void damaged_vocabularies_give_an_error_or_work(void **state) {
    (void)state;
    static const char *const files[] = {"tokenizer_bpe.json", "tokenizer_spm.json"};
    int opened = 0, refused = 0;
    for (int f = 0; f < 2; f++) {
        json_t *golden = fixture_golden(files[f]);
        struct gguf_write *w = fixture_vocabulary(golden);
        struct str bytes = {0};
        assert_true(gguf_write_bytes(w, &bytes, NULL));
        gguf_write_close(w);
        json_decref(golden);
        struct mutate m;
        mutate_init(&m, &(struct mutate_options){.seed = 61 + (uint64_t)f});
        for (int i = 0; i < 300; i++) {
            size_t damaged_bytes;
            uint8_t *damaged = mutate_next(&m, (const uint8_t *)bytes.data, bytes.len,
                                           &damaged_bytes);
            int ok = try_damaged(damaged, damaged_bytes);
            opened += ok;
            refused += !ok;
            free(damaged);
        }
        str_deinit(&bytes);
    }
    assert_true(opened > 0 && refused > 0); /* both paths were walked */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_missing_or_does_not_match_is_refused),
        cmocka_unit_test(a_merge_must_be_two_tokens_that_make_a_third),
        cmocka_unit_test(an_array_of_another_type_is_refused),
        cmocka_unit_test(a_token_past_the_limit_is_refused),
        cmocka_unit_test(duplicates_and_empty_tokens_are_tolerated),
        cmocka_unit_test(no_merge_makes_a_control_token),
        cmocka_unit_test(scores_order_from_the_highest_and_ties_from_the_left),
        cmocka_unit_test(all_bytes_have_their_stand_in),
        cmocka_unit_test(damaged_vocabularies_give_an_error_or_work),
    };
    return cmocka_run_group_tests_name("tokenizer_vocab", tests, NULL, NULL);
}
