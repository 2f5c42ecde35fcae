/*
 * posix_x/kernel/errno.c - the one table from status to errno.
 *
 * Total: it has a row for each status of exo/abi/status_list.h, in that list's order (asserted here
 *        and
 * tested). Calls whose manual page wants another errno translate that case themselves.
 */
#include "exo/lib/assert.h"
#include "px.h"

#define STATUS_FIRST EXO_ERR_INVALID
#define ROW(status)  (STATUS_FIRST - (EXO_ERR_##status))

static const uint8_t g_errno[] = {
    [ROW(INVALID)] = LINUX_EINVAL,       [ROW(BAD_ADDRESS)] = LINUX_EFAULT,
    [ROW(BAD_FORMAT)] = LINUX_ENOEXEC,   [ROW(NOT_SUPPORTED)] = LINUX_EOPNOTSUPP,
    [ROW(NOT_FOUND)] = LINUX_ENOENT,     [ROW(EXISTS)] = LINUX_EEXIST,
    [ROW(ACCESS_DENIED)] = LINUX_EACCES, [ROW(NO_MEMORY)] = LINUX_ENOMEM,
    [ROW(NO_RESOURCES)] = LINUX_EAGAIN,  [ROW(BUSY)] = LINUX_EBUSY,
    [ROW(TIMED_OUT)] = LINUX_ETIMEDOUT,  [ROW(INTERRUPTED)] = LINUX_EINTR,
    [ROW(DEAD)] = LINUX_EPIPE,           [ROW(IO)] = LINUX_EIO,
    [ROW(BAD_CAP)] = LINUX_EBADF,        [ROW(WRONG_TYPE)] = LINUX_EINVAL,
};

/* A status added to the list without a row here stops the build. */
enum {
    STATUS_COUNT = 0
#define X(name, value, text) +1
#include "exo/abi/status_list.h"
#undef X
};
_Static_assert(ARRAY_COUNT(g_errno) == STATUS_COUNT, "each status has an errno");

int64_t px_error(exo_status_t status)
{
    const int64_t row = (int64_t)STATUS_FIRST - status;

    KASSERT(row >= 0 && row < (int64_t)ARRAY_COUNT(g_errno));
    KASSERT(g_errno[row] != 0);
    return -(int64_t)g_errno[row];
}

int64_t px_copy_in(const struct px_call *call, void *dst, uint64_t uaddr, size_t len_bytes)
{
    const exo_status_t status = user_copy_in(call->space, dst, uaddr, len_bytes, NULL);

    return status == EXO_OK ? 0 : px_error(status);
}

int64_t px_copy_out(const struct px_call *call, uint64_t uaddr, const void *src, size_t len_bytes)
{
    const exo_status_t status = user_copy_out(call->space, uaddr, src, len_bytes, NULL);

    return status == EXO_OK ? 0 : px_error(status);
}
