/* kernels_level.h - what the files of one level promise kernels.c.
 *
 * Each group of operations (matmul with the activation quantisers, attention, row
 * vectors, KV types) has one function a level that writes its entries into the table and leaves
 * the rest.  kernels.c calls the four of a level only after it has asked the CPU, so none of
 * them asks again.  Internal to src/kernels. */
#ifndef KERNELS_KERNELS_LEVEL_H
#define KERNELS_KERNELS_LEVEL_H
#include "kernels/kernels.h"

void matmul_add_plain(struct kernels *k); /* matmul[], act_quantize[] */
void attention_add_plain(struct kernels *k); /* attention, …_scratch_bytes, …_merge, …_finish */
void vector_add_plain(struct kernels *k); /* rms_norm … log_sum_exp */
void kv_add_plain(struct kernels *k); /* kv[] */

void matmul_add_avx2(struct kernels *k);
void attention_add_avx2(struct kernels *k);
void attention_few_add_avx2(struct kernels *k); /* few_scores, few_values of kv[] */
void vector_add_avx2(struct kernels *k);
void kv_add_avx2(struct kernels *k);

void matmul_add_avx512(struct kernels *k);
void attention_add_avx512(struct kernels *k);
void attention_few_add_avx512(struct kernels *k); /* few_scores, few_values of kv[] */
void vector_add_avx512(struct kernels *k);
void kv_add_avx512(struct kernels *k);

void matmul_add_amx(struct kernels *k); /* on top of avx512, whose functions it calls */
void attention_add_amx(struct kernels *k); /* on top of avx512 */

void matmul_add_neon(struct kernels *k);
void attention_add_neon(struct kernels *k);
void attention_few_add_neon(struct kernels *k); /* few_scores, few_values of kv[] */
void vector_add_neon(struct kernels *k);
void kv_add_neon(struct kernels *k);

void matmul_add_dotprod(struct kernels *k); /* on top of neon */
void matmul_add_i8mm(struct kernels *k); /* on top of dotprod, whose functions it calls */

#endif
