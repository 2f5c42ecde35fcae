/* tests/native/native_caps.c - capabilities as a program has them. */
#include "native_check.h"

#define CONSOLE_ALL (EXO_RIGHTS_COMMON | EXO_RIGHT_CONSOLE_WRITE | EXO_RIGHT_CONSOLE_READ)

static void query(exo_cap_t console)
{
    struct exo_cap_info info = { 0 };

    CHECK_STATUS(exo_cap_query(console, &info), EXO_OK);
    CHECK(info.type == EXO_TYPE_CONSOLE);
    CHECK(info.rights == CONSOLE_ALL);
    CHECK(info.badge == 0);
}

static void rights_shrink(exo_cap_t console)
{
    struct exo_cap_info info = { 0 };
    exo_cap_t less = EXO_CAP_NONE;
    char byte = 0;
    exo_cap_t more = EXO_CAP_NONE;

    CHECK_STATUS(exo_cap_duplicate(console, EXO_RIGHT_DUPLICATE, &less), EXO_OK);
    CHECK(less != console && (int64_t)less > 0);
    CHECK_STATUS(exo_cap_query(less, &info), EXO_OK);
    CHECK(info.rights == EXO_RIGHT_DUPLICATE);
    CHECK_STATUS(exo_console_write(less, "x", 1), EXO_ERR_ACCESS_DENIED);
    CHECK_STATUS(exo_console_read(less, &byte, 1, 0), EXO_ERR_ACCESS_DENIED);
    CHECK_STATUS(exo_cap_duplicate(less, CONSOLE_ALL, &more), EXO_ERR_ACCESS_DENIED);
    CHECK_STATUS(exo_cap_derive(less, 0, 0, &more), EXO_ERR_ACCESS_DENIED);
    CHECK_STATUS(exo_cap_revoke(less), EXO_ERR_ACCESS_DENIED);
    CHECK(more == EXO_CAP_NONE);
    CHECK_STATUS(exo_cap_close(less), EXO_OK);
    CHECK_STATUS(exo_cap_close(less), EXO_ERR_BAD_CAP);
    CHECK_STATUS(exo_cap_query(less, &info), EXO_ERR_BAD_CAP);
}

static void revocation(exo_cap_t console)
{
    struct exo_cap_info info = { 0 };
    exo_cap_t child = EXO_CAP_NONE;
    exo_cap_t grandchild = EXO_CAP_NONE;
    exo_cap_t beside = EXO_CAP_NONE;

    CHECK_STATUS(exo_cap_derive(console, CONSOLE_ALL, 7, &child), EXO_OK);
    CHECK_STATUS(exo_cap_query(child, &info), EXO_OK);
    CHECK(info.badge == 7);
    CHECK_STATUS(exo_cap_derive(child, CONSOLE_ALL, 8, &grandchild), EXO_ERR_ACCESS_DENIED);
    CHECK_STATUS(exo_cap_derive(child, EXO_RIGHT_CONSOLE_WRITE, 0, &grandchild), EXO_OK);
    CHECK_STATUS(exo_cap_duplicate(console, EXO_RIGHT_CONSOLE_WRITE, &beside), EXO_OK);
    CHECK_STATUS(exo_console_write(grandchild, "", 0), EXO_OK);
    CHECK_STATUS(exo_cap_revoke(console), EXO_OK);
    CHECK_STATUS(exo_console_write(child, "x", 1), EXO_ERR_BAD_CAP);
    CHECK_STATUS(exo_console_write(grandchild, "x", 1), EXO_ERR_BAD_CAP);
    CHECK_STATUS(exo_cap_close(grandchild), EXO_ERR_BAD_CAP);
    CHECK_STATUS(exo_cap_close(beside), EXO_OK);
}

static void quota(exo_cap_t console)
{
    exo_cap_t cap = EXO_CAP_NONE;
    exo_status_t status = EXO_OK;
    uint32_t count = 0;

    while ((status = exo_cap_derive(console, 0, 0, &cap)) == EXO_OK) {
        count++;
    }
    CHECK(status == EXO_ERR_NO_RESOURCES || status == EXO_ERR_NO_MEMORY);
    CHECK(count > 1000);
    CHECK_STATUS(exo_cap_revoke(console), EXO_OK);
    CHECK_STATUS(exo_cap_close(cap), EXO_ERR_BAD_CAP);
    CHECK_STATUS(exo_cap_derive(console, 0, 0, &cap), EXO_OK);
}

int main(int argc, char **argv, char **env)
{
    const exo_cap_t console = exo_start_block()->console;

    (void)argc;
    (void)argv;
    (void)env;
    query(console);
    rights_shrink(console);
    revocation(console);
    quota(console);
    return check_end("caps");
}
