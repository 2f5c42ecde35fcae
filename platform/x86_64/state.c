/*
 * state.c - what of a user thread lives in a CPU's registers longer than one visit to the kernel:
 * vector state and segment bases.
 *
 * The kernel uses neither, so they stay in the registers when user code is left, and are saved
 * only when another user thread is to run on that CPU, or the same thread elsewhere.
 *
 * Invariant (1): user->live_on is CPU c exactly when the block of c names `user` as owner. Both
 * change on c only, interrupts off. A thread that finds itself alive elsewhere has that CPU save
 * it.
 *
 * Spec: Intel SDM volume 1 chapter 13 (XSAVE), 10.5 (FXSAVE); AMD64 APM volume 2 section 4.5.3.
 */
#include "exo/lib/string.h"

#include "features.h"
#include "io.h"
#include "percpu.h"
#include "remote.h"
#include "user.h"

#define MSR_FS_BASE        0xc0000100u
#define MSR_KERNEL_GS_BASE 0xc0000102u /* the user's GS base while the kernel runs */

#define AREA_FCW      0u
#define AREA_MXCSR    24u
#define FCW_INITIAL   0x37fu
#define MXCSR_INITIAL 0x1f80u

static void vector_save(struct hal_user *user)
{
    const struct features *f = features();
    const uint32_t low = (uint32_t)f->xcr0;

    if (f->xsaveopt) {
        __asm__ volatile("xsaveopt64 (%0)" : : "r"(user->vector), "a"(low), "d"(0) : "memory");
    } else if (f->xsave) {
        __asm__ volatile("xsave64 (%0)" : : "r"(user->vector), "a"(low), "d"(0) : "memory");
    } else {
        __asm__ volatile("fxsave64 (%0)" : : "r"(user->vector) : "memory");
    }
}

static void vector_restore(const struct hal_user *user)
{
    const struct features *f = features();

    if (f->xsave) {
        __asm__ volatile("xrstor64 (%0)"
                         :
                         : "r"(user->vector), "a"((uint32_t)f->xcr0), "d"(0)
                         : "memory");
    } else {
        __asm__ volatile("fxrstor64 (%0)" : : "r"(user->vector) : "memory");
    }
}

void state_init(struct hal_user *user)
{
    const uint16_t fcw = FCW_INITIAL;
    const uint32_t mxcsr = MXCSR_INITIAL;

    memset(user->vector, 0, features()->vector_bytes);
    memcpy(user->vector + AREA_FCW, &fcw, sizeof(fcw));
    memcpy(user->vector + AREA_MXCSR, &mxcsr, sizeof(mxcsr));
    user->fs_base = 0;
    user->gs_base = 0;
}

static void state_save(struct percpu *cpu)
{
    struct hal_user *user = cpu->owner;

    vector_save(user);
    if (features()->fsgsbase) {
        user->fs_base = msr_read(MSR_FS_BASE); /* user code may have written them itself */
        user->gs_base = msr_read(MSR_KERNEL_GS_BASE);
    }
    cpu->owner = NULL;
    atomic_store_explicit(&user->live_on, CPU_NONE, memory_order_release);
}

/* Selectors that the former thread loaded go too. GS is loaded while the user's base is in place:
 * on some processors a null selector clears it. */
static void segments_clear(void)
{
    __asm__ volatile("movw %w0, %%ds\n\t"
                     "movw %w0, %%es\n\t"
                     "movw %w0, %%fs\n\t"
                     "swapgs\n\t"
                     "movw %w0, %%gs\n\t"
                     "swapgs"
                     :
                     : "r"(0)
                     : "memory");
}

bool state_enter(struct hal_user *user)
{
    struct percpu *cpu = percpu_this();

    if (cpu->owner == user) {
        return true;
    }
    if (atomic_load_explicit(&user->live_on, memory_order_acquire) != CPU_NONE) {
        return false;
    }
    if (cpu->owner != NULL) {
        state_save(cpu);
    }
    vector_restore(user);
    segments_clear();
    msr_write(MSR_FS_BASE, user->fs_base);
    msr_write(MSR_KERNEL_GS_BASE, user->gs_base);
    cpu->owner = user;
    atomic_store_explicit(&user->live_on, cpu->head.cpu, memory_order_release);
    return true;
}

static void state_release_here(void *arg)
{
    struct percpu *cpu = percpu_this();

    if (cpu->owner == arg) {
        state_save(cpu);
    }
}

void state_fetch(struct hal_user *user)
{
    const uint32_t cpu = atomic_load_explicit(&user->live_on, memory_order_acquire);

    if (cpu != CPU_NONE) {
        remote_call(1ull << cpu, state_release_here, user);
    }
}
