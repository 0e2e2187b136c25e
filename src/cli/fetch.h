/* fetch.h - files over HTTP: what a server says about one, and bringing it here in spite of cuts.
 *
 * A download goes to PATH.part and is renamed by the caller once it is checked; a later call goes
 * on where the part ends (Range).  Nothing here knows about models.  Main thread only. */
#ifndef CLI_FETCH_H
#define CLI_FETCH_H
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/str.h"
#include "cli/digest.h"

struct fetch_facts { /* what the headers said, over all redirects */
    int status;                       /* of the last response; 0: none came */
    bool unreachable;                 /* no connection, no name, no answer: another source may do */
    int64_t bytes;                    /* of the file; −1: unknown */
    char sha256[DIGEST_TEXT_BYTES];   /* X-Linked-Etag (or an ETag of that form); "": none */
};

/* Asks for the headers.  False on everything but 2xx; facts tell why, err says it. */
bool fetch_head(const char *url, struct fetch_facts *facts, struct error *err);

/* Brings url to part_path, going on at its end.  Repeats after cuts as long as bytes keep coming.
 * tick returns false to stop (ERR_CANCELLED).  expected_bytes −1: unknown. */
struct fetch_download {
    const char *url, *part_path;
    int64_t expected_bytes;
    bool (*tick)(void *arg, int64_t done, int64_t total);
    void *arg;
};
bool fetch_file(const struct fetch_download *d, struct fetch_facts *facts, struct error *err);

/* A small document into memory. */
bool fetch_text(const char *url, struct str *out, int64_t bytes_max, struct fetch_facts *facts,
                struct error *err);

#endif
