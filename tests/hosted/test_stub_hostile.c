/*
 * test_stub_hostile.c - user code that tries to get something out of its stub: the host carries out
 * no call of it, no memory of the kernel changes, and only its own process ends.
 *
 * What ran is shown by the host itself, where it lets us look (raw_syscalls:sys_enter, as root with
 * tracefs); elsewhere that part is left out and said so. Every test has its user threads recorded
 * and frames with a known hash on both sides of the box's own (struct guard).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exo/hal.h"
#include "exo/mem/phys.h"
#include "exo/sched/thread.h"
#include "exo/time/timer.h"
#include "exo_check.h"
#include "exo_test.h"
#include "platform/hosted/host.h"
#include "platform/hosted/user/stub.h"
#include "tests/core/hal/user_box.h"

#define NR_TRAPPED   56u
#define NR_PLAIN     39u
#define NR_HOST_LAST 470u
#define NR_X32       0x40000000u
#define NR_URETPROBE                                                                               \
    335u /* with 336, uprobe: hosts since 6.13 let them past every filter, to do nothing */
#define WITNESS 64u /* frames that hold a pattern and that no space maps */

BOX_PROGRAM(any_call);
BOX_PROGRAM(any_int80);
BOX_PROGRAM(any_jump);
BOX_PROGRAM(vsyscall);
BOX_PROGRAM(flags);
BOX_PROGRAM(step);
BOX_PROGRAM(scribble);
BOX_PROGRAM(store);
BOX_PROGRAM(touch);

/* ---- what the host saw ----------------------------------------------------------------------- */

#define TRACE_ROOT "/sys/kernel/tracing/instances"

struct trace {
    char path[80];
    char filter[200];
    bool on;
};

static bool trace_put(const struct trace *trace, const char *file, const char *text)
{
    char path[160];
    bool done = false;

    snprintf(path, sizeof(path), "%s/%s", trace->path, file);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd >= 0) {
        done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
        close(fd);
    }
    return done;
}

/* Record the system calls that thread `tid` really gets from the host. */
static void trace_begin(struct trace *trace, int tid)
{
    static _Atomic uint32_t serial;
    const hal_irq_t irq = host_enter();

    snprintf(trace->path, sizeof(trace->path), TRACE_ROOT "/exo-%d-%u", getpid(),
             atomic_fetch_add(&serial, 1));
    snprintf(trace->filter, sizeof(trace->filter), "common_pid == %d", tid);
    trace->on = mkdir(trace->path, 0700) == 0 &&
                trace_put(trace, "events/raw_syscalls/sys_enter/filter", trace->filter) &&
                trace_put(trace, "events/raw_syscalls/sys_enter/enable", "1");
    if (!trace->on) {
        rmdir(trace->path);
        fprintf(stderr, "# the host does not let its calls be traced: that part is left out\n");
    }
    host_exit(irq);
}

/* Record another thread too. */
static void trace_add(struct trace *trace, int tid)
{
    const hal_irq_t irq = host_enter();
    const size_t used = strlen(trace->filter);

    snprintf(trace->filter + used, sizeof(trace->filter) - used, " || common_pid == %d", tid);
    if (trace->on) {
        trace->on = trace_put(trace, "events/raw_syscalls/sys_enter/filter", trace->filter);
    }
    host_exit(irq);
}

/* Stop, and give the number of calls recorded, those of number `but` left out. */
static uint32_t trace_end_but(struct trace *trace, uint32_t but)
{
    char path[160], row[512], known[32];
    uint32_t calls = 0;

    if (!trace->on) {
        return 0;
    }
    const hal_irq_t irq = host_enter();

    snprintf(path, sizeof(path), "%s/trace", trace->path);
    snprintf(known, sizeof(known), "sys_enter: NR %u ", but);
    FILE *const file = fopen(path, "re");

    while (file != NULL && fgets(row, sizeof(row), file) != NULL) {
        calls += strstr(row, "sys_enter: NR") != NULL && strstr(row, known) == NULL ? 1 : 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    trace_put(trace, "events/raw_syscalls/sys_enter/enable", "0");
    rmdir(trace->path);
    host_exit(irq);
    return calls;
}

static uint32_t trace_end(struct trace *trace)
{
    return trace_end_but(trace, UINT32_MAX);
}

/* ---- witnesses ------------------------------------------------------------------------------- */

static uint64_t witness_word(uint32_t index)
{
    return 0x9e3779b97f4a7c15ull * (index + 1);
}

static paddr_t witness_make(void)
{
    paddr_t frames = 0;

    ck_assert_int_eq(phys_alloc(WITNESS, 1, &frames), EXO_OK);
    uint64_t *word = hal_phys_to_virt(frames);

    for (uint32_t i = 0; i < WITNESS * PAGE_SIZE / 8; i++) {
        word[i] = witness_word(i);
    }
    return frames;
}

static void witness_check(paddr_t frames)
{
    const uint64_t *word = hal_phys_to_virt(frames);

    for (uint32_t i = 0; i < WITNESS * PAGE_SIZE / 8; i++) {
        ck_assert_uint_eq(word[i], witness_word(i));
    }
    phys_free(frames, WITNESS);
}

static void maps_check(const struct box *box)
{
    char text[256];
    const uint32_t breaches = hosted_space_check(box->space, text, sizeof(text));

    ck_assert_msg(breaches == 0, "%s", text);
}

/* A box under observation: its threads are traced, and frames taken before and after its own hold
 * a pattern. */
struct guard {
    struct trace trace;
    paddr_t witness[2];
};

static void guard_open(struct guard *guard, struct box *box)
{
    guard->witness[0] = witness_make();
    box_open(box);
    guard->witness[1] = witness_make();
    trace_begin(&guard->trace, box->user->tid);
}

/* Nothing but calls of number `but` was executed, the stub's mappings are what the tables say if it
 * lives, and no frame has changed. */
static void guard_close_but(struct guard *guard, struct box *box, uint32_t but)
{
    ck_assert_uint_eq(trace_end_but(&guard->trace, but), 0);
    if (!atomic_load(&box->space->dead)) {
        maps_check(box);
    }
    witness_check(guard->witness[1]);
    box_close(box);
    witness_check(guard->witness[0]);
}

static void guard_close(struct guard *guard, struct box *box)
{
    guard_close_but(guard, box, UINT32_MAX);
}

/* Orders for the programs: a number or address, six arguments that would do harm, a stack pointer.
 * */
static void order(struct box *box, uint64_t what, const uint64_t argument[6], uint64_t sp)
{
    uint64_t *const word = (uint64_t *)(void *)box->data;

    word[0] = what;
    memcpy(&word[1], argument, 6 * sizeof(uint64_t));
    word[7] = sp;
}

static const uint64_t g_harm[][6] = {
    { STUB_FD_SOCKET, USER_DATA, 64, 0, 0, 0 },        /* answer in the mm thread's name */
    { STUB_FD_RAM, USER_DATA, 4096, 0, 0, 0 },         /* write into physical memory */
    { STUB_TEXT, PAGE_SIZE, 7, 0x11, STUB_FD_RAM, 0 }, /* map over the stub, unmap it, open it */
    { USER_CODE, PAGE_SIZE * 16, 7, 0x11, STUB_FD_RAM, 0 }, /* map physical memory */
    { 0, 9, 0, 0, 0, 0 },                                   /* kill the process group */
};

/* ---- tests ----------------------------------------------------------------------------------- */

/* One call of user code must arrive as itself. */
static void expect_arrival(struct box *box, uint32_t nr, const uint64_t argument[6])
{
    struct hal_user_event event;

    order(box, nr, argument, 0);
    box_run(box->user, &event);
    ck_assert_msg(event.reason == HAL_USER_SYSCALL && (uint32_t)event.nr == nr,
                  "call %#x came as reason %u number %#x vector %u", nr, event.reason,
                  (unsigned)event.nr, event.vector);
    ck_assert_mem_eq(event.arg, argument, sizeof(event.arg));
    hal_user_result(box->user, -ENOSYS);
}

/* Every call number, of every kind, with arguments that would do harm: all reach the kernel, none
 * the host. */
START_TEST(stub_calls_never_reach_the_host)
{
    static const uint32_t odd[] = { UINT32_MAX,       0x80000000u,  0x7fffffffu,
                                    STUB_HANDOVER_NR, NR_X32 | 520, NR_X32 | 0x3fffffffu };
    struct guard guard;
    struct box box;

    guard_open(&guard, &box);
    BOX_START(&box, any_call);
    for (uint32_t i = 0; i < ARRAY_COUNT(g_harm); i++) {
        for (uint32_t nr = 0; nr <= NR_HOST_LAST; nr++) {
            if (nr == NR_URETPROBE || nr == NR_URETPROBE + 1) {
                continue;
            }
            expect_arrival(&box, nr, g_harm[i]);
            expect_arrival(&box, nr | NR_X32, g_harm[i]);
        }
        for (uint32_t k = 0; k < ARRAY_COUNT(odd); k++) {
            expect_arrival(&box, odd[k], g_harm[i]);
        }
    }
    guard_close(&guard, &box);
}
END_TEST

/* The host's own back door for uprobes kills whoever else uses it; here it is an exception. */
START_TEST(stub_uretprobe_does_nothing)
{
    struct hal_user_event event;
    struct guard guard;
    struct box box;

    guard_open(&guard, &box);
    order(&box, NR_URETPROBE, g_harm[0], 0);
    BOX_START(&box, any_call);
    box_run(box.user, &event);
    ck_assert(event.reason == HAL_USER_SYSCALL ||
              (event.reason == HAL_USER_EXCEPTION && event.vector == 6));
    guard_close_but(&guard, &box, NR_URETPROBE);
}
END_TEST

/* The 32-bit gate ends in an exception whatever is asked of it. */
START_TEST(stub_int80_is_an_exception)
{
    struct hal_user_event event;
    struct guard guard;
    struct box box;

    guard_open(&guard, &box);
    for (uint32_t nr = 0; nr < 400; nr++) {
        BOX_START(&box, any_int80);
        order(&box, nr, g_harm[nr % ARRAY_COUNT(g_harm)], 0);
        box_run(box.user, &event);
        ck_assert_uint_eq(event.reason, HAL_USER_EXCEPTION);
        ck_assert_uint_eq(event.vector, 13);
    }
    guard_close(&guard, &box);
}
END_TEST

static struct hal_user *_Atomic g_watched;

/* Interrupt whatever runs too long. */
static void watch_fire(struct timer *timer)
{
    struct hal_user *const user = atomic_load(&g_watched);

    if (user != NULL) {
        hal_user_interrupt(user);
    }
    timer_arm(timer, hal_clock_ns() + 3000000);
}

/* A box whose host calls are traced, for as long as its process lives. */
static void traced_open(struct box *box, struct guard *guard)
{
    guard_open(guard, box);
    atomic_store(&g_watched, box->user);
}

static void traced_close(struct box *box, struct guard *guard)
{
    atomic_store(&g_watched, NULL);
    guard_close(guard, box);
}

/* One jump to `target`, and what follows from it for a few events. False if that was the process's
 * end. */
static bool jump_to(struct box *box, uint64_t target, uint64_t sp)
{
    struct hal_user_event event = { .reason = HAL_USER_INTERRUPT };

    order(box, target, g_harm[target % ARRAY_COUNT(g_harm)], sp);
    BOX_START(box, any_jump);
    for (uint32_t i = 0; i < 3 && event.reason != HAL_USER_DEAD; i++) {
        box_run(box->user, &event);
        if (event.reason == HAL_USER_SYSCALL) {
            hal_user_result(box->user, -ENOSYS);
        }
    }
    return event.reason != HAL_USER_DEAD;
}

/* Into the stub at every byte, with a stack in user memory and with one in its area: no host call
 * results. */
START_TEST(stub_jumps_into_it_gain_nothing)
{
    static const uint64_t stack[] = { USER_DATA + 0x800, STUB_AREAS + STUB_AREA_BYTES / 2 };
    struct guard guard;
    struct timer timer;
    struct box box;

    timer_init(&timer, watch_fire);
    timer_arm(&timer, 0);
    traced_open(&box, &guard);
    for (uint64_t target = align_down(stub_sites()->handler, PAGE_SIZE); target < stub_sites()->end;
         target++) {
        for (uint32_t i = 0; i < ARRAY_COUNT(stack); i++) {
            if (!jump_to(&box, target, stack[i])) {
                traced_close(&box, &guard);
                traced_open(&box, &guard);
            }
        }
    }
    traced_close(&box, &guard);
    (void)timer_cancel_sync(&timer);
}
END_TEST

/* The trace itself works: the mm thread's calls are seen. */
START_TEST(stub_trace_sees_real_calls)
{
    struct trace trace;
    struct box box;

    box_open(&box);
    trace_begin(&trace, box.space->pid);
    (void)box_page(&box, USER_ELSE, DATA_RIGHTS);
    const uint32_t calls = trace_end(&trace);

    ck_assert(!trace.on || calls >= 2);
    box_close(&box);
}
END_TEST

/* A frame forged in user memory ends the process; nobody else notices. */
START_TEST(stub_forged_frame_ends_its_process_only)
{
    struct hal_user_event event;
    struct guard guard;
    struct box box, other;
    const uint64_t none[6] = { 0 };
    const uint64_t hand_over = stub_sites()->entered - 2; /* the call itself */
    const uint64_t forged[6] = { 11, USER_DATA + 0x200, 0, 0, 0, 0 };

    guard_open(&guard, &box);
    box_open(&other);
    order(&box, hand_over, forged, USER_DATA + 0x800);
    memcpy(box.code, user_any_jump, (size_t)(user_any_jump_end - user_any_jump));
    /* any_jump puts 9 into eax; the number of the hand-over goes there instead. */
    uint8_t *const at = memchr(box.code, 0xb8, 128);

    ck_assert_ptr_nonnull(at);
    const uint32_t nr = STUB_HANDOVER_NR;

    memcpy(at + 1, &nr, sizeof(nr));
    hal_user_start(box.user, USER_CODE, STACK_TOP);
    box_run(box.user, &event);
    ck_assert_uint_eq(event.reason, HAL_USER_DEAD);
    box_run(box.user, &event);
    ck_assert_uint_eq(event.reason, HAL_USER_DEAD);
    order(&other, NR_PLAIN, none, 0);
    BOX_START(&other, any_call);
    box_run(other.user, &event);
    ck_assert_uint_eq(event.reason, HAL_USER_SYSCALL);
    box_close(&other);
    guard_close(&guard, &box);
}
END_TEST

/* With the stack pointer near the start of its thread's area no signal frame finds room: the host
 * ends the stub at the next exception, and nothing else happens. */
START_TEST(stub_without_room_for_a_frame_ends)
{
    struct hal_user_event event;
    struct guard guard;
    struct box box;

    guard_open(&guard, &box);
    memcpy(box.code, (const uint8_t[]){ 0x0f, 0x0b }, 2); /* ud2 */
    hal_user_start(box.user, USER_CODE, STUB_AREAS + 1024);
    box_run(box.user, &event);
    ck_assert_uint_eq(event.reason, HAL_USER_DEAD);
    ck_assert_uint_eq(event.error, HAL_DEAD_HOSTILE);
    guard_close(&guard, &box);
}
END_TEST

/* Flags that trap or that iretq dislikes do not upset the way in or back. */
START_TEST(stub_survives_odd_flags)
{
    struct hal_user_event event;
    struct guard guard;
    struct box box;

    guard_open(&guard, &box);
    BOX_START(&box, flags);
    for (uint32_t i = 0; i < 2; i++) {
        box_run(box.user, &event);
        ck_assert_uint_eq(event.reason, HAL_USER_SYSCALL);
        ck_assert_uint_eq(event.nr, i == 0 ? NR_TRAPPED : NR_PLAIN);
    }
    box_run(box.user, &event);
    ck_assert_uint_eq(event.reason, HAL_USER_EXCEPTION);
    ck_assert_uint_eq(event.vector, 6);
    BOX_START(&box, step);
    box_run(box.user, &event);
    ck_assert_uint_eq(event.reason, HAL_USER_EXCEPTION);
    ck_assert_uint_eq(event.vector, 1);
    BOX_START(&box, vsyscall);
    box_run(box.user, &event);
    ck_assert(event.reason == HAL_USER_SYSCALL || event.reason == HAL_USER_FAULT);
    guard_close(&guard, &box);
}
END_TEST

/* Text and command pages cannot be written; the area can, and that harms its owner alone. */
START_TEST(stub_pages_are_read_only)
{
    const vaddr_t place[] = { STUB_TEXT, stub_sites()->handler, STUB_CMD,
                              STUB_CMD + STUB_CMD_BYTES - 8 };
    struct hal_user_event event;
    struct guard guard;
    struct box box;

    guard_open(&guard, &box);
    for (uint32_t i = 0; i < ARRAY_COUNT(place); i++) {
        BOX_START(&box, store);
        box_arguments(box.user, place[i], UINT64_MAX);
        box_run(box.user, &event);
        ck_assert_uint_eq(event.reason, HAL_USER_FAULT);
        ck_assert_uint_eq(event.addr, place[i]);
        ck_assert_uint_eq(event.access & HAL_ACCESS_WRITE, HAL_ACCESS_WRITE);
    }
    guard_close(&guard, &box);
}
END_TEST

static void scribbler(void *arg)
{
    struct hal_user_event event;

    box_run(arg, &event);
}

/* Another thread of the process overwrites a thread's area all the time, frames and all. Whatever
 * that one then reports, the kernel keeps its head and other memory its contents. */
START_TEST(stub_area_may_be_scribbled_over)
{
    const uint64_t none[6] = { 0 };
    struct hal_user_event event;
    struct timer timer;

    timer_init(&timer, watch_fire);
    timer_arm(&timer, 0);
    for (uint32_t round = 0; round < 12; round++) {
        struct hal_user *second = NULL;
        struct thread *thread = NULL;
        struct guard guard;
        struct box box;

        guard_open(&guard, &box);
        ck_assert_int_eq(hal_user_create(box.space, &second), EXO_OK);
        trace_add(&guard.trace, second->tid);
        uint64_t *const word = (uint64_t *)(void *)(box.data + 0x800);

        word[0] = STUB_AREAS + (round % 2 == 0 ? 0 : STUB_AREA_BYTES - 4096);
        word[1] = round % 2 == 0 ? STUB_AREA_BYTES / 8 : 64 + round;
        memcpy(box.code + 0x800, user_scribble, (size_t)(user_scribble_end - user_scribble));
        hal_user_start(second, USER_CODE + 0x800, STACK_TOP - 1024);
        const struct thread_spec spec = {
            .name = "scribbler", .entry = scribbler, .arg = second, .cpu = THREAD_ANY_CPU
        };

        order(&box, NR_TRAPPED, none, 0);
        BOX_START(&box, any_call);
        ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
        atomic_store(&g_watched, box.user);
        for (uint32_t i = 0; i < 300; i++) {
            box_run(box.user, &event);
            if (event.reason == HAL_USER_DEAD) {
                break;
            }
        }
        atomic_store(&g_watched, NULL);
        hal_user_interrupt(second);
        thread_join(thread, NULL);
        hal_user_destroy(second);
        guard_close(&guard, &box);
    }
    (void)timer_cancel_sync(&timer);
}
END_TEST

EXO_SUITE(stub_hostile, EXO_TEST_TIMED(stub_calls_never_reach_the_host, 60),
          EXO_TEST(stub_trace_sees_real_calls), EXO_TEST(stub_uretprobe_does_nothing),
          EXO_TEST(stub_int80_is_an_exception),
          EXO_TEST_TIMED(stub_jumps_into_it_gain_nothing, 120),
          EXO_TEST(stub_forged_frame_ends_its_process_only),
          EXO_TEST(stub_without_room_for_a_frame_ends), EXO_TEST(stub_survives_odd_flags),
          EXO_TEST(stub_pages_are_read_only), EXO_TEST_TIMED(stub_area_may_be_scribbled_over, 60))
