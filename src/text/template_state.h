/* template_state.h - what a compilation or a render carries along: memory, budgets, its place.
 *
 * Failure is sticky.  template_state_fail() records the first error with its place in the source
 * and sets `failed`; from then on evaluation returns quickly with harmless values, and whoever
 * loops checks `failed`.  So a function that cannot go on returns anything of its type.
 *
 * One thread at a time owns a state.  The limits on what a template may cost are all here. */
#ifndef TEXT_TEMPLATE_STATE_H
#define TEXT_TEMPLATE_STATE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

enum {
    TEMPLATE_SOURCE_BYTES_MAX = 1 << 20,    /* the largest published ones have about 30 KB    */
    TEMPLATE_NESTING_MAX = 200,             /* of brackets and of blocks in the source        */
    TEMPLATE_HEIGHT_MAX = 400,              /* of an expression: "a + b + c" has 3 levels     */
    TEMPLATE_DEPTH_MAX = 700,               /* of evaluation, calls of macros included        */
    TEMPLATE_VALUE_DEPTH_MAX = 128,         /* of lists within lists in the JSON that comes in */
    TEMPLATE_STEPS_MAX = 20 * 1000 * 1000,  /* a node evaluated, an item, 64 bytes copied     */
    TEMPLATE_OUTPUT_BYTES_MAX = 64 << 20,
    TEMPLATE_COMPILED_BYTES_MAX = 256 << 20, /* about 100 bytes for a byte of dense source     */
    TEMPLATE_RENDER_BYTES_MAX = 512 << 20,
    TEMPLATE_RANGE_MAX = 100000,            /* items of range(): the limit of jinja2's sandbox */
};

struct template_text;
struct template_value;
struct template_scope;

struct template_state {
    struct arena *arena;
    struct error *err;
    bool failed;
    struct span source;             /* with line ends normalised; offsets refer to it */
    const char *name;               /* of the template, for messages */
    uint32_t at;                    /* offset of what is being parsed or evaluated */
    int64_t steps_left;
    int depth;

    /* of a render only */
    struct template_text *out;      /* where output goes now: the prompt, or a macro's text */
    struct template_value *globals; /* by symbol; VALUE_MISSING where there is none */
    int64_t now_unix_s;
};

/* Records "name, line L, column C: message, at "…"" unless an error is there already; false. */
bool template_state_fail(struct template_state *s, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As above for what the template itself refuses (raise_exception): the message stands first. */
bool template_state_refuse(struct template_state *s, struct span message);

/* Arena memory, zeroed; NULL after failing with ERR_MEMORY. */
void *template_state_alloc(struct template_state *s, size_t bytes);
void *template_state_array(struct template_state *s, size_t count, size_t bytes);

/* Takes steps from the budget; false (failed) when it is spent. */
bool template_state_spend(struct template_state *s, uint64_t steps);
/* Steps for handling this many bytes. */
bool template_state_spend_bytes(struct template_state *s, size_t bytes);

/* Around every level of recursion that input controls. */
bool template_state_enter(struct template_state *s);
void template_state_leave(struct template_state *s);

#endif
