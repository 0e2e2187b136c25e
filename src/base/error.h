/* error.h - what went wrong, in one value that travels up by pointer.
 *
 * A function that can fail for a reason that a user, a file or the operating
 * system can cause returns bool (or NULL) and fills the struct error that its
 * caller owns.  The first error wins: error_set() on a struct that already
 * holds one keeps the first.  The code maps to an HTTP status in server/ and to
 * an exit code in cli/, each in one table. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H
#include <stdbool.h>

enum error_code {
    ERR_NONE = 0,
    ERR_ARGUMENT,    /* a flag, a request field or a config key is wrong           */
    ERR_NOT_FOUND,   /* a file, a model or a route does not exist                  */
    ERR_FORMAT,      /* bytes from outside are not what they claim to be           */
    ERR_UNSUPPORTED, /* well-formed, but this version does not do it               */
    ERR_CONTEXT,     /* the prompt does not fit the window                         */
    ERR_MEMORY,      /* not enough memory                                          */
    ERR_BUSY,        /* a bounded queue is full; try again later                   */
    ERR_TIMEOUT,     /* a deadline passed                                          */
    ERR_CANCELLED,   /* somebody asked to stop                                     */
    ERR_IO,          /* the operating system refused a read, a write, a socket     */
    ERR_INTERNAL,    /* our own mistake, reported rather than aborted              */
    ERR_CODES
};

enum { ERROR_TEXT_BYTES_MAX = 512 };

struct error {
    enum error_code code;
    char text[ERROR_TEXT_BYTES_MAX]; /* one sentence: names the thing and what to do */
};

/* Fills err (which may be NULL) unless it already holds an error; always returns
 * false, so that `return error_set(err, …);` reads as the failure that it is. */
bool error_set(struct error *err, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set, with ": <strerror(errno)>" appended; the code follows errno
 * (ENOENT: NOT_FOUND, ENOMEM: MEMORY, otherwise IO). */
bool error_set_errno(struct error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " in front of an error that is set, cutting at the end of text. */
void error_prefix(struct error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "argument", "context", … for logs and tests. */
const char *error_code_name(enum error_code code);

#endif
