/*
 * user_box.h - a fixture for tests of user mode: an address space with one user thread, a page of
 * code, one of data and one of stack, and the small programs of user_code.S.
 */
#ifndef TESTS_CORE_HAL_USER_BOX_H
#define TESTS_CORE_HAL_USER_BOX_H

#include "exo/hal.h"
#include "exo/hal/user.h"
#include "exo/mem/pt.h"

#define USER_CODE  0x400000ull
#define USER_DATA  0x600000ull
#define USER_STACK 0x800000ull
#define USER_ELSE  0xa00000ull /* nothing there at first */
#define STACK_TOP  (USER_STACK + PAGE_SIZE)
#define FRAMES_MAX 8u

#define CODE_RIGHTS (PT_READ | PT_EXEC | PT_USER)
#define DATA_RIGHTS (PT_READ | PT_WRITE | PT_USER)

struct box {
    paddr_t root;
    struct hal_space *space;
    struct hal_user *user;
    paddr_t frame[FRAMES_MAX];
    uint32_t frames;
    uint8_t *code, *data, *stack; /* as the kernel sees the pages */
};

/* Each fails the test if something does not work. */
void box_open(struct box *box);
void box_close(struct box *box);

/* Map a fresh zeroed page; returns it as the kernel sees it. */
uint8_t *box_page(struct box *box, vaddr_t page, uint32_t rights);

/* Flush one page. */
void box_flush(struct box *box, vaddr_t page, bool only_added);

/* Copy a program to the page of code and let `user` start there. */
void box_start(struct box *box, struct hal_user *user, const uint8_t *code,
               const uint8_t *code_end);

#define BOX_PROGRAM(name)    extern const uint8_t user_##name[], user_##name##_end[]
#define BOX_START(box, name) box_start((box), (box)->user, user_##name, user_##name##_end)

/* Run until something that the program did: quanta end at any time and mean nothing here. */
void box_run(struct hal_user *user, struct hal_user_event *event);

/* Give the thread its first two arguments, by the general way. */
void box_arguments(struct hal_user *user, uint64_t rdi, uint64_t rsi);

#endif /* TESTS_CORE_HAL_USER_BOX_H */
