/* fetch.c - libcurl, one easy handle a request.
 *
 * A server may redirect (hubs send large files to a storage network); the checksum is taken
 * from the first response that announces one, the status and the bytes from the last. */
#include "cli/fetch.h"
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "base/clock.h"
#include "cli/progress.h"

enum {
    REDIRECTS_MAX = 10,
    CONNECT_S = 20,
    STALL_S = 60,     /* less than a byte a second for so long: cut and try again */
    ATTEMPTS_MAX = 5, /* in a row without a single new byte */
    BACKOFF_MS = 300, /* doubled each time */
    DISK_MARGIN_BYTES = 64 << 20,
};

struct transfer { /* one request */
    CURL *curl;
    struct fetch_facts *facts;
    char message[CURL_ERROR_SIZE];
    int responses;           /* 1: not redirected */
    bool linked;             /* X-Linked-Etag came */
    /* where the body goes: a file … */
    int fd;
    int64_t offset;      /* of the next byte */
    int64_t range_begin; /* what Content-Range said; −1: nothing */
    bool started;        /* the first byte of a good body came */
    const struct fetch_download *download;
    /* … or memory */
    struct str *text;
    struct error error; /* set by a callback that ended the transfer */
};

/* ---- headers ---- */

static bool header_value(const char *line, size_t len, const char *name, char *out,
                         size_t out_bytes) {
    size_t name_len = strlen(name);
    if (len <= name_len || strncasecmp(line, name, name_len) != 0 || line[name_len] != ':')
        return false;
    const char *at = line + name_len + 1, *end = line + len;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (end > at && strchr("\r\n \t", end[-1]) != NULL)
        end--;
    size_t n = (size_t)(end - at) < out_bytes - 1 ? (size_t)(end - at) : out_bytes - 1;
    memcpy(out, at, n);
    out[n] = '\0';
    return true;
}

/* An entity tag: W/"…", "…" or bare.  What is no SHA-256 is ignored. */
static void take_tag(struct fetch_facts *f, const char *tag) {
    char sum[DIGEST_TEXT_BYTES];
    if (strncmp(tag, "W/", 2) == 0)
        tag += 2;
    if (*tag == '"')
        tag++;
    if (digest_parse(sum, tag))
        memcpy(f->sha256, sum, sizeof sum);
}

static size_t on_header(char *line, size_t size, size_t count, void *arg) {
    struct transfer *t = arg;
    struct fetch_facts *f = t->facts;
    size_t len = size * count;
    char value[256];
    if (len > 5 && strncmp(line, "HTTP/", 5) == 0) {
        t->range_begin = -1; /* a new response begins */
        t->responses++;
    } else if (header_value(line, len, "X-Linked-Etag", value, sizeof value)) {
        take_tag(f, value);
        t->linked = true;
    } else if (!t->linked && t->responses == 1 &&
               header_value(line, len, "ETag", value, sizeof value)) {
        /* Of the hub itself; the storage behind a redirect has tags of its own making. */
        take_tag(f, value);
    } else if (header_value(line, len, "X-Linked-Size", value, sizeof value)) {
        f->bytes = strtoll(value, NULL, 10);
    } else if (header_value(line, len, "Content-Range", value, sizeof value)) {
        int64_t begin, total;
        if (sscanf(value, "bytes %" SCNd64 "-%*d/%" SCNd64, &begin, &total) == 2) {
            t->range_begin = begin;
            f->bytes = total;
        }
    }
    return len;
}

/* ---- the request ---- */

static void transfer_init(struct transfer *t, const char *url, struct fetch_facts *facts) {
    static bool ready = false;
    if (!ready)
        curl_global_init(CURL_GLOBAL_DEFAULT);
    ready = true;
    memset(t, 0, sizeof *t);
    *facts = (struct fetch_facts){.bytes = -1};
    t->facts = facts;
    t->fd = -1;
    t->range_begin = -1;
    t->curl = curl_easy_init();
    if (t->curl == NULL)
        return;
    bool secure = strncasecmp(url, "https:", 6) == 0;
    curl_easy_setopt(t->curl, CURLOPT_URL, url);
    curl_easy_setopt(t->curl, CURLOPT_ERRORBUFFER, t->message);
    curl_easy_setopt(t->curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(t->curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    /* What began encrypted stays so. */
    curl_easy_setopt(t->curl, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    curl_easy_setopt(t->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(t->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(t->curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
    curl_easy_setopt(t->curl, CURLOPT_USERAGENT, "longhaul");
    curl_easy_setopt(t->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(t->curl, CURLOPT_HEADERDATA, t);
}

static bool is_unreachable(CURLcode code) {
    return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
           code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT ||
           code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION ||
           code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING || code == CURLE_PROXY;
}

/* Runs the request and turns its outcome into facts and, unless the status is 2xx, an error. */
static bool transfer_run(struct transfer *t, const char *url, CURLcode *code, struct error *err) {
    if (t->curl == NULL)
        return error_set(err, ERR_MEMORY, "no memory for a download");
    *code = curl_easy_perform(t->curl);
    long status = 0, connect_status = 0;
    curl_off_t length = -1;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->curl, CURLINFO_HTTP_CONNECTCODE, &connect_status);
    curl_easy_getinfo(t->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    t->facts->status = (int)status;
    if (t->facts->bytes < 0 && length >= 0 && status == 200)
        t->facts->bytes = length;
    if (t->error.code != ERR_NONE) {
        *err = t->error;
        return false;
    }
    if (*code != CURLE_OK) {
        /* A proxy that refuses is as good as no way there. */
        t->facts->unreachable = is_unreachable(*code) || connect_status >= 400;
        return error_set(err, ERR_IO, "%.200s: %.200s", url,
                         t->message[0] ? t->message : curl_easy_strerror(*code));
    }
    if (status >= 200 && status < 300)
        return true;
    t->facts->unreachable = status == 407 || status >= 500;
    return error_set(err, status == 404 ? ERR_NOT_FOUND : ERR_IO, "%.300s: HTTP status %ld%s", url,
                     status,
                     status == 404                    ? " (not there)"
                     : status == 401 || status == 403 ? " (not allowed; a model may need a login)"
                                                      : "");
}

bool fetch_head(const char *url, struct fetch_facts *facts, struct error *err) {
    struct transfer t;
    CURLcode code;
    transfer_init(&t, url, facts);
    if (t.curl != NULL)
        curl_easy_setopt(t.curl, CURLOPT_NOBODY, 1L);
    bool ok = transfer_run(&t, url, &code, err);
    curl_easy_cleanup(t.curl);
    return ok;
}

/* ---- into memory ---- */

static size_t to_text(char *data, size_t size, size_t count, void *arg) {
    struct transfer *t = arg;
    str_add(t->text, data, size * count);
    if (!t->text->failed)
        return size * count;
    error_set(&t->error, ERR_FORMAT, "the answer has more than %zu bytes", t->text->len_max);
    return 0;
}

bool fetch_text(const char *url, struct str *out, int64_t bytes_max, struct fetch_facts *facts,
                struct error *err) {
    struct transfer t;
    CURLcode code;
    transfer_init(&t, url, facts);
    t.text = out;
    out->len_max = (size_t)bytes_max;
    if (t.curl != NULL) {
        curl_easy_setopt(t.curl, CURLOPT_WRITEFUNCTION, to_text);
        curl_easy_setopt(t.curl, CURLOPT_WRITEDATA, &t);
    }
    bool ok = transfer_run(&t, url, &code, err);
    curl_easy_cleanup(t.curl);
    return ok;
}

/* ---- into a file ---- */

static bool check_disk(const char *path, int64_t missing, struct error *err) {
    struct statvfs fs;
    char need[32], have[32];
    if (statvfs(path, &fs) != 0)
        return true; /* the write will tell */
    int64_t available = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    if (missing + DISK_MARGIN_BYTES <= available)
        return true;
    return error_set(err, ERR_IO, "%s: the file needs %s more, the disk has %s left", path,
                     progress_bytes(need, sizeof need, missing),
                     progress_bytes(have, sizeof have, available));
}

/* The first bytes of a body: do they belong where we are? */
static bool start_body(struct transfer *t) {
    long status = 0;
    curl_off_t length = -1;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (status == 206 && t->range_begin != t->offset)
        return error_set(&t->error, ERR_IO,
                         "the server sent bytes from %" PRId64 ", not from %" PRId64,
                         t->range_begin, t->offset);
    if (status == 200 && t->offset > 0) { /* it does not know ranges: from the beginning */
        t->offset = 0;
        if (ftruncate(t->fd, 0) != 0)
            return error_set_errno(&t->error, "cannot truncate %s", t->download->part_path);
    }
    if (status == 200 && length >= 0)
        t->facts->bytes = length;
    t->started = true;
    int64_t total =
        t->download->expected_bytes >= 0 ? t->download->expected_bytes : t->facts->bytes;
    return total < 0 || check_disk(t->download->part_path, total - t->offset, &t->error);
}

static size_t to_file(char *data, size_t size, size_t count, void *arg) {
    struct transfer *t = arg;
    size_t len = size * count;
    long status = 0;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200 && status != 206)
        return len; /* the words of an error page */
    if (!t->started && !start_body(t))
        return 0;
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(t->fd, data + done, len - done, t->offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            error_set_errno(&t->error, "cannot write %s", t->download->part_path);
            return 0;
        }
        done += (size_t)n;
        t->offset += n;
    }
    return len;
}

static int on_progress(void *arg, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up_now) {
    struct transfer *t = arg;
    (void)total, (void)now, (void)up_total, (void)up_now;
    const struct fetch_download *d = t->download;
    if (d->tick == NULL ||
        d->tick(d->arg, t->offset, d->expected_bytes >= 0 ? d->expected_bytes : t->facts->bytes))
        return 0;
    error_set(&t->error, ERR_CANCELLED, "stopped; the same command goes on from here");
    return 1;
}

/* One request for what is missing.  *again: a cut, after which another try may help. */
static bool fetch_rest(const struct fetch_download *d, int fd, struct fetch_facts *facts,
                       bool *again, struct error *err) {
    struct transfer t;
    CURLcode code = CURLE_OK;
    int64_t begin = lseek(fd, 0, SEEK_END);
    transfer_init(&t, d->url, facts);
    t.fd = fd;
    t.offset = begin;
    t.download = d;
    if (t.curl != NULL) {
        curl_easy_setopt(t.curl, CURLOPT_WRITEFUNCTION, to_file);
        curl_easy_setopt(t.curl, CURLOPT_WRITEDATA, &t);
        curl_easy_setopt(t.curl, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl_easy_setopt(t.curl, CURLOPT_XFERINFODATA, &t);
        curl_easy_setopt(t.curl, CURLOPT_NOPROGRESS, 0L);
        char range[32];
        snprintf(range, sizeof range, "%" PRId64 "-", begin);
        if (begin > 0)
            curl_easy_setopt(t.curl, CURLOPT_RANGE, range);
    }
    bool ok = transfer_run(&t, d->url, &code, err);
    curl_easy_cleanup(t.curl);
    bool ours = t.error.code != ERR_NONE;
    *again = !ok && !ours && (code != CURLE_OK || facts->status >= 500 || facts->status == 429);
    if (!ok && facts->status == 416 && begin > 0) { /* the part is longer than the file */
        *again = ftruncate(fd, 0) == 0;
        return false;
    }
    int64_t total = d->expected_bytes >= 0 ? d->expected_bytes : facts->bytes;
    if (ok && total >= 0 && t.offset < total) {
        *again = true;
        return error_set(err, ERR_IO, "%.200s ended after %" PRId64 " of %" PRId64 " bytes", d->url,
                         t.offset, total);
    }
    return ok;
}

bool fetch_file(const struct fetch_download *d, struct fetch_facts *facts, struct error *err) {
    bool ok = false;
    int fd = open(d->part_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    *facts = (struct fetch_facts){.bytes = -1};
    if (fd < 0)
        return error_set_errno(err, "cannot write %s", d->part_path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        error_set(err, ERR_BUSY, "another download is writing %s", d->part_path);
        goto done;
    }
    int64_t have = lseek(fd, 0, SEEK_END);
    if (d->expected_bytes >= 0 && have > d->expected_bytes && ftruncate(fd, 0) != 0) {
        error_set_errno(err, "cannot truncate %s", d->part_path);
        goto done;
    }
    ok = d->expected_bytes >= 0 && have == d->expected_bytes; /* nothing is missing */
    for (int attempt = 0; !ok && attempt < ATTEMPTS_MAX; attempt++) {
        struct error cut = {0};
        bool again = false;
        int64_t before = lseek(fd, 0, SEEK_END);
        if (attempt > 0)
            clock_sleep_ms(BACKOFF_MS << (attempt - 1));
        ok = fetch_rest(d, fd, facts, &again, &cut);
        bool moved = lseek(fd, 0, SEEK_END) > before;
        if (!ok && (!again || (attempt == ATTEMPTS_MAX - 1 && !moved))) {
            *err = cut;
            break;
        }
        attempt = moved ? 0 : attempt;
    }
    if (ok && fsync(fd) != 0)
        ok = error_set_errno(err, "cannot write %s", d->part_path);
done:
    close(fd);
    return ok;
}
