/* bench_peer.h - llama-bench of llama.cpp or ik_llama.cpp: what to ask it, how to read its answer.
 *
 * Both print with `-o json` an array of objects, one a test, with n_prompt, n_gen and
 * samples_ns, the nanoseconds of each repetition; llama.cpp has n_depth as well.  ik_llama.cpp
 * takes no depth (-d), but times decoding after a prompt (-gp). */
#ifndef CLI_BENCH_PEER_H
#define CLI_BENCH_PEER_H
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/str.h"

struct bench_peer {
    const char *program;         /* path of llama-bench */
    const char *model_path;
    const char *kv_k, *kv_v;     /* "f16", "q8_0", … */
    const char *more;            /* further arguments, blanks between; or NULL */
    int threads, prefill, decode;
    int64_t timeout_ms;
    bool (*tick)(void *arg);
    void *arg;
    bool no_depth;               /* found out: it does not know -d */
};

struct bench_peer_result { /* seconds; 0: not supported by the peer (or not asked for) */
    double prefill_s, decode_s;
};

/* One repetition at a depth. */
bool bench_peer_run(struct bench_peer *peer, int depth, struct bench_peer_result *out,
                    struct error *err);

/* Reads an answer: the test of `prefill` prompt tokens alone and that of `decode` tokens. */
bool bench_peer_parse(const struct bench_peer *peer, const char *text, size_t len,
                      struct bench_peer_result *out, struct error *err);

#endif
