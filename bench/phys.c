/*
 * phys.c - what frames cost: one from the CPU's cache, and a block of 2 MiB from its zone.
 */
#include "exo/mem/phys.h"
#include "exo_bench.h"

#define LARGE_FRAMES 512u

static void pair_run(struct bench_run *run, size_t frame_count, size_t align_frames)
{
    paddr_t frames = 0;

    bench_start(run);
    for (uint64_t left = run->loops; left > 0; left--) {
        if (phys_alloc(frame_count, align_frames, &frames) != EXO_OK) {
            run->skipped = true;
            break;
        }
        phys_free(frames, frame_count);
    }
    bench_stop(run);
}

BENCH(phys_frame_pair, "allocate and free a frame out of the CPU's cache; some 70 instructions",
      true)
{
    pair_run(run, 1, 1);
}

BENCH(phys_block_pair,
      "allocate and free 512 frames as a block; the states of 512 frames written twice", true)
{
    pair_run(run, LARGE_FRAMES, LARGE_FRAMES);
}
