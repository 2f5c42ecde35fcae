/*
 * exo/lib/types.h - scalar types, units and attributes used everywhere.
 */
#ifndef EXO_LIB_TYPES_H
#define EXO_LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t paddr_t; /* physical address, bytes */
typedef uint64_t vaddr_t; /* virtual address of a user or kernel space, bytes */

#define PAGE_SHIFT 12u
#define PAGE_SIZE  ((size_t)1 << PAGE_SHIFT) /* bytes; frames and pages are 4 KiB */
#define PAGE_MASK  (PAGE_SIZE - 1)

#define CACHE_LINE 64u /* bytes */

#define CPUS_MAX                                                                                   \
    64u /* simulated or real CPUs that one kernel runs on; more are reported and left off */

#define EXO_MUST_CHECK       __attribute__((warn_unused_result))
#define EXO_PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define EXO_NOINLINE         __attribute__((noinline))
#define EXO_ALIGNED(bytes)   __attribute__((aligned(bytes)))
#define EXO_LIKELY(x)        __builtin_expect(!!(x), 1)
#define EXO_UNLIKELY(x)      __builtin_expect(!!(x), 0)

/* Place a pointer to a constant record in the linker section `name` (a C identifier); the linker
 * defines __start_name and __stop_name round them. The way suites, parameters, boot steps and
 * personalities register without anybody naming them. */
#define EXO_SECTION(name) __attribute__((section(#name), used, retain))

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The object that holds `member` at address `ptr`. */
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static inline uint64_t align_up(uint64_t value, uint64_t power_of_two)
{
    return (value + power_of_two - 1) & ~(power_of_two - 1);
}

static inline uint64_t align_down(uint64_t value, uint64_t power_of_two)
{
    return value & ~(power_of_two - 1);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

#endif /* EXO_LIB_TYPES_H */
