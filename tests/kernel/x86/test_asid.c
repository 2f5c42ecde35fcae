/*
 * test_asid.c - address space identifiers: what a CPU may keep, and when it must forget.
 */
#include "exo_check.h"

#include "platform/x86_64/asid.h"

START_TEST(asid_keeps_translations_of_a_space_that_comes_back)
{
    struct asid_cpu cpu = { .next = 0 };
    const uint64_t first = asid_choose(&cpu, 10, 0);
    const uint64_t second = asid_choose(&cpu, 11, 0);

    ck_assert_uint_eq(first & ASID_NO_FLUSH,
                      0);        /* whoever had the identifier before is forgotten */
    ck_assert_uint_ne(first, 0); /* 0 is the kernel's */
    ck_assert_uint_ne(first, second);
    ck_assert_uint_eq(asid_choose(&cpu, 10, 0), first | ASID_NO_FLUSH);
    ck_assert_uint_eq(asid_choose(&cpu, 11, 0), second | ASID_NO_FLUSH);
}
END_TEST

START_TEST(asid_forgets_a_space_that_was_flushed_while_away)
{
    struct asid_cpu cpu = { .next = 0 };
    const uint64_t first = asid_choose(&cpu, 10, 0);

    (void)asid_choose(&cpu, 11, 0);
    ck_assert_uint_eq(asid_choose(&cpu, 10, 1), first);                 /* flushed once meanwhile */
    ck_assert_uint_eq(asid_choose(&cpu, 10, 1), first | ASID_NO_FLUSH); /* and now it is sound */
}
END_TEST

START_TEST(asid_forgets_the_space_that_lost_its_place)
{
    struct asid_cpu cpu = { .next = 0 };

    for (uint64_t id = 1; id <= ASID_SLOTS + 1; id++) {
        const uint64_t chosen = asid_choose(&cpu, id, 0);

        ck_assert_uint_eq(chosen & ASID_NO_FLUSH, 0);
        ck_assert_uint_ge(chosen, 1);
        ck_assert_uint_le(chosen, ASID_SLOTS);
    }
    ck_assert_uint_eq(asid_choose(&cpu, 2, 0) & ASID_NO_FLUSH, ASID_NO_FLUSH);
    ck_assert_uint_eq(asid_choose(&cpu, 1, 0) & ASID_NO_FLUSH, 0);
}
END_TEST

START_TEST(asid_flush_of_the_loaded_space_is_partial_only_if_none_was_missed)
{
    struct asid_cpu cpu = { .next = 0 };
    const uint64_t mine = asid_choose(&cpu, 10, 4);

    ck_assert(asid_note_flush(&cpu, 5));  /* the next one: its pages are enough */
    ck_assert(!asid_note_flush(&cpu, 7)); /* the sixth never came here */
    ck_assert(asid_note_flush(&cpu, 7));  /* loaded behind it already */
    (void)asid_choose(&cpu, 11, 0);
    ck_assert_uint_eq(asid_choose(&cpu, 10, 7), mine | ASID_NO_FLUSH);
}
END_TEST

EXO_SUITE(x86_asid, EXO_TEST(asid_keeps_translations_of_a_space_that_comes_back),
          EXO_TEST(asid_forgets_a_space_that_was_flushed_while_away),
          EXO_TEST(asid_forgets_the_space_that_lost_its_place),
          EXO_TEST(asid_flush_of_the_loaded_space_is_partial_only_if_none_was_missed))
