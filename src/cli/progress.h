/* progress.h - one moving line on stderr, on a terminal only.
 *
 * Without a terminal all calls do nothing, so that logs and pipes stay clean.  One at a time, one
 * thread. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H
#include <stdbool.h>
#include <stdint.h>

enum progress_unit { PROGRESS_BYTES, PROGRESS_TOKENS, PROGRESS_PERCENT };

struct progress {
    bool shown;            /* stderr is a terminal */
    bool drawn;            /* there is a line to erase */
    const char *label;     /* borrowed */
    enum progress_unit unit;
    int64_t start_ms, drawn_ms;
    int64_t start_done;    /* where a resumed download began: not part of the speed */
};

void progress_init(struct progress *p, const char *label, enum progress_unit unit, int64_t done);
/* Draws at most ten times a second; total 0: unknown. */
void progress_update(struct progress *p, int64_t done, int64_t total);
/* Erases the line, before something else is printed or at the end. */
void progress_clear(struct progress *p);

/* "1.1 GB", "24.3 MB": powers of 1000, as file sizes are quoted. */
const char *progress_bytes(char *out, int out_bytes, int64_t bytes);
/* "42 s", "3 min 10 s", "2 h 5 min" */
const char *progress_time(char *out, int out_bytes, int64_t seconds);

#endif
