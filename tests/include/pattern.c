/*
 * pattern.c - names picked by patterns.
 *
 * Invariant: matching backs up only to the last star, so it takes pattern length times text length
 * steps at most.
 */
#include "pattern.h"

bool pattern_matches(const char *pattern, size_t pattern_len_bytes, const char *text)
{
    size_t at = 0;
    size_t star = 0; /* place after the last star; meaningful while star_text is set */
    const char *star_text = NULL;

    while (*text != '\0') {
        if (at < pattern_len_bytes && pattern[at] == '*') {
            star = ++at;
            star_text = text;
        } else if (at < pattern_len_bytes && (pattern[at] == '?' || pattern[at] == *text)) {
            at++;
            text++;
        } else if (star_text != NULL) {
            at = star;
            text = ++star_text;
        } else {
            return false;
        }
    }
    while (at < pattern_len_bytes && pattern[at] == '*') {
        at++;
    }
    return at == pattern_len_bytes;
}

size_t pattern_len(const char *patterns)
{
    size_t len = 0;

    while (patterns[len] != '\0' && patterns[len] != ',') {
        len++;
    }
    return len;
}

bool pattern_list_matches(const char *patterns, const char *text)
{
    for (;;) {
        const size_t len = pattern_len(patterns);

        if (pattern_matches(patterns, len, text) ||
            (len == 3 && pattern_matches(patterns, len, "all"))) {
            return true;
        }
        if (patterns[len] == '\0') {
            return false;
        }
        patterns += len + 1;
    }
}
