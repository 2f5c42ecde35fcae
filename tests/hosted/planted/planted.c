/*
 * planted.c - bugs on purpose, for the tests that the sanitizers see what happens inside the
 * kernel.
 *
 * Not part of any kernel: exo-planted is the hosted kernel with this file. planted=WHICH on the
 * command line chooses the bug, planted-seed=N where it sits. The code names nothing to any
 * detector, and without one the program ends as if nothing had happened, with status 0
 * (check-planted proves both).
 */
#include <stdatomic.h>

#include "exo/debug/boot.h"
#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/mem/heap.h"
#include "exo/mem/phys.h"
#include "exo/sched/thread.h"

#define ARRAY_BYTES 32u
#define RACE_ROUNDS 2000u

static const char *g_which = "";
static uint32_t g_seed = 1;

static exo_status_t which_set(const char *value)
{
    g_which = value;
    return EXO_OK;
}

static exo_status_t seed_set(const char *value)
{
    g_seed = 0;
    for (; *value >= '0' && *value <= '9'; value++) {
        g_seed = g_seed * 10 + (uint32_t)(*value - '0');
    }
    return *value == '\0' ? EXO_OK : EXO_ERR_INVALID;
}

EXO_BOOT_PARAM(planted, "planted",
               "bug to run into: overflow, free, heap-overflow, heap-free, heap-double, race, "
               "null, guard or divide",
               which_set);
EXO_BOOT_PARAM(planted_seed, "planted-seed", "where it sits", seed_set);

/* Let other threads run, so that this one is suspended and resumed. */
static void suspend(uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        thread_sleep_ns(1000000);
    }
}

/* Touch the byte at `index`, which lies past the array's end: written back as it was read, so that
 * nobody is hurt where nobody looks. */
static EXO_NOINLINE void overflow(volatile char *array, uint32_t index)
{
    const char byte = array[index];

    array[index] = byte;
}

static void overflow_thread(void *arg)
{
    volatile char array[ARRAY_BYTES];

    (void)arg;
    array[0] = 0;
    suspend(1 + g_seed % 3);
    overflow(array, ARRAY_BYTES + g_seed % 8);
    thread_exit(array[0]);
}

static void free_thread(void *arg)
{
    const size_t frames = 1 + g_seed % 4;
    paddr_t base = 0;

    (void)arg;
    if (phys_alloc(frames, 1, &base) != EXO_OK) {
        thread_exit(1);
    }
    volatile char *const bytes = hal_phys_to_virt(base);

    bytes[0] = 1;
    phys_free(base, frames);
    suspend(1);
    thread_exit(bytes[(g_seed * 977u) % (frames * PAGE_SIZE)] & 0);
}

/* Faults: not for detectors, but for the kernel's own report (tests/hosted/process). In assembly,
 * so that no sanitizer looks at the pointer first. */
static void null_thread(void *arg)
{
    __asm__ volatile("movl $1, 8(%0)" : : "r"(arg) : "memory");
    thread_exit(0);
}

/* Use up the stack, a page at a time. */
static void guard_thread(void *arg)
{
    volatile char *here = __builtin_frame_address(0);

    (void)arg;
    for (;;) {
        *here = 0;
        here -= PAGE_SIZE;
    }
}

/* In assembly, so that no sanitizer looks at the divisor first. */
static void divide_thread(void *arg)
{
    uint32_t quotient = g_seed;

    __asm__ volatile("divl %1" : "+a"(quotient) : "r"((uint32_t)(uintptr_t)arg), "d"(0) : "cc");
    thread_exit((int)quotient);
}

static uint64_t g_counter;
static _Atomic uint32_t g_running, g_ready;

/* Wait until both racers are here, ordering nothing. */
static void racers_meet(_Atomic uint32_t *here)
{
    atomic_fetch_add_explicit(here, 1, memory_order_relaxed);
    while (atomic_load_explicit(here, memory_order_relaxed) < 2) {
        hal_pause();
    }
}

/* Interrupts are off from the second meeting on: their handlers take locks, which would order the
 * two threads if one of them is late. */
static void race_thread(void *arg)
{
    (void)arg;
    racers_meet(&g_running);
    const hal_irq_t irq = hal_irq_save();

    racers_meet(&g_ready);
    for (uint32_t i = 0; i < RACE_ROUNDS + g_seed % 100; i++) {
        g_counter++;
        __asm__ volatile("" ::: "memory");
    }
    hal_irq_restore(irq);
    thread_exit(0);
}

/* Run `count` threads of `entry`, one per CPU, to their ends; the sum of their statuses. */
static int threads_run(void (*entry)(void *), uint32_t count)
{
    struct thread *threads[2];
    int sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct thread_spec spec = { .name = "planted", .entry = entry, .cpu = i };

        if (thread_create(&spec, &threads[i]) != EXO_OK) {
            kprintf("planted: no thread\n");
            hal_shutdown(1);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        int status = 1;

        thread_join(threads[i], &status);
        sum += status;
    }
    return sum;
}

/* An object of the heap, read behind its end. */
static void heap_overflow_thread(void *unused)
{
    volatile char *const object = heap_alloc_any(ARRAY_BYTES);

    (void)unused;
    if (object != NULL) {
        overflow(object, ARRAY_BYTES + g_seed % 8);
        heap_free((void *)object);
    }
    thread_exit(0);
}

/* An object of the heap, read after it was freed. */
static void heap_free_thread(void *unused)
{
    volatile char *const object = heap_alloc_any(ARRAY_BYTES);

    (void)unused;
    if (object != NULL) {
        heap_free((void *)object);
        overflow(object, g_seed % ARRAY_BYTES);
    }
    thread_exit(0);
}

/* An object of the heap, freed twice. */
static void heap_double_thread(void *unused)
{
    void *const object = heap_alloc_any(ARRAY_BYTES + g_seed);

    (void)unused;
    if (object != NULL) {
        heap_free(object);
        heap_free(object);
    }
    thread_exit(0);
}

static void planted_run(void)
{
    static const struct {
        const char *name;
        void (*entry)(void *);
        uint32_t threads;
    } bugs[] = {
        { "overflow", overflow_thread, 1 },
        { "free", free_thread, 1 },
        { "heap-overflow", heap_overflow_thread, 1 },
        { "heap-free", heap_free_thread, 1 },
        { "heap-double", heap_double_thread, 1 },
        { "race", race_thread, 2 },
        { "null", null_thread, 1 },
        { "guard", guard_thread, 1 },
        { "divide", divide_thread, 1 },
    };

    for (size_t i = 0; i < ARRAY_COUNT(bugs); i++) {
        if (str_equal(g_which, bugs[i].name)) {
            const int status = threads_run(bugs[i].entry, bugs[i].threads);

            kprintf("planted: %s passed unnoticed\n", g_which);
            hal_shutdown(status);
        }
    }
    kprintf("planted: there is no bug \"%s\"\n", g_which);
    hal_shutdown(3);
}

/* Before the first program and the monitor, which it takes the place of. */
EXO_BOOT_STEP(planted, BOOT_NORMAL, BOOT_ORDER_CPUS + 1, planted_run);
