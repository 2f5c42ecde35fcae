/*
 * core/drivers/console.c - from the platform's console interrupt to whoever reads.
 *
 * Invariant: who adds bytes wakes after letting the ring's lock go, so a reader that found the ring
 * empty after it had queued itself is woken.
 */
#include "exo/drivers/console.h"

#include "exo/hal.h"
#include "exo/lib/ring.h"
#include "exo/sync/wait.h"

static char g_bytes[CONSOLE_INPUT_MAX];
static struct spinlock g_lock = SPINLOCK_INIT(RANK_CONSOLE_INPUT);
static struct byte_ring g_ring = { .bytes = g_bytes, .size = CONSOLE_INPUT_MAX }; /* [g_lock] */
static uint64_t g_dropped;                                                        /* [g_lock] */
static struct wait_queue g_readers = WAIT_QUEUE_INIT(g_readers);

void core_on_console_input(const char *bytes, size_t len_bytes)
{
    const hal_irq_t irq = spin_lock_irq(&g_lock);

    g_dropped += len_bytes - byte_ring_write(&g_ring, bytes, len_bytes);
    spin_unlock_irq(&g_lock, irq);
    wait_wake_all(&g_readers);
}

static size_t take(char *buf, size_t len_bytes)
{
    const hal_irq_t irq = spin_lock_irq(&g_lock);
    const size_t count = byte_ring_read(&g_ring, buf, len_bytes);

    spin_unlock_irq(&g_lock, irq);
    return count;
}

size_t console_read(char *buf, size_t len_bytes, uint64_t deadline_ns)
{
    exo_status_t status = EXO_OK;
    size_t count = 0;

    WAIT_INTERRUPTIBLY(&g_readers, (count = take(buf, len_bytes)) > 0, deadline_ns, &status);
    return status == EXO_OK ? count : 0;
}

uint64_t console_dropped(void)
{
    const hal_irq_t irq = spin_lock_irq(&g_lock);
    const uint64_t dropped = g_dropped;

    spin_unlock_irq(&g_lock, irq);
    return dropped;
}
