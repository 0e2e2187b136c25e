/* kv_prefix.h - the prefix tree: which tokens are already computed, and in which pages.
 *
 *     root ── [64 tokens | page] ── [64 tokens | page] ── [17 tokens | page]
 *                              └─── [64 tokens | page]
 *
 * A node is one page and the tokens in it; its path from the root is the prefix that
 * they were computed after.  Only leaves may hold fewer than 64 tokens.  See kv/README.md. */
#ifndef KV_KV_PREFIX_H
#define KV_KV_PREFIX_H
#include <stdint.h>
#include "kv/kv_page.h"

struct kv_prefix;
struct kv_node;

struct kv_prefix *kv_prefix_open(struct kv_pool *pool, struct error *err);
void kv_prefix_close(struct kv_prefix *p); /* releases its pages */

/* Finds the longest computed prefix of tokens[0 … count).  pages[] (room for count/64 + 1) gets
 * one page for each 64 tokens matched, each owned by the caller afterwards; a last
 * page that is matched in part is a copy.  *node is where to extend from.  Returns the tokens
 * matched. */
int kv_prefix_match(struct kv_prefix *p, const int32_t *tokens, int count, struct kv_page **pages,
                    struct kv_node **node);

/* As match, without taking anything: how many tokens would match. */
int kv_prefix_peek(const struct kv_prefix *p, const int32_t *tokens, int count);

/* The sequence's page below node (NULL: the root) is full.  Where the tree already has these
 * tokens there, *page becomes the tree's page and the sequence's own is released.  Returns the
 * node to extend from next; NULL when there is no memory for one (the page stays private). */
struct kv_node *kv_prefix_extend(struct kv_prefix *p, struct kv_node *node,
                                 const int32_t tokens[KV_PAGE_TOKENS], struct kv_page **page);

/* The sequence ends with a page of `count` < 64 tokens below node: keeps it for a later
 * match unless the tree has those tokens already.  The caller still releases its own. */
void kv_prefix_add_tail(struct kv_prefix *p, struct kv_node *node, const int32_t *tokens,
                        int count, struct kv_page *page);

/* Gives one page back to the pool; false: every page is in use by a sequence. */
bool kv_prefix_evict(struct kv_prefix *p);

int64_t kv_prefix_page_count(const struct kv_prefix *p); /* pages that the tree owns */
int64_t kv_prefix_idle_count(const struct kv_prefix *p); /* of these, owned by it alone */
void kv_prefix_clear(struct kv_prefix *p);               /* evicts all that can be */

#endif
