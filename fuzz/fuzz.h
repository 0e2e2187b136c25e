/* fuzz.h - what each fuzz_<name>.c defines: one input, any bytes, no crash and no leak.
 *
 * The name and signature are libFuzzer's (https://llvm.org/docs/LibFuzzer.html). */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#endif
