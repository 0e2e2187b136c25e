/* kernels.c - builds the table: which levels exist, which of them this CPU has.
 *
 * One row a level, from the plainest up.  A level is added on top of those before it, so
 * a level without some operation leaves the previous level's in place. */
#include "kernels/kernels.h"
#include <string.h>
#include "kernels/kernels_level.h"
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

enum { ACT_ALIGN = 64 };

static size_t align_up(size_t bytes) {
    return (bytes + ACT_ALIGN - 1) / ACT_ALIGN * ACT_ALIGN;
}

struct act_layout kernels_act_layout(enum act_format format, int64_t cols) {
    size_t n = (size_t)cols;
    if (format == ACT_F32)
        return (struct act_layout){.row_bytes = align_up(n * sizeof(float))};
    size_t block = format == ACT_Q8_32 ? 32 : 256;
    size_t d_offset = align_up(n);
    size_t sum_offset = d_offset + align_up(n / block * sizeof(float));
    return (struct act_layout){
        .d_offset = d_offset,
        .sum_offset = sum_offset,
        .row_bytes = sum_offset + align_up(n / 16 * sizeof(int16_t)),
    };
}

void kernels_add_plain(struct kernels *k) {
    matmul_add_plain(k);
    attention_add_plain(k);
    vector_add_plain(k);
    kv_add_plain(k);
    k->level = "plain";
}

#if defined(__x86_64__)
/* F16C asked by hand: clang 14 does not know its name.  CPUID leaf 1, ECX bit 29; whether the
 * system keeps the registers is the same question as for AVX2. */
static bool has_f16c(void) {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) != 0;
}

bool kernels_add_avx2(struct kernels *k) {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !has_f16c())
        return false;
    matmul_add_avx2(k);
    attention_add_avx2(k);
    vector_add_avx2(k);
    kv_add_avx2(k);
    k->level = "avx2";
    return true;
}

bool kernels_add_avx512(struct kernels *k) {
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq") ||
        !__builtin_cpu_supports("avx512vnni"))
        return false;
    matmul_add_avx512(k);
    attention_add_avx512(k);
    vector_add_avx512(k);
    kv_add_avx512(k);
    k->level = "avx512";
    return true;
}

/* The tile registers are 8 KB that the kernel saves only for processes that have asked:
 * arch_prctl(ARCH_REQ_XCOMP_PERM, XTILEDATA), see Linux' Documentation/arch/x86/xstate.rst.  It
 * counts for all threads, present and future, and asking again is harmless. */
static bool may_use_tiles(void) {
#if defined(__linux__)
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XTILEDATA) == 0;
#else
    return false;
#endif
}

/* CPUID leaf 7, EDX: bit 24 tiles, 25 their int8 and 22 their bfloat16 products, which have come
 * together so far (names that compilers of 2022 lack). */
bool kernels_add_amx(struct kernels *k) {
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d >> 22 & 13) != 13 || !may_use_tiles())
        return false;
    matmul_add_amx(k);
    attention_add_amx(k);
    k->level = "amx";
    return true;
}
#else
bool kernels_add_amx(struct kernels *k) {
    (void)k;
    return false;
}

bool kernels_add_avx2(struct kernels *k) {
    (void)k;
    return false;
}

bool kernels_add_avx512(struct kernels *k) {
    (void)k;
    return false;
}
#endif

static bool add_plain(struct kernels *k) {
    kernels_add_plain(k);
    return true;
}

static const struct {
    const char *name;
    bool (*add)(struct kernels *k);
} levels[] = {
    {"plain", add_plain},
#if defined(__aarch64__)
    {"neon", kernels_add_neon},
    {"dotprod", kernels_add_dotprod},
    {"i8mm", kernels_add_i8mm},
#else
    {"avx2", kernels_add_avx2},
    {"avx512", kernels_add_avx512},
    {"amx", kernels_add_amx},
#endif
};

enum { LEVELS = sizeof levels / sizeof levels[0] };

bool kernels_init(struct kernels *k, const char *limit) {
    bool automatic = limit == NULL || strcmp(limit, "auto") == 0;
    memset(k, 0, sizeof *k);
    for (int i = 0; i < LEVELS; i++) {
        bool added = levels[i].add(k);
        if (!automatic && strcmp(limit, levels[i].name) == 0)
            return added;
        if (!added)
            break;
    }
    return automatic;
}

const char *kernels_levels(void) {
#if defined(__aarch64__)
    return "plain, neon, dotprod, i8mm";
#else
    return "plain, avx2, avx512, amx";
#endif
}
