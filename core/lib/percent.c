/*
 * core/lib/percent.c - decoding of percent-encoded words.
 *
 * Invariant: the text is checked whole before its first byte changes, so an error leaves it alone.
 */
#include "exo/lib/percent.h"

#include "exo/lib/number.h"
#include "exo/lib/string.h"

static bool is_well_formed(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at != '%') {
            continue;
        }
        if (number_hex_digit(at[1]) < 0 || number_hex_digit(at[2]) < 0) {
            return false;
        }
        if (at[1] == '0' && at[2] == '0') {
            return false;
        }
        at += 2;
    }
    return true;
}

exo_status_t percent_decode(char *text)
{
    if (str_equal(text, "%00")) {
        text[0] = '\0';
        return EXO_OK;
    }
    if (!is_well_formed(text)) {
        return EXO_ERR_BAD_FORMAT;
    }
    char *to = text;

    for (const char *from = text; *from != '\0'; from++) {
        if (*from == '%') {
            *to++ = (char)(number_hex_digit(from[1]) * 16 + number_hex_digit(from[2]));
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return EXO_OK;
}
