/*
 * core/mem/kernel/kva.c - ranges of kernel addresses.
 *
 * A page is FREE -(kva_alloc, kva_map)-> LOW guard, BODY or HIGH guard -(kva_free)-> STALE
 * -(kva_flush)-> FREE. Bodies are mapped, nothing else is.
 *
 * Invariants:
 *   (1) a range is its LOW guards, one BODY or more of one kind, and one HIGH guard: from the
 *       states alone follow its start, its end and whose its frames are;
 *   (2) pages that are not FREE are taken in g_area; states are written by who has the pages for
 *       himself: the one that took them, the owner of the range, or the flush;
 *   (3) stale pages are unmapped and their frames, chained by their first words, belong to the
 *       list of stale ranges, until every CPU has flushed after the unmapping.
 */
#include "exo/mem/kva.h"

#include <stdatomic.h>

#include "area.h"
#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/hal/kva.h"
#include "exo/lib/assert.h"
#include "exo/lib/fmt.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo/sync/spinlock.h"

#define AREA_BYTES_MIN  (64ull << 20)
#define AREA_BYTES_MAX  (16ull << 30) /* its tables take 1/512: 32 MiB of at least 8 GiB */
#define AREA_PER_MEMORY 2u            /* addresses for each byte of memory: guards take some */

#define STALE_RANGES_MAX 64u
#define STALE_PAGES_MAX  64u /* memory that may wait: 256 KiB, sixteen kernel stacks of a PC */
#define CHAIN_END        0u  /* frame 0 is never handed out */

#define RIGHTS      (PT_READ | PT_WRITE | PT_EXEC)
#define TYPES       (PT_UNCACHED | PT_WRITE_COMBINE)
#define ALLOC_FLAGS (RIGHTS | KVA_STACK | KVA_ZERO)

enum page_state {
    PAGE_FREE,
    PAGE_LOW,
    PAGE_BODY_FRAMES, /* ours to free */
    PAGE_BODY_STACK,  /* the same, a stack */
    PAGE_BODY_MAPPED, /* somebody else's memory, or a device */
    PAGE_HIGH,
    PAGE_STALE,
};

/* Pages with guards, by number within the area. */
struct range {
    size_t first;
    size_t low; /* guards below the body */
    size_t body;
};

struct stale {
    size_t first;
    size_t page_count;
    paddr_t frames; /* chain of those to free, CHAIN_END if none */
};

struct stale_list {
    struct stale range[STALE_RANGES_MAX];
    uint32_t count;
    size_t pages;
};

static struct spinlock g_lock = SPINLOCK_INIT(RANK_KERNEL_AREA);
static struct spinlock g_flush_lock = SPINLOCK_INIT(RANK_KERNEL_FLUSH);

static vaddr_t g_base;            /* constant after kva_init(), as are the next two */
static size_t g_pages;            /* 0: there is no area yet */
static _Atomic uint8_t *g_state;  /* one enum page_state a page */
static struct area g_area;        /* guarded by g_lock */
static struct stale_list g_stale; /* guarded by g_lock */
static struct stale_list g_batch; /* guarded by g_flush_lock: being flushed */
static uint64_t g_flushes;        /* guarded by g_lock */

static vaddr_t address_of(size_t page)
{
    return g_base + page * PAGE_SIZE;
}

/* The page that holds `addr`, or g_pages. */
static size_t page_of(vaddr_t addr)
{
    const uint64_t page = (addr - g_base) / PAGE_SIZE;

    return addr >= g_base && page < g_pages ? (size_t)page : g_pages;
}

static uint8_t state_get(size_t page)
{
    return atomic_load_explicit(&g_state[page], memory_order_relaxed);
}

static void state_set(size_t first, size_t count, enum page_state state)
{
    for (size_t i = 0; i < count; i++) {
        atomic_store_explicit(&g_state[first + i], (uint8_t)state, memory_order_relaxed);
    }
}

static bool state_is_body(uint8_t state)
{
    return state == PAGE_BODY_FRAMES || state == PAGE_BODY_STACK || state == PAGE_BODY_MAPPED;
}

/* ---- addresses ---- */

static size_t pages_take(size_t count)
{
    spin_lock(&g_lock);
    const size_t first = area_take(&g_area, count);

    spin_unlock(&g_lock);
    return first;
}

/* Find addresses for a body of `body` pages and write down what they become. */
static exo_status_t range_take(size_t body, size_t low, enum page_state state, struct range *out)
{
    if (body > g_pages) {
        return EXO_ERR_NO_MEMORY;
    }
    size_t first = pages_take(low + body + 1);

    if (first == AREA_NONE) {
        kva_flush();
        first = pages_take(low + body + 1);
    }
    if (first == AREA_NONE) {
        return EXO_ERR_NO_MEMORY;
    }
    state_set(first, low, PAGE_LOW);
    state_set(first + low, body, state);
    state_set(first + low + body, 1, PAGE_HIGH);
    *out = (struct range){ .first = first, .low = low, .body = body };
    return EXO_OK;
}

static uint64_t frames_free(paddr_t chain)
{
    uint64_t count = 0;

    while (chain != CHAIN_END) {
        const paddr_t frame = chain;

        chain = *(paddr_t *)hal_phys_to_virt(frame);
        phys_free(frame, 1);
        count++;
    }
    return count;
}

/* Put a range among the stale ones; false if there is no room. */
static bool stale_add(const struct stale *stale, size_t *pages)
{
    bool added = false;

    spin_lock(&g_lock);
    if (g_stale.count < STALE_RANGES_MAX) {
        g_stale.range[g_stale.count++] = *stale;
        g_stale.pages += stale->page_count;
        added = true;
    }
    *pages = g_stale.pages;
    spin_unlock(&g_lock);
    return added;
}

/* Unmap the first `mapped` pages of a range's body, and let all of it wait for a flush. */
static void range_release(const struct range *range, size_t mapped, bool own_frames)
{
    const vaddr_t base = address_of(range->first + range->low);
    struct stale stale = { .first = range->first,
                           .page_count = range->low + range->body + 1,
                           .frames = CHAIN_END };
    size_t pages = 0;

    for (size_t i = 0; own_frames && i < mapped; i++) {
        struct pt_entry entry = { 0 };
        const bool present = hal_kva_lookup(base + i * PAGE_SIZE, &entry);

        KASSERT(present);
        *(paddr_t *)hal_phys_to_virt(entry.paddr) = stale.frames;
        stale.frames = entry.paddr;
    }
    hal_kva_unmap(base, mapped);
    state_set(stale.first, stale.page_count, PAGE_STALE);
    while (!stale_add(&stale, &pages)) {
        kva_flush();
    }
    if (pages >= STALE_PAGES_MAX) {
        kva_flush();
    }
}

/* kva_flush(), and say how many frames that freed. */
static uint64_t flush(void)
{
    uint64_t frames = 0;

    spin_lock(&g_flush_lock);
    spin_lock(&g_lock);
    g_batch = g_stale;
    g_stale.count = 0;
    g_stale.pages = 0;
    g_flushes += g_batch.count > 0 ? 1 : 0;
    spin_unlock(&g_lock);
    if (g_batch.count > 0) {
        hal_kva_flush();
    }
    for (uint32_t i = 0; i < g_batch.count; i++) {
        const struct stale *stale = &g_batch.range[i];

        state_set(stale->first, stale->page_count, PAGE_FREE); /* before anybody can take them */
        spin_lock(&g_lock);
        area_give(&g_area, stale->first, stale->page_count);
        spin_unlock(&g_lock);
        frames += frames_free(stale->frames);
    }
    spin_unlock(&g_flush_lock);
    return frames;
}

void kva_flush(void)
{
    if (g_pages != 0) {
        (void)flush();
    }
}

static uint64_t reclaim_hook(struct phys_reclaim *self, uint64_t frames_wanted)
{
    (void)self;
    (void)frames_wanted; /* at most STALE_PAGES_MAX wait */
    return flush();
}

void kva_reclaim_start(void)
{
    static struct phys_reclaim hook = { .name = "kva", .reclaim = reclaim_hook };

    phys_reclaim_add(&hook);
}

/* ---- allocation ---- */

static bool flags_ok(uint32_t flags, uint32_t allowed)
{
    return (flags & ~allowed) == 0 && (flags & (PT_WRITE | PT_EXEC)) != (PT_WRITE | PT_EXEC) &&
           (flags & TYPES) != TYPES;
}

/* Take frames while they follow each other, `wanted` at most: the first of the next run, one too
 * many, is left in *next. */
static exo_status_t run_take(size_t wanted, bool zero, paddr_t *next, paddr_t *base, size_t *count)
{
    *base = *next;
    *count = *next == CHAIN_END ? 0 : 1;
    *next = CHAIN_END;
    while (*count < wanted) {
        paddr_t frame = 0;
        const exo_status_t status = phys_alloc(1, 1, &frame);

        if (status != EXO_OK) {
            return status;
        }
        if (zero) {
            memset(hal_phys_to_virt(frame), 0, PAGE_SIZE);
        }
        if (*count > 0 && frame != *base + *count * PAGE_SIZE) {
            *next = frame;
            break;
        }
        *base = *count == 0 ? frame : *base;
        (*count)++;
    }
    return EXO_OK;
}

/* Fill a body with frames, each run of consecutive ones in one call; *mapped pages are there even
 * on failure. */
static exo_status_t body_fill(vaddr_t base, size_t page_count, uint32_t flags, size_t *mapped)
{
    paddr_t next = CHAIN_END;

    *mapped = 0;
    while (*mapped < page_count) {
        paddr_t run = 0;
        size_t count = 0;
        exo_status_t status =
            run_take(page_count - *mapped, (flags & KVA_ZERO) != 0, &next, &run, &count);

        if (status == EXO_OK) {
            status = hal_kva_map(base + *mapped * PAGE_SIZE, run, count, flags & RIGHTS);
        }
        if (status != EXO_OK) {
            if (count > 0) {
                phys_free(run, count);
            }
            if (next != CHAIN_END) {
                phys_free(next, 1);
            }
            return status;
        }
        *mapped += count;
    }
    return EXO_OK;
}

exo_status_t kva_alloc(size_t page_count, uint32_t flags, void **out)
{
    const bool is_stack = (flags & KVA_STACK) != 0;
    struct range range;
    size_t mapped = 0;

    if (page_count == 0 || !flags_ok(flags, ALLOC_FLAGS)) {
        return EXO_ERR_INVALID;
    }
    exo_status_t status = range_take(page_count, is_stack ? KVA_STACK_GUARD_PAGES : 1,
                                     is_stack ? PAGE_BODY_STACK : PAGE_BODY_FRAMES, &range);

    if (status != EXO_OK) {
        return status;
    }
    const vaddr_t base = address_of(range.first + range.low);

    status = body_fill(base, page_count, flags | PT_READ, &mapped);
    if (status != EXO_OK) {
        range_release(&range, mapped, true);
        kva_flush(); /* memory is short */
        return status;
    }
    *out = (void *)base;
    return EXO_OK;
}

exo_status_t kva_map(paddr_t paddr, size_t page_count, uint32_t flags, void **out)
{
    struct range range;

    if (page_count == 0 || (paddr & PAGE_MASK) != 0 || !flags_ok(flags, RIGHTS | TYPES) ||
        page_count > (UINT64_MAX - paddr) / PAGE_SIZE) {
        return EXO_ERR_INVALID;
    }
    exo_status_t status = range_take(page_count, 1, PAGE_BODY_MAPPED, &range);

    if (status != EXO_OK) {
        return status;
    }
    const vaddr_t base = address_of(range.first + range.low);

    status = hal_kva_map(base, paddr, page_count, flags | PT_READ);
    if (status != EXO_OK) {
        range_release(&range, 0, false);
        return status;
    }
    *out = (void *)base;
    return EXO_OK;
}

exo_status_t kva_protect(void *start, size_t page_count, uint32_t rights)
{
    const size_t first = page_of((vaddr_t)start);

    if (((vaddr_t)start & PAGE_MASK) != 0 || page_count == 0 || first == g_pages ||
        page_count > g_pages - first || !flags_ok(rights, RIGHTS)) {
        return EXO_ERR_INVALID;
    }
    for (size_t i = 0; i < page_count; i++) {
        if (!state_is_body(state_get(first + i))) { /* two ranges have guards between them */
            return EXO_ERR_INVALID;
        }
    }
    const exo_status_t status = hal_kva_protect((vaddr_t)start, page_count, rights | PT_READ);

    hal_kva_flush();
    return status;
}

void kva_free(void *start)
{
    const size_t first = page_of((vaddr_t)start);
    struct range range = { 0 };

    if (start == NULL) {
        return;
    }
    if (((vaddr_t)start & PAGE_MASK) != 0 || first == g_pages || first == 0 ||
        !state_is_body(state_get(first)) || state_get(first - 1) != PAGE_LOW) {
        panic("kva: freed address %p is not the start of a range", start);
    }
    const bool own_frames = state_get(first) != PAGE_BODY_MAPPED;

    range.low = state_get(first) == PAGE_BODY_STACK ? KVA_STACK_GUARD_PAGES : 1;
    range.first = first - range.low;
    while (state_is_body(state_get(first + range.body))) {
        range.body++;
    }
    range_release(&range, range.body, own_frames);
}

/* ---- reports ---- */

bool kva_guard_find(vaddr_t addr, struct kva_guard *out)
{
    size_t page = page_of(addr);

    if (page == g_pages || state_is_body(state_get(page))) {
        return false;
    }
    *out = (struct kva_guard){ .kind = KVA_GUARD_UNUSED, .address = address_of(page) };
    switch (state_get(page)) {
    case PAGE_LOW:
        while (page < g_pages && state_get(page) == PAGE_LOW) {
            page++;
        }
        out->kind = KVA_GUARD_BELOW;
        out->is_stack = page < g_pages && state_get(page) == PAGE_BODY_STACK;
        out->address = address_of(page);
        break;
    case PAGE_HIGH:
        out->kind = KVA_GUARD_ABOVE;
        break;
    case PAGE_STALE:
        out->kind = KVA_GUARD_FREED;
        break;
    default:
        break;
    }
    return true;
}

const char *kva_guard_describe(vaddr_t addr, char *buf, size_t size)
{
    struct kva_guard guard;
    const char *format = "";

    buf[0] = '\0';
    if (!kva_guard_find(addr, &guard)) {
        return buf;
    }
    switch (guard.kind) {
    case KVA_GUARD_BELOW:
        format = guard.is_stack ? "guard page of the kernel stack at %p: stack overflow"
                                : "guard page below the kernel range at %p";
        break;
    case KVA_GUARD_ABOVE:
        format = "guard page behind the kernel range that ends at %p";
        break;
    case KVA_GUARD_FREED:
        format = "page %p of a kernel range that was freed";
        break;
    case KVA_GUARD_UNUSED:
        format = "unused page %p of the kernel's area";
        break;
    }
    fmt_print(buf, size, format, (void *)guard.address);
    return buf;
}

void kva_stats(struct kva_stats *out)
{
    spin_lock(&g_lock);
    *out = (struct kva_stats){ .pages_total = g_pages,
                               .pages_free = g_area.pages_free,
                               .pages_stale = g_stale.pages,
                               .flushes = g_flushes };
    spin_unlock(&g_lock);
}

void kva_init(void)
{
    struct phys_stats phys;

    phys_stats(&phys);
    const uint64_t bytes = phys.frames_total * PAGE_SIZE * AREA_PER_MEMORY;
    const uint64_t clamped = min_u64(max_u64(bytes, AREA_BYTES_MIN), AREA_BYTES_MAX);
    const size_t pages = (size_t)(align_down(clamped, AREA_BYTES_MIN) / PAGE_SIZE);
    const size_t state_bytes = (size_t)align_up(pages, sizeof(uint64_t));
    const size_t bookkeeping =
        (size_t)align_up(state_bytes + area_bytes(pages), PAGE_SIZE) / PAGE_SIZE;
    paddr_t frames = 0;

    if (phys_alloc(bookkeeping, 1, &frames) != EXO_OK ||
        hal_kva_reserve(pages, &g_base) != EXO_OK) {
        panic("kva: no memory for an area of %lu MiB", clamped >> 20);
    }
    char *const storage = hal_phys_to_virt(frames);

    memset(storage, 0, bookkeeping * PAGE_SIZE);
    g_state = (_Atomic uint8_t *)storage;
    area_init(&g_area, pages, storage + state_bytes);
    g_pages = pages;
}
