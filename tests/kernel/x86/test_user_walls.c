/*
 * test_user_walls.c - what the processor itself holds against user code and against a kernel that
 * is led astray by it: SMEP, SMAP, UMIP, gates, the end of the address range; and how often other
 * CPUs are asked when user pages go.
 *
 * Where the processor lacks a feature its test has nothing to look at; QEMU's -cpu max has all.
 */
#include "exo/hal.h"
#include "exo/hal/user.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo/mem/pt.h"
#include "exo/mem/vm.h"
#include "exo/sched/thread.h"
#include "exo/sync/preempt.h"
#include "exo_check.h"
#include "exo_panic.h"
#include "platform/x86_64/cpuid.h"
#include "platform/x86_64/trap.h"
#include "platform/x86_64/user.h"

#define CODE_AT 0x400000ull
#define DATA_AT 0x600000ull
#define LAST_AT 0x7ffffffff000ull /* the last page below the addresses that are none */
#define RIGHTS  (PT_READ | PT_WRITE | PT_USER)
#define INT_LEN 2u

/* Two pages of user memory, code and data, and a thread. */
struct room {
    paddr_t root;
    paddr_t code;
    paddr_t data;
    struct hal_space *space;
    struct hal_user *user;
};

static uint8_t *room_open(struct room *room, vaddr_t code_at)
{
    ck_assert_int_eq(pt_create(&room->root), EXO_OK);
    ck_assert_int_eq(hal_space_create(room->root, &room->space), EXO_OK);
    ck_assert_int_eq(phys_alloc_zeroed(&room->code), EXO_OK);
    ck_assert_int_eq(phys_alloc_zeroed(&room->data), EXO_OK);
    ck_assert_int_eq(pt_map(room->root, code_at, room->code, 1, PT_READ | PT_EXEC | PT_USER),
                     EXO_OK);
    ck_assert_int_eq(pt_map(room->root, DATA_AT, room->data, 1, RIGHTS), EXO_OK);
    ck_assert_int_eq(hal_user_create(room->space, &room->user), EXO_OK);
    return hal_phys_to_virt(room->code);
}

static void room_close(struct room *room)
{
    hal_user_destroy(room->user);
    hal_space_destroy(room->space);
    pt_destroy(room->root, LAST_AT + PAGE_SIZE);
    phys_free(room->root, 1);
    phys_free(room->code, 1);
    phys_free(room->data, 1);
}

static struct hal_user_event run(struct hal_user *user)
{
    struct hal_user_event event;

    hal_user_run(user, &event);
    while (event.reason == HAL_USER_QUANTUM) {
        thread_yield();
        hal_user_run(user, &event);
    }
    return event;
}

/* ---- the kernel led astray ------------------------------------------------------------------- */

/* Stay on a CPU that has the user's tables. */
static void tables_hold(const struct room *room)
{
    uint8_t byte = 0;

    preempt_disable();
    (void)hal_user_copy_in(room->space, &byte, CODE_AT, 1);
}

static void kernel_calls_user_code(void *arg)
{
    tables_hold(arg);
    ((void (*)(void))CODE_AT)();
    preempt_enable();
}

static void kernel_reads_user_data(void *arg)
{
    tables_hold(arg);
    (void)*(const volatile uint64_t *)DATA_AT;
    preempt_enable();
}

static void kernel_writes_user_data(void *arg)
{
    tables_hold(arg);
    *(volatile uint64_t *)DATA_AT = 1;
    preempt_enable();
}

/* With SMEP the kernel cannot be made to run a user page, whatever pointer it follows. */
START_TEST(smep_keeps_the_kernel_from_user_code)
{
    struct room room;
    uint8_t *const code = room_open(&room, CODE_AT);

    code[0] = 0xc3; /* ret */
    if (cpuid_info()->smep) {
        ck_assert(panic_is_caught(kernel_calls_user_code, &room, "(a user address)"));
    }
    room_close(&room);
}
END_TEST

/* With SMAP it cannot read or write user data but in the copies made for that, which still work. */
START_TEST(smap_keeps_the_kernel_from_user_data)
{
    uint64_t word = 4711;
    struct room room;

    (void)room_open(&room, CODE_AT);
    if (cpuid_info()->smap) {
        ck_assert(panic_is_caught(kernel_reads_user_data, &room, "(a user address)"));
        ck_assert(panic_is_caught(kernel_writes_user_data, &room, "(a user address)"));
    }
    ck_assert_uint_eq(hal_user_copy_out(room.space, DATA_AT, &word, sizeof(word)), 0);
    word = 0;
    ck_assert_uint_eq(hal_user_copy_in(room.space, &word, DATA_AT, sizeof(word)), 0);
    ck_assert_uint_eq(word, 4711);
    if (cpuid_info()->smap) { /* the copies have closed it again */
        ck_assert(panic_is_caught(kernel_reads_user_data, &room, "(a user address)"));
    }
    room_close(&room);
}
END_TEST

/* User code that sets the flag which opens SMAP (AC) opens it for itself: interrupts and system
 * calls out of it find the kernel closed. */
START_TEST(smap_is_closed_when_user_code_is_left)
{
    static const uint8_t set_ac_call[] = { 0x9c, 0x81, 0x0c, 0x24, 0,    0,   4,
                                           0,    0x9d, 0x0f, 0x05, 0x0f, 0x0b };
    struct room room;

    memcpy(room_open(&room, CODE_AT), set_ac_call, sizeof(set_ac_call));
    hal_user_start(room.user, CODE_AT, DATA_AT + PAGE_SIZE);
    for (uint32_t i = 0; i < 2; i++) { /* SYSCALL, then an exception */
        const struct hal_user_event event = run(room.user);
        uint64_t flags;

        __asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags));
        ck_assert_uint_eq(event.reason, i == 0 ? HAL_USER_SYSCALL : HAL_USER_EXCEPTION);
        ck_assert(!cpuid_info()->smap || (flags & 0x40000u) == 0);
    }
    room_close(&room);
}
END_TEST

/* ---- user code ------------------------------------------------------------------------------- */

/* With UMIP user code cannot read where the kernel's tables lie. */
START_TEST(umip_hides_the_system_tables)
{
    static const uint8_t ask[][3] = { { 0x0f, 0x01, 0x07 },   /* sgdt (%rdi) */
                                      { 0x0f, 0x01, 0x0f },   /* sidt (%rdi) */
                                      { 0x0f, 0x00, 0x07 },   /* sldt (%rdi) */
                                      { 0x0f, 0x00, 0x0f },   /* str (%rdi) */
                                      { 0x0f, 0x01, 0x27 } }; /* smsw (%rdi) */
    struct hal_user_regs regs;
    struct room room;
    uint8_t *const code = room_open(&room, CODE_AT);

    for (uint32_t i = 0; i < ARRAY_COUNT(ask) && cpuid_info()->umip; i++) {
        memcpy(code, ask[i], sizeof(ask[i]));
        hal_user_start(room.user, CODE_AT, DATA_AT + PAGE_SIZE);
        hal_user_regs_get(room.user, &regs);
        regs.rdi = DATA_AT;
        ck_assert_int_eq(hal_user_regs_set(room.user, &regs), EXO_OK);
        const struct hal_user_event event = run(room.user);

        ck_assert_msg(event.reason == HAL_USER_EXCEPTION && event.vector == TRAP_PROTECTION,
                      "instruction %u came as reason %u vector %u", i, event.reason, event.vector);
        ck_assert_uint_eq(*(const uint64_t *)hal_phys_to_virt(room.data), 0);
    }
    room_close(&room);
}
END_TEST

/* Of the 256 gates user code may pass those of breakpoint and overflow alone. */
START_TEST(user_gates_are_closed_but_two)
{
    struct room room;
    uint8_t *const code = room_open(&room, CODE_AT);

    for (uint32_t vector = 0; vector < 256; vector++) {
        const bool open = vector == 3 || vector == 4;

        code[0] = 0xcd; /* int */
        code[1] = (uint8_t)vector;
        hal_user_start(room.user, CODE_AT, DATA_AT + PAGE_SIZE);
        const struct hal_user_event event = run(room.user);

        ck_assert_uint_eq(event.reason, HAL_USER_EXCEPTION);
        ck_assert_msg(event.vector == (open ? vector : TRAP_PROTECTION) &&
                          event.addr == CODE_AT + (open ? INT_LEN : 0),
                      "int %u came as vector %u", vector, event.vector);
    }
    room_close(&room);
}
END_TEST

/* A system call in the last two bytes below the addresses that are none would return to such an
 * address: SYSRET faults on that in the kernel, on some processors with the user's stack. It is
 * decided in software that the thread gets an exception. */
START_TEST(user_call_at_the_last_address_returns_nowhere)
{
    struct room room;
    uint8_t *const code = room_open(&room, LAST_AT);

    code[PAGE_SIZE - 2] = 0x0f; /* syscall */
    code[PAGE_SIZE - 1] = 0x05;
    for (uint32_t round = 0; round < 3; round++) {
        hal_user_start(room.user, LAST_AT + PAGE_SIZE - 2, DATA_AT + PAGE_SIZE);
        ck_assert_uint_eq(run(room.user).reason, HAL_USER_SYSCALL);
        hal_user_result(room.user, 0);
        for (uint32_t i = 0; i < 2; i++) {
            const struct hal_user_event event = run(room.user);

            ck_assert_uint_eq(event.reason, HAL_USER_EXCEPTION);
            ck_assert_uint_eq(event.vector, TRAP_PROTECTION);
            ck_assert_uint_eq(event.addr, LAST_AT + PAGE_SIZE);
            ck_assert_uint_eq(room.user->frame.vector, TRAP_SYSCALL); /* not by trying it */
        }
    }
    room_close(&room);
}
END_TEST

/* ---- shoot-downs ----------------------------------------------------------------------------- */

#define MANY_PAGES    200u
#define PAGES_A_ROUND 32u /* at least, when pages go one by one from the tables */
#define ROUNDS_MAX    (MANY_PAGES / PAGES_A_ROUND + 1)

/* Other CPUs are asked once for a whole range and for many ranges, and not at all for pages that
 * were only added. */
START_TEST(space_flush_asks_once)
{
    struct hal_flush_range range[8];
    struct room room;
    uint8_t byte = 0;

    (void)room_open(&room, CODE_AT);
    for (uint32_t i = 0; i < ARRAY_COUNT(range); i++) {
        range[i] = (struct hal_flush_range){ .start = DATA_AT + i * MANY_PAGES * PAGE_SIZE,
                                             .page_count = MANY_PAGES,
                                             .only_added = true };
    }
    ck_assert_int_eq(hal_space_flush(room.space, range, ARRAY_COUNT(range)), EXO_OK);
    ck_assert_uint_eq(atomic_load(&room.space->rounds), 0);
    range[3].only_added = false;
    ck_assert_int_eq(hal_space_flush(room.space, range, ARRAY_COUNT(range)), EXO_OK);
    ck_assert_uint_eq(atomic_load(&room.space->rounds), 0); /* no CPU has loaded it */
    preempt_disable(); /* a CPU has it, and keeps it while nobody else runs there */
    ck_assert_uint_eq(hal_user_copy_in(room.space, &byte, CODE_AT, 1), 0);
    ck_assert_int_eq(hal_space_flush(room.space, range, 3), EXO_OK);
    ck_assert_uint_eq(atomic_load(&room.space->rounds), 0); /* added only */
    ck_assert_int_eq(hal_space_flush(room.space, range, ARRAY_COUNT(range)), EXO_OK);
    preempt_enable();
    ck_assert_uint_eq(atomic_load(&room.space->rounds), 1);
    room_close(&room);
}
END_TEST

/* vm_unmap() and vm_protect() of many touched pages: few rounds each, not one a page. */
START_TEST(vm_changes_shoot_down_in_batches)
{
    struct vm_object *zero = vm_object_zero();
    const struct vm_map_spec spec = { .addr = DATA_AT,
                                      .len_bytes = MANY_PAGES * PAGE_SIZE,
                                      .prot = VM_PROT_READ | VM_PROT_WRITE,
                                      .flags = VM_MAP_FIXED,
                                      .object = zero };
    struct vm_space *space = NULL;
    uint8_t byte = 0;
    vaddr_t at = 0;

    ck_assert_int_eq(vm_space_create(&space), EXO_OK);
    ck_assert_int_eq(vm_map(space, &spec, &at), EXO_OK);
    vm_object_unref(zero);
    ck_assert_int_eq(vm_write(space, DATA_AT, NULL, MANY_PAGES * PAGE_SIZE), EXO_OK);
    struct hal_space *const hal = vm_space_hal(space);

    ck_assert_uint_eq(hal_user_copy_in(hal, &byte, DATA_AT, 1), 0);
    const uint64_t before = atomic_load(&hal->rounds);

    ck_assert_int_eq(vm_protect(space, DATA_AT, MANY_PAGES * PAGE_SIZE, VM_PROT_READ), EXO_OK);
    ck_assert_uint_le(atomic_load(&hal->rounds) - before, ROUNDS_MAX);
    ck_assert_int_eq(vm_unmap(space, DATA_AT, MANY_PAGES * PAGE_SIZE), EXO_OK);
    ck_assert_uint_le(atomic_load(&hal->rounds) - before, 2 * ROUNDS_MAX);
    vm_space_destroy(space);
}
END_TEST

EXO_SUITE(x86_user_walls, EXO_TEST(smep_keeps_the_kernel_from_user_code),
          EXO_TEST(smap_keeps_the_kernel_from_user_data),
          EXO_TEST(smap_is_closed_when_user_code_is_left), EXO_TEST(umip_hides_the_system_tables),
          EXO_TEST(user_gates_are_closed_but_two),
          EXO_TEST(user_call_at_the_last_address_returns_nowhere), EXO_TEST(space_flush_asks_once),
          EXO_TEST(vm_changes_shoot_down_in_batches))
