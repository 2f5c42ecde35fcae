/*
 * copy.c - hal_user_copy_in and _out: page by page through the tables, with user rights, never the
 * host.
 *
 * The bytes are moved by one instruction that no sanitizer sees: user memory is shared with user
 * code, whose races are its own affair.
 */
#include "platform/hosted/user/stub.h"

static void bytes_move(void *dst, const void *src, size_t len_bytes)
{
    __asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(len_bytes) : : "memory");
}

/* The page that holds `uaddr` in the direct map, or NULL if user code could not access it so. */
static uint8_t *user_page(const struct hal_space *space, vaddr_t uaddr, uint32_t need)
{
    const vaddr_t page = align_down(uaddr, PAGE_SIZE);
    struct pt_entry entry;

    if (uaddr < HAL_USER_MIN || uaddr >= HAL_USER_MAX) {
        return NULL;
    }
    if (walk_next(space->root, page, page + PAGE_SIZE, &entry) != page) {
        return NULL;
    }
    return (entry.flags & need) == need ? hal_phys_to_virt(entry.paddr) : NULL;
}

/* Bytes from `uaddr` to the end of its page, at most len_bytes. */
static size_t page_part(vaddr_t uaddr, size_t len_bytes)
{
    return (size_t)min_u64(PAGE_SIZE - (uaddr & PAGE_MASK), len_bytes);
}

size_t hal_user_copy_in(struct hal_space *space, void *dst, vaddr_t uaddr, size_t len_bytes)
{
    uint8_t *to = dst;

    while (len_bytes > 0) {
        const uint8_t *const page = user_page(space, uaddr, PT_READ | PT_USER);
        const size_t part = page_part(uaddr, len_bytes);

        if (page == NULL) {
            break;
        }
        bytes_move(to, page + (uaddr & PAGE_MASK), part);
        to += part;
        uaddr += part;
        len_bytes -= part;
    }
    return len_bytes;
}

size_t hal_user_copy_out(struct hal_space *space, vaddr_t uaddr, const void *src, size_t len_bytes)
{
    const uint8_t *from = src;

    while (len_bytes > 0) {
        uint8_t *const page = user_page(space, uaddr, PT_WRITE | PT_USER);
        const size_t part = page_part(uaddr, len_bytes);

        if (page == NULL) {
            break;
        }
        bytes_move(page + (uaddr & PAGE_MASK), from, part);
        from += part;
        uaddr += part;
        len_bytes -= part;
    }
    return len_bytes;
}
