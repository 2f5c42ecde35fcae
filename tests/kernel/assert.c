/*
 * assert.c - what stands behind the stand-in's assertions in the kernel with tests.
 */
#include <stdarg.h>

#include "check.h"
#include "exo/lib/fmt.h"
#include "run.h"

void test_assert_failed(const char *file, int line, const char *expression, const char *format, ...)
{
    char text[TEST_TEXT_MAX];

    if (format == NULL) {
        test_fail(file, line, expression);
    }
    va_list args;

    va_start(args, format);
    fmt_print_args(text, sizeof(text), format, args);
    va_end(args);
    test_fail(file, line, text);
}

void test_failure_forward(const struct test_outcome *outcome)
{
    (void)outcome; /* the runner prints it */
}

int test_string_compare(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return (int)(unsigned char)*a - (int)(unsigned char)*b;
}

int test_memory_compare(const void *a, const void *b, size_t len_bytes)
{
    const unsigned char *x = a;
    const unsigned char *y = b;

    for (size_t i = 0; i < len_bytes; i++) {
        if (x[i] != y[i]) {
            return (int)x[i] - (int)y[i];
        }
    }
    return 0;
}
