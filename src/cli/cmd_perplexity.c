/* cmd_perplexity.c - `longhaul perplexity`: exp of the mean negative log-likelihood of a text.
 *
 * By llama.cpp's definition (tools/perplexity/perplexity.cpp), so that the figures compare: the
 * text is tokenised as a whole (special tokens are not parsed; with a leading BOS where the model
 * adds one) and cut into windows of N tokens; in each window the first token is replaced by
 * BOS where the model adds one, and of the rest only tokens N/2 + 1 … N − 1 count, so that each has
 * at least half a window before it. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/load_native.h"
#include "cli/progress.h"

enum { TEXT_BYTES_MAX = 1 << 30, WINDOW_DEFAULT = 512, WINDOW_MIN = 4 };

struct score { /* running sums over the tokens that count */
    double sum, sum_of_squares;
    int64_t count;
};

struct run {
    struct native *native;
    struct tokens tokens;
    int window, chunks;
    bool json;
    struct score score;
    struct progress bar;
};

/* The standard error of the mean, by the same formula as llama.cpp's. */
static double mean_error(const struct score *s) {
    double mean = s->sum / (double)s->count;
    double variance = s->sum_of_squares / (double)s->count - mean * mean;
    return variance > 0 && s->count > 1 ? sqrt(variance / (double)(s->count - 1)) : 0;
}

static double perplexity(const struct score *s) {
    return exp(s->sum / (double)s->count);
}

static bool score_chunk(struct run *r, int chunk, float *logprobs, struct error *err) {
    const struct tokenizer_special *special = tokenizer_special(native_tokenizer(r->native));
    int32_t *ids = r->tokens.ids + (int64_t)chunk * r->window;
    int32_t first = ids[0];
    if (special->add_bos && special->bos >= 0)
        ids[0] = special->bos;
    bool ok = engine_score(native_engine(r->native), ids, r->window, logprobs, err);
    ids[0] = first;
    for (int i = r->window / 2 + 1; ok && i < r->window; i++) {
        double nll = -(double)logprobs[i];
        r->score.sum += nll;
        r->score.sum_of_squares += nll * nll;
        r->score.count++;
    }
    return ok;
}

static bool score_all(struct run *r, struct error *err) {
    float *logprobs = calloc((size_t)r->window, sizeof *logprobs);
    bool ok = logprobs != NULL || error_set(err, ERR_MEMORY, "no memory for a window");
    progress_init(&r->bar, "perplexity", PROGRESS_TOKENS, 0);
    if (r->json)
        printf("{\"chunks\": [");
    for (int i = 0; ok && i < r->chunks; i++) {
        progress_update(&r->bar, (int64_t)i * r->window, (int64_t)r->chunks * r->window);
        ok = score_chunk(r, i, logprobs, err);
        progress_clear(&r->bar);
        if (ok && r->json)
            printf("%s%.6f", i > 0 ? ", " : "", perplexity(&r->score));
        else if (ok)
            printf("chunk %d of %d: %.4f so far\n", i + 1, r->chunks, perplexity(&r->score));
        fflush(stdout);
    }
    free(logprobs);
    return ok;
}

static bool read_tokens(struct run *r, const char *path, int chunks_wanted, struct error *err) {
    const struct tokenizer *t = native_tokenizer(r->native);
    const struct tokenizer_special *special = tokenizer_special(t);
    struct str text = {0};
    bool ok = file_read(&text, path, TEXT_BYTES_MAX, err);
    if (ok && text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--; /* llama.cpp drops one newline at the end of a file */
    if (ok && special->add_bos && special->bos >= 0)
        ok = tokens_add(&r->tokens, special->bos) || error_set(err, ERR_MEMORY, "no memory");
    ok =
        ok && tokenizer_encode(t, (struct span){str_text(&text), text.len}, false, &r->tokens, err);
    str_deinit(&text);
    int64_t chunks = r->tokens.count / r->window;
    if (ok && chunks == 0)
        return error_set(err, ERR_ARGUMENT,
                         "%s has %" PRId64 " tokens, less than one window of %d; give a smaller "
                         "--context",
                         path, r->tokens.count, r->window);
    r->chunks = chunks_wanted > 0 && chunks_wanted < chunks ? chunks_wanted : (int)chunks;
    return ok;
}

static void print_result(const struct run *r, const struct load *model, int64_t elapsed_ms) {
    const struct engine_info *info = engine_info(native_engine(r->native));
    double result = perplexity(&r->score), error = mean_error(&r->score) * result;
    double seconds = (double)elapsed_ms / 1000;
    double speed = seconds > 0 ? (double)r->chunks * r->window / seconds : 0;
    if (r->json)
        printf("], \"perplexity\": %.6f, \"error\": %.6f, \"tokens\": %" PRId64
               ", \"context\": %d, "
               "\"kv_k\": \"%s\", \"kv_v\": \"%s\", \"kernels\": \"%s\", \"threads\": %d, "
               "\"seconds\": %.3f, \"tokens_per_s\": %.2f}\n",
               result, error, r->score.count, r->window, quant_info(info->kv_k)->name,
               quant_info(info->kv_v)->name, info->cpu_level, info->threads, seconds, speed);
    else
        printf("perplexity %.4f ± %.5f (%s, %d windows of %d, keys %s, values %s; %.0f tokens/s)\n",
               result, error, model->name, r->chunks, r->window, quant_info(info->kv_k)->name,
               quant_info(info->kv_v)->name, speed);
}

/* The engine's window is the measure's window. */
static void set_window(struct native_options *n, void *arg) {
    n->engine.context = *(const int *)arg;
    n->engine.parallel = 1;
}

bool cmd_perplexity(const struct options *o, struct error *err) {
    struct load_config config;
    struct load model = {0};
    struct run r = {.json = options_bool(o, OPTION_JSON)};
    bool ok = false;
    /* The window is the flag's or 512: what models.json says is for serving. */
    r.window =
        options_given(o, OPTION_CONTEXT) ? (int)options_int(o, OPTION_CONTEXT) : WINDOW_DEFAULT;
    if (r.window < WINDOW_MIN)
        return error_set(err, ERR_ARGUMENT, "--context: a window has at least %d tokens",
                         WINDOW_MIN);
    if (!load_config_open(&config, o, err))
        return false;
    if (!load_find(&model, &config, o, o->words[0], err))
        goto done;
    if (!file_exists(o->words[1])) {
        error_set(err, ERR_NOT_FOUND, "there is no file %.300s", o->words[1]);
        goto done;
    }
    if ((r.native = load_native_open(&model, set_window, &r.window, err)) == NULL)
        goto done;
    if (!read_tokens(&r, o->words[1], (int)options_int(o, OPTION_CHUNKS), err))
        goto done;
    int64_t start_ms = clock_ms();
    ok = score_all(&r, err);
    if (ok)
        print_result(&r, &model, clock_ms() - start_ms);
done:
    tokens_deinit(&r.tokens);
    native_close(r.native);
    load_deinit(&model);
    load_config_close(&config);
    return ok;
}
