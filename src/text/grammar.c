/* grammar.c - see grammar.h.
 *
 * Alternatives lie in one array, each ended by END.  A place is an index into it; a stack's top is
 * a place where a set of bytes stands, the nodes below are where to go on when a rule is done.  A
 * rule that is the last symbol of its alternative leaves nothing behind, which is what makes the
 * states of a long string, `chars ::= char chars`, one state. */
#include "text/grammar.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { END = INT32_MIN, NONE = -1 };

struct alternative {
    int32_t place, next; /* next: of the same rule, or NONE */
};

struct grammar {
    atomic_int owners;
    int32_t *symbols;              /* >= 0: a rule; < 0: the set ~symbol; END */
    int symbol_count, symbol_capacity;
    struct alternative *alternatives;
    int alternative_count, alternative_capacity;
    int32_t *rules;                /* the first alternative, or NONE */
    int rule_count, rule_capacity;
    struct grammar_set *sets;
    int set_count, set_capacity;
    bool failed;
    int32_t start;
};

struct grammar *grammar_open(void) {
    struct grammar *g = calloc(1, sizeof *g);
    if (g != NULL) atomic_init(&g->owners, 1);
    return g;
}

struct grammar *grammar_retain(struct grammar *g) {
    atomic_fetch_add(&g->owners, 1);
    return g;
}

void grammar_release(struct grammar *g) {
    if (g == NULL || atomic_fetch_sub(&g->owners, 1) > 1) return;
    free(g->symbols);
    free(g->alternatives);
    free(g->rules);
    free(g->sets);
    free(g);
}

/* ---- building ---- */

/* Room for `more` elements; false fails the grammar. */
static bool room(struct grammar *g, void **array, int count, int *capacity, int more,
                 size_t size) {
    if (g->failed || count > GRAMMAR_SYMBOLS_MAX - more) {
        g->failed = true;
        return false;
    }
    if (count + more <= *capacity) return true;
    int wanted = (count + more) * 2;
    void *grown = realloc(*array, (size_t)wanted * size);
    if (grown == NULL) {
        g->failed = true;
        return false;
    }
    *array = grown;
    *capacity = wanted;
    return true;
}

int32_t grammar_rule(struct grammar *g) {
    if (!room(g, (void **)&g->rules, g->rule_count, &g->rule_capacity, 1, sizeof *g->rules))
        return 0;
    g->rules[g->rule_count] = NONE;
    return g->rule_count++;
}

int32_t grammar_set(struct grammar *g, const struct grammar_set *set) {
    for (int i = 0; i < g->set_count; i++)
        if (memcmp(&g->sets[i], set, sizeof *set) == 0) return ~i;
    if (!room(g, (void **)&g->sets, g->set_count, &g->set_capacity, 1, sizeof *g->sets)) return ~0;
    g->sets[g->set_count] = *set;
    return ~g->set_count++;
}

int32_t grammar_range(struct grammar *g, int first, int last) {
    struct grammar_set set = {{0}};
    for (int c = first; c <= last; c++) set.bits[c / 64] |= UINT64_C(1) << c % 64;
    return grammar_set(g, &set);
}

void grammar_add(struct grammar *g, int32_t rule, const int32_t *symbols, int count) {
    if (!room(g, (void **)&g->symbols, g->symbol_count, &g->symbol_capacity, count + 1,
              sizeof *g->symbols) ||
        !room(g, (void **)&g->alternatives, g->alternative_count, &g->alternative_capacity, 1,
              sizeof *g->alternatives))
        return;
    g->alternatives[g->alternative_count] =
        (struct alternative){g->symbol_count, g->rules[rule]};
    g->rules[rule] = g->alternative_count++;
    if (count > 0)
        memcpy(g->symbols + g->symbol_count, symbols, (size_t)count * sizeof *symbols);
    g->symbols[g->symbol_count + count] = END;
    g->symbol_count += count + 1;
}

int32_t grammar_literal(struct grammar *g, struct span text) {
    int32_t rule = grammar_rule(g);
    int32_t *symbols = calloc(text.len + 1, sizeof *symbols);
    if (symbols == NULL || text.len > GRAMMAR_SYMBOLS_MAX) {
        g->failed = true;
    } else {
        for (size_t i = 0; i < text.len; i++) {
            int c = (unsigned char)text.data[i];
            symbols[i] = grammar_range(g, c, c);
        }
        grammar_add(g, rule, symbols, (int)text.len);
    }
    free(symbols);
    return rule;
}

/* ---- states ---- */

struct node { /* where to go on, and above what */
    int32_t place, below; /* below: a node, or NONE */
};

struct stacks {
    int32_t *tops; /* nodes; their places hold sets */
    int count, capacity;
    bool complete;
};

struct grammar_state {
    struct grammar *grammar;
    struct node *nodes;
    int node_count, node_capacity;
    int32_t *table; /* node by hash, NONE: free; twice node_capacity long */
    struct stacks now, next, tried;
    struct grammar_set first; /* the bytes that now allows */
    bool failed;              /* no room: nothing more is allowed */
};

static uint32_t hash(int32_t place, int32_t below) {
    uint64_t mixed = ((uint64_t)(uint32_t)place << 32 | (uint32_t)below) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(mixed >> 32);
}

static bool grow_nodes(struct grammar_state *s) {
    int capacity = s->node_capacity > 0 ? s->node_capacity * 2 : 256;
    if (capacity > GRAMMAR_NODES_MAX) return false;
    struct node *nodes = realloc(s->nodes, (size_t)capacity * sizeof *nodes);
    if (nodes == NULL) return false;
    s->nodes = nodes;
    int32_t *table = malloc((size_t)capacity * 2 * sizeof *table);
    if (table == NULL) return false;
    free(s->table);
    s->table = table;
    s->node_capacity = capacity;
    uint32_t mask = (uint32_t)capacity * 2 - 1;
    memset(table, 0xFF, (size_t)capacity * 2 * sizeof *table); /* NONE */
    for (int i = 0; i < s->node_count; i++) {
        uint32_t at = hash(nodes[i].place, nodes[i].below) & mask;
        while (table[at] != NONE) at = (at + 1) & mask;
        table[at] = i;
    }
    return true;
}

/* The node, made if it is not there yet; NONE: no room. */
static int32_t intern(struct grammar_state *s, int32_t place, int32_t below) {
    if (s->node_count == s->node_capacity && !grow_nodes(s)) {
        s->failed = true;
        return NONE;
    }
    uint32_t mask = (uint32_t)s->node_capacity * 2 - 1, at = hash(place, below) & mask;
    for (; s->table[at] != NONE; at = (at + 1) & mask) {
        const struct node *n = &s->nodes[s->table[at]];
        if (n->place == place && n->below == below) return s->table[at];
    }
    s->nodes[s->node_count] = (struct node){place, below};
    s->table[at] = s->node_count;
    return s->node_count++;
}

static void add_top(struct grammar_state *s, struct stacks *out, int32_t node) {
    for (int i = 0; i < out->count; i++)
        if (out->tops[i] == node) return;
    if (out->count == out->capacity) {
        int capacity = out->capacity > 0 ? out->capacity * 2 : 64;
        int32_t *tops = capacity > GRAMMAR_STACKS_MAX
                            ? NULL : realloc(out->tops, (size_t)capacity * sizeof *tops);
        if (tops == NULL) {
            s->failed = true;
            return;
        }
        out->tops = tops;
        out->capacity = capacity;
    }
    out->tops[out->count++] = node;
}

/* Adds the stacks that begin at a place: through rules down to sets of bytes. */
static void expand(struct grammar_state *s, int32_t place, int32_t below, int depth,
                   struct stacks *out) {
    const struct grammar *g = s->grammar;
    if (depth > GRAMMAR_DEPTH_MAX) s->failed = true;
    if (s->failed) return;
    int32_t symbol = g->symbols[place];
    if (symbol == END) {
        if (below == NONE) out->complete = true;
        else expand(s, s->nodes[below].place, s->nodes[below].below, depth + 1, out);
    } else if (symbol < 0) {
        int32_t node = intern(s, place, below);
        if (node != NONE) add_top(s, out, node);
    } else {
        if (g->symbols[place + 1] != END) below = intern(s, place + 1, below);
        for (int32_t a = g->rules[symbol]; a != NONE && !s->failed; a = g->alternatives[a].next)
            expand(s, g->alternatives[a].place, below, depth + 1, out);
    }
}

static bool holds(const struct grammar_set *set, unsigned char c) {
    return set->bits[c / 64] >> c % 64 & 1;
}

static void step(struct grammar_state *s, const struct stacks *from, unsigned char c,
                 struct stacks *to) {
    to->count = 0;
    to->complete = false;
    for (int i = 0; i < from->count; i++) {
        struct node top = s->nodes[from->tops[i]];
        if (holds(&s->grammar->sets[~s->grammar->symbols[top.place]], c))
            expand(s, top.place + 1, top.below, 0, to);
    }
}

static void find_first(struct grammar_state *s) {
    s->first = (struct grammar_set){{0}};
    for (int i = 0; i < s->now.count; i++) {
        int32_t place = s->nodes[s->now.tops[i]].place;
        const struct grammar_set *set = &s->grammar->sets[~s->grammar->symbols[place]];
        for (int w = 0; w < 4; w++) s->first.bits[w] |= set->bits[w];
    }
}

static void enter(struct grammar_state *s, int32_t rule) {
    const struct grammar *g = s->grammar;
    s->now.count = 0;
    s->now.complete = false;
    for (int32_t a = g->rules[rule]; a != NONE; a = g->alternatives[a].next)
        expand(s, g->alternatives[a].place, NONE, 0, &s->now);
    find_first(s);
}

struct grammar_state *grammar_state_open(struct grammar *g) {
    struct grammar_state *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    s->grammar = grammar_retain(g);
    enter(s, g->start);
    if (!s->failed) return s;
    grammar_state_close(s);
    return NULL;
}

void grammar_state_close(struct grammar_state *s) {
    if (s == NULL) return;
    grammar_release(s->grammar);
    free(s->nodes);
    free(s->table);
    free(s->now.tops);
    free(s->next.tops);
    free(s->tried.tops);
    free(s);
}

static void swap(struct stacks *a, struct stacks *b) {
    struct stacks c = *a;
    *a = *b;
    *b = c;
}

bool grammar_state_may(struct grammar_state *s, struct span bytes) {
    if (bytes.len == 0 || !holds(&s->first, (unsigned char)bytes.data[0])) return false;
    const struct stacks *from = &s->now;
    for (size_t i = 0; i < bytes.len; i++) {
        step(s, from, (unsigned char)bytes.data[i], &s->next);
        if (s->failed || (s->next.count == 0 && (i + 1 < bytes.len || !s->next.complete)))
            return false;
        swap(&s->next, &s->tried);
        from = &s->tried;
    }
    return true;
}

void grammar_state_add(struct grammar_state *s, struct span bytes) {
    for (size_t i = 0; i < bytes.len; i++) {
        step(s, &s->now, (unsigned char)bytes.data[i], &s->next);
        swap(&s->now, &s->next);
    }
    find_first(s);
}

bool grammar_state_complete(const struct grammar_state *s) {
    return s->now.complete;
}

/* ---- the last check ---- */

bool grammar_seal(struct grammar *g, int32_t start, struct error *err) {
    g->start = start;
    struct grammar_state *s = g->failed ? NULL : calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(err, ERR_ARGUMENT, "the grammar has more than %d symbols, or there is no "
                         "memory for it", GRAMMAR_SYMBOLS_MAX);
    s->grammar = grammar_retain(g);
    for (int32_t rule = 0; rule < g->rule_count && !s->failed; rule++) enter(s, rule);
    bool ok = !s->failed;
    grammar_state_close(s);
    return ok || error_set(err, ERR_ARGUMENT, "the grammar refers to itself without end, or is too "
                           "wide at one place");
}
