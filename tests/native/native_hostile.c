/* tests/native/native_hostile.c - arguments that no honest program has: each gets its error,
 * nothing happens. */
#include "native_check.h"

#define USER_END     0x7fff00000000ull
#define KERNEL       0xffffffff80000000ull
#define NON_CANON    0x0000800000000000ull
#define LINUX_GETPID 39u

static void numbers(void)
{
    static const uint32_t unknown[] = { 4,   15,  31,  47,  85,     111,       121,
                                        200, 255, 256, 257, 0xffff, 0x3fffffff };

    for (uint32_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        CHECK_STATUS(exo_syscall(unknown[i], 1, 2, 3), EXO_ERR_NOT_SUPPORTED);
    }
    /* Linux's calls mean nothing here. */
    int64_t result = LINUX_GETPID;

    __asm__ volatile("syscall" : "+a"(result) : : "rcx", "r11", "memory");
    CHECK_STATUS(result, EXO_ERR_NOT_SUPPORTED);
}

static void capabilities(exo_cap_t console)
{
    const exo_cap_t wrong[] = { 0,
                                1,
                                2,
                                127,
                                console + 1,
                                console ^ 1ull << 22,
                                console ^ 1ull << 63,
                                console ^ 1ull << 40,
                                0xffffffffffffffffull,
                                0x7fffffffffffffffull,
                                KERNEL };

    for (uint32_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct exo_cap_info info = { 0 };
        exo_cap_t made = EXO_CAP_NONE;

        CHECK_STATUS(exo_console_write(wrong[i], "x", 1), EXO_ERR_BAD_CAP);
        CHECK_STATUS(exo_cap_close(wrong[i]), EXO_ERR_BAD_CAP);
        CHECK_STATUS(exo_cap_revoke(wrong[i]), EXO_ERR_BAD_CAP);
        CHECK_STATUS(exo_cap_duplicate(wrong[i], 0, &made), EXO_ERR_BAD_CAP);
        CHECK_STATUS(exo_cap_derive(wrong[i], 0, 1, &made), EXO_ERR_BAD_CAP);
        CHECK_STATUS(exo_cap_query(wrong[i], &info), EXO_ERR_BAD_CAP);
    }
    /* Rights in the bits above those that exist. */
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_cap_duplicate, console, 0x10000, 0), EXO_ERR_INVALID);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_cap_duplicate, console, 1ull << 32, 0), EXO_ERR_INVALID);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_cap_derive, console, 1ull << 63, 0), EXO_ERR_INVALID);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_cap_duplicate, console, 0xffc0, 0), EXO_ERR_ACCESS_DENIED);
}

static void pointers(exo_cap_t console)
{
    static const uint64_t wrong[] = { 0,
                                      1,
                                      0xffff,
                                      USER_END - 4,
                                      USER_END,
                                      NON_CANON - 1,
                                      NON_CANON,
                                      KERNEL,
                                      0xfffffffffffffff0ull };
    static const char read_only[16] = "constant";

    for (uint32_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK_STATUS(exo_syscall(EXO_SYSCALL_console_write, console, wrong[i], 16),
                     EXO_ERR_BAD_ADDRESS);
        CHECK_STATUS(exo_syscall(EXO_SYSCALL_cap_query, console, wrong[i], 0), EXO_ERR_BAD_ADDRESS);
    }
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_console_write, console, (uint64_t)read_only, UINT64_MAX),
                 EXO_ERR_BAD_ADDRESS);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_console_write, console, (uint64_t)read_only, USER_END),
                 EXO_ERR_BAD_ADDRESS);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_console_read, console, (uint64_t)read_only, 0),
                 EXO_ERR_INVALID);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_console_read, console, USER_END, 8), EXO_ERR_BAD_ADDRESS);
    CHECK_STATUS(exo_cap_query(console, (struct exo_cap_info *)(uint64_t)read_only),
                 EXO_ERR_BAD_ADDRESS);
    CHECK(read_only[0] == 'c');
}

int main(int argc, char **argv, char **env)
{
    const exo_cap_t console = exo_start_block()->console;

    (void)argc;
    (void)argv;
    (void)env;
    numbers();
    capabilities(console);
    pointers(console);
    return check_end("hostile");
}
