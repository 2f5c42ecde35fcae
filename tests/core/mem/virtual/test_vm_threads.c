/*
 * tests/core/mem/virtual/test_vm_threads.c - several threads use one address space at a time.
 *
 * That no frame is lost is the runner's to see: it waits until the threads' stacks are free.
 */
#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/mem/user.h"
#include "vm_fixture.h"

#define THREADS 4u
#define PAGES   64u
#define ROUNDS  60u

struct worker {
    struct vm_space *space;
    uint32_t number;
};

static void workers_run(struct vm_space *space, void (*entry)(void *))
{
    struct worker worker[THREADS];

    for (uint32_t i = 0; i < THREADS; i++) {
        worker[i] = (struct worker){ .space = space, .number = i };
    }
    run_threads(entry, worker, sizeof(worker[0]), THREADS);
}

/* Each thread begins elsewhere, so that some walk upwards into what others bring in. */
static void fault_all(void *arg)
{
    const struct worker *worker = arg;

    for (uint64_t i = 0; i < PAGES; i++) {
        const uint64_t page = (i + worker->number * 5) % PAGES;

        ck_assert_int_eq(vm_fault(worker->space, BASE + page * PAGE_SIZE, HAL_ACCESS_WRITE),
                         EXO_OK);
    }
}

/* Threads that fault on the same pages get one frame a page: each is filled once. */
START_TEST(vm_faults_at_once_fill_a_page_once)
{
    struct vm_space *space = space_make();
    struct vm_stats stats;

    ck_assert_int_eq(map_zero(space, BASE, PAGES, RW), EXO_OK);
    workers_run(space, fault_all);
    vm_check(space);
    vm_stats(space, &stats);
    ck_assert_uint_eq(stats.pages_resident, PAGES);
    ck_assert_uint_eq(stats.pages_filled, PAGES);
    ck_assert_uint_eq(stats.faults, PAGES * THREADS);
    vm_space_destroy(space);
}
END_TEST

/* Chosen addresses: what one thread was given is its own until it gives it back. */
static void choose_write_read(void *arg)
{
    const struct worker *worker = arg;
    struct vm_object *zero = vm_object_zero();
    const struct vm_map_spec spec = { .len_bytes = PAGE_SIZE, .prot = RW, .object = zero };

    for (uint32_t i = 0; i < ROUNDS; i++) {
        const uint32_t mark = worker->number * ROUNDS + i;
        uint32_t back = 0;
        vaddr_t at = 0;

        ck_assert_int_eq(vm_map(worker->space, &spec, &at), EXO_OK);
        ck_assert_int_eq(user_copy_in(worker->space, &back, at, sizeof(back), NULL), EXO_OK);
        ck_assert_uint_eq(back, 0);
        ck_assert_int_eq(user_copy_out(worker->space, at, &mark, sizeof(mark), NULL), EXO_OK);
        ck_assert_int_eq(user_copy_in(worker->space, &back, at, sizeof(back), NULL), EXO_OK);
        ck_assert_uint_eq(back, mark);
        ck_assert_int_eq(vm_unmap(worker->space, at, PAGE_SIZE), EXO_OK);
    }
    vm_object_unref(zero);
}

/* Threads map, touch and unmap at addresses that the space chooses: none is given out twice. */
START_TEST(vm_maps_at_once_never_overlap)
{
    struct vm_space *space = space_make();

    workers_run(space, choose_write_read);
    vm_check(space);
    ck_assert_uint_eq(area_count(space), 0);
    ck_assert_uint_eq(resident(space), 0);
    vm_space_destroy(space);
}
END_TEST

#define MARK 0x5a

static _Atomic bool g_is_over;

/* Map a page, mark it, unmap it, and soil the frame that is free then. */
static void remap(struct vm_space *space)
{
    const uint64_t mark = MARK;
    paddr_t frame = 0;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        ck_assert_int_eq(map_zero(space, BASE, 1, RW), EXO_OK);
        ck_assert_int_eq(user_copy_out(space, BASE, &mark, sizeof(mark), NULL), EXO_OK);
        ck_assert_int_eq(vm_unmap(space, BASE, PAGE_SIZE), EXO_OK);
        ck_assert_int_eq(phys_alloc(1, 1, &frame), EXO_OK);
        *(uint64_t *)hal_phys_to_virt(frame) = ~(uint64_t)MARK;
        phys_free(frame, 1);
    }
    atomic_store(&g_is_over, true);
}

/* Few steps between two copies: the simulator should stop this thread inside one. */
static void copy_in_until_over(struct vm_space *space)
{
    while (!atomic_load(&g_is_over)) {
        uint64_t word = 0;
        const exo_status_t status = user_copy_in(space, &word, BASE, sizeof(word), NULL);

        ck_assert(status == EXO_OK || status == EXO_ERR_BAD_ADDRESS);
        ck_assert(word == 0 || word == MARK);
        thread_yield();
    }
}

static void remap_or_copy(void *arg)
{
    const struct worker *worker = arg;

    if (worker->number == 0) {
        remap(worker->space);
    } else {
        copy_in_until_over(worker->space);
    }
}

/* A copy beside an unmap gives what the page held or a status, never what a freed frame holds. */
START_TEST(user_copy_beside_unmap_sees_no_foreign_bytes)
{
    struct vm_space *space = space_make();

    atomic_store(&g_is_over, false);
    workers_run(space, remap_or_copy);
    vm_check(space);
    vm_space_destroy(space);
}
END_TEST

/* The break goes up and down from several threads; each call sees an end that somebody set. */
static void move_break(void *arg)
{
    const struct worker *worker = arg;
    const vaddr_t mine = BASE + (worker->number + 1) * 3 * PAGE_SIZE;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        const vaddr_t end = vm_brk(worker->space, i % 2 == 0 ? mine : BASE);

        ck_assert_uint_le(end, BASE + THREADS * 3 * PAGE_SIZE);
        ck_assert_uint_eq((end - BASE) % (3 * PAGE_SIZE), 0);
    }
}

START_TEST(vm_brk_at_once_keeps_one_area)
{
    struct vm_space *space = space_make();

    vm_brk_init(space, BASE);
    workers_run(space, move_break);
    vm_check(space);
    ck_assert_uint_eq(vm_brk(space, BASE), BASE);
    ck_assert_uint_eq(area_count(space), 0);
    vm_space_destroy(space);
}
END_TEST

EXO_SUITE(vm_threads, EXO_TEST(vm_faults_at_once_fill_a_page_once),
          EXO_TEST(vm_maps_at_once_never_overlap),
          EXO_TEST(user_copy_beside_unmap_sees_no_foreign_bytes),
          EXO_TEST(vm_brk_at_once_keeps_one_area))
