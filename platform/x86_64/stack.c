/*
 * stack.c - kernel stacks: 16 KiB ranges of the kernel's address area (exo/mem/kva.h), guards on
 * both sides.
 *
 * The area keeps addresses and frames of a stack that was destroyed from everybody until every CPU
 * has dropped their translations: a CPU may have looked ahead.
 */
#include "stack.h"

#include "exo/hal.h"
#include "exo/mem/kva.h"

#include "testhooks.h"

extern char boot_stack_guard[], boot_stack_bottom[];

exo_status_t hal_stack_create(struct hal_stack *out)
{
    void *base = NULL;

    if (testhooks_fail_now()) {
        return EXO_ERR_NO_MEMORY;
    }
    const exo_status_t status =
        kva_alloc(KERNEL_STACK_BYTES / PAGE_SIZE, PT_WRITE | KVA_STACK, &base);

    if (status == EXO_OK) {
        *out = (struct hal_stack){ .base = base, .size_bytes = KERNEL_STACK_BYTES };
    }
    return status;
}

void hal_stack_destroy(struct hal_stack *stack)
{
    kva_free(stack->base);
    stack->base = NULL;
}

bool hal_stack_guard_hit(vaddr_t addr, void **stack_base)
{
    struct kva_guard guard;

    if (!kva_guard_find(addr, &guard) || guard.kind != KVA_GUARD_BELOW || !guard.is_stack) {
        return false;
    }
    *stack_base = (void *)guard.address;
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
