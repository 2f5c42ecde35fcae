/*
 * tests/core/debug/test_log.c - the kernel log.
 */
#include <stdatomic.h>

#include "exo/debug/log.h"
#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo_check.h"

#define WRITERS 4u
#define RECORDS 20u

/* Move *cursor behind everything logged so far. */
static void skip_all(uint64_t *cursor)
{
    struct klog_record record;

    *cursor = 0;
    while (klog_next(cursor, &record, NULL)) {
    }
}

START_TEST(klog_keeps_what_was_written)
{
    struct klog_record record;
    uint64_t cursor;
    uint64_t lost = 0;
    char line[KLOG_LINE_MAX];

    skip_all(&cursor);
    klog(KLOG_DEBUG, "test", "answer n=%d", 42);
    klog(KLOG_DEBUG, "longer-than-its-room", "second");
    ck_assert(klog_next(&cursor, &record, &lost));
    ck_assert_str_eq(record.module, "test");
    ck_assert_str_eq(record.text, "answer n=42");
    ck_assert_int_eq(record.level, KLOG_DEBUG);
    ck_assert_uint_le(record.time_ns, hal_clock_ns());
    record.time_ns = 1234567890;
    klog_format(line, sizeof(line), &record);
    ck_assert_str_eq(line, "[    1.234567] test: answer n=42");
    ck_assert(klog_next(&cursor, &record, &lost));
    ck_assert_str_eq(record.module, "longer-than");
    ck_assert(!klog_next(&cursor, &record, &lost));
    ck_assert_uint_eq(lost, 0);
}
END_TEST

START_TEST(klog_cuts_long_text_visibly)
{
    struct klog_record record;
    char text[300];
    uint64_t cursor;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    skip_all(&cursor);
    klog(KLOG_DEBUG, "test", "%s", text);
    ck_assert(klog_next(&cursor, &record, NULL));
    ck_assert_uint_eq(strlen(record.text), KLOG_TEXT_MAX - 1);
    ck_assert_str_eq(record.text + KLOG_TEXT_MAX - 5, "x...");
}
END_TEST

/* More records than a ring holds: the newest are there, the rest is counted. */
START_TEST(klog_counts_what_was_overwritten)
{
    struct klog_record record;
    uint64_t cursor;
    uint64_t lost = 0;
    uint64_t seen = 0;

    skip_all(&cursor);
    const uint64_t start = cursor;

    for (unsigned i = 0; i < 400; i++) {
        klog(KLOG_DEBUG, "test", "n=%u", i);
    }
    while (klog_next(&cursor, &record, &lost)) {
        seen++;
    }
    ck_assert_uint_eq(seen + lost, 400);
    ck_assert_uint_gt(lost, 0);
    ck_assert_uint_eq(cursor, start + 400);
    ck_assert_str_eq(record.text, "n=399");
}
END_TEST

static _Atomic uint32_t g_done;

static void writer(void *arg)
{
    for (unsigned i = 0; i < RECORDS; i++) {
        klog(KLOG_DEBUG, "test", "writer=%u n=%u", (unsigned)(uintptr_t)arg, i);
        thread_yield();
    }
    atomic_fetch_add(&g_done, 1);
}

/* Writers on several CPUs: no record is lost or torn, and each writer's come in its order. */
START_TEST(klog_orders_records_of_all_cpus)
{
    struct thread *thread[WRITERS];
    unsigned next[WRITERS] = { 0 };
    struct klog_record record;
    uint64_t cursor;
    uint64_t lost = 0;

    atomic_store(&g_done, 0);
    skip_all(&cursor);
    for (uint32_t i = 0; i < WRITERS; i++) {
        const struct thread_spec spec = { .name = "writer",
                                          .entry = writer,
                                          .arg = (void *)(uintptr_t)i,
                                          .cpu = i < sched_online_count() ? i : 0 };

        ck_assert_int_eq(thread_create(&spec, &thread[i]), EXO_OK);
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        thread_join(thread[i], NULL);
    }
    while (klog_next(&cursor, &record, &lost)) {
        const char *const rest = str_after_prefix(record.text, "writer=");

        if (rest == NULL) {
            continue;
        }
        const unsigned who = (unsigned)(rest[0] - '0');
        const char *const number = str_after_prefix(rest + 1, " n=");

        ck_assert_uint_lt(who, WRITERS);
        ck_assert_ptr_nonnull(number);
        const unsigned n = number[1] == '\0' ? (unsigned)(number[0] - '0')
                                             : (unsigned)((number[0] - '0') * 10 + number[1] - '0');

        ck_assert_uint_eq(n, next[who]);
        next[who]++;
    }
    ck_assert_uint_eq(lost, 0);
    for (uint32_t i = 0; i < WRITERS; i++) {
        ck_assert_uint_eq(next[i], RECORDS);
    }
}
END_TEST

EXO_SUITE(debug_log, EXO_TEST(klog_keeps_what_was_written), EXO_TEST(klog_cuts_long_text_visibly),
          EXO_TEST(klog_counts_what_was_overwritten), EXO_TEST(klog_orders_records_of_all_cpus))
