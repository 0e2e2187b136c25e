/* cmd_tokenize.c - `longhaul tokenize`: text to ids, ids to text.  Loads the vocabulary only. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/command.h"
#include "cli/load.h"
#include "text/tokenizer.h"

enum { INPUT_BYTES_MAX = 1 << 30 };

static bool read_stdin(struct str *out, struct error *err) {
    char piece[1 << 16];
    ssize_t n;
    while ((n = read(STDIN_FILENO, piece, sizeof piece)) > 0) {
        if (out->len + (size_t)n > INPUT_BYTES_MAX)
            return error_set(err, ERR_ARGUMENT, "stdin has more than %d bytes", INPUT_BYTES_MAX);
        str_add(out, piece, (size_t)n);
    }
    if (out->failed)
        return error_set(err, ERR_MEMORY, "no memory for the text");
    return n == 0 || error_set_errno(err, "stdin");
}

/* A token's bytes on one line: control characters, quotes and backslashes are
 * written as escapes. */
static void print_piece(struct span bytes) {
    putchar('"');
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.data[i];
        if (c == '\n')
            fputs("\\n", stdout);
        else if (c == '\t')
            fputs("\\t", stdout);
        else if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < ' ' || c == 0x7F)
            printf("\\x%02x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static bool print_json(const struct tokenizer *t, const struct tokens *ids, struct error *err) {
    json_t *list = json_array(), *pieces = json_array();
    for (int64_t i = 0; i < ids->count; i++) {
        struct span bytes = tokenizer_bytes(t, ids->ids[i]);
        json_t *piece = json_stringn(bytes.data, bytes.len);
        json_array_append_new(list, json_integer(ids->ids[i]));
        /* Part of a UTF-8 sequence is no JSON string; its id stands for it. */
        json_array_append_new(pieces, piece != NULL ? piece : json_null());
    }
    json_t *root = json_pack("{s:I,s:o,s:o}", "count", (json_int_t)ids->count, "tokens", list,
                             "pieces", pieces);
    bool ok = root != NULL && json_dumpf(root, stdout, JSON_COMPACT) == 0;
    putchar('\n');
    json_decref(root);
    return ok || error_set(err, ERR_MEMORY, "no memory to print %" PRId64 " tokens", ids->count);
}

static bool encode(const struct options *o, const struct tokenizer *t, struct span text,
                   struct error *err) {
    struct tokens ids = {0};
    bool ok = tokenizer_encode(t, text, options_bool(o, OPTION_SPECIAL), &ids, err);
    if (ok && options_bool(o, OPTION_COUNT)) {
        printf("%" PRId64 "\n", ids.count);
    } else if (ok && options_bool(o, OPTION_JSON)) {
        ok = print_json(t, &ids, err);
    } else if (ok) {
        for (int64_t i = 0; i < ids.count; i++) {
            printf("%d\t", (int)ids.ids[i]);
            print_piece(tokenizer_bytes(t, ids.ids[i]));
            putchar('\n');
        }
    }
    tokens_deinit(&ids);
    return ok;
}

/* Ids with anything but digits between them: "1 2 3", "[1, 2, 3]", one a line. */
static bool decode(const struct options *o, const struct tokenizer *t, const char *text,
                   struct error *err) {
    struct detokenizer d;
    struct str out = {0};
    int64_t count = 0;
    bool ok = true;
    detokenizer_init(&d, t, true);
    for (const char *at = text; ok && *(at += strcspn(at, "-0123456789")) != '\0'; count++) {
        char *end;
        long id = strtol(at, &end, 10);
        if (end == at || id < 0 || id >= tokenizer_vocab_size(t))
            ok = error_set(err, ERR_ARGUMENT, "\"%.*s\" is no token id; give 0 to %d",
                           (int)(end > at ? end - at : 1), at, tokenizer_vocab_size(t) - 1);
        else
            detokenizer_add(&d, (int32_t)id, &out);
        at = end > at ? end : at + 1;
    }
    detokenizer_finish(&d, &out);
    if (ok && options_bool(o, OPTION_COUNT)) {
        printf("%" PRId64 "\n", count);
    } else if (ok && options_bool(o, OPTION_JSON)) {
        json_t *root = json_pack("{s:s%}", "text", str_text(&out), out.len);
        json_dumpf(root, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(root);
    } else if (ok) {
        fwrite(str_text(&out), 1, out.len, stdout);
        putchar('\n');
    }
    str_deinit(&out);
    return ok;
}

bool cmd_tokenize(const struct options *o, struct error *err) {
    struct load_config config;
    struct load model = {0};
    struct gguf *g = NULL;
    struct tokenizer *t = NULL;
    struct str text = {0};
    bool ok = false;
    if (!load_config_open(&config, o, err))
        return false;
    if (!load_find(&model, &config, o, o->words[0], err))
        goto done;
    if ((g = gguf_open(str_text(&model.path), err)) == NULL)
        goto done;
    if ((t = tokenizer_open(g, err)) == NULL)
        goto done;
    if (o->word_count > 1 && strcmp(o->words[1], "-") != 0)
        str_add_text(&text, o->words[1]);
    else if (!read_stdin(&text, err))
        goto done;
    if (options_bool(o, OPTION_DECODE))
        ok = decode(o, t, str_text(&text), err);
    else
        ok = encode(o, t, (struct span){str_text(&text), text.len}, err);
done:
    str_deinit(&text);
    tokenizer_close(t);
    gguf_close(g);
    load_deinit(&model);
    load_config_close(&config);
    return ok;
}
