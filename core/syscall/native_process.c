/*
 * core/syscall/native_process.c - starting, waiting for and ending processes: docs/syscalls.
 */
#include "exo/lib/string.h"
#include "exo/mem/heap.h"
#include "exo/mem/user.h"
#include "exo/proc/process.h"
#include "exo/proc/program.h"
#include "native.h"

/* Strings of a program, copied: the kernel looks at them once it alone can change them. */
struct strings {
    char *text;
    const char **item; /* NULL-terminated */
};

/* Everything that a spawn needs until it is done. */
struct request {
    struct exo_spawn spawn;
    struct strings args;
    struct strings env;
    struct exo_gift gift[EXO_SPAWN_GIFTS_MAX];
    char name[EXO_SPAWN_NAME_MAX];
    struct program program;
};

static uint64_t count_strings(const char *text, uint64_t len_bytes)
{
    uint64_t count = 0;

    for (uint64_t i = 0; i < len_bytes; i++) {
        count += text[i] == '\0' ? 1 : 0;
    }
    return count;
}

static void point_at_strings(struct strings *strings, uint64_t count)
{
    const char *at = strings->text;

    for (uint64_t i = 0; i < count; i++) {
        strings->item[i] = at;
        at += strlen(at) + 1;
    }
    strings->item[count] = NULL;
}

/* Copy strings[len_bytes] at `addr` in. Whatever happens, strings_free() is due. */
static exo_status_t strings_take(struct vm_space *space, vaddr_t addr, uint64_t len_bytes,
                                 struct strings *out)
{
    if (len_bytes > EXO_SPAWN_STRINGS_MAX) {
        return EXO_ERR_NO_RESOURCES;
    }
    out->text = heap_alloc(len_bytes + 1);
    if (out->text == NULL) {
        return EXO_ERR_NO_MEMORY;
    }
    const exo_status_t status =
        len_bytes > 0 ? user_copy_in(space, out->text, addr, len_bytes, NULL) : EXO_OK;

    if (status != EXO_OK) {
        return status;
    }
    if (len_bytes > 0 && out->text[len_bytes - 1] != '\0') {
        return EXO_ERR_INVALID;
    }
    const uint64_t count = count_strings(out->text, len_bytes);

    out->item = heap_alloc((count + 1) * sizeof(*out->item));
    if (out->item == NULL) {
        return EXO_ERR_NO_MEMORY;
    }
    point_at_strings(out, count);
    return EXO_OK;
}

static void strings_free(struct strings *strings)
{
    heap_free(strings->item);
    heap_free(strings->text);
}

static exo_status_t name_take(struct vm_space *space, struct request *request)
{
    const uint64_t len = request->spawn.name_bytes;

    if (len == 0 || len >= sizeof(request->name)) {
        return EXO_ERR_INVALID;
    }
    const exo_status_t status = user_copy_in(space, request->name, request->spawn.name, len, NULL);

    if (status == EXO_OK && count_strings(request->name, len) != 0) {
        return EXO_ERR_INVALID;
    }
    request->name[len] = '\0';
    return status;
}

static exo_status_t gifts_take(struct vm_space *space, struct request *request)
{
    const uint64_t count = request->spawn.gift_count;

    if (count > EXO_SPAWN_GIFTS_MAX) {
        return EXO_ERR_NO_RESOURCES;
    }
    const exo_status_t status = count > 0 ? user_copy_in(space, request->gift, request->spawn.gifts,
                                                         count * sizeof(request->gift[0]), NULL)
                                          : EXO_OK;

    if (status != EXO_OK) {
        return status;
    }
    for (uint64_t i = 0; i < count; i++) {
        const struct exo_gift *const gift = &request->gift[i];

        if (gift->how > EXO_GIFT_DERIVE || (gift->rights & ~EXO_RIGHTS_ALL) != 0 ||
            (gift->how == EXO_GIFT_DUPLICATE && gift->badge != 0)) {
            return EXO_ERR_INVALID;
        }
    }
    return EXO_OK;
}

static exo_status_t request_take(struct vm_space *space, vaddr_t addr, struct request *request)
{
    const struct exo_spawn *const spawn = &request->spawn;
    exo_status_t status = user_copy_in(space, &request->spawn, addr, sizeof(*spawn), NULL);

    if (status == EXO_OK) {
        status = name_take(space, request);
    }
    if (status == EXO_OK) {
        status = gifts_take(space, request);
    }
    if (status == EXO_OK) {
        status = strings_take(space, spawn->args, spawn->args_bytes, &request->args);
    }
    if (status == EXO_OK) {
        status = strings_take(space, spawn->env, spawn->env_bytes, &request->env);
    }
    return status;
}

static int64_t spawn(const struct native_call *call, struct request *request)
{
    const struct program *const program = &request->program;
    const struct proc_gifts gifts = { .from = call->native->caps,
                                      .gift = request->gift,
                                      .count = (uint32_t)request->spawn.gift_count };
    const struct proc_spawn_spec spec = { .path = program->path,
                                          .exe = program->exe,
                                          .image = program->file.data,
                                          .image_size_bytes = program->file.len_bytes,
                                          .args = request->args.item,
                                          .env = request->env.item,
                                          .gifts = &gifts };
    struct kobj *object = NULL;
    const exo_status_t status = process_spawn(&spec, &object);

    if (status != EXO_OK) {
        return status;
    }
    struct kobj *const kept = kobj_ref(object);
    const int64_t cap = native_cap_of(call, object, PROCESS_RIGHTS);

    if (cap < 0) {
        proc_kill(process_of(kept)); /* nobody else could */
    }
    kobj_unref(kept);
    return cap;
}

int64_t native_process_spawn(const struct native_call *call)
{
    struct request *const request = heap_alloc_zeroed(sizeof(*request));

    if (request == NULL) {
        return EXO_ERR_NO_MEMORY;
    }
    int64_t result = request_take(proc_space(call->proc), call->arg[0], request);

    if (result == EXO_OK) {
        result = program_find(request->name, &request->program);
    }
    if (result == EXO_OK) {
        result = spawn(call, request);
    }
    strings_free(&request->env);
    strings_free(&request->args);
    heap_free_sized(request, sizeof(*request));
    return result;
}

/* cap, deadline, where to tell it */
int64_t native_process_wait(const struct native_call *call)
{
    struct kobj *object = NULL;
    struct exo_end end;
    exo_status_t status =
        native_object(call, call->arg[0], EXO_TYPE_PROCESS, EXO_RIGHT_WAIT, &object);

    if (status != EXO_OK) {
        return status;
    }
    status = process_of(object) == call->proc
                 ? EXO_ERR_INVALID
                 : proc_wait_until(process_of(object), call->arg[1], &end);
    kobj_unref(object);
    return status == EXO_OK
               ? user_copy_out(proc_space(call->proc), call->arg[2], &end, sizeof(end), NULL)
               : status;
}

int64_t native_process_kill(const struct native_call *call)
{
    struct kobj *object = NULL;
    const exo_status_t status =
        native_object(call, call->arg[0], EXO_TYPE_PROCESS, EXO_RIGHT_PROCESS_KILL, &object);

    if (status == EXO_OK) {
        proc_kill(process_of(object));
        kobj_unref(object);
    }
    return status;
}
