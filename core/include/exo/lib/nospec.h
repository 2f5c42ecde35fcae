/*
 * exo/lib/nospec.h - indices that users choose, also while the processor only guesses.
 */
#ifndef EXO_LIB_NOSPEC_H
#define EXO_LIB_NOSPEC_H

#include <stdint.h>

/* Return `index`, or 0 if it is not below `count`, by arithmetic: for use after the check, whose
 * outcome a processor may have guessed wrong. Both at most INT64_MAX. */
static inline uint64_t index_nospec(uint64_t index, uint64_t count)
{
    __asm__("" : "+r"(index)); /* so that the compiler does not know what the check showed */
    return index & (uint64_t)((int64_t)(index - count) >> 63);
}

#endif /* EXO_LIB_NOSPEC_H */
