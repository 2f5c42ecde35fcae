/*
 * lib/spawn.c - other processes.
 */
#include "exo_std/spawn.h"

#include <stddef.h>

#include "exo_std/memory.h"
#include "exo_std/process.h"
#include "exo_std/syscall.h"
#include "result.h"

static uint64_t text_bytes(const char *text)
{
    uint64_t len = 0;

    while (text[len++] != '\0') {
    }
    return len;
}

static uint64_t all_bytes(const char *const *strings)
{
    uint64_t bytes = 0;

    for (; *strings != NULL; strings++) {
        bytes += text_bytes(*strings);
    }
    return bytes;
}

/* Copy strings one after the other; returns the place after them. */
static char *pack(char *to, const char *const *strings)
{
    for (; *strings != NULL; strings++) {
        for (uint64_t i = 0; i < text_bytes(*strings); i++) {
            to[i] = (*strings)[i];
        }
        to += text_bytes(*strings);
    }
    return to;
}

exo_status_t exo_spawn(const struct exo_program *program, exo_cap_t *process)
{
    const char *const name_alone[] = { program->name, NULL };
    const char *const *const args = program->args != NULL ? program->args : name_alone;
    const char *const *const env = program->env != NULL ? program->env : name_alone + 1;
    struct exo_spawn spawn = { .name = (uint64_t)program->name,
                               .name_bytes = text_bytes(program->name) - 1,
                               .args_bytes = all_bytes(args),
                               .env_bytes = all_bytes(env),
                               .gifts = (uint64_t)program->gifts,
                               .gift_count = program->gift_count };
    const uint64_t bytes = spawn.args_bytes + spawn.env_bytes + 1;
    void *text = NULL;
    exo_status_t status = exo_memory_get(bytes, &text);

    if (status != EXO_OK) {
        return status;
    }
    spawn.args = (uint64_t)text;
    spawn.env = (uint64_t)pack(text, args);
    (void)pack((char *)spawn.env, env);
    status = result_value(exo_syscall(EXO_SYSCALL_process_spawn, (uint64_t)&spawn, 0, 0), process);
    (void)exo_memory_unmap(text, bytes);
    return status;
}

exo_cap_t exo_given(uint32_t number)
{
    const struct exo_start *const start = exo_start_block();

    return number < start->cap_count ? ((const exo_cap_t *)start->caps)[number] : EXO_CAP_NONE;
}

exo_status_t exo_process_wait(exo_cap_t process, uint64_t deadline_ns, struct exo_end *end)
{
    return (exo_status_t)exo_syscall(EXO_SYSCALL_process_wait, process, deadline_ns, (uint64_t)end);
}

exo_status_t exo_process_kill(exo_cap_t process)
{
    return (exo_status_t)exo_syscall(EXO_SYSCALL_process_kill, process, 0, 0);
}
