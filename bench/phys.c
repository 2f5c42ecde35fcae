/*
 * phys.c - what frames cost: one from the CPU's cache, and a block of 2 MiB from its zone.
 */
#include "exo/mem/phys.h"
#include "exo_bench.h"

#define LARGE_FRAMES 512u

static void pair_run(struct bench_run *run, size_t frame_count, size_t align_frames)
{
    bench_start(run);
    for (uint64_t i = 0; i < run->loops && !run->skipped; i++) {
        paddr_t frames = 0;

        if (phys_alloc(frame_count, align_frames, &frames) == EXO_OK) {
            phys_free(frames, frame_count);
        } else {
            run->skipped = true;
        }
    }
    bench_stop(run);
}

BENCH(phys_frame_pair, "allocate and free a frame; some 400 instructions in release builds", false)
{
    pair_run(run, 1, 1);
}

BENCH(phys_block_pair,
      "allocate and free 512 frames as a block; the states of 512 frames written twice", false)
{
    pair_run(run, LARGE_FRAMES, LARGE_FRAMES);
}
