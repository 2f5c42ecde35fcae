/*
 * serial_console.c - hal_console_write(): serial lines and screen under one breakable lock.
 *
 * Invariants:
 *   (1) g_owner is 0 or the holder's CPU index + 1;
 *   (2) who could not get the lock writes all the same: bytes may then interleave, but a panic always
 *       comes out, whoever died holding the lock.
 */
#include "serial_console.h"

#include <stdatomic.h>

#include "clock.h"
#include "serial.h"
#include "vga.h"

#define WAIT_NS 200000000ull

static _Atomic uint32_t g_owner;

bool console_lock(hal_irq_t *irq)
{
    const hal_irq_t flags = hal_irq_save();
    const uint32_t self = hal_cpu_id() + 1;
    uint64_t end_ns = 0;
    uint32_t owner = 0;

    *irq = flags;
    while (!atomic_compare_exchange_weak_explicit(&g_owner, &owner, self, memory_order_acquire,
                                                  memory_order_relaxed)) {
        if (owner == self) {
            return false; /* an NMI or a fault came while this CPU was writing */
        }
        if (owner != 0) {
            const uint64_t now_ns = hal_clock_ns();

            end_ns = end_ns == 0 ? now_ns + WAIT_NS : end_ns;
            if (now_ns >= end_ns) {
                return false; /* the holder is stopped or dead */
            }
            hal_pause();
        }
        owner = 0;
    }
    return true;
}

void console_unlock(bool locked, hal_irq_t irq)
{
    if (locked) {
        atomic_store_explicit(&g_owner, 0, memory_order_release);
    }
    hal_irq_restore(irq);
}

void hal_console_write(enum hal_stream stream, const char *bytes, size_t len_bytes)
{
    hal_irq_t irq;
    const bool locked = console_lock(&irq);
    const bool separate = stream == HAL_STREAM_ERR && serial_present(SERIAL_COM2);

    serial_write(separate ? SERIAL_COM2 : SERIAL_COM1, bytes, len_bytes);
    vga_write(bytes, len_bytes);
    console_unlock(locked, irq);
}
