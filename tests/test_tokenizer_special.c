/* test_tokenizer_special.c - which tokens begin, end and fill in, by metadata and by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "tokenizer_fixture.h"

enum { TOKENS_MAX = 16 };

/* A byte-level vocabulary of given tokens, all of type `type`; the caller adds keys. */
static struct gguf_write *vocabulary(const char *const *tokens, int32_t type) {
    int count = 0;
    int32_t types[TOKENS_MAX];
    while (tokens[count] != NULL) types[count++] = type;
    struct gguf_write *w = gguf_write_open();
    gguf_write_string(w, "tokenizer.ggml.model", "gpt2");
    gguf_write_strings(w, "tokenizer.ggml.tokens", tokens, count);
    gguf_write_array(w, "tokenizer.ggml.token_type", GGUF_I32, types, count);
    gguf_write_strings(w, "tokenizer.ggml.merges", NULL, 0);
    return w;
}

static struct tokenizer *open_or_fail(struct gguf_write *w) {
    struct error err;
    struct tokenizer *t = fixture_tokenizer(w, &err);
    if (t == NULL) fail_msg("%s", err.text);
    return t;
}

static void metadata_names_the_special_tokens(void **state) {
    (void)state;
    static const char *const tokens[] = {"a", "b", "c", "d", "e", NULL};
    struct gguf_write *w = vocabulary(tokens, 1);
    gguf_write_integer(w, "tokenizer.ggml.bos_token_id", GGUF_U32, 0);
    gguf_write_integer(w, "tokenizer.ggml.eos_token_id", GGUF_U32, 1);
    gguf_write_integer(w, "tokenizer.ggml.eot_token_id", GGUF_I32, 2);
    gguf_write_integer(w, "tokenizer.ggml.eom_token_id", GGUF_U32, 3);
    gguf_write_integer(w, "tokenizer.ggml.padding_token_id", GGUF_U32, 4);
    gguf_write_integer(w, "tokenizer.ggml.unknown_token_id", GGUF_U32, 4);
    gguf_write_integer(w, "tokenizer.ggml.fim_pre_token_id", GGUF_U32, 3);
    gguf_write_integer(w, "tokenizer.ggml.prefix_token_id", GGUF_U32, 0);
    gguf_write_integer(w, "tokenizer.ggml.suffix_token_id", GGUF_U32, 1);
    gguf_write_bool(w, "tokenizer.ggml.add_bos_token", true);
    struct tokenizer *t = open_or_fail(w);
    const struct tokenizer_special *s = tokenizer_special(t);
    assert_int_equal(s->bos, 0);
    assert_int_equal(s->eos, 1);
    assert_int_equal(s->eot, 2);
    assert_int_equal(s->padding, 4);
    assert_int_equal(s->unknown, 4);
    assert_int_equal(s->fim_prefix, 3); /* the newer key, though the older is there, too */
    assert_int_equal(s->fim_suffix, 1); /* the older where there is no newer */
    assert_int_equal(s->fim_middle, -1);
    assert_true(s->add_bos);
    assert_false(s->add_eos);
    int count;
    const int32_t *ends = tokenizer_ends(t, &count);
    assert_int_equal(count, 3);
    for (int i = 0; i < count; i++) assert_true(tokenizer_is_end(t, ends[i]));
    assert_true(tokenizer_is_end(t, 1) && tokenizer_is_end(t, 2) && tokenizer_is_end(t, 3));
    assert_false(tokenizer_is_end(t, 0));
    tokenizer_close(t);
}

static void well_known_names_stand_in_for_metadata(void **state) {
    (void)state;
    static const char *const tokens[] = {"a", "<|endoftext|>", "<|im_end|>", "<|fim_prefix|>",
                                         "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>",
                                         "<|file_sep|>", "<|fim_pad|>", "<|other|>", NULL};
    struct tokenizer *t = open_or_fail(vocabulary(tokens, 1)); /* all typed as normal */
    const struct tokenizer_special *s = tokenizer_special(t);
    assert_int_equal(s->bos, -1);
    assert_int_equal(s->eos, -1);
    assert_int_equal(s->eot, 2); /* both end; ChatML's comes first in the table */
    assert_int_equal(s->fim_prefix, 3);
    assert_int_equal(s->fim_suffix, 4);
    assert_int_equal(s->fim_middle, 5);
    assert_int_equal(s->fim_repo, 6);
    assert_int_equal(s->fim_separator, 7);
    assert_int_equal(s->fim_pad, 8);
    static const bool ends[] = {0, 1, 1, 0, 0, 0, 1, 1, 1, 0};
    static const bool controls[] = {0, 1, 1, 1, 1, 1, 1, 1, 1, 0};
    for (int id = 0; id < 10; id++) {
        assert_int_equal(tokenizer_is_end(t, id), ends[id]);
        assert_int_equal(tokenizer_is_control(t, id), controls[id]);
    }
    tokenizer_close(t);
}

static void names_with_letters_outside_ascii_are_known(void **state) {
    (void)state;
    static const char *const tokens[] = {"a", "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
                                         "<\uFF5Cfim\u2581begin\uFF5C>", NULL};
    struct tokenizer *t = open_or_fail(vocabulary(tokens, 3));
    assert_true(tokenizer_is_end(t, 1));
    assert_int_equal(tokenizer_special(t)->fim_prefix, 2);
    assert_int_equal(tokenizer_find_special(t, tokens[1]), 1);
    tokenizer_close(t);
}

static void an_id_past_the_vocabulary_counts_as_none(void **state) {
    (void)state;
    static const char *const tokens[] = {"a", "</s>", NULL};
    struct gguf_write *w = vocabulary(tokens, 1);
    gguf_write_integer(w, "tokenizer.ggml.bos_token_id", GGUF_U32, 2);
    gguf_write_integer(w, "tokenizer.ggml.eos_token_id", GGUF_U32, UINT32_MAX);
    gguf_write_bool(w, "tokenizer.ggml.add_bos_token", true);
    gguf_write_bool(w, "tokenizer.ggml.add_eos_token", true);
    struct tokenizer *t = open_or_fail(w);
    assert_int_equal(tokenizer_special(t)->bos, -1);
    assert_int_equal(tokenizer_special(t)->eos, -1);
    assert_false(tokenizer_special(t)->add_bos); /* there is none to add */
    assert_false(tokenizer_special(t)->add_eos);
    assert_true(tokenizer_is_end(t, 1));
    tokenizer_close(t);
}

static void an_id_of_another_type_is_refused(void **state) {
    (void)state;
    static const char *const tokens[] = {"a", NULL};
    static const char *const keys[] = {"tokenizer.ggml.eos_token_id",
                                       "tokenizer.ggml.add_bos_token",
                                       "tokenizer.ggml.eom_token_id"};
    for (int i = 0; i < 3; i++) {
        struct gguf_write *w = vocabulary(tokens, 1);
        gguf_write_string(w, keys[i], "yes");
        struct error err;
        assert_null(fixture_tokenizer(w, &err));
        assert_int_equal(err.code, ERR_FORMAT);
        assert_non_null(strstr(err.text, keys[i]));
    }
}

static void sentencepiece_has_its_own_defaults(void **state) {
    (void)state;
    struct gguf_write *w = gguf_write_open();
    static const char *const tokens[] = {"<unk>", "<s>", "</s>", "a"};
    gguf_write_string(w, "tokenizer.ggml.model", "llama");
    gguf_write_strings(w, "tokenizer.ggml.tokens", tokens, 4);
    gguf_write_array(w, "tokenizer.ggml.token_type", GGUF_I32, (int32_t[]){2, 3, 3, 1}, 4);
    gguf_write_array(w, "tokenizer.ggml.scores", GGUF_F32, (float[]){0, 0, 0, 0}, 4);
    struct tokenizer *t = open_or_fail(w);
    const struct tokenizer_special *s = tokenizer_special(t);
    assert_int_equal(s->unknown, 0);
    assert_int_equal(s->bos, 1);
    assert_int_equal(s->eos, 2);
    assert_true(s->add_bos);
    assert_false(s->add_eos);
    assert_true(tokenizer_is_end(t, 2));
    tokenizer_close(t);
}

static void phi_3_swallows_the_space_behind_a_special_token(void **state) {
    (void)state;
    for (int phi = 0; phi < 2; phi++) {
        json_t *golden = fixture_golden("tokenizer_bpe.json");
        struct gguf_write *w = fixture_vocabulary(golden);
        gguf_write_string(w, "general.name", phi ? "phi3" : "qwen2");
        struct tokenizer *t = open_or_fail(w);
        struct tokens ids = {0};
        assert_true(tokenizer_encode(t, span_of("<|im_start|> \n!"), true, &ids, NULL));
        assert_int_equal(ids.count == 2, phi);
        ids.count = 0;
        assert_true(tokenizer_encode(t, span_of("<|endoftext|> !"), true, &ids, NULL));
        assert_true(ids.count > 2);
        tokens_deinit(&ids);
        tokenizer_close(t);
        json_decref(golden);
    }
}

static void real_models_end_where_they_should(void **state) {
    (void)state;
    struct tokenizer *t = fixture_real("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf");
    if (t == NULL) skip();
    const struct tokenizer_special *s = tokenizer_special(t);
    assert_int_equal(s->eos, 151645);
    assert_int_equal(s->eot, 151645);
    assert_int_equal(s->bos, 151643);
    assert_false(s->add_bos);
    assert_int_equal(s->fim_prefix, 151659);
    assert_int_equal(s->fim_middle, 151660);
    assert_int_equal(s->fim_suffix, 151661);
    assert_int_equal(s->fim_pad, 151662);
    assert_int_equal(s->fim_repo, 151663);
    assert_int_equal(s->fim_separator, 151664);
    assert_true(tokenizer_is_end(t, 151643) && tokenizer_is_end(t, 151645));
    assert_false(tokenizer_is_end(t, 151644)); /* <|im_start|> */
    assert_false(tokenizer_is_control(t, 151657)); /* <tool_call> is text */
    tokenizer_close(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_names_the_special_tokens),
        cmocka_unit_test(well_known_names_stand_in_for_metadata),
        cmocka_unit_test(names_with_letters_outside_ascii_are_known),
        cmocka_unit_test(an_id_past_the_vocabulary_counts_as_none),
        cmocka_unit_test(an_id_of_another_type_is_refused),
        cmocka_unit_test(sentencepiece_has_its_own_defaults),
        cmocka_unit_test(phi_3_swallows_the_space_behind_a_special_token),
        cmocka_unit_test(real_models_end_where_they_should),
    };
    return cmocka_run_group_tests_name("tokenizer_special", tests, NULL, NULL);
}
