/*
 * tests/fuzz/fuzz.h - what the fuzz targets share (tools/fuzz builds and runs them).
 *
 * A target is one file with the function below, which libFuzzer calls with one input after the
 * other. The bytes lie in an allocation of exactly their size, so AddressSanitizer sees each access
 * outside.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes);

/* What must hold of any input; its breach is a finding. */
#define FUZZ_ASSERT(condition)                                                                     \
    ((condition) ? (void)0 : kassert_fail(#condition, __FILE__, __LINE__, __func__))

/* In place of the kernel's: the finding is printed and libFuzzer keeps the input. */
_Noreturn void kassert_fail(const char *condition, const char *file, int line, const char *function)
{
    fprintf(stderr, "%s:%d: %s: %s does not hold\n", file, line, function, condition);
    abort();
}

#endif /* TESTS_FUZZ_FUZZ_H */
