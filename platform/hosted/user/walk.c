/*
 * walk.c - reading the core's page tables: the next mapped user page.
 */
#include "platform/hosted/user/stub.h"

vaddr_t walk_next(paddr_t root, vaddr_t vaddr, vaddr_t limit, struct pt_entry *out)
{
    vaddr_t page = 0;

    while (pt_next(root, vaddr, limit, &page, out)) {
        if ((out->flags & PT_USER) != 0) {
            return page;
        }
        vaddr = page + PAGE_SIZE;
    }
    return limit;
}
