/*
 * test_stub_end.c - a process that breaks its own stub is told to its parent as what it is.
 */
#include <string.h>

#include "exo_check.h"
#include "platform/hosted/user/stub.h"
#include "tests/core/proc/end_run.h"

static uint8_t g_file[END_FILE_SIZE] EXO_ALIGNED(8);

/* With the stack pointer near the start of its thread's area no signal frame finds room, so the
 * host ends the stub at the next exception. */
START_TEST(stub_broken_by_its_program_is_a_hostile_end)
{
    uint8_t code[] = { 0x48, 0xbc, 0, 0, 0, 0, 0, 0, 0, 0, 0x0f, 0x0b }; /* movabs ..., %rsp; ud2 */
    const uint64_t sp = STUB_AREAS + 1024;

    memcpy(&code[2], &sp, sizeof(sp));
    const struct exo_end end = end_run(g_file, code, sizeof(code));

    ck_assert_uint_eq(end.reason, EXO_END_HOSTILE);
    ck_assert_int_eq(end.status, PROC_STATUS_KILLED);
    ck_assert_uint_eq(end.addr | end.pc | end.vector | end.access, 0);
}
END_TEST

/* A forged hand-over: the kernel sees that no handler made it. */
START_TEST(stub_forged_frame_is_a_hostile_end)
{
    const uint64_t hand_over = stub_sites()->entered - 2; /* the call itself */
    const uint32_t nr = STUB_HANDOVER_NR;
    uint8_t code[] = { 0xbf, 11,   0,    0,    0,             /* mov $11,%edi: SIGSEGV */
                       0xbe, 0,    0x21, 0x40, 0,             /* mov data,%esi: the frame */
                       0x31, 0xd2, 0x45, 0x31, 0xd2,          /* xor %edx,%edx; xor %r10d,%r10d */
                       0x45, 0x31, 0xc0, 0xb8, 0,    0, 0, 0, /* xor %r8d,%r8d; mov nr,%eax */
                       0x48, 0xb9, 0,    0,    0,    0, 0, 0, 0, 0, /* movabs hand_over,%rcx */
                       0xff, 0xe1 };                                /* jmp *%rcx */

    memcpy(&code[19], &nr, sizeof(nr));
    memcpy(&code[25], &hand_over, sizeof(hand_over));
    const struct exo_end end = end_run(g_file, code, sizeof(code));

    ck_assert_uint_eq(end.reason, EXO_END_HOSTILE);
    ck_assert_int_eq(end.status, PROC_STATUS_KILLED);
}
END_TEST

EXO_SUITE(stub_end, EXO_TEST(stub_broken_by_its_program_is_a_hostile_end),
          EXO_TEST(stub_forged_frame_is_a_hostile_end))
