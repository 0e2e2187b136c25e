/* options.c - reads values for the rows of options_table.c: from flags, the environment and text.
 *
 * Pure apart from getenv; no allocation; any thread may use its own struct options. */
#include "config/options.h"
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "config/nearest.h"

enum { OPTION_NAME_BYTES_MAX = 64 };

void options_init(struct options *o) {
    memset(o, 0, sizeof *o);
}

/* ---- values ---- */

static bool word_in(const char *words, const char *word) {
    size_t len = strlen(word);
    for (const char *at = words; len > 0 && *at != '\0';) {
        size_t n = strcspn(at, " ");
        if (n == len && memcmp(at, word, n) == 0)
            return true;
        at += n + (at[n] == ' ');
    }
    return false;
}

static bool out_of_range(const struct option *row, const char *text, struct error *err) {
    const char *unit = row->unit != NULL ? row->unit : "";
    return error_set(err, ERR_ARGUMENT, "%s is out of range; give %.15g to %.15g%s%s", text,
                     row->min, row->max, *unit ? " " : "", unit);
}

static bool int_from_text(struct option_value *v, const struct option *row, const char *text,
                          struct error *err) {
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || strchr(" \t\n+", text[0]) != NULL)
        return error_set(err, ERR_ARGUMENT,
                         "\"%.40s\" is not a whole number; give %.15g to %.15g%s%s", text, row->min,
                         row->max, row->unit ? " " : "", row->unit ? row->unit : "");
    if (errno == ERANGE || (double)n < row->min || (double)n > row->max)
        return out_of_range(row, text, err);
    v->integer = n;
    v->real = (double)n;
    return true;
}

static bool real_from_text(struct option_value *v, const struct option *row, const char *text,
                           struct error *err) {
    char *end;
    double x = strtod(text, &end);
    /* strtod also reads "inf", "nan" and hexadecimal; none of them is meant here. */
    if (end == text || *end != '\0' || strspn(text, "0123456789.eE+-") != strlen(text))
        return error_set(err, ERR_ARGUMENT, "\"%.40s\" is not a number; give %.15g to %.15g", text,
                         row->min, row->max);
    if (!(x >= row->min && x <= row->max))
        return out_of_range(row, text, err);
    v->real = x;
    return true;
}

static bool bytes_from_text(struct option_value *v, const struct option *row, const char *text,
                            struct error *err) {
    static const char suffixes[] = "KMGT"; /* each 1024 times the one before */
    char *end;
    double x = strtod(text, &end);
    bool ok = end != text && strspn(text, "0123456789.") == (size_t)(end - text);
    if (ok && *end != '\0') {
        const char *suffix = strchr(suffixes, *end >= 'a' ? *end - 'a' + 'A' : *end);
        ok = suffix != NULL && *suffix != '\0';
        if (ok)
            x = ldexp(x, 10 * (int)(suffix - suffixes + 1));
        end++;
        end += strncmp(end, "iB", 2) == 0 ? 2 : *end == 'B' || *end == 'b';
    }
    if (!ok || *end != '\0')
        return error_set(err, ERR_ARGUMENT,
                         "\"%.40s\" is not a size; give bytes, or e.g. 512M or 16G", text);
    if (!(x >= row->min && x <= row->max))
        return error_set(err, ERR_ARGUMENT, "%s is out of range; give %.0fM to %.0fG", text,
                         row->min / (1 << 20), row->max / (1 << 30));
    v->integer = (int64_t)x;
    return true;
}

static bool bool_from_text(struct option_value *v, const char *text, struct error *err) {
    if (word_in("true on yes 1", text))
        v->integer = 1;
    else if (word_in("false off no 0", text))
        v->integer = 0;
    else
        return error_set(err, ERR_ARGUMENT, "\"%.40s\" is neither true nor false", text);
    return true;
}

/* Checks each number between the commas; `out` may be NULL.  Returns the count, or −1. */
static int ints_from_text(int64_t *out, const struct option *row, const char *text,
                          struct error *err) {
    int count = 0;
    for (const char *at = text;; at++) {
        char item[32];
        size_t len = strcspn(at, ",");
        struct option_value v = {0};
        if (len == 0 || len >= sizeof item || count == OPTION_INTS_MAX) {
            error_set(err, ERR_ARGUMENT,
                      "\"%.60s\" is not a list of at most %d numbers with commas", text,
                      OPTION_INTS_MAX);
            return -1;
        }
        memcpy(item, at, len);
        item[len] = '\0';
        if (!int_from_text(&v, row, item, err))
            return -1;
        if (out != NULL)
            out[count] = v.integer;
        count++;
        at += len;
        if (*at == '\0')
            return count;
    }
}

static bool add_to_list(struct option_value *v, const struct option *row, const char *text,
                        struct error *err) {
    if (*text == '\0')
        return error_set(err, ERR_ARGUMENT, "the value is empty; give %s", row->value);
    if (v->list_count == OPTION_LIST_MAX)
        return error_set(err, ERR_ARGUMENT, "given more than %d times", OPTION_LIST_MAX);
    v->list[v->list_count++] = text;
    return true;
}

static bool value_from_text(struct option_value *v, const struct option *row, const char *text,
                            struct error *err) {
    v->text = text;
    switch (row->type) {
    case OPTION_TYPE_BOOL: return bool_from_text(v, text, err);
    case OPTION_TYPE_INT: return int_from_text(v, row, text, err);
    case OPTION_TYPE_REAL: return real_from_text(v, row, text, err);
    case OPTION_TYPE_BYTES: return bytes_from_text(v, row, text, err);
    case OPTION_TYPE_LIST: return add_to_list(v, row, text, err);
    case OPTION_TYPE_INTS: return ints_from_text(NULL, row, text, err) > 0;
    case OPTION_TYPE_STRING:
        return *text != '\0' || error_set(err, ERR_ARGUMENT, "the value is empty; give %s",
                                          row->value != NULL ? row->value : "a text");
    case OPTION_TYPE_ENUM: {
        if (word_in(row->choices, text))
            return true;
        return error_set(err, ERR_ARGUMENT, "\"%.40s\" is none of: %s", text, row->choices);
    }
    }
    return false;
}

bool options_set(struct options *o, enum option_id id, const char *text, enum option_source source,
                 struct error *err) {
    const struct option *row = option_row(id);
    struct option_value *old = &o->value[id];
    struct option_value v = {0};
    /* A repeated list grows; everything else, and a list of lower precedence, is replaced. */
    if (row->type == OPTION_TYPE_LIST && old->source == source)
        v = *old;
    v.source = source;
    if (!value_from_text(&v, row, text, err))
        return false;
    if (source >= old->source)
        *old = v;
    return true;
}

/* ---- flags ---- */

struct reader { /* the arguments on their way into o */
    struct options *o;
    unsigned command;
    const char *command_name;
    int argc, at;
    char **argv;
};

static const struct option *row_by_flag(const char *flag, unsigned commands) {
    const struct option *row;
    for (int i = 0; (row = option_at(i)) != NULL; i++) {
        if (row->flag != NULL && (row->commands & commands) && strcmp(row->flag, flag) == 0)
            return row;
    }
    return NULL;
}

static const struct option *row_by_letter(char letter, unsigned command) {
    const struct option *row;
    for (int i = 0; (row = option_at(i)) != NULL; i++) {
        if (letter != 0 && row->letter == letter && (row->commands & command))
            return row;
    }
    return NULL;
}

static bool unknown_flag(const struct reader *r, const char *argument, const char *name,
                         struct error *err) {
    struct nearest near;
    const struct option *row;
    nearest_init(&near, name);
    for (int i = 0; (row = option_at(i)) != NULL; i++) {
        if (row->commands & r->command)
            nearest_offer(&near, row->flag);
    }
    int shown = (int)strcspn(argument, "=");
    shown = shown < OPTION_NAME_BYTES_MAX ? shown : OPTION_NAME_BYTES_MAX;
    const char *best = nearest_best(&near);
    if (best != NULL && strcmp(best, name) != 0)
        return error_set(err, ERR_ARGUMENT, "`longhaul %s` has no option %.*s; did you mean --%s?",
                         r->command_name, shown, argument, best);
    if (row_by_flag(name, ~0u) != NULL)
        return error_set(err, ERR_ARGUMENT,
                         "`longhaul %s` has no option %.*s (another command has); see `longhaul %s "
                         "--help`",
                         r->command_name, shown, argument, r->command_name);
    return error_set(err, ERR_ARGUMENT,
                     "`longhaul %s` has no option %.*s; see `longhaul %s --help`", r->command_name,
                     shown, argument, r->command_name);
}

/* The option that `argument` ("--name", "--name=value", "--no-name", "-x") names; *value is what
 * follows within the same argument, or NULL. */
static const struct option *find_flag(const struct reader *r, const char *argument,
                                      const char **value, bool *negated, struct error *err) {
    char name[OPTION_NAME_BYTES_MAX];
    const struct option *row = NULL;
    *value = NULL;
    *negated = false;
    if (argument[1] != '-') { /* -x, -x4096 or -x=4096 */
        row = row_by_letter(argument[1], r->command);
        if (row == NULL) {
            error_set(err, ERR_ARGUMENT,
                      "`longhaul %s` has no option -%c; see `longhaul %s --help`", r->command_name,
                      argument[1], r->command_name);
            return NULL;
        }
        if (argument[2] != '\0')
            *value = argument + 2 + (argument[2] == '=');
        return row;
    }
    size_t len = strcspn(argument + 2, "=");
    if (len >= sizeof name)
        len = sizeof name - 1;
    memcpy(name, argument + 2, len);
    name[len] = '\0';
    if (argument[2 + len] == '=')
        *value = argument + 3 + len;
    for (char *c = name; *c != '\0'; c++)
        *c = *c == '_' ? '-' : *c; /* --max_tokens is what some hands type */
    row = row_by_flag(name, r->command);
    if (row == NULL && strncmp(name, "no-", 3) == 0) {
        row = row_by_flag(name + 3, r->command);
        *negated = row != NULL && row->type == OPTION_TYPE_BOOL;
        row = *negated ? row : NULL;
    }
    if (row == NULL)
        unknown_flag(r, argument, name, err);
    return row;
}

static bool read_flag(struct reader *r, struct error *err) {
    const char *argument = r->argv[r->at];
    const char *value;
    bool negated;
    const struct option *row = find_flag(r, argument, &value, &negated, err);
    if (row == NULL)
        return false;
    if (row->type == OPTION_TYPE_BOOL) {
        if (negated && value != NULL)
            return error_set(err, ERR_ARGUMENT, "--no-%s takes no value", row->flag);
        value = negated ? "false" : value != NULL ? value : "true";
    } else if (value == NULL) {
        if (r->at + 1 >= r->argc)
            return error_set(err, ERR_ARGUMENT, "--%s needs a value (%s)", row->flag, row->value);
        value = r->argv[++r->at];
    }
    if (options_set(r->o, row->id, value, OPTION_FROM_FLAG, err))
        return true;
    error_prefix(err, "--%s", row->flag);
    return false;
}

bool options_parse(struct options *o, enum option_command command, const char *command_name,
                   int argc, char **argv, struct error *err) {
    struct reader r = {
        .o = o, .command = command, .command_name = command_name, .argc = argc, .argv = argv};
    bool words_only = false; /* after "--" */
    for (; r.at < argc; r.at++) {
        const char *argument = argv[r.at];
        if (!words_only && strcmp(argument, "--") == 0) {
            words_only = true;
        } else if (!words_only && argument[0] == '-' && argument[1] != '\0') {
            if (!read_flag(&r, err))
                return false;
        } else {
            if (o->word_count == OPTION_WORDS_MAX)
                return error_set(err, ERR_ARGUMENT, "more than %d words; put a question in quotes",
                                 OPTION_WORDS_MAX);
            o->words[o->word_count++] = argument;
        }
    }
    return true;
}

/* ---- environment ---- */

static const char *variable_of(const struct option *row, char *name, size_t name_bytes) {
    for (const char *at = row->environment; at != NULL && *at != '\0';) {
        size_t len = strcspn(at, " ");
        assert(len < name_bytes);
        (void)name_bytes;
        memcpy(name, at, len);
        name[len] = '\0';
        const char *text = getenv(name);
        if (text != NULL && *text != '\0')
            return text;
        at += len + (at[len] == ' ');
    }
    return NULL;
}

bool options_read_environment(struct options *o, enum option_command command, struct error *err) {
    const struct option *row;
    for (int i = 0; (row = option_at(i)) != NULL; i++) {
        char name[OPTION_NAME_BYTES_MAX];
        const char *text = row->commands & command ? variable_of(row, name, sizeof name) : NULL;
        if (text != NULL && !options_set(o, row->id, text, OPTION_FROM_ENVIRONMENT, err)) {
            error_prefix(err, "environment variable %s", name);
            return false;
        }
    }
    return true;
}

void options_layer(struct options *o, const struct options *under) {
    for (int id = 0; id < OPTION_IDS; id++) {
        if (under->value[id].source > o->value[id].source)
            o->value[id] = under->value[id];
    }
}

/* ---- what counts ---- */

static struct option_value effective(const struct options *o, enum option_id id) {
    struct option_value v = o->value[id];
    const struct option *row = option_row(id);
    if (v.source == OPTION_UNSET && row->fallback != NULL) {
        bool ok = value_from_text(&v, row, row->fallback, NULL);
        assert(ok); /* a default in the table that its own row refuses */
        (void)ok;
    }
    return v;
}

bool options_given(const struct options *o, enum option_id id) {
    return o->value[id].source != OPTION_UNSET;
}

bool options_bool(const struct options *o, enum option_id id) {
    return effective(o, id).integer != 0;
}

int64_t options_int(const struct options *o, enum option_id id) {
    return effective(o, id).integer;
}

double options_real(const struct options *o, enum option_id id) {
    return effective(o, id).real;
}

const char *options_text(const struct options *o, enum option_id id) {
    return effective(o, id).text;
}

const char *const *options_list(const struct options *o, enum option_id id, int *count) {
    *count = o->value[id].list_count;
    return o->value[id].list;
}

int options_ints(const struct options *o, enum option_id id, int64_t *out) {
    struct option_value v = effective(o, id);
    return v.text != NULL ? ints_from_text(out, option_row(id), v.text, NULL) : 0;
}
