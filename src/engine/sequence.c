/* sequence.c - one request being computed.  See sequence.h. */
#include "engine/sequence.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const bool seq_may[SEQ_STATES][SEQ_STATES] = {
    [SEQ_WAITING] = {[SEQ_PREFILL] = true, [SEQ_DONE] = true},
    [SEQ_PREFILL] = {[SEQ_DECODE] = true, [SEQ_WAITING] = true /* preempted */, [SEQ_DONE] = true},
    [SEQ_DECODE] = {[SEQ_WAITING] = true /* preempted */, [SEQ_DONE] = true},
};

void sequence_move(struct sequence *s, enum seq_state to) {
    assert(seq_may[s->state][to]);
    s->state = to;
}

struct sequence *sequence_open(struct ticket *ticket, const struct sequence_env *env,
                               struct error *err) {
    const struct engine_request *r = &ticket->request;
    struct sequence *s = calloc(1, sizeof *s);
    if (!s) {
        error_set(err, ERR_MEMORY, "no memory for a request");
        return NULL;
    }
    int room = env->context - r->token_count;
    int answer = r->max_tokens > 0 && r->max_tokens < room ? r->max_tokens : room;
    s->ticket = ticket;
    s->count = s->prompt_count = r->token_count;
    s->capacity = r->token_count + answer + 1;
    s->page_capacity = (s->capacity + DRAFT_MAX) / KV_PAGE_TOKENS + 2;
    s->tokens = malloc((size_t)s->capacity * sizeof *s->tokens);
    s->pages = calloc((size_t)s->page_capacity, sizeof *s->pages);
    s->page_data = calloc((size_t)s->page_capacity, sizeof *s->page_data);
    s->sampler = sampler_open(&r->sampling, r->bias, r->bias_count, env->vocab, &env->math, err);
    bool indexed = !env->draft || draft_index_init(&s->index, s->capacity, err);
    bool stored = sequence_store_init(s, env);
    if (!s->tokens || !s->pages || !s->page_data || !s->sampler || !indexed || !stored) {
        error_set(err, ERR_MEMORY, "no memory for a request of %d tokens", r->token_count);
        s->ticket = NULL; /* stays the caller's */
        sequence_close(s, env);
        return NULL;
    }
    memcpy(s->tokens, r->tokens, (size_t)r->token_count * sizeof *s->tokens);
    for (int i = 0; i < s->count; i++) sampler_accept(s->sampler, s->tokens[i]);
    return s;
}

static void release_pages(struct sequence *s, const struct sequence_env *env) {
    sequence_store_stop(s, env);
    for (int i = 0; i < s->page_count; i++) kv_page_release(env->pool, s->pages[i]);
    s->page_count = s->frozen = s->computed = 0;
    s->node = NULL;
    s->tree_full = false;
}

/* What is computed outlives the sequence in the tree, the part of a page at the end included. */
static void leave_pages(struct sequence *s, const struct sequence_env *env) {
    int tail = s->computed - s->frozen * KV_PAGE_TOKENS;
    if (tail > 0 && tail < KV_PAGE_TOKENS && !s->tree_full) {
        kv_prefix_add_tail(env->prefix, s->node, s->tokens + s->frozen * KV_PAGE_TOKENS, tail,
                           s->pages[s->frozen]);
        sequence_store_offer(s, env, s->frozen, tail);
    }
    release_pages(s, env);
}

void sequence_close(struct sequence *s, const struct sequence_env *env) {
    if (!s) return;
    if (s->page_count > 0) leave_pages(s, env);
    sampler_close(s->sampler);
    draft_index_deinit(&s->index);
    sequence_store_stop(s, env);
    sequence_store_deinit(s);
    free(s->tokens);
    free(s->pages);
    free(s->page_data);
    if (s->ticket) ticket_drop(s->ticket);
    free(s);
}

void sequence_admit(struct sequence *s, const struct sequence_env *env, int64_t now_ms) {
    /* The last token is always computed: its logits are wanted. */
    s->computed = kv_prefix_match(env->prefix, s->tokens, s->count - 1, s->pages, &s->node);
    s->page_count = (s->computed + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS;
    s->frozen = s->computed / KV_PAGE_TOKENS;
    for (int i = 0; i < s->page_count; i++) s->page_data[i] = kv_page_data(s->pages[i]);
    if (!s->was_admitted) {
        s->cached = s->computed;
        s->admitted_ms = now_ms;
    }
    s->was_admitted = true;
    sequence_move(s, SEQ_PREFILL);
    sequence_store_begin(s, env, now_ms);
}

void sequence_preempt(struct sequence *s, const struct sequence_env *env) {
    leave_pages(s, env);
    s->was_preempted = true;
    sequence_move(s, SEQ_WAITING);
}

bool sequence_reserve(struct sequence *s, const struct sequence_env *env, int end) {
    while (s->page_count * KV_PAGE_TOKENS < end) {
        assert(s->page_count < s->page_capacity);
        struct kv_page *page = kv_page_acquire(env->pool);
        /* Pages that wait to be written cannot be evicted; the newest then stay unwritten. */
        while (!page && (kv_prefix_evict(env->prefix) ||
                         (env->store && kv_store_shed(env->store))))
            page = kv_page_acquire(env->pool);
        if (!page) return false;
        s->pages[s->page_count] = page;
        s->page_data[s->page_count++] = kv_page_data(page);
    }
    return true;
}

void sequence_computed(struct sequence *s, const struct sequence_env *env, int end) {
    assert(end <= s->count && end <= s->page_count * KV_PAGE_TOKENS);
    s->computed = end;
    while (!s->tree_full && (s->frozen + 1) * KV_PAGE_TOKENS <= s->computed) {
        const int32_t *tokens = s->tokens + s->frozen * KV_PAGE_TOKENS;
        struct kv_node *node =
            kv_prefix_extend(env->prefix, s->node, tokens, &s->pages[s->frozen]);
        s->page_data[s->frozen] = kv_page_data(s->pages[s->frozen]);
        s->tree_full = node == NULL;
        if (node) s->node = node;
        if (node) sequence_store_offer(s, env, s->frozen, KV_PAGE_TOKENS);
        s->frozen++;
    }
}

void sequence_append(struct sequence *s, int32_t token) {
    assert(s->count < s->capacity);
    s->tokens[s->count++] = token;
    sampler_accept(s->sampler, token);
}

int sequence_pending(const struct sequence *s) {
    return s->count - s->computed;
}

int sequence_generated(const struct sequence *s) {
    return s->count - s->prompt_count;
}
