/*
 * core/debug/panic.c - the end of the kernel.
 *
 * Invariants:
 *   (1) exactly one CPU prints and ends the machine: the one that put itself into g_panic_cpu;
 *   (2) nothing here takes a lock or allocates, so it works whatever was held when it began.
 */
#include "exo/debug/panic.h"

#include <stdarg.h>
#include <stdatomic.h>

#include "exo/debug/end.h"
#include "exo/debug/log.h"
#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/lib/fmt.h"

#define PANIC_LOG_RECORDS 16u /* last records shown */

static _Atomic(void (*)(const char *reason)) g_test_hook;
static _Atomic uint32_t g_panic_cpu; /* cpu + 1 of the CPU that panics, 0 while none does */

bool panic_is_under_way(void)
{
    return atomic_load_explicit(&g_panic_cpu, memory_order_relaxed) != 0;
}

struct console_sink {
    struct fmt_sink sink;
    enum hal_stream stream;
    size_t len;
    char buf[256];
};

static void console_flush(struct console_sink *to)
{
    if (to->len > 0) {
        hal_console_write(to->stream, to->buf, to->len);
        to->len = 0;
    }
}

static void console_put(struct fmt_sink *sink, const char *bytes, size_t len_bytes)
{
    struct console_sink *const to = container_of(sink, struct console_sink, sink);

    for (size_t i = 0; i < len_bytes; i++) {
        if (to->len == sizeof(to->buf)) {
            console_flush(to);
        }
        to->buf[to->len++] = bytes[i];
    }
}

static void print_args(const char *format, va_list args)
{
    struct console_sink to;

    to.sink.put = console_put;
    to.stream = panic_is_under_way() ? HAL_STREAM_ERR : HAL_STREAM_OUT;
    to.len = 0;
    fmt_to_sink(&to.sink, format, args);
    console_flush(&to);
}

void kprintf(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_args(format, args);
    va_end(args);
}

/* Show the last records, those below the console's level too. */
static void print_log_tail(void)
{
    struct klog_record record;
    char line[KLOG_LINE_MAX];
    uint64_t cursor = 0;
    uint64_t count = 0;

    while (klog_next(&cursor, &record, NULL)) {
        count++;
    }
    cursor = 0;
    for (uint64_t i = 0; klog_next(&cursor, &record, NULL); i++) {
        if (i == 0 && count > 0) {
            kprintf("last log records:\n");
        }
        if (i + PANIC_LOG_RECORDS >= count) {
            klog_format(line, sizeof(line), &record);
            kprintf("  %s\n", line);
        }
    }
}

/* Become the one CPU that panics, or stop for good. */
static uint32_t panic_claim(void)
{
    hal_irq_disable();
    const uint32_t self = hal_cpu_id() + 1;
    uint32_t owner = 0;

    if (!atomic_compare_exchange_strong_explicit(&g_panic_cpu, &owner, self, memory_order_acq_rel,
                                                 memory_order_acquire)) {
        if (owner == self) {
            kprintf("panic: again while panicking, giving up\n");
            hal_shutdown(PANIC_STATUS);
        }
        hal_cpu_halt();
    }
    return self - 1;
}

void panic_test_hook_set(void (*hook)(const char *reason))
{
    atomic_store_explicit(&g_test_hook, hook, memory_order_release);
}

/* Let a test that expects this panic have it instead. */
static void offer_to_test(const char *format, va_list args)
{
    void (*const hook)(const char *reason) =
        atomic_load_explicit(&g_test_hook, memory_order_acquire);
    char reason[KLOG_TEXT_MAX];

    if (hook != NULL) {
        fmt_print_args(reason, sizeof(reason), format, args);
        hook(reason);
    }
}

static _Noreturn void panic_args(uintptr_t pc, uintptr_t frame, const char *format, va_list args)
{
    if (EXO_CONFIG_TEST) {
        va_list copy;

        va_copy(copy, args);
        offer_to_test(format, copy);
        va_end(copy);
    }
    const uint32_t cpu = panic_claim();

    hal_cpu_stop_others();
    kprintf("\npanic: cpu=%u thread=%s time_ns=%lu: ", cpu, debug_thread_name(), hal_clock_ns());
    print_args(format, args);
    kprintf("\nbacktrace:\n");
    backtrace_print(pc, frame);
    print_log_tail();
    kernel_shutdown(PANIC_STATUS);
}

_Noreturn __attribute__((noinline)) void panic(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    /* The caller's place: our own frame holds its frame pointer and where we return to. */
    const uintptr_t *const own = __builtin_frame_address(0);

    /* Inside the call: behind it, another function may begin, since panic does not return. */
    panic_args((uintptr_t)__builtin_return_address(0) - 1, own[0], format, args);
}

_Noreturn void panic_at(uintptr_t pc, uintptr_t frame, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    panic_args(pc, frame, format, args);
}

_Noreturn void kassert_fail(const char *condition, const char *file, int line, const char *function)
{
    panic("assertion failed: %s at %s:%d in %s()", condition, file, line, function);
}
