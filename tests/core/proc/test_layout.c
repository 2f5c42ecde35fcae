/* tests/core/proc/test_layout.c - where a program lies: bounds whatever is drawn, and that it is
 * drawn. */
#include "exo/proc/layout.h"
#include "exo_check.h"

static void expect_sound(const struct proc_layout *layout)
{
    const vaddr_t image_end = ELF_PIE_BASE + layout->image_slide + ELF_PIE_SIZE;

    ck_assert_uint_eq(layout->image_slide % PAGE_SIZE, 0);
    ck_assert_uint_lt(layout->image_slide, PAGE_SIZE << ELF_SLIDE_PAGES);
    ck_assert_uint_le(image_end, ELF_PLACE_END);
    ck_assert_uint_eq(layout->brk_gap % PAGE_SIZE, 0);
    ck_assert_uint_lt(layout->brk_gap, 32u << 20);
    ck_assert_uint_eq(layout->stack_start % PAGE_SIZE, 0);
    ck_assert_uint_ge(layout->stack_start, ELF_PLACE_END);
    ck_assert_uint_eq(layout->stack_top - layout->stack_start, PROC_STACK_SIZE);
    ck_assert_uint_le(layout->stack_top, PROC_STACK_TOP);
    ck_assert_uint_le(layout->stack_end, layout->stack_top);
    ck_assert_uint_lt(layout->stack_top - layout->stack_end, PAGE_SIZE);
    ck_assert_uint_eq(layout->stack_end % 16, 0);
    ck_assert_uint_le(layout->ceiling, layout->stack_start);
    ck_assert_uint_gt(layout->ceiling, image_end);
}

START_TEST(layout_is_sound_whatever_is_drawn)
{
    struct proc_layout layout;

    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t bit = 0; bit < 64; bit++) {
            uint64_t drawn[3] = { 0 };

            drawn[i] = 1ull << bit;
            proc_layout_make(drawn, &layout);
            expect_sound(&layout);
        }
    }
    proc_layout_make((const uint64_t[3]){ UINT64_MAX, UINT64_MAX, UINT64_MAX }, &layout);
    expect_sound(&layout);
    for (uint32_t i = 0; i < 100; i++) {
        proc_layout_draw(&layout);
        expect_sound(&layout);
    }
}
END_TEST

/* As with aslr=off. */
START_TEST(layout_of_zero_is_plain)
{
    struct proc_layout layout;

    proc_layout_make((const uint64_t[3]){ 0 }, &layout);
    expect_sound(&layout);
    ck_assert_uint_eq(layout.image_slide, 0);
    ck_assert_uint_eq(layout.brk_gap, 0);
    ck_assert_uint_eq(layout.stack_top, PROC_STACK_TOP);
    ck_assert_uint_eq(layout.stack_end, PROC_STACK_TOP);
    ck_assert_uint_eq(layout.ceiling, PROC_STACK_TOP - PROC_STACK_SIZE);
}
END_TEST

/* Each bit that counts was drawn both ways: of 64 draws one bit alone fails in 2^-63. */
START_TEST(layout_draws_every_bit)
{
    struct proc_layout first;
    uint64_t seen[5] = { 0 };

    proc_layout_draw(&first);
    for (uint32_t i = 0; i < 64; i++) {
        struct proc_layout next;

        proc_layout_draw(&next);
        seen[0] |= first.image_slide ^ next.image_slide;
        seen[1] |= first.brk_gap ^ next.brk_gap;
        seen[2] |= (PROC_STACK_TOP - first.stack_top) ^ (PROC_STACK_TOP - next.stack_top);
        seen[3] |= (first.stack_top - first.stack_end) ^ (next.stack_top - next.stack_end);
        seen[4] |= (first.stack_start - first.ceiling) ^ (next.stack_start - next.ceiling);
    }
    ck_assert_uint_eq(seen[0], ((1ull << 28) - 1) << 12);
    ck_assert_uint_eq(seen[1], ((1ull << 13) - 1) << 12);
    ck_assert_uint_eq(seen[2], ((1ull << 22) - 1) << 12);
    ck_assert_uint_eq(seen[3], ((1ull << 8) - 1) << 4);
    ck_assert_uint_eq(seen[4], ((1ull << 28) - 1) << 12);
}
END_TEST

EXO_SUITE(layout, EXO_TEST(layout_is_sound_whatever_is_drawn), EXO_TEST(layout_of_zero_is_plain),
          EXO_TEST(layout_draws_every_bit))
