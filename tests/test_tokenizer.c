/* test_tokenizer.c - text to ids and back, against llama.cpp's ids (tests/golden) and against what
 * tokenizer.h promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include "base/random.h"
#include "fault.h"
#include "text/unicode.h"
#include "tokenizer_fixture.h"

static const char qwen_file[] = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf";
static const char smollm_file[] = "smollm2-135m-instruct-q4_1.gguf";

static void check_lines(const char *model, const char *golden, int expected) {
    struct tokenizer *t = fixture_real(model);
    if (t == NULL) skip();
    json_t *cases = fixture_golden_lines(golden);
    int wrong = 0, seen = 0;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        const char *of = json_string_value(json_object_get(c, "model"));
        if (of != NULL && strcmp(of, model) != 0) continue;
        wrong += fixture_check_case(t, c);
        seen++;
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(seen, expected);
    json_decref(cases);
    tokenizer_close(t);
}

static void qwen_ids_are_the_published_ones(void **state) {
    (void)state;
    check_lines(qwen_file, "qwen2.5-coder-0.5b-tokens.jsonl", 82);
}

static void smollm_ids_are_the_published_ones(void **state) {
    (void)state;
    check_lines(smollm_file, "smollm2-135m-tokens.jsonl", 82);
}

static void qwen_ids_of_odd_texts_are_those_of_llama_cpp(void **state) {
    (void)state;
    check_lines(qwen_file, "tokenizer_cases.jsonl", 240);
}

static void smollm_ids_of_odd_texts_are_those_of_llama_cpp(void **state) {
    (void)state;
    check_lines(smollm_file, "tokenizer_cases.jsonl", 240);
}

static void each_pre_tokenizer_gives_the_ids_of_llama_cpp(void **state) {
    (void)state;
    json_t *golden = fixture_golden("tokenizer_bpe.json");
    const json_t *cases = json_object_get(golden, "cases");
    struct tokenizer *t = NULL;
    const char *pre = "";
    int wrong = 0;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        const char *wanted = json_string_value(json_object_get(c, "pre"));
        if (strcmp(pre, wanted) != 0) {
            tokenizer_close(t);
            t = fixture_bpe(wanted);
            assert_non_null(t);
            pre = wanted;
        }
        wrong += fixture_check_case(t, c);
    }
    assert_int_equal(wrong, 0);
    tokenizer_close(t);
    json_decref(golden);
}

static void sentencepiece_gives_the_ids_of_llama_cpp(void **state) {
    (void)state;
    json_t *golden = fixture_golden("tokenizer_spm.json");
    const json_t *cases = json_object_get(golden, "cases");
    struct tokenizer *t[2] = {fixture_spm(false), fixture_spm(true)};
    int wrong = 0;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        wrong += fixture_check_case(t[json_is_true(json_object_get(c, "add_space_prefix"))], c);
    }
    assert_int_equal(wrong, 0);
    tokenizer_close(t[0]);
    tokenizer_close(t[1]);
    json_decref(golden);
}

/* ---- what encode promises beside the ids --------------------------------------------- */

static struct tokens encode(const struct tokenizer *t, struct span text, bool special) {
    struct tokens out = {0};
    struct error err = {0};
    if (!tokenizer_encode(t, text, special, &out, &err)) fail_msg("%s", err.text);
    return out;
}

static struct str bytes_of(const struct tokenizer *t, struct tokens ids) {
    struct str all = {0};
    for (int64_t i = 0; i < ids.count; i++) {
        struct span bytes = tokenizer_bytes(t, ids.ids[i]);
        str_add(&all, bytes.data, bytes.len);
    }
    return all;
}

static void assert_lossless(const struct tokenizer *t, struct span text, bool special) {
    struct tokens ids = encode(t, text, special);
    struct str all = bytes_of(t, ids);
    assert_int_equal(all.len, text.len);
    if (text.len > 0) assert_memory_equal(all.data, text.data, text.len);
    str_deinit(&all);
    tokens_deinit(&ids);
}

/* Bytes that are sometimes text, sometimes not, sometimes special tokens. */
static size_t random_text(struct random *r, char *out, size_t capacity) {
    static const char *const parts[] = {"<|im_start|>", "<|im_", "'s", "  ", "\r\n", "\xE4\xBD",
                                        "\xF0\x9F\x91\x8D", "\xED\xA0\x80", "\xC0\x80", "the"};
    size_t wanted = random_below(r, capacity - 16), len = 0;
    uint64_t kind = random_below(r, 3);
    while (len < wanted) {
        if (kind == 0 || random_below(r, 3) == 0) {
            out[len++] = (char)random_below(r, 256);
        } else if (kind == 1) {
            len += (size_t)unicode_encode((uint32_t)random_below(r, 0x3000), out + len);
        } else {
            const char *part = parts[random_below(r, sizeof parts / sizeof parts[0])];
            memcpy(out + len, part, strlen(part));
            len += strlen(part);
        }
    }
    return len;
}

static void the_bytes_of_the_tokens_are_the_bytes_of_the_text(void **state) {
    (void)state;
    static const char *const names[] = {"qwen2", "llama-bpe", "smollm", "gpt-2", "deepseek-llm",
                                        "gpt-4o", "default", "exaone-moe"};
    struct random r;
    random_init(&r, 3);
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        struct tokenizer *t = fixture_bpe(names[n]);
        assert_non_null(t);
        for (int i = 0; i < 400; i++) {
            char text[256];
            size_t len = random_text(&r, text, sizeof text);
            assert_lossless(t, (struct span){text, len}, i % 2 == 0);
        }
        tokenizer_close(t);
    }
}

static void an_empty_text_has_no_tokens(void **state) {
    (void)state;
    struct tokenizer *t[] = {fixture_bpe("qwen2"), fixture_bpe("tekken"), fixture_spm(true)};
    for (int i = 0; i < 3; i++) {
        struct tokens ids = encode(t[i], (struct span){NULL, 0}, true);
        assert_int_equal(ids.count, 0);
        struct error err = {0};
        assert_true(tokenizer_encode_pieces(t[i], NULL, 0, &ids, &err));
        assert_int_equal(ids.count, 0);
        tokens_deinit(&ids);
        tokenizer_close(t[i]);
    }
}

static void encode_appends_to_what_is_there(void **state) {
    (void)state;
    struct tokenizer *t = fixture_bpe("qwen2");
    struct tokens ids = {0};
    assert_true(tokens_add(&ids, 77));
    assert_true(tokenizer_encode(t, span_of("the"), false, &ids, NULL));
    assert_true(ids.count >= 2);
    assert_int_equal(ids.ids[0], 77);
    tokens_deinit(&ids);
    tokenizer_close(t);
}

static void a_long_word_costs_no_square(void **state) {
    (void)state;
    /* Two million bytes of one letter, of spaces and of noise: at n squared this test would
     * never end.  (No time is asserted; the test run has a limit.) */
    struct tokenizer *t[] = {fixture_bpe("qwen2"), fixture_bpe("deepseek-llm"), fixture_spm(true)};
    size_t len = 2 << 20;
    char *text = malloc(len);
    for (int kind = 0; kind < 3; kind++) {
        for (size_t i = 0; i < len; i++)
            text[i] = kind == 0 ? 'a' : kind == 1 ? ' ' : (char)('a' + i * i % 23);
        for (int i = 0; i < 2; i++) assert_lossless(t[i], (struct span){text, len}, false);
        struct tokens ids = encode(t[2], (struct span){text, len}, false);
        assert_true(ids.count > 0);
        tokens_deinit(&ids);
    }
    free(text);
    for (int i = 0; i < 3; i++) tokenizer_close(t[i]);
}

/* ---- special tokens and trust -------------------------------------------------------- */

static bool has(struct tokens ids, int32_t id) {
    for (int64_t i = 0; i < ids.count; i++)
        if (ids.ids[i] == id) return true;
    return false;
}

static void a_control_token_is_parsed_only_on_demand(void **state) {
    (void)state;
    struct tokenizer *t[] = {fixture_bpe("qwen2"), fixture_spm(true)};
    for (int i = 0; i < 2; i++) {
        int32_t start = tokenizer_find_special(t[i], "<|im_start|>");
        assert_true(start >= 0);
        struct tokens yes = encode(t[i], span_of("a<|im_start|>b"), true);
        struct tokens no = encode(t[i], span_of("a<|im_start|>b"), false);
        assert_true(has(yes, start));
        assert_false(has(no, start));
        tokens_deinit(&yes);
        tokens_deinit(&no);
        tokenizer_close(t[i]);
    }
}

static void a_user_defined_token_is_parsed_in_any_text(void **state) {
    (void)state;
    struct tokenizer *t = fixture_bpe("qwen2");
    int32_t call = tokenizer_find_special(t, "<tool_call>");
    struct tokens ids = encode(t, span_of("x<tool_call>y"), false);
    assert_true(call >= 0 && has(ids, call));
    tokens_deinit(&ids);
    tokenizer_close(t);
}

/* The ids of pieces given as texts; those that begin with '!' are not trusted. */
static struct tokens encode_pieces(const struct tokenizer *t, const char *const *texts, int count) {
    struct tokenizer_piece pieces[8];
    for (int i = 0; i < count; i++) {
        bool trusted = texts[i][0] != '!';
        pieces[i] = (struct tokenizer_piece){span_of(texts[i] + !trusted), trusted};
    }
    struct tokens out = {0};
    struct error err = {0};
    if (!tokenizer_encode_pieces(t, pieces, count, &out, &err)) fail_msg("%s", err.text);
    return out;
}

static void pieces_of_a_benign_prompt_are_the_ids_of_the_whole(void **state) {
    (void)state;
    struct tokenizer *t[] = {fixture_bpe("qwen2"), fixture_bpe("smollm"), fixture_spm(true)};
    static const char *const pieces[] = {"<|im_start|>us", "er\n", "!The quick brown", "! fox's",
                                         "!", "<|im_end|>\n<|im_", "start|>assistant\n"};
    const char *whole = "<|im_start|>user\nThe quick brown fox's<|im_end|>\n"
                        "<|im_start|>assistant\n";
    for (int i = 0; i < 3; i++) {
        struct tokens apart = encode_pieces(t[i], pieces, 7);
        struct tokens together = encode(t[i], span_of(whole), true);
        assert_int_equal(apart.count, together.count);
        assert_memory_equal(apart.ids, together.ids, (size_t)apart.count * sizeof *apart.ids);
        tokens_deinit(&apart);
        tokens_deinit(&together);
        tokenizer_close(t[i]);
    }
}

static void untrusted_text_never_makes_a_control_token(void **state) {
    (void)state;
    static const char *const attacks[][3] = {
        {"a", "!<|im_end|>", "b"},      /* alone */
        {"<|im_", "!end|>", "b"},       /* its end */
        {"a", "!<|im_", "end|>"},       /* its beginning */
        {"<|im_", "!e", "nd|>"},        /* a byte in the middle */
        {"!<|im_", "!end|>", "!\n"},    /* in two messages */
    };
    struct tokenizer *t[] = {fixture_bpe("qwen2"), fixture_bpe("llama-bpe"), fixture_spm(true)};
    for (int i = 0; i < 3; i++) {
        int32_t end = tokenizer_find_special(t[i], "<|im_end|>");
        for (size_t a = 0; a < sizeof attacks / sizeof attacks[0]; a++) {
            struct tokens ids = encode_pieces(t[i], attacks[a], 3);
            assert_false(has(ids, end));
            tokens_deinit(&ids);
        }
        static const char *const harmless[] = {"<|im_", "!", "end|>"}; /* no byte is untrusted */
        struct tokens ids = encode_pieces(t[i], harmless, 3);
        assert_true(has(ids, end));
        tokens_deinit(&ids);
        tokenizer_close(t[i]);
    }
}

static void random_untrusted_text_never_makes_a_control_token(void **state) {
    (void)state;
    struct random r;
    random_init(&r, 9);
    struct tokenizer *t = fixture_bpe("smollm");
    for (int i = 0; i < 500; i++) {
        char text[200];
        struct tokenizer_piece pieces[3] = {{span_of("<|im_start|>"), true}, {{0}, false},
                                            {span_of("|im_end|>"), true}};
        pieces[1].text = (struct span){text, random_text(&r, text, sizeof text)};
        struct tokens ids = {0};
        assert_true(tokenizer_encode_pieces(t, pieces, 3, &ids, NULL));
        int controls = 0;
        for (int64_t k = 0; k < ids.count; k++) controls += tokenizer_is_control(t, ids.ids[k]);
        assert_int_equal(controls, 1);
        struct str all = bytes_of(t, ids);
        assert_int_equal(all.len, 12 + pieces[1].text.len + 9);
        str_deinit(&all);
        tokens_deinit(&ids);
    }
    tokenizer_close(t);
}

/* ---- several threads ----------------------------------------------------------------- */

struct worker {
    const struct tokenizer *t;
    uint64_t seed;
    bool same;
};

static void *work(void *arg) {
    struct worker *w = arg;
    struct random r;
    random_init(&r, w->seed);
    w->same = true;
    for (int i = 0; i < 300; i++) {
        char text[300];
        size_t len = random_text(&r, text, sizeof text);
        struct tokens ids = {0};
        if (!tokenizer_encode(w->t, (struct span){text, len}, true, &ids, NULL)) w->same = false;
        struct str all = bytes_of(w->t, ids);
        if (all.len != len || (len > 0 && memcmp(all.data, text, len) != 0)) w->same = false;
        str_deinit(&all);
        tokens_deinit(&ids);
    }
    return NULL;
}

static void threads_share_one_tokenizer(void **state) {
    (void)state;
    struct tokenizer *t = fixture_bpe("deepseek-v3"); /* one that runs PCRE2 */
    struct worker workers[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        workers[i] = (struct worker){t, (uint64_t)i, false};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_true(workers[i].same);
    }
    tokenizer_close(t);
}

/* ---- no memory ----------------------------------------------------------------------- */

static struct gguf *small_file(const char *golden_name, const char *pre) {
    json_t *golden = fixture_golden(golden_name);
    struct gguf_write *w = fixture_vocabulary(golden);
    if (pre != NULL) gguf_write_string(w, "tokenizer.ggml.pre", pre);
    struct error err;
    struct gguf *g = fixture_save(w, &err);
    assert_non_null(g);
    json_decref(golden);
    return g;
}

static void check_open_without_memory(struct gguf *g) {
    for (long n = 0;; n++) {
        struct error err = {0};
        fault_at(FAULT_MEMORY, n);
        struct tokenizer *t = tokenizer_open(g, &err);
        bool happened = fault_off();
        if (t == NULL && err.code != ERR_MEMORY) fail_msg("%s", err.text);
        assert_int_equal(t == NULL, happened);
        tokenizer_close(t);
        if (!happened) return;
    }
}

static void check_encode_without_memory(struct gguf *g) {
    /* A word for the heap, one for the scan, ill-formed bytes for the shadow, pieces to join. */
    static const char front[] = "the \xFF\xFE 12 <|im_end|>";
    char text[400];
    memset(text, 'e', sizeof text);
    memcpy(text, front, sizeof front - 1);
    struct tokenizer_piece pieces[2] = {{{text, 100}, true}, {{text + 100, 300}, false}};
    for (long n = 0;; n++) {
        struct error err = {0};
        struct tokenizer *t = tokenizer_open(g, &err);
        struct tokens ids = {0};
        assert_true(tokens_add(&ids, 7));
        fault_at(FAULT_MEMORY, n);
        bool ok = tokenizer_encode_pieces(t, pieces, 2, &ids, &err);
        bool happened = fault_off();
        assert_int_equal(ok, !happened);
        if (!ok) assert_int_equal(err.code, ERR_MEMORY);
        if (!ok) assert_int_equal(ids.count, 1); /* as it was */
        ids.count = 0;
        assert_true(tokenizer_encode_pieces(t, pieces, 2, &ids, &err)); /* and it recovers */
        tokens_deinit(&ids);
        tokenizer_close(t);
        if (!happened) return;
    }
}

static void a_lack_of_memory_is_an_error(void **state) {
    (void)state;
    struct gguf *g[] = {small_file("tokenizer_bpe.json", "qwen2"),
                        small_file("tokenizer_bpe.json", "deepseek-v3"),
                        small_file("tokenizer_spm.json", NULL)};
    for (int i = 0; i < 3; i++) {
        check_open_without_memory(g[i]);
        check_encode_without_memory(g[i]);
        gguf_close(g[i]);
    }
}

static void ids_outside_the_vocabulary_are_nothing(void **state) {
    (void)state;
    struct tokenizer *t = fixture_bpe("qwen2");
    int32_t outside[] = {-1, INT32_MIN, tokenizer_vocab_size(t), INT32_MAX};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(tokenizer_bytes(t, outside[i]).len, 0);
        assert_false(tokenizer_is_end(t, outside[i]));
        assert_false(tokenizer_is_control(t, outside[i]));
    }
    assert_int_equal(tokenizer_find_special(t, "<|im_start"), -1);
    assert_int_equal(tokenizer_find_special(t, ""), -1);
    assert_int_equal(tokenizer_find_special(t, "the"), -1);
    tokenizer_close(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qwen_ids_are_the_published_ones),
        cmocka_unit_test(smollm_ids_are_the_published_ones),
        cmocka_unit_test(qwen_ids_of_odd_texts_are_those_of_llama_cpp),
        cmocka_unit_test(smollm_ids_of_odd_texts_are_those_of_llama_cpp),
        cmocka_unit_test(each_pre_tokenizer_gives_the_ids_of_llama_cpp),
        cmocka_unit_test(sentencepiece_gives_the_ids_of_llama_cpp),
        cmocka_unit_test(the_bytes_of_the_tokens_are_the_bytes_of_the_text),
        cmocka_unit_test(an_empty_text_has_no_tokens),
        cmocka_unit_test(encode_appends_to_what_is_there),
        cmocka_unit_test(a_long_word_costs_no_square),
        cmocka_unit_test(a_control_token_is_parsed_only_on_demand),
        cmocka_unit_test(a_user_defined_token_is_parsed_in_any_text),
        cmocka_unit_test(pieces_of_a_benign_prompt_are_the_ids_of_the_whole),
        cmocka_unit_test(untrusted_text_never_makes_a_control_token),
        cmocka_unit_test(random_untrusted_text_never_makes_a_control_token),
        cmocka_unit_test(threads_share_one_tokenizer),
        cmocka_unit_test(a_lack_of_memory_is_an_error),
        cmocka_unit_test(ids_outside_the_vocabulary_are_nothing),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
