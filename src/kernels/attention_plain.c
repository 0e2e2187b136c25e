/* attention_plain.c - attention in plain C: the specification of the faster files.
 *
 * Each block is unpacked into two float tiles in scratch; then row by row scores, softmax and
 * values, as the contract in kernels.h says.  Loops run over keys or dimensions innermost, so
 * that a compiler may use vectors without changing an order of accumulation. */
#include <math.h>
#include <string.h>
#include "kernels/kernels.h"
#include "kernels/kernels_level.h"

static float larger(float a, float b) { return a > b ? a : b; }

static size_t attention_scratch_bytes(int rows, int head_dim) {
    (void)rows;
    return sizeof(float) * 2 * (size_t)head_dim * KV_BLOCK_TOKENS;
}

/* How many keys of the block at `key` the row sees. */
static int keys_visible(const struct attention_work *w, int row, int32_t key) {
    int32_t end = w->row_last_key[row] < w->key_end ? w->row_last_key[row] + 1 : w->key_end;
    int32_t seen = end - key;
    return seen < 0 ? 0 : seen > KV_BLOCK_TOKENS ? KV_BLOCK_TOKENS : (int)seen;
}

static void row_block(const struct attention_work *w, int row, int visible, const float *k_tile,
                      const float *v_tile) {
    float s[KV_BLOCK_TOKENS] = {0};
    for (int d = 0; d < w->head_dim; d++)
        for (int j = 0; j < KV_BLOCK_TOKENS; j++)
            s[j] += w->q[row][d] * k_tile[d * KV_BLOCK_TOKENS + j];
    float most = w->max[row];
    for (int j = 0; j < visible; j++) {
        s[j] *= w->scale;
        most = larger(most, s[j]);
    }
    if (most == -INFINITY) return; /* nothing but scores of -infinity so far: no weight */
    float correction = expf(w->max[row] - most);
    float *acc = w->acc + (int64_t)row * w->head_dim;
    for (int i = 0; i < w->head_dim; i++) acc[i] *= correction;
    w->sum[row] *= correction;
    w->max[row] = most;
    for (int j = 0; j < visible; j++) {
        float p = expf(s[j] - most);
        w->sum[row] += p;
        for (int i = 0; i < w->head_dim; i++) acc[i] += p * v_tile[j * w->head_dim + i];
    }
}

static void attention(const struct attention_work *w) {
    float *k_tile = w->scratch, *v_tile = k_tile + (size_t)w->head_dim * KV_BLOCK_TOKENS;
    memset(w->acc, 0, sizeof(float) * (size_t)w->rows * (size_t)w->head_dim);
    for (int r = 0; r < w->rows; r++) {
        w->max[r] = -INFINITY;
        w->sum[r] = 0;
    }
    for (int32_t key = w->key_begin; key < w->key_end; key += KV_BLOCK_TOKENS) {
        w->k_kernel->load_k(k_tile, w->k_blocks[key / KV_BLOCK_TOKENS], w->head_dim);
        w->v_kernel->load_v(v_tile, w->v_blocks[key / KV_BLOCK_TOKENS], w->head_dim);
        for (int r = 0; r < w->rows; r++) {
            int visible = keys_visible(w, r, key);
            if (visible > 0) row_block(w, r, visible, k_tile, v_tile);
        }
    }
}

static void attention_merge(float *acc, float *max, float *sum, const float *part_acc,
                            const float *part_max, const float *part_sum, int rows, int head_dim) {
    for (int r = 0; r < rows; r++) {
        if (part_max[r] == -INFINITY) continue; /* a part that saw nothing changes no bit */
        float most = larger(max[r], part_max[r]);
        float mine = expf(max[r] - most), theirs = expf(part_max[r] - most);
        max[r] = most;
        sum[r] = sum[r] * mine + part_sum[r] * theirs;
        for (int i = 0; i < head_dim; i++) {
            int64_t at = (int64_t)r * head_dim + i;
            acc[at] = acc[at] * mine + part_acc[at] * theirs;
        }
    }
}

static void attention_finish(float *const *out, const float *acc, const float *sum, int rows,
                             int head_dim) {
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < head_dim; i++) out[r][i] = acc[(int64_t)r * head_dim + i] / sum[r];
}

void attention_add_plain(struct kernels *k) {
    k->attention = attention;
    k->attention_scratch_bytes = attention_scratch_bytes;
    k->attention_merge = attention_merge;
    k->attention_finish = attention_finish;
}
