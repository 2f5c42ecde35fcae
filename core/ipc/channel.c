/*
 * core/ipc/channel.c - channels.
 *
 * Invariants, while the channel's lock is free:
 *   (1) an end's READABLE is set exactly while its queue has a message, WRITABLE exactly while the
 *       other end's has room, CLOSED from the other end's closing on: so to wait is to wait for a
 *       signal, and look again;
 *   (2) a call is in the list of the end that made it until it is answered, or its caller has taken
 *       it out: who takes it out, under the lock, decides how it ends;
 *   (3) capabilities of messages and answers are in `transit`, each named by one message or answer.
 */
#include "exo/ipc/channel.h"

#include "exo/ipc/source.h"
#include "exo/lib/assert.h"
#include "exo/mem/heap.h"
#include "exo/sync/wait.h"

#define READABLE EXO_SIGNAL_CHANNEL_READABLE
#define WRITABLE EXO_SIGNAL_CHANNEL_WRITABLE
#define CLOSED   EXO_SIGNAL_CHANNEL_CLOSED
#define KEPT     (READABLE | WRITABLE | CLOSED)

/* Entries of `transit`: of every message on its way, and of answers. */
#define TRANSIT_MAX   (4u * EXO_CHANNEL_DEPTH_MAX * EXO_CHANNEL_CAPS)
#define TRANSIT_BYTES ((TRANSIT_MAX / CAP_CHUNK_SLOTS + 3) * PAGE_SIZE)

/* Keys: [c] constant after create, [l] guarded by the channel's lock. */
struct end {
    struct kobj object;
    struct source source;
    struct channel *channel;   /* [c] */
    struct exo_message *queue; /* [c] [l] messages for this end; depth of them */
    uint32_t first;            /* [l] */
    uint32_t count;            /* [l] */
    struct list_node calls;    /* [l] made by this end, not answered */
    bool is_closed;            /* [l] */
};

struct channel {
    struct spinlock lock; /* RANK_CHANNEL */
    uint32_t depth;       /* [c] */
    uint32_t ends;        /* [l] not destroyed */
    uint64_t next_call;   /* [l] */
    struct cap_quota quota;
    struct cap_space *transit; /* [c] */
    struct end end[2];
};

/* On its caller's stack. */
struct call {
    struct list_node node; /* [l] */
    uint64_t number;       /* [c] from queueing on */
    struct completion done;
    struct exo_message *message; /* [l] where the answer goes */
    exo_status_t status;         /* [l] */
};

static struct end *end_of(struct kobj *object)
{
    return container_of(object, struct end, object);
}

static struct end *other_of(const struct end *end)
{
    struct channel *const channel = end->channel;

    return end == &channel->end[0] ? &channel->end[1] : &channel->end[0];
}

static struct source *end_source(struct kobj *object)
{
    return &end_of(object)->source;
}

/* ---- ends ---- */

/* The calls of an end will not be answered. */
static void calls_fail_locked(struct end *end)
{
    struct list_node *node = NULL;

    spin_assert_held(&end->channel->lock);
    while ((node = list_pop_head(&end->calls)) != NULL) {
        struct call *const call = container_of(node, struct call, node);

        call->status = EXO_ERR_DEAD;
        completion_complete(&call->done);
    }
}

static void end_close(struct kobj *object)
{
    struct end *const end = end_of(object);
    struct end *const other = other_of(end);

    spin_lock(&end->channel->lock);
    if (!end->is_closed) {
        end->is_closed = true;
        source_clear(&other->source, WRITABLE);
        source_set(&other->source, CLOSED);
        source_close(&end->source);
        calls_fail_locked(end);
        calls_fail_locked(other);
    }
    spin_unlock(&end->channel->lock);
}

static void channel_free(struct channel *channel)
{
    cap_space_destroy(channel->transit);
    for (uint32_t i = 0; i < 2; i++) {
        source_fini(&channel->end[i].source);
        heap_free(channel->end[i].queue);
    }
    heap_free(channel);
}

static void end_destroy(struct kobj *object)
{
    struct channel *const channel = end_of(object)->channel;

    end_close(object);
    spin_lock(&channel->lock);
    const bool is_last = --channel->ends == 0;

    spin_unlock(&channel->lock);
    if (is_last) {
        channel_free(channel);
    }
}

static const struct kobj_ops g_end_ops = { .name = "channel",
                                           .type = EXO_TYPE_CHANNEL,
                                           .rights = CHANNEL_RIGHTS,
                                           .on_last_cap = end_close,
                                           .source = end_source,
                                           .destroy = end_destroy };

static void end_init(struct channel *channel, struct end *end)
{
    kobj_init(&end->object, &g_end_ops);
    source_init(&end->source, KEPT);
    source_set(&end->source, WRITABLE);
    list_init(&end->calls);
    end->channel = channel;
}

exo_status_t channel_create(uint32_t depth, struct kobj *out[2])
{
    if (depth == 0 || depth > EXO_CHANNEL_DEPTH_MAX) {
        return EXO_ERR_INVALID;
    }
    struct channel *const channel = heap_alloc_zeroed(sizeof(*channel));

    if (channel == NULL) {
        return EXO_ERR_NO_MEMORY;
    }
    channel->end[0].queue = heap_alloc(depth * sizeof(struct exo_message));
    channel->end[1].queue = heap_alloc(depth * sizeof(struct exo_message));
    cap_quota_init(&channel->quota, TRANSIT_MAX, TRANSIT_BYTES);
    if (channel->end[0].queue == NULL || channel->end[1].queue == NULL ||
        cap_space_create(&channel->quota, &channel->transit) != EXO_OK) {
        heap_free(channel->end[1].queue);
        heap_free(channel->end[0].queue);
        heap_free(channel);
        return EXO_ERR_NO_MEMORY;
    }
    spin_init(&channel->lock, RANK_CHANNEL);
    channel->depth = depth;
    channel->ends = 2;
    channel->next_call = 1;
    for (uint32_t i = 0; i < 2; i++) {
        end_init(channel, &channel->end[i]);
        out[i] = &channel->end[i].object;
    }
    return EXO_OK;
}

/* ---- capabilities on their way ---- */

/* Close what a message has in transit. */
static void transit_drop(struct channel *channel, const struct exo_message *message)
{
    for (uint32_t i = 0; i < message->cap_count; i++) {
        if (message->cap[i] != EXO_CAP_NONE) {
            /* Revoked meanwhile, perhaps: then there is nothing to close. */
            (void)!cap_close(channel->transit, message->cap[i]);
        }
    }
}

/* An end that travels through its own channel could keep it for ever. */
static exo_status_t own_end_check(const struct channel_user *user, exo_cap_t cap)
{
    const struct channel *const channel = end_of(user->end)->channel;
    struct kobj *found = NULL;

    epoch_enter();
    const bool is_own = cap_lookup(user->caps, cap, EXO_TYPE_CHANNEL, 0, &found) == EXO_OK &&
                        (found == &channel->end[0].object || found == &channel->end[1].object);

    epoch_exit();
    return is_own ? EXO_ERR_INVALID : EXO_OK;
}

static exo_status_t transit_add(const struct channel_user *user, exo_cap_t cap, exo_cap_t *out)
{
    struct cap_info info;
    exo_status_t status = own_end_check(user, cap);

    if (status == EXO_OK) {
        status = cap_query(user->caps, cap, &info);
    }
    return status == EXO_OK ? cap_duplicate(user->caps, cap, info.rights,
                                            end_of(user->end)->channel->transit, out)
                            : status;
}

/* Make *sent of what the user gave: capabilities in transit, the badge, no call. */
static exo_status_t message_take(const struct channel_user *user, const struct exo_message *message,
                                 struct exo_message *sent)
{
    exo_status_t status = EXO_OK;

    if (message->cap_count > EXO_CHANNEL_CAPS) {
        return EXO_ERR_INVALID;
    }
    *sent = *message;
    sent->badge = user->badge;
    sent->reply = 0;
    sent->reserved = 0;
    sent->cap_count = 0;
    while (status == EXO_OK && sent->cap_count < message->cap_count) {
        status = transit_add(user, message->cap[sent->cap_count], &sent->cap[sent->cap_count]);
        sent->cap_count += status == EXO_OK ? 1 : 0;
    }
    if (status != EXO_OK) {
        transit_drop(end_of(user->end)->channel, sent);
    }
    for (uint32_t i = sent->cap_count; i < EXO_CHANNEL_CAPS; i++) {
        sent->cap[i] = EXO_CAP_NONE;
    }
    return status;
}

/* Put the capabilities of a message that was received into the user's table. One that was revoked
 * on the way is none; if there is no room for one all are closed, and the caller is told. */
static exo_status_t message_give(const struct channel_user *user, struct exo_message *message)
{
    struct cap_space *const transit = end_of(user->end)->channel->transit;
    exo_status_t status = EXO_OK;

    for (uint32_t i = 0; i < message->cap_count; i++) {
        const exo_cap_t sent = message->cap[i];
        exo_cap_t made = EXO_CAP_NONE;
        const exo_status_t moved = cap_move(transit, sent, user->caps, &made);

        if (moved != EXO_OK && moved != EXO_ERR_BAD_CAP) {
            (void)!cap_close(transit, sent);
            status = moved;
        }
        message->cap[i] = made;
    }
    for (uint32_t i = 0; status != EXO_OK && i < message->cap_count; i++) {
        (void)!cap_close(user->caps, message->cap[i]); /* nobody is told of it */
    }
    return status;
}

/* ---- queues ---- */

/* Put a message into the other end's queue, and its call, if it is one, into our list.
 * Errors: EXO_ERR_DEAD, EXO_ERR_TIMED_OUT (full). */
static exo_status_t put_locked(struct end *end, struct exo_message *message, struct call *call)
{
    struct channel *const channel = end->channel;
    struct end *const other = other_of(end);

    spin_assert_held(&channel->lock);
    if (end->is_closed || other->is_closed) {
        return EXO_ERR_DEAD;
    }
    if (other->count == channel->depth) {
        return EXO_ERR_TIMED_OUT;
    }
    if (call != NULL) {
        call->number = channel->next_call++;
        message->reply = call->number;
        list_add_tail(&end->calls, &call->node);
    }
    other->queue[(other->first + other->count) % channel->depth] = *message;
    if (other->count++ == 0) {
        source_set(&other->source, READABLE);
    }
    if (other->count == channel->depth) {
        source_clear(&end->source, WRITABLE);
    }
    return EXO_OK;
}

static exo_status_t take_locked(struct end *end, struct exo_message *message)
{
    struct channel *const channel = end->channel;
    struct end *const other = other_of(end);

    spin_assert_held(&channel->lock);
    if (end->count == 0) {
        return other->is_closed || end->is_closed ? EXO_ERR_DEAD : EXO_ERR_TIMED_OUT;
    }
    *message = end->queue[end->first];
    end->first = (end->first + 1) % channel->depth;
    if (end->count-- == channel->depth && !end->is_closed) {
        source_set(&other->source, WRITABLE);
    }
    if (end->count == 0) {
        source_clear(&end->source, READABLE);
    }
    return EXO_OK;
}

/* Wait until one of `signals` is set, or the other end is closed: then look again. */
static exo_status_t look_again(struct end *end, uint64_t signals, uint64_t deadline_ns)
{
    uint64_t got = 0;

    return source_wait(&end->source, signals | CLOSED, deadline_ns, &got);
}

static exo_status_t put(struct end *end, struct exo_message *message, struct call *call,
                        uint64_t deadline_ns)
{
    for (;;) {
        spin_lock(&end->channel->lock);
        exo_status_t status = put_locked(end, message, call);

        spin_unlock(&end->channel->lock);
        if (status == EXO_ERR_TIMED_OUT && deadline_ns != 0) {
            status = look_again(end, WRITABLE, deadline_ns);
            if (status == EXO_OK) {
                continue;
            }
        }
        return status;
    }
}

/* ---- what users do ---- */

static exo_status_t send(const struct channel_user *user, const struct exo_message *message,
                         struct call *call, uint64_t deadline_ns)
{
    struct end *const end = end_of(user->end);
    struct exo_message sent;
    exo_status_t status = message_take(user, message, &sent);

    if (status == EXO_OK) {
        status = put(end, &sent, call, deadline_ns);
        if (status != EXO_OK) {
            transit_drop(end->channel, &sent);
        }
    }
    return status;
}

exo_status_t channel_send(const struct channel_user *user, const struct exo_message *message,
                          uint64_t deadline_ns)
{
    return send(user, message, NULL, deadline_ns);
}

exo_status_t channel_receive(const struct channel_user *user, struct exo_message *message,
                             uint64_t deadline_ns)
{
    struct end *const end = end_of(user->end);

    for (;;) {
        spin_lock(&end->channel->lock);
        exo_status_t status = take_locked(end, message);

        spin_unlock(&end->channel->lock);
        if (status == EXO_OK) {
            return message_give(user, message);
        }
        if (status == EXO_ERR_TIMED_OUT && deadline_ns != 0) {
            status = look_again(end, READABLE, deadline_ns);
            if (status == EXO_OK) {
                continue;
            }
        }
        return status;
    }
}

exo_status_t channel_call(const struct channel_user *user, struct exo_message *message,
                          uint64_t deadline_ns)
{
    struct channel *const channel = end_of(user->end)->channel;
    struct exo_message answer;
    struct call call = { .message = &answer, .status = EXO_ERR_TIMED_OUT };

    list_init(&call.node);
    completion_init(&call.done);
    exo_status_t status = send(user, message, &call, deadline_ns);

    if (status != EXO_OK) {
        return status;
    }
    const exo_status_t waited = completion_wait(&call.done, deadline_ns);

    spin_lock(&channel->lock);
    const bool is_over = !list_is_linked(&call.node);

    list_remove(&call.node); /* (2) */
    spin_unlock(&channel->lock);
    completion_fini(&call.done);
    status = is_over ? call.status : waited;
    if (status == EXO_OK) {
        *message = answer;
        status = message_give(user, message);
    }
    return status;
}

static struct call *call_find_locked(struct end *caller, uint64_t number)
{
    spin_assert_held(&caller->channel->lock);
    LIST_FOR_EACH(node, &caller->calls)
    {
        struct call *const call = container_of(node, struct call, node);

        if (call->number == number) {
            return call;
        }
    }
    return NULL;
}

exo_status_t channel_reply(const struct channel_user *user, const struct exo_message *message)
{
    struct end *const end = end_of(user->end);
    struct exo_message sent;
    exo_status_t status = message_take(user, message, &sent);

    if (status != EXO_OK) {
        return status;
    }
    spin_lock(&end->channel->lock);
    struct call *const call = call_find_locked(other_of(end), message->reply);

    if (call != NULL) {
        list_remove(&call->node);
        *call->message = sent;
        call->status = EXO_OK;
        completion_complete(&call->done);
    }
    spin_unlock(&end->channel->lock);
    if (call == NULL) {
        transit_drop(end->channel, &sent);
        return EXO_ERR_NOT_FOUND;
    }
    return EXO_OK;
}
