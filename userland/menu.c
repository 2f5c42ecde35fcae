/*
 * userland/menu.c - what a person meets: a list of demonstrations, each a program of its own.
 */
#include "exo_std.h"

static const struct {
    const char *program;
    const char *text;
} g_demo[] = {
    { "demo_pingpong", "two processes play ping-pong over rings: cycles per round trip" },
    { "demo_contained", "programs do what they must not, and only they end" },
    { "demo_revoked", "a capability is taken back while its holder uses it" },
    { "demo_crowd", "one producer and three consumers under load" },
};

#define DEMOS (sizeof(g_demo) / sizeof(g_demo[0]))

static void list(void)
{
    (void)exo_print("\nExo-OS\n\n");
    for (uint32_t i = 0; i < DEMOS; i++) {
        (void)exo_print("  ");
        (void)exo_print_number(i + 1);
        (void)exo_print("  ");
        (void)exo_print(g_demo[i].text);
        (void)exo_print("\n");
    }
    (void)exo_print("  q  shut down\n");
}

static void run(const char *name)
{
    const struct exo_gift console = { .cap = exo_start_block()->console,
                                      .rights = EXO_RIGHTS_COMMON | EXO_RIGHT_CONSOLE_WRITE,
                                      .how = EXO_GIFT_DERIVE };
    const struct exo_program program = { .name = name, .gifts = &console, .gift_count = 1 };
    struct exo_end end = { .status = 0 };
    exo_cap_t process = EXO_CAP_NONE;
    exo_status_t status = exo_spawn(&program, &process);

    if (status == EXO_OK) {
        status = exo_process_wait(process, UINT64_MAX, &end);
        (void)exo_cap_close(process);
    }
    if (status != EXO_OK || end.reason != EXO_END_EXIT || end.status != 0) {
        (void)exo_print(name);
        (void)exo_print(" failed: ");
        (void)exo_print(status != EXO_OK ? exo_status_text(status) : exo_end_text(end.reason));
        (void)exo_print("\n");
    }
}

int main(int argc, char **argv, char **env)
{
    char key = 0;

    (void)argc;
    (void)argv;
    (void)env;
    list();
    for (;;) {
        (void)exo_print("choose: ");
        do {
            if (exo_console_read(exo_start_block()->console, &key, 1, UINT64_MAX) != 1) {
                return 1;
            }
        } while (key == '\n' || key == '\r' || key == ' ');
        if (key == 'q' || key == EXO_CONSOLE_END) {
            (void)exo_print("q\n");
            return 0;
        }
        (void)exo_console_write(exo_start_block()->console, &key, 1);
        (void)exo_print("\n");
        if (key >= '1' && key < '1' + (int)DEMOS) {
            run(g_demo[key - '1'].program);
        } else {
            list();
        }
    }
}
