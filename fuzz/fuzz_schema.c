/* fuzz_schema.c - any bytes as a JSON Schema, and an answer made by its grammar.
 *
 * The rest of the input chooses the answer: at each place the first allowed byte from the chosen
 * one on.  Promise under test besides not crashing: what the grammar calls complete is JSON.
 * Input: a schema, a NUL, the choices. */
#include "fuzz.h"
#include "text/grammar_schema.h"
#include <stdlib.h>
#include <string.h>

enum { ANSWER_BYTES_MAX = 96, SCHEMA_BYTES_MAX = 4096 };

static void check_json(const struct str *text) {
    json_error_t error;
    json_t *json = json_loadb(text->data, text->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    /* 1e999 is JSON, but no double. */
    if (json == NULL && json_error_code(&error) != json_error_numeric_overflow) abort();
    json_decref(json);
}

/* The first byte from `from` on that may follow; false: none. */
static bool next_byte(struct grammar_state *s, uint8_t from, char *out) {
    for (int i = 0; i < 256; i++) {
        *out = (char)(uint8_t)(from + i);
        if (grammar_state_may(s, (struct span){out, 1})) return true;
    }
    return false;
}

static void follow(struct grammar *g, const uint8_t *choices, size_t count) {
    struct grammar_state *s = grammar_state_open(g);
    struct str text = {0};
    char byte;
    for (size_t i = 0; s != NULL && i < count && i < ANSWER_BYTES_MAX; i++) {
        if (!next_byte(s, choices[i], &byte)) break;
        grammar_state_add(s, (struct span){&byte, 1});
        str_add_char(&text, byte);
        if (grammar_state_complete(s)) check_json(&text);
    }
    str_deinit(&text);
    grammar_state_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    size_t schema_bytes = strnlen((const char *)data, bytes);
    if (schema_bytes == bytes || schema_bytes > SCHEMA_BYTES_MAX) return 0;
    json_t *schema = json_loadb((const char *)data, schema_bytes, JSON_DECODE_ANY, NULL);
    struct grammar *g = grammar_open();
    struct grammar_schema *b = grammar_schema_open(g);
    struct error err = {0};
    int32_t rule;
    if (schema != NULL && grammar_schema_add(b, "schema", schema, bytes % 2 != 0, &rule, &err) &&
        grammar_seal(g, rule, &err))
        follow(g, data + schema_bytes + 1, bytes - schema_bytes - 1);
    grammar_schema_close(b);
    grammar_release(g);
    json_decref(schema);
    return 0;
}
