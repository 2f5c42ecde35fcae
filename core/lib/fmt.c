/*
 * core/lib/fmt.c - formatted text.
 *
 * Invariants:
 *   (1) every va_arg() has the type that the length modifier and the conversion name together;
 *   (2) a conversion that is not understood consumes no argument and is copied to the output.
 */
#include "exo/lib/fmt.h"

#include "exo/lib/string.h"

#define DIGITS_MAX 20u /* of 2^64 - 1 in decimal */

struct spec {
    bool zero;  /* 0 */
    bool left;  /* - */
    bool alt;   /* # */
    bool plus;  /* + */
    bool space; /* ' ' */
    bool has_precision;
    unsigned longs; /* 0, 1 for l and z, 2 for ll: all but 0 are 64 bits here */
    unsigned width;
    unsigned precision;
};

static void put_repeated(struct fmt_sink *sink, char byte, size_t count)
{
    static const char spaces[] = "                ";
    static const char zeros[] = "0000000000000000";
    const char *const run = byte == '0' ? zeros : spaces;

    while (count > 0) {
        const size_t now = count < sizeof(spaces) - 1 ? count : sizeof(spaces) - 1;

        sink->put(sink, run, now);
        count -= now;
    }
}

static void put_text(struct fmt_sink *sink, const struct spec *spec, const char *text, size_t len)
{
    const size_t pad = spec->width > len ? spec->width - len : 0;

    put_repeated(sink, ' ', spec->left ? 0 : pad);
    sink->put(sink, text, len);
    put_repeated(sink, ' ', spec->left ? pad : 0);
}

/* Print sign or prefix, zeros up to the precision (or the width, with flag 0) and the digits. */
static void put_number(struct fmt_sink *sink, const struct spec *spec, const char *prefix,
                       uint64_t value, unsigned base, bool upper)
{
    const char *const digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[DIGITS_MAX];
    size_t at = sizeof(text);

    for (uint64_t rest = value; rest != 0; rest /= base) {
        text[--at] = digits[rest % base];
    }
    const size_t prefix_len = strlen(prefix);
    const size_t digit_count = sizeof(text) - at;
    size_t zeros = 0;

    if (spec->has_precision) {
        zeros = spec->precision > digit_count ? spec->precision - digit_count : 0;
    } else if (spec->zero && !spec->left && spec->width > prefix_len + digit_count) {
        zeros = spec->width - prefix_len - digit_count;
    } else if (digit_count == 0) {
        zeros = 1;
    }
    const size_t len = prefix_len + zeros + digit_count;
    const size_t pad = spec->width > len ? spec->width - len : 0;

    put_repeated(sink, ' ', spec->left ? 0 : pad);
    sink->put(sink, prefix, prefix_len);
    put_repeated(sink, '0', zeros);
    sink->put(sink, text + at, digit_count);
    put_repeated(sink, ' ', spec->left ? pad : 0);
}

static void put_signed(struct fmt_sink *sink, const struct spec *spec, int64_t value)
{
    const char *sign = "";

    if (value < 0) {
        sign = "-";
    } else if (spec->plus) {
        sign = "+";
    } else if (spec->space) {
        sign = " ";
    }
    /* Negated as unsigned: the least value has no positive counterpart. */
    put_number(sink, spec, sign, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, false);
}

static void put_string(struct fmt_sink *sink, const struct spec *spec, const char *text)
{
    size_t len = 0;

    if (text == NULL) {
        text = "(null)";
    }
    while (!(spec->has_precision && len == spec->precision) && text[len] != '\0') {
        len++;
    }
    put_text(sink, spec, text, len);
}

/* Read a decimal number or * at *at. */
static unsigned parse_count(const char **at, va_list *args, bool *negative)
{
    unsigned count = 0;

    if (**at == '*') {
        const int value = va_arg(*args, int);

        (*at)++;
        *negative = value < 0;
        return value < 0 ? 0u - (unsigned)value : (unsigned)value;
    }
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        count = count * 10 + (unsigned)(**at - '0');
    }
    return count;
}

static const char *parse_spec(const char *at, va_list *args, struct spec *spec)
{
    bool negative = false;

    for (bool more = true; more;) {
        switch (*at) {
        case '0':
            spec->zero = true;
            break;
        case '-':
            spec->left = true;
            break;
        case '#':
            spec->alt = true;
            break;
        case '+':
            spec->plus = true;
            break;
        case ' ':
            spec->space = true;
            break;
        default:
            more = false;
            break;
        }
        at += more ? 1 : 0;
    }
    spec->width = parse_count(&at, args, &negative);
    spec->left = spec->left || negative;
    if (*at == '.') {
        at++;
        negative = false;
        spec->precision = parse_count(&at, args, &negative);
        spec->has_precision = !negative;
    }
    for (; *at == 'l' || *at == 'z'; at++) {
        spec->longs++;
    }
    return at;
}

/* Print the conversion at `at`; false if it is none. */
static bool convert(struct fmt_sink *sink, const struct spec *spec, char conversion, va_list *args)
{
    char byte = '%';

    switch (conversion) {
    case 'd':
    case 'i':
        put_signed(sink, spec, spec->longs > 0 ? va_arg(*args, int64_t) : va_arg(*args, int));
        return true;
    case 'u':
        put_number(sink, spec, "",
                   spec->longs > 0 ? va_arg(*args, uint64_t) : va_arg(*args, unsigned), 10, false);
        return true;
    case 'x':
    case 'X': {
        const uint64_t value = spec->longs > 0 ? va_arg(*args, uint64_t) : va_arg(*args, unsigned);
        const char *const prefix = conversion == 'x' ? "0x" : "0X";

        put_number(sink, spec, spec->alt && value != 0 ? prefix : "", value, 16, conversion == 'X');
        return true;
    }
    case 'p':
        put_number(sink, spec, "0x", (uintptr_t)va_arg(*args, void *), 16, false);
        return true;
    case 's':
        put_string(sink, spec, va_arg(*args, const char *));
        return true;
    case 'c':
        byte = (char)va_arg(*args, int);
        put_text(sink, spec, &byte, 1);
        return true;
    case '%':
        sink->put(sink, &byte, 1);
        return true;
    default:
        return false;
    }
}

void fmt_to_sink(struct fmt_sink *sink, const char *format, va_list args)
{
    va_list rest;

    va_copy(rest, args);
    while (*format != '\0') {
        const char *run = format;

        while (*format != '\0' && *format != '%') {
            format++;
        }
        if (format != run) {
            sink->put(sink, run, (size_t)(format - run));
        }
        if (*format == '\0') {
            break;
        }
        struct spec spec = { 0 };
        const char *const at = parse_spec(format + 1, &rest, &spec);

        if (convert(sink, &spec, *at, &rest)) {
            format = at + 1;
        } else {
            sink->put(sink, format, (size_t)(at - format));
            format = at;
        }
    }
    va_end(rest);
}

struct buffer_sink {
    struct fmt_sink sink;
    char *buf;
    size_t size;
    size_t len; /* of the whole text, stored or not */
};

static void buffer_put(struct fmt_sink *sink, const char *bytes, size_t len_bytes)
{
    struct buffer_sink *const to = container_of(sink, struct buffer_sink, sink);

    if (to->len < to->size) {
        const size_t room = to->size - to->len;

        memcpy(to->buf + to->len, bytes, len_bytes < room ? len_bytes : room);
    }
    to->len += len_bytes;
}

size_t fmt_print_args(char *buf, size_t size, const char *format, va_list args)
{
    struct buffer_sink to = { .sink = { .put = buffer_put }, .buf = buf, .size = size };

    fmt_to_sink(&to.sink, format, args);
    if (size > 0) {
        buf[to.len < size ? to.len : size - 1] = '\0';
    }
    return to.len;
}

size_t fmt_print(char *buf, size_t size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    const size_t len = fmt_print_args(buf, size, format, args);

    va_end(args);
    return len;
}
