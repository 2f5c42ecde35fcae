/*
 * core/syscall/native_misc.c - version, clock, console, process and thread: docs/syscalls.
 */
#include "exo/drivers/console.h"
#include "exo/hal.h"
#include "exo/mem/user.h"
#include "exo/sched/thread.h"
#include "native.h"

#define CHUNK_SIZE 512u /* bytes copied through the kernel stack at a time */

int64_t native_abi_version(uint64_t arg0, uint64_t arg1)
{
    (void)arg0;
    (void)arg1;
    return EXO_ABI_VERSION;
}

int64_t native_clock_read(uint64_t arg0, uint64_t arg1)
{
    (void)arg0;
    (void)arg1;
    return (int64_t)hal_clock_ns();
}

static exo_status_t console_check(const struct native_call *call, exo_rights_t need)
{
    struct kobj *console = NULL;

    epoch_enter();
    const exo_status_t status =
        cap_lookup(call->native->caps, call->arg[0], EXO_TYPE_CONSOLE, need, &console);

    epoch_exit(); /* the console never ends */
    return status;
}

/* Authority is asked for once: a write that has begun ends, even if it is revoked meanwhile. */
int64_t native_console_write(const struct native_call *call)
{
    const vaddr_t text = call->arg[1];
    const uint64_t len_bytes = call->arg[2];
    char chunk[CHUNK_SIZE];
    uint64_t done = 0;
    exo_status_t status = console_check(call, EXO_RIGHT_CONSOLE_WRITE);

    if (status == EXO_OK && !user_range_ok(text, len_bytes)) {
        status = EXO_ERR_BAD_ADDRESS;
    }
    while (status == EXO_OK && done < len_bytes && !proc_ending(call->proc)) {
        const size_t part = (size_t)min_u64(len_bytes - done, sizeof(chunk));

        status = user_copy_in(proc_space(call->proc), chunk, text + done, part, NULL);
        if (status == EXO_OK) {
            hal_console_write(HAL_STREAM_OUT, chunk, part);
            done += part;
        }
    }
    return done > 0 ? (int64_t)done : status;
}

/* cap, where to, how many, deadline */
int64_t native_console_read(const struct native_call *call)
{
    const vaddr_t to = call->arg[1];
    const uint64_t len_bytes = call->arg[2];
    char chunk[CHUNK_SIZE];
    const exo_status_t status = console_check(call, EXO_RIGHT_CONSOLE_READ);

    if (status != EXO_OK) {
        return status;
    }
    if (len_bytes == 0) {
        return EXO_ERR_INVALID;
    }
    if (!user_range_ok(to, len_bytes)) {
        return EXO_ERR_BAD_ADDRESS;
    }
    const size_t got = console_read(chunk, (size_t)min_u64(len_bytes, sizeof(chunk)), call->arg[3]);

    if (got == 0) {
        return proc_ending(call->proc) ? EXO_ERR_INTERRUPTED : EXO_ERR_TIMED_OUT;
    }
    const exo_status_t copied = user_copy_out(proc_space(call->proc), to, chunk, got, NULL);

    return copied == EXO_OK ? (int64_t)got : copied;
}

int64_t native_process_exit(const struct native_call *call)
{
    proc_end(call->proc, (int)(call->arg[0] & 0xff));
    return EXO_OK;
}

int64_t native_thread_yield(const struct native_call *call)
{
    (void)call;
    thread_yield();
    return EXO_OK;
}

/* The process may be killed meanwhile, which unparks the thread: it sleeps until the time has come
 * or the process ends. */
int64_t native_thread_sleep(const struct native_call *call)
{
    const uint64_t until_ns = call->arg[0];

    while (hal_clock_ns() < until_ns) {
        if (proc_ending(call->proc)) {
            return EXO_ERR_INTERRUPTED;
        }
        const exo_status_t status = thread_park_interruptible(until_ns);

        if (status != EXO_OK && status != EXO_ERR_TIMED_OUT) {
            return status;
        }
    }
    return EXO_OK;
}
