/*
 * userland/demo_revoked.c - a program may write to the console until it may no longer.
 */
#include "exo_std.h"

#define TICKS   5u
#define TICK_NS 200000000u

enum { CONSOLE, EVENT }; /* what the child is given, in this order */

/* Write until that fails, and end with the reason as status. */
static int child(void)
{
    exo_status_t status = EXO_OK;

    while (status == EXO_OK) {
        status = exo_print("  it writes\n");
        if (status == EXO_OK) {
            (void)exo_event_signal(exo_given(EVENT), 1);
            (void)exo_sleep(TICK_NS);
        }
    }
    return status == EXO_ERR_BAD_CAP ? 17 : 1;
}

static exo_status_t watch(exo_cap_t console, const char *self)
{
    const char *const args[] = { self, "child", NULL };
    struct exo_gift gift[] = {
        [CONSOLE] = { .cap = console, .rights = EXO_RIGHT_CONSOLE_WRITE, .how = EXO_GIFT_DERIVE },
        [EVENT] = { .rights = EXO_RIGHT_EVENT_SIGNAL },
    };
    const struct exo_program program = {
        .name = self, .args = args, .gifts = gift, .gift_count = 2
    };
    struct exo_end end = { .status = 0 };
    exo_cap_t process = EXO_CAP_NONE;
    uint64_t got = 0;
    exo_status_t status = exo_event_create(&gift[EVENT].cap);

    if (status == EXO_OK) {
        status = exo_spawn(&program, &process);
    }
    for (uint32_t i = 0; i < TICKS && status == EXO_OK; i++) {
        status = exo_signal_wait(gift[EVENT].cap, 1, UINT64_MAX, &got);
    }
    if (status == EXO_OK) {
        status = exo_cap_revoke(console);
    }
    if (status != EXO_OK) {
        return status;
    }
    (void)exo_print("its console is taken back\n");
    status = exo_process_wait(process, UINT64_MAX, &end);
    (void)exo_print(status == EXO_OK && end.status == 17 ? "it was told: " : "unexpected: ");
    (void)exo_print(exo_status_text(EXO_ERR_BAD_CAP));
    (void)exo_print("\n");
    return end.status == 17 ? status : EXO_ERR_INVALID;
}

int main(int argc, char **argv, char **env)
{
    exo_cap_t console = EXO_CAP_NONE;

    (void)env;
    if (argc > 1) {
        return child();
    }
    /* A console to revoke: what is derived from it goes, ours stays. */
    exo_status_t status = exo_cap_derive(exo_start_block()->console,
                                         EXO_RIGHT_CONSOLE_WRITE | EXO_RIGHT_DERIVE |
                                             EXO_RIGHT_SEND | EXO_RIGHT_REVOKE,
                                         0, &console);

    if (status == EXO_OK) {
        status = watch(console, argv[0]);
    }
    return status == EXO_OK ? 0 : 1;
}
