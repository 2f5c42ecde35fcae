/*
 * test_report.c - exceptions in words: what a reader of the report learns from its one line.
 */
#include "exo_check.h"

#include "exo/hal.h"
#include "exo/lib/string.h"
#include "platform/x86_64/layout.h"
#include "platform/x86_64/trap.h"

static char g_text[320];

static const char *describe(uint64_t vector, uint64_t error, uint64_t address)
{
    const struct trap_frame frame = { .vector = vector, .error = error };

    trap_describe(&frame, address, g_text, sizeof(g_text));
    return g_text;
}

static bool contains(const char *text, const char *part)
{
    for (; *text != '\0'; text++) {
        if (strlen(text) >= strlen(part) && memcmp(text, part, strlen(part)) == 0) {
            return true;
        }
    }
    return false;
}

START_TEST(page_fault_words_name_access_place_mode_and_cause)
{
    ck_assert_str_eq(
        describe(TRAP_PAGE_FAULT, 0, 0xffff900000001000ull),
        "page fault: read of 0xffff900000001000 in kernel mode: nothing is mapped there");
    ck_assert_str_eq(
        describe(TRAP_PAGE_FAULT, FAULT_WRITE, 8),
        "page fault: write to 0x0000000000000008 (a member of a NULL pointer) in kernel "
        "mode: nothing is mapped there");
    ck_assert_str_eq(
        describe(TRAP_PAGE_FAULT, FAULT_WRITE | FAULT_PRESENT | FAULT_USER, 0x400000),
        "page fault: write to 0x0000000000400000 (a user address) in user mode: the page "
        "is mapped but forbids it");
    ck_assert_str_eq(
        describe(TRAP_PAGE_FAULT, FAULT_EXEC | FAULT_PRESENT, 0xffff900000001000ull),
        "page fault: execution of 0xffff900000001000 in kernel mode: the page is mapped "
        "but forbids it");
    ck_assert_str_eq(
        describe(TRAP_PAGE_FAULT, FAULT_RESERVED | FAULT_PRESENT, 0xffff900000001000ull),
        "page fault: read of 0xffff900000001000 in kernel mode: its table entry is "
        "malformed");
}
END_TEST

START_TEST(page_fault_words_name_parts_of_the_kernel)
{
    const char *text = describe(TRAP_PAGE_FAULT, FAULT_WRITE | FAULT_PRESENT,
                                (uint64_t)(uintptr_t)kernel_text_start);

    ck_assert(contains(text, "(kernel code)"));
    text = describe(TRAP_PAGE_FAULT, FAULT_WRITE | FAULT_PRESENT,
                    (uint64_t)(uintptr_t)kernel_rodata_start);
    ck_assert(contains(text, "(constant kernel data)"));
}
END_TEST

START_TEST(stack_overflow_is_called_by_its_name)
{
    struct hal_stack stack;

    ck_assert_int_eq(hal_stack_create(&stack), EXO_OK);
    const char *text = describe(TRAP_DOUBLE_FAULT, 0, (uint64_t)(uintptr_t)stack.base - 8);

    ck_assert(contains(text, "double fault"));
    ck_assert(contains(text, "guard page of the kernel stack at"));
    ck_assert(contains(text, "stack overflow"));
    text = describe(TRAP_PAGE_FAULT, FAULT_WRITE, (uint64_t)(uintptr_t)stack.base - 8);
    ck_assert(contains(text, "stack overflow"));
    hal_stack_destroy(&stack);
}
END_TEST

START_TEST(protection_fault_words_name_the_selector)
{
    ck_assert_str_eq(describe(TRAP_PROTECTION, 0x402, 0),
                     "general protection fault: IDT vector 0x80");
    ck_assert_str_eq(describe(TRAP_PROTECTION, 0x21, 0),
                     "general protection fault: GDT entry 0x4, during an external event");
    ck_assert_str_eq(describe(11, 0x14, 0), "segment not present: LDT entry 0x2");
    ck_assert(contains(describe(TRAP_PROTECTION, 0, 0), "non-canonical"));
}
END_TEST

START_TEST(every_exception_has_a_name)
{
    for (uint64_t vector = 0; vector < TRAP_EXCEPTIONS; vector++) {
        ck_assert_uint_gt(strlen(describe(vector, 0, 0)), 4);
    }
    ck_assert_str_eq(describe(0, 0, 0), "division error");
    ck_assert_str_eq(describe(6, 0, 0), "invalid instruction");
    ck_assert_str_eq(describe(TRAP_MACHINE, 0, 0), "machine check");
    ck_assert_str_eq(describe(31, 0, 0), "reserved exception");
}
END_TEST

EXO_SUITE(x86_report, EXO_TEST(page_fault_words_name_access_place_mode_and_cause),
          EXO_TEST(page_fault_words_name_parts_of_the_kernel),
          EXO_TEST(stack_overflow_is_called_by_its_name),
          EXO_TEST(protection_fault_words_name_the_selector), EXO_TEST(every_exception_has_a_name))
