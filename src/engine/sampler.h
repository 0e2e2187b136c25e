/* sampler.h - from logits to one token.
 *
 * Pure: the token depends on the logits, the history of this answer, the parameters and the
 * seed's stream, on nothing else (same seed, same answer).
 *
 * Order, as llama.cpp's default chain has it so that settings carry over: logit bias, penalties,
 * top-k, typical, top-p, min-p, temperature, draw. */
#ifndef ENGINE_SAMPLER_H
#define ENGINE_SAMPLER_H
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/random.h"

struct sampling {            /* sampling_default() gives the neutral values in brackets */
    float temperature;       /* [1]  0: greedy                                         */
    int top_k;               /* [0]  keep the k best; 0: all                           */
    float top_p;             /* [1]  keep the best that sum to p                       */
    float min_p;             /* [0]  drop what is below min_p × the best's probability */
    float typical_p;         /* [1]  locally typical sampling (Meister et al. 2022)    */
    float repetition_penalty;/* [1]  divides positive, multiplies negative logits of seen tokens
                                     (CTRL, Keskar et al. 2019)                    */
    float presence_penalty;  /* [0]  subtracted once from a token that occurred        */
    float frequency_penalty; /* [0]  subtracted per occurrence                         */
    int penalty_window;      /* [64] last tokens, prompt included, that penalties see; −1: all */
    uint64_t seed;
    bool seed_set;           /* false: drawn from the operating system                 */
};

struct sampling_bias { int32_t token; float bias; }; /* added to the logit; −100 bans */

void sampling_default(struct sampling *s);
/* Ranges: names the field. */
bool sampling_check(const struct sampling *s, struct error *err);

/* The two operations over a whole vocabulary; see kernels.h. */
struct sampler_math {
    int64_t (*argmax)(const float *x, int64_t n);
    double (*log_sum_exp)(const float *x, int64_t n);
};

struct sampler;

/* Copies the parameters.  Tokens of the bias outside the vocabulary are ERR_ARGUMENT. */
struct sampler *sampler_open(const struct sampling *s, const struct sampling_bias *bias,
                             int bias_count, int vocab, const struct sampler_math *math,
                             struct error *err);
void sampler_close(struct sampler *s);

/* Tells the penalties about a token of the prompt or of the answer. */
void sampler_accept(struct sampler *s, int32_t token);
/* Chooses the next token.  logits: [vocab], changed in place.  Does not accept it. */
int32_t sampler_sample(struct sampler *s, float *logits);

#endif
