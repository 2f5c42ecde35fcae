/*
 * space.c - what address spaces cost: a fault that brings in a run of pages, and making and ending
 * a space with one thread.
 */
#include "exo/hal.h"
#include "exo/hal/user.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo/mem/pt.h"
#include "exo/mem/vm.h"
#include "exo_bench.h"

#define CODE_AT    0x400000ull
#define DATA_AT    0x10000000ull
#define FAULT_RUN  VM_FAULT_AROUND /* pages brought in per fault, as the core does */
#define WARM_RUNS  4u
#define FAULT_RUNS 32u /* faults before all is taken away again, outside the measurement */

/* 1: mov (%rdi), %al; add $0x20000, %rdi; jmp 1b: touch one page of each run */
static const uint8_t g_touch_loop[] = { 0x8a, 0x07, 0x48, 0x81, 0xc7, 0x00,
                                        0x00, 0x02, 0x00, 0xeb, 0xf5 };

_Static_assert(FAULT_RUN *PAGE_SIZE == 0x20000, "as the loop steps");

struct place {
    paddr_t root;
    paddr_t code;
    struct hal_space *space;
    struct hal_user *user;
};

static void place_close(struct place *place)
{
    hal_user_destroy(place->user);
    hal_space_destroy(place->space);
    if (place->root != 0) {
        pt_destroy(place->root, HAL_USER_MAX);
        phys_free(place->root, 1);
    }
    if (place->code != 0) {
        phys_free(place->code, 1);
    }
}

/* A space with a thread at the start of the loop; false if this machine has no user mode. */
static bool place_open(struct place *place)
{
    const struct hal_flush_range range = { .start = CODE_AT, .page_count = 1, .only_added = true };

    *place = (struct place){ .root = 0 };
    if (pt_create(&place->root) != EXO_OK || phys_alloc_zeroed(&place->code) != EXO_OK ||
        hal_space_create(place->root, &place->space) != EXO_OK ||
        hal_user_create(place->space, &place->user) != EXO_OK ||
        pt_map(place->root, CODE_AT, place->code, 1, PT_READ | PT_EXEC | PT_USER) != EXO_OK ||
        hal_space_flush(place->space, &range, 1) != EXO_OK) {
        place_close(place);
        return false;
    }
    memcpy(hal_phys_to_virt(place->code), g_touch_loop, sizeof(g_touch_loop));
    hal_user_start(place->user, CODE_AT, 0);
    return true;
}

static void enter(struct hal_user *user, struct hal_user_event *event)
{
    do {
        hal_user_run(user, event);
    } while (event->reason == HAL_USER_QUANTUM);
}

/* Take all data away and let the loop begin again, up to its first fault. */
static bool place_rewind(struct place *place, struct hal_user_event *event)
{
    const struct hal_flush_range all = { .start = DATA_AT, .page_count = FAULT_RUN * FAULT_RUNS };
    struct hal_user_regs regs;

    pt_unmap(place->root, DATA_AT, all.page_count);
    if (hal_space_flush(place->space, &all, 1) != EXO_OK) {
        return false;
    }
    hal_user_regs_get(place->user, &regs);
    regs.rip = CODE_AT;
    regs.rdi = DATA_AT;
    if (hal_user_regs_set(place->user, &regs) != EXO_OK) {
        return false;
    }
    enter(place->user, event);
    return true;
}

/* Bring in a run of pages; all runs show the same frames. */
static bool fault_serve(struct place *place, vaddr_t addr, paddr_t frames)
{
    const struct hal_flush_range range = { .start = addr,
                                           .page_count = FAULT_RUN,
                                           .only_added = true };

    return pt_map(place->root, addr, frames, FAULT_RUN, PT_READ | PT_USER) == EXO_OK &&
           hal_space_flush(place->space, &range, 1) == EXO_OK;
}

/* Serve one fault and go on to the next. */
static bool fault_turn(struct place *place, struct hal_user_event *event, paddr_t frames)
{
    if (event->reason != HAL_USER_FAULT || !fault_serve(place, event->addr, frames)) {
        return false;
    }
    enter(place->user, event);
    return true;
}

static bool faults_run(struct bench_run *run, struct place *place, paddr_t frames)
{
    struct hal_user_event event = { .reason = HAL_USER_DEAD };
    bool good = place_rewind(place, &event);
    uint64_t pages = 0;
    uint64_t turn = 0;

    for (; turn < WARM_RUNS && good; turn++) { /* a process is made anew for each sample */
        good = fault_turn(place, &event, frames);
    }
    for (; pages < run->loops && good; pages += FAULT_RUN, turn++) {
        if (turn % FAULT_RUNS == 0) {
            good = place_rewind(place, &event);
        }
        bench_start(run);
        good = good && fault_turn(place, &event, frames);
        bench_stop(run);
    }
    if (good) { /* whole runs only, perhaps more than asked for */
        run->cycles = run->cycles * run->loops / pages;
    }
    return good;
}

BENCH(user_fault_page,
      "a page of user memory by a fault that brings in 32; hosted at most 1.5 us a page", false)
{
    struct place place;
    paddr_t frames = 0;

    if (!place_open(&place)) {
        run->skipped = true;
        return;
    }
    if (phys_alloc(FAULT_RUN, 1, &frames) == EXO_OK) {
        run->skipped = !faults_run(run, &place, frames);
        phys_free(frames, FAULT_RUN);
    } else {
        run->skipped = true;
    }
    place_close(&place);
}

BENCH(user_space_with_thread,
      "make and end a space with one thread; hosted some 500 us for the stub", false)
{
    struct place place;

    bench_start(run);
    for (uint64_t i = 0; i < run->loops && !run->skipped; i++) {
        if (place_open(&place)) {
            place_close(&place);
        } else {
            run->skipped = true;
        }
    }
    bench_stop(run);
}
