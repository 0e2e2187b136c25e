/* test_quant_float.c - half precision and bfloat16, all numbers of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <math.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/random.h"
#include "quant/quant.h"

static float from_bits(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* The definition: sign, five bits of exponent (bias 15), ten of fraction. */
static double half_value(uint16_t h) {
    int exponent = h >> 10 & 31, fraction = h & 1023;
    double magnitude = exponent == 0 ? ldexp(fraction, -24)
                                     : ldexp(1024 + fraction, exponent - 25);
    return h & 0x8000 ? -magnitude : magnitude;
}

static void every_half_has_its_value_and_comes_back(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = quant_f16_to_f32((uint16_t)h);
        if ((h & 0x7fff) > 0x7c00) {
            assert_true(isnan(f));
            assert_int_equal(quant_f32_to_f16(f), h | 0x200);
            continue;
        }
        if ((h & 0x7fff) == 0x7c00) assert_true(isinf(f));
        else assert_true((double)f == half_value((uint16_t)h));
        assert_int_equal(!!signbit(f), h >> 15);
        assert_int_equal(quant_f32_to_f16(f), h);
    }
}

/* Between two neighbouring halves: exactly half-way goes to the even one, else the nearer. */
static void rounding_is_to_nearest_even(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 0x7bff; h++) {
        float low = quant_f16_to_f32((uint16_t)h), high = quant_f16_to_f32((uint16_t)(h + 1));
        float middle = low + (high - low) / 2;
        assert_int_equal(quant_f32_to_f16(middle), h + (h & 1));
        assert_int_equal(quant_f32_to_f16(nextafterf(middle, 0.0f)), h);
        assert_int_equal(quant_f32_to_f16(nextafterf(middle, INFINITY)), h + 1);
        assert_int_equal(quant_f32_to_f16(-middle), 0x8000 | (h + (h & 1)));
    }
    assert_int_equal(quant_f32_to_f16(65519.996f), 0x7bff);
    assert_int_equal(quant_f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(quant_f32_to_f16(-3e38f), 0xfc00);
    assert_int_equal(quant_f32_to_f16(from_bits(1)), 0);
}

#if defined(__x86_64__)
__attribute__((target("f16c"))) static uint16_t processor_half(float f) {
    return (uint16_t)_cvtss_sh(f, 0);
}
__attribute__((target("f16c"))) static float processor_float(uint16_t h) { return _cvtsh_ss(h); }
#endif

static void the_bits_are_those_of_the_processors_own_conversion(void **state) {
    (void)state;
#if defined(__x86_64__)
    struct random r;
    if (!__builtin_cpu_supports("avx2")) skip(); /* what has it converts halves, too */
    random_init(&r, 5);
    for (int i = 0; i < 1000000; i++) {
        float f = from_bits((uint32_t)random_u64(&r));
        assert_int_equal(quant_f32_to_f16(f), processor_half(f));
    }
    for (uint32_t h = 0; h < 65536; h++) {
        float want = processor_float((uint16_t)h), got = quant_f16_to_f32((uint16_t)h);
        assert_memory_equal(&got, &want, sizeof got);
    }
#else
    skip();
#endif
}

static void every_bfloat_comes_back_and_rounding_is_to_nearest_even(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = quant_bf16_to_f32((uint16_t)h);
        bool nan = (h & 0x7fff) > 0x7f80;
        assert_int_equal(isnan(f) != 0, nan);
        assert_int_equal(quant_f32_to_bf16(f), nan ? h | 0x40 : h);
        if ((h & 0x7fff) >= 0x7f80) continue;
        assert_int_equal(quant_f32_to_bf16(from_bits(h << 16 | 0x8000)), h + (h & 1));
        assert_int_equal(quant_f32_to_bf16(from_bits(h << 16 | 0x7fff)), h);
        assert_int_equal(quant_f32_to_bf16(from_bits(h << 16 | 0x8001)), h + 1);
    }
    assert_int_equal(quant_f32_to_bf16(from_bits(0x7f800001)), 0x7fc0); /* NaN, not infinity */
}

static void whole_rows_convert_as_single_numbers_do(void **state) {
    (void)state;
    enum { COUNT = 77 };
    float in[COUNT], out[COUNT];
    uint8_t blocks[COUNT * 4];
    struct random r;
    random_init(&r, 6);
    for (int i = 0; i < COUNT; i++) in[i] = (float)(random_unit(&r) - 0.5) * 1e-3f;
    quant_info(QUANT_F32)->encode(blocks, in, COUNT);
    quant_info(QUANT_F32)->decode(out, blocks, COUNT);
    assert_memory_equal(in, out, sizeof in);
    quant_info(QUANT_F16)->encode(blocks, in, COUNT);
    quant_info(QUANT_F16)->decode(out, blocks, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_true(out[i] == quant_f16_to_f32(quant_f32_to_f16(in[i])));
    quant_info(QUANT_BF16)->encode(blocks, in, COUNT);
    quant_info(QUANT_BF16)->decode(out, blocks, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_true(out[i] == quant_bf16_to_f32(quant_f32_to_bf16(in[i])));
    quant_info(QUANT_F32)->decode(NULL, NULL, 0);
    quant_info(QUANT_F32)->encode(NULL, NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_has_its_value_and_comes_back),
        cmocka_unit_test(rounding_is_to_nearest_even),
        cmocka_unit_test(the_bits_are_those_of_the_processors_own_conversion),
        cmocka_unit_test(every_bfloat_comes_back_and_rounding_is_to_nearest_even),
        cmocka_unit_test(whole_rows_convert_as_single_numbers_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
