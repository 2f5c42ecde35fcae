/*
 * serial_console.c - hal_console_write(): serial lines and screen under one breakable lock.
 *
 * Invariants:
 *   (1) a lock's owner is 0 or its holder's CPU index + 1;
 *   (2) who could not get a lock goes on all the same: bytes may then interleave, but a panic
 *       always comes out, whoever died holding it.
 */
#include "serial_console.h"

#include "serial.h"
#include "vga.h"

#define WAIT_NS 200000000ull

static struct console_lock g_write;

bool console_lock_take(struct console_lock *lock, hal_irq_t *irq)
{
    const hal_irq_t flags = hal_irq_save();
    const uint32_t self = hal_cpu_id() + 1;
    uint32_t progress = 0;
    uint64_t end_ns = 0; /* 0: no waiting yet */
    uint32_t owner = 0;

    *irq = flags;
    while (!atomic_compare_exchange_weak_explicit(&lock->owner, &owner, self, memory_order_acquire,
                                                  memory_order_relaxed)) {
        if (owner == self) {
            return false; /* an NMI or a fault came while this CPU was writing */
        }
        const uint32_t seen = atomic_load_explicit(&lock->progress, memory_order_relaxed);
        const uint64_t now_ns = hal_clock_ns();

        if (end_ns == 0 || seen != progress) {
            progress = seen;
            end_ns = now_ns + WAIT_NS;
        } else if (now_ns >= end_ns) {
            return false; /* the holder is stopped or dead */
        }
        hal_pause();
        owner = 0;
    }
    return true;
}

void console_lock_give(struct console_lock *lock, bool taken, hal_irq_t irq)
{
    if (taken) {
        console_lock_progress(lock);
        atomic_store_explicit(&lock->owner, 0, memory_order_release);
    }
    hal_irq_restore(irq);
}

void hal_console_write(enum hal_stream stream, const char *bytes, size_t len_bytes)
{
    hal_irq_t irq;
    const bool taken = console_lock_take(&g_write, &irq);
    const bool separate = stream == HAL_STREAM_ERR && serial_present(SERIAL_COM2);

    serial_write(separate ? SERIAL_COM2 : SERIAL_COM1, bytes, len_bytes, &g_write);
    vga_write(bytes, len_bytes);
    console_lock_give(&g_write, taken, irq);
}
