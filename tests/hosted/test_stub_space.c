/*
 * test_stub_space.c - the stub as an MMU: its mappings against the tables, the host's limits,
 * death.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "exo/hal.h"
#include "exo/mem/phys.h"
#include "exo/sched/thread.h"
#include "exo_check.h"
#include "exo_test.h"
#include "platform/hosted/host.h"
#include "platform/hosted/user/stub.h"
#include "tests/core/hal/user_box.h"

#define WINDOW     0x10000000ull
#define WINDOW_LEN 128u /* pages */
#define STEPS      400u
#define MANY_PAGES 70000u /* more than the host's mappings (vm.max_map_count, 65 530 by default) */

BOX_PROGRAM(touch);
BOX_PROGRAM(spin);

static void maps_check(const struct box *box)
{
    char text[256];
    const uint32_t breaches = hosted_space_check(box->space, text, sizeof(text));

    ck_assert_msg(breaches == 0, "%s", text);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Random runs mapped, protected, removed: after each flush the stub has exactly what the tables
 * say. */
START_TEST(stub_mappings_follow_the_tables)
{
    static const uint32_t rights[] = { DATA_RIGHTS, CODE_RIGHTS, PT_READ | PT_USER, PT_READ };
    uint64_t random = 88172645463325252ull;
    paddr_t frames = 0;
    struct box box;

    box_open(&box);
    ck_assert_int_eq(phys_alloc(WINDOW_LEN, 1, &frames), EXO_OK);
    for (uint32_t i = 0; i < STEPS; i++) {
        const uint64_t first = next_random(&random) % WINDOW_LEN;
        const uint64_t count = 1 + next_random(&random) % (WINDOW_LEN - first);
        const vaddr_t start = WINDOW + first * PAGE_SIZE;
        const uint64_t frame = next_random(&random) % (WINDOW_LEN - count + 1);
        const struct hal_flush_range range = { .start = start, .page_count = count };

        if (next_random(&random) % 3 == 0) {
            pt_unmap(box.root, start, count);
        } else {
            ck_assert_int_eq(pt_map(box.root, start, frames + frame * PAGE_SIZE, count,
                                    rights[next_random(&random) % ARRAY_COUNT(rights)]),
                             EXO_OK);
        }
        ck_assert_int_eq(hal_space_flush(box.space, &range, 1), EXO_OK);
        maps_check(&box);
    }
    phys_free(frames, WINDOW_LEN);
    box_close(&box);
}
END_TEST

/* The checker finds a page that the tables lost without a flush, one with other rights, another
 * frame. */
START_TEST(stub_check_finds_what_is_wrong)
{
    char text[256];
    struct box box;

    box_open(&box);
    maps_check(&box);
    ck_assert_int_eq(pt_map(box.root, USER_DATA, box.frame[1], 1, PT_READ | PT_USER), EXO_OK);
    ck_assert_uint_eq(hosted_space_check(box.space, text, sizeof(text)), 1);
    ck_assert_ptr_nonnull(strstr(text, "other rights"));
    ck_assert_int_eq(pt_map(box.root, USER_DATA, box.frame[0], 1, DATA_RIGHTS), EXO_OK);
    ck_assert_uint_eq(hosted_space_check(box.space, text, sizeof(text)), 1);
    ck_assert_ptr_nonnull(strstr(text, "another frame"));
    pt_unmap(box.root, USER_DATA, 1);
    ck_assert_uint_eq(hosted_space_check(box.space, text, sizeof(text)), 1);
    ck_assert_ptr_nonnull(strstr(text, "do not have"));
    box_flush(&box, USER_DATA, false);
    maps_check(&box);
    box_close(&box);
}
END_TEST

/* More runs than the host has mappings: an error, after which single pages can be shown again. */
START_TEST(stub_survives_the_mapping_limit)
{
    const struct hal_flush_range all = { .start = WINDOW, .page_count = MANY_PAGES };
    struct hal_user_event event;
    struct box box;

    box_open(&box);
    for (uint64_t i = 0; i < MANY_PAGES; i++) {
        ck_assert_int_eq(pt_map(box.root, WINDOW + i * PAGE_SIZE, box.frame[1], 1, DATA_RIGHTS),
                         EXO_OK);
    }
    ck_assert_int_eq(hal_space_flush(box.space, &all, 1), EXO_ERR_NO_MEMORY);
    maps_check(&box);
    box_flush(&box, USER_CODE, true);
    BOX_START(&box, touch);
    box_arguments(box.user, WINDOW + 60000 * PAGE_SIZE, 0);
    box_run(box.user, &event);
    ck_assert_uint_eq(event.reason, HAL_USER_FAULT);
    box_flush(&box, WINDOW + 60000 * PAGE_SIZE, true);
    box_run(box.user, &event);
    ck_assert_uint_eq(event.reason, HAL_USER_SYSCALL);
    maps_check(&box);
    box_close(&box);
}
END_TEST

/* The stub keeps the descriptors of its recipe and no other, however many threads were made. */
START_TEST(stub_holds_no_other_descriptor)
{
    struct hal_user *user[4];
    char path[40];
    uint32_t count = 0;
    struct box box;

    box_open(&box);
    for (uint32_t i = 0; i < ARRAY_COUNT(user); i++) {
        ck_assert_int_eq(hal_user_create(box.space, &user[i]), EXO_OK);
    }
    const hal_irq_t irq = host_enter();

    snprintf(path, sizeof(path), "/proc/%d/fd", box.space->pid);
    DIR *const folder = opendir(path);

    if (folder != NULL) {
        for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
            count += entry->d_name[0] != '.' ? 1 : 0;
        }
        closedir(folder);
    }
    host_exit(irq);
    for (uint32_t i = 0; i < ARRAY_COUNT(user); i++) {
        hal_user_destroy(user[i]);
    }
    box_close(&box);
    ck_assert_uint_eq(count, STUB_FD_RAM + 1);
}
END_TEST

static void kill_later(void *arg)
{
    const struct box *const box = arg;

    thread_sleep_ns(3000000);
    host_syscall(SYS_kill, box->space->pid, SIGKILL, 0, 0);
}

/* When the host ends the stub, whoever runs in it learns it at once, and so does who comes later.
 * */
START_TEST(stub_death_is_told)
{
    struct hal_user_event event;
    struct thread *thread = NULL;
    struct hal_user *user = NULL;
    struct box box;

    box_open(&box);
    const struct thread_spec spec = {
        .name = "killer", .entry = kill_later, .arg = &box, .cpu = THREAD_ANY_CPU
    };
    const struct hal_flush_range range = { .start = USER_DATA, .page_count = 1 };

    BOX_START(&box, spin);
    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    box_run(box.user, &event);
    ck_assert_uint_eq(event.reason, HAL_USER_DEAD);
    thread_join(thread, NULL);
    box_run(box.user, &event);
    ck_assert_uint_eq(event.reason, HAL_USER_DEAD);
    ck_assert_int_eq(hal_space_flush(box.space, &range, 1), EXO_ERR_DEAD);
    ck_assert_int_eq(hal_user_create(box.space, &user), EXO_ERR_DEAD);
    box_close(&box);
}
END_TEST

/* The mm thread follows the kernel's CPU; user threads, which it clones, are bound to none. */
START_TEST(stub_user_threads_are_not_bound)
{
    struct hal_user *second = NULL;
    cpu_set_t mm, first_cpus, second_cpus;
    struct box box;

    box_open(&box);
    (void)box_page(&box, USER_ELSE, DATA_RIGHTS);
    CPU_ZERO(&mm);
    ck_assert_int_gt(syscall(SYS_sched_getaffinity, box.space->pid, sizeof(mm), &mm), 0);
    ck_assert_int_eq(CPU_COUNT(&mm), 1);
    ck_assert_int_eq(hal_user_create(box.space, &second), EXO_OK);
    CPU_ZERO(&first_cpus);
    CPU_ZERO(&second_cpus);
    ck_assert_int_gt(syscall(SYS_sched_getaffinity, box.user->tid, sizeof(first_cpus), &first_cpus),
                     0);
    ck_assert_int_gt(syscall(SYS_sched_getaffinity, second->tid, sizeof(second_cpus), &second_cpus),
                     0);
    ck_assert(CPU_EQUAL(&first_cpus, &second_cpus));
    hal_user_destroy(second);
    box_close(&box);
}
END_TEST

EXO_SUITE(stub_space, EXO_TEST(stub_user_threads_are_not_bound),
          EXO_TEST(stub_mappings_follow_the_tables), EXO_TEST(stub_check_finds_what_is_wrong),
          EXO_TEST_TIMED(stub_survives_the_mapping_limit, 60),
          EXO_TEST(stub_holds_no_other_descriptor), EXO_TEST(stub_death_is_told))
