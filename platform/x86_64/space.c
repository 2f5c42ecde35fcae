/*
 * space.c - address spaces: the kernel's half of the tables, CR3, and flushing on every CPU.
 *
 * A CPU keeps the tables of the last user thread while kernel threads run.
 *
 * Invariant (1): if CR3 of a CPU names the root of a space, the CPU's bit in space->cpus is set.
 * The CPU sets it before it reads flush_count and the tables; hal_space_flush() raises
 * flush_count, after the entries were written, before it reads the bits. All four are sequentially
 * consistent: a CPU that the flush does not see sees the flush, and begins with nothing remembered.
 */
#include "exo/lib/assert.h"
#include "exo/mem/phys.h"
#include "exo/sync/preempt.h"

#include "asid.h"
#include "features.h"
#include "paging.h"
#include "percpu.h"
#include "remote.h"
#include "testhooks.h"
#include "user.h"

#define FLUSH_PAGES_MAX 32u /* more are cheaper by forgetting everything */

static _Atomic uint64_t g_spaces_made;

exo_status_t hal_space_create(paddr_t root, struct hal_space **out)
{
    paddr_t frame = 0;

    if (testhooks_fail_now()) {
        return EXO_ERR_NO_MEMORY;
    }
    const exo_status_t status = phys_alloc_zeroed(&frame);

    if (status != EXO_OK) {
        return status;
    }
    struct hal_space *space = hal_phys_to_virt(frame);

    space->root = root;
    space->id = 1 + atomic_fetch_add_explicit(&g_spaces_made, 1, memory_order_relaxed);
    paging_share_kernel_half(root);
    *out = space;
    return EXO_OK;
}

/* Load the tables; the CPU keeps what it knows of the space if nothing was flushed meanwhile. */
static void tables_load(struct percpu *cpu, const struct hal_space *space)
{
    uint64_t cr3 = space->root;

    if (features()->pcid) {
        const uint64_t flushes = atomic_load_explicit(&space->flush_count, memory_order_seq_cst);

        cr3 |= asid_choose(&cpu->asid, space->id, flushes);
    }
    paging_load(cr3);
}

void space_load(struct hal_space *space)
{
    struct percpu *cpu = percpu_this();
    struct hal_space *former = cpu->space;
    const uint64_t self = 1ull << cpu->head.cpu;

    if (former == space) {
        return;
    }
    if (space != NULL) {
        atomic_fetch_or_explicit(&space->cpus, self, memory_order_seq_cst);
        tables_load(cpu, space);
    } else {
        paging_load_kernel();
    }
    cpu->space = space;
    if (former != NULL) {
        atomic_fetch_and_explicit(&former->cpus, ~self, memory_order_release);
    }
}

static void space_leave_here(void *arg)
{
    if (percpu_this()->space == arg) {
        space_load(NULL);
    }
}

void hal_space_destroy(struct hal_space *space)
{
    if (space == NULL) {
        return;
    }
    const uint64_t cpus = atomic_load_explicit(&space->cpus, memory_order_acquire);

    if (cpus != 0) {
        remote_call(cpus, space_leave_here, space);
    }
    KASSERT(atomic_load_explicit(&space->cpus, memory_order_acquire) == 0);
    phys_free(hal_virt_to_phys(space), 1);
}

struct flush_request {
    struct hal_space *space;
    const struct hal_flush_range *range;
    size_t count;
    uint64_t flush_count;
    bool everything;
};

static void flush_here(void *arg)
{
    const struct flush_request *request = arg;

    if (percpu_this()->space != request->space) {
        return; /* it has loaded another CR3 since, and will see the count when it comes back */
    }
    const bool missed =
        features()->pcid && !asid_note_flush(&percpu_this()->asid, request->flush_count);

    if (missed || request->everything) {
        paging_flush_user();
        return;
    }
    for (size_t i = 0; i < request->count; i++) {
        const struct hal_flush_range *range = &request->range[i];

        for (size_t page = 0; !range->only_added && page < range->page_count; page++) {
            paging_flush_page(range->start + page * PAGE_SIZE);
        }
    }
}

exo_status_t hal_space_flush(struct hal_space *space, const struct hal_flush_range *range,
                             size_t count)
{
    struct flush_request request = { .space = space, .range = range, .count = count };
    size_t pages = 0;

    for (size_t i = 0; i < count; i++) {
        pages += range[i].only_added ? 0 : range[i].page_count;
    }
    if (pages == 0) {
        return EXO_OK;
    }
    request.everything = pages > FLUSH_PAGES_MAX;
    request.flush_count =
        1 + atomic_fetch_add_explicit(&space->flush_count, 1, memory_order_seq_cst);
    const uint64_t cpus = atomic_load_explicit(&space->cpus, memory_order_seq_cst);

    if (cpus != 0) {
        atomic_fetch_add_explicit(&space->rounds, 1, memory_order_relaxed);
        remote_call(cpus, flush_here, &request);
    }
    return EXO_OK;
}

/* Copy at most up to the end of the page of `uaddr`, so that preemption is off for a page at most.
 * The CPU may have served other spaces since this thread was in user mode. */
static size_t copy_chunk(struct hal_space *space, void *to, const void *from, size_t len_bytes)
{
    preempt_disable();
    const hal_irq_t irq = hal_irq_save();

    space_load(space);
    hal_irq_restore(irq);
    const size_t left = user_copy_bytes(to, from, len_bytes, features()->smap);

    preempt_enable();
    return left;
}

static size_t chunk_len(vaddr_t uaddr, size_t len_bytes)
{
    const size_t to_edge = PAGE_SIZE - (uaddr & PAGE_MASK);

    return len_bytes < to_edge ? len_bytes : to_edge;
}

/* How many of len_bytes at uaddr are user addresses at all. */
static size_t user_len(vaddr_t uaddr, size_t len_bytes)
{
    if (uaddr < HAL_USER_MIN || uaddr >= HAL_USER_MAX) {
        return 0;
    }
    return (size_t)min_u64(len_bytes, HAL_USER_MAX - uaddr);
}

size_t hal_user_copy_in(struct hal_space *space, void *dst, vaddr_t uaddr, size_t len_bytes)
{
    const size_t allowed = user_len(uaddr, len_bytes);
    size_t done = 0;

    while (done < allowed) {
        const size_t chunk = chunk_len(uaddr + done, allowed - done);
        const size_t left =
            copy_chunk(space, (char *)dst + done, (const void *)(uaddr + done), chunk);

        done += chunk - left;
        if (left != 0) {
            break;
        }
    }
    return len_bytes - done;
}

size_t hal_user_copy_out(struct hal_space *space, vaddr_t uaddr, const void *src, size_t len_bytes)
{
    const size_t allowed = user_len(uaddr, len_bytes);
    size_t done = 0;

    while (done < allowed) {
        const size_t chunk = chunk_len(uaddr + done, allowed - done);
        const size_t left =
            copy_chunk(space, (void *)(uaddr + done), (const char *)src + done, chunk);

        done += chunk - left;
        if (left != 0) {
            break;
        }
    }
    return len_bytes - done;
}
