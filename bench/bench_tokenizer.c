/* bench_tokenizer.c - how fast a model's tokenizer opens, encodes and decodes.
 *
 *     bench_tokenizer MODEL.gguf FILE [SECONDS]
 *
 * Prints milliseconds to open, MB/s of FILE's text in requests of 4 KiB and whole (the best of
 * several repetitions), and MB/s back.  One thread; times are CPU time of the thread, so that busy
 * neighbours disturb little. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/file.h"
#include "text/tokenizer.h"

enum { FILE_BYTES_MAX = 256 << 20, REQUEST_BYTES = 4 << 10 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int failed(const struct error *err) {
    fprintf(stderr, "%s\n", err->text);
    return 1;
}

static bool encode(const struct tokenizer *t, struct span text, size_t request_bytes,
                   struct tokens *ids, struct error *err) {
    ids->count = 0;
    for (size_t at = 0; at < text.len; at += request_bytes) {
        size_t len = text.len - at < request_bytes ? text.len - at : request_bytes;
        if (!tokenizer_encode(t, (struct span){text.data + at, len}, false, ids, err)) return false;
    }
    return true;
}

/* The best time of repetitions over about `seconds`; 0: failed, and err says why. */
static double time_encode(const struct tokenizer *t, struct span text, size_t request_bytes,
                          double seconds, struct tokens *ids, struct error *err) {
    double end = now() + seconds, best = 1e9;
    do {
        double start = now();
        if (!encode(t, text, request_bytes, ids, err)) return 0;
        double spent = now() - start;
        if (spent < best) best = spent;
    } while (now() < end);
    return best;
}

static double time_decode(const struct tokenizer *t, const struct tokens *ids) {
    struct detokenizer d;
    struct str out = {0};
    detokenizer_init(&d, t, true);
    double start = now();
    for (int64_t i = 0; i < ids->count; i++) detokenizer_add(&d, ids->ids[i], &out);
    detokenizer_finish(&d, &out);
    double spent = now() - start;
    str_deinit(&out);
    return spent;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: bench_tokenizer MODEL.gguf FILE [SECONDS]\n");
        return 2;
    }
    double seconds = argc > 3 ? atof(argv[3]) : 1;
    struct error err = {0};
    struct str file = {0};
    if (!file_read(&file, argv[2], FILE_BYTES_MAX, &err)) return failed(&err);
    struct gguf *g = gguf_open(argv[1], &err);
    if (g == NULL) return failed(&err);
    double start = now();
    struct tokenizer *t = tokenizer_open(g, &err);
    if (t == NULL) return failed(&err);
    printf("open            %8.1f ms  %d tokens\n", (now() - start) * 1e3, tokenizer_vocab_size(t));
    struct span text = {str_text(&file), file.len};
    double megabytes = (double)text.len / 1e6;
    struct tokens ids = {0};
    double parts = time_encode(t, text, REQUEST_BYTES, seconds, &ids, &err);
    double whole = time_encode(t, text, SIZE_MAX / 2, seconds, &ids, &err);
    if (err.code != ERR_NONE) return failed(&err);
    printf("encode 4 KiB    %8.1f MB/s\n", megabytes / parts);
    printf("encode whole    %8.1f MB/s  %lld tokens, %.2f bytes a token\n", megabytes / whole,
           (long long)ids.count, (double)text.len / (double)(ids.count > 0 ? ids.count : 1));
    printf("decode          %8.1f MB/s\n", megabytes / time_decode(t, &ids));
    tokens_deinit(&ids);
    tokenizer_close(t);
    gguf_close(g);
    str_deinit(&file);
    return 0;
}
