/*
 * kva.c - what a range of kernel addresses costs: addresses, guards, page-table entries, and its
 * share of the flush that serves many ranges.
 */
#include "exo/mem/kva.h"

#include "exo/mem/phys.h"
#include "exo_bench.h"

#define STACK_PAGES 4u

BENCH(kva_map_pair, "map a page of memory and free the range; hosted two system calls more", true)
{
    paddr_t frame = 0;
    void *view = NULL;

    if (phys_alloc(1, 1, &frame) != EXO_OK) {
        run->skipped = true;
        return;
    }
    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        if (kva_map(frame, 1, PT_WRITE, &view) != EXO_OK) {
            run->skipped = true;
            break;
        }
        kva_free(view);
    }
    bench_stop(run);
    kva_flush();
    phys_free(frame, 1);
}

BENCH(kva_alloc_pair, "allocate and free a kernel stack of four pages with its guards", true)
{
    void *stack = NULL;

    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        if (kva_alloc(STACK_PAGES, PT_WRITE | KVA_STACK, &stack) != EXO_OK) {
            run->skipped = true;
            break;
        }
        kva_free(stack);
    }
    bench_stop(run);
    kva_flush();
}
