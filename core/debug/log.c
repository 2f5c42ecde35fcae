/*
 * core/debug/log.c - the kernel log.
 *
 * Every record has a number from one counter, so records of all CPUs have one order and a gap in
 * the numbers is a lost record. It is written to a slot of its CPU's ring: the slot's word `state`
 * is even and twice the record's number when it is whole, odd while it is being written.
 *
 * Invariants:
 *   (1) a slot has one writer at a time: the one whose exchange made `state` odd. A writer that
 *       finds it odd (it interrupted that very writer, or lapped it) drops its record, which counts
 *       as lost;
 *   (2) words of a slot are stored by release and loaded by acquire, and a reader keeps them only
 *       if `state` was the same even value before and after: a word of a later writer brings that
 *       writer's odd state with it;
 *   (3) nothing here waits, locks or allocates.
 */
#include "exo/debug/log.h"

#include <stdarg.h>
#include <stdatomic.h>

#include "exo/debug/boot.h"
#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/lib/fmt.h"
#include "exo/lib/string.h"

#define RECORD_WORDS ((sizeof(struct klog_record) + 7) / 8)

struct slot {
    _Atomic uint64_t state;
    _Atomic uint64_t word[RECORD_WORDS];
};

#define RING_SLOTS (KLOG_RING_BYTES / sizeof(struct slot) - 1)

struct ring {
    _Atomic uint64_t head; /* slots ever taken */
    struct slot slot[RING_SLOTS];
};

_Static_assert(sizeof(struct ring) <= KLOG_RING_BYTES, "a ring fits its memory");

static struct ring g_first_ring; /* CPU 0's, and everybody's until they have their own */
static _Atomic(struct ring *) g_ring[CPUS_MAX] = { &g_first_ring };
static _Atomic uint64_t g_next_number = 1;
static _Atomic uint32_t g_console_level = KLOG_WARN;

void klog_console_level_set(enum klog_level level)
{
    atomic_store_explicit(&g_console_level, (uint32_t)level, memory_order_relaxed);
}

void klog_ring_add(uint32_t cpu, void *memory)
{
    KASSERT(cpu > 0 && cpu < CPUS_MAX);
    atomic_store_explicit(&g_ring[cpu], (struct ring *)memory, memory_order_release);
}

static struct ring *ring_of(uint32_t cpu)
{
    struct ring *const ring = atomic_load_explicit(&g_ring[cpu], memory_order_acquire);

    return ring != NULL ? ring : &g_first_ring;
}

static void slot_write(struct slot *slot, uint64_t number, const struct klog_record *record)
{
    uint64_t words[RECORD_WORDS] = { 0 };
    uint64_t state = atomic_load_explicit(&slot->state, memory_order_relaxed);

    if ((state & 1) != 0 || state > 2 * number ||
        !atomic_compare_exchange_strong_explicit(&slot->state, &state, 2 * number + 1,
                                                 memory_order_relaxed, memory_order_relaxed)) {
        return;
    }
    memcpy(words, record, sizeof(*record));
    for (size_t i = 0; i < RECORD_WORDS; i++) {
        /* Release: a reader that sees this word sees the odd state when it looks again (2). */
        atomic_store_explicit(&slot->word[i], words[i], memory_order_release);
    }
    atomic_store_explicit(&slot->state, 2 * number, memory_order_release);
}

/* Copy record `number` out of `slot`; false if it is not there (any more). */
static bool slot_read(const struct slot *slot, uint64_t number, struct klog_record *out)
{
    uint64_t words[RECORD_WORDS];

    if (atomic_load_explicit(&slot->state, memory_order_acquire) != 2 * number) {
        return false;
    }
    for (size_t i = 0; i < RECORD_WORDS; i++) {
        words[i] = atomic_load_explicit(&slot->word[i], memory_order_acquire);
    }
    if (atomic_load_explicit(&slot->state, memory_order_relaxed) != 2 * number) {
        return false;
    }
    memcpy(out, words, sizeof(*out));
    return true;
}

size_t klog_format(char *buf, size_t size, const struct klog_record *record)
{
    static const char *const prefix[] = { "ERROR ", "WARN ", "", "" };
    const uint64_t us = record->time_ns / 1000;

    return fmt_print(buf, size, "[%5lu.%06lu] %s%s: %s", us / 1000000, us % 1000000,
                     prefix[record->level <= KLOG_DEBUG ? record->level : KLOG_DEBUG],
                     record->module, record->text);
}

static void echo(const struct klog_record *record)
{
    char line[KLOG_LINE_MAX];
    size_t len = klog_format(line, sizeof(line), record);

    if (len > sizeof(line) - 1) {
        len = sizeof(line) - 1;
    }
    line[len] = '\n'; /* in place of the NUL: one call, so that lines of two CPUs do not mix */
    hal_console_write(HAL_STREAM_ERR, line, len + 1);
}

void klog(enum klog_level level, const char *module, const char *format, ...)
{
    struct klog_record record = { .level = level };
    va_list args;

    va_start(args, format);
    if (fmt_print_args(record.text, sizeof(record.text), format, args) >= sizeof(record.text)) {
        memcpy(record.text + sizeof(record.text) - 4, "...", 4);
    }
    va_end(args);
    str_copy(record.module, sizeof(record.module), module);
    /* A thread that is moved to another CPU in between names one of its two CPUs: both are true
     * enough, and a ring takes writers from anywhere. */
    record.cpu = hal_cpu_id();
    record.time_ns = hal_clock_ns();

    struct ring *const ring = ring_of(record.cpu);
    const uint64_t number = atomic_fetch_add_explicit(&g_next_number, 1, memory_order_relaxed);
    const uint64_t place = atomic_fetch_add_explicit(&ring->head, 1, memory_order_relaxed);

    slot_write(&ring->slot[place % RING_SLOTS], number, &record);
    if ((uint32_t)level <= atomic_load_explicit(&g_console_level, memory_order_relaxed)) {
        echo(&record);
    }
}

/* The slot with the least whole number above `after`, over all rings; NULL if there is none. */
static const struct slot *find_after(uint64_t after, uint64_t *number)
{
    const struct slot *best = NULL;

    *number = UINT64_MAX;
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        const struct ring *const ring = atomic_load_explicit(&g_ring[cpu], memory_order_acquire);

        for (size_t i = 0; ring != NULL && i < RING_SLOTS; i++) {
            const uint64_t state = atomic_load_explicit(&ring->slot[i].state, memory_order_relaxed);

            if ((state & 1) == 0 && state / 2 > after && state / 2 < *number) {
                *number = state / 2;
                best = &ring->slot[i];
            }
        }
    }
    return best;
}

bool klog_next(uint64_t *cursor, struct klog_record *out, uint64_t *lost)
{
    const uint64_t start = *cursor;

    for (;;) {
        uint64_t number = 0;
        const struct slot *const slot = find_after(*cursor, &number);

        if (slot == NULL) {
            return false;
        }
        *cursor = number;
        if (slot_read(slot, number, out)) {
            if (lost != NULL) {
                *lost += number - start - 1;
            }
            return true;
        }
    }
}

static exo_status_t param_log(const char *value)
{
    static const char *const names[] = { "error", "warn", "info", "debug" };

    for (uint32_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (str_equal(value, names[i])) {
            klog_console_level_set((enum klog_level)i);
            return EXO_OK;
        }
    }
    return EXO_ERR_INVALID;
}
EXO_BOOT_PARAM(log, "log", "error|warn|info|debug: what goes to the console", param_log);
