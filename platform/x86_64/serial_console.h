/*
 * serial_console.h - locks for what must come out even if their holder died.
 *
 * Not spinlocks of exo/sync: a panic, and an NMI that interrupted the holder, must get past them,
 * and assertion failures inside lock checking print through them. Interrupts are off while one is
 * held. Order: the lock of hal_console_write(), then a serial line's.
 */
#ifndef PLATFORM_X86_64_SERIAL_CONSOLE_H
#define PLATFORM_X86_64_SERIAL_CONSOLE_H

#include <stdatomic.h>

#include "exo/hal.h"

struct console_lock {
    _Atomic uint32_t owner;    /* holder's CPU index + 1, 0: free */
    _Atomic uint32_t progress; /* the holder counts this up while it gets on with a long job */
};

/* Wait for `lock`, and give it up when its holder makes no progress for 200 ms; a CPU that holds it
 * already goes on at once. Returns what console_lock_give() must be told: false means that the
 * caller goes on without the lock.  Context: any. */
bool console_lock_take(struct console_lock *lock, hal_irq_t *irq);
void console_lock_give(struct console_lock *lock, bool taken, hal_irq_t irq);

static inline void console_lock_progress(struct console_lock *lock)
{
    atomic_fetch_add_explicit(&lock->progress, 1, memory_order_relaxed);
}

#endif /* PLATFORM_X86_64_SERIAL_CONSOLE_H */
