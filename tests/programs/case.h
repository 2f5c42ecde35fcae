/*
 * tests/programs/case.h - the form of a contract program: each case prints one line that depends on
 * what the kernel answered. The same binary on the host's Linux prints what is right.
 *
 * Calls are made raw, so that no C library stands between; addresses and times never appear in the
 * output.
 */
#ifndef TESTS_PROGRAMS_CASE_H
#define TESTS_PROGRAMS_CASE_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE         4096ul
#define NOWHERE      ((void *)8)                    /* never mapped */
#define KERNEL       ((void *)0xffff800000001000ul) /* never a program's */
#define NONCANONICAL ((void *)0x0123456789abcdeful)

/* Print what a call returned: its value, or the name of its error. */
static inline void result(const char *name, long value)
{
    if (value == -1) {
        printf("%s: error %d %s\n", name, errno, strerror(errno));
    } else {
        printf("%s: %ld\n", name, value);
    }
}

/* The same where the value may differ from machine to machine: only success shows. */
static inline void outcome(const char *name, long value)
{
    if (value == -1) {
        result(name, value);
    } else {
        printf("%s: ok\n", name);
    }
}

static inline void fact(const char *name, int truth)
{
    printf("%s: %s\n", name, truth ? "yes" : "no");
}

#define CALL(...)    result(#__VA_ARGS__, syscall(__VA_ARGS__))
#define CALL_OK(...) outcome(#__VA_ARGS__, syscall(__VA_ARGS__))

/* Two pages: the first can be read and written, the second is gone. Returns the border. */
static inline char *border(void)
{
    char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    munmap(pages + PAGE, PAGE);
    return pages + PAGE;
}

/* A page that can only be read. */
static inline char *readonly(void)
{
    return mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

#endif /* TESTS_PROGRAMS_CASE_H */
