/*
 * heap.c - what an object of the kernel heap costs.
 */
#include "exo/mem/heap.h"

#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/sched/thread.h"
#include "heap_bench.h"

#define RING_OBJECTS       1024u
#define REMOTE_OBJECTS_MIN 20000u

static uint64_t resident_bytes(void)
{
    struct heap_stats stats;

    heap_stats(&stats);
    return stats.frames * PAGE_SIZE;
}

static const struct heap_ops g_ops = { heap_alloc_any, heap_free, resident_bytes };

void heap_bench_pair(struct bench_run *run, const struct heap_ops *ops)
{
    void *(*const alloc)(size_t) = ops->alloc;
    void (*const give)(void *) = ops->free;

    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        void *const object = alloc(HEAP_PAIR_BYTES);

        if (object == NULL) {
            run->skipped = true;
            break;
        }
        *(volatile char *)object = 1;
        give(object);
    }
    bench_stop(run);
}

void heap_bench_burst(struct bench_run *run, const struct heap_ops *ops)
{
    static void *object[HEAP_BURST_OBJECTS];
    uint64_t done = 0;

    for (uint64_t left = run->loops; left > 0; left -= done) {
        done = left < HEAP_BURST_OBJECTS ? left : HEAP_BURST_OBJECTS;
        bench_start(run);
        for (uint64_t i = 0; i < done; i++) {
            object[i] = ops->alloc(HEAP_BURST_BYTES);
            run->skipped = run->skipped || object[i] == NULL;
        }
        for (uint64_t i = 0; i < done; i++) {
            ops->free(object[i]);
        }
        bench_stop(run);
    }
}

/* ---- from one CPU to another ---- */

struct remote {
    EXO_ALIGNED(128) _Atomic uint64_t put; /* objects put in so far */
    EXO_ALIGNED(128) _Atomic uint64_t got;
    EXO_ALIGNED(128) void *object[RING_OBJECTS];
    uint64_t count; /* objects to pass on */
    struct bench_run *run;
    const struct heap_ops *ops;
    _Atomic uint32_t ready;
};

static struct remote g_remote;

static void remote_put(void *unused)
{
    struct remote *const r = &g_remote;
    const hal_irq_t irq = hal_irq_save(); /* rivals must not be preempted half-way */
    uint64_t room = RING_OBJECTS;

    (void)unused;
    while (atomic_load_explicit(&r->ready, memory_order_acquire) == 0) {
        hal_pause();
    }
    bench_start(r->run);
    for (uint64_t i = 0; i < r->count; i++) {
        while (i >= room) {
            room = atomic_load_explicit(&r->got, memory_order_acquire) + RING_OBJECTS;
        }
        r->object[i % RING_OBJECTS] = r->ops->alloc(HEAP_PAIR_BYTES);
        if (i % 64 == 63 || i + 1 == r->count) {
            atomic_store_explicit(&r->put, i + 1, memory_order_release);
        }
    }
    while (atomic_load_explicit(&r->got, memory_order_acquire) != r->count) {
        hal_pause();
    }
    bench_stop(r->run);
    hal_irq_restore(irq);
}

static void remote_get(void *unused)
{
    struct remote *const r = &g_remote;
    const hal_irq_t irq = hal_irq_save();
    uint64_t there = 0;

    (void)unused;
    atomic_store_explicit(&r->ready, 1, memory_order_release);
    for (uint64_t i = 0; i < r->count; i++) {
        while (i >= there) {
            there = atomic_load_explicit(&r->put, memory_order_acquire);
        }
        r->ops->free(r->object[i % RING_OBJECTS]);
        if (i % 64 == 63 || i + 1 == r->count) {
            atomic_store_explicit(&r->got, i + 1, memory_order_release);
        }
    }
    hal_irq_restore(irq);
}

void heap_bench_remote(struct bench_run *run, const struct heap_ops *ops)
{
    const struct thread_spec put = { .name = "put", .entry = remote_put, .cpu = 0 };
    const struct thread_spec get = { .name = "get", .entry = remote_get, .cpu = 1 };
    struct thread *thread[2] = { NULL, NULL };

    /* Never few: the host may stop one of the two for a while. */
    g_remote.count = run->loops < REMOTE_OBJECTS_MIN ? REMOTE_OBJECTS_MIN : run->loops;
    g_remote.run = run;
    g_remote.ops = ops;
    atomic_store_explicit(&g_remote.put, 0, memory_order_relaxed);
    atomic_store_explicit(&g_remote.got, 0, memory_order_relaxed);
    atomic_store_explicit(&g_remote.ready, 0, memory_order_relaxed);
    if (hal_caps()->cpus < 2 || thread_create(&get, &thread[1]) != EXO_OK) {
        run->skipped = true;
        return;
    }
    if (thread_create(&put, &thread[0]) != EXO_OK) {
        remote_put(NULL); /* from here, so that the other one ends */
        run->skipped = true;
    } else {
        thread_join(thread[0], NULL);
    }
    thread_join(thread[1], NULL);
    run->cycles = run->cycles * run->loops / g_remote.count;
}

/* ---- rows ---- */

BENCH(heap_pair_64, "64 bytes allocated and freed by calls, about 8 cycles; tcmalloc 14", true)
{
    heap_bench_pair(run, &g_ops);
}

/* The least that an allocator behind two calls can do: a list of free objects, nothing counted,
 * nothing checked. */
static void **g_floor_list;

static EXO_NOINLINE void *floor_alloc(size_t size)
{
    void **const object = g_floor_list;

    (void)size;
    g_floor_list = *object;
    return object;
}

static EXO_NOINLINE void floor_free(void *object)
{
    *(void **)object = g_floor_list;
    g_floor_list = object;
}

static const struct heap_ops g_floor_ops = { floor_alloc, floor_free, resident_bytes };

BENCH(floor_heap_pair, "the same loop round a bare list of free objects: the floor of two calls",
      false)
{
    static void *object[8];

    g_floor_list = object;
    heap_bench_pair(run, &g_floor_ops);
}

BENCH_CLAIM(heap_pair_64, floor_heap_pair, 0);

BENCH(heap_pair_64_inline, "the same with a constant size, inlined, about 3 cycles", true)
{
    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        void *const object = heap_alloc(HEAP_PAIR_BYTES);

        if (object == NULL) {
            run->skipped = true;
            break;
        }
        *(volatile char *)object = 1;
        heap_free_sized(object, HEAP_PAIR_BYTES);
        __asm__ volatile("" ::: "memory");
    }
    bench_stop(run);
}

BENCH(heap_burst_4096, "1000 objects of 4 KiB, then all freed, per object, about 15 cycles", false)
{
    heap_bench_burst(run, &g_ops);
}

BENCH(heap_remote_64, "64 bytes allocated on one CPU and freed on another, about 20 cycles", false)
{
    heap_bench_remote(run, &g_ops);
}

BENCH(heap_resident,
      "peak resident over peak live bytes of a trace of a million operations, in thousandths",
      false)
{
    static uint64_t thousandths;

    if (thousandths == 0) {
        (void)heap_reclaim();
        thousandths = heap_bench_trace(&g_ops);
        (void)heap_reclaim();
    }
    run->skipped = thousandths == 0;
    run->cycles = thousandths * run->loops;
}
