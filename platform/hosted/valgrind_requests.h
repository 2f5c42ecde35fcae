/*
 * valgrind_requests.h - what Valgrind is told, and nothing where its header is not installed.
 */
#ifndef VALGRIND_REQUESTS_H
#define VALGRIND_REQUESTS_H

#include "exo/lib/types.h"

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>
#define HOSTED_VALGRIND(request, otherwise) request
#else
#define HOSTED_VALGRIND(request, otherwise) otherwise
#endif

static inline bool hosted_valgrind_running(void)
{
    return HOSTED_VALGRIND(RUNNING_ON_VALGRIND, 0) != 0;
}

static inline unsigned hosted_valgrind_stack_register(const char *base, size_t bytes)
{
    (void)base, (void)bytes;
    return HOSTED_VALGRIND((unsigned)VALGRIND_STACK_REGISTER(base, base + bytes), 0u);
}

static inline void hosted_valgrind_stack_deregister(unsigned id)
{
    (void)id;
    HOSTED_VALGRIND(VALGRIND_STACK_DEREGISTER(id), (void)0);
}

/* Defined and not undefined: user code in the stub process writes to frames where Valgrind cannot
 * see. */
static inline void hosted_valgrind_allocated(void *start, size_t bytes)
{
    (void)start, (void)bytes;
    (void)HOSTED_VALGRIND(VALGRIND_MAKE_MEM_DEFINED(start, bytes), 0);
}

static inline void hosted_valgrind_freed(void *start, size_t bytes)
{
    (void)start, (void)bytes;
    (void)HOSTED_VALGRIND(VALGRIND_MAKE_MEM_NOACCESS(start, bytes), 0);
}

#endif /* VALGRIND_REQUESTS_H */
