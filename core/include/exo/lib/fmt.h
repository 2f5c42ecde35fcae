/*
 * exo/lib/fmt.h - formatted text, a subset of printf without floating point and without memory.
 *
 * Conversions d i u x X p s c %, lengths l ll z, flags 0 - # + and space, width and precision as
 * numbers or *. "%s" of NULL prints (null). Anything else in a format is copied as it stands, so
 * that a mistake shows.
 */
#ifndef EXO_LIB_FMT_H
#define EXO_LIB_FMT_H

#include <stdarg.h>

#include "exo/lib/types.h"

/* Where formatted bytes go: put() is called with runs of bytes, in order. */
struct fmt_sink {
    void (*put)(struct fmt_sink *sink, const char *bytes, size_t len_bytes);
};

void fmt_to_sink(struct fmt_sink *sink, const char *format, va_list args);

/* Format into buf[size]; cut to size - 1 bytes and always ended by a NUL (size 0 writes nothing).
 * Returns the length that the whole text has, so `returned >= size` says that it was cut. */
size_t fmt_print(char *buf, size_t size, const char *format, ...) EXO_PRINTF(3, 4);
size_t fmt_print_args(char *buf, size_t size, const char *format, va_list args);

#endif /* EXO_LIB_FMT_H */
