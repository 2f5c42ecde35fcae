/*
 * tests/core/ipc/test_channel.c - channels: order, room, capabilities on their way, calls, the end.
 */
#include <stdatomic.h>

#include "exo/ipc/channel.h"
#include "exo/ipc/event.h"
#include "exo/ipc/port.h"
#include "exo/ipc/source.h"
#include "exo/time/clock.h"
#include "exo_test.h"
#include "threads.h"

#define DEPTH   3u
#define CALLERS 3u
#define CALLS   30u
#define MS      1000000ull

static struct kobj *g_end[2];
static struct cap_quota g_quota;
static struct cap_space *g_caps[2];

static struct channel_user user_of(uint32_t i)
{
    return (struct channel_user){ .end = g_end[i], .caps = g_caps[i], .badge = 10 + i };
}

static void setup(void)
{
    ck_assert_int_eq(channel_create(DEPTH, g_end), EXO_OK);
    cap_quota_init(&g_quota, 100, 100 * PAGE_SIZE);
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_int_eq(cap_space_create(&g_quota, &g_caps[i]), EXO_OK);
    }
}

static void teardown(void)
{
    for (uint32_t i = 0; i < 2; i++) {
        cap_space_destroy(g_caps[i]);
        kobj_unref(g_end[i]);
    }
    epoch_synchronize();
}

static exo_status_t send(uint32_t from, uint64_t word, uint64_t deadline_ns)
{
    const struct channel_user user = user_of(from);
    const struct exo_message message = { .word = { word }, .reply = 77, .badge = 77 };

    return channel_send(&user, &message, deadline_ns);
}

static exo_status_t receive(uint32_t at, struct exo_message *message, uint64_t deadline_ns)
{
    const struct channel_user user = user_of(at);

    return channel_receive(&user, message, deadline_ns);
}

static uint64_t signals_of(uint32_t end)
{
    uint64_t got = 0;

    (void)!source_wait(g_end[end]->ops->source(g_end[end]), 7, 0, &got);
    return got;
}

START_TEST(channel_keeps_order_and_says_how_it_stands)
{
    struct exo_message message;
    struct kobj *none[2];

    ck_assert_int_eq(channel_create(0, none), EXO_ERR_INVALID);
    ck_assert_int_eq(channel_create(EXO_CHANNEL_DEPTH_MAX + 1, none), EXO_ERR_INVALID);
    setup();
    ck_assert_uint_eq(signals_of(0), EXO_SIGNAL_CHANNEL_WRITABLE);
    ck_assert_int_eq(receive(0, &message, 0), EXO_ERR_TIMED_OUT);
    ck_assert_int_eq(receive(0, &message, hal_clock_ns() + MS), EXO_ERR_TIMED_OUT);
    for (uint64_t round = 0; round < 3; round++) { /* the queue wraps */
        for (uint64_t i = 0; i < DEPTH; i++) {
            ck_assert_int_eq(send(0, round * 10 + i, 0), EXO_OK);
        }
        ck_assert_int_eq(send(0, 99, 0), EXO_ERR_TIMED_OUT);
        ck_assert_int_eq(send(0, 99, hal_clock_ns() + MS), EXO_ERR_TIMED_OUT);
        ck_assert_uint_eq(signals_of(0), 0);
        ck_assert_int_eq(send(1, 5, 0), EXO_OK); /* the other way is free */
        ck_assert_uint_eq(signals_of(1), EXO_SIGNAL_CHANNEL_READABLE | EXO_SIGNAL_CHANNEL_WRITABLE);
        ck_assert_int_eq(receive(0, &message, 0), EXO_OK);
        for (uint64_t i = 0; i < DEPTH; i++) {
            ck_assert_int_eq(receive(1, &message, 0), EXO_OK);
            ck_assert_uint_eq(message.word[0], round * 10 + i);
            ck_assert_uint_eq(message.badge, 10);
            ck_assert_uint_eq(message.reply, 0);
            ck_assert_uint_eq(signals_of(0), EXO_SIGNAL_CHANNEL_WRITABLE);
        }
        ck_assert_uint_eq(signals_of(1), EXO_SIGNAL_CHANNEL_WRITABLE);
    }
    teardown();
}
END_TEST

static exo_cap_t event_in(uint32_t table, exo_rights_t rights)
{
    struct kobj *event = NULL;
    exo_cap_t cap = EXO_CAP_NONE;

    ck_assert_int_eq(event_create(&event), EXO_OK);
    ck_assert_int_eq(cap_insert(g_caps[table], event, rights, 0, &cap), EXO_OK);
    kobj_unref(event);
    return cap;
}

START_TEST(channel_carries_capabilities)
{
    const exo_rights_t rights =
        EXO_RIGHT_DUPLICATE | EXO_RIGHT_SEND | EXO_RIGHT_DERIVE | EXO_RIGHT_REVOKE | EXO_RIGHT_WAIT;
    struct exo_message message = { .cap_count = 2 };
    struct cap_info info;
    struct cap_grant grant = { .rights = rights };
    exo_cap_t child = EXO_CAP_NONE;
    exo_cap_t own = EXO_CAP_NONE;

    setup();
    const struct channel_user from = user_of(0);
    const exo_cap_t parent = event_in(0, rights);
    const exo_cap_t plain = event_in(0, EXO_RIGHT_WAIT);

    ck_assert_int_eq(cap_derive(g_caps[0], parent, &grant, g_caps[0], &child), EXO_OK);
    message.cap[0] = parent;
    message.cap[1] = child;
    ck_assert_int_eq(channel_send(&from, &message, 0), EXO_OK);
    message.cap[0] = child;
    ck_assert_int_eq(channel_send(&from, &message, 0), EXO_OK);
    ck_assert_int_eq(cap_revoke(g_caps[0], parent), EXO_OK); /* on their way */
    ck_assert_int_eq(receive(1, &message, 0), EXO_OK);
    ck_assert_uint_eq(message.cap_count, 2);
    ck_assert_int_eq(cap_query(g_caps[1], message.cap[0], &info), EXO_OK);
    ck_assert_uint_eq(info.type, EXO_TYPE_EVENT);
    ck_assert_uint_eq(info.rights, rights);
    ck_assert_uint_eq(message.cap[1], EXO_CAP_NONE);
    ck_assert_int_eq(receive(1, &message, 0), EXO_OK);
    ck_assert_uint_eq(message.cap[0] | message.cap[1], EXO_CAP_NONE);

    /* What may not be sent is not, and nothing is left on the way. */
    message = (struct exo_message){ .cap_count = 2, .cap = { parent, plain } };
    ck_assert_int_eq(channel_send(&from, &message, 0), EXO_ERR_ACCESS_DENIED);
    message.cap[1] = 12345;
    ck_assert_int_eq(channel_send(&from, &message, 0), EXO_ERR_BAD_CAP);
    message.cap_count = EXO_CHANNEL_CAPS + 1;
    ck_assert_int_eq(channel_send(&from, &message, 0), EXO_ERR_INVALID);
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_int_eq(cap_insert(g_caps[0], g_end[i], CHANNEL_RIGHTS, 0, &own), EXO_OK);
        message = (struct exo_message){ .cap_count = 1, .cap = { own } };
        ck_assert_int_eq(channel_send(&from, &message, 0), EXO_ERR_INVALID);
    }
    ck_assert_int_eq(receive(1, &message, 0), EXO_ERR_TIMED_OUT);

    /* Of what there is no room for nothing is left anywhere. */
    struct cap_quota small;
    struct cap_space *one = NULL;
    struct cap_space_stats stats;

    cap_quota_init(&small, 1, 10 * PAGE_SIZE);
    ck_assert_int_eq(cap_space_create(&small, &one), EXO_OK);
    const struct channel_user poor = { .end = g_end[1], .caps = one };

    message = (struct exo_message){ .cap_count = 2, .cap = { parent, parent } };
    ck_assert_int_eq(channel_send(&from, &message, 0), EXO_OK);
    ck_assert_int_eq(channel_receive(&poor, &message, 0), EXO_ERR_NO_RESOURCES);
    cap_space_stats(one, &stats);
    ck_assert_uint_eq(stats.entries, 0);
    cap_space_destroy(one);

    /* Those that nobody took end with the channel. */
    message = (struct exo_message){ .cap_count = 1, .cap = { parent } };
    ck_assert_int_eq(channel_send(&from, &message, 0), EXO_OK);
    teardown();
}
END_TEST

/* The server: answers each call with twice its word and the badge it came with. */
static void serve(void *arg)
{
    const struct channel_user user = user_of(1);
    struct exo_message message;

    (void)arg;
    while (channel_receive(&user, &message, CLOCK_NEVER) == EXO_OK) {
        message.word[0] *= 2;
        message.word[1] = message.badge;
        if (message.reply != 0) {
            ck_assert_int_eq(channel_reply(&user, &message), EXO_OK);
            ck_assert_int_eq(channel_reply(&user, &message), EXO_ERR_NOT_FOUND); /* once */
        }
    }
}

static void caller(void *arg)
{
    const uint64_t number = (uint64_t)(uintptr_t)arg;
    const struct channel_user user = { .end = g_end[0], .caps = g_caps[0], .badge = number };

    for (uint64_t i = 0; i < CALLS; i++) {
        struct exo_message message = { .word = { number * 1000 + i } };

        ck_assert_int_eq(channel_call(&user, &message, CLOCK_NEVER), EXO_OK);
        ck_assert_uint_eq(message.word[0], 2 * (number * 1000 + i));
        ck_assert_uint_eq(message.word[1], number);
    }
}

START_TEST(channel_calls_get_their_own_answers)
{
    struct thread *call_thread[CALLERS];

    setup();
    struct thread *const server = test_thread("server", serve, NULL);

    for (uint32_t i = 0; i < CALLERS; i++) {
        call_thread[i] = test_thread("caller", caller, (void *)(uintptr_t)(i + 1));
    }
    for (uint32_t i = 0; i < CALLERS; i++) {
        thread_join(call_thread[i], NULL);
    }
    kobj_unref(g_end[0]); /* closes it: no capability, no reference */
    thread_join(server, NULL);
    for (uint32_t i = 0; i < 2; i++) {
        cap_space_destroy(g_caps[i]);
    }
    kobj_unref(g_end[1]);
    epoch_synchronize();
}
END_TEST

static _Atomic int g_status;

static void call_once(void *arg)
{
    const struct channel_user user = user_of(0);
    struct exo_message message = { .word = { 1 } };

    (void)arg;
    atomic_store(&g_status, channel_call(&user, &message, CLOCK_NEVER));
}

START_TEST(channel_calls_end_early)
{
    struct exo_message message = { .word = { 1 } };
    exo_cap_t cap = EXO_CAP_NONE;

    setup();
    const struct channel_user from = user_of(0);
    const struct channel_user to = user_of(1);

    /* A deadline: the answer comes in vain. */
    ck_assert_int_eq(channel_call(&from, &message, hal_clock_ns() + MS), EXO_ERR_TIMED_OUT);
    ck_assert_int_eq(receive(1, &message, 0), EXO_OK);
    ck_assert_uint_ne(message.reply, 0);
    ck_assert_int_eq(channel_reply(&to, &message), EXO_ERR_NOT_FOUND);
    message.reply = 0;
    ck_assert_int_eq(channel_reply(&to, &message), EXO_ERR_NOT_FOUND);

    /* Nor is a capability of it left on the way. */
    struct kobj *event = NULL;

    ck_assert_int_eq(event_create(&event), EXO_OK);
    ck_assert_int_eq(cap_insert(g_caps[1], event, EVENT_RIGHTS, 0, &cap), EXO_OK);
    message.cap_count = 1;
    message.cap[0] = cap;
    ck_assert_int_eq(channel_reply(&to, &message), EXO_ERR_NOT_FOUND);
    ck_assert_uint_eq(cap_check(event), 1);
    kobj_unref(event);

    /* A caller that is killed, and one whose server goes. */
    struct thread *thread = test_thread("caller", call_once, NULL);

    ck_assert_int_eq(receive(1, &message, CLOCK_NEVER), EXO_OK);
    thread_kill(thread);
    thread_join(thread, NULL);
    ck_assert_int_eq(atomic_load(&g_status), EXO_ERR_INTERRUPTED);
    ck_assert_int_eq(channel_reply(&to, &message), EXO_ERR_NOT_FOUND);
    thread = test_thread("caller", call_once, NULL);
    ck_assert_int_eq(receive(1, &message, CLOCK_NEVER), EXO_OK);
    ck_assert_int_eq(send(0, 42, 0), EXO_OK);
    ck_assert_int_eq(send(1, 43, 0), EXO_OK);
    ck_assert_int_eq(cap_insert(g_caps[1], g_end[1], CHANNEL_RIGHTS, 0, &cap), EXO_OK);
    ck_assert_int_eq(cap_close(g_caps[1], cap), EXO_OK); /* its last capability */
    thread_join(thread, NULL);
    ck_assert_int_eq(atomic_load(&g_status), EXO_ERR_DEAD);
    ck_assert_uint_eq(signals_of(0), EXO_SIGNAL_CHANNEL_READABLE | EXO_SIGNAL_CHANNEL_CLOSED);
    ck_assert_int_eq(send(0, 1, CLOCK_NEVER), EXO_ERR_DEAD);
    ck_assert_int_eq(send(1, 1, CLOCK_NEVER), EXO_ERR_DEAD);
    ck_assert_int_eq(receive(0, &message, CLOCK_NEVER), EXO_OK); /* what had come */
    ck_assert_uint_eq(message.word[0], 43);
    ck_assert_int_eq(receive(0, &message, CLOCK_NEVER), EXO_ERR_DEAD);
    teardown();
}
END_TEST

static void pump(void *arg)
{
    const uint32_t from = (uint32_t)(uintptr_t)arg;

    for (uint64_t i = 1; i <= 100; i++) {
        ck_assert_int_eq(send(from, i, CLOCK_NEVER), EXO_OK);
    }
}

static _Atomic uint64_t g_sum;

static void drain(void *arg)
{
    const uint32_t at = (uint32_t)(uintptr_t)arg;
    struct exo_message message;

    for (uint32_t i = 0; i < 100; i++) {
        ck_assert_int_eq(receive(at, &message, CLOCK_NEVER), EXO_OK);
        atomic_fetch_add(&g_sum, message.word[0]);
    }
}

/* Several at each side, more messages than there is room for: nobody sleeps on. */
START_TEST(channel_loses_no_wake_up)
{
    struct thread *thread[8];

    setup();
    atomic_store(&g_sum, 0);
    for (uint32_t i = 0; i < ARRAY_COUNT(thread); i++) {
        thread[i] = test_thread("channel", i % 4 < 2 ? pump : drain, (void *)(uintptr_t)(i % 2));
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(thread); i++) {
        thread_join(thread[i], NULL);
    }
    ck_assert_uint_eq(atomic_load(&g_sum), 4 * 5050);
    teardown();
}
END_TEST

static exo_status_t make_port(struct kobj *object)
{
    const struct port_binding binding = { .object = object, .signals = 1 };
    struct port *port = NULL;
    exo_status_t status = port_create(&port);

    if (status == EXO_OK) {
        status = port_bind(port, &binding);
        kobj_unref(port_object(port));
    }
    return status;
}

/* A timer, an event, a channel, and a port that listens to one of its ends. */
static exo_status_t make_objects(void *arg)
{
    struct kobj *object[4] = { NULL };

    (void)arg;
    exo_status_t status = alarm_create(&object[0]);

    if (status == EXO_OK) {
        status = event_create(&object[1]);
    }
    if (status == EXO_OK) {
        status = channel_create(DEPTH, &object[2]);
    }
    if (status == EXO_OK) {
        status = make_port(object[3]);
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(object); i++) {
        kobj_unref(object[i]);
    }
    epoch_synchronize();
    return status;
}

START_TEST(ipc_objects_need_memory)
{
    ck_assert_uint_ge(fault_sweep(make_objects, NULL), 5);
}
END_TEST

EXO_SUITE(channel, EXO_TEST(ipc_objects_need_memory),
          EXO_TEST(channel_keeps_order_and_says_how_it_stands),
          EXO_TEST(channel_carries_capabilities), EXO_TEST(channel_calls_get_their_own_answers),
          EXO_TEST(channel_calls_end_early), EXO_TEST(channel_loses_no_wake_up))
