/* peak.c - which peak loops this CPU can run. */
#include "kernels/peak.h"
#include <stddef.h>
#include <string.h>
#include "kernels/kernels.h"
#include "kernels/peak_isa.h"
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#if defined(__x86_64__)
/* AVX512-FP16: CPUID leaf 7, EDX bit 23; AVX512-BF16: leaf 7.1, EAX bit 5.  Asked by hand, since
 * compilers of 2022 do not know both names. */
static bool has_f16(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 23 & 1) != 0;
}

static bool has_bf16(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1) != 0;
}
#endif

#if defined(__x86_64__) || defined(__aarch64__)
static bool always(void) {
    return true;
}
#endif

static const struct {
    struct peak peak;
    bool (*has)(void); /* beyond what the level promises */
} rows[] = {
#if defined(__x86_64__)
    {{PEAK_INT8, "avx2", "vpmaddubsw + vpaddw, 256 bits", peak_int8_avx2}, always},
    {{PEAK_F32, "avx2", "vfmadd231ps, 256 bits", peak_f32_avx2}, always},
    {{PEAK_INT8, "avx512", "vpdpbusd, 512 bits", peak_int8_avx512}, always},
    {{PEAK_F32, "avx512", "vfmadd231ps, 512 bits", peak_f32_avx512}, always},
    {{PEAK_F16, "avx512", "vfmadd231ph, 512 bits", peak_f16_avx512fp16}, has_f16},
    {{PEAK_BF16, "avx512", "vdpbf16ps, 512 bits", peak_bf16_avx512bf16}, has_bf16},
    {{PEAK_INT8, "amx", "tdpbssd, tiles of 1 kB", peak_int8_amx}, always},
#elif defined(__aarch64__)
    {{PEAK_F32, "neon", "fmla, 128 bits", peak_f32_neon}, always},
    {{PEAK_INT8, "dotprod", "sdot, 128 bits", peak_int8_dotprod}, always},
    {{PEAK_INT8, "i8mm", "smmla, 128 bits", peak_int8_i8mm}, always},
#else
    {{PEAK_F32, "", "", NULL}, NULL},
#endif
};

enum { ROWS = sizeof rows / sizeof rows[0] };
_Static_assert((int)ROWS <= (int)PEAKS_MAX, "room for every peak");

int peak_list(struct peak out[PEAKS_MAX], const char *limit) {
    bool automatic = limit == NULL || strcmp(limit, "auto") == 0;
    bool beyond = false; /* the rows of the level `limit` have begun */
    int count = 0;
    if (!automatic && strcmp(limit, "plain") == 0)
        return 0;
    for (int i = 0; i < ROWS; i++) {
        struct kernels k;
        const struct peak *p = &rows[i].peak;
        bool at_limit = !automatic && strcmp(limit, p->level) == 0;
        if (p->run == NULL || (beyond && !at_limit))
            break;
        beyond = at_limit;
        if (kernels_init(&k, p->level) && rows[i].has())
            out[count++] = *p;
    }
    return count;
}

const struct peak *peak_best(const struct peak *list, int count, enum peak_type type) {
    const struct peak *best = NULL;
    for (int i = 0; i < count; i++) {
        if (list[i].type == type)
            best = &list[i];
    }
    return best;
}

const char *peak_type_name(enum peak_type type) {
    static const char *const names[] = {
        [PEAK_INT8] = "int8", [PEAK_F32] = "f32", [PEAK_F16] = "f16", [PEAK_BF16] = "bf16"};
    return names[type];
}

uint64_t peak_read(const void *data, int64_t bytes) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f"))
        return peak_read_avx512(data, bytes);
    if (__builtin_cpu_supports("avx2"))
        return peak_read_avx2(data, bytes);
#endif
    return peak_read_plain(data, bytes);
}
