/*
 * vm_fixture.h - what the tests of address spaces share: spaces, mappings of zeroes, counts.
 */
#ifndef TESTS_CORE_MEM_VIRTUAL_VM_FIXTURE_H
#define TESTS_CORE_MEM_VIRTUAL_VM_FIXTURE_H

#include "exo/mem/phys.h"
#include "exo/mem/vm.h"
#include "exo/sched/thread.h"
#include "exo_check.h"

#define BASE 0x10000000ull
#define RW   (VM_PROT_READ | VM_PROT_WRITE)
#define RX   (VM_PROT_READ | VM_PROT_EXEC)

static inline uint64_t frames_free(void)
{
    struct phys_stats stats;

    phys_stats(&stats);
    return stats.frames_free;
}

static inline struct vm_space *space_make(void)
{
    struct vm_space *space = NULL;

    ck_assert_int_eq(vm_space_create(&space), EXO_OK);
    return space;
}

static inline exo_status_t map_object(struct vm_space *space, vaddr_t addr, uint64_t pages,
                                      uint32_t prot, struct vm_object *object, uint64_t offset)
{
    const struct vm_map_spec spec = { .addr = addr,
                                      .len_bytes = pages * PAGE_SIZE,
                                      .prot = prot,
                                      .flags = VM_MAP_FIXED,
                                      .object = object,
                                      .offset = offset };
    vaddr_t at = 0;
    const exo_status_t status = vm_map(space, &spec, &at);

    if (status == EXO_OK) {
        ck_assert_uint_eq(at, addr);
    }
    vm_check(space);
    return status;
}

/* Anonymous memory at a fixed place. */
static inline exo_status_t map_zero(struct vm_space *space, vaddr_t addr, uint64_t pages,
                                    uint32_t prot)
{
    struct vm_object *zero = vm_object_zero();
    const exo_status_t status = map_object(space, addr, pages, prot, zero, 0);

    vm_object_unref(zero);
    return status;
}

static inline uint32_t area_count(struct vm_space *space)
{
    struct vm_stats stats;

    vm_stats(space, &stats);
    return stats.areas;
}

static inline uint64_t resident(struct vm_space *space)
{
    struct vm_stats stats;

    vm_stats(space, &stats);
    return stats.pages_resident;
}

static inline uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Run entry(&arg[i]), each element arg_size_bytes long, on a thread of its own for every i below
 * `count`, at most 8, and wait for all. */
static inline void run_threads(void (*entry)(void *), void *arg, size_t arg_size_bytes,
                               uint32_t count)
{
    struct thread *thread[8] = { NULL };

    ck_assert_uint_le(count, ARRAY_COUNT(thread));
    for (uint32_t i = 0; i < count; i++) {
        const struct thread_spec spec = { .name = "vm",
                                          .entry = entry,
                                          .arg = (char *)arg + i * arg_size_bytes,
                                          .cpu = THREAD_ANY_CPU };

        ck_assert_int_eq(thread_create(&spec, &thread[i]), EXO_OK);
    }
    for (uint32_t i = 0; i < count; i++) {
        thread_join(thread[i], NULL);
    }
}

#endif /* TESTS_CORE_MEM_VIRTUAL_VM_FIXTURE_H */
