/* peak_isa.h - the loops of peak.h for each instruction set; peak.c asks the CPU before it names
 * one.  Internal to src/kernels. */
#ifndef KERNELS_PEAK_ISA_H
#define KERNELS_PEAK_ISA_H
#include <stdint.h>

int64_t peak_int8_avx2(int64_t rounds);
int64_t peak_f32_avx2(int64_t rounds);
uint64_t peak_read_avx2(const void *data, int64_t bytes);

int64_t peak_int8_avx512(int64_t rounds);
int64_t peak_f32_avx512(int64_t rounds);
uint64_t peak_read_avx512(const void *data, int64_t bytes);

int64_t peak_f16_avx512fp16(int64_t rounds);
int64_t peak_bf16_avx512bf16(int64_t rounds);
int64_t peak_int8_amx(int64_t rounds);

int64_t peak_f32_neon(int64_t rounds);
int64_t peak_int8_dotprod(int64_t rounds);
int64_t peak_int8_i8mm(int64_t rounds);

uint64_t peak_read_plain(const void *data, int64_t bytes);

#endif
