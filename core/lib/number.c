/*
 * core/lib/number.c - numbers from text, with every overflow noticed.
 */
#include "exo/lib/number.h"

int number_hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    return -1;
}

/* Multiplier of the suffix at `text`, which must be the last byte; 0 if it is none. */
static uint64_t suffix_factor(const char *text)
{
    if (text[0] == '\0') {
        return 1;
    }
    if (text[1] != '\0') {
        return 0;
    }
    switch (text[0]) {
    case 'K':
        return 1ull << 10;
    case 'M':
        return 1ull << 20;
    case 'G':
        return 1ull << 30;
    default:
        return 0;
    }
}

exo_status_t number_parse(const char *text, uint64_t *out)
{
    const bool is_hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const unsigned base = is_hex ? 16 : 10;
    const char *at = is_hex ? text + 2 : text;
    const char *const first = at;
    uint64_t value = 0;

    for (;; at++) {
        const int digit = number_hex_digit(*at);

        if (digit < 0 || (unsigned)digit >= base) {
            break;
        }
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, (unsigned)digit, &value)) {
            return EXO_ERR_INVALID;
        }
    }
    const uint64_t factor = suffix_factor(at);

    if (at == first || factor == 0) {
        return EXO_ERR_BAD_FORMAT;
    }
    if (__builtin_mul_overflow(value, factor, &value)) {
        return EXO_ERR_INVALID;
    }
    *out = value;
    return EXO_OK;
}

exo_status_t number_parse_max(const char *text, uint32_t max, uint32_t *out)
{
    uint64_t value = 0;
    const exo_status_t status = number_parse(text, &value);

    if (status != EXO_OK) {
        return status;
    }
    if (value > max) {
        return EXO_ERR_INVALID;
    }
    *out = (uint32_t)value;
    return EXO_OK;
}
