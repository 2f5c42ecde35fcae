/*
 * user.c - user mode as a call.
 *
 * Invariants:
 *   (1) frame.rip, .cs, .ss and .rflags always hold what user code may have: whatever writes the
 *       frame but the CPU itself sanitises; so neither SYSRET nor IRET can fault in the kernel;
 *   (2) user->runs_on is set before `interrupt` is looked at, and hal_user_interrupt() sets
 *       `interrupt` before it looks at runs_on, all sequentially consistent: one of the two sees
 *       the other;
 *   (3) while an interrupt out of user code is served one count holds preemption off: the thread
 *       gives up the CPU by returning HAL_USER_QUANTUM, in its own loop.
 */
#include "exo/hal/user.h"

#include "exo/lib/assert.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo/sync/preempt.h"

#include "apic.h"
#include "dispatch.h"
#include "features.h"
#include "layout.h"
#include "percpu.h"
#include "testhooks.h"
#include "user.h"

#define CANONICAL_END  0x0000800000000000ull
#define RFLAGS_FIXED   0x202ull    /* interrupts on, and the bit that is always 1 */
#define RFLAGS_USER    0x250dd5ull /* CF PF AF ZF SF TF DF OF RF AC ID */
#define RFLAGS_TRAP_RF 0x10100ull
#define RESULT_DEFAULT (-38) /* Linux's ENOSYS, if nobody sets a result; the same hosted */

/* trap.asm: run user code until it traps; returns the vector. */
uint32_t user_enter(struct trap_frame *frame, bool by_sysret);

static void frame_reset(struct hal_user *user)
{
    memset(&user->frame, 0, sizeof(user->frame));
    user->frame.cs = SELECTOR_USER_CODE;
    user->frame.ss = SELECTOR_USER_DATA;
    user->frame.rflags = RFLAGS_FIXED;
    user->by_sysret = false;
    user->replaced = true;
}

exo_status_t hal_user_create(struct hal_space *space, struct hal_user **out)
{
    const size_t bytes = sizeof(struct hal_user) + features()->vector_bytes;
    const size_t pages = align_up(bytes, PAGE_SIZE) / PAGE_SIZE;
    paddr_t frames = 0;

    if (testhooks_fail_now()) {
        return EXO_ERR_NO_MEMORY;
    }
    const exo_status_t status = phys_alloc(pages, 1, &frames);

    if (status != EXO_OK) {
        return status;
    }
    struct hal_user *user = hal_phys_to_virt(frames);

    memset(user, 0, sizeof(*user));
    user->space = space;
    user->page_count = pages;
    atomic_init(&user->runs_on, CPU_NONE);
    atomic_init(&user->live_on, CPU_NONE);
    frame_reset(user);
    state_init(user);
    *out = user;
    return EXO_OK;
}

void hal_user_destroy(struct hal_user *user)
{
    if (user == NULL) {
        return;
    }
    KASSERT(atomic_load_explicit(&user->runs_on, memory_order_relaxed) == CPU_NONE);
    state_fetch(user); /* no CPU may go on naming it as the owner of its registers */
    phys_free(hal_virt_to_phys(user), user->page_count);
}

static void event_fault(struct hal_user_event *event, uint64_t error)
{
    uint32_t access = (error & FAULT_EXEC) != 0    ? HAL_ACCESS_EXEC
                      : (error & FAULT_WRITE) != 0 ? HAL_ACCESS_WRITE
                                                   : HAL_ACCESS_READ;

    access |= (error & FAULT_PRESENT) != 0 ? HAL_ACCESS_PRESENT : 0;
    *event = (struct hal_user_event){ .reason = HAL_USER_FAULT,
                                      .access = access,
                                      .vector = TRAP_PAGE_FAULT,
                                      .error = (uint32_t)error,
                                      .addr = trap_fault_address() };
}

static void event_exception(struct hal_user_event *event, uint32_t vector, uint64_t error,
                            uint64_t pc)
{
    *event = (struct hal_user_event){
        .reason = HAL_USER_EXCEPTION, .vector = vector, .error = (uint32_t)error, .addr = pc
    };
}

static void event_syscall(struct hal_user_event *event, struct trap_frame *frame)
{
    event->reason = HAL_USER_SYSCALL; /* clearing the other reasons' fields would cost more */
    event->nr = frame->rax;
    event->arg[0] = frame->rdi;
    event->arg[1] = frame->rsi;
    event->arg[2] = frame->rdx;
    event->arg[3] = frame->r10;
    event->arg[4] = frame->r8;
    event->arg[5] = frame->r9;
    frame->rax = (uint64_t)RESULT_DEFAULT;
}

/* What syscall_door has pushed of the frame when it asks. */
struct door_regs {
    uint64_t r11; /* RFLAGS */
    uint64_t r10;
    uint64_t r9;
    uint64_t r8;
    uint64_t rax;
    uint64_t rcx; /* RIP */
    uint64_t rdx;
    uint64_t rsi;
    uint64_t rdi;
};

_Static_assert(offsetof(struct trap_frame, r11) + sizeof(struct door_regs) ==
                   offsetof(struct trap_frame, vector),
               "the last nine registers of a frame");

bool syscall_fast(struct door_regs *regs); /* called by trap.asm */

/* A native call, before user code is left for good: true if it is answered and SYSRET may follow,
 * by the conditions of user_run_once(). Interrupts off. */
bool syscall_fast(struct door_regs *regs)
{
    return (regs->r11 & RFLAGS_TRAP_RF) == 0 && regs->rcx < HAL_USER_MAX &&
           core_on_fast_call((uint32_t)regs->rax, regs->rdi, regs->rsi, &regs->rax);
}

/* Give the CPU the thread's tables, state and frame. Interrupts off on entry and return. */
static EXO_NOINLINE void user_bring(struct hal_user *user)
{
    while (!state_enter(user)) {
        hal_irq_enable();
        state_fetch(user);
        hal_irq_disable();
    }
    space_load(user->space);
    struct percpu *cpu = percpu_this();

    cpu->frame_top = (uint64_t)(&user->frame + 1);
    cpu->tss.rsp[0] = cpu->frame_top;
}

/* The same where most calls find all of that as they left it. */
static void user_prepare(struct hal_user *user)
{
    hal_irq_disable();
    const struct percpu *const cpu = percpu_this();

    if (EXO_UNLIKELY(cpu->owner != user || cpu->space != user->space ||
                     cpu->frame_top != (uint64_t)(&user->frame + 1))) {
        user_bring(user);
    }
}

/* Run until the next trap; false if there is a reason not to, which is then in the event. */
static bool user_run_once(struct hal_user *user, struct hal_user_event *event, uint32_t *vector)
{
    struct trap_frame *frame = &user->frame;
    const bool plain = (frame->rflags & RFLAGS_TRAP_RF) == 0 && frame->rip < HAL_USER_MAX;

    user_prepare(user);
    if (hal_preempt_word() == 0) {
        *event = (struct hal_user_event){ .reason = HAL_USER_QUANTUM };
        return false;
    }
    if (frame->rip >= CANONICAL_END) {
        event_exception(event, TRAP_PROTECTION, 0, frame->rip); /* as the CPU would say */
        return false;
    }
    atomic_store_explicit(&user->runs_on, hal_cpu_id(), memory_order_seq_cst);
    if (atomic_load_explicit(&user->interrupt, memory_order_seq_cst)) {
        atomic_store_explicit(&user->interrupt, false, memory_order_relaxed);
        atomic_store_explicit(&user->runs_on, CPU_NONE, memory_order_relaxed);
        *event = (struct hal_user_event){ .reason = HAL_USER_INTERRUPT };
        return false;
    }
    *vector = user_enter(frame, user->by_sysret && plain);
    atomic_store_explicit(&user->runs_on, CPU_NONE, memory_order_relaxed);
    user->replaced = false;
    user->by_sysret = *vector == TRAP_SYSCALL;
    return true;
}

/* Interrupts are off and user code has just been left by `vector`: true if that ends the call. */
static bool event_of(struct hal_user *user, uint32_t vector, struct hal_user_event *event)
{
    if (vector == TRAP_SYSCALL) {
        event_syscall(event, &user->frame);
        return true;
    }
    if (vector == TRAP_PAGE_FAULT) {
        event_fault(event, user->frame.error);
        return true;
    }
    if (vector < TRAP_EXCEPTIONS) {
        event_exception(event, vector, user->frame.error, user->frame.rip);
        return true;
    }
    preempt_disable();
    percpu_this()->irq_pc = 0;
    irq_dispatch(vector);
    (void)hal_preempt_dec(); /* invariant (3): the next turn looks whether that made it zero */
    return false;
}

void hal_user_run(struct hal_user *user, struct hal_user_event *event)
{
    uint32_t vector = 0;

    KASSERT_DEBUG(hal_irq_enabled());
    KASSERT_DEBUG(preempt_count() == 0);
    while (user_run_once(user, event, &vector) && !event_of(user, vector, event)) {
    }
    hal_irq_enable();
}

void hal_user_result(struct hal_user *user, int64_t value)
{
    if (!user->replaced) {
        user->frame.rax = (uint64_t)value;
    }
}

void hal_user_start(struct hal_user *user, vaddr_t pc, vaddr_t sp)
{
    state_fetch(user);
    frame_reset(user);
    state_init(user);
    user->frame.rip = pc;
    user->frame.rsp = sp;
}

void hal_user_regs_get(struct hal_user *user, struct hal_user_regs *regs)
{
    if (features()->fsgsbase) {
        state_fetch(user); /* user code may have changed its bases */
    }
    memcpy(regs, &user->frame, offsetof(struct hal_user_regs, rip));
    regs->rip = user->frame.rip;
    regs->rflags = user->frame.rflags;
    regs->rsp = user->frame.rsp;
    regs->fs_base = user->fs_base;
    regs->gs_base = user->gs_base;
}

exo_status_t hal_user_regs_set(struct hal_user *user, const struct hal_user_regs *regs)
{
    if (regs->rip >= HAL_USER_MAX || regs->fs_base >= HAL_USER_MAX ||
        regs->gs_base >= HAL_USER_MAX) {
        return EXO_ERR_INVALID;
    }
    state_fetch(user);
    memcpy(&user->frame, regs, offsetof(struct hal_user_regs, rip));
    user->frame.rip = regs->rip;
    user->frame.rflags = (regs->rflags & RFLAGS_USER) | RFLAGS_FIXED;
    user->frame.rsp = regs->rsp;
    user->fs_base = regs->fs_base;
    user->gs_base = regs->gs_base;
    user->by_sysret = false;
    user->replaced = true;
    return EXO_OK;
}

exo_status_t hal_user_tls_set(struct hal_user *user, vaddr_t base)
{
    if (base >= HAL_USER_MAX) {
        return EXO_ERR_INVALID;
    }
    state_fetch(user);
    user->fs_base = base;
    return EXO_OK;
}

void hal_user_interrupt(struct hal_user *user)
{
    atomic_store_explicit(&user->interrupt, true, memory_order_seq_cst);
    const uint32_t cpu = atomic_load_explicit(&user->runs_on, memory_order_seq_cst);

    if (cpu != CPU_NONE) {
        apic_send_ipi(g_percpu[cpu]->apic_id, IRQ_VECTOR_KICK);
    }
}
