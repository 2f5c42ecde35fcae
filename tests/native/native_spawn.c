/* tests/native/native_spawn.c - processes that start others: what they get, how they end. */
#include "native_check.h"

#define SECOND 1000000000ull
#define PAGE   4096u

static int same(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

/* ---- what the children do ---- */

/* Given memory to read: it must hold 42, and not let itself be written. */
static int child_reads(void)
{
    struct exo_mapping mapping = { .memory = exo_given(0),
                                   .len_bytes = PAGE,
                                   .prot = EXO_PROT_READ | EXO_PROT_WRITE };
    void *at = NULL;

    if (exo_start_block()->console != EXO_CAP_NONE || exo_given(1) != EXO_CAP_NONE ||
        exo_memory_map(&mapping, &at) != EXO_ERR_ACCESS_DENIED) {
        return 1;
    }
    mapping.prot = EXO_PROT_READ;
    return exo_memory_map(&mapping, &at) == EXO_OK && *(const uint64_t *)at == 42 ? 0 : 2;
}

/* Its capability is taken back while it lives: it says when it has seen that. */
static int child_revoked(void)
{
    struct exo_cap_info info;

    if (exo_cap_query(exo_given(0), &info) != EXO_OK || info.badge != 9) {
        return 1;
    }
    while (exo_cap_query(exo_given(0), &info) == EXO_OK) {
        exo_yield();
    }
    return 3;
}

static int child(char **argv)
{
    if (same(argv[1], "reads")) {
        return child_reads();
    }
    if (same(argv[1], "revoked")) {
        return child_revoked();
    }
    if (same(argv[1], "sleeps")) {
        return exo_sleep_until(UINT64_MAX);
    }
    if (same(argv[1], "loops")) {
        for (;;) {
        }
    }
    if (same(argv[1], "null")) {
        __asm__ volatile("movl $1, 8");
    }
    return 100;
}

/* ---- the parent ---- */

static exo_status_t start(const char *what, const struct exo_gift *gifts, uint32_t gift_count,
                          exo_cap_t *process)
{
    const char *const args[] = { "native_spawn", what, NULL };
    const struct exo_program program = {
        .name = "native_spawn", .args = args, .gifts = gifts, .gift_count = gift_count
    };

    return exo_spawn(&program, process);
}

static void expect_end(exo_cap_t process, uint32_t reason, int32_t status)
{
    struct exo_end end = { .reason = UINT32_MAX };

    CHECK_STATUS(exo_process_wait(process, exo_clock_ns() + 60 * SECOND, &end), EXO_OK);
    CHECK(end.reason == reason);
    CHECK(end.status == status);
    CHECK_STATUS(exo_cap_close(process), EXO_OK);
}

static void gifts(void)
{
    struct exo_mapping mapping = { .len_bytes = PAGE, .prot = EXO_PROT_READ | EXO_PROT_WRITE };
    struct exo_gift gift = { .rights = EXO_RIGHT_MEMORY_READ, .how = EXO_GIFT_DUPLICATE };
    exo_cap_t process = EXO_CAP_NONE;
    void *at = NULL;

    CHECK_STATUS(exo_memory_create(PAGE, &gift.cap), EXO_OK);
    mapping.memory = gift.cap;
    CHECK_STATUS(exo_memory_map(&mapping, &at), EXO_OK);
    *(uint64_t *)at = 42;
    CHECK_STATUS(start("reads", &gift, 1, &process), EXO_OK);
    expect_end(process, EXO_END_EXIT, 0);
    CHECK(*(const uint64_t *)at == 42);

    gift.how = EXO_GIFT_DERIVE;
    gift.badge = 9;
    CHECK_STATUS(start("revoked", &gift, 1, &process), EXO_OK);
    CHECK_STATUS(exo_sleep(SECOND / 100), EXO_OK);
    CHECK_STATUS(exo_cap_revoke(gift.cap), EXO_OK);
    expect_end(process, EXO_END_EXIT, 3);
    CHECK_STATUS(exo_memory_unmap(at, PAGE), EXO_OK);
    CHECK_STATUS(exo_cap_close(gift.cap), EXO_OK);
}

static void ends(void)
{
    struct exo_end end;
    exo_cap_t process = EXO_CAP_NONE;
    exo_cap_t less = EXO_CAP_NONE;

    CHECK_STATUS(start("null", NULL, 0, &process), EXO_OK);
    expect_end(process, EXO_END_NULL, 139);
    CHECK_STATUS(start("loops", NULL, 0, &process), EXO_OK);
    CHECK_STATUS(exo_process_wait(process, 0, &end), EXO_ERR_TIMED_OUT);
    CHECK_STATUS(exo_process_wait(process, exo_clock_ns() + SECOND / 100, &end), EXO_ERR_TIMED_OUT);
    CHECK_STATUS(exo_cap_duplicate(process, EXO_RIGHT_WAIT, &less), EXO_OK);
    CHECK_STATUS(exo_process_kill(less), EXO_ERR_ACCESS_DENIED);
    CHECK_STATUS(exo_cap_close(less), EXO_OK);
    CHECK_STATUS(exo_cap_duplicate(process, EXO_RIGHT_PROCESS_KILL, &less), EXO_OK);
    CHECK_STATUS(exo_process_wait(less, 0, &end), EXO_ERR_ACCESS_DENIED);
    CHECK_STATUS(exo_process_kill(less), EXO_OK);
    expect_end(process, EXO_END_KILLED, 137);
    CHECK_STATUS(exo_process_kill(less), EXO_OK); /* once more does nothing */
    CHECK_STATUS(exo_cap_close(less), EXO_OK);
    CHECK_STATUS(start("sleeps", NULL, 0, &process), EXO_OK);
    CHECK_STATUS(exo_sleep(SECOND / 100), EXO_OK);
    CHECK_STATUS(exo_process_kill(process), EXO_OK);
    expect_end(process, EXO_END_KILLED, 137);
    CHECK_STATUS(exo_process_wait(process, 0, &end), EXO_ERR_BAD_CAP);
    CHECK_STATUS(exo_process_kill(exo_start_block()->console), EXO_ERR_WRONG_TYPE);
}

/* A Linux program: it needs the console, and gets nothing else. */
static void linux_program(void)
{
    static const char *const args[] = { "expr", "6", "*", "7", NULL };
    const struct exo_gift gift[2] = {
        { .cap = exo_start_block()->console, .rights = EXO_RIGHT_CONSOLE_WRITE },
        { .cap = exo_start_block()->console, .rights = EXO_RIGHT_CONSOLE_WRITE },
    };
    struct exo_program program = { .name = "busybox", .args = args, .gifts = gift };
    exo_cap_t process = EXO_CAP_NONE;

    CHECK_STATUS(exo_spawn(&program, &process), EXO_ERR_INVALID);
    program.gift_count = 2;
    CHECK_STATUS(exo_spawn(&program, &process), EXO_ERR_INVALID);
    program.gift_count = 1;
    CHECK_STATUS(exo_spawn(&program, &process), EXO_OK);
    expect_end(process, EXO_END_EXIT, 0);
}

static void refuse(struct exo_spawn spawn, exo_status_t status)
{
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_process_spawn, (uint64_t)&spawn, 0, 0), status);
}

/* Whatever is wrong with a request: an error, and no process. */
static void refused(void)
{
    const struct exo_spawn good = { .name = (uint64_t) "native_spawn", .name_bytes = 12 };
    struct exo_gift gift = { .cap = exo_start_block()->console };
    struct exo_spawn bad = good;

    CHECK_STATUS(exo_syscall(EXO_SYSCALL_process_spawn, 0, 0, 0), EXO_ERR_BAD_ADDRESS);
    bad.name_bytes = 0;
    refuse(bad, EXO_ERR_INVALID);
    bad.name_bytes = 256;
    refuse(bad, EXO_ERR_INVALID);
    bad.name_bytes = 13; /* with its NUL */
    refuse(bad, EXO_ERR_INVALID);
    bad.name_bytes = 11;
    refuse(bad, EXO_ERR_NOT_FOUND);
    bad = good;
    bad.name = 8;
    refuse(bad, EXO_ERR_BAD_ADDRESS);
    bad = good;
    bad.name = (uint64_t) "/bin";
    bad.name_bytes = 4;
    refuse(bad, EXO_ERR_ACCESS_DENIED);
    bad = good;
    bad.args_bytes = 4;
    refuse(bad, EXO_ERR_BAD_ADDRESS);
    bad.args = (uint64_t) "abcd";
    refuse(bad, EXO_ERR_INVALID); /* not closed */
    bad.args_bytes = EXO_SPAWN_STRINGS_MAX + 1;
    refuse(bad, EXO_ERR_NO_RESOURCES);
    bad = good;
    bad.env = (uint64_t) "abcd";
    bad.env_bytes = 4;
    refuse(bad, EXO_ERR_INVALID);
    bad = good;
    bad.gift_count = 1;
    refuse(bad, EXO_ERR_BAD_ADDRESS);
    bad.gift_count = EXO_SPAWN_GIFTS_MAX + 1;
    refuse(bad, EXO_ERR_NO_RESOURCES);
    bad.gift_count = 1;
    bad.gifts = (uint64_t)&gift;
    gift.rights = 0x10000;
    refuse(bad, EXO_ERR_INVALID);
    gift.rights = EXO_RIGHT_MEMORY_EXEC; /* more than it has */
    refuse(bad, EXO_ERR_ACCESS_DENIED);
    gift.rights = 0;
    gift.how = 2;
    refuse(bad, EXO_ERR_INVALID);
    gift.how = EXO_GIFT_DUPLICATE;
    gift.badge = 1;
    refuse(bad, EXO_ERR_INVALID);
    gift.badge = 0;
    gift.cap++;
    refuse(bad, EXO_ERR_BAD_CAP);
}

int main(int argc, char **argv, char **env)
{
    (void)env;
    if (argc > 1) {
        return child(argv);
    }
    gifts();
    ends();
    linux_program();
    refused();
    return check_end("spawn");
}
