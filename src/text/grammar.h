/* grammar.h - a context-free grammar over bytes, and where in it a text is.
 *
 * A grammar is built once: rules, each with alternatives, each a row of symbols (sets of bytes and
 * rules).  It is immutable afterwards, counted, and may be shared by threads.
 *
 * A struct grammar_state follows one text byte by byte with all readings at once: a set of stacks,
 * as Tomita's parser keeps them, each stack a chain of places to go on at.  Equal chains are the
 * same node, so that a text of any length costs no more memory than its nesting. */
#ifndef TEXT_GRAMMAR_H
#define TEXT_GRAMMAR_H
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/str.h"

enum {
    GRAMMAR_SYMBOLS_MAX = 1 << 20, /* of all alternatives */
    GRAMMAR_STACKS_MAX = 8192,     /* readings at once */
    GRAMMAR_NODES_MAX = 1 << 18,   /* of a state */
    GRAMMAR_DEPTH_MAX = 512,       /* rules entered without a byte */
};

struct grammar_set { /* of bytes */
    uint64_t bits[4];
};

struct grammar;

struct grammar *grammar_open(void);       /* NULL: no memory; one owner */
struct grammar *grammar_retain(struct grammar *g);
void grammar_release(struct grammar *g);  /* NULL is fine */

/* ---- building; a symbol or rule that there was no room for fails grammar_seal() ---- */
int32_t grammar_rule(struct grammar *g);  /* a new rule without alternatives; also a symbol */
int32_t grammar_set(struct grammar *g, const struct grammar_set *set); /* a symbol */
int32_t grammar_range(struct grammar *g, int first, int last);         /* a symbol: a set */
/* One more alternative of the rule; none of the symbols: it may be empty. */
void grammar_add(struct grammar *g, int32_t rule, const int32_t *symbols, int count);
/* A new rule that is just this text. */
int32_t grammar_literal(struct grammar *g, struct span text);
/* Ends the building: every rule must lead to a byte. */
bool grammar_seal(struct grammar *g, int32_t start, struct error *err);

/* ---- following a text ---- */
struct grammar_state;

struct grammar_state *grammar_state_open(struct grammar *g); /* retains; NULL: no memory */
void grammar_state_close(struct grammar_state *s);
/* Whether the text may go on with these bytes. */
bool grammar_state_may(struct grammar_state *s, struct span bytes);
/* Goes on with them; they must be allowed. */
void grammar_state_add(struct grammar_state *s, struct span bytes);
/* Whether the text may end here. */
bool grammar_state_complete(const struct grammar_state *s);

#endif
