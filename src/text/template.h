/* template.h - the subset of Jinja2 that chat templates are written in.
 *
 * A template is compiled once and rendered many times, by any thread.  Values come in as jansson
 * trees.  Semantics follow jinja2's immutable sandbox with trim_blocks and lstrip_blocks, as
 * transformers sets it up (raise_exception, strftime_now, tojson without HTML escapes,
 * loopcontrols, generation).  Left out, and refused by name: include, import, extends, block,
 * autoescape and what changes a list or a dict.  Integers have 64 bits; more is an error.
 *
 * A template is hostile input: source bytes, nesting, steps, memory and output are limited, all in
 * template_state.h.  Rendering one megabyte of messages takes a few milliseconds. */
#ifndef TEXT_TEMPLATE_H
#define TEXT_TEMPLATE_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/str.h"

struct template;

/* name is for error messages, which say line, column and the offending text. */
struct template *template_open(struct span source, const char *name, struct error *err);
void template_close(struct template *t);

/* Marks where the bytes of the output came from: `trusted` parts are template source and variables
 * that the caller named as trusted; the rest came from the caller's data, or cannot be told. */
struct template_output {
    struct str text;
    struct template_run {    /* consecutive runs that cover text from 0 to the end */
        size_t end;
        bool trusted;
    } *runs;
    int run_count, run_capacity;
};
void template_output_deinit(struct template_output *o);

struct template_options {
    int64_t now_unix_s;      /* what strftime_now sees, in UTC; 0: the real time */
};

/* globals: an object; its members are the template's variables.  Keys in trusted_keys (NULL-ended,
 * may be NULL: e.g. "bos_token", "eos_token") count as trusted text; "messages[].role" trusts that
 * member of every item of that list.  raise_exception() in the template is ERR_ARGUMENT with its
 * message. */
bool template_render(const struct template *t, const json_t *globals,
                     const char *const *trusted_keys, const struct template_options *options,
                     struct template_output *out, struct error *err);

#endif
