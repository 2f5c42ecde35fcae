/*
 * heap_rivals.c - glibc's malloc, mimalloc, jemalloc and tcmalloc, by the kernel heap's own loops
 * in the same run; and the claims against the fastest of them.
 *
 * Each is opened with names of its own, so that none replaces malloc. Interrupts are off while one
 * of them runs: a kernel thread that is preempted inside would find it half-way on the same host
 * thread. Resident memory is measured in a process of its own.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/heap_bench.h"
#include "exo/hal.h"

enum { GLIBC, MIMALLOC, JEMALLOC, TCMALLOC, RIVALS };

static const struct {
    const char *file; /* NULL: the C library's own */
    const char *alloc;
    const char *free;
} g_library[RIVALS] = {
    [GLIBC] = { NULL, "malloc", "free" },
    [MIMALLOC] = { "libmimalloc.so.2", "mi_malloc", "mi_free" },
    [JEMALLOC] = { "libjemalloc.so.2", "malloc", "free" },
    [TCMALLOC] = { "libtcmalloc.so.4", "tc_malloc", "tc_free" },
};

/* Anonymous pages of this process. */
static uint64_t resident_bytes(void)
{
    static FILE *file;
    char line[128];
    char *rest = NULL;

    if (file == NULL) {
        file = fopen("/proc/self/statm", "r");
        if (file == NULL) {
            return 0;
        }
        setvbuf(file, NULL, _IONBF, 0);
    }
    rewind(file);
    if (fgets(line, sizeof(line), file) == NULL) {
        return 0;
    }
    (void)strtoul(line, &rest, 10); /* size, resident, shared; in pages */
    const unsigned long resident = strtoul(rest, &rest, 10);
    const unsigned long shared = strtoul(rest, &rest, 10);

    return (resident - shared) * PAGE_SIZE;
}

/* The functions of one rival, NULL if it is not installed. */
static const struct heap_ops *ops_of(uint32_t rival)
{
    static struct heap_ops ops[RIVALS];
    void *handle = NULL;

    if (ops[rival].alloc != NULL) {
        return &ops[rival];
    }
    if (g_library[rival].file == NULL) {
        ops[rival] = (struct heap_ops){ malloc, free, resident_bytes };
        return &ops[rival];
    }
    handle = dlopen(g_library[rival].file, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        fprintf(stderr, "heap_rivals: %s\n", dlerror());
        return NULL;
    }
    *(void **)&ops[rival].free = dlsym(handle, g_library[rival].free);
    ops[rival].resident_bytes = resident_bytes;
    *(void **)&ops[rival].alloc = dlsym(handle, g_library[rival].alloc);
    return ops[rival].alloc == NULL || ops[rival].free == NULL ? NULL : &ops[rival];
}

typedef void loop_fn(struct bench_run *run, const struct heap_ops *ops);

static void rival_run(struct bench_run *run, uint32_t rival, loop_fn *loop, bool threads)
{
    hal_irq_t irq = hal_irq_save();
    const struct heap_ops *const ops = ops_of(rival);

    if (ops == NULL) {
        run->skipped = true;
    } else if (threads) { /* which turn interrupts off themselves */
        hal_irq_restore(irq);
        loop(run, ops);
        irq = hal_irq_save();
    } else {
        loop(run, ops);
    }
    hal_irq_restore(irq);
}

int heap_rival_trace(const char *rival)
{
    const unsigned long number = strtoul(rival, NULL, 10);
    const struct heap_ops *const ops = number < RIVALS ? ops_of((uint32_t)number) : NULL;

    printf("%llu\n", ops == NULL ? 0ull : (unsigned long long)heap_bench_trace(ops));
    return EXIT_SUCCESS;
}

/* Run the trace in a fresh process, in which the rival has nothing left over from other rows; its
 * answer in thousandths, 0 if there is none. */
static uint64_t trace_in_process(uint32_t rival)
{
    char command[64];
    char line[32] = "";

    (void)snprintf(command, sizeof(command), "exec /proc/%d/exe --trace %u", (int)getpid(), rival);
    FILE *const answer = popen(command, "r");

    if (answer == NULL) {
        return 0;
    }
    const bool read = fgets(line, sizeof(line), answer) != NULL;

    return pclose(answer) == 0 && read ? strtoull(line, NULL, 10) : 0;
}

static void resident_run(struct bench_run *run, uint32_t rival)
{
    static uint64_t thousandths[RIVALS];
    const hal_irq_t irq = hal_irq_save();

    if (thousandths[rival] == 0 && ops_of(rival) != NULL) {
        thousandths[rival] = trace_in_process(rival);
    }
    hal_irq_restore(irq);
    run->skipped = thousandths[rival] == 0;
    run->cycles = thousandths[rival] * run->loops;
}

#define RIVAL_ROWS(name, rival)                                                                    \
    BENCH(rival_##name##_pair_64, #name ": 64 bytes allocated and freed", false)                   \
    {                                                                                              \
        rival_run(run, rival, heap_bench_pair, false);                                             \
    }                                                                                              \
    BENCH(rival_##name##_burst_4096, #name ": 1000 objects of 4 KiB, then all freed", false)       \
    {                                                                                              \
        rival_run(run, rival, heap_bench_burst, false);                                            \
    }                                                                                              \
    BENCH(rival_##name##_remote_64, #name ": 64 bytes freed on another CPU", false)                \
    {                                                                                              \
        rival_run(run, rival, heap_bench_remote, true);                                            \
    }                                                                                              \
    BENCH(rival_##name##_resident, #name ": peak resident over live bytes, thousandths", false)    \
    {                                                                                              \
        resident_run(run, rival);                                                                  \
    }                                                                                              \
    BENCH_CLAIM(heap_pair_64, rival_##name##_pair_64, 60);                                         \
    BENCH_CLAIM(heap_pair_64_inline, rival_##name##_pair_64, 30);                                  \
    BENCH_CLAIM(heap_burst_4096, rival_##name##_burst_4096, 80);                                   \
    BENCH_CLAIM(heap_remote_64, rival_##name##_remote_64, 50);                                     \
    BENCH_CLAIM(heap_resident, rival_##name##_resident, 100)

RIVAL_ROWS(glibc, GLIBC);
RIVAL_ROWS(mimalloc, MIMALLOC);
RIVAL_ROWS(jemalloc, JEMALLOC);
RIVAL_ROWS(tcmalloc, TCMALLOC);
