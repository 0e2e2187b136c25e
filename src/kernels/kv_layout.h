/* kv_layout.h - how a block of 64 keys or values lies in memory, the same at every level.
 *
 * Keys are stored transposed, [head_dim][64], so that the attention kernel's lanes are keys and
 * unpacking is a plain stream.  A store therefore touches one cache line per dimension: 64 to
 * 128 lines per token, layer and head, some 0.2 ms a token for the 7B (28 layers × 4 heads ×
 * 128 lines, ten misses in flight), which transposing at every load would cost at a few thousand
 * keys already.  Values are [64][head_dim].
 *
 *   f32, f16, bf16    K: elem[head_dim][64]       V: elem[64][head_dim]
 *   q8_0              K: int8[head_dim][64]       then f16 scale[groups][64]
 *                     V: int8[64][head_dim]       then f16 scale[64][groups]
 *
 * A group is 32 dimensions of one key (the last may be shorter), groups = ceil(head_dim / 32).
 * scale = f16(max|x| / 127), code = round(x / scale), value = code · scale.
 *
 * The narrow types saturate: a finite float beyond the largest f16 (65504), bf16 or q8_0 value
 * becomes that value, never an infinity, which one masked lane (0 · infinity) would spread as
 * NaN. */
#ifndef KERNELS_KV_LAYOUT_H
#define KERNELS_KV_LAYOUT_H
#include <stddef.h>
#include <stdint.h>
#include "kernels/kernels.h"

enum { KV_GROUP = 32 };

#define KV_F16_MAX 65504.0f
#define KV_BF16_MAX 0x1.FEp127f

static inline int kv_groups(int head_dim) { return (head_dim + KV_GROUP - 1) / KV_GROUP; }

/* Bytes of the codes of a q8_0 block = where its scales begin. */
static inline size_t kv_q8_codes_bytes(int head_dim) {
    return (size_t)head_dim * KV_BLOCK_TOKENS;
}

#endif
