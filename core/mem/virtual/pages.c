/*
 * core/mem/virtual/pages.c - frames and table entries of the pages of an address space.
 *
 * Invariants:
 *   (1) each leaf of the user range names a frame that this space alone owns, or, in a shared area,
 *       one of the area's object: stats.pages_resident of them;
 *   (2) a frame is freed only after the flush that follows its removal from the tables;
 *   (3) a leaf has PT_USER exactly if its area allows something: the platform shows no other page.
 */
#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "space.h"

#define BATCH_PAGES 32u /* pages handled per flush; the arrays lie on the kernel stack */

/* Pages changed since the last flush, as runs. */
struct batch {
    uint32_t pages;
    uint32_t runs;
    paddr_t frame[BATCH_PAGES];
    struct hal_flush_range run[BATCH_PAGES];
};

static void batch_add(struct batch *batch, vaddr_t page, paddr_t frame)
{
    struct hal_flush_range *last = batch->runs > 0 ? &batch->run[batch->runs - 1] : NULL;

    batch->frame[batch->pages++] = frame;
    if (last != NULL && last->start + last->page_count * PAGE_SIZE == page) {
        last->page_count++;
        return;
    }
    batch->run[batch->runs++] = (struct hal_flush_range){ .start = page, .page_count = 1 };
}

/* Tell the platform. What it could not map again faults later and is told then; a dead half maps
 * nothing. */
static void batch_flush(struct vm_space *space, const struct batch *batch)
{
    const exo_status_t status = hal_space_flush(space->hal, batch->run, batch->runs);

    KASSERT(status == EXO_OK || status == EXO_ERR_NO_MEMORY || status == EXO_ERR_DEAD);
}

void pages_release_locked(struct vm_space *space, const struct vm_area *area)
{
    vaddr_t from = area->start;

    space_assert_locked(space);
    for (;;) {
        struct batch batch = { 0 };
        struct pt_entry entry;
        vaddr_t page = 0;

        while (batch.pages < BATCH_PAGES && pt_next(space->root, from, area->end, &page, &entry)) {
            pt_unmap(space->root, page, 1);
            batch_add(&batch, page, entry.paddr);
            from = page + PAGE_SIZE;
        }
        if (batch.pages == 0) {
            return;
        }
        batch_flush(space, &batch);
        for (uint32_t i = 0; i < batch.pages && !area->is_shared; i++) {
            phys_free(batch.frame[i], 1); /* invariant (2) */
        }
        space->stats.pages_resident -= batch.pages;
    }
}

void pages_protect_locked(struct vm_space *space, vaddr_t start, vaddr_t end, uint32_t prot)
{
    vaddr_t from = start;

    space_assert_locked(space);
    for (;;) {
        struct batch batch = { 0 };
        struct pt_entry entry;
        vaddr_t page = 0;

        while (batch.pages < BATCH_PAGES && pt_next(space->root, from, end, &page, &entry)) {
            const exo_status_t status = pt_map(space->root, page, entry.paddr, 1, prot_to_pt(prot));

            KASSERT(status == EXO_OK); /* its tables are there: it was mapped */
            batch_add(&batch, page, entry.paddr);
            from = page + PAGE_SIZE;
        }
        if (batch.pages == 0) {
            return;
        }
        batch_flush(space, &batch);
    }
}

/* Are the two pages beyond `page` on one side there already? Then the program walks through the
 * area, and the next pages will be asked for soon; a single neighbour says little. */
static bool walks(const struct vm_space *space, const struct vm_area *area, vaddr_t page)
{
    const uint64_t two = 2 * PAGE_SIZE;
    struct pt_entry entry;

    if (page - area->start >= two && pt_lookup(space->root, page - PAGE_SIZE, &entry) &&
        pt_lookup(space->root, page - two, &entry)) {
        return true;
    }
    return area->end - page > two && pt_lookup(space->root, page + PAGE_SIZE, &entry) &&
           pt_lookup(space->root, page + two, &entry);
}

/* The run of absent pages round `page` to bring in at once: its window, where the object
 * says that this is cheap or the program walks; else the page alone. */
static void window_find(const struct vm_space *space, const struct vm_area *area, vaddr_t page,
                        vaddr_t *start, size_t *count)
{
    const uint64_t window = VM_FAULT_AROUND * PAGE_SIZE;
    const vaddr_t low = max_u64(align_down(page, window), area->start);
    const vaddr_t high = min_u64(align_down(page, window) + window, area->end);
    vaddr_t first = page;
    vaddr_t last = page;
    struct pt_entry entry;

    if (area->object->ops->fault_around || walks(space, area, page)) {
        while (first > low && !pt_lookup(space->root, first - PAGE_SIZE, &entry)) {
            first -= PAGE_SIZE;
        }
        while (last + PAGE_SIZE < high && !pt_lookup(space->root, last + PAGE_SIZE, &entry)) {
            last += PAGE_SIZE;
        }
    }
    *start = first;
    *count = (size_t)((last - first) / PAGE_SIZE) + 1;
}

/* Fill `count` frames from `frames` on with what the area shows at `start`. */
static exo_status_t frames_fill(const struct vm_area *area, vaddr_t start, size_t count,
                                paddr_t frames)
{
    for (size_t i = 0; i < count; i++) {
        const uint64_t offset = area->offset + (start - area->start) + i * PAGE_SIZE;
        const exo_status_t status = area->object->ops->page_in(
            area->object, offset, hal_phys_to_virt(frames + i * PAGE_SIZE));

        if (status != EXO_OK) {
            return status;
        }
    }
    return EXO_OK;
}

/* Take `count` pages out of the tables that the program has not been shown. */
static void run_undo(struct vm_space *space, vaddr_t start, size_t count)
{
    /* A CPU may have looked at an entry while it was there. */
    const struct hal_flush_range range = { .start = start, .page_count = count };

    pt_unmap(space->root, start, count);
    /* Removing pages needs nothing; and it is the first reason that is reported. */
    (void)!hal_space_flush(space->hal, &range, 1);
}

/* Show what has been put into the tables. */
static exo_status_t run_show(struct vm_space *space, vaddr_t start, size_t count)
{
    const struct hal_flush_range range = { .start = start,
                                           .page_count = count,
                                           .only_added = true };
    const exo_status_t status = hal_space_flush(space->hal, &range, 1);

    if (status == EXO_OK) {
        space->stats.pages_resident += count;
        space->stats.pages_filled += count;
    }
    return status;
}

/* Bring in exactly the pages [start, start + count) of a shared area, all absent now. */
static exo_status_t run_share(struct vm_space *space, const struct vm_area *area, vaddr_t start,
                              size_t count)
{
    struct vm_object *const object = area->object;
    exo_status_t status = EXO_OK;
    size_t done = 0;

    while (status == EXO_OK && done < count) {
        const vaddr_t page = start + done * PAGE_SIZE;
        paddr_t frame = 0;

        status = object->ops->frame(object, area->offset + (page - area->start), &frame);
        if (status == EXO_OK) {
            status = pt_map(space->root, page, frame, 1, prot_to_pt(area->prot));
        }
        done += status == EXO_OK ? 1 : 0;
    }
    if (status == EXO_OK) {
        status = run_show(space, start, count);
    }
    if (status != EXO_OK && done > 0) {
        run_undo(space, start, done);
    }
    return status;
}

/* The same of a private area, in consecutive frames. */
static exo_status_t run_fill(struct vm_space *space, const struct vm_area *area, vaddr_t start,
                             size_t count)
{
    paddr_t frames = 0;

    if (area->is_shared) {
        return run_share(space, area, start, count);
    }
    exo_status_t status = phys_alloc(count, 1, &frames);

    if (status != EXO_OK) {
        return status;
    }
    status = frames_fill(area, start, count, frames);
    if (status != EXO_OK) {
        goto fail_free;
    }
    status = pt_map(space->root, start, frames, count, prot_to_pt(area->prot));
    if (status != EXO_OK) {
        goto fail_unmap;
    }
    status = run_show(space, start, count);
    if (status != EXO_OK) {
        goto fail_unmap;
    }
    return EXO_OK;

fail_unmap:
    run_undo(space, start, count);
fail_free:
    phys_free(frames, count);
    return status;
}

exo_status_t pages_fill_locked(struct vm_space *space, const struct vm_area *area, vaddr_t addr)
{
    const vaddr_t page = align_down(addr, PAGE_SIZE);
    vaddr_t start = 0;
    size_t count = 0;
    struct pt_entry entry;

    space_assert_locked(space);
    if (pt_lookup(space->root, page, &entry)) {
        /* It is there: the platform did not show it yet (out of mappings then), so it is told
         * again. */
        const struct hal_flush_range range = { .start = page, .page_count = 1 };

        return hal_space_flush(space->hal, &range, 1);
    }
    window_find(space, area, page, &start, &count);
    if (count > 1 && run_fill(space, area, start, count) == EXO_OK) {
        return EXO_OK;
    }
    return run_fill(space, area, page, 1); /* the neighbours are a favour, this page is a must */
}

static void area_free(struct vm_space *space, const struct vm_area *area)
{
    struct pt_entry entry;
    vaddr_t page = area->start;

    while (pt_next(space->root, page, area->end, &page, &entry)) {
        pt_unmap(space->root, page, 1);
        if (!area->is_shared) {
            phys_free(entry.paddr, 1);
        }
        space->stats.pages_resident--;
        page += PAGE_SIZE;
    }
}

void pages_free_all(struct vm_space *space)
{
    for (uint32_t i = 0; i < space->stats.areas; i++) {
        area_free(space, &space->area[i]);
    }
    KASSERT(space->stats.pages_resident == 0); /* invariant (1) */
}
