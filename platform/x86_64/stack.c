/*
 * stack.c - kernel stacks: 16 KiB at the upper end of a slot of 32 KiB, nothing mapped below.
 *
 * A slot is CLEAN -(create)-> LIVE -(destroy)-> STALE -(all CPUs flushed)-> CLEAN. So an address
 * is mapped anew only when no CPU can remember its former frame, and destroying a stack interrupts
 * nobody: the one flush for all stale slots comes when the clean ones run out.
 *
 * Invariants:
 *   (1) the tables of the window were made at boot: mapping in it allocates none;
 *   (2) g_live and g_stale are disjoint; both change under g_lock only and may be read without it.
 */
#include "stack.h"

#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/hal/test.h"
#include "exo/lib/assert.h"
#include "exo/mem/phys.h"
#include "exo/mem/pt.h"
#include "exo/sync/spinlock.h"

#include "layout.h"
#include "paging.h"
#include "remote.h"
#include "testhooks.h"

#define SLOT_BYTES  (2 * KERNEL_STACK_BYTES)
#define SLOTS       ((uint32_t)(LAYOUT_STACKS_BYTES / SLOT_BYTES))
#define WORDS       (SLOTS / 64)
#define STACK_PAGES (KERNEL_STACK_BYTES / PAGE_SIZE)
#define SLOT_NONE   UINT32_MAX

static struct spinlock g_lock = SPINLOCK_INIT(RANK_PLATFORM_STACK);
static _Atomic uint64_t g_live[WORDS];
static _Atomic uint64_t g_stale[WORDS];
static uint32_t g_next_word; /* guarded by g_lock: where the search goes on */

extern char boot_stack_guard[], boot_stack_bottom[];

static void *slot_base(uint32_t slot)
{
    return (void *)(LAYOUT_STACKS + (uint64_t)slot * SLOT_BYTES + KERNEL_STACK_BYTES);
}

/* Find a clean slot and make it live. */
static uint32_t slot_take_locked(void)
{
    spin_assert_held(&g_lock);
    for (uint32_t i = 0; i < WORDS; i++) {
        const uint32_t word = (g_next_word + i) % WORDS;
        const uint64_t live = atomic_load_explicit(&g_live[word], memory_order_relaxed);
        const uint64_t clean = ~(live | atomic_load_explicit(&g_stale[word], memory_order_relaxed));

        if (clean != 0) {
            const uint32_t bit = (uint32_t)__builtin_ctzll(clean);

            atomic_store_explicit(&g_live[word], live | 1ull << bit, memory_order_relaxed);
            g_next_word = word;
            return word * 64 + bit;
        }
    }
    return SLOT_NONE;
}

/* Unmap the first page_count pages of a slot's stack and give their frames back. */
static void slot_release_locked(uint32_t slot, size_t page_count)
{
    const uint64_t bit = 1ull << (slot % 64);
    const paddr_t root = paging_kernel_root();
    const vaddr_t base = (vaddr_t)slot_base(slot);

    spin_assert_held(&g_lock);
    for (size_t i = 0; i < page_count; i++) {
        struct pt_entry entry;
        const bool mapped = pt_lookup(root, base + i * PAGE_SIZE, &entry);

        KASSERT(mapped);
        pt_unmap(root, base + i * PAGE_SIZE, 1);
        paging_flush_page(base + i * PAGE_SIZE);
        phys_free(entry.paddr, 1);
    }
    atomic_fetch_and_explicit(&g_live[slot / 64], ~bit, memory_order_relaxed);
    atomic_fetch_or_explicit(&g_stale[slot / 64], bit, memory_order_relaxed);
}

static exo_status_t slot_map_locked(uint32_t slot)
{
    const vaddr_t base = (vaddr_t)slot_base(slot);

    spin_assert_held(&g_lock);
    for (size_t i = 0; i < STACK_PAGES; i++) {
        paddr_t frame = 0;
        exo_status_t status = phys_alloc(1, 1, &frame);

        if (status == EXO_OK) {
            status = pt_map(paging_kernel_root(), base + i * PAGE_SIZE, frame, 1,
                            PT_READ | PT_WRITE | PT_GLOBAL);
            KASSERT(status == EXO_OK); /* invariant (1) */
            continue;
        }
        slot_release_locked(slot, i);
        return status;
    }
    return EXO_OK;
}

static void flush_all_here(void *arg)
{
    (void)arg;
    paging_flush_all();
}

/* Make stale slots clean: those that were stale before the flush. False if there were none. */
static bool stale_recycle(void)
{
    static struct spinlock recycle_lock = SPINLOCK_INIT(RANK_PLATFORM_STACK);
    static uint64_t before[WORDS]; /* guarded by recycle_lock */
    bool any = false;

    spin_lock(&recycle_lock);
    for (uint32_t i = 0; i < WORDS; i++) {
        before[i] = atomic_load_explicit(&g_stale[i], memory_order_acquire);
        any |= before[i] != 0;
    }
    if (any) {
        remote_call(REMOTE_ALL, flush_all_here, NULL);
    }
    for (uint32_t i = 0; i < WORDS; i++) {
        atomic_fetch_and_explicit(&g_stale[i], ~before[i], memory_order_release);
    }
    spin_unlock(&recycle_lock);
    return any;
}

exo_status_t hal_stack_create(struct hal_stack *out)
{
    exo_status_t status = EXO_ERR_NO_MEMORY;

    if (testhooks_fail_now()) {
        return EXO_ERR_NO_MEMORY;
    }
    spin_lock(&g_lock);
    uint32_t slot = slot_take_locked();

    if (slot == SLOT_NONE) {
        spin_unlock(&g_lock);
        const bool recycled = stale_recycle();

        spin_lock(&g_lock);
        slot = recycled ? slot_take_locked() : SLOT_NONE;
    }
    if (slot != SLOT_NONE) {
        status = slot_map_locked(slot);
    }
    spin_unlock(&g_lock);
    if (status == EXO_OK) {
        out->base = slot_base(slot);
        out->size_bytes = KERNEL_STACK_BYTES;
    }
    return status;
}

/* The slot that holds `address`, or SLOT_NONE. */
static uint32_t slot_of(vaddr_t address)
{
    const uint64_t offset = address - LAYOUT_STACKS;

    return offset < LAYOUT_STACKS_BYTES ? (uint32_t)(offset / SLOT_BYTES) : SLOT_NONE;
}

static bool slot_is_live(uint32_t slot)
{
    return (atomic_load_explicit(&g_live[slot / 64], memory_order_relaxed) >> (slot % 64) & 1) != 0;
}

void hal_stack_destroy(struct hal_stack *stack)
{
    const uint32_t slot = slot_of((vaddr_t)stack->base);

    KASSERT(slot != SLOT_NONE);
    KASSERT(slot_is_live(slot));
    spin_lock(&g_lock);
    slot_release_locked(slot, STACK_PAGES);
    spin_unlock(&g_lock);
    stack->base = NULL;
}

bool hal_stack_guard_hit(vaddr_t addr, void **stack_base)
{
    const uint32_t slot = slot_of(addr);

    if (slot == SLOT_NONE || !slot_is_live(slot) || addr >= (vaddr_t)slot_base(slot)) {
        return false;
    }
    *stack_base = slot_base(slot);
    return true;
}

bool stack_guard_find(vaddr_t address, void **stack_base)
{
    if (address >= (vaddr_t)boot_stack_guard && address < (vaddr_t)boot_stack_bottom) {
        *stack_base = boot_stack_bottom;
        return true;
    }
    return hal_stack_guard_hit(address, stack_base);
}
