/*
 * space.c - address spaces: the stub made, ended, and brought in line with the core's tables.
 *
 * The stub's mappings are what a TLB is to hardware, with one freedom more: any of them may be
 * missing at any time, because the fault it causes makes core flush the page again. So when the
 * host refuses another mapping, all of them are dropped at once and the wanted ones made afresh.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exo/debug/log.h"
#include "exo/lib/assert.h"
#include "platform/hosted/host.h"
#include "platform/hosted/user/stub.h"

#define CONTROL_BYTES ((uint64_t)STUB_AREA_BYTES * (STUB_THREADS_MAX + 1))

_Static_assert(STUB_TEXT == HAL_USER_MAX, "the stub begins where user code ends");
_Static_assert(STUB_AREAS + CONTROL_BYTES <= STUB_LIMIT, "all areas fit");

/* ---- create and destroy
 * ----------------------------------------------------------------------------- */

/* Control memfd and command pages. Interrupts off. */
static exo_status_t control_create(struct hal_space *space)
{
    space->control = memfd_create("exo-control", MFD_CLOEXEC);
    if (space->control < 0) {
        return EXO_ERR_NO_RESOURCES;
    }
    if (ftruncate(space->control, (off_t)CONTROL_BYTES) == 0) {
        void *const cmd =
            mmap(NULL, STUB_CMD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, space->control, 0);

        if (cmd != MAP_FAILED) {
            space->cmd = cmd;
            stub_cmd_init(space->cmd);
            return EXO_OK;
        }
    }
    close(space->control);
    return EXO_ERR_NO_MEMORY;
}

static void control_destroy(struct hal_space *space)
{
    munmap(space->cmd, STUB_CMD_BYTES);
    close(space->control);
}

/* Let a fresh stub say that it is ready and prepare itself. */
static exo_status_t stub_setup(struct hal_space *space)
{
    struct stub_call call[STUB_SETUP_CALLS_MAX];
    const uint32_t count = stub_cmd_setup(call, STUB_SETUP_CALLS_MAX);
    uint32_t done;
    int failed_errno = 0;
    int fd;

    spin_lock(&space->lock);
    const hal_irq_t irq = host_enter();
    exo_status_t status = mm_answer(space, &done, &failed_errno, &fd);

    for (uint32_t i = 0; i < count && status == EXO_OK; i++) {
        status = mm_add(space, &call[i]);
    }
    if (status == EXO_OK) {
        status = mm_run(space, &failed_errno);
    }
    host_exit(irq);
    spin_unlock(&space->lock);
    if (status != EXO_OK) {
        klog(KLOG_WARN, "user", "stub set-up failed errno=%d", failed_errno);
    }
    return status;
}

/* Start the stub of a space whose control memfd stands. */
static exo_status_t stub_start(struct hal_space *space)
{
    int pair[2];
    hal_irq_t irq = host_enter();
    const int error = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);

    host_exit(irq);
    if (error != 0) {
        return EXO_ERR_NO_RESOURCES;
    }
    space->socket = pair[0];
    exo_status_t status = stub_service_spawn(space, pair[1]);

    irq = host_enter();
    close(pair[1]);
    host_exit(irq);
    if (status != EXO_OK) {
        goto fail_socket;
    }
    status = stub_setup(space);
    if (status != EXO_OK) {
        goto fail_stub;
    }
    return EXO_OK;
fail_stub:
    stub_service_kill(space);
fail_socket:
    irq = host_enter();
    close(pair[0]);
    host_exit(irq);
    return status;
}

exo_status_t hal_space_create(paddr_t root, struct hal_space **out)
{
    hal_irq_t irq = host_enter();
    struct hal_space *const space = hosted_test_should_fail() ? NULL : calloc(1, sizeof(*space));
    exo_status_t status = EXO_ERR_NO_MEMORY;

    if (space != NULL) {
        spin_init(&space->lock, RANK_PLATFORM);
        space->root = root;
        status = control_create(space);
    }
    host_exit(irq);
    if (status != EXO_OK) {
        goto fail_space;
    }
    status = stub_start(space);
    if (status != EXO_OK) {
        goto fail_control;
    }
    *out = space;
    return EXO_OK;
fail_control:
    irq = host_enter();
    control_destroy(space);
    host_exit(irq);
fail_space:
    irq = host_enter();
    free(space);
    host_exit(irq);
    return status;
}

void hal_space_destroy(struct hal_space *space)
{
    if (space == NULL) {
        return;
    }
    KASSERT(space->users == 0);
    if (atomic_load(&space->dead)) {
        klog(KLOG_INFO, "user", "stub had ended by itself %s=%d",
             space->end_by_signal ? "signal" : "status", space->end_status);
    }
    stub_service_kill(space);
    const hal_irq_t irq = host_enter();

    while (space->parked != NULL) {
        struct hal_user *const user = space->parked;

        space->parked = user->next;
        close(user->listener);
        munmap(user->area, STUB_AREA_BYTES);
        free(user);
    }
    close(space->socket);
    control_destroy(space);
    free(space);
    host_exit(irq);
}

/* ---- flush
 * --------------------------------------------------------------------------------------------- */

static uint64_t protection(uint32_t flags)
{
    return PROT_READ | ((flags & PT_WRITE) != 0 ? PROT_WRITE : 0) |
           ((flags & PT_EXEC) != 0 ? PROT_EXEC : 0);
}

static exo_status_t remove_pages(struct hal_space *space, vaddr_t start, vaddr_t end)
{
    const struct stub_call call = { SYS_munmap, { start, end - start } };

    return mm_add(space, &call);
}

static exo_status_t add_pages(struct hal_space *space, vaddr_t start, vaddr_t end,
                              const struct pt_entry *first)
{
    const struct stub_call call = { SYS_mmap,
                                    { start, end - start, protection(first->flags),
                                      MAP_SHARED | MAP_FIXED | MAP_POPULATE, STUB_FD_RAM,
                                      first->paddr } };

    return mm_add(space, &call);
}

/* The end of the run of pages that begins at `start` with *first, has its rights and goes on in
 * consecutive frames. */
static vaddr_t run_end(paddr_t root, vaddr_t start, vaddr_t limit, const struct pt_entry *first)
{
    vaddr_t end = start + PAGE_SIZE;
    struct pt_entry entry;

    while (end < limit && walk_next(root, end, end + PAGE_SIZE, &entry) == end &&
           entry.paddr == first->paddr + (end - start) &&
           protection(entry.flags) == protection(first->flags)) {
        end += PAGE_SIZE;
    }
    return end;
}

static exo_status_t flush_range(struct hal_space *space, const struct hal_flush_range *range)
{
    const vaddr_t limit = min_u64(range->start + range->page_count * PAGE_SIZE, HAL_USER_MAX);
    vaddr_t vaddr = max_u64(range->start, HAL_USER_MIN);
    exo_status_t status = EXO_OK;

    while (vaddr < limit && status == EXO_OK) {
        struct pt_entry first;
        const vaddr_t start = walk_next(space->root, vaddr, limit, &first);

        if (start > vaddr && !range->only_added) {
            status = remove_pages(space, vaddr, start);
        }
        vaddr = start;
        if (start < limit && status == EXO_OK) {
            vaddr = run_end(space->root, start, limit, &first);
            status = add_pages(space, start, vaddr, &first);
        }
    }
    return status;
}

static exo_status_t flush_all(struct hal_space *space, const struct hal_flush_range *range,
                              size_t count)
{
    exo_status_t status = EXO_OK;
    int failed_errno;

    for (size_t i = 0; i < count && status == EXO_OK; i++) {
        status = flush_range(space, &range[i]);
    }
    return status == EXO_OK ? mm_run(space, &failed_errno) : status;
}

/* Drop every mapping of user pages: one call, which needs no memory. */
static exo_status_t drop_all(struct hal_space *space)
{
    int failed_errno;

    space->batch_count = 0;
    const exo_status_t status = remove_pages(space, HAL_USER_MIN, HAL_USER_MAX);

    return status == EXO_OK ? mm_run(space, &failed_errno) : status;
}

exo_status_t hal_space_flush(struct hal_space *space, const struct hal_flush_range *range,
                             size_t count)
{
    spin_lock(&space->lock);
    const hal_irq_t irq = host_enter();
    exo_status_t status = flush_all(space, range, count);

    if (status != EXO_OK && status != EXO_ERR_DEAD) {
        status = drop_all(space);
        if (status == EXO_OK) {
            status = flush_all(space, range, count);
        }
        if (status != EXO_OK && drop_all(space) != EXO_OK) {
            status = EXO_ERR_DEAD;
        }
    }
    host_exit(irq);
    spin_unlock(&space->lock);
    return status == EXO_ERR_IO ? EXO_ERR_NO_MEMORY : status;
}
