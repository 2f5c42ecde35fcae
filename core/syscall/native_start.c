/*
 * core/syscall/native_start.c - the first stack of a native program.
 *
 * From the top: environment strings, argument strings; then, 16-byte aligned, from struct exo_start
 * up: the addresses of the arguments, a zero, those of the environment, a zero, the capabilities.
 */
#include "exo/abi/start.h"
#include "exo/lib/string.h"
#include "exo/proc/random.h"
#include "native.h"

#define STRINGS_PART 4u /* strings and addresses take at most this part of the stack */

/* Writing goes on after a failure, without effect. */
struct build {
    struct vm_space *space;
    vaddr_t string; /* the next string goes here, upwards */
    vaddr_t word;   /* the next address */
    exo_status_t status;
};

static void put(struct build *build, vaddr_t at, const void *bytes, size_t len_bytes)
{
    if (build->status == EXO_OK) {
        build->status = vm_write(build->space, at, bytes, len_bytes);
    }
}

/* Count strings and their bytes with NULs, up to `limit` bytes with the addresses. */
static exo_status_t measure(const char *const *strings, uint64_t limit, uint64_t *count,
                            uint64_t *bytes)
{
    for (; *strings != NULL; strings++) {
        *count += 1;
        *bytes += strlen(*strings) + 1;
        if (*bytes + *count * sizeof(vaddr_t) > limit) {
            return EXO_ERR_NO_RESOURCES;
        }
    }
    return EXO_OK;
}

static void strings_put(struct build *build, const char *const *strings)
{
    static const vaddr_t end = 0;

    for (; *strings != NULL; strings++) {
        const size_t len = strlen(*strings) + 1;

        put(build, build->string, *strings, len);
        put(build, build->word, &build->string, sizeof(build->string));
        build->string += len;
        build->word += sizeof(vaddr_t);
    }
    put(build, build->word, &end, sizeof(end));
    build->word += sizeof(vaddr_t);
}

exo_status_t native_start_make(struct proc *proc, const struct proc_image *image,
                               const struct native_given *given, vaddr_t *sp)
{
    const uint64_t limit = (image->stack_end - image->stack_start) / STRINGS_PART;
    struct exo_start start = { .magic = EXO_START_MAGIC,
                               .abi_version = EXO_ABI_VERSION,
                               .console = given->console,
                               .cap_count = given->count };
    uint64_t args = 0;
    uint64_t envs = 0;
    uint64_t bytes = 0;
    exo_status_t status = measure(image->args, limit, &args, &bytes);

    if (status == EXO_OK) {
        status = measure(image->env, limit - args * sizeof(vaddr_t), &envs, &bytes);
    }
    if (status != EXO_OK) {
        return status;
    }
    const uint64_t words = (args + 1 + envs + 1 + given->count) * sizeof(vaddr_t);
    const vaddr_t string = image->stack_end - bytes;

    *sp = align_down(string - words - sizeof(start), 16);
    start.arg_count = (uint32_t)args;
    start.args = *sp + sizeof(start);
    start.env = start.args + (args + 1) * sizeof(vaddr_t);
    start.caps = start.env + (envs + 1) * sizeof(vaddr_t);
    proc_random(start.random, sizeof(start.random));

    struct build build = { .space = proc_space(proc), .string = string, .word = start.args };

    put(&build, *sp, &start, sizeof(start));
    strings_put(&build, image->args);
    strings_put(&build, image->env);
    put(&build, start.caps, given->cap, given->count * sizeof(given->cap[0]));
    return build.status;
}
