/*
 * user.c - user mode: what a system call costs that does nothing, down to the kernel and back.
 *
 * The user program is nine bytes: a loop round one SYSCALL instruction, getppid. The figure
 * includes leaving user mode, the return from hal_user_run(), setting the result and entering
 * again; no personality. The second one makes native calls that a platform may answer on the
 * threshold, and then one that it may not.
 */
#include "exo/hal/user.h"
#include "exo/abi/syscall.h"
#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo/mem/pt.h"
#include "exo_bench.h"

#define CODE_AT    0x400000ull
#define WARM_CALLS 32u

struct null_program {
    paddr_t root;
    paddr_t code;
    struct hal_space *space;
    struct hal_user *user;
};

/* mov $110, %eax (getppid); syscall; jmp to the mov */
static const uint8_t g_loop[] = { 0xb8, 110, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7 };

/* mov $0x40000000, %eax; syscall; dec %rbx; jnz to the mov; and the loop above */
static const uint8_t g_native_loop[] = { 0xb8, 0,    0,    0,    0x40, 0x0f, 0x05,
                                         0x48, 0xff, 0xcb, 0x75, 0xf4, 0xb8, 39,
                                         0,    0,    0,    0x0f, 0x05, 0xeb, 0xf7 };

static void program_close(struct null_program *program)
{
    hal_user_destroy(program->user);
    hal_space_destroy(program->space);
    if (program->code != 0) {
        phys_free(program->code, 1);
    }
    if (program->root != 0) {
        pt_destroy(program->root, HAL_USER_MAX);
        phys_free(program->root, 1);
    }
}

static exo_status_t program_open(struct null_program *program, const uint8_t *code,
                                 size_t len_bytes)
{
    const struct hal_flush_range range = { .start = CODE_AT, .page_count = 1, .only_added = true };
    exo_status_t status = pt_create(&program->root);

    if (status != EXO_OK) {
        program->root = 0;
        return status;
    }
    status = phys_alloc_zeroed(&program->code);
    if (status != EXO_OK) {
        program->code = 0;
        return status;
    }
    memcpy(hal_phys_to_virt(program->code), code, len_bytes);
    status = hal_space_create(program->root, &program->space);
    if (status != EXO_OK) {
        program->space = NULL;
        return status;
    }
    status = pt_map(program->root, CODE_AT, program->code, 1, PT_READ | PT_EXEC | PT_USER);
    if (status == EXO_OK) {
        status = hal_space_flush(program->space, &range, 1);
    }
    if (status == EXO_OK) {
        status = hal_user_create(program->space, &program->user);
    }
    return status;
}

BENCH(
    null_system_call,
    "SYSCALL to hal_user_run() and back; hosted about 11 000 cycles, booted under 100 instructions",
    true)
{
    struct null_program program = { 0 };
    struct hal_user_event event;

    if (program_open(&program, g_loop, sizeof(g_loop)) != EXO_OK) {
        run->skipped = true;
    } else {
        hal_user_start(program.user, CODE_AT, 0);
        do { /* the first entry, and hosted the first fault, are another path */
            hal_user_run(program.user, &event);
        } while (event.reason == HAL_USER_QUANTUM || event.reason == HAL_USER_FAULT);
        for (uint32_t i = 0; i < WARM_CALLS; i++) { /* the process is made anew for each sample */
            hal_user_result(program.user, 0);
            hal_user_run(program.user, &event);
        }
        bench_start(run);
        for (uint64_t i = 0; i < run->loops; i++) {
            hal_user_result(program.user, 0);
            hal_user_run(program.user, &event);
        }
        bench_stop(run);
        run->skipped = event.reason != HAL_USER_SYSCALL && event.reason != HAL_USER_QUANTUM;
    }
    program_close(&program);
}

/* Run until the call that is not native, answering those that the platform brings here; false if
 * something else ended it. */
static bool native_run(struct null_program *program, uint64_t calls)
{
    struct hal_user_event event;
    struct hal_user_regs regs;

    hal_user_start(program->user, CODE_AT, 0);
    hal_user_regs_get(program->user, &regs);
    regs.rbx = calls;
    if (hal_user_regs_set(program->user, &regs) != EXO_OK) {
        return false;
    }
    for (;;) {
        hal_user_run(program->user, &event);
        if (event.reason == HAL_USER_SYSCALL && event.nr != EXO_SYSCALL_NATIVE) {
            return true;
        }
        if (event.reason == HAL_USER_SYSCALL) {
            hal_user_result(program->user, EXO_ABI_VERSION);
        } else if (event.reason != HAL_USER_QUANTUM && event.reason != HAL_USER_FAULT) {
            return false;
        }
    }
}

BENCH(native_null_call, "a native call that any program may make, e.g. abi_version", true)
{
    struct null_program program = { 0 };

    if (program_open(&program, g_native_loop, sizeof(g_native_loop)) != EXO_OK ||
        !native_run(&program, 1)) { /* the first entry, and hosted the first fault */
        run->skipped = true;
    } else {
        bench_start(run);
        run->skipped = !native_run(&program, run->loops);
        bench_stop(run);
    }
    program_close(&program);
}
