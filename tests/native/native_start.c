/* tests/native/native_start.c - what a program finds when it starts; time; its end. */
#include "native_check.h"

static const char *const g_texts[] = { "a", "b" }; /* addresses that need relocation */

static int same(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

/* Print arguments and environment, for the runner to compare. */
static int tell(int argc, char **argv, char **env)
{
    for (int i = 0; i < argc; i++) {
        (void)exo_print("[");
        (void)exo_print(argv[i]);
        (void)exo_print("]");
    }
    for (; *env != NULL; env++) {
        (void)exo_print("{");
        (void)exo_print(*env);
        (void)exo_print("}");
    }
    return 0;
}

int main(int argc, char **argv, char **env)
{
    const struct exo_start *start = exo_start_block();

    if (argc > 1 && same(argv[1], "tell")) {
        return tell(argc, argv, env);
    }
    if (argc > 1 && same(argv[1], "status")) {
        exo_exit(0x107); /* its low eight bits */
    }
    if (argc > 1 && same(argv[1], "sleep")) {
        return exo_sleep_until(UINT64_MAX);
    }
    if (argc > 1 && same(argv[1], "later")) {
        (void)exo_sleep(450000000); /* the tests of init: two restarts later */
        return 9;
    }
    CHECK(argc == 1);
    CHECK(argv[argc] == NULL);
    CHECK(same(g_texts[1], "b"));
    CHECK((uint64_t)start % 16 == 0);
    CHECK(start->abi_version == EXO_ABI_VERSION);
    CHECK(start->random[0] != start->random[1]);
    CHECK(exo_syscall(EXO_SYSCALL_abi_version, 0, 0, 0) == EXO_ABI_VERSION);

    const uint64_t before_ns = exo_clock_ns();

    CHECK_STATUS(exo_sleep(2000000), EXO_OK);
    CHECK(exo_clock_ns() - before_ns >= 2000000);
    CHECK_STATUS(exo_sleep_until(0), EXO_OK);
    exo_yield();
    CHECK(same(exo_status_name(EXO_ERR_BAD_CAP), "EXO_ERR_BAD_CAP"));
    CHECK(same(exo_status_text(EXO_OK), "done"));
    return check_end("start");
}
