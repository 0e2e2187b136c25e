/* template.c - compiling a template and rendering it: the outside of the language.
 *
 * The compiled tree lies in one arena and is never written again, so any number of threads may
 * render it.  A render has its own arena, which takes the caller's JSON apart without copying its
 * strings, and its own budgets (template_state.h). */
#include "text/template.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "text/template_call.h"
#include "text/template_dict.h"
#include "text/template_exec.h"
#include "text/template_parser.h"

struct template {
    struct arena arena;
    struct span source;
    char name[64];
    struct template_program program;
};

struct template *template_open(struct span source, const char *name, struct error *err) {
    struct template *t = calloc(1, sizeof *t);
    if (!t) {
        error_set(err, ERR_MEMORY, "no memory for a template");
        return NULL;
    }
    bool ok = false;
    arena_init(&t->arena, TEMPLATE_COMPILED_BYTES_MAX);
    snprintf(t->name, sizeof t->name, "%s", name ? name : "template");
    struct template_state s = {.arena = &t->arena, .err = err, .name = t->name,
                               .source = span_of(""), .steps_left = TEMPLATE_STEPS_MAX};
    if (source.len > TEMPLATE_SOURCE_BYTES_MAX) {
        error_set(err, ERR_FORMAT, "%s has %zu bytes; at most %d", t->name, source.len,
                  TEMPLATE_SOURCE_BYTES_MAX);
        goto done;
    }
    if (!template_text_valid_utf8(source)) {
        error_set(err, ERR_FORMAT, "%s is not valid UTF-8", t->name);
        goto done;
    }
    s.source = t->source = template_lexer_normalise(&s, source);
    ok = !s.failed && template_parser_run(&s, &t->program);
done:
    if (!ok) {
        template_close(t);
        t = NULL;
    }
    return t;
}

void template_close(struct template *t) {
    if (!t) return;
    arena_deinit(&t->arena);
    free(t);
}

/* ---- variables ------------------------------------------------------------------------- */

static int find_symbol(const struct template *t, struct span name) {
    struct template_entry *e = template_dict_find_name(t->program.symbols, name);
    return e ? (int)e->value.integer : -1;
}

static bool is_listed(const char *const *names, const char *name) {
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0) return true;
    return false;
}

/* "messages[].role": marks that member of every item of that list as trusted. */
static void trust_members(struct template_state *s, struct template_value list,
                          struct span member) {
    for (size_t i = 0; list.type == VALUE_LIST && i < list.list->count; i++) {
        struct template_value item = list.list->items[i];
        if (item.type != VALUE_DICT) continue;
        struct template_entry *e = template_dict_find_name(item.dict, member);
        if (e && e->value.type == VALUE_STRING)
            e->value = template_value_string(
                template_text_borrow(s, template_value_span(e->value), true));
    }
}

static void trust_paths(struct template_state *s, const char *name, struct template_value v,
                        const char *const *paths) {
    size_t len = strlen(name);
    for (; paths && *paths; paths++)
        if (strncmp(*paths, name, len) == 0 && strncmp(*paths + len, "[].", 3) == 0)
            trust_members(s, v, span_of(*paths + len + 3));
}

/* Only what the template mentions is taken apart. */
static bool set_globals(struct template_state *s, const struct template *t, const json_t *globals,
                        const char *const *trusted_keys) {
    s->globals = template_state_array(s, t->program.symbols->count, sizeof *s->globals);
    if (!s->globals) return false;
    for (int i = 0; template_global_at(i); i++) {
        int symbol = find_symbol(t, span_of(template_global_at(i)->name));
        if (symbol >= 0)
            s->globals[symbol] = template_call_function(
                s, (struct template_function){.kind = FUNCTION_GLOBAL,
                                              .global = template_global_at(i)});
    }
    json_t *object = (json_t *)(uintptr_t)globals; /* jansson's iterators want it without const */
    for (void *it = json_object_iter(object); it && !s->failed;
         it = json_object_iter_next(object, it)) {
        const char *name = json_object_iter_key(it);
        int symbol = find_symbol(t, (struct span){name, json_object_iter_key_len(it)});
        if (symbol < 0) continue;
        bool trusted = is_listed(trusted_keys, name);
        struct template_value v = template_value_from_json(s, json_object_iter_value(it), trusted);
        if (!s->failed) trust_paths(s, name, v, trusted_keys);
        s->globals[symbol] = v;
    }
    return !s->failed;
}

/* ---- output ---------------------------------------------------------------------------- */

static bool take_output(const struct template_text *text, struct template_output *out,
                        struct error *err) {
    str_clear(&out->text);
    out->run_count = 0;
    str_add(&out->text, text->data, text->used);
    if (text->run_count > out->run_capacity) {
        struct template_run *runs =
            realloc(out->runs, (size_t)text->run_count * sizeof *runs);
        if (!runs) return error_set(err, ERR_MEMORY, "no memory for a prompt's runs");
        out->runs = runs;
        out->run_capacity = text->run_count;
    }
    for (int i = 0; i < text->run_count; i++)
        out->runs[i] = (struct template_run){text->runs[i].end, text->runs[i].trusted};
    out->run_count = text->run_count;
    if (out->text.failed) return error_set(err, ERR_MEMORY, "no memory for a prompt");
    return true;
}

void template_output_deinit(struct template_output *o) {
    str_deinit(&o->text);
    free(o->runs);
    *o = (struct template_output){0};
}

bool template_render(const struct template *t, const json_t *globals,
                     const char *const *trusted_keys, const struct template_options *options,
                     struct template_output *out, struct error *err) {
    struct arena arena;
    struct error own = {0}; /* the caller's may be NULL */
    arena_init(&arena, TEMPLATE_RENDER_BYTES_MAX);
    struct template_state s = {.arena = &arena, .err = err ? err : &own, .name = t->name,
                               .source = t->source, .steps_left = TEMPLATE_STEPS_MAX,
                               .now_unix_s = options ? options->now_unix_s : 0};
    bool ok = false;
    struct template_text *text = template_text_new(&s, 4096);
    s.out = text;
    if (!text || !set_globals(&s, t, globals, trusted_keys)) goto done;
    template_exec(&s, NULL, &t->program.body);
    ok = !s.failed && take_output(text, out, err);
done:
    arena_deinit(&arena);
    return ok;
}
