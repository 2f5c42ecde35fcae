/*
 * kva.c - the kernel's address area: a reserved range of host addresses where pages of the memfd
 * are mapped a second time.
 *
 * Invariants:
 *   (1) every page of the area is either part of the inaccessible reservation or maps the byte of
 *       the memfd that its entry in g_entry names;
 *   (2) entries are written by who has the pages for himself, and whole: the fault report may read
 *       them at any time.
 *
 * The host drops a translation on all its CPUs before mmap() or mprotect() returns, so there is
 * nothing left to flush. One call maps a run of consecutive frames, which the host keeps as one
 * mapping of its usual 65530.
 */
#include "exo/hal/kva.h"

#include <stdatomic.h>
#include <sys/mman.h>

#include "exo/mem/pt.h"

#include "host.h"
#include "sanitizer.h"

#define KVA_BASE        0x560100000000ull /* behind the largest memory; free under the sanitizers */
#define RESERVE_AT_ONCE (128ull << 20)    /* Valgrind warns of reservations above 256 MiB */

static _Atomic uint64_t *g_entry; /* paddr | PT_* flags, 0: nothing is mapped */
static size_t g_pages;

static void *place(vaddr_t vaddr)
{
    return (void *)(uintptr_t)vaddr;
}

static int host_rights(uint32_t flags)
{
    return PROT_READ | ((flags & PT_WRITE) != 0 ? PROT_WRITE : 0) |
           ((flags & PT_EXEC) != 0 ? PROT_EXEC : 0);
}

/* Make a range inaccessible and part of the reservation. */
static bool reserve(vaddr_t vaddr, uint64_t bytes, int how)
{
    return mmap(place(vaddr), bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | how,
                -1, 0) == place(vaddr);
}

exo_status_t hal_kva_reserve(size_t page_count, vaddr_t *base)
{
    const uint64_t bytes = page_count * PAGE_SIZE;
    const hal_irq_t irq = host_enter();
    void *const entries = mmap(NULL, page_count * sizeof(*g_entry), PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    bool done = entries != MAP_FAILED;

    for (uint64_t at = 0; done && at < bytes; at += RESERVE_AT_ONCE) {
        done = reserve(KVA_BASE + at, min_u64(bytes - at, RESERVE_AT_ONCE), MAP_FIXED_NOREPLACE);
    }
    host_exit(irq);
    if (!done) {
        return EXO_ERR_NO_MEMORY; /* the machine does not start: nothing is worth undoing */
    }
    g_entry = entries;
    g_pages = page_count;
    *base = KVA_BASE;
    return EXO_OK;
}

static void entries_set(vaddr_t vaddr, size_t page_count, uint64_t first, uint64_t step)
{
    const size_t page = (vaddr - KVA_BASE) / PAGE_SIZE;

    for (size_t i = 0; i < page_count; i++) {
        atomic_store_explicit(&g_entry[page + i], first + i * step, memory_order_release);
    }
}

exo_status_t hal_kva_map(vaddr_t vaddr, paddr_t paddr, size_t page_count, uint32_t flags)
{
    const size_t bytes = page_count * PAGE_SIZE;

    if (paddr >= hosted_ram_bytes() || page_count > (hosted_ram_bytes() - paddr) / PAGE_SIZE) {
        return EXO_ERR_INVALID;
    }
    const hal_irq_t irq = host_enter();
    const bool done = !hosted_test_should_fail() &&
                      mmap(place(vaddr), bytes, host_rights(flags), MAP_SHARED | MAP_FIXED,
                           hosted_ram_fd(), (off_t)paddr) == place(vaddr);

    if (done) {
        hosted_shadow_unpoison(place(vaddr), bytes); /* Valgrind has seen the call itself */
        entries_set(vaddr, page_count, paddr | flags, PAGE_SIZE);
    }
    host_exit(irq);
    return done ? EXO_OK : EXO_ERR_NO_MEMORY;
}

exo_status_t hal_kva_protect(vaddr_t vaddr, size_t page_count, uint32_t rights)
{
    const uint32_t all = PT_READ | PT_WRITE | PT_EXEC;
    const size_t page = (vaddr - KVA_BASE) / PAGE_SIZE;
    const hal_irq_t irq = host_enter();
    const bool done = mprotect(place(vaddr), page_count * PAGE_SIZE, host_rights(rights)) == 0;

    host_exit(irq);
    for (size_t i = 0; done && i < page_count; i++) {
        const uint64_t entry = atomic_load_explicit(&g_entry[page + i], memory_order_relaxed);

        atomic_store_explicit(&g_entry[page + i], (entry & ~(uint64_t)all) | rights,
                              memory_order_release);
    }
    return done ? EXO_OK : EXO_ERR_NO_MEMORY;
}

void hal_kva_unmap(vaddr_t vaddr, size_t page_count)
{
    if (page_count == 0) {
        return;
    }
    const hal_irq_t irq = host_enter();

    /* It joins the reservation round it: the host needs no memory for that. */
    if (!reserve(vaddr, page_count * PAGE_SIZE, MAP_FIXED)) {
        host_fail("cannot unmap %zu pages of kernel addresses at %p", page_count, place(vaddr));
    }
    entries_set(vaddr, page_count, 0, 0);
    host_exit(irq);
}

bool hal_kva_lookup(vaddr_t vaddr, struct pt_entry *out)
{
    const size_t page = (vaddr - KVA_BASE) / PAGE_SIZE;

    if (vaddr < KVA_BASE || page >= g_pages) {
        return false;
    }
    const uint64_t entry = atomic_load_explicit(&g_entry[page], memory_order_acquire);

    out->paddr = entry & ~PAGE_MASK;
    out->flags = (uint32_t)(entry & PAGE_MASK);
    return entry != 0;
}

void hal_kva_flush(void)
{
}
