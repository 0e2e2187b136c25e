/* test_quant_block256.c - encoding formats with blocks of 256 elements; decoding: test_quant.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "quant/quant_block.h"
#include "quant_encode.h"

static const enum quant_type types[] = {QUANT_Q2_K, QUANT_Q3_K, QUANT_Q4_K,
                                        QUANT_Q5_K, QUANT_Q6_K, QUANT_IQ4_XS};
enum { TYPES = sizeof types / sizeof types[0] };

/* Where the format has them: see unpack_scales. */
static void six_bit_scales_of_q4_K_go_in_and_come_out(void **state) {
    (void)state;
    struct quant_q4_K b = {.d = 0x2c00, .dmin = 0x2800, .scale = {0}};
    struct quant_codes c;
    for (int g = 0; g < 12; g++) b.scale[g] = (uint8_t)(g * 21 + 3);
    quant_info(QUANT_Q4_K)->unpack(&c, &b);
    for (int g = 0; g < 4; g++) {
        assert_int_equal(c.scale[g], b.scale[g] & 63);
        assert_int_equal(c.min[g], b.scale[g + 4] & 63);
        assert_int_equal(c.scale[g + 4], (b.scale[g + 8] & 15) + (b.scale[g] >> 6) * 16);
        assert_int_equal(c.min[g + 4], (b.scale[g + 8] >> 4) + (b.scale[g + 4] >> 6) * 16);
    }
}

/* Bounds: the error of the best uniform steps for these values, measured once and
 * rounded up by a tenth; `centred` values have mean zero, `shifted` ones are all positive, where
 * formats with a minimum must not lose much. */
static void encoding_loses_no_more_than_the_bits_allow(void **state) {
    (void)state;
    static const struct { enum quant_type type; double centred, shifted; } bounds[] = {
        {QUANT_Q2_K, 0.2859, 0.4612},
        {QUANT_Q3_K, 0.1519, 0.3497},
        {QUANT_Q4_K, 0.0758, 0.1036},
        {QUANT_Q5_K, 0.0381, 0.0512},
        {QUANT_Q6_K, 0.0183, 0.0446},
        {QUANT_IQ4_XS, 0.0799, 0.2335},
    };
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        double centred = encode_error(bounds[i].type, 0), shifted = encode_error(bounds[i].type, 2);
        if (centred > bounds[i].centred || shifted > bounds[i].shifted)
            fail_msg("%s: %.4f and %.4f", quant_info(bounds[i].type)->name, centred, shifted);
    }
}

static void zeros_stay_zeros(void **state) {
    (void)state;
    for (int i = 0; i < TYPES; i++) assert_true(encode_keeps_zeros(types[i]));
}

static void any_input_gives_a_block_of_finite_values(void **state) {
    (void)state;
    for (int i = 0; i < TYPES; i++) assert_true(encode_survives_anything(types[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoding_loses_no_more_than_the_bits_allow),
        cmocka_unit_test(zeros_stay_zeros),
        cmocka_unit_test(any_input_gives_a_block_of_finite_values),
        cmocka_unit_test(six_bit_scales_of_q4_K_go_in_and_come_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
