/* tests/native/native_crash.c - ends of a native program that only it feels. */
#include "native_check.h"

static volatile uint64_t g_zero;

int main(int argc, char **argv, char **env)
{
    (void)env;
    switch (argc > 1 ? argv[1][0] : '?') {
    case 'n': /* null */
        return *(volatile int *)g_zero;
    case 'd': /* divide */
        return (int)(100 / g_zero);
    case 'k': /* kernel */
        return *(volatile int *)(0xffffffff80000000ull + g_zero);
    case 's': /* stack */
        for (;;) {
            __asm__ volatile("pushq $0" : : : "memory");
        }
    case 'x': /* execute data */
        ((void (*)(void))(uint64_t)argv[1])();
        return 0;
    default:
        return 2;
    }
}
