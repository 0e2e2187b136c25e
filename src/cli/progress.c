/* progress.c - draws the line: label, bar, amount, speed, time left. */
#include "cli/progress.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/clock.h"

enum { DRAW_EVERY_MS = 100, BAR_COLUMNS_MAX = 30, COLUMNS_DEFAULT = 80 };

void progress_init(struct progress *p, const char *label, enum progress_unit unit, int64_t done) {
    *p = (struct progress){.shown = isatty(STDERR_FILENO) != 0,
                           .label = label,
                           .unit = unit,
                           .start_ms = clock_ms(),
                           .start_done = done};
    p->drawn_ms = p->start_ms - DRAW_EVERY_MS;
}

const char *progress_bytes(char *out, int out_bytes, int64_t bytes) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double x = (double)bytes;
    int unit = 0;
    while (x >= 999.5 && unit < 4) {
        x /= 1000;
        unit++;
    }
    snprintf(out, (size_t)out_bytes, x < 99.95 && unit > 0 ? "%.1f %s" : "%.0f %s", x, units[unit]);
    return out;
}

const char *progress_time(char *out, int out_bytes, int64_t seconds) {
    if (seconds < 100)
        snprintf(out, (size_t)out_bytes, "%" PRId64 " s", seconds);
    else if (seconds < 6000)
        snprintf(out, (size_t)out_bytes, "%" PRId64 " min %" PRId64 " s", seconds / 60,
                 seconds % 60);
    else
        snprintf(out, (size_t)out_bytes, "%" PRId64 " h %" PRId64 " min", seconds / 3600,
                 seconds % 3600 / 60);
    return out;
}

static int terminal_columns(void) {
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return COLUMNS_DEFAULT;
}

/* "123 of 456 MB, 12 MB/s, 28 s left" */
static void amounts(const struct progress *p, char *out, size_t out_bytes, int64_t done,
                    int64_t total) {
    char a[32], b[32], c[32], left[32] = "";
    double elapsed = (double)(clock_ms() - p->start_ms) / 1000;
    double speed = elapsed > 0.5 ? (double)(done - p->start_done) / elapsed : 0;
    if (p->unit == PROGRESS_PERCENT) {
        snprintf(out, out_bytes, "%d %%", total > 0 ? (int)(100 * done / total) : 0);
        return;
    }
    if (speed > 0 && total > done)
        progress_time(left, sizeof left, (int64_t)((double)(total - done) / speed) + 1);
    if (p->unit == PROGRESS_BYTES)
        snprintf(out, out_bytes, "%s of %s, %s/s%s%s%s", progress_bytes(a, sizeof a, done),
                 total > 0 ? progress_bytes(b, sizeof b, total) : "?",
                 progress_bytes(c, sizeof c, (int64_t)speed), *left ? ", " : "", left,
                 *left ? " left" : "");
    else
        snprintf(out, out_bytes, "%" PRId64 " of %" PRId64 " tokens, %.0f/s%s%s%s", done, total,
                 speed, *left ? ", " : "", left, *left ? " left" : "");
}

void progress_update(struct progress *p, int64_t done, int64_t total) {
    int64_t now = clock_ms();
    if (!p->shown || now - p->drawn_ms < DRAW_EVERY_MS)
        return;
    p->drawn_ms = now;
    char amount[160], bar[BAR_COLUMNS_MAX + 1] = "";
    amounts(p, amount, sizeof amount, done, total);
    int columns = terminal_columns() - 1;
    /* "LABEL [BAR] AMOUNT" */
    int room = columns - (int)strlen(p->label) - (int)strlen(amount) - 4;
    room = room > BAR_COLUMNS_MAX ? BAR_COLUMNS_MAX : room;
    if (room >= 8 && total > 0) {
        int full = (int)((double)room * (double)done / (double)total);
        for (int i = 0; i < room; i++)
            bar[i] = i < full ? '#' : '.';
        bar[room] = '\0';
    }
    char line[512];
    snprintf(line, sizeof line, "%s%s%s%s %s", p->label, *bar ? " [" : "", bar, *bar ? "]" : ":",
             amount);
    /* \033[K erases what a longer line left behind. */
    fprintf(stderr, "\r%.*s\033[K", columns, line);
    fflush(stderr);
    p->drawn = true;
}

void progress_clear(struct progress *p) {
    if (!p->drawn)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    p->drawn = false;
    p->drawn_ms = clock_ms() - DRAW_EVERY_MS;
}
