/*
 * console.c - the console is the process's standard streams.
 *
 * Input: the housekeeper reads into a ring and raises an interrupt on CPU 0, which hands the bytes
 * to the core. Invariant:
 *   (1) g_head is written by the housekeeper only, g_tail by CPU 0 in interrupts only; head - tail
 *       is never above RING_BYTES. When the ring is full the housekeeper stops reading until it is
 *       woken.
 */
#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "host.h"

#define RING_BYTES  4096u
#define END_OF_FILE 0x04 /* what the core gets for the end of input: control-D */

static char g_ring[RING_BYTES];
static _Atomic uint32_t g_head, g_tail;
static _Atomic bool g_starved; /* the housekeeper waits for room */

void hal_console_write(enum hal_stream stream, const char *bytes, size_t len_bytes)
{
    const hal_irq_t irq = host_enter();

    hosted_write(stream, bytes, len_bytes);
    host_exit(irq);
}

/* Put bytes into the ring; there is room (1). */
static void ring_put(const char *bytes, uint32_t count)
{
    const uint32_t head = atomic_load_explicit(&g_head, memory_order_relaxed);

    for (uint32_t i = 0; i < count; i++) {
        g_ring[(head + i) % RING_BYTES] = bytes[i];
    }
    atomic_store_explicit(&g_head, head + count, memory_order_release);
    hosted_irq_raise(0, HOSTED_IRQ_INPUT);
}

bool hosted_console_has_room(void)
{
    const uint32_t head = atomic_load_explicit(&g_head, memory_order_relaxed);

    if (head - atomic_load_explicit(&g_tail, memory_order_acquire) < RING_BYTES) {
        return true;
    }
    /* Sequentially consistent with hosted_console_deliver(): either it sees the flag or we see its
     * tail. */
    atomic_store(&g_starved, true);
    return head - atomic_load(&g_tail) < RING_BYTES;
}

bool hosted_console_read(void)
{
    char bytes[256];
    const uint32_t room = RING_BYTES - (atomic_load(&g_head) - atomic_load(&g_tail));
    const ssize_t got = read(STDIN_FILENO, bytes, min_u64(sizeof(bytes), room));

    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
        return true;
    }
    if (got > 0) {
        ring_put(bytes, (uint32_t)got);
        return true;
    }
    ring_put((const char[]){ END_OF_FILE }, 1);
    return false;
}

void hosted_console_deliver(void)
{
    uint32_t tail = atomic_load_explicit(&g_tail, memory_order_relaxed);
    const uint32_t head = atomic_load_explicit(&g_head, memory_order_acquire);

    while (tail != head) {
        const uint32_t start = tail % RING_BYTES;
        const uint32_t count = (uint32_t)min_u64(head - tail, RING_BYTES - start);

        core_on_console_input(g_ring + start, count);
        tail += count;
        atomic_store(&g_tail, tail);
    }
    if (atomic_exchange(&g_starved, false)) {
        hosted_housekeeper_wake();
    }
}
