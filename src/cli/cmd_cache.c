/* cmd_cache.c - `longhaul cache`: what the disk cache holds, whether it is whole, and clearing it.
 *
 * Works on the directory alone, without a model, beside servers that use it: a file that goes
 * meanwhile is passed over, and a server does without what is removed. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "config/paths.h"
#include "kv/kv_store_file.h"

enum { MODELS_SHOWN_MAX = 256 };

struct group { /* the pages of one model as it was computed */
    struct kv_store_key root;
    char label[KV_STORE_FILE_LABEL_BYTES];
    int64_t pages, tokens, bytes;
    time_t used;
};

struct cache {
    const char *dir, *what;      /* what: the second word, or NULL */
    struct group groups[MODELS_SHOWN_MAX];
    int group_count;
    int64_t files, bytes, damaged, matched;
};

struct page { /* one file while it is looked at */
    const char *name;
    struct stat st;
    struct kv_store_file_header header;
    int fd;                      /* -1: damaged, see error */
    struct error error;
};

typedef bool page_fn(struct cache *c, struct page *p, struct error *err);

static struct group *group_of(struct cache *c, const struct kv_store_file_header *h) {
    for (int i = 0; i < c->group_count; i++)
        if (kv_store_key_equal(&c->groups[i].root, &h->root))
            return &c->groups[i];
    if (c->group_count == MODELS_SHOWN_MAX)
        return &c->groups[MODELS_SHOWN_MAX - 1];
    struct group *g = &c->groups[c->group_count++];
    g->root = h->root;
    memcpy(g->label, h->label, sizeof g->label);
    return g;
}

/* Labels come from files: control characters would move the terminal's cursor. */
static void printable(char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

static bool look_at(struct cache *c, struct page *p, page_fn *fn, struct error *err) {
    p->error = (struct error){0};
    p->fd = kv_store_file_open(c->dir, p->name, &p->header, &p->error);
    if (p->fd < 0 && p->error.code == ERR_NOT_FOUND)
        return true;
    c->files++;
    c->bytes += p->st.st_size;
    c->damaged += p->fd < 0;
    if (p->fd >= 0)
        printable(p->header.label);
    bool ok = fn(c, p, err);
    if (p->fd >= 0)
        close(p->fd);
    return ok;
}

static bool each_page(struct cache *c, page_fn *fn, struct error *err) {
    DIR *dir = opendir(c->dir);
    if (dir == NULL)
        return error_set_errno(err, "cannot list the cache directory %s", c->dir);
    bool ok = true;
    for (struct dirent *d; ok && (d = readdir(dir)) != NULL;) {
        struct kv_store_file_name name;
        struct page p = {.name = d->d_name};
        if (!kv_store_file_parse(&name, d->d_name) ||
            fstatat(dirfd(dir), d->d_name, &p.st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        ok = look_at(c, &p, fn, err);
    }
    closedir(dir);
    return ok;
}

/* Whether the second word means this file: "all", the beginning of its name, or of its label. */
static bool means(const struct cache *c, const struct page *p) {
    size_t len = strlen(c->what);
    return strcmp(c->what, "all") == 0 || strncmp(p->name, c->what, len) == 0 ||
           (p->fd >= 0 && strncmp(p->header.label, c->what, len) == 0);
}

/* ---- what is done with a file ---- */

static bool count_page(struct cache *c, struct page *p, struct error *err) {
    (void)err;
    if (p->fd < 0)
        return true;
    struct group *g = group_of(c, &p->header);
    g->pages++;
    g->tokens += p->header.count;
    g->bytes += p->st.st_size;
    if (p->st.st_mtime > g->used)
        g->used = p->st.st_mtime;
    return true;
}

static void print_time(time_t at) {
    char text[32];
    struct tm local;
    localtime_r(&at, &local);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M", &local);
    printf("%s", text);
}

static bool show_page(struct cache *c, struct page *p, struct error *err) {
    const struct kv_store_file_header *h = &p->header;
    (void)err;
    if (!means(c, p))
        return true;
    c->matched++;
    printf("%s\n", p->name);
    if (p->fd < 0) {
        printf("  damaged     %s\n", p->error.text);
        return true;
    }
    printf("  model       %s\n  positions   %lld to %lld (%d tokens)\n  bytes       %lld\n"
           "  used        ", h->label, (long long)h->page_index * KV_PAGE_TOKENS,
           (long long)h->page_index * KV_PAGE_TOKENS + h->count - 1, h->count,
           (long long)p->st.st_size);
    print_time(p->st.st_mtime);
    printf("\n  tokens     ");
    for (int i = 0; i < h->count; i++)
        printf(" %d", h->tokens[i]);
    printf("\n");
    return true;
}

static bool remove_page(struct cache *c, struct page *p, struct error *err) {
    if (!means(c, p) && !(p->fd < 0 && strcmp(c->what, "damaged") == 0))
        return true;
    struct str path = {0};
    file_join(&path, c->dir, p->name);
    bool ok = !path.failed && unlink(str_text(&path)) == 0;
    if (!ok)
        error_set_errno(err, "cannot remove %s", p->name);
    str_deinit(&path);
    c->matched += ok;
    return ok;
}

static bool verify_page(struct cache *c, struct page *p, struct error *err) {
    if (p->fd >= 0) {
        uint8_t *payload = malloc((size_t)p->header.payload_bytes);
        if (payload == NULL)
            return error_set(err, ERR_MEMORY, "no memory for a page of %lld bytes",
                             (long long)p->header.payload_bytes);
        /* Closes the file. */
        c->damaged += !kv_store_file_payload(p->fd, &p->header, payload, &p->error);
        p->fd = -1;
        free(payload);
    }
    if (p->error.code != ERR_NONE)
        printf("%s: %s\n", p->name, p->error.text);
    return true;
}

/* ---- the actions ---- */

static bool list(struct cache *c, struct error *err) {
    char bytes[32];
    if (!each_page(c, count_page, err))
        return false;
    for (int i = 0; i < c->group_count; i++) {
        const struct group *g = &c->groups[i];
        printf("%8lld tokens  %9s  ", (long long)g->tokens,
               progress_bytes(bytes, sizeof bytes, g->bytes));
        print_time(g->used);
        printf("  %s\n", g->label);
    }
    printf("%lld pages, %s", (long long)c->files, progress_bytes(bytes, sizeof bytes, c->bytes));
    if (c->damaged > 0)
        printf(", %lld damaged", (long long)c->damaged);
    printf("\n");
    return true;
}

static bool needs_what(const struct cache *c, const char *action, struct error *err) {
    if (c->what == NULL)
        return error_set(err, ERR_ARGUMENT, "say which pages: `longhaul cache %s all`, or the "
                         "beginning of a model's or a file's name", action);
    return true;
}

static bool show(struct cache *c, struct error *err) {
    if (!needs_what(c, "show", err) || !each_page(c, show_page, err))
        return false;
    return c->matched > 0 ||
           error_set(err, ERR_NOT_FOUND, "no page's name begins with \"%.80s\"", c->what);
}

static bool clear(struct cache *c, struct error *err) {
    if (!needs_what(c, "rm", err) || !each_page(c, remove_page, err))
        return false;
    printf("%lld of %lld pages removed\n", (long long)c->matched, (long long)c->files);
    return true;
}

static bool verify(struct cache *c, struct error *err) {
    if (!each_page(c, verify_page, err))
        return false;
    printf("%lld of %lld pages are whole\n", (long long)(c->files - c->damaged),
           (long long)c->files);
    return c->damaged == 0 ||
           error_set(err, ERR_FORMAT, "%lld damaged pages; `longhaul cache rm damaged` removes "
                     "those whose header or length is wrong, a server replaces the rest",
                     (long long)c->damaged);
}

bool cmd_cache(const struct options *o, struct error *err) {
    static const struct {
        const char *name;
        bool (*run)(struct cache *c, struct error *err);
    } actions[] = {{"ls", list}, {"show", show}, {"rm", clear}, {"verify", verify}};
    struct str dir = {0};
    struct cache *c = calloc(1, sizeof *c);
    bool ok = false, known = false;
    if (c == NULL) {
        error_set(err, ERR_MEMORY, "no memory to list the cache");
        goto done;
    }
    if (options_text(o, OPTION_CACHE_DIR) == NULL) {
        error_set(err, ERR_ARGUMENT,
                  "say which directory: --cache-dir DIR (or LONGHAUL_CACHE_DIR)");
        goto done;
    }
    paths_resolve(&dir, options_text(o, OPTION_CACHE_DIR), NULL);
    c->dir = str_text(&dir);
    c->what = o->word_count > 1 ? o->words[1] : NULL;
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(actions[i].name, o->words[0]) != 0)
            continue;
        known = true;
        ok = actions[i].run(c, err);
    }
    if (!known)
        error_set(err, ERR_ARGUMENT, "cache cannot \"%.40s\"; it can ls, show, rm and verify",
                  o->words[0]);
done:
    str_deinit(&dir);
    free(c);
    return ok;
}
