/*
 * test_context.c - kernel stacks and contexts, below threads: bodies switch by hand, interrupts
 * off, so that the scheduler never notices.
 */
#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/hal/test.h"
#include "exo/sched/thread.h"
#include "exo_check.h"
#include "exo_test.h"

#define ROUNDS 200u
#define MANY   24u

/* A context made by hand, and where it goes when it hands back. */
struct hand {
    struct hal_context self;
    struct hal_context *back;
    struct hal_stack stack;
    uint32_t id;
    uint32_t visits;
    uint32_t cpu; /* where it ran last */
    bool stack_torn;
    bool irq_was_on;
};

/* Goes back at every visit; a pattern that only its own stack holds must survive each. */
static void hand_loop(void *arg)
{
    struct hand *hand = arg;
    volatile uint64_t pattern[16];

    for (uint32_t i = 0; i < 16; i++) {
        pattern[i] = (uint64_t)hand->id * 0x9e3779b97f4a7c15ull + i;
    }
    for (;;) {
        hand->visits++;
        hand->cpu = hal_cpu_id();
        hand->irq_was_on |= hal_irq_enabled();
        for (uint32_t i = 0; i < 16; i++) {
            hand->stack_torn |= pattern[i] != (uint64_t)hand->id * 0x9e3779b97f4a7c15ull + i;
        }
        hal_context_switch(&hand->self, hand->back);
    }
}

static void hand_make(struct hand *hand, uint32_t id, struct hal_context *back,
                      void (*entry)(void *arg))
{
    *hand = (struct hand){ .back = back, .id = id };
    ck_assert_int_eq(hal_stack_create(&hand->stack), EXO_OK);
    hal_context_init(&hand->self, &hand->stack, entry, hand);
}

static void hand_drop(struct hand *hand)
{
    hal_context_fini(&hand->self);
    hal_stack_destroy(&hand->stack);
}

/* The first switch calls entry(arg) on the stack given, interrupts off, and comes back after the
 * call. */
START_TEST(context_first_switch_calls_entry)
{
    struct hal_context here;
    struct hand hand;

    hand_make(&hand, 7, &here, hand_loop);
    const hal_irq_t irq = hal_irq_save();

    hal_context_switch(&here, &hand.self);
    hal_irq_restore(irq);
    ck_assert_uint_eq(hand.visits, 1);
    ck_assert(!hand.irq_was_on);
    hand_drop(&hand);
}
END_TEST

/* Returns a bit for each callee-saved register (rbx rbp r12 r13 r14 r15) that
 * hal_context_switch(from, to) changed. In assembly, since the compiler may keep nothing of its own
 * in them meanwhile. */
uint64_t hal_test_switch_registers(struct hal_context *from, struct hal_context *to);

/* The switch is inline: a function of it for the assembly to call. */
EXO_NOINLINE __attribute__((used)) static void switch_called(
    struct hal_context *from, struct hal_context *to) __asm__("hal_test_switch_called");
static void switch_called(struct hal_context *from, struct hal_context *to)
{
    hal_context_switch(from, to);
}

__asm__(
    ".pushsection .text\n"
    ".globl hal_test_switch_registers\n"
    ".type hal_test_switch_registers, @function\n"
    "hal_test_switch_registers:\n"
    "    push %rbp\n    push %rbx\n    push %r12\n    push %r13\n    push %r14\n    push %r15\n"
    "    sub $8, %rsp\n"
    "    movabs $0x1111111111111111, %rbx\n    movabs $0x2222222222222222, %rbp\n"
    "    movabs $0x3333333333333333, %r12\n    movabs $0x4444444444444444, %r13\n"
    "    movabs $0x5555555555555555, %r14\n    movabs $0x6666666666666666, %r15\n"
    "    call hal_test_switch_called\n"
    "    xor %eax, %eax\n"
    "    movabs $0x1111111111111111, %rcx\n    cmp %rcx, %rbx\n    je 1f\n    or $1, %eax\n1:\n"
    "    movabs $0x2222222222222222, %rcx\n    cmp %rcx, %rbp\n    je 1f\n    or $2, %eax\n1:\n"
    "    movabs $0x3333333333333333, %rcx\n    cmp %rcx, %r12\n    je 1f\n    or $4, %eax\n1:\n"
    "    movabs $0x4444444444444444, %rcx\n    cmp %rcx, %r13\n    je 1f\n    or $8, %eax\n1:\n"
    "    movabs $0x5555555555555555, %rcx\n    cmp %rcx, %r14\n    je 1f\n    or $16, %eax\n1:\n"
    "    movabs $0x6666666666666666, %rcx\n    cmp %rcx, %r15\n    je 1f\n    or $32, %eax\n1:\n"
    "    add $8, %rsp\n"
    "    pop %r15\n    pop %r14\n    pop %r13\n    pop %r12\n    pop %rbx\n    pop %rbp\n"
    "    ret\n"
    ".size hal_test_switch_registers, . - hal_test_switch_registers\n"
    ".popsection\n");

/* Two contexts that both keep canaries in every callee-saved register: each finds its own back. */
static void canary_loop(void *arg)
{
    struct hand *hand = arg;

    for (;;) {
        hand->visits++;
        hand->stack_torn |= hal_test_switch_registers(&hand->self, hand->back) != 0;
    }
}

START_TEST(context_switch_keeps_callee_saved_registers)
{
    struct hal_context here;
    struct hand hand;
    uint64_t changed = 0;

    hand_make(&hand, 1, &here, canary_loop);
    const hal_irq_t irq = hal_irq_save();

    for (uint32_t i = 0; i < ROUNDS; i++) {
        changed |= hal_test_switch_registers(&here, &hand.self);
    }
    hal_irq_restore(irq);
    ck_assert_uint_eq(changed, 0);
    ck_assert_uint_eq(hand.visits, ROUNDS);
    ck_assert(!hand.stack_torn);
    hand_drop(&hand);
}
END_TEST

/* Many contexts in turn: each comes back to its own stack, none is skipped. */
START_TEST(context_many_keep_their_own_stacks)
{
    static struct hand hand[MANY];
    struct hal_context here;

    for (uint32_t i = 0; i < MANY; i++) {
        hand_make(&hand[i], i, &here, hand_loop);
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const hal_irq_t irq = hal_irq_save();

        for (uint32_t i = 0; i < MANY; i++) {
            hal_context_switch(&here, &hand[i].self);
        }
        hal_irq_restore(irq);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        ck_assert_uint_eq(hand[i].visits, ROUNDS);
        ck_assert(!hand[i].stack_torn);
        hand_drop(&hand[i]);
    }
}
END_TEST

/* Switch to the hand from a thread pinned to a CPU. */
static void visit_thread(void *arg)
{
    struct hand *hand = arg;
    struct hal_context here;
    const hal_irq_t irq = hal_irq_save();

    hand->back = &here;
    hal_context_switch(&here, &hand->self);
    hal_irq_restore(irq);
}

/* A suspended context goes on on any CPU, with its stack as it was. */
START_TEST(context_migrates_between_cpus)
{
    const uint32_t cpus = hal_caps()->cpus;
    struct hand hand;

    hand_make(&hand, 3, NULL, hand_loop);
    for (uint32_t round = 0; round < 2 * cpus; round++) {
        struct thread *thread = NULL;
        const struct thread_spec spec = {
            .name = "visit", .entry = visit_thread, .arg = &hand, .cpu = round % cpus
        };

        ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
        thread_join(thread, NULL);
        ck_assert_uint_eq(hand.visits, round + 1);
        ck_assert_uint_eq(hand.cpu, round % cpus);
    }
    ck_assert(!hand.stack_torn);
    hand_drop(&hand);
}
END_TEST

static void leaver(void *arg)
{
    struct hand *hand = arg;

    hand->visits++;
    hal_context_leave(&hand->self, hand->back);
}

/* A context that left for good gives its stack back, and the stack serves again. */
START_TEST(context_leave_frees_the_stack_for_reuse)
{
    struct hal_context here;
    struct hand hand;

    for (uint32_t i = 0; i < 8; i++) {
        hand_make(&hand, i, &here, leaver);
        const hal_irq_t irq = hal_irq_save();

        hal_context_switch(&here, &hand.self);
        hal_irq_restore(irq);
        ck_assert_uint_eq(hand.visits, 1);
        hand_drop(&hand);
    }
}
END_TEST

/* Stacks are at least 16 KiB, wholly writable, and do not overlap. */
START_TEST(stack_is_writable_from_end_to_end)
{
    struct hal_stack stack[4];

    for (uint32_t i = 0; i < ARRAY_COUNT(stack); i++) {
        ck_assert_int_eq(hal_stack_create(&stack[i]), EXO_OK);
        ck_assert_uint_ge(stack[i].size_bytes, 16384);
        ck_assert_uint_eq((uintptr_t)stack[i].base % PAGE_SIZE, 0);
        volatile uint8_t *byte = stack[i].base;

        for (size_t at = 0; at < stack[i].size_bytes; at += 512) {
            byte[at] = (uint8_t)(i + 1);
        }
        byte[stack[i].size_bytes - 1] = (uint8_t)(i + 1);
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(stack); i++) {
        const volatile uint8_t *byte = stack[i].base;

        ck_assert_uint_eq(byte[0], i + 1);
        ck_assert_uint_eq(byte[stack[i].size_bytes - 1], i + 1);
        hal_stack_destroy(&stack[i]);
    }
}
END_TEST

/* An address just below a live stack is known as its guard; inside it, and after its end, it is
 * not. */
START_TEST(stack_guard_page_is_recognised)
{
    struct hal_stack stack;
    void *base = NULL;

    ck_assert_int_eq(hal_stack_create(&stack), EXO_OK);
    const vaddr_t low = (uintptr_t)stack.base;

    ck_assert(hal_stack_guard_hit(low - 1, &base));
    ck_assert_ptr_eq(base, stack.base);
    ck_assert(hal_stack_guard_hit(low - PAGE_SIZE, &base));
    ck_assert(!hal_stack_guard_hit(low, &base));
    ck_assert(!hal_stack_guard_hit(low + stack.size_bytes - 1, &base));
    hal_stack_destroy(&stack);
    ck_assert(!hal_stack_guard_hit(low - 1, &base));
}
END_TEST

static exo_status_t make_stack(void *arg)
{
    struct hal_stack stack;
    const exo_status_t status = hal_stack_create(&stack);

    (void)arg;
    if (status == EXO_OK) {
        hal_stack_destroy(&stack);
    }
    return status;
}

/* Without memory hal_stack_create() says so and keeps nothing. */
START_TEST(stack_create_survives_memory_exhaustion)
{
    ck_assert_uint_ge(fault_sweep(make_stack, NULL), 1);
}
END_TEST

EXO_SUITE(hal_context, EXO_TEST(context_first_switch_calls_entry),
          EXO_TEST(context_switch_keeps_callee_saved_registers),
          EXO_TEST(context_many_keep_their_own_stacks), EXO_TEST(context_migrates_between_cpus),
          EXO_TEST(context_leave_frees_the_stack_for_reuse),
          EXO_TEST(stack_is_writable_from_end_to_end), EXO_TEST(stack_guard_page_is_recognised),
          EXO_TEST(stack_create_survives_memory_exhaustion))
