/* tokenizer.h - text to token ids and back, as the model's GGUF says.
 *
 * Immutable after open and safe to share between threads.  What a call needs beside it (PCRE2 match
 * data, merge heaps, the word cache) is a struct tokenizer_scratch (tokenizer_merge.h), borrowed
 * from a list of idle ones for the length of the call. */
#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/str.h"
#include "gguf/gguf.h"

enum { TOKENIZER_TEXT_BYTES_MAX = 256 << 20 }; /* of one call; past it ERR_ARGUMENT */

struct tokenizer;

struct tokens { /* growable list of ids; zeroed is empty; tokens_deinit frees */
    int32_t *ids;
    int64_t count, capacity;
};
bool tokens_add(struct tokens *t, int32_t id); /* false: no memory */
void tokens_deinit(struct tokens *t);

/* What the vocabulary says about itself; -1 where it has no such token. */
struct tokenizer_special {
    int32_t bos, eos, eot, unknown, padding;
    int32_t fim_prefix, fim_suffix, fim_middle, fim_repo, fim_separator, fim_pad;
    bool add_bos, add_eos;
};

/* Reads tokenizer.ggml.*.  The file may be closed afterwards: what is needed is copied. An unknown
 * model or pre-tokenizer is ERR_UNSUPPORTED with the list of those that we have. */
struct tokenizer *tokenizer_open(const struct gguf *g, struct error *err);
void tokenizer_close(struct tokenizer *t);

int tokenizer_vocab_size(const struct tokenizer *t);
const struct tokenizer_special *tokenizer_special(const struct tokenizer *t);
/* True for tokens that end a turn (eos, eot, <|im_end|>, <|endoftext|>, …), by metadata and
 * well-known name. */
bool tokenizer_is_end(const struct tokenizer *t, int32_t id);
/* Control tokens print as nothing in an answer. */
bool tokenizer_is_control(const struct tokenizer *t, int32_t id);
/* The end tokens as a list, for the engine. */
const int32_t *tokenizer_ends(const struct tokenizer *t, int *count);

/* Appends the ids of text. parse_special: whether "<|im_start|>" in it becomes that token; false
 * for anything that a user wrote.  No BOS or EOS is added here (see tokenizer_special.add_bos).
 * Invalid UTF-8 is tokenised by bytes, never refused. */
bool tokenizer_encode(const struct tokenizer *t, struct span text, bool parse_special,
                      struct tokens *out, struct error *err);

/* A prompt in pieces, some trusted (template text: specials parsed), some not (message content).
 * Pieces are joined before pre-tokenisation, so that the ids of a benign prompt equal those of the
 * whole text; a special token's text is recognised only where all its bytes lie in trusted pieces.
 * "Special" are control tokens.  User-defined tokens (Qwen's <tool_call>, runs of spaces in
 * GPT-NeoX vocabularies) are ordinary text to their models and are recognised everywhere. */
struct tokenizer_piece {
    struct span text;
    bool trusted;
};
bool tokenizer_encode_pieces(const struct tokenizer *t, const struct tokenizer_piece *pieces,
                             int piece_count, struct tokens *out, struct error *err);

/* The raw bytes of one token (may be part of a UTF-8 sequence).  Control tokens give their
 * text.  Borrowed for the tokenizer's life. */
struct span tokenizer_bytes(const struct tokenizer *t, int32_t id);
/* The id whose text is exactly this special token, or -1. */
int32_t tokenizer_find_special(const struct tokenizer *t, const char *text);
/* SentencePiece puts a space before a text, and the detokenizer takes it away again. */
bool tokenizer_adds_space(const struct tokenizer *t);

/* ---- streaming detokenizer -----------------------------------------------------------
 * Bytes in, whole UTF-8 sequences out; bytes that can never become valid turn into U+FFFD. */
struct detokenizer {
    const struct tokenizer *tokenizer;
    bool special;           /* print control tokens too */
    bool started;           /* SentencePiece drops the first space */
    int pending_len;        /* bytes of an unfinished sequence */
    char pending[4];
};
void detokenizer_init(struct detokenizer *d, const struct tokenizer *t, bool special);
void detokenizer_add(struct detokenizer *d, int32_t id, struct str *out);
void detokenizer_finish(struct detokenizer *d, struct str *out); /* flushes as U+FFFD */

#endif
