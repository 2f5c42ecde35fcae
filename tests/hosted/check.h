/*
 * check.h - libcheck's own header, with its two calls led through tests/hosted/assert.c.
 *
 * Stands first on the include path of test bodies on the hosted platform. libcheck writes to a pipe
 * with the C library's locks; a kernel thread that is preempted inside would let another enter the
 * same lock on the same host thread, so both calls are made with interrupts off.
 */
#ifndef TESTS_HOSTED_CHECK_H
#define TESTS_HOSTED_CHECK_H

#include_next <check.h>

void test_mark_point(const char *file, int line);
_Noreturn void test_assert_failed(const char *file, int line, const char *expression,
                                  const char *format, ...) __attribute__((format(printf, 4, 5)));

#define _mark_point       test_mark_point
#define _ck_assert_failed test_assert_failed

#endif /* TESTS_HOSTED_CHECK_H */
