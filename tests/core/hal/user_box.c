/*
 * user_box.c - making, starting and running a box (user_box.h).
 */
#include "user_box.h"

#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo/sched/thread.h"
#include "exo_check.h"

void box_flush(struct box *box, vaddr_t page, bool only_added)
{
    const struct hal_flush_range range = { .start = page,
                                           .page_count = 1,
                                           .only_added = only_added };

    ck_assert_int_eq(hal_space_flush(box->space, &range, 1), EXO_OK);
}

uint8_t *box_page(struct box *box, vaddr_t page, uint32_t rights)
{
    paddr_t frame = 0;

    ck_assert_uint_lt(box->frames, FRAMES_MAX);
    ck_assert_int_eq(phys_alloc_zeroed(&frame), EXO_OK);
    box->frame[box->frames++] = frame;
    ck_assert_int_eq(pt_map(box->root, page, frame, 1, rights), EXO_OK);
    box_flush(box, page, true);
    return hal_phys_to_virt(frame);
}

void box_open(struct box *box)
{
    *box = (struct box){ .root = 0 };
    ck_assert_int_eq(pt_create(&box->root), EXO_OK);
    ck_assert_int_eq(hal_space_create(box->root, &box->space), EXO_OK);
    ck_assert_int_eq(hal_user_create(box->space, &box->user), EXO_OK);
    box->code = box_page(box, USER_CODE, CODE_RIGHTS);
    box->data = box_page(box, USER_DATA, DATA_RIGHTS);
    box->stack = box_page(box, USER_STACK, DATA_RIGHTS);
}

void box_close(struct box *box)
{
    hal_user_destroy(box->user);
    hal_space_destroy(box->space);
    for (uint32_t i = 0; i < box->frames; i++) {
        phys_free(box->frame[i], 1);
    }
    pt_destroy(box->root, HAL_USER_MAX);
    phys_free(box->root, 1);
}

void box_start(struct box *box, struct hal_user *user, const uint8_t *code, const uint8_t *code_end)
{
    memcpy(box->code, code, (size_t)(code_end - code));
    hal_user_start(user, USER_CODE, STACK_TOP);
}

void box_run(struct hal_user *user, struct hal_user_event *event)
{
    hal_user_run(user, event);
    while (event->reason == HAL_USER_QUANTUM) {
        thread_yield();
        hal_user_run(user, event);
    }
}

void box_arguments(struct hal_user *user, uint64_t rdi, uint64_t rsi)
{
    struct hal_user_regs regs;

    hal_user_regs_get(user, &regs);
    regs.rdi = rdi;
    regs.rsi = rsi;
    ck_assert_int_eq(hal_user_regs_set(user, &regs), EXO_OK);
}
