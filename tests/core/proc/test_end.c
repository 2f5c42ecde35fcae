/*
 * test_end.c - whoever waits for a process learns why it ended: reason, address, pc.
 */
#include "end.h"
#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/sched/thread.h"
#include "exo_check.h"
#include "tests/core/proc/end_run.h"

#define SIGNAL(number) (PROC_STATUS_SIGNAL + (number))

static uint8_t g_file[END_FILE_SIZE] EXO_ALIGNED(8);
static uint8_t g_other_file[END_FILE_SIZE] EXO_ALIGNED(8);

struct ending {
    const char *what;
    struct exo_end end;
    uint8_t code[16];
};

static const struct ending g_endings[] = {
    { "exit 9",
      { .reason = EXO_END_EXIT, .status = 9 },
      { 0xbf, 9, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05 } },
    { "read address 8",
      { EXO_END_NULL, SIGNAL(11), 14, EXO_END_READ, 8, END_CODE_AT + 2 },
      { 0x31, 0xc0, 0x8a, 0x40, 0x08 } },
    { "call address 0",
      { EXO_END_NULL, SIGNAL(11), 14, EXO_END_EXEC, 0, 0 },
      { 0x31, 0xc0, 0xff, 0xe0 } },
    { "divide by 0",
      { .reason = EXO_END_DIVIDE, .status = SIGNAL(8), .vector = 0, .pc = END_CODE_AT + 4 },
      { 0x31, 0xc9, 0x31, 0xd2, 0xf7, 0xf1 } },
    { "push for ever",
      { EXO_END_STACK, SIGNAL(11), 14, EXO_END_WRITE, 0, END_CODE_AT },
      { 0x50, 0xeb, 0xfd } },
    { "jump to data",
      { EXO_END_EXEC_DATA, SIGNAL(11), 14, EXO_END_EXEC, END_DATA_AT, END_DATA_AT },
      { 0xb8, 0x00, 0x21, 0x40, 0x00, 0xff, 0xe0 } },
    { "jump to the stack",
      { EXO_END_EXEC_DATA, SIGNAL(11), 14, EXO_END_EXEC, 0, 0 },
      { 0xff, 0xe4 } },
    { "write to its code",
      { EXO_END_DENIED, SIGNAL(11), 14, EXO_END_WRITE, END_CODE_AT, END_CODE_AT },
      { 0xc6, 0x04, 0x25, 0x00, 0x10, 0x40, 0x00, 0x01 } },
    { "read what is not mapped",
      { EXO_END_UNMAPPED, SIGNAL(11), 14, EXO_END_READ, 0x10000000, END_CODE_AT },
      { 0x8a, 0x04, 0x25, 0x00, 0x00, 0x00, 0x10 } },
    { "write to the system's memory",
      { EXO_END_SYSTEM, SIGNAL(11), 14, EXO_END_WRITE, 0xffffffff80000000ull, END_CODE_AT },
      { 0xc6, 0x04, 0x25, 0x00, 0x00, 0x00, 0x80, 0x01 } },
    { "halt",
      { .reason = EXO_END_PRIVILEGED, .status = SIGNAL(11), .vector = 13, .pc = END_CODE_AT },
      { 0xf4 } },
    { "undefined instruction",
      { .reason = EXO_END_EXCEPTION, .status = SIGNAL(4), .vector = 6, .pc = END_CODE_AT },
      { 0x0f, 0x0b } },
};

static void expect_end(const struct ending *ending, const struct exo_end *got)
{
    const struct exo_end *const want = &ending->end;
    char text[PROC_END_TEXT_MAX];

    proc_end_format(got, text, sizeof(text));
    ck_assert_msg(got->reason == want->reason && got->status == want->status &&
                      got->vector == want->vector && got->access == want->access,
                  "%s: %s (reason %u vector %u access %u)", ending->what, text, got->reason,
                  got->vector, got->access);
    if (want->reason == EXO_END_STACK) { /* the stack's place is drawn, its pages are whole */
        ck_assert_uint_eq(got->addr % PAGE_SIZE, PAGE_SIZE - 8);
        ck_assert_uint_eq(got->pc, want->pc);
        return;
    }
    if (want->reason == EXO_END_EXEC_DATA && want->addr == 0) {
        ck_assert_uint_ne(got->addr, 0);
        ck_assert_uint_eq(got->addr, got->pc);
        return;
    }
    ck_assert_msg(got->addr == want->addr && got->pc == want->pc, "%s: %s", ending->what, text);
}

/* Every way to end is told with its address and its instruction, and ends that program alone: one
 * that sleeps goes on until it is killed, and is told so. */
START_TEST(proc_end_says_why)
{
    /* push 0; push 100; nanosleep(rsp, 0); and again */
    static const uint8_t sleep[] = { 0x6a, 0x00, 0x6a, 0x64, 0x48, 0x89, 0xe7, 0x31, 0xf6,
                                     0xb8, 35,   0,    0,    0,    0x0f, 0x05, 0xeb, 0xfe };
    struct proc *const other = end_spawn(g_other_file, sleep, sizeof(sleep));
    struct exo_end end;

    for (uint32_t i = 0; i < ARRAY_COUNT(g_endings); i++) {
        end = end_run(g_file, g_endings[i].code, sizeof(g_endings[i].code));
        expect_end(&g_endings[i], &end);
    }
    ck_assert(!proc_ending(other));
    proc_kill(other);
    proc_wait_end(other, &end);
    ck_assert_uint_eq(end.reason, EXO_END_KILLED);
    ck_assert_int_eq(end.status, PROC_STATUS_KILLED);
    ck_assert_uint_eq(end.addr | end.pc | end.vector | end.access, 0);
}
END_TEST

/* What a back end cannot be made to report at will: names of the rest. */
START_TEST(proc_end_names_every_event)
{
    const struct {
        struct hal_user_event event;
        exo_status_t status;
        uint32_t reason;
    } row[] = {
        { { .reason = HAL_USER_FAULT, .addr = 0x700000 }, EXO_ERR_NO_MEMORY, EXO_END_NO_MEMORY },
        { { .reason = HAL_USER_FAULT, .addr = 0x700000 }, EXO_ERR_IO, EXO_END_IO },
        { { .reason = HAL_USER_FAULT, .addr = 0x700000 }, EXO_ERR_DEAD, EXO_END_LOST },
        { { .reason = HAL_USER_FAULT, .addr = 0x800000 - VM_STACK_GAP },
          EXO_ERR_BAD_ADDRESS,
          EXO_END_STACK },
        { { .reason = HAL_USER_FAULT, .addr = 0x800000 - VM_STACK_GAP - 1 },
          EXO_ERR_BAD_ADDRESS,
          EXO_END_UNMAPPED },
        { { .reason = HAL_USER_FAULT, .addr = 0x800000 }, EXO_ERR_BAD_ADDRESS, EXO_END_UNMAPPED },
        { { .reason = HAL_USER_FAULT, .addr = 0x7fffff }, EXO_ERR_ACCESS_DENIED, EXO_END_DENIED },
        { { .reason = HAL_USER_FAULT, .addr = HAL_USER_MAX }, EXO_ERR_BAD_ADDRESS, EXO_END_SYSTEM },
        { { .reason = HAL_USER_DEAD, .error = HAL_DEAD_HOSTILE }, EXO_OK, EXO_END_HOSTILE },
        { { .reason = HAL_USER_DEAD }, EXO_OK, EXO_END_LOST },
    };

    for (uint32_t i = 0; i < ARRAY_COUNT(row); i++) {
        const struct end_facts facts = { .status = row[i].status, .stack_start = 0x800000 };
        struct exo_end end;

        end_of_event(&row[i].event, &facts, &end);
        ck_assert_msg(end.reason == row[i].reason, "row %u gave reason %u", i, end.reason);
    }
}
END_TEST

/* The sentences that the monitor prints. */
START_TEST(proc_end_reads_as_english)
{
    char text[PROC_END_TEXT_MAX];
    char cut[8];

    proc_end_format(&g_endings[1].end, text, sizeof(text));
    ck_assert_str_eq(text, "followed a null pointer: read of 0x8 at pc 0x401002, status 139");
    proc_end_format(&g_endings[3].end, text, sizeof(text));
    ck_assert_str_eq(text, "divided by zero: exception 0 at pc 0x401004, status 136");
    proc_end_format(&g_endings[0].end, text, sizeof(text));
    ck_assert_str_eq(text, "ended by itself, status 9");
    proc_end_format(&(struct exo_end){ .reason = EXO_END_HOSTILE, .status = 137 }, cut,
                    sizeof(cut));
    ck_assert_str_eq(cut, "attacke");
    for (uint32_t reason = 0; reason <= EXO_END_LOST; reason++) {
        ck_assert_str_ne(exo_end_text(reason), exo_end_text(UINT32_MAX));
    }
}
END_TEST

EXO_SUITE(proc_end, EXO_TEST(proc_end_says_why), EXO_TEST(proc_end_names_every_event),
          EXO_TEST(proc_end_reads_as_english))
