/* sequence.h - one request being computed: its tokens, its pages, its state.
 *
 *     tokens    | prompt ............................ | answer ...... |
 *               0            computed                             count
 *
 * The keys and values of positions below `computed` are in the pages; the tokens from there to
 * `count` are still to be computed (many while prefilling, one while decoding).  When the
 * last of them is computed, the next token is sampled from its logits.
 *
 * Engine thread only. */
#ifndef ENGINE_SEQUENCE_H
#define ENGINE_SEQUENCE_H
#include "engine/draft.h"
#include "engine/sampler.h"
#include "engine/sequence_store.h"
#include "engine/ticket.h"
#include "kv/kv_page.h"
#include "kv/kv_prefix.h"

enum seq_state { SEQ_WAITING, SEQ_PREFILL, SEQ_DECODE, SEQ_DONE, SEQ_STATES };

struct sequence {
    struct ticket *ticket;
    enum seq_state state;
    int32_t *tokens;              /* [capacity] */
    int count, computed, prompt_count, capacity;
    struct kv_page **pages;       /* [page_capacity] */
    uint8_t **page_data;          /* the same pages, as the backend wants them */
    int page_count, page_capacity;
    int frozen;                   /* pages that the prefix tree has been offered */
    struct kv_node *node;         /* where the tree ends for this sequence */
    bool tree_full;               /* the tree had no memory for a node: later pages stay private */
    struct sampler *sampler;
    struct draft_index index;     /* of the tokens, for proposals */
    struct draft draft;           /* tokens proposed behind the newest one in this step */
    int draft_right;              /* how many of them the model has confirmed */
    struct sequence_store store;  /* its pages on disk */
    int cached;                   /* prompt tokens that were found at first admission */
    bool was_admitted, was_preempted;
    int64_t admitted_ms, first_token_ms, progress_ms;
};

/* What sequences need of the engine. */
struct sequence_env {
    struct kv_pool *pool;
    struct kv_prefix *prefix;
    struct kv_store *store;       /* NULL: nothing is kept on disk */
    int vocab, context;
    struct sampler_math math;
    bool draft;                   /* whether to propose tokens at all */
};

/* Takes over one ownership of the ticket. */
struct sequence *sequence_open(struct ticket *ticket, const struct sequence_env *env,
                               struct error *err);
void sequence_close(struct sequence *s, const struct sequence_env *env);

/* The only function that changes the state. */
void sequence_move(struct sequence *s, enum seq_state to);

/* WAITING → PREFILL: finds the computed prefix. */
void sequence_admit(struct sequence *s, const struct sequence_env *env, int64_t now_ms);
/* → WAITING: gives up its pages, which stay in the tree as long as there is room. */
void sequence_preempt(struct sequence *s, const struct sequence_env *env);

/* Pages for the positions below `end`, one call a page: false when the pool is full. */
bool sequence_reserve(struct sequence *s, const struct sequence_env *env, int end);
/* Positions below `end` are computed: offers full pages to the tree. */
void sequence_computed(struct sequence *s, const struct sequence_env *env, int end);
/* Adds a sampled token. */
void sequence_append(struct sequence *s, int32_t token);
int sequence_pending(const struct sequence *s);   /* tokens still to be computed */
int sequence_generated(const struct sequence *s);

#endif
