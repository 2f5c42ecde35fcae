/*
 * stack.c - kernel stacks: slots of one reserved range of addresses, each with a guard below it.
 *
 * Invariants:
 *   (1) A slot is its guard, never accessible, and above it the stack, accessible while its bit is
 *       set.
 *   (2) Bits are taken and given with atomic operations; the release of one and the next taking of
 *       it order what the two owners do. No lock, so any CPU thread may come and go.
 *   (3) A stack is handed out zeroed, so that core can find its high-water mark.
 */
#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "host.h"
#include "sanitizer.h"
#include "valgrind_requests.h"

#define STACK_BYTES         ((HOSTED_ASAN || HOSTED_TSAN) ? 128u * 1024u : 64u * 1024u)
#define SLOT_BYTES          (HOSTED_STACK_GUARD_BYTES + STACK_BYTES)
#define STACKS_MAX          8192u /* two mappings each, of the host's usual 65530 */
#define STACKS_MAX_VALGRIND 2048u /* it warns of reservations above 256 MiB */
#define WORD_BITS           64u

static _Atomic uint64_t g_used[STACKS_MAX / WORD_BITS];
static unsigned g_valgrind_id[STACKS_MAX]; /* owned by the slot's owner */
static _Atomic(char *) g_arena;            /* NULL until the first stack is made */

static uint32_t slot_count(void)
{
    return hosted_under_valgrind() ? STACKS_MAX_VALGRIND : STACKS_MAX;
}

/* Reserve the range of all slots, once; NULL if the host refuses. */
static char *arena_get(void)
{
    char *arena = atomic_load_explicit(&g_arena, memory_order_acquire);

    if (arena != NULL) {
        return arena;
    }
    void *const wanted = (void *)(uintptr_t)HOSTED_STACKS_BASE;
    void *fresh = mmap(wanted, (size_t)slot_count() * SLOT_BYTES, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (fresh == MAP_FAILED) {
        return NULL;
    }
    if (!atomic_compare_exchange_strong(&g_arena, &arena, fresh)) {
        munmap(fresh, (size_t)slot_count() * SLOT_BYTES); /* another CPU was first */
        return arena;
    }
    return fresh;
}

/* Take a free slot: its index, or STACKS_MAX if there is none. */
static uint32_t slot_take(void)
{
    for (uint32_t word = 0; word < slot_count() / WORD_BITS; word++) {
        uint64_t used = atomic_load_explicit(&g_used[word], memory_order_relaxed);

        while (used != UINT64_MAX) {
            const uint32_t bit = (uint32_t)__builtin_ctzll(~used);

            if (atomic_compare_exchange_weak_explicit(&g_used[word], &used, used | 1ull << bit,
                                                      memory_order_acquire, memory_order_relaxed)) {
                return word * WORD_BITS + bit;
            }
        }
    }
    return STACKS_MAX;
}

static void slot_give(uint32_t slot)
{
    atomic_fetch_and_explicit(&g_used[slot / WORD_BITS], ~(1ull << slot % WORD_BITS),
                              memory_order_release);
}

exo_status_t hal_stack_create(struct hal_stack *out)
{
    exo_status_t status = EXO_ERR_NO_MEMORY;
    const hal_irq_t irq = host_enter();
    char *const arena = hosted_test_should_fail() ? NULL : arena_get();
    const uint32_t slot = arena != NULL ? slot_take() : STACKS_MAX;

    if (slot < STACKS_MAX) {
        char *base = arena + (size_t)slot * SLOT_BYTES + HOSTED_STACK_GUARD_BYTES;

        if (mprotect(base, STACK_BYTES, PROT_READ | PROT_WRITE) == 0) {
            hosted_shadow_unpoison(base, STACK_BYTES);
            g_valgrind_id[slot] = hosted_valgrind_stack_register(base, STACK_BYTES);
            *out = (struct hal_stack){ .base = base, .size_bytes = STACK_BYTES };
            status = EXO_OK;
        } else {
            slot_give(slot);
        }
    }
    host_exit(irq);
    return status;
}

void hal_stack_destroy(struct hal_stack *stack)
{
    const hal_irq_t irq = host_enter();
    char *const base = stack->base;
    const uint32_t slot = (uint32_t)((size_t)(base - atomic_load(&g_arena)) / SLOT_BYTES);

    hosted_valgrind_stack_deregister(g_valgrind_id[slot]);
    hosted_shadow_unpoison(base, STACK_BYTES); /* what its last frames left poisoned */
    madvise(base, STACK_BYTES, MADV_DONTNEED);
    mprotect(base, STACK_BYTES, PROT_NONE);
    slot_give(slot);
    *stack = (struct hal_stack){ 0 };
    host_exit(irq);
}

bool hal_stack_guard_hit(vaddr_t addr, void **stack_base)
{
    char *const arena = atomic_load(&g_arena);
    const uint64_t offset = addr - (uintptr_t)arena;
    const uint64_t slot = offset / SLOT_BYTES;

    if (arena == NULL || addr < (uintptr_t)arena || slot >= STACKS_MAX ||
        offset % SLOT_BYTES >= HOSTED_STACK_GUARD_BYTES ||
        (atomic_load(&g_used[slot / WORD_BITS]) >> slot % WORD_BITS & 1) == 0) {
        return false;
    }
    *stack_base = arena + slot * SLOT_BYTES + HOSTED_STACK_GUARD_BYTES;
    return true;
}
