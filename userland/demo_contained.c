/*
 * userland/demo_contained.c - programs that do what they must not: each ends alone, and whoever
 * started it is told why.
 */
#include "exo_std.h"

static volatile int g_zero;

static const char *const g_what[] = { "null", "divide", "stack", "system", "loop" };

/* ---- the culprits ---- */

static int do_it(char what)
{
    switch (what) {
    case 'n':
        return *(volatile int *)(uint64_t)g_zero;
    case 'd':
        return 100 / g_zero;
    case 's':
        for (;;) {
            __asm__ volatile("pushq %rax"); /* deeper and deeper */
        }
    case 'y':
        return *(volatile int *)0xffffffff80000000ull;
    default:
        for (;;) {
        }
    }
}

/* ---- who looks on ---- */

static int watch(const char *self, const char *what)
{
    const char *const args[] = { self, what, NULL };
    const struct exo_program program = { .name = self, .args = args };
    struct exo_end end = { .status = 0 };
    exo_cap_t process = EXO_CAP_NONE;

    if (exo_spawn(&program, &process) != EXO_OK) {
        return 1;
    }
    /* Half a second; who has not ended by then is ended. */
    if (exo_process_wait(process, exo_clock_ns() + 500000000, &end) == EXO_ERR_TIMED_OUT) {
        (void)exo_process_kill(process);
        (void)exo_process_wait(process, UINT64_MAX, &end);
    }
    (void)exo_cap_close(process);
    (void)exo_print("  ");
    (void)exo_print(what);
    (void)exo_print(": the program ");
    (void)exo_print(exo_end_text(end.reason));
    (void)exo_print("\n");
    return end.reason == EXO_END_EXIT;
}

int main(int argc, char **argv, char **env)
{
    int failed = 0;

    (void)env;
    if (argc > 1) {
        return do_it(argv[1][0] == 's' && argv[1][1] == 'y' ? 'y' : argv[1][0]);
    }
    for (uint32_t i = 0; i < sizeof(g_what) / sizeof(g_what[0]); i++) {
        failed |= watch(argv[0], g_what[i]);
    }
    (void)exo_print("and this one goes on\n");
    return failed;
}
