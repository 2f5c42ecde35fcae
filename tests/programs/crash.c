/* tests/programs/crash.c - ends in the way that its argument names; the exit status tells. */
#include <stdlib.h>

#include "case.h"

static volatile int g_one = 1;
static volatile int g_zero;

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    volatile char n = 0;
    volatile char *volatile at = NOWHERE;
    char data[16] = { (char)0xc3 };

    if (strcmp(how, "null") == 0) {
        *at = 1;
    } else if (strcmp(how, "kernel") == 0) {
        at = KERNEL;
        n = *at;
    } else if (strcmp(how, "noncanonical") == 0) {
        at = NONCANONICAL;
        n = *at;
    } else if (strcmp(how, "constant") == 0) {
        at = (char *)(uintptr_t) "constant";
        *at = 1;
    } else if (strcmp(how, "execute") == 0) {
        ((void (*)(void))(uintptr_t)data)();
    } else if (strcmp(how, "stack") == 0) {
        for (at = (char *)__builtin_frame_address(0);; at -= PAGE) {
            *at = 1; /* down until the stack ends */
        }
    } else if (strcmp(how, "divide") == 0) {
        n = (char)(g_one / g_zero);
    } else if (strcmp(how, "illegal") == 0) {
        __asm__ volatile("ud2");
    } else if (strcmp(how, "privileged") == 0) {
        __asm__ volatile("cli");
    } else if (strcmp(how, "breakpoint") == 0) {
        __asm__ volatile("int3");
    } else if (strcmp(how, "status") == 0) {
        syscall(SYS_exit_group, 0x1ff);
    } else if (strcmp(how, "thread") == 0) {
        syscall(SYS_exit, 9);
    }
    printf("after %d\n", n);
    return 0;
}
