/*
 * lib/ring.c - rings.
 */
#include "exo_std/ring.h"

#include "exo_std/memory.h"
#include "exo_std/syscall.h"
#include "result.h"

exo_status_t exo_ring_create(const struct exo_ring_info *info, exo_cap_t *ring)
{
    return result_value(exo_syscall(EXO_SYSCALL_ring_create, info->slots, info->flags, info->full),
                        ring);
}

exo_status_t exo_ring_open(exo_cap_t ring, enum exo_ring_side side, struct exo_ring_end *out)
{
    struct exo_ring_end end = { .cap = ring, .side = side };
    uint64_t at = 0;
    exo_status_t status =
        (exo_status_t)exo_syscall(EXO_SYSCALL_ring_query, ring, (uint64_t)&end.info, 0);

    if (status == EXO_OK) {
        status = result_value(exo_syscall(EXO_SYSCALL_ring_map, ring, 0, 0), &at);
    }
    if (status == EXO_OK) {
        end.ring = exo_ring_side((struct exo_ring_shared *)at, end.info.slots);
        *out = end;
    }
    return status;
}

void exo_ring_leave(struct exo_ring_end *end)
{
    (void)exo_memory_unmap(end->ring.shared, exo_ring_bytes(end->info.slots));
    end->ring.shared = NULL;
}

exo_status_t exo_ring_close(exo_cap_t ring)
{
    return (exo_status_t)exo_syscall(EXO_SYSCALL_ring_close, ring, 0, 0);
}

static exo_status_t turn_status(enum exo_ring_turn turn)
{
    static const exo_status_t status[] = { [EXO_RING_DONE] = EXO_OK,
                                           [EXO_RING_NOT_NOW] = EXO_ERR_TIMED_OUT,
                                           [EXO_RING_BROKEN] = EXO_ERR_BAD_FORMAT };

    return status[turn];
}

static exo_status_t take(struct exo_ring_end *end, struct exo_ring_message *message)
{
    size_t count = 1;

    if ((end->info.flags & EXO_RING_MANY_CONSUMERS) != 0) {
        return turn_status(exo_ring_take_shared(&end->ring, message, &count));
    }
    return exo_ring_take(&end->ring, message) ? EXO_OK : EXO_ERR_TIMED_OUT;
}

static exo_status_t put(struct exo_ring_end *end, const struct exo_ring_message *message)
{
    size_t count = 1;

    if ((end->info.flags & EXO_RING_MANY_PRODUCERS) != 0) {
        return turn_status(exo_ring_put_shared(&end->ring, message, &count));
    }
    return exo_ring_put(&end->ring, message) ? EXO_OK : EXO_ERR_TIMED_OUT;
}

/* The state after a turn: wake who sleeps on the other side. */
static exo_status_t wake(const struct exo_ring_end *end, uint32_t state)
{
    const int is_producer = end->side == EXO_RING_PRODUCER;
    const uint32_t sleeps = is_producer ? EXO_RING_CONSUMER_SLEEPS : EXO_RING_PRODUCER_SLEEPS;

    if ((state & sleeps) == 0) {
        return EXO_OK;
    }
    return (exo_status_t)exo_syscall(EXO_SYSCALL_ring_wake, end->cap,
                                     is_producer ? EXO_RING_CONSUMER : EXO_RING_PRODUCER, 1);
}

static exo_status_t sleep_on(const struct exo_ring_end *end, uint64_t deadline_ns)
{
    const uint64_t arg[6] = { end->cap, end->side, end->ring.position, deadline_ns };

    return (exo_status_t)exo_syscall6(EXO_SYSCALL_ring_wait, arg);
}

/* Make room by taking what is oldest, until there is: others may be faster, but not for ever. */
static exo_status_t replace_oldest(struct exo_ring_end *end, const struct exo_ring_message *message)
{
    for (uint32_t i = 0; i < EXO_RING_TRIES; i++) {
        struct exo_ring_message oldest;
        size_t count = 1;

        if (exo_ring_take_shared(&end->ring, &oldest, &count) == EXO_RING_DONE) {
            end->lost++;
        }
        const exo_status_t status = put(end, message);

        if (status != EXO_ERR_TIMED_OUT) {
            return status;
        }
    }
    return EXO_ERR_BAD_FORMAT;
}

/* The ring is full; EXO_ERR_TIMED_OUT: wait. */
static exo_status_t put_overflow(struct exo_ring_end *end, const struct exo_ring_message *message)
{
    switch (end->info.full) {
    case EXO_RING_FULL_REFUSES:
        return EXO_ERR_NO_RESOURCES;
    case EXO_RING_FULL_DROPS:
        end->lost++;
        return EXO_OK;
    case EXO_RING_FULL_REPLACES:
        return replace_oldest(end, message);
    default:
        return EXO_ERR_TIMED_OUT;
    }
}

exo_status_t exo_ring_send(struct exo_ring_end *end, const struct exo_ring_message *message,
                           uint64_t deadline_ns)
{
    uint32_t looks = 0;

    for (;;) {
        if ((exo_ring_state_after(end->ring.shared) & EXO_RING_CLOSED) != 0) {
            return EXO_ERR_DEAD;
        }
        exo_status_t status = put(end, message);

        if (status == EXO_ERR_TIMED_OUT && looks++ >= end->spins) {
            status = put_overflow(end, message);
            if (status == EXO_ERR_TIMED_OUT) {
                status = sleep_on(end, deadline_ns);
                if (status != EXO_OK) {
                    return status;
                }
                continue;
            }
        }
        if (status == EXO_OK) {
            const uint32_t state = exo_ring_state_after(end->ring.shared);

            status = wake(end, state);
            return (state & EXO_RING_CLOSED) != 0 ? EXO_ERR_DEAD : status;
        }
        if (status != EXO_ERR_TIMED_OUT) {
            return status;
        }
        __builtin_ia32_pause();
    }
}

exo_status_t exo_ring_receive(struct exo_ring_end *end, struct exo_ring_message *message,
                              uint64_t deadline_ns)
{
    uint32_t looks = 0;

    for (;;) {
        exo_status_t status = take(end, message);

        if (status == EXO_OK) {
            return wake(end, exo_ring_state_after(end->ring.shared));
        }
        if (status == EXO_ERR_TIMED_OUT && looks++ >= end->spins) {
            status = sleep_on(end, deadline_ns);
            if (status == EXO_OK) {
                continue;
            }
        }
        if (status != EXO_ERR_TIMED_OUT || looks > end->spins) {
            return status;
        }
        __builtin_ia32_pause();
    }
}
