/* kv_prefix.c - the prefix tree over pages: match, extend, evict.
 *
 * Recency is one list of all nodes, newest first.  A match touches its path from the
 * deepest node up, so that a parent stands before its children in the list, and the first
 * evictable node from the old end is a leaf that nobody has used for longest. */
#include "kv/kv_prefix.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct kv_node {
    struct kv_node *parent;       /* NULL: the root itself */
    struct kv_node *child;        /* first of a list */
    struct kv_node *sibling;      /* next in the parent's list */
    struct kv_node *newer, *older;
    struct kv_page *page;
    int count;
    int32_t tokens[KV_PAGE_TOKENS];
};

struct kv_prefix {
    struct kv_pool *pool;
    struct kv_node root;          /* count 0, no page */
    struct kv_node *newest, *oldest;
    int64_t node_count;
};

struct kv_prefix *kv_prefix_open(struct kv_pool *pool, struct error *err) {
    struct kv_prefix *p = calloc(1, sizeof *p);
    if (!p) {
        error_set(err, ERR_MEMORY, "no memory for the prefix tree");
        return NULL;
    }
    p->pool = pool;
    return p;
}

/* ---- recency ---- */

static void list_remove(struct kv_prefix *p, struct kv_node *n) {
    if (n->newer) n->newer->older = n->older;
    else p->newest = n->older;
    if (n->older) n->older->newer = n->newer;
    else p->oldest = n->newer;
    n->newer = n->older = NULL;
}

static void list_add(struct kv_prefix *p, struct kv_node *n) {
    n->older = p->newest;
    if (p->newest) p->newest->newer = n;
    p->newest = n;
    if (!p->oldest) p->oldest = n;
}

static void touch_path(struct kv_prefix *p, struct kv_node *n) {
    for (; n && n->parent; n = n->parent) {
        list_remove(p, n);
        list_add(p, n);
    }
}

/* ---- nodes ---- */

static struct kv_node *node_add(struct kv_prefix *p, struct kv_node *parent, const int32_t *tokens,
                                int count, struct kv_page *page) {
    struct kv_node *n = calloc(1, sizeof *n);
    if (!n) return NULL;
    n->parent = parent;
    n->sibling = parent->child;
    parent->child = n;
    n->count = count;
    n->page = page;
    memcpy(n->tokens, tokens, (size_t)count * sizeof *tokens);
    kv_page_retain(page);
    list_add(p, n);
    p->node_count++;
    return n;
}

static void node_drop(struct kv_prefix *p, struct kv_node *n) {
    assert(!n->child && n->parent);
    struct kv_node **at = &n->parent->child;
    while (*at != n) at = &(*at)->sibling;
    *at = n->sibling;
    list_remove(p, n);
    kv_page_release(p->pool, n->page);
    p->node_count--;
    free(n);
}

void kv_prefix_close(struct kv_prefix *p) {
    if (!p) return;
    while (p->newest) { /* some leaf always exists; drop whatever is one */
        struct kv_node *n = p->newest;
        while (n->child) n = n->child;
        node_drop(p, n);
    }
    free(p);
}

static int common(const struct kv_node *n, const int32_t *tokens, int count) {
    int most = n->count < count ? n->count : count, i = 0;
    while (i < most && n->tokens[i] == tokens[i]) i++;
    return i;
}

/* The child that shares most tokens; *shared is 0 when none shares any. */
static struct kv_node *best_child(const struct kv_node *node, const int32_t *tokens, int count,
                                  int *shared) {
    struct kv_node *best = NULL;
    *shared = 0;
    for (struct kv_node *c = node->child; c; c = c->sibling) {
        int here = common(c, tokens, count);
        if (here > *shared) {
            *shared = here;
            best = c;
        }
        if (here == KV_PAGE_TOKENS) break;
    }
    return best;
}

/* ---- matching ---- */

int kv_prefix_peek(const struct kv_prefix *p, const int32_t *tokens, int count) {
    const struct kv_node *node = &p->root;
    int matched = 0;
    for (;;) {
        int shared;
        const struct kv_node *c = best_child(node, tokens + matched, count - matched, &shared);
        matched += shared;
        if (shared < KV_PAGE_TOKENS) return matched;
        node = c;
    }
}

int kv_prefix_match(struct kv_prefix *p, const int32_t *tokens, int count, struct kv_page **pages,
                    struct kv_node **node) {
    struct kv_node *at = &p->root, *touched = at;
    int matched = 0;
    for (;;) {
        int shared;
        struct kv_node *c = best_child(at, tokens + matched, count - matched, &shared);
        if (shared == 0) break;
        touched = c;
        if (shared < KV_PAGE_TOKENS) {
            /* The page is held during the copy: making room must not evict it. */
            kv_page_retain(c->page);
            struct kv_page *copy = kv_page_copy(p->pool, c->page);
            if (!copy && kv_prefix_evict(p)) copy = kv_page_copy(p->pool, c->page);
            kv_page_release(p->pool, c->page);
            if (copy) {
                pages[matched / KV_PAGE_TOKENS] = copy;
                matched += shared;
            }
            break;
        }
        kv_page_retain(c->page);
        pages[matched / KV_PAGE_TOKENS] = c->page;
        matched += shared;
        at = c;
    }
    touch_path(p, touched);
    *node = at == &p->root ? NULL : at;
    return matched;
}

/* ---- growing ---- */

struct kv_node *kv_prefix_extend(struct kv_prefix *p, struct kv_node *node,
                                 const int32_t tokens[KV_PAGE_TOKENS], struct kv_page **page) {
    struct kv_node *parent = node ? node : &p->root;
    int shared;
    struct kv_node *c = best_child(parent, tokens, KV_PAGE_TOKENS, &shared);
    if (shared == KV_PAGE_TOKENS) {
        if (c->page != *page) {
            kv_page_retain(c->page);
            kv_page_release(p->pool, *page);
            *page = c->page;
        }
        touch_path(p, c);
        return c;
    }
    struct kv_node *added = node_add(p, parent, tokens, KV_PAGE_TOKENS, *page);
    /* A shorter leaf with the same beginning is of no more use. */
    if (added && c && shared == c->count && !c->child) node_drop(p, c);
    return added;
}

void kv_prefix_add_tail(struct kv_prefix *p, struct kv_node *node, const int32_t *tokens,
                        int count, struct kv_page *page) {
    assert(count > 0 && count < KV_PAGE_TOKENS);
    struct kv_node *parent = node ? node : &p->root;
    int shared;
    struct kv_node *c = best_child(parent, tokens, count, &shared);
    if (shared == count) return;
    if (!node_add(p, parent, tokens, count, page)) return;
    if (c && shared == c->count && !c->child) node_drop(p, c);
}

/* ---- shrinking ---- */

static bool evictable(const struct kv_node *n) {
    return !n->child && kv_page_owners(n->page) == 1;
}

bool kv_prefix_evict(struct kv_prefix *p) {
    for (struct kv_node *n = p->oldest; n; n = n->newer)
        if (evictable(n)) {
            node_drop(p, n);
            return true;
        }
    return false;
}

void kv_prefix_clear(struct kv_prefix *p) {
    while (kv_prefix_evict(p)) continue;
}

int64_t kv_prefix_page_count(const struct kv_prefix *p) {
    return p->node_count;
}

int64_t kv_prefix_idle_count(const struct kv_prefix *p) {
    int64_t idle = 0;
    for (const struct kv_node *n = p->newest; n; n = n->older)
        idle += kv_page_owners(n->page) == 1;
    return idle;
}
