/*
 * assert.c - what stands behind libcheck's assertions on the hosted platform.
 *
 * A body runs either in a process that libcheck forked (exo-unit as a test program), where a
 * failure is libcheck's to report and ends the process, or in a machine booted by hand (exo-unit
 * --boot), where it ends the thread as it does in the booted kernel.
 */
#include <check.h>

#include <stdarg.h>
#include <stdio.h>

#include "exo/hal.h"
#include "hosted_unit.h"
#include "tests/kernel/run.h"

#undef _mark_point
#undef _ck_assert_failed

bool g_libcheck_child;

void test_mark_point(const char *file, int line)
{
    if (g_libcheck_child) {
        const hal_irq_t irq = hal_irq_save();

        _mark_point(file, line);
        hal_irq_restore(irq);
    }
}

void test_assert_failed(const char *file, int line, const char *expression, const char *format, ...)
{
    char text[TEST_TEXT_MAX];
    const hal_irq_t irq = hal_irq_save();

    if (format == NULL) {
        (void)snprintf(text, sizeof(text), "%s", expression);
    } else {
        va_list args;

        va_start(args, format);
        (void)vsnprintf(text, sizeof(text), format, args);
        va_end(args);
    }
    if (g_libcheck_child) {
        _ck_assert_failed(file, line, expression, "%s", text);
    }
    hal_irq_restore(irq);
    test_fail(file, line, text);
}

void test_failure_forward(const struct test_outcome *outcome)
{
    if (g_libcheck_child) {
        (void)hal_irq_save();
        _ck_assert_failed(outcome->file, outcome->line, "Failed", "%s", outcome->text);
    }
}
