/*
 * exo/sync/rank.h - the order of all locks, lowest first: a CPU takes them only upwards.
 *
 * Debug builds (EXO_CONFIG_DEBUG_LOCKS) panic on an acquisition that is not above the highest held.
 * Ranks from RANK_IRQ_FIRST on are interrupt-saving: taken in interrupt handlers too, so only by
 * spin_lock_irq(). One comment per edge that forces a place.
 */
#ifndef EXO_SYNC_RANK_H
#define EXO_SYNC_RANK_H

enum lock_rank {
    RANK_NONE,
    RANK_TEST_LOW, /* tests of the checker itself */
    RANK_PROC_TABLE,
    RANK_MONITOR,
    RANK_CHANNEL,      /* messages on their way; signals are set under it */
    RANK_CAP_TREE,     /* the entries that name one object, in all tables */
    RANK_CAP_SPACE,    /* one table's free slots; taken under the lock of the object */
    RANK_KERNEL_FLUSH, /* one flush of the kernel's area at a time; all CPUs are called under it */
    RANK_KERNEL_AREA,  /* the kernel's area: addresses, and what waits for a flush */
    RANK_PLATFORM,     /* the platform's own, thread context only */
    RANK_TEST_HIGH,

    RANK_IRQ_FIRST,
    RANK_TEST_IRQ = RANK_IRQ_FIRST,
    RANK_ALARM,  /* a timer object; held while it signals */
    RANK_SOURCE, /* what can be waited for; under it the ports that it is bound to */
    RANK_PORT,
    RANK_WAIT_QUEUE,  /* wakes threads under it: below RANK_RUN_QUEUE */
    RANK_WAIT_BUCKET, /* the same, of waiters on addresses; two at once by rising address */
    RANK_RING,        /* the look of who waits on a ring, under RANK_WAIT_BUCKET */
    RANK_CONSOLE_INPUT,
    RANK_INHERIT, /* levels change under it, which may arm a tick: below RANK_TIMER */
    RANK_TIMER,   /* callbacks run without it; arming under a wait queue */
    RANK_THREAD,
    RANK_RUN_QUEUE,
    RANK_EPOCH,
    RANK_HEAP,         /* records of slabs; nothing is taken under it */
    RANK_PHYS,         /* a leaf: anybody may need a frame */
    RANK_PLATFORM_IRQ, /* interrupt controller, clock */
    RANK_CONSOLE,      /* the very last: anybody may print */
    RANK_COUNT,
};

#endif /* EXO_SYNC_RANK_H */
