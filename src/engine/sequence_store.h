/* sequence_store.h - what a sequence has to do with the disk: finding its prompt's pages there
 * after the tree has no more of them, and offering the pages that it computes.
 *
 * While pages come from the disk (`active`), the sequence is prefilling but in no batch; what
 * is read goes into its pages and the tree as if it had been computed.  Nothing here waits.
 *
 * Engine thread only; sequence.c calls the rest than `step`. */
#ifndef ENGINE_SEQUENCE_STORE_H
#define ENGINE_SEQUENCE_STORE_H
#include "kv/kv_store.h"

enum { SEQUENCE_STORE_AHEAD = 32 }; /* pages asked for at once */

struct sequence;
struct sequence_env;

struct sequence_store {
    struct kv_store_key *keys;       /* [page_capacity + 1] of the tokens before page i; NULL: no
                                        disk store */
    int key_count;
    bool active;
    int next, end;                   /* pages [frozen … next) are asked for, up to end */
    int slots[SEQUENCE_STORE_AHEAD]; /* of the pages asked for, in order */
    int slot_count;
    int64_t progress_ms;             /* when something last came, or it began */
};

bool sequence_store_init(struct sequence *s, const struct sequence_env *env);
void sequence_store_deinit(struct sequence *s);

/* After the tree's pages were found: looks for more on disk. */
void sequence_store_begin(struct sequence *s, const struct sequence_env *env, int64_t now_ms);
/* Takes what was read and asks for more.  Returns the tokens that came. */
int sequence_store_step(struct sequence *s, const struct sequence_env *env, int64_t now_ms);
/* Forgets what was asked for. */
void sequence_store_stop(struct sequence *s, const struct sequence_env *env);

/* The first `count` tokens of a page are computed and final. */
void sequence_store_offer(struct sequence *s, const struct sequence_env *env, int page_index,
                          int count);

#endif
