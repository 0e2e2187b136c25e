/* unicode.h - UTF-8 and the classes of characters that tokenizer patterns ask for.
 *
 * Pure functions over constant tables: any thread, no state.  Deliberately not here:
 * normalisation, case mapping, grapheme clusters; no tokenizer that we run needs them. */
#ifndef TEXT_UNICODE_H
#define TEXT_UNICODE_H
#include <stddef.h>
#include <stdint.h>
#include "base/str.h"

/* A character is in at most one of these; none: a control, a format character, unassigned. */
enum {
    UNICODE_UPPER = 1,        /* Lu, Lt */
    UNICODE_LOWER = 2,        /* Ll */
    UNICODE_UNCASED = 4,      /* Lm, Lo */
    UNICODE_MARK = 8,         /* M */
    UNICODE_NUMBER = 16,      /* N */
    UNICODE_PUNCTUATION = 32, /* P */
    UNICODE_SYMBOL = 64,      /* S */
    UNICODE_SPACE = 128,      /* White_Space */
    UNICODE_LETTER = UNICODE_UPPER | UNICODE_LOWER | UNICODE_UNCASED,
};

/* The digits of unicode_table.c are the number of the bit plus one: '1' is UNICODE_UPPER … '8' is
 * UNICODE_SPACE; '0' is none. */
extern const uint32_t unicode_index_end;
extern const uint8_t unicode_index[];
extern const char unicode_blocks[][129];
extern const uint8_t unicode_ascii_class[128];

unsigned unicode_class(uint32_t code);

enum { UNICODE_REPLACEMENT = 0xFFFD };

/* Decodes the sequence at the front of text (not empty).
 *   > 0: the length of a well-formed sequence, *code set
 *   = 0: text ends within a sequence that is well-formed so far
 *   < 0: minus the length of the maximal subpart of an ill-formed sequence (the Unicode standard,
 *        section 3.9, "U+FFFD substitution of maximal subparts"): 1 to 3 bytes to replace at
 *        once */
int unicode_decode(struct span text, uint32_t *code);

/* How many bytes at the front of text are well-formed UTF-8. */
size_t unicode_valid_prefix(struct span text);

/* Writes code as UTF-8 to out, which has room for 4 bytes; returns how many. */
int unicode_encode(uint32_t code, char *out);

#endif
