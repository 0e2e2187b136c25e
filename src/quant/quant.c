/* quant.c - the table of formats, and finding a row by number or name.
 *
 * Constant data only; any thread.  A new format is a struct in quant_block.h, three functions and
 * a row here (and its name in quant_names). */
#include "quant/quant_block.h"
#include "quant/quant_format.h"
#include <assert.h>
#include <strings.h>

static const struct quant_info table[QUANT_TYPES] = {
    [QUANT_F32] = {"f32", 0, 1, 4, quant_f32_decode, quant_f32_encode, NULL},
    [QUANT_F16] = {"f16", 1, 1, 2, quant_f16_decode, quant_f16_encode, NULL},
    [QUANT_BF16] = {"bf16", 30, 1, 2, quant_bf16_decode, quant_bf16_encode, NULL},
    [QUANT_Q4_0] = {"q4_0", 2, 32, sizeof(struct quant_q4_0),
                    quant_q4_0_decode, quant_q4_0_encode, quant_q4_0_unpack},
    [QUANT_Q4_1] = {"q4_1", 3, 32, sizeof(struct quant_q4_1),
                    quant_q4_1_decode, quant_q4_1_encode, quant_q4_1_unpack},
    [QUANT_Q5_0] = {"q5_0", 6, 32, sizeof(struct quant_q5_0),
                    quant_q5_0_decode, quant_q5_0_encode, quant_q5_0_unpack},
    [QUANT_Q5_1] = {"q5_1", 7, 32, sizeof(struct quant_q5_1),
                    quant_q5_1_decode, quant_q5_1_encode, quant_q5_1_unpack},
    [QUANT_Q8_0] = {"q8_0", 8, 32, sizeof(struct quant_q8_0),
                    quant_q8_0_decode, quant_q8_0_encode, quant_q8_0_unpack},
    [QUANT_Q2_K] = {"q2_K", 10, 256, sizeof(struct quant_q2_K),
                    quant_q2_K_decode, quant_q2_K_encode, quant_q2_K_unpack},
    [QUANT_Q3_K] = {"q3_K", 11, 256, sizeof(struct quant_q3_K),
                    quant_q3_K_decode, quant_q3_K_encode, quant_q3_K_unpack},
    [QUANT_Q4_K] = {"q4_K", 12, 256, sizeof(struct quant_q4_K),
                    quant_q4_K_decode, quant_q4_K_encode, quant_q4_K_unpack},
    [QUANT_Q5_K] = {"q5_K", 13, 256, sizeof(struct quant_q5_K),
                    quant_q5_K_decode, quant_q5_K_encode, quant_q5_K_unpack},
    [QUANT_Q6_K] = {"q6_K", 14, 256, sizeof(struct quant_q6_K),
                    quant_q6_K_decode, quant_q6_K_encode, quant_q6_K_unpack},
    [QUANT_IQ4_NL] = {"iq4_nl", 20, 32, sizeof(struct quant_iq4_nl),
                      quant_iq4_nl_decode, quant_iq4_nl_encode, quant_iq4_nl_unpack},
    [QUANT_IQ4_XS] = {"iq4_xs", 23, 256, sizeof(struct quant_iq4_xs),
                      quant_iq4_xs_decode, quant_iq4_xs_encode, quant_iq4_xs_unpack},
};

const struct quant_info *quant_info(enum quant_type type) {
    assert((unsigned)type < QUANT_TYPES);
    return &table[type];
}

bool quant_from_gguf(enum quant_type *type, uint32_t gguf_id) {
    for (int i = 0; i < QUANT_TYPES; i++) {
        if (table[i].gguf_id != gguf_id) continue;
        *type = (enum quant_type)i;
        return true;
    }
    return false;
}

bool quant_from_name(enum quant_type *type, const char *name) {
    for (int i = 0; i < QUANT_TYPES; i++) {
        if (strcasecmp(table[i].name, name) != 0) continue;
        *type = (enum quant_type)i;
        return true;
    }
    return false;
}

const char *quant_names(void) {
    return "f32, f16, bf16, q4_0, q4_1, q5_0, q5_1, q8_0, q2_K, q3_K, q4_K, q5_K, q6_K, "
           "iq4_nl, iq4_xs";
}

int64_t quant_bytes(enum quant_type type, int64_t n) {
    const struct quant_info *info = quant_info(type);
    assert(n >= 0 && n % info->block_elements == 0);
    return n / info->block_elements * info->block_bytes;
}
