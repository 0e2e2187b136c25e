/* load_native.c - turns options into what the engine takes, and opens it. */
#include "cli/load_native.h"
#include <string.h>
#include "cli/progress.h"

/* --kv speaks for both; the single option counts where it was given with as much precedence. */
static bool kv_type(const struct options *o, enum option_id single, enum quant_type *type,
                    struct error *err) {
    bool use_single =
        options_given(o, single) && o->value[single].source >= o->value[OPTION_KV].source;
    const char *name = options_text(o, use_single ? single : OPTION_KV);
    return quant_from_name(type, name) ||
           error_set(err, ERR_UNSUPPORTED, "keys and values cannot be stored as %s", name);
}

static bool engine_options(const struct options *o, struct engine_options *e, struct error *err) {
    const char *rope = options_text(o, OPTION_ROPE);
    const char *cpu = options_text(o, OPTION_CPU);
    *e = (struct engine_options){
        .context = (int)options_int(o, OPTION_CONTEXT),
        .threads = (int)options_int(o, OPTION_THREADS),
        .batch = (int)options_int(o, OPTION_BATCH),
        .ubatch = (int)options_int(o, OPTION_UBATCH),
        .parallel = (int)options_int(o, OPTION_PARALLEL),
        .no_continuous_batching = !options_bool(o, OPTION_CONT_BATCHING),
        .no_speculation = !options_bool(o, OPTION_SPECULATION),
        .kv_types_set = true,
        .memory_max = options_int(o, OPTION_MEMORY),
        .cache_disk_bytes = options_int(o, OPTION_CACHE_DISK),
        .cpu = strcmp(cpu, "auto") == 0 ? NULL : cpu,
    };
    if (strcmp(rope, "dca") == 0)
        return error_set(err, ERR_UNSUPPORTED,
                         "rope mode \"dca\" is not in this version; use auto, yarn or none");
    e->rope = strcmp(rope, "yarn") == 0   ? ENGINE_ROPE_YARN
              : strcmp(rope, "none") == 0 ? ENGINE_ROPE_NONE
                                          : ENGINE_ROPE_AUTO;
    return kv_type(o, OPTION_CACHE_TYPE_K, &e->kv_k, err) &&
           kv_type(o, OPTION_CACHE_TYPE_V, &e->kv_v, err);
}

static bool native_options(const struct load *l, struct native_options *n, struct error *err) {
    int count;
    *n = (struct native_options){.model_path = str_text(&l->path),
                                 .template_path = options_text(&l->options, OPTION_TEMPLATE),
                                 .override_kv =
                                     options_list(&l->options, OPTION_OVERRIDE_KV, &count)};
    if (!engine_options(&l->options, &n->engine, err))
        return false;
    n->engine.cache_dir = l->cache_dir.len > 0 ? str_text(&l->cache_dir) : NULL;
    return true;
}

static void show_progress(void *arg, double fraction) {
    progress_update(arg, (int64_t)(fraction * 1000), 1000);
}

struct native *load_native_open(const struct load *l,
                                void (*change)(struct native_options *n, void *arg), void *arg,
                                struct error *err) {
    struct native_options n;
    struct progress bar;
    if (!native_options(l, &n, err))
        return NULL;
    progress_init(&bar, "loading", PROGRESS_PERCENT, 0);
    n.engine.progress = show_progress;
    n.engine.progress_arg = &bar;
    if (change != NULL)
        change(&n, arg);
    struct native *native = native_open(&n, err);
    progress_clear(&bar);
    return native;
}

struct native *load_native_open_quietly(const struct load *l,
                                        void (*progress)(void *arg, double fraction), void *arg,
                                        struct error *err) {
    struct native_options n;
    if (!native_options(l, &n, err))
        return NULL;
    n.engine.progress = progress;
    n.engine.progress_arg = arg;
    return native_open(&n, err);
}

void load_native_sampling(const struct options *o, struct sampling *s) {
    sampling_default(s);
    s->temperature = (float)options_real(o, OPTION_TEMPERATURE);
    s->top_p = (float)options_real(o, OPTION_TOP_P);
    s->top_k = (int)options_int(o, OPTION_TOP_K);
    s->min_p = (float)options_real(o, OPTION_MIN_P);
    s->typical_p = (float)options_real(o, OPTION_TYPICAL_P);
    s->repetition_penalty = (float)options_real(o, OPTION_REPETITION_PENALTY);
    s->presence_penalty = (float)options_real(o, OPTION_PRESENCE_PENALTY);
    s->frequency_penalty = (float)options_real(o, OPTION_FREQUENCY_PENALTY);
    s->penalty_window = (int)options_int(o, OPTION_PENALTY_WINDOW);
    s->seed_set = options_given(o, OPTION_SEED);
    s->seed = (uint64_t)options_int(o, OPTION_SEED);
}

void load_native_memory_text(const struct engine_info *info, struct str *out) {
    char weights[32], kv[32], token[32], buffers[32], sum[32];
    str_addf(out, "weights %s + keys and values up to %s (%s a token) + buffers %s = %s",
             progress_bytes(weights, sizeof weights, info->weight_bytes),
             progress_bytes(kv, sizeof kv, info->kv_bytes_max),
             progress_bytes(token, sizeof token, info->kv_bytes_per_token),
             progress_bytes(buffers, sizeof buffers, info->buffer_bytes),
             progress_bytes(sum, sizeof sum,
                            info->weight_bytes + info->kv_bytes_max + info->buffer_bytes));
}
