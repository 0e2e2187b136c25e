/* test_tokenizer_trie.c - special tokens found in text: leftmost, longest, where trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "text/tokenizer_trie.h"

enum { TOKENS_MAX = 8 };

struct fixture {
    struct tokenizer_vocab v;
    struct tokenizer_trie trie;
    uint8_t flags[TOKENS_MAX];
    struct tokenizer_key prints[TOKENS_MAX];
};

/* A vocabulary by hand: texts that begin with '=' are user-defined, with '-' normal, the rest
 * control tokens. */
static void build(struct fixture *f, const char *const *texts) {
    *f = (struct fixture){.v = {.flags = f->flags, .prints = f->prints}};
    for (int i = 0; texts[i] != NULL; i++) {
        const char *text = texts[i];
        f->flags[i] = *text == '=' ? TOKENIZER_USER_DEFINED : *text == '-' ? 0 : TOKENIZER_CONTROL;
        text += *text == '=' || *text == '-';
        f->prints[i] = (struct tokenizer_key){(uint32_t)f->v.pool.len, (uint32_t)strlen(text)};
        str_add_text(&f->v.pool, text);
        f->v.size = i + 1;
    }
    struct error err = {0};
    if (!tokenizer_trie_init(&f->trie, &f->v, &err)) fail_msg("%s", err.text);
}

static void drop(struct fixture *f) {
    tokenizer_trie_deinit(&f->trie);
    str_deinit(&f->v.pool);
}

static void assert_match(const struct fixture *f, const char *text, size_t trusted, int32_t id,
                         size_t len) {
    struct tokenizer_trie_match m =
        tokenizer_trie_longest(&f->trie, &f->v, span_of(text), trusted);
    assert_int_equal(m.len, len);
    if (len > 0) assert_int_equal(m.id, id);
}

static void the_longest_token_wins(void **state) {
    (void)state;
    struct fixture f;
    build(&f, (const char *const[]){"<a", "<a>", "<ab>", "-<a>>", NULL});
    assert_match(&f, "<a>>", 9, 1, 3); /* the normal token does not count */
    assert_match(&f, "<ab", 9, 0, 2);
    assert_match(&f, "<ab>", 9, 2, 4);
    assert_match(&f, "<b>", 9, -1, 0);
    assert_match(&f, "", 0, -1, 0);
    drop(&f);
}

static void a_control_token_must_lie_in_trusted_bytes(void **state) {
    (void)state;
    struct fixture f;
    build(&f, (const char *const[]){"<a", "<a>", "=<a>!", NULL});
    assert_match(&f, "<a>", 3, 1, 3);
    assert_match(&f, "<a>", 2, 0, 2); /* the shorter one still does */
    assert_match(&f, "<a>", 1, -1, 0);
    assert_match(&f, "<a>!", 0, 2, 4); /* user-defined: anywhere */
    drop(&f);
}

static void first_bytes_are_known(void **state) {
    (void)state;
    struct fixture f;
    build(&f, (const char *const[]){"<a", "= ", "-x", "", NULL});
    assert_true(f.trie.begins_control['<'] && !f.trie.begins_user_defined['<']);
    assert_true(f.trie.begins_user_defined[' '] && !f.trie.begins_control[' ']);
    assert_false(f.trie.begins_control['x'] || f.trie.begins_user_defined['x']);
    drop(&f);
}

static void one_text_twice_is_the_lower_id(void **state) {
    (void)state;
    struct fixture f;
    build(&f, (const char *const[]){"-a", "<a>", "<a>", NULL});
    assert_match(&f, "<a>", 3, 1, 3);
    drop(&f);
}

static void a_special_token_past_the_limit_is_refused(void **state) {
    (void)state;
    char text[TOKENIZER_SPECIAL_BYTES_MAX + 2];
    memset(text, 'x', sizeof text);
    text[TOKENIZER_SPECIAL_BYTES_MAX] = 0;
    struct fixture f;
    build(&f, (const char *const[]){text, NULL});
    assert_match(&f, text, sizeof text, 0, TOKENIZER_SPECIAL_BYTES_MAX);
    f.v.prints[0].len++;
    str_add_char(&f.v.pool, 'x');
    struct tokenizer_trie trie;
    struct error err = {0};
    assert_false(tokenizer_trie_init(&trie, &f.v, &err));
    assert_int_equal(err.code, ERR_FORMAT);
    tokenizer_trie_deinit(&trie);
    drop(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_token_wins),
        cmocka_unit_test(a_control_token_must_lie_in_trusted_bytes),
        cmocka_unit_test(first_bytes_are_known),
        cmocka_unit_test(one_text_twice_is_the_lower_id),
        cmocka_unit_test(a_special_token_past_the_limit_is_refused),
    };
    return cmocka_run_group_tests_name("tokenizer_trie", tests, NULL, NULL);
}
