/* test_tokenizer_split.c - the hand-made matchers against the patterns that they stand for. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pcre2.h>
#include <stdio.h>
#include <string.h>
#include "base/random.h"
#include "text/tokenizer_pre.h"
#include "text/unicode.h"

struct ends { /* where the words end */
    const char *text;
    size_t at[600];
    int count, count_max; /* count_max > 0: stop the run there */
};

static bool note(void *arg, struct span word) {
    struct ends *e = arg;
    e->at[e->count++] = (size_t)(word.data + word.len - e->text);
    return e->count_max == 0 || e->count < e->count_max;
}

/* A character that PCRE2's database and ours class alike: their versions may differ. */
static uint32_t random_character(struct random *r) {
    static pcre2_code *known;
    static pcre2_match_data *data;
    static const char interesting[] = "'''ssStTmdDrRevEVlL  \t\n\r..,!(_0123abcXYZ";
    static const uint32_t wide[] = {0x85, 0xA0, 0x2028, 0x3000, 0x180E, 0x301, 0x200D, 0x661, 0xBD,
                                    0x4F60, 0x1F44D, 0x17F, 0x212A, 0xE0100, 0xFFFD, 0x1C5, 0x2B0};
    if (random_below(r, 2) == 0)
        return (uint8_t)interesting[random_below(r, sizeof interesting - 1)];
    if (random_below(r, 2) == 0) return wide[random_below(r, sizeof wide / sizeof wide[0])];
    if (known == NULL) {
        int error;
        PCRE2_SIZE at;
        known = pcre2_compile((PCRE2_SPTR)"([^\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}\\p{Cn}])|(\\p{L})|"
                              "(\\p{M})|(\\p{N})|(\\p{P})|(\\p{S})", PCRE2_ZERO_TERMINATED,
                              PCRE2_UTF | PCRE2_UCP, &error, &at, NULL);
        data = pcre2_match_data_create(8, NULL);
    }
    for (;;) {
        static const unsigned classes[] = {0, 0, UNICODE_LETTER, UNICODE_MARK, UNICODE_NUMBER,
                                           UNICODE_PUNCTUATION, UNICODE_SYMBOL};
        uint32_t code = (uint32_t)random_below(r, random_below(r, 4) == 0 ? 0x30000 : 0x3000);
        if (code >= 0xD800 && code <= 0xDFFF) continue;
        char bytes[4];
        size_t len = (size_t)unicode_encode(code, bytes);
        int rc = pcre2_match(known, (PCRE2_SPTR)bytes, len, 0, 0, data, NULL);
        unsigned ours = unicode_class(code) & ~(unsigned)UNICODE_SPACE;
        if (rc >= 2 && (ours & ~classes[rc - 1]) == 0 && (ours != 0) == (classes[rc - 1] != 0))
            return code;
    }
}

static size_t random_text(struct random *r, char *out, bool wrong_bytes) {
    size_t len = 0;
    int count = (int)random_below(r, 100);
    for (int i = 0; i < count; i++) {
        if (wrong_bytes && random_below(r, 6) == 0)
            out[len++] = (char)(0x80 + random_below(r, 128));
        else
            len += (size_t)unicode_encode(random_character(r), out + len);
    }
    return len;
}

static void compare(const char *name, bool wrong_bytes) {
    struct error err = {0};
    struct tokenizer_pre *fast = tokenizer_pre_open(
        &(struct tokenizer_pre_options){.name = span_of(name)}, &err);
    struct tokenizer_pre *slow = tokenizer_pre_open(
        &(struct tokenizer_pre_options){.name = span_of(name), .patterns_only = true}, &err);
    assert_non_null(fast);
    assert_non_null(slow);
    struct tokenizer_pre_scratch scratch = {0};
    struct random r;
    random_init(&r, 17);
    for (int i = 0; i < 6000; i++) {
        char text[512];
        struct span span = {text, random_text(&r, text, wrong_bytes)};
        struct ends a = {.text = text}, b = {.text = text};
        struct tokenizer_words into_a = {note, &a}, into_b = {note, &b};
        assert_true(tokenizer_pre_run(fast, &scratch, span, into_a, &err));
        assert_true(tokenizer_pre_run(slow, &scratch, span, into_b, &err));
        if (a.count != b.count || memcmp(a.at, b.at, (size_t)a.count * sizeof a.at[0]) != 0) {
            printf("%s splits differently:", name);
            for (size_t k = 0; k < span.len; k++) printf(" %02x", (uint8_t)text[k]);
            printf("\n  matcher:");
            for (int k = 0; k < a.count; k++) printf(" %zu", a.at[k]);
            printf("\n  pattern:");
            for (int k = 0; k < b.count; k++) printf(" %zu", b.at[k]);
            printf("\n");
            fail();
        }
    }
    tokenizer_pre_scratch_deinit(&scratch);
    tokenizer_pre_close(fast);
    tokenizer_pre_close(slow);
}

static const char *const families[] = {"gpt-2", "smollm", "llama-bpe", "qwen2", "qwen35",
                                       "ufakzeka"};

static void matchers_cut_random_text_as_their_patterns_do(void **state) {
    (void)state;
    for (int i = 0; i < 6; i++) compare(families[i], false);
}

static void matchers_cut_ill_formed_text_as_their_patterns_do(void **state) {
    (void)state;
    for (int i = 0; i < 6; i++) compare(families[i], true);
}

static void a_callback_can_stop_the_run(void **state) {
    (void)state;
    static const struct tokenizer_split rules[] = {
        {.family = TOKENIZER_SPLIT_GPT2},
        {.family = TOKENIZER_SPLIT_GPT2, .isolate_numbers = true},
        {.family = TOKENIZER_SPLIT_LLAMA3, .digits_max = 3, .contractions = true},
    };
    struct span text = span_of("one two 3 four 5 six");
    for (int i = 0; i < 3; i++) {
        struct ends all = {.text = text.data};
        assert_true(tokenizer_split_run(&rules[i], text, note, &all));
        assert_int_equal(all.at[all.count - 1], text.len);
        for (int stop = 1; stop <= all.count; stop++) {
            struct ends some = {.text = text.data, .count_max = stop};
            assert_false(tokenizer_split_run(&rules[i], text, note, &some));
            assert_int_equal(some.count, stop);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matchers_cut_random_text_as_their_patterns_do),
        cmocka_unit_test(matchers_cut_ill_formed_text_as_their_patterns_do),
        cmocka_unit_test(a_callback_can_stop_the_run),
    };
    return cmocka_run_group_tests_name("tokenizer_split", tests, NULL, NULL);
}
