/*
 * lib/examples/hello_native.c - the smallest native program: what it says goes through a
 * capability.
 *
 *     gcc hello_native.c $(pkg-config --cflags --libs exo_std) -o hello_native
 */
#include "exo_std.h"

int main(int argc, char **argv, char **env)
{
    exo_cap_t quiet = EXO_CAP_NONE;

    (void)env;
    (void)exo_print("hello from ");
    (void)exo_print(argc > 0 ? argv[0] : "nowhere");
    (void)exo_print("\n");

    /* A copy without the right to write is a console that nobody can write to. */
    exo_status_t status =
        exo_cap_duplicate(exo_start_block()->console, EXO_RIGHT_DUPLICATE, &quiet);

    if (status == EXO_OK) {
        status = exo_console_write(quiet, "unheard\n", 8);
    }
    (void)exo_print("writing to the quiet one: ");
    (void)exo_print(exo_status_text(status));
    (void)exo_print("\n");
    return status == EXO_ERR_ACCESS_DENIED ? 0 : 1;
}
