/*
 * tests/fuzz/fuzz_planted.c - a parser with a fault: it reads one byte too many once it has seen
 * three letters. tools/fuzz must find it, or it finds nothing.
 *
 * sources:
 */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    if (len_bytes >= 3 && data[0] == 'E' && data[1] == 'x' && data[2] == 'o') {
        fputc(data[len_bytes], stderr);
    }
    return 0;
}
