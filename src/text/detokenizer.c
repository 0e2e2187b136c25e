/* detokenizer.c - the streaming detokenizer of tokenizer.h: token bytes in, whole UTF-8 out.
 *
 * Between two calls at most three bytes wait: the beginning of a sequence that may still become
 * whole.  A struct detokenizer belongs to one thread. */
#include <assert.h>
#include <string.h>
#include "text/tokenizer.h"
#include "text/unicode.h"

static const char replacement[] = "\uFFFD";

void detokenizer_init(struct detokenizer *d, const struct tokenizer *t, bool special) {
    *d = (struct detokenizer){.tokenizer = t, .special = special};
}

/* Finishes or gives up the waiting sequence with bytes from the front of text; returns how many it
 * used.  On return either nothing waits or text is used up. */
static size_t add_to_pending(struct detokenizer *d, struct span text, struct str *out) {
    size_t used = 0;
    while (d->pending_len > 0 && used < text.len) {
        assert(d->pending_len < (int)sizeof d->pending);
        d->pending[d->pending_len] = text.data[used];
        uint32_t code;
        struct span sequence = {d->pending, (size_t)d->pending_len + 1};
        int len = unicode_decode(sequence, &code);
        if (len < 0) { /* what waited was a maximal subpart; the new byte may begin another */
            str_add_text(out, replacement);
            d->pending_len = 0;
            break;
        }
        used++;
        d->pending_len++;
        if (len > 0) {
            str_add(out, sequence.data, sequence.len);
            d->pending_len = 0;
        }
    }
    return used;
}

static void add_bytes(struct detokenizer *d, struct span text, struct str *out) {
    size_t at = add_to_pending(d, text, out);
    while (at < text.len) {
        struct span rest = {text.data + at, text.len - at};
        size_t valid = unicode_valid_prefix(rest);
        str_add(out, rest.data, valid);
        at += valid;
        if (at == text.len) return;
        uint32_t code;
        int len = unicode_decode((struct span){text.data + at, text.len - at}, &code);
        assert(len <= 0);
        if (len == 0) { /* the beginning of a sequence: at most three bytes */
            d->pending_len = (int)(text.len - at);
            memcpy(d->pending, text.data + at, text.len - at);
            return;
        }
        str_add_text(out, replacement);
        at += (size_t)-len;
    }
}

void detokenizer_add(struct detokenizer *d, int32_t id, struct str *out) {
    if (!d->special && tokenizer_is_control(d->tokenizer, id)) return;
    struct span bytes = tokenizer_bytes(d->tokenizer, id);
    if (bytes.len == 0) return;
    if (!d->started && tokenizer_adds_space(d->tokenizer) && bytes.data[0] == ' ') {
        bytes.data++;
        bytes.len--;
    }
    d->started = true;
    add_bytes(d, bytes, out);
}

void detokenizer_finish(struct detokenizer *d, struct str *out) {
    if (d->pending_len > 0) str_add_text(out, replacement);
    d->pending_len = 0;
}
