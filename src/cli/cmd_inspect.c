/* cmd_inspect.c - `longhaul inspect`: what a GGUF file holds, and whether it runs here.
 *
 * Loads no weights.  What is unknown to this version is shown all the same. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "base/threads.h"
#include "cli/command.h"
#include "cli/load.h"
#include "cli/progress.h"
#include "kernels/kernels.h"
#include "model/model.h"

struct summary { /* what both forms of output show */
    struct gguf *gguf;
    struct span architecture, name, tokenizer, pre, chat_template;
    bool runs;                  /* model_params_read accepts it */
    struct model_params params; /* if it runs */
    struct error reason;        /* if not */
    int64_t elements, tensors_of[QUANT_TYPES];
    int vocabulary;
};

static struct span text_of(const struct gguf *g, const char *key) {
    struct span text = {0};
    return gguf_string(g, key, &text, NULL) ? text : (struct span){0};
}

static void summary_read(struct summary *s, struct gguf *g) {
    struct gguf_array tokens;
    memset(s, 0, sizeof *s);
    s->gguf = g;
    s->architecture = text_of(g, "general.architecture");
    s->name = text_of(g, "general.name");
    s->tokenizer = text_of(g, "tokenizer.ggml.model");
    s->pre = text_of(g, "tokenizer.ggml.pre");
    s->chat_template = text_of(g, "tokenizer.chat_template");
    s->runs = model_params_read(&s->params, g, &s->reason);
    if (gguf_array(g, "tokenizer.ggml.tokens", &tokens, NULL))
        s->vocabulary = (int)tokens.count;
    for (int i = 0; i < gguf_tensor_count(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);
        int64_t n = 1;
        for (int d = 0; d < GGUF_DIMENSIONS_MAX; d++)
            n *= t->dimension[d];
        s->elements += n;
        s->tensors_of[t->type]++;
    }
}

/* Keys and values of one token in f16, bytes. */
static int64_t kv_token_bytes(const struct model_params *p) {
    return 2LL * 2 * p->layers * p->kv_heads * p->head_dim;
}

/* ---- for people ---- */

static void add_types(const struct summary *s, struct str *out) {
    for (int t = 0; t < QUANT_TYPES; t++) {
        if (s->tensors_of[t] > 0)
            str_addf(out, "%s%" PRId64 " %s", out->len > 0 ? ", " : "", s->tensors_of[t],
                     quant_info((enum quant_type)t)->name);
    }
}

static void print_params(const struct summary *s) {
    const struct model_params *p = &s->params;
    char bytes[32], window[32];
    if (!s->runs) {
        printf("does not run    %s\n", s->reason.text);
        return;
    }
    printf("layers          %d, embedding %d, feed-forward %d\n", p->layers, p->embed, p->ff);
    printf("heads           %d of %d, keys and values %d\n", p->heads, p->head_dim, p->kv_heads);
    printf("context         %d tokens (trained)", p->context_trained);
    if (p->scaling != ROPE_NONE)
        printf(", %s scaling %g", rope_scaling_name(p->scaling), p->scaling_factor);
    printf("; RoPE base %g\n", (double)p->rope_base);
    printf("keys, values    %s a token in f16, %s for %d tokens\n",
           progress_bytes(bytes, sizeof bytes, kv_token_bytes(p)),
           progress_bytes(window, sizeof window, kv_token_bytes(p) * p->context_trained),
           p->context_trained);
}

static void print_metadata(const struct summary *s) {
    printf("\nmetadata\n");
    for (int i = 0; i < gguf_key_count(s->gguf); i++) {
        enum gguf_type type;
        struct str value = {0};
        struct span key = gguf_key_at(s->gguf, i, &type);
        gguf_value_text(s->gguf, i, &value);
        printf("  %.*s = %s\n", (int)key.len, key.data, str_text(&value));
        str_deinit(&value);
    }
}

static void print_tensors(const struct summary *s) {
    printf("\ntensors\n");
    for (int i = 0; i < gguf_tensor_count(s->gguf); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(s->gguf, i);
        printf("  %-32.*s %-8s", (int)t->name.len, t->name.data, quant_info(t->type)->name);
        for (int d = 0; d < t->dimension_count; d++)
            printf("%s%" PRId64, d > 0 ? " × " : "", t->dimension[d]);
        printf("\n");
    }
}

static void print_text(const struct summary *s, bool tensors) {
    char bytes[32];
    struct str types = {0};
    add_types(s, &types);
    printf("file            %s (%s, GGUF v%d)\n", gguf_path(s->gguf),
           progress_bytes(bytes, sizeof bytes, gguf_bytes(s->gguf)), gguf_version(s->gguf));
    printf("name            %.*s\n", (int)s->name.len, s->name.data);
    printf("architecture    %.*s\n", (int)s->architecture.len, s->architecture.data);
    printf("parameters      %.1f million\n", (double)s->elements / 1e6);
    print_params(s);
    printf("vocabulary      %d tokens, %.*s %.*s\n", s->vocabulary, (int)s->tokenizer.len,
           s->tokenizer.data, (int)s->pre.len, s->pre.data);
    printf("chat template   %s", s->chat_template.len > 0 ? "" : "none: ChatML is used\n");
    if (s->chat_template.len > 0)
        printf("%zu bytes\n", s->chat_template.len);
    printf("tensors         %d: %s\n", gguf_tensor_count(s->gguf), str_text(&types));
    print_metadata(s);
    if (tensors)
        print_tensors(s);
    str_deinit(&types);
}

/* ---- for scripts ---- */

/* A file may claim any bytes to be text: what is no UTF-8 is null. */
static json_t *json_text(struct span text) {
    json_t *value = text.data != NULL ? json_stringn(text.data, text.len) : NULL;
    return value != NULL ? value : json_null();
}

static json_t *json_metadata(const struct gguf *g) {
    json_t *object = json_object();
    for (int i = 0; i < gguf_key_count(g); i++) {
        enum gguf_type type;
        struct str value = {0};
        char name[256];
        struct span key = gguf_key_at(g, i, &type);
        gguf_value_text(g, i, &value);
        snprintf(name, sizeof name, "%.*s", (int)key.len, key.data);
        /* A key that is no UTF-8 is left out: jansson refuses it. */
        json_object_set_new(object, name, json_text((struct span){str_text(&value), value.len}));
        str_deinit(&value);
    }
    return object;
}

static json_t *json_tensors(const struct gguf *g) {
    json_t *list = json_array();
    for (int i = 0; i < gguf_tensor_count(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);
        json_t *shape = json_array();
        for (int d = 0; d < t->dimension_count; d++)
            json_array_append_new(shape, json_integer(t->dimension[d]));
        json_array_append_new(list, json_pack("{s:o,s:s,s:o,s:I}", "name", json_text(t->name),
                                              "type", quant_info(t->type)->name, "shape", shape,
                                              "bytes", (json_int_t)t->bytes));
    }
    return list;
}

static bool print_json(const struct summary *s, bool tensors, struct error *err) {
    const struct model_params *p = &s->params;
    json_t *types = json_object();
    for (int t = 0; t < QUANT_TYPES; t++) {
        if (s->tensors_of[t] > 0)
            json_object_set_new(types, quant_info((enum quant_type)t)->name,
                                json_integer(s->tensors_of[t]));
    }
    json_t *root = json_pack(
        "{s:s,s:I,s:i,s:o,s:o,s:b,s:I,s:i,s:o,s:o,s:i,s:o}", "path", gguf_path(s->gguf), "bytes",
        (json_int_t)gguf_bytes(s->gguf), "version", gguf_version(s->gguf), "name",
        json_text(s->name), "architecture", json_text(s->architecture), "runs", s->runs,
        "parameters", (json_int_t)s->elements, "tensor_count", gguf_tensor_count(s->gguf),
        "tensor_types", types, "chat_template", json_text(s->chat_template), "vocabulary",
        s->vocabulary, "metadata", json_metadata(s->gguf));
    if (root != NULL && s->runs)
        json_object_set_new(root, "model",
                            json_pack("{s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:I}", "layers", p->layers,
                                      "embedding", p->embed, "heads", p->heads, "kv_heads",
                                      p->kv_heads, "head_dim", p->head_dim, "feed_forward", p->ff,
                                      "context_trained", p->context_trained, "kv_bytes_per_token",
                                      (json_int_t)kv_token_bytes(p)));
    else if (root != NULL)
        json_object_set_new(root, "reason", json_string(s->reason.text));
    if (root != NULL && tensors)
        json_object_set_new(root, "tensors", json_tensors(s->gguf));
    bool ok = root != NULL && json_dumpf(root, stdout, JSON_INDENT(2)) == 0;
    putchar('\n');
    json_decref(root);
    return ok || error_set(err, ERR_MEMORY, "no memory to print the file's metadata");
}

/* ---- the command ---- */

static void print_cpu(bool json) {
    struct kernels k;
    kernels_init(&k, NULL);
    if (json)
        printf("{\"level\": \"%s\", \"levels\": \"%s\", \"threads\": %d}\n", k.level,
               kernels_levels(), threads_cpu_count());
    else
        printf("kernels         %s (of: %s)\nthreads         %d\n", k.level, kernels_levels(),
               threads_cpu_count());
}

bool cmd_inspect(const struct options *o, struct error *err) {
    struct load_config config;
    struct load model = {0};
    struct gguf *g = NULL;
    struct summary s;
    bool ok = false, json = options_bool(o, OPTION_JSON);
    if (options_bool(o, OPTION_CPU_REPORT))
        print_cpu(json);
    if (o->word_count == 0)
        return options_bool(o, OPTION_CPU_REPORT) ||
               error_set(err, ERR_ARGUMENT,
                         "usage: longhaul inspect FILE; see `longhaul inspect "
                         "--help`");
    if (!load_config_open(&config, o, err))
        return false;
    if (!load_find(&model, &config, o, o->words[0], err))
        goto done;
    if ((g = gguf_open(str_text(&model.path), err)) == NULL)
        goto done;
    summary_read(&s, g);
    ok = true;
    if (json)
        ok = print_json(&s, options_bool(o, OPTION_TENSORS), err);
    else
        print_text(&s, options_bool(o, OPTION_TENSORS));
done:
    gguf_close(g);
    load_deinit(&model);
    load_config_close(&config);
    return ok;
}
