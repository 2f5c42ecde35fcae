/*
 * posix_x/kernel/memory.c - mmap and its kin, over the space of the process.
 *
 * Answered: anonymous private memory. Shared memory and files need objects that do not exist yet.
 *
 * Spec: Linux, mmap(2), mprotect(2), brk(2).
 */
#include "exo/mem/phys.h"
#include "px.h"

/* Forms whose meaning would be lost if the flag were ignored. Others (POPULATE, LOCKED, STACK,
 * NONBLOCK, DENYWRITE, EXECUTABLE) are hints here: memory is never swapped out. */
#define FLAGS_UNANSWERED (LINUX_MAP_32BIT | LINUX_MAP_GROWSDOWN)

static uint32_t prot_of(uint64_t prot)
{
    uint32_t out = 0;

    out |= (prot & LINUX_PROT_READ) != 0 ? VM_PROT_READ : 0;
    out |= (prot & LINUX_PROT_WRITE) != 0 ? VM_PROT_WRITE : 0;
    out |= (prot & LINUX_PROT_EXEC) != 0 ? VM_PROT_EXEC : 0;
    return out;
}

/* Linux refuses a single writable mapping that could never be filled (overcommit mode 0). */
static bool obviously_too_big(uint64_t len, uint64_t prot, uint64_t flags)
{
    struct phys_stats stats;

    if ((prot & LINUX_PROT_WRITE) == 0 || (flags & LINUX_MAP_NORESERVE) != 0) {
        return false;
    }
    phys_stats(&stats);
    return len / PAGE_SIZE > stats.frames_total;
}

static int64_t flags_check(uint64_t flags, uint64_t fd, uint64_t offset, uint64_t len)
{
    const uint64_t type = flags & LINUX_MAP_TYPE;

    if ((offset & PAGE_MASK) != 0) {
        return -LINUX_EINVAL;
    }
    if ((flags & LINUX_MAP_ANONYMOUS) == 0) {
        return (uint32_t)fd < PX_FDS_MAX ? -LINUX_ENODEV
                                         : -LINUX_EBADF; /* no stream can be mapped */
    }
    if ((flags & LINUX_MAP_HUGETLB) != 0) {
        return -LINUX_ENOMEM; /* none are set aside */
    }
    if (len == 0) {
        return -LINUX_EINVAL;
    }
    if (type != LINUX_MAP_PRIVATE) {
        return type == LINUX_MAP_SHARED ? -LINUX_ENOSYS : -LINUX_EINVAL;
    }
    return (flags & FLAGS_UNANSWERED) != 0 ? -LINUX_ENOSYS : 0;
}

/* The errors of vm_map() that mmap(2) calls by other names. */
static int64_t map_error(exo_status_t status, vaddr_t addr)
{
    switch (status) {
    case EXO_ERR_BAD_ADDRESS:
        return addr < HAL_USER_MIN ? -LINUX_EPERM : -LINUX_ENOMEM;
    case EXO_ERR_NO_RESOURCES:
    case EXO_ERR_NO_MEMORY:
        return -LINUX_ENOMEM;
    default:
        return px_error(status);
    }
}

int64_t px_mmap(struct px_call *call)
{
    const uint64_t addr = call->arg[0];
    const uint64_t len = call->arg[1];
    const uint64_t flags = call->arg[3];
    const bool fixed = (flags & (LINUX_MAP_FIXED | LINUX_MAP_FIXED_NOREPLACE)) != 0;
    const int64_t checked = flags_check(flags, call->arg[4], call->arg[5], len);
    vaddr_t at = 0;

    if (checked != 0) {
        return checked;
    }
    if (len > LINUX_TASK_SIZE || (fixed && addr > LINUX_TASK_SIZE - len) ||
        obviously_too_big(len, call->arg[2], flags)) {
        return -LINUX_ENOMEM;
    }
    if (fixed && (addr & PAGE_MASK) != 0) {
        return -LINUX_EINVAL;
    }
    struct vm_object *zero = vm_object_zero();
    const struct vm_map_spec spec = {
        .addr = align_down(addr, PAGE_SIZE),
        .len_bytes = len,
        .prot = prot_of(call->arg[2]),
        .flags = (fixed ? VM_MAP_FIXED : 0) |
                 ((flags & LINUX_MAP_FIXED_NOREPLACE) != 0 ? VM_MAP_NOREPLACE : 0),
        .object = zero,
    };
    const exo_status_t status = vm_map(call->space, &spec, &at);

    vm_object_unref(zero);
    return status == EXO_OK ? (int64_t)at : map_error(status, addr);
}

int64_t px_munmap(struct px_call *call)
{
    const uint64_t addr = call->arg[0];
    const uint64_t len = call->arg[1];

    if ((addr & PAGE_MASK) != 0 || len == 0 || addr > LINUX_TASK_SIZE ||
        len > LINUX_TASK_SIZE - addr) {
        return -LINUX_EINVAL;
    }
    /* Nothing of the program lies outside the user range, so cutting the range to it loses
     * nothing. */
    const vaddr_t start = max_u64(addr, HAL_USER_MIN);
    const vaddr_t end = min_u64(align_up(addr + len, PAGE_SIZE), HAL_USER_MAX);

    if (start >= end) {
        return 0;
    }
    const exo_status_t status = vm_unmap(call->space, start, end - start);

    return status == EXO_OK ? 0 : map_error(status, addr);
}

int64_t px_mprotect(struct px_call *call)
{
    const uint64_t known = LINUX_PROT_READ | LINUX_PROT_WRITE | LINUX_PROT_EXEC | LINUX_PROT_SEM;
    const uint64_t addr = call->arg[0];
    const uint64_t len = call->arg[1];

    if ((addr & PAGE_MASK) != 0) {
        return -LINUX_EINVAL;
    }
    if (len == 0) {
        return 0;
    }
    if (align_up(len, PAGE_SIZE) == 0 || addr + align_up(len, PAGE_SIZE) <= addr) {
        return -LINUX_ENOMEM;
    }
    if ((call->arg[2] & ~known) != 0) {
        return -LINUX_EINVAL;
    }
    const exo_status_t status = vm_protect(call->space, addr, len, prot_of(call->arg[2]));

    if (status == EXO_OK) {
        return 0;
    }
    return status == EXO_ERR_INVALID ? -LINUX_EINVAL : -LINUX_ENOMEM;
}

int64_t px_brk(struct px_call *call)
{
    return (int64_t)vm_brk(call->space, call->arg[0]);
}
