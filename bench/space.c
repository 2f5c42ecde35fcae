/*
 * space.c - what address spaces cost: a fault that brings in a run of pages, and making and ending
 * a space with one thread.
 */
#include "exo/hal.h"
#include "exo/hal/user.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo/mem/pt.h"
#include "exo_bench.h"

#define CODE_AT    0x400000ull
#define DATA_AT    0x10000000ull
#define FAULT_RUN  16u /* pages brought in per fault, as the core does */
#define FAULT_RUNS 64u /* faults before all is taken away again, outside the measurement */

/* 1: mov (%rdi), %al; add $0x10000, %rdi; jmp 1b: touch one page of each run */
static const uint8_t g_touch_loop[] = { 0x8a, 0x07, 0x48, 0x81, 0xc7, 0x00,
                                        0x00, 0x01, 0x00, 0xeb, 0xf5 };

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

static bool faults_run(struct bench_run *run, struct place *place, paddr_t frames)
{
    struct hal_user_event event = { .reason = HAL_USER_DEAD };
    bool good = true;

    for (uint64_t i = 0; i < run->loops && good; i += FAULT_RUN) {
        if (i % (FAULT_RUN * FAULT_RUNS) == 0) {
            good = place_rewind(place, &event);
        }
        bench_start(run);
        good = good && event.reason == HAL_USER_FAULT && fault_serve(place, event.addr, frames);
        if (good) {
            enter(place->user, &event);
        }
        bench_stop(run);
    }
    return good;
}

BENCH(user_fault_page,
      "a page of user memory by a fault that brings in 16; hosted at most 1.5 us a page", false)
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
