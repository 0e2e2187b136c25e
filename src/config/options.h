/* options.h - every option of every command: one table, from which all else comes.
 *
 * A row names an option's flag, its key in models.json, its environment variable, its type, range,
 * unit, default, the commands that take it and one help sentence.  Parsing, --help,
 * docs/options.md, the keys that models.json may hold and all error messages are read off it.
 *
 * Precedence, highest first: flag, environment, models.json, default.  A struct options holds what
 * was given so far and where it came from; it borrows its strings (argv, environment, a struct
 * models) and owns nothing, so it may be copied freely. */
#ifndef CONFIG_OPTIONS_H
#define CONFIG_OPTIONS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/str.h"

enum option_id {
    /* which model */
    OPTION_MODEL, OPTION_CONFIG, OPTION_MODELS_DIR, OPTION_TYPE, OPTION_URL, OPTION_DRAFT,
    /* the engine */
    OPTION_CONTEXT, OPTION_THREADS, OPTION_BATCH, OPTION_UBATCH, OPTION_PARALLEL,
    OPTION_CONT_BATCHING, OPTION_SPECULATION, OPTION_FLASH_ATTENTION, OPTION_KV,
    OPTION_CACHE_TYPE_K,
    OPTION_CACHE_TYPE_V, OPTION_ROPE, OPTION_OVERRIDE_KV, OPTION_TEMPLATE, OPTION_MEMORY,
    OPTION_CACHE_DIR, OPTION_CACHE_DISK, OPTION_CPU,
    /* sampling */
    OPTION_MAX_TOKENS, OPTION_TEMPERATURE, OPTION_TOP_P, OPTION_TOP_K, OPTION_MIN_P,
    OPTION_TYPICAL_P, OPTION_REPETITION_PENALTY, OPTION_PRESENCE_PENALTY,
    OPTION_FREQUENCY_PENALTY, OPTION_PENALTY_WINDOW, OPTION_SEED,
    /* serve */
    OPTION_HOST, OPTION_PORT, OPTION_API_KEY, OPTION_CORS, OPTION_TIMEOUT, OPTION_GRACE,
    /* run */
    OPTION_SYSTEM, OPTION_STATS,
    /* inspect, tokenize */
    OPTION_TENSORS, OPTION_CPU_REPORT, OPTION_SPECIAL, OPTION_COUNT, OPTION_DECODE,
    /* perplexity, bench */
    OPTION_CHUNKS, OPTION_DEPTHS, OPTION_PREFILL, OPTION_DECODE_TOKENS, OPTION_REPEAT,
    OPTION_ROOFLINE, OPTION_PLOT, OPTION_WITH, OPTION_WITH_ARGS, OPTION_WITH_TIMEOUT,
    /* pull */
    OPTION_FROM, OPTION_HUB, OPTION_LIST,
    /* what is printed */
    OPTION_JSON, OPTION_LOG_LEVEL, OPTION_MARKDOWN, OPTION_HELP,
    OPTION_IDS
};

enum option_command { /* bits: an option may belong to several commands */
    COMMAND_RUN = 1, COMMAND_SERVE = 2, COMMAND_INSPECT = 4, COMMAND_TOKENIZE = 8,
    COMMAND_PERPLEXITY = 16, COMMAND_BENCH = 32, COMMAND_PULL = 64, COMMAND_HELP = 128,
    COMMAND_VERSION = 256, COMMAND_CACHE = 512,
};

enum option_type {
    OPTION_TYPE_BOOL,   /* --x, --no-x, --x=true|false                       */
    OPTION_TYPE_INT,    /* min … max                                         */
    OPTION_TYPE_REAL,   /* min … max                                         */
    OPTION_TYPE_BYTES,  /* 1024, 512M, 1.5G (powers of 1024)                 */
    OPTION_TYPE_STRING, /* not empty                                         */
    OPTION_TYPE_ENUM,   /* one of `choices`                                  */
    OPTION_TYPE_LIST,   /* strings; the flag may be repeated                 */
    OPTION_TYPE_INTS,   /* whole numbers between commas, each in min … max   */
};

struct option {
    enum option_id id;
    enum option_type type;
    const char *section;      /* heading in --help and docs                                  */
    const char *flag;         /* without dashes; NULL: models.json only                      */
    char letter;              /* -x, or 0                                                    */
    const char *key;          /* within an entry of models.json, dotted; NULL: no key        */
    const char *environment;  /* names, space between; the first that is set counts; or NULL */
    const char *value;        /* what stands for the value in --help: "N", "FILE", …         */
    const char *unit;         /* "tokens", "s", … or NULL                                    */
    double min, max;          /* of numbers                                                  */
    const char *choices;      /* of ENUM, space between                                      */
    const char *fallback;     /* the default as a user would write it; NULL: none            */
    const char *fallback_note;/* describes a default that is not a constant; or NULL         */
    unsigned commands;        /* COMMAND_ bits                                               */
    const char *help;         /* one sentence                                                */
};

enum { OPTION_LIST_MAX = 16, OPTION_WORDS_MAX = 16, OPTION_INTS_MAX = 64 };

enum option_source { /* in order of precedence */
    OPTION_UNSET, OPTION_FROM_MODELS, OPTION_FROM_ENVIRONMENT, OPTION_FROM_FLAG
};

struct option_value {
    enum option_source source;
    int64_t integer;                  /* BOOL, INT, BYTES                     */
    double real;                      /* INT, REAL                            */
    const char *text;                 /* STRING, ENUM, INTS; borrowed         */
    const char *list[OPTION_LIST_MAX + 1]; /* LIST; borrowed; ends with NULL  */
    int list_count;
};

struct options {
    struct option_value value[OPTION_IDS];
    const char *words[OPTION_WORDS_MAX]; /* what is no option: MODEL, FILE, a question */
    int word_count;
};

/* The row of an option; rows in the order of the help. */
const struct option *option_row(enum option_id id);
const struct option *option_at(int index);                 /* NULL past the end */
const struct option *option_by_key(const char *key);       /* "performance.batch"; NULL: none */

void options_init(struct options *o);
/* Reads arguments (without program and command names).  Errors name the option and what it
 * takes. */
bool options_parse(struct options *o, enum option_command command, const char *command_name,
                   int argc, char **argv, struct error *err);
/* Reads the variables of the options that `command` takes. */
bool options_read_environment(struct options *o, enum option_command command, struct error *err);
/* One value as text; kept only if nothing of higher precedence is there.  `text` is borrowed. The
 * message does not name the option: the caller knows what the user called it (error_prefix). */
bool options_set(struct options *o, enum option_id id, const char *text, enum option_source source,
                 struct error *err);
/* Fills from `under` what `o` does not have with higher precedence. */
void options_layer(struct options *o, const struct options *under);

/* What counts: the value given, else the default (0, NULL or "" where there is none). */
bool options_given(const struct options *o, enum option_id id);
bool options_bool(const struct options *o, enum option_id id);
int64_t options_int(const struct options *o, enum option_id id);    /* INT and BYTES */
double options_real(const struct options *o, enum option_id id);
const char *options_text(const struct options *o, enum option_id id); /* NULL: no default */
const char *const *options_list(const struct options *o, enum option_id id, int *count);
/* Fills out (room for OPTION_INTS_MAX); returns the count. */
int options_ints(const struct options *o, enum option_id id, int64_t *out);

#endif
