/* gguf_value.c - names and values from a file as text for a terminal or a log.
 *
 * Whatever the file holds, what comes out is valid UTF-8 without control characters: a
 * model's metadata cannot write escape sequences to somebody's terminal. */
#include "gguf/gguf_internal.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { STRING_BYTES_SHOWN = 100, ELEMENTS_SHOWN = 6, ELEMENT_BYTES_SHOWN = 24 };

/* Length of the UTF-8 sequence at the front, 0 where there is no valid one (RFC 3629). */
static size_t sequence_bytes(struct span s) {
    const uint8_t *b = (const uint8_t *)s.data;
    size_t len = b[0] < 0x80 ? 1 : b[0] < 0xc2 ? 0 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3
               : b[0] < 0xf5 ? 4 : 0;
    if (len > s.len) return 0;
    for (size_t i = 1; i < len; i++)
        if ((b[i] & 0xc0) != 0x80) return 0;
    if (b[0] == 0xe0 && b[1] < 0xa0) return 0; /* overlong    */
    if (b[0] == 0xed && b[1] > 0x9f) return 0; /* surrogates  */
    if (b[0] == 0xf0 && b[1] < 0x90) return 0; /* overlong    */
    if (b[0] == 0xf4 && b[1] > 0x8f) return 0; /* > U+10FFFF  */
    return len;
}

/* C0, DEL and C1 (U+0080 … U+009F, two bytes from C2 80) move cursors and colours. */
static bool is_control(const uint8_t *b, size_t len) {
    return (len == 1 && (b[0] < 0x20 || b[0] == 0x7f)) || (len == 2 && b[0] == 0xc2 && b[1] < 0xa0);
}

/* The next piece of s as it may be shown, into out[8+1]; returns the bytes of s it stands for. */
static size_t escape_next(char *out, struct span s) {
    const uint8_t *b = (const uint8_t *)s.data;
    size_t len = sequence_bytes(s);
    if (len > 0 && !is_control(b, len) && b[0] != '\\' && b[0] != '"') {
        memcpy(out, b, len);
        out[len] = 0;
        return len;
    }
    if (b[0] == '\n') strcpy(out, "\\n");
    else if (b[0] == '\t') strcpy(out, "\\t");
    else if (b[0] == '\\' || b[0] == '"') snprintf(out, 3, "\\%c", b[0]);
    else snprintf(out, 5, "\\x%02x", b[0]);
    return 1;
}

bool gguf_value_escape(struct str *out, struct span text, size_t max) {
    size_t start = out->len;
    char piece[9];
    while (text.len > 0) {
        size_t used = escape_next(piece, text);
        if (out->len - start + strlen(piece) > max) return true;
        str_add_text(out, piece);
        if (out->failed) return true;
        text.data += used;
        text.len -= used;
    }
    return false;
}

const char *gguf_printable(char out[GGUF_PRINTABLE_BYTES], struct span name) {
    static const char dots[] = "...";
    size_t at = 0;
    char piece[9];
    while (name.len > 0) {
        size_t used = escape_next(piece, name), bytes = strlen(piece);
        if (at + bytes + sizeof dots > GGUF_PRINTABLE_BYTES) {
            memcpy(out + at, dots, sizeof dots);
            return out;
        }
        memcpy(out + at, piece, bytes);
        at += bytes;
        name.data += used;
        name.len -= used;
    }
    out[at] = 0;
    return out;
}

static void add_string(struct str *out, struct span text, size_t max) {
    str_add_char(out, '"');
    bool cut = gguf_value_escape(out, text, max);
    str_add_text(out, cut ? "…\"" : "\"");
    if (cut) str_addf(out, " (%zu bytes)", text.len);
}

/* at: the bytes of one scalar. */
static void add_scalar(struct str *out, enum gguf_type type, const uint8_t *at) {
    struct gguf_array one = {.type = type, .count = 1, .data = at};
    uint64_t u64;
    int64_t i64;
    switch (type) {
    case GGUF_BOOL: str_add_text(out, at[0] ? "true" : "false"); break;
    case GGUF_F32: str_addf(out, "%.7g", gguf_array_number(&one, 0)); break;
    case GGUF_F64: str_addf(out, "%.15g", gguf_array_number(&one, 0)); break;
    case GGUF_U64:
        memcpy(&u64, at, sizeof u64);
        str_addf(out, "%" PRIu64, u64);
        break;
    case GGUF_I64:
        memcpy(&i64, at, sizeof i64);
        str_addf(out, "%" PRId64, i64);
        break;
    default: str_addf(out, "%.0f", gguf_array_number(&one, 0)); break; /* up to 32 bits: exact */
    }
}

static void add_array(struct str *out, const struct gguf_array *a) {
    int64_t offset = 0;
    int bytes = gguf_meta_type_bytes(a->type);
    str_addf(out, "%s[%" PRId64 "]", gguf_meta_type_name(a->type), a->count);
    if (a->type == GGUF_ARRAY) return;
    str_add_text(out, " [");
    for (int64_t i = 0; i < a->count && i < ELEMENTS_SHOWN; i++) {
        struct span text;
        if (i > 0) str_add_text(out, ", ");
        if (bytes > 0)
            add_scalar(out, a->type, a->data + i * bytes);
        else if (gguf_array_next_string(a, &offset, &text))
            add_string(out, text, ELEMENT_BYTES_SHOWN);
    }
    str_add_text(out, a->count > ELEMENTS_SHOWN ? ", …]" : "]");
}

void gguf_value_text(const struct gguf *g, int index, struct str *out) {
    assert(index >= 0 && index < g->keys.count);
    const struct gguf_key *key = &g->keys.key[index];
    if (key->type == GGUF_STRING)
        add_string(out, key->string, STRING_BYTES_SHOWN);
    else if (key->type == GGUF_ARRAY)
        add_array(out, &key->array);
    else
        add_scalar(out, key->type, key->scalar);
}
