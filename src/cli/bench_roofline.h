/* bench_roofline.h - how far a measured speed is from what the machine could do.
 *
 * Prefill is bound by arithmetic, decode by reading memory.  A token costs in prefill
 *     2 · (elements of the layers' matrices)          operations, of the int8 peak
 *     4 · layers · heads · head_dim · (keys it sees)  operations, of the f32 peak: q·k and p·v
 * and in decode it reads
 *     the layers' matrices and the output matrix, as they lie in the file
 *     the keys and values of every token before it.
 * What is not counted (norms, RoPE, softmax, the sampler) only makes the fraction smaller. */
#ifndef CLI_BENCH_ROOFLINE_H
#define CLI_BENCH_ROOFLINE_H
#include "base/error.h"
#include "base/str.h"
#include "cli/bench_peak.h"
#include "gguf/gguf.h"

struct bench_costs { /* of one token */
    double matrix_ops;
    double attention_ops_per_key;
    double weight_bytes;
};
bool bench_roofline_costs(const char *model_path, struct bench_costs *out, struct error *err);

struct bench_roofline { /* fractions of 1; 0: the limit is not known */
    double int8;        /* prefill: matrices */
    double f32;         /* prefill: attention */
    double bandwidth;   /* decode */
};
struct bench_roofline_work {
    const struct bench_costs *costs;
    const struct bench_limits *limits;
    const char *level;                       /* that the engine computes with */
    int64_t kv_bytes_per_token;
    int depth, prefill, decode;              /* tokens */
    double prefill_tokens_per_s, decode_tokens_per_s; /* 0: not measured */
};
struct bench_roofline bench_roofline_of(const struct bench_roofline_work *work);

/* "prefill: 41.2 % of the int8 peak (avx512), attention 3.0 % of the f32 peak; decode: …", indented
 * and with a line end. */
void bench_roofline_text(const struct bench_roofline_work *work, struct str *out);

#endif
