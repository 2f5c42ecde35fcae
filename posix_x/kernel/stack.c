/*
 * posix_x/kernel/stack.c - the first stack of a Linux program: argc, argv, envp, auxiliary vector,
 * strings.
 *
 * From the top: 8 zero bytes, path, environment strings, argument strings, platform, 16 random
 * bytes; then, 16-byte aligned, the vectors down to argc, where the stack pointer starts.
 *
 * Spec: System V ABI, AMD64 supplement, "Initial Stack and Register State"; getauxval(3).
 */
#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/proc/random.h"
#include "px.h"

#define RANDOM_SIZE      16u
#define STACK_ALIGN      16u
#define STRING_MAX       (128u << 10) /* bytes of one argument, NUL included: as on Linux */
#define STRINGS_PART     4u /* all strings and vectors take at most this part of the stack */
#define MIN_SIGNAL_STACK 4096u

/* What every x86_64 has, as CPUID leaf 1 gives it in EDX: FPU TSC MSR PAE CX8 CMOV MMX FXSR SSE
 * SSE2. */
#define HWCAP_BASE 0x07808171u

struct build {
    struct vm_space *space;
    vaddr_t at;          /* strings go below; then: next vector word */
    exo_status_t status; /* the first failure; later steps do nothing */
};

static const char g_platform[] = "x86_64";

static void put(struct build *build, vaddr_t addr, const void *bytes, size_t len_bytes)
{
    if (build->status == EXO_OK) {
        build->status = vm_write(build->space, addr, bytes, len_bytes);
    }
}

/* Put bytes below what is there; returns their address. */
static vaddr_t push(struct build *build, const void *bytes, size_t len_bytes)
{
    build->at -= len_bytes;
    put(build, build->at, bytes, len_bytes);
    return build->at;
}

static void word(struct build *build, uint64_t value)
{
    put(build, build->at, &value, sizeof(value));
    build->at += sizeof(value);
}

static void aux(struct build *build, uint64_t type, uint64_t value)
{
    word(build, type);
    word(build, value);
}

/* Count strings and their bytes, NULs included.  Errors: EXO_ERR_NO_RESOURCES. */
static exo_status_t measure(const char *const *strings, uint64_t limit, uint64_t *count,
                            uint64_t *bytes)
{
    for (const char *const *at = strings; *at != NULL; at++) {
        const size_t len = strlen(*at) + 1;

        *count += 1;
        *bytes += len;
        if (len > STRING_MAX || *bytes + *count * sizeof(vaddr_t) > limit) {
            return EXO_ERR_NO_RESOURCES;
        }
    }
    return EXO_OK;
}

/* Write strings from `addr` upwards, and the vector of their addresses with its closing zero. */
static void strings_put(struct build *build, const char *const *strings, vaddr_t *addr)
{
    for (const char *const *at = strings; *at != NULL; at++) {
        const size_t len = strlen(*at) + 1;

        put(build, *addr, *at, len);
        word(build, *addr);
        *addr += len;
    }
    word(build, 0);
}

static void aux_put(struct build *build, const struct proc_image *image, vaddr_t path,
                    vaddr_t platform, vaddr_t random)
{
    const struct elf_plan *plan = image->plan;

    aux(build, LINUX_AT_HWCAP, HWCAP_BASE);
    aux(build, LINUX_AT_PAGESZ, PAGE_SIZE);
    aux(build, LINUX_AT_CLKTCK, PX_CLOCK_HZ);
    aux(build, LINUX_AT_PHDR, plan->headers);
    aux(build, LINUX_AT_PHENT, plan->header_size);
    aux(build, LINUX_AT_PHNUM, plan->header_count);
    aux(build, LINUX_AT_BASE, 0);
    aux(build, LINUX_AT_FLAGS, 0);
    aux(build, LINUX_AT_ENTRY, plan->entry);
    aux(build, LINUX_AT_UID, 0);
    aux(build, LINUX_AT_EUID, 0);
    aux(build, LINUX_AT_GID, 0);
    aux(build, LINUX_AT_EGID, 0);
    aux(build, LINUX_AT_SECURE, 0);
    aux(build, LINUX_AT_RANDOM, random);
    aux(build, LINUX_AT_HWCAP2, 0);
    aux(build, LINUX_AT_EXECFN, path);
    aux(build, LINUX_AT_PLATFORM, platform);
    aux(build, LINUX_AT_MINSIGSTKSZ, MIN_SIGNAL_STACK);
    aux(build, LINUX_AT_NULL, 0);
}

#define AUX_WORDS 40u /* two for each line above */

exo_status_t px_stack_build(struct proc *proc, const struct proc_image *image, vaddr_t *sp)
{
    struct build build = { .space = proc_space(proc),
                           .at = image->stack_end - sizeof(uint64_t),
                           .status = EXO_OK };
    const uint64_t limit = (image->stack_end - image->stack_start) / STRINGS_PART;
    uint8_t random[RANDOM_SIZE];
    uint64_t args = 0;
    uint64_t envs = 0;
    uint64_t bytes = 0;
    exo_status_t status = measure(image->args, limit, &args, &bytes);

    if (status == EXO_OK) {
        status = measure(image->env, limit, &envs, &bytes);
    }
    if (status != EXO_OK) {
        return status;
    }
    proc_random(random, sizeof(random)); /* the seed of the program's stack protector */
    const vaddr_t path = push(&build, image->path, strlen(image->path) + 1);
    vaddr_t strings = build.at - bytes;

    build.at = strings;
    const vaddr_t platform = push(&build, g_platform, sizeof(g_platform));
    const vaddr_t seed = push(&build, random, sizeof(random));
    const uint64_t words = 1 + args + 1 + envs + 1 + AUX_WORDS;

    build.at = align_down(seed - words * sizeof(uint64_t), STACK_ALIGN);
    *sp = build.at;
    word(&build, args);
    strings_put(&build, image->args, &strings);
    strings_put(&build, image->env, &strings);
    aux_put(&build, image, path, platform, seed);
    return build.status;
}
