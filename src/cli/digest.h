/* digest.h - SHA-256 of a file, as 64 hexadecimal digits (nettle does the arithmetic). */
#ifndef CLI_DIGEST_H
#define CLI_DIGEST_H
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

enum { DIGEST_TEXT_BYTES = 65 };

/* tick (may be NULL) is called now and then with the bytes read so far. */
bool digest_file(char out[DIGEST_TEXT_BYTES], const char *path,
                 void (*tick)(void *arg, int64_t done, int64_t total), void *arg,
                 struct error *err);

/* Whether text begins with 64 hexadecimal digits that are followed by none; copies them in lower
 * case. */
bool digest_parse(char out[DIGEST_TEXT_BYTES], const char *text);

#endif
