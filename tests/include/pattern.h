/*
 * pattern.h - names picked by patterns, for tests and benchmarks.
 */
#ifndef EXO_TESTS_PATTERN_H
#define EXO_TESTS_PATTERN_H

#include "exo/lib/types.h"

/* Does pattern[0, pattern_len_bytes) match all of `text`? "*" is any run of bytes, "?" any one
 * byte. */
bool pattern_matches(const char *pattern, size_t pattern_len_bytes, const char *text);

/* Does one of a comma-separated list of patterns match `text`, or is one of them "all"? */
bool pattern_list_matches(const char *patterns, const char *text);

/* Length of the first pattern of a list: up to the comma or the end. */
size_t pattern_len(const char *patterns);

#endif /* EXO_TESTS_PATTERN_H */
