/* test_quant_block32.c - encoding formats with blocks of 32 elements; decoding: test_quant.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "quant/quant_block.h"
#include "quant_encode.h"

static const enum quant_type types[] = {QUANT_Q4_0, QUANT_Q4_1, QUANT_Q5_0,
                                        QUANT_Q5_1, QUANT_Q8_0, QUANT_IQ4_NL};
enum { TYPES = sizeof types / sizeof types[0] };

/* Halves of bytes as the format says: element j low, element j + 16 high; bit j of the four
 * bytes is element j's fifth. */
static void nibbles_and_fifth_bits_lie_where_the_format_has_them(void **state) {
    (void)state;
    struct quant_q5_0 b = {.high = {0x01, 0, 0, 0x80}, .low = {[0] = 0x21, [15] = 0xf0}};
    struct quant_codes c;
    quant_info(QUANT_Q5_0)->unpack(&c, &b);
    assert_int_equal(c.code[0], 0x11);
    assert_int_equal(c.code[16], 0x02);
    assert_int_equal(c.code[15], 0x00);
    assert_int_equal(c.code[31], 0x1f);
}

/* The scale in the file is a half; codes chosen for it give at most half a step of error. */
static void q8_0_is_off_by_half_a_step_at_most(void **state) {
    (void)state;
    struct random r;
    random_init(&r, 9);
    for (int n = 0; n < 2000; n++) {
        float in[32], out[32];
        struct quant_q8_0 b;
        float range = (float)ldexp(1.0, (int)random_below(&r, 12) - 4);
        for (int i = 0; i < 32; i++) in[i] = (float)(random_unit(&r) - 0.5) * range;
        quant_info(QUANT_Q8_0)->encode(&b, in, 32);
        quant_info(QUANT_Q8_0)->decode(out, &b, 32);
        /* The step is a normal half, so at most 2^-11 of it too small, and 127 steps miss the
         * peak by up to 127·2^-11 of a step. */
        float bound = quant_f16_to_f32(b.d) * (0.5f + 127 * 0x1p-11f);
        for (int i = 0; i < 32; i++) assert_true(fabsf(in[i] - out[i]) <= bound);
    }
}

/* Bounds: the error of the best uniform steps for these values, measured once and
 * rounded up by a tenth; `centred` values have mean zero, `shifted` ones are all positive, where
 * formats with a minimum must not lose much. */
static void encoding_loses_no_more_than_the_bits_allow(void **state) {
    (void)state;
    static const struct { enum quant_type type; double centred, shifted; } bounds[] = {
        {QUANT_Q4_0, 0.0845, 0.1918},
        {QUANT_Q4_1, 0.0744, 0.0744},
        {QUANT_Q5_0, 0.0421, 0.0965},
        {QUANT_Q5_1, 0.0360, 0.0360},
        {QUANT_Q8_0, 0.0056, 0.0134},
        {QUANT_IQ4_NL, 0.0791, 0.2309},
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
        cmocka_unit_test(nibbles_and_fifth_bits_lie_where_the_format_has_them),
        cmocka_unit_test(q8_0_is_off_by_half_a_step_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
