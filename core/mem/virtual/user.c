/*
 * core/mem/virtual/user.c - copies to and from user memory: the platform copies what is mapped,
 * this file brings in the rest and goes on.
 *
 * Invariants:
 *   (1) each address is faulted in at most twice without progress, then it is a bad address: no
 *       page can keep the kernel in the loop;
 *   (2) nothing that the areas do not allow, and nothing outside [HAL_USER_MIN, HAL_USER_MAX)
 *       reaches the platform;
 *   (3) the space's lock is held from the question what is allowed to the last byte of a part: a
 *       frame that is copied from or to cannot be freed meanwhile, nor a right taken away. A part
 *       is at most COPY_PART_MAX long, so that no copy keeps other threads from the space.
 */
#include "exo/mem/user.h"

#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/sync/preempt.h"
#include "space.h"

#define TRIES_MAX     2u
#define COPY_PART_MAX (16u * PAGE_SIZE)

struct copy {
    struct vm_space *space;
    vaddr_t uaddr;
    uint8_t *in;        /* copy in: where to, else NULL */
    const uint8_t *out; /* copy out: where from, else NULL */
    size_t len_bytes;
};

/* Offset of the first NUL in text[size], or `size`. */
static size_t nul_find(const char *text, size_t size)
{
    size_t len = 0;

    while (len < size && text[len] != '\0') {
        len++;
    }
    return len;
}

bool user_range_ok(vaddr_t uaddr, uint64_t len_bytes)
{
    if (len_bytes == 0) {
        return uaddr < HAL_USER_MAX;
    }
    return uaddr >= HAL_USER_MIN && uaddr < HAL_USER_MAX && len_bytes <= HAL_USER_MAX - uaddr;
}

/* Copy `part` bytes from `done` on; returns how many were copied. The areas are asked first: a page
 * that allows its program nothing is still in the tables, and a kernel could read it there. */
static size_t copy_part(const struct copy *copy, size_t done, size_t part, uint32_t access)
{
    const vaddr_t uaddr = copy->uaddr + done;
    struct hal_space *hal = vm_space_hal(copy->space);
    size_t left = 0;

    space_lock(copy->space); /* invariant (3) */
    const size_t len = space_allowed_locked(copy->space, uaddr, part, access);

    if (copy->in != NULL) {
        left = hal_user_copy_in(hal, copy->in + done, uaddr, len);
    } else {
        left = hal_user_copy_out(hal, uaddr, copy->out + done, len);
    }
    space_unlock(copy->space);
    KASSERT(left <= len);
    return len - left;
}

static exo_status_t copy_run(const struct copy *copy, vaddr_t *fault)
{
    const uint32_t access = copy->in != NULL ? HAL_ACCESS_READ : HAL_ACCESS_WRITE;
    exo_status_t status = EXO_ERR_BAD_ADDRESS;
    uint32_t tries = 0;
    size_t done = 0;

    assert_may_block("user copy");
    while (user_range_ok(copy->uaddr, copy->len_bytes)) {
        const size_t part = (size_t)min_u64(copy->len_bytes - done, COPY_PART_MAX);
        const size_t copied = part > 0 ? copy_part(copy, done, part, access) : 0;

        done += copied;
        if (done == copy->len_bytes) {
            return EXO_OK;
        }
        if (copied == part) {
            continue;
        }
        tries = copied > 0 ? 0 : tries + 1;
        status = EXO_ERR_BAD_ADDRESS;
        if (tries > TRIES_MAX) {
            break; /* invariant (1) */
        }
        status = vm_fault(copy->space, copy->uaddr + done, access);
        if (status != EXO_OK) {
            break;
        }
    }
    if (fault != NULL) {
        *fault = copy->uaddr + done;
    }
    return status == EXO_ERR_NO_MEMORY ? status : EXO_ERR_BAD_ADDRESS;
}

exo_status_t user_copy_in(struct vm_space *space, void *dst, vaddr_t uaddr, size_t len_bytes,
                          vaddr_t *fault)
{
    const struct copy copy = { .space = space, .uaddr = uaddr, .in = dst, .len_bytes = len_bytes };

    return copy_run(&copy, fault);
}

exo_status_t user_copy_out(struct vm_space *space, vaddr_t uaddr, const void *src, size_t len_bytes,
                           vaddr_t *fault)
{
    const struct copy copy = { .space = space, .uaddr = uaddr, .out = src, .len_bytes = len_bytes };

    return copy_run(&copy, fault);
}

exo_status_t user_copy_string(struct vm_space *space, char *dst, size_t size, vaddr_t uaddr,
                              size_t *len)
{
    size_t done = 0;

    while (done < size) {
        /* Never past the end of a page: the next one may not be there, and need not be. */
        const size_t in_page = PAGE_SIZE - (size_t)((uaddr + done) & PAGE_MASK);
        const size_t part = (size_t)min_u64(size - done, in_page);
        const exo_status_t status = user_copy_in(space, dst + done, uaddr + done, part, NULL);

        if (status != EXO_OK) {
            return status;
        }
        const size_t found = nul_find(dst + done, part);

        if (found < part) {
            *len = done + found;
            return EXO_OK;
        }
        done += part;
    }
    return EXO_ERR_NO_RESOURCES;
}
