/*
 * tests/core/ipc/test_port.c - ports: whatever is set is told, to whoever waits, until it is taken.
 */
#include <stdatomic.h>

#include "exo/ipc/event.h"
#include "exo/ipc/port.h"
#include "exo/ipc/ring.h"
#include "exo/sched/thread.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "threads.h"

#define EVENTS  3u
#define SIGNALS 40u
#define MS      1000000ull

static struct port *g_port;
static struct kobj *g_event[EVENTS];

static struct source *source_of(uint32_t i)
{
    return event_source(g_event[i]);
}

static exo_status_t bind(struct kobj *object, uint64_t signals, uint64_t key, uint32_t flags)
{
    const struct port_binding binding = {
        .object = object, .signals = signals, .key = key, .flags = flags
    };

    return port_bind(g_port, &binding);
}

/* A port to which each event is bound with signals 1 and 2 under its number. */
static void setup(void)
{
    ck_assert_int_eq(port_create(&g_port), EXO_OK);
    for (uint32_t i = 0; i < EVENTS; i++) {
        ck_assert_int_eq(event_create(&g_event[i]), EXO_OK);
        ck_assert_int_eq(bind(g_event[i], 3, i, 0), EXO_OK);
    }
}

static void teardown(void)
{
    kobj_unref(port_object(g_port));
    for (uint32_t i = 0; i < EVENTS; i++) {
        kobj_unref(g_event[i]); /* its binding may keep it a little longer */
    }
}

static void expect_packet(uint64_t key, uint64_t signals)
{
    struct exo_packet packet = { 0 };

    ck_assert_int_eq(port_wait(g_port, 0, &packet), EXO_OK);
    ck_assert_uint_eq(packet.key, key);
    ck_assert_uint_eq(packet.signals, signals);
}

static void expect_none(void)
{
    struct exo_packet packet;

    ck_assert_int_eq(port_wait(g_port, 0, &packet), EXO_ERR_TIMED_OUT);
}

START_TEST(port_tells_until_it_is_taken)
{
    struct exo_packet packet;
    uint64_t got = 0;

    setup();
    expect_none();
    ck_assert_int_eq(port_wait(g_port, hal_clock_ns() + MS, &packet), EXO_ERR_TIMED_OUT);
    source_set(source_of(1), 4); /* not bound */
    expect_none();
    source_set(source_of(1), 1);
    expect_packet(1, 1);
    source_set(source_of(1), 2);
    source_set(source_of(0), 2);
    expect_packet(1, 3);
    expect_packet(0, 2); /* each has its turn */
    expect_packet(1, 3);
    ck_assert_int_eq(source_wait(source_of(1), 1, 0, &got), EXO_OK);
    expect_packet(0, 2);
    expect_packet(1, 2);
    ck_assert_int_eq(source_wait(source_of(1), 3, 0, &got), EXO_OK);
    expect_packet(0, 2);
    source_clear(source_of(0), 2);
    expect_none();
    source_set(source_of(0), 1);
    expect_packet(0, 1);
    teardown();
}
END_TEST

START_TEST(port_bindings_come_and_go)
{
    setup();
    ck_assert_int_eq(bind(g_event[0], 4, 1, 0), EXO_ERR_EXISTS);
    ck_assert_int_eq(port_unbind(g_port, 9), EXO_ERR_NOT_FOUND);
    source_set(source_of(0), 1);
    ck_assert_int_eq(port_unbind(g_port, 0), EXO_OK);
    expect_none();
    ck_assert_int_eq(port_unbind(g_port, 0), EXO_ERR_NOT_FOUND);
    ck_assert_int_eq(bind(g_event[0], 1, 0, EXO_BIND_ONCE), EXO_OK); /* told at once */
    expect_packet(0, 1);
    expect_none();
    ck_assert_int_eq(port_unbind(g_port, 0), EXO_ERR_NOT_FOUND);
    ck_assert_int_eq(bind(g_event[1], 1, 0, EXO_BIND_ONCE), EXO_OK);
    source_set(source_of(1), 1);
    expect_packet(1, 1); /* bound twice, under two keys */
    expect_packet(0, 1);
    expect_packet(1, 1);
    teardown();
}
END_TEST

START_TEST(port_limits_are_errors)
{
    const struct ring_spec spec = { .slots = 2 };
    struct ring *ring = NULL;
    struct kobj *event = NULL;
    uint64_t key = 100;

    setup();
    ck_assert_int_eq(bind(g_event[0], 0, 9, 0), EXO_ERR_INVALID);
    ck_assert_int_eq(bind(g_event[0], 1ull << 63, 9, 0), EXO_ERR_INVALID);
    ck_assert_int_eq(bind(g_event[0], 1, 9, 2), EXO_ERR_INVALID);
    ck_assert_int_eq(bind(port_object(g_port), 1, 9, 0), EXO_ERR_WRONG_TYPE);
    ck_assert_int_eq(ring_create(&spec, &ring), EXO_OK);
    ck_assert_int_eq(bind(ring_object(ring), 1, 9, 0), EXO_ERR_WRONG_TYPE);
    kobj_unref(ring_object(ring));
    for (uint32_t i = 1; i < SOURCE_BINDINGS_MAX; i++) {
        ck_assert_int_eq(bind(g_event[0], 1, key++, 0), EXO_OK);
    }
    ck_assert_int_eq(bind(g_event[0], 1, key, 0), EXO_ERR_NO_RESOURCES);
    ck_assert_int_eq(port_unbind(g_port, 0), EXO_OK);
    ck_assert_int_eq(bind(g_event[0], 1, key++, 0), EXO_OK);
    for (uint32_t bound = EVENTS - 1 + SOURCE_BINDINGS_MAX; bound < PORT_BINDINGS_MAX; bound++) {
        if (event == NULL || bound % SOURCE_BINDINGS_MAX == 0) {
            kobj_unref(event);
            ck_assert_int_eq(event_create(&event), EXO_OK);
        }
        ck_assert_int_eq(bind(event, 1, key++, 0), EXO_OK);
    }
    ck_assert_int_eq(bind(g_event[1], 1, key, 0), EXO_ERR_NO_RESOURCES);
    kobj_unref(event);
    teardown();
}
END_TEST

static _Atomic uint32_t g_taken[EVENTS];
static _Atomic uint32_t g_dead;

/* Take whatever is told, until the port is closed. */
static void listener(void *arg)
{
    struct exo_packet packet;
    exo_status_t status = EXO_OK;

    (void)arg;
    while ((status = port_wait(g_port, CLOCK_NEVER, &packet)) == EXO_OK) {
        uint64_t got = 0;

        if (source_wait(source_of((uint32_t)packet.key), packet.signals, 0, &got) == EXO_OK) {
            atomic_fetch_add(&g_taken[packet.key], (got & 1) != 0 ? 1 : 0);
        }
    }
    atomic_fetch_add(&g_dead, status == EXO_ERR_DEAD ? 1 : 0);
}

static void teller(void *arg)
{
    const uint32_t number = (uint32_t)(uintptr_t)arg;

    for (uint32_t i = 1; i <= SIGNALS; i++) {
        source_set(source_of(number), 1);
        while (atomic_load(&g_taken[number]) < i) {
            thread_sleep_ns(1000);
        }
    }
}

/* Every signal reaches one of several listeners, whoever else waits; closing reaches all. */
START_TEST(port_loses_no_signal)
{
    struct thread *tell[EVENTS];
    struct thread *hear[2];

    setup();
    atomic_store(&g_dead, 0);
    for (uint32_t i = 0; i < ARRAY_COUNT(hear); i++) {
        hear[i] = test_thread("listener", listener, NULL);
    }
    for (uint32_t i = 0; i < EVENTS; i++) {
        atomic_store(&g_taken[i], 0);
        tell[i] = test_thread("teller", teller, (void *)(uintptr_t)i);
    }
    for (uint32_t i = 0; i < EVENTS; i++) {
        thread_join(tell[i], NULL);
        ck_assert_uint_eq(atomic_load(&g_taken[i]), SIGNALS);
    }
    port_close(g_port);
    for (uint32_t i = 0; i < ARRAY_COUNT(hear); i++) {
        thread_join(hear[i], NULL);
    }
    ck_assert_uint_eq(atomic_load(&g_dead), ARRAY_COUNT(hear));
    ck_assert_int_eq(bind(g_event[0], 1, 77, 0), EXO_ERR_DEAD);
    teardown();
}
END_TEST

static void binder(void *arg)
{
    const uint64_t key = 10 + (uint64_t)(uintptr_t)arg;

    for (uint32_t i = 0; i < SIGNALS; i++) {
        const uint32_t flags = i % 2 == 0 ? EXO_BIND_ONCE : 0;

        ck_assert_int_eq(bind(g_event[0], 1, key, flags), EXO_OK);
        const exo_status_t status = port_unbind(g_port, key);

        ck_assert(status == EXO_OK || (flags != 0 && status == EXO_ERR_NOT_FOUND));
    }
}

static _Atomic bool g_stop;

static void hammer(void *arg)
{
    struct exo_packet packet;

    (void)arg;
    while (!atomic_load(&g_stop)) {
        uint64_t got = 0;

        source_set(source_of(0), 1);
        (void)!port_wait(g_port, 0, &packet);
        (void)!source_wait(source_of(0), 1, 0, &got);
        thread_yield();
    }
}

/* Bindings end while their signals are set and told. */
START_TEST(port_bindings_end_while_they_are_told)
{
    struct thread *bind_thread[2];

    setup();
    atomic_store(&g_stop, false);
    struct thread *const hammers = test_thread("hammer", hammer, NULL);

    for (uint32_t i = 0; i < ARRAY_COUNT(bind_thread); i++) {
        bind_thread[i] = test_thread("binder", binder, (void *)(uintptr_t)i);
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(bind_thread); i++) {
        thread_join(bind_thread[i], NULL);
    }
    atomic_store(&g_stop, true);
    thread_join(hammers, NULL);
    teardown();
}
END_TEST

static _Atomic uint32_t g_told;

static void count_packets(void *arg)
{
    struct exo_packet packet;

    (void)arg;
    while (!atomic_load(&g_stop)) {
        if (port_wait(g_port, 0, &packet) == EXO_OK) {
            atomic_fetch_add(&g_told, packet.key == 50 ? 1 : 0);
        }
        thread_yield();
    }
}

static void set_often(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < SIGNALS; i++) {
        source_set(source_of(0), 4);
    }
}

/* A binding for one packet has one, however often its signal is set while that is being told. */
START_TEST(port_tells_once)
{
    struct thread *listen_thread[2];

    setup();
    atomic_store(&g_stop, false);
    atomic_store(&g_told, 0);
    ck_assert_int_eq(bind(g_event[0], 4, 50, EXO_BIND_ONCE), EXO_OK);
    for (uint32_t i = 0; i < ARRAY_COUNT(listen_thread); i++) {
        listen_thread[i] = test_thread("counter", count_packets, NULL);
    }
    struct thread *const sets = test_thread("setter", set_often, NULL);

    thread_join(sets, NULL);
    while (atomic_load(&g_told) == 0) {
        thread_sleep_ns(1000);
    }
    atomic_store(&g_stop, true);
    for (uint32_t i = 0; i < ARRAY_COUNT(listen_thread); i++) {
        thread_join(listen_thread[i], NULL);
    }
    ck_assert_uint_eq(atomic_load(&g_told), 1);
    teardown();
}
END_TEST

EXO_SUITE(port, EXO_TEST(port_tells_once), EXO_TEST(port_tells_until_it_is_taken),
          EXO_TEST(port_bindings_come_and_go), EXO_TEST(port_limits_are_errors),
          EXO_TEST(port_loses_no_signal), EXO_TEST(port_bindings_end_while_they_are_told))
