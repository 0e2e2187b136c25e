/* reply_parts.c - see reply_parts.h.
 *
 * Two machines that take a byte each.  The outer one:
 *
 *     START ──<think>──> THINK ──</think>──> CONTENT <──────────┐ no call: what was held is shown
 *       └─────anything else────────────────>    └─ opener ─> TAIL
 *
 * The inner one reads the TAIL, everything from an opener on:
 *
 *     BETWEEN ──{ or [──> VALUE ──last brace──> BETWEEN     a call, or calls
 *     BETWEEN ──<───────> TAG ────whole tag───> BETWEEN     (and NAME where the row says so)
 *     BETWEEN ──`───────> FENCE ──end of line─> BETWEEN
 *
 * White space waits in `space` until it is known that something to show follows it, because what
 * stands around reasoning and before calls is nobody's content. */
#include "text/reply_parts.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum stage { START, THINK, CONTENT, TAIL };
enum tail { BETWEEN, TAG, FENCE, NAME, VALUE };
enum verdict { HOLDS, NO_CALL };
/* Which of a JSON value's first bytes must come next for it to be a call. */
enum expect { EXPECT_BRACE, EXPECT_KEY, EXPECT_KEY_END, EXPECT_ANY };

static const char think_tag[] = "<think>", think_end[] = "</think>";
/* After ``` on a line: the languages that models give to calls. */
static const char *const fence_languages[] = {"", "json", "xml", "tool_call", "tools", NULL};
/* What the first member of a call may be; {"port": 1} is known to be content at its first key. */
static const char *const first_keys[] = {"name", "arguments", "parameters", "function", "type",
                                         "id", NULL};
enum { TOKEN_MAX = 160 };

struct reply_parts {
    struct reply_parts_options o;
    enum stage stage;
    bool reasoning_shown, content_shown; /* something was: white space before it is not */
    bool content_from_start;   /* no reasoning came before: leading white space is content */
    bool line_start;           /* only white space since the last line break */
    int matched;               /* bytes of think_tag or think_end */
    struct str reasoning, content, space;

    enum tail tail;
    struct str held;           /* the tail as it came, to be shown if it is no call */
    char token[TOKEN_MAX + 1]; /* of TAG, FENCE and NAME, and the first key */
    size_t token_len;
    bool tagged, named;        /* a tag was read; and it wants a name next */
    struct str json;           /* of VALUE */
    char closers[REPLY_PARTS_DEPTH_MAX];
    int depth;
    bool in_string, escaped;
    enum expect expect;
    bool name_known;           /* token is the name of the call that json is the arguments of */
    struct tool_calls calls;
};

struct reply_parts *reply_parts_open(const struct reply_parts_options *o, struct error *err) {
    assert(o->tools == NULL || o->format != NULL);
    struct reply_parts *p = calloc(1, sizeof *p);
    if (p == NULL) {
        error_set(err, ERR_MEMORY, "no memory for an answer");
        return NULL;
    }
    p->o = *o;
    p->stage = o->reasoning_open ? THINK : o->reasoning ? START : CONTENT;
    p->content_from_start = p->stage != THINK;
    p->line_start = true;
    return p;
}

void reply_parts_close(struct reply_parts *p) {
    if (p == NULL) return;
    str_deinit(&p->reasoning);
    str_deinit(&p->content);
    str_deinit(&p->space);
    str_deinit(&p->held);
    str_deinit(&p->json);
    tool_calls_clear(&p->calls);
    free(p);
}

static bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* ---- the tail: JSON ---- */

static enum verdict value_done(struct reply_parts *p) {
    struct span json = {str_text(&p->json), p->json.len}, name = {p->token, p->token_len};
    bool ok = !p->json.failed &&
              (p->name_known ? tool_calls_add_named(&p->calls, name, json, p->o.tools)
                             : tool_calls_add(&p->calls, json, p->o.tools, p->tagged));
    p->tail = BETWEEN;
    p->named = p->name_known; /* name[ARGS]{…} may be followed by the next name */
    p->name_known = false;
    return ok ? HOLDS : NO_CALL;
}

/* Closes what is open, when nothing but closing is missing. */
static enum verdict value_repair(struct reply_parts *p) {
    if (p->in_string || p->depth == 0) return NO_CALL;
    while (p->depth > 0) str_add_char(&p->json, p->closers[--p->depth]);
    return value_done(p);
}

static void string_byte(struct reply_parts *p, char c) {
    if ((unsigned char)c < 0x20) /* allowed in no string, and meant literally */
        str_addf(&p->json, "\\u%04x", (unsigned)c);
    else
        str_add_char(&p->json, c);
    p->in_string = p->escaped || c != '"';
    p->escaped = !p->escaped && c == '\\';
}

static bool in_list(const char *const *list, const char *word) {
    for (; *list != NULL; list++)
        if (strcmp(*list, word) == 0) return true;
    return false;
}

static enum verdict first_key_byte(struct reply_parts *p, char c) {
    string_byte(p, c);
    if (!p->in_string) {
        p->token[p->token_len] = 0;
        p->expect = EXPECT_ANY;
        return in_list(first_keys, p->token) ? HOLDS : NO_CALL;
    }
    if (p->token_len == TOKEN_MAX) return NO_CALL;
    p->token[p->token_len++] = c;
    return HOLDS;
}

static enum verdict value_byte(struct reply_parts *p, char c) {
    if (p->expect == EXPECT_KEY_END) return first_key_byte(p, c);
    if (p->in_string) {
        string_byte(p, c);
        return HOLDS;
    }
    bool opens = c == '{' || c == '[', closes = c == '}' || c == ']';
    if (p->expect == EXPECT_BRACE && !is_space(c)) {
        if (c == '{') p->expect = EXPECT_KEY;
        else if (c != '[' || p->depth > 0) return NO_CALL;
    } else if (p->expect == EXPECT_KEY && !is_space(c)) {
        if (c != '"') return NO_CALL;
        p->expect = EXPECT_KEY_END;
        p->token_len = 0;
    }
    if (opens && p->depth == REPLY_PARTS_DEPTH_MAX) return NO_CALL;
    if (closes && (p->depth == 0 || p->closers[p->depth - 1] != c)) return NO_CALL;
    str_add_char(&p->json, c);
    if (opens) p->closers[p->depth++] = c == '{' ? '}' : ']';
    if (closes) p->depth--;
    p->in_string = c == '"';
    p->escaped = false;
    return p->depth == 0 ? value_done(p) : HOLDS;
}

static enum verdict value_begin(struct reply_parts *p, const char *bytes, size_t len) {
    enum verdict verdict = HOLDS;
    p->tail = VALUE;
    str_clear(&p->json);
    p->depth = 0;
    p->in_string = p->escaped = false;
    p->expect = p->name_known ? EXPECT_ANY : EXPECT_BRACE;
    for (size_t i = 0; i < len && verdict == HOLDS; i++) verdict = value_byte(p, bytes[i]);
    return verdict;
}

/* ---- the tail: what stands around JSON ---- */

static enum verdict token_begin(struct reply_parts *p, enum tail kind, char c) {
    p->tail = kind;
    p->token[0] = c;
    p->token_len = 1;
    return HOLDS;
}

static bool begins_tag(const struct reply_parts *p, char c) {
    for (const struct tool_tag *t = p->o.format->tags; t->text != NULL; t++)
        if (t->text[0] == c) return true;
    return false;
}

static bool name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '-' || c == '.';
}

static enum verdict between_byte(struct reply_parts *p, char c) {
    if (begins_tag(p, c)) return token_begin(p, TAG, c);
    if (c == '{' || c == '[') return value_begin(p, &c, 1);
    if (c == '`') return token_begin(p, FENCE, c);
    if (p->named && name_char(c)) return token_begin(p, NAME, c);
    if (is_space(c) || c == ',' || c == ';') return HOLDS;
    return (c == '}' || c == ']') && p->calls.count > 0 ? HOLDS : NO_CALL;
}

static enum verdict tag_byte(struct reply_parts *p, char c) {
    if (p->token_len == TOKEN_MAX) return NO_CALL;
    p->token[p->token_len++] = c;
    bool begins = false;
    for (const struct tool_tag *t = p->o.format->tags; t->text != NULL; t++) {
        if (strncmp(t->text, p->token, p->token_len) != 0) continue;
        begins = true;
        if (t->text[p->token_len] != 0) continue;
        p->tail = BETWEEN;
        p->tagged = p->tagged || !t->closes;
        p->named = t->named;
        if (p->o.format->control && !p->held.failed) /* never shown */
            p->held.len -= p->held.len < p->token_len ? p->held.len : p->token_len;
        return HOLDS;
    }
    if (begins) return HOLDS;
    return p->token[0] == '[' ? value_begin(p, p->token, p->token_len) : NO_CALL;
}

static enum verdict fence_byte(struct reply_parts *p, char c) {
    if (p->token_len < 3) {
        if (c != '`') return NO_CALL;
        p->token[p->token_len++] = c;
        return HOLDS;
    }
    p->token[p->token_len] = 0;
    bool brace = c == '{' || c == '[' || c == '<';
    if (is_space(c) || brace) {
        p->tail = BETWEEN;
        if (!in_list(fence_languages, p->token + 3)) return NO_CALL;
        return brace ? between_byte(p, c) : HOLDS;
    }
    if (!name_char(c) || p->token_len == TOKEN_MAX) return NO_CALL;
    p->token[p->token_len++] = c;
    return HOLDS;
}

/* name{…}, name[ARGS]{…}, name[CALL_ID]x[ARGS]{…} */
static enum verdict name_byte(struct reply_parts *p, char c) {
    if (c == '{') {
        p->token[p->token_len] = 0;
        p->token_len = strcspn(p->token, "[");
        p->name_known = true;
        return value_begin(p, &c, 1);
    }
    if ((!name_char(c) && c != '[' && c != ']') || p->token_len == TOKEN_MAX) return NO_CALL;
    p->token[p->token_len++] = c;
    return HOLDS;
}

static enum verdict tail_byte(struct reply_parts *p, char c) {
    enum verdict verdict = NO_CALL;
    if (p->held.len >= REPLY_PARTS_HELD_MAX) return NO_CALL;
    /* A tag where JSON should end: "…}}</tool_call>" with a brace too few. */
    if (p->tail == VALUE && !p->in_string && c == '<' && value_repair(p) == NO_CALL) return NO_CALL;
    size_t before = p->held.len;
    str_add_char(&p->held, c);
    switch (p->tail) {
    case BETWEEN: verdict = between_byte(p, c); break;
    case TAG: verdict = tag_byte(p, c); break;
    case FENCE: verdict = fence_byte(p, c); break;
    case NAME: verdict = name_byte(p, c); break;
    case VALUE: verdict = value_byte(p, c); break;
    }
    if (verdict == NO_CALL && p->held.len > before) p->held.len = before; /* c goes on alone */
    return verdict;
}

/* ---- what is shown ---- */

static void show(struct str *out, struct str *space, bool *shown, struct span text) {
    if (*shown) str_add(out, str_text(space), space->len);
    str_clear(space);
    str_add(out, text.data, text.len);
    *shown = true;
}

static void show_content(struct reply_parts *p, struct span text) {
    bool from_here = p->content_shown || p->content_from_start;
    show(&p->content, &p->space, &from_here, text);
    p->content_shown = true;
}

/* The tail was no call after all. */
static void show_tail(struct reply_parts *p) {
    struct span text = {str_text(&p->held), p->held.len};
    size_t end = text.len;
    if (end > 0) p->line_start = false;
    for (; end > 0 && is_space(text.data[end - 1]); end--)
        if (text.data[end - 1] == '\n') p->line_start = true;
    if (end > 0) show_content(p, (struct span){text.data, end});
    str_add(&p->space, text.data + end, text.len - end);
    if (p->held.failed) p->content.failed = true;
    str_clear(&p->held);
    tool_calls_clear(&p->calls);
    p->stage = CONTENT;
}

static void begin_tail(struct reply_parts *p) {
    p->stage = TAIL;
    p->tail = BETWEEN;
    p->tagged = p->named = p->name_known = false;
    str_clear(&p->held);
    tool_calls_clear(&p->calls);
}

/* ---- the outer machine ---- */

static bool opens_tail(const struct reply_parts *p, char c) {
    if (p->o.tools == NULL) return false;
    return begins_tag(p, c) || (p->line_start && (c == '{' || c == '[' || c == '`'));
}

static void content_byte(struct reply_parts *p, char c) {
    if (p->stage == CONTENT && opens_tail(p, c)) begin_tail(p);
    if (p->stage == TAIL) {
        if (tail_byte(p, c) == HOLDS) return;
        show_tail(p);
        content_byte(p, c);
        return;
    }
    if (is_space(c)) {
        str_add_char(&p->space, c);
        p->line_start = c == '\n' || (p->line_start && c != '\r');
        return;
    }
    show_content(p, (struct span){&c, 1});
    p->line_start = false;
}

static void think_byte(struct reply_parts *p, char c) {
    if (c == think_end[p->matched]) {
        if (think_end[++p->matched] != 0) return;
        str_clear(&p->space);
        p->stage = CONTENT;
        return;
    }
    /* '<' stands at the tag's beginning only, so that a mismatch frees all that had matched. */
    struct span text = {think_end, (size_t)p->matched};
    if (text.len > 0) show(&p->reasoning, &p->space, &p->reasoning_shown, text);
    p->matched = c == think_end[0];
    if (p->matched > 0) return;
    if (is_space(c)) str_add_char(&p->space, c);
    else show(&p->reasoning, &p->space, &p->reasoning_shown, (struct span){&c, 1});
}

static void start_byte(struct reply_parts *p, char c) {
    if (p->matched == 0 && is_space(c)) {
        content_byte(p, c); /* waits as white space does */
        return;
    }
    if (c == think_tag[p->matched]) {
        if (think_tag[++p->matched] != 0) return;
        str_clear(&p->space);
        p->matched = 0;
        p->content_from_start = false;
        p->stage = THINK;
        return;
    }
    p->stage = CONTENT;
    for (int i = 0; i < p->matched; i++) content_byte(p, think_tag[i]);
    content_byte(p, c);
}

static void take(struct reply_parts *p, struct span text) {
    str_clear(&p->reasoning);
    str_clear(&p->content);
    for (size_t i = 0; i < text.len; i++) {
        if (p->stage == START) start_byte(p, text.data[i]);
        else if (p->stage == THINK) think_byte(p, text.data[i]);
        else content_byte(p, text.data[i]);
    }
}

static void report(struct reply_parts *p, struct reply_delta *out) {
    *out = (struct reply_delta){
        .reasoning = {str_text(&p->reasoning), p->reasoning.len},
        .content = {str_text(&p->content), p->content.len},
        .failed = p->reasoning.failed || p->content.failed || p->space.failed ||
                  p->held.failed || p->calls.failed,
    };
}

void reply_parts_add(struct reply_parts *p, struct span text, struct reply_delta *out) {
    take(p, text);
    report(p, out);
}

/* Whether the tail, ending here, is calls. */
static bool tail_ends(struct reply_parts *p, bool complete) {
    if (p->tail == VALUE && (!complete || value_repair(p) == NO_CALL)) return false;
    /* Half an end tag or fence is as good as none. */
    bool half_end = p->tail == TAG && (p->token_len == 1 || p->token[1] == '/');
    return p->calls.count > 0 && (half_end || p->tail == FENCE || p->tail == BETWEEN);
}

void reply_parts_finish(struct reply_parts *p, struct span text, bool complete,
                        struct reply_delta *out) {
    take(p, text);
    bool calls = p->stage == TAIL && tail_ends(p, complete);
    if (p->stage == TAIL && !calls) show_tail(p);
    if (p->stage == START) {
        p->stage = CONTENT;
        for (int i = 0; i < p->matched; i++) content_byte(p, think_tag[i]);
        if (p->stage == TAIL) show_tail(p);
    }
    if (p->stage == THINK && p->matched > 0)
        show(&p->reasoning, &p->space, &p->reasoning_shown,
             (struct span){think_end, (size_t)p->matched});
    if (p->stage == CONTENT && (p->content_shown || p->content_from_start))
        str_add(&p->content, str_text(&p->space), p->space.len);
    report(p, out);
    if (!calls) return;
    out->calls = p->calls.calls;
    out->call_count = p->o.one_call ? 1 : p->calls.count;
}
