/*
 * user.c - hal_user_*: user code entered and left.
 *
 * A user thread is always in one of three places:
 *   running                             between notice_answer() and the next notice_receive()
 *   AT_CALL   a system call waits       no registers are known; the answer is its result
 *   AT_FRAME  its handler waits         all registers are in user->regs; the answer lets it go back
 * AT_CALL becomes AT_FRAME by a stop signal before the answer (user_to_frame).
 *
 * Invariants:
 *   (1) while hal_user_run() waits, the preemption count is raised: the kernel thread leaves this
 *       CPU only after user code was stopped. Interrupts are served in between;
 *   (2) a user thread that is not inside hal_user_run() is AT_CALL or AT_FRAME or dead, so no user
 *       code runs unasked;
 *   (3) user->cpu is set before user->interrupt is looked at, and hal_user_interrupt() does both in
 *       the other order, so one of them sees the other (both sequentially consistent).
 */
#include <linux/audit.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "exo/debug/log.h"
#include "exo/lib/assert.h"
#include "exo/sync/preempt.h"
#include "platform/hosted/host.h"
#include "platform/hosted/user/stub.h"

#define TRAP_PAGE_FAULT 14u
#define TRAP_PROTECTION 13u
#define TRAP_UNDEFINED  6u
#define TRAP_MAX        31u
#define PF_PRESENT      1u
#define PF_WRITE        2u
#define PF_EXEC         16u
#define INT80_ERROR                                                                                \
    0x402u /* what hardware says of `int 0x80` with no gate: vector 0x80 of the IDT */
#define INT80_BYTES    2u
#define RESULT_DEFAULT (-38) /* ENOSYS, if core sets none */

/* ---- create and destroy
 * ----------------------------------------------------------------------------- */

/* State of a thread that has not run yet; its frame exists. */
static void user_reset(struct hal_user *user)
{
    user->regs = (struct hal_user_regs){ .rflags = USER_RFLAGS_SET };
    user->edited = true;
    user->replaced = false;
    user->fresh = true;
    atomic_store(&user->interrupt, false);
}

/* Take a parked thread, or make one. */
static exo_status_t user_obtain_locked(struct hal_space *space, struct hal_user **out)
{
    struct hal_user *user = space->parked;

    if (user != NULL) {
        if (!user_to_frame(user)) {
            return EXO_ERR_DEAD;
        }
        space->parked = user->next;
        *out = user;
        return EXO_OK;
    }
    user = calloc(1, sizeof(*user));
    if (user == NULL) {
        return EXO_ERR_NO_MEMORY;
    }
    user->space = space;
    const exo_status_t status = thread_create_locked(space, user);

    if (status != EXO_OK) {
        free(user);
        return status;
    }
    *out = user;
    return EXO_OK;
}

exo_status_t hal_user_create(struct hal_space *space, struct hal_user **out)
{
    struct hal_user *user = NULL;

    spin_lock(&space->lock);
    const hal_irq_t irq = host_enter();
    const exo_status_t status =
        hosted_test_should_fail() ? EXO_ERR_NO_MEMORY : user_obtain_locked(space, &user);

    if (status == EXO_OK) {
        user_reset(user);
        space->users++;
    }
    host_exit(irq);
    spin_unlock(&space->lock);
    if (status == EXO_OK) {
        *out = user;
    }
    return status;
}

/* The host thread stays where it is, waiting, for the next user thread of the space: so no user
 * thread ever needs to be allowed a call of its own, not even to end. */
void hal_user_destroy(struct hal_user *user)
{
    if (user == NULL) {
        return;
    }
    struct hal_space *const space = user->space;

    KASSERT(atomic_load(&user->cpu) == 0);
    spin_lock(&space->lock);
    user->next = space->parked;
    space->parked = user;
    space->users--;
    spin_unlock(&space->lock);
}

/* ---- what a notification means
 * ------------------------------------------------------------------------ */

/* True if user code should be left: a reschedule is due or somebody asked. */
static bool stop_wanted(struct hal_user *user)
{
    return atomic_load(&user->interrupt) || (hal_preempt_word() & PREEMPT_NO_RESCHED) == 0;
}

static void event_exception(struct hal_user_event *event, uint32_t vector, uint64_t error,
                            uint64_t pc)
{
    event->reason = HAL_USER_EXCEPTION;
    event->vector = vector;
    event->error = (uint32_t)error;
    event->addr = pc;
}

static void event_fault(struct hal_user_event *event, uint64_t addr, uint64_t error)
{
    event->reason = HAL_USER_FAULT;
    event->addr = addr;
    event->vector = TRAP_PAGE_FAULT;
    event->error = (uint32_t)error;
    event->access = (error & PF_EXEC) != 0    ? HAL_ACCESS_EXEC
                    : (error & PF_WRITE) != 0 ? HAL_ACCESS_WRITE
                                              : HAL_ACCESS_READ;
    event->access |= (error & PF_PRESENT) != 0 ? HAL_ACCESS_PRESENT : 0;
}

/* A system call made by an instruction of the stub is user code that jumped there: to hardware, the
 * execution of a page that it may not execute. */
static void event_stub_call(struct hal_user_event *event, uint64_t pc)
{
    event_fault(event, pc, PF_EXEC | PF_PRESENT);
}

static void event_sigsys(struct hal_user *user, const struct frame_info *info,
                         struct hal_user_event *event)
{
    const struct hal_user_regs *const regs = &user->regs;

    if (info->sys_arch != AUDIT_ARCH_X86_64 || info->cs != USER_STUB_CS) {
        user->regs.rip -= INT80_BYTES; /* hardware reports the instruction itself */
        user->edited = true;
        event_exception(event, TRAP_PROTECTION, INT80_ERROR, user->regs.rip);
        return;
    }
    if (stub_holds(regs->rip)) {
        event_stub_call(event, regs->rip);
        return;
    }
    event->reason = HAL_USER_SYSCALL;
    event->nr = (uint32_t)regs->rax;
    memcpy(event->arg,
           (const uint64_t[]){ regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9 },
           sizeof(event->arg));
    user->regs.rax = (uint64_t)RESULT_DEFAULT;
    user->edited = true;
}

/* The stop signal: false if nobody wants user code to stop any more. */
static bool event_stop(struct hal_user *user, struct hal_user_event *event)
{
    user->stop_sent = false;
    if (atomic_exchange(&user->interrupt, false)) {
        event->reason = HAL_USER_INTERRUPT;
        return true;
    }
    event->reason = HAL_USER_QUANTUM;
    return stop_wanted(user);
}

/* User code forged or spoiled a frame: its process is at an end. */
static void user_break(struct hal_user *user)
{
    user->broken = true;
    atomic_store(&user->space->attacked, true);
    stub_break(user->space);
}

/* The stub is no more, or this thread of it. The host kills it by SIGKILL if somebody asks; any
 * other signal is what user code has brought about, by spoiling what that signal's handler needs.
 */
static void event_dead(struct hal_user *user, struct hal_user_event *event)
{
    struct hal_space *const space = user->space;

    if (!atomic_load(&space->dead)) {
        stub_break(space); /* on its way already; how it ended is known afterwards */
    }
    const bool by_itself = space->end_by_signal && space->end_status != SIGKILL;

    event->reason = HAL_USER_DEAD;
    event->error = by_itself || atomic_load(&space->attacked) ? HAL_DEAD_HOSTILE : 0;
}

/* The handler handed over. Returns true if that is an event for core. */
static bool event_of_frame(struct hal_user *user, const struct user_notice *notice,
                           struct hal_user_event *event)
{
    struct frame_info info;

    if (!frame_read(user, notice->arg, &info)) {
        user_break(user);
        event_dead(user, event);
        return true;
    }
    if (info.sig == SIGUSR1) {
        return event_stop(user, event);
    }
    if (info.sig == SIGSYS) {
        event_sigsys(user, &info, event);
    } else if (info.sig == SIGILL) {
        /* Also the host's answer to calls that pass every filter (uretprobe): its trap number is
         * old. */
        event_exception(event, TRAP_UNDEFINED, 0, user->regs.rip);
    } else if (info.again || info.trapno > TRAP_MAX || stub_holds(user->regs.rip)) {
        /* The way back itself faulted, or something in the stub: registers that no user code
         * has. */
        event_exception(event, TRAP_PROTECTION, 0, user->regs.rip);
    } else if (info.trapno == TRAP_PAGE_FAULT) {
        event_fault(event, info.cr2, info.err);
    } else {
        event_exception(event, (uint32_t)info.trapno, info.err, user->regs.rip);
    }
    return true;
}

static bool event_of(struct hal_user *user, const struct user_notice *notice,
                     struct hal_user_event *event)
{
    user->cookie = notice->cookie;
    user->replaced = false;
    if (notice_is_hand_over(notice)) {
        return event_of_frame(user, notice, event);
    }
    user->state = USER_AT_CALL;
    user->result = RESULT_DEFAULT;
    if (stub_holds(notice->pc)) {
        event_stub_call(event, notice->pc);
        return true;
    }
    event->reason = HAL_USER_SYSCALL;
    event->nr = notice->nr;
    memcpy(event->arg, notice->arg, sizeof(event->arg));
    return true;
}

/* ---- running
 * -------------------------------------------------------------------------------------------- */

static void user_resume(struct hal_user *user)
{
    if (user->state == USER_AT_CALL) {
        notice_answer(user, user->result);
    } else {
        frame_write(user);
        notice_answer(user, 0);
    }
}

/* Let interrupts in, and stop user code if one of them made that necessary. */
static void interrupts_serve(struct hal_user *user)
{
    hal_irq_enable();
    hal_irq_disable();
    if (!user->stop_sent && stop_wanted(user)) {
        user->stop_sent = true;
        thread_stop(user);
    }
}

static void run_until_event(struct hal_user *user, struct hal_user_event *event)
{
    struct user_notice notice;

    user->stop_sent = false; /* one from the last time, if any, is still to come or did its work */
    user_resume(user);
    for (;;) {
        switch (notice_receive(user, true, &notice)) {
        case NOTICE_DEAD:
            event_dead(user, event);
            return;
        case NOTICE_AGAIN:
            interrupts_serve(user);
            break;
        case NOTICE_GOT:
            if (event_of(user, &notice, event)) {
                return;
            }
            user_resume(user);
            break;
        }
    }
}

void hal_user_run(struct hal_user *user, struct hal_user_event *event)
{
    memset(event, 0, sizeof(*event));
    preempt_disable();
    const hal_irq_t irq = hal_irq_save();

    KASSERT_DEBUG(irq != 0);
    atomic_store(&user->cpu, hal_cpu_id() + 1);
    /* What waits is let in before user code runs: to stop it afterwards is a race with its next
     * call, which the simulator must not have. */
    hal_irq_enable();
    hal_irq_disable();
    if (user->broken || atomic_load(&user->space->dead)) {
        event_dead(user, event);
    } else if ((hal_preempt_word() & PREEMPT_NO_RESCHED) == 0) {
        event->reason = HAL_USER_QUANTUM;
    } else if (atomic_exchange(&user->interrupt, false)) {
        event->reason = HAL_USER_INTERRUPT;
    } else {
        run_until_event(user, event);
    }
    atomic_store(&user->cpu, 0);
    hal_irq_restore(irq);
    if (event->reason == HAL_USER_QUANTUM) {
        (void)hal_preempt_dec(); /* the caller gives the CPU up, once */
    } else {
        preempt_enable();
    }
}

void hal_user_interrupt(struct hal_user *user)
{
    atomic_store(&user->interrupt, true);
    const uint32_t cpu = atomic_load(&user->cpu);

    if (cpu != 0) {
        hal_cpu_send_ipi(cpu - 1, HAL_IPI_RESCHED);
    }
}

/* ---- registers
 * ------------------------------------------------------------------------------------------- */

bool user_to_frame(struct hal_user *user)
{
    struct user_notice notice;
    struct frame_info info;
    enum notice_status got;

    if (user->state == USER_AT_FRAME) {
        return true;
    }
    thread_stop(user);
    notice_answer(user, 0); /* not the result, which the host might take for an order to restart */
    do {
        got = notice_receive(user, false, &notice);
    } while (got == NOTICE_AGAIN);
    if (got == NOTICE_DEAD) {
        return false;
    }
    user->cookie = notice.cookie;
    if (!notice_is_hand_over(&notice) || !frame_read(user, notice.arg, &info)) {
        user_break(user);
        return false;
    }
    user->stop_sent = false;
    user->regs.rax = (uint64_t)user->result;
    user->edited = true;
    return true;
}

/* The same with interrupts off, as all talk with the host. */
static bool user_need_frame(struct hal_user *user)
{
    const hal_irq_t irq = host_enter();
    const bool there = user_to_frame(user);

    host_exit(irq);
    return there;
}

void hal_user_result(struct hal_user *user, int64_t value)
{
    if (user->state == USER_AT_CALL) {
        user->result = value;
    } else if (!user->replaced) {
        user->regs.rax = (uint64_t)value;
        user->edited = true;
    }
}

void hal_user_start(struct hal_user *user, vaddr_t pc, vaddr_t sp)
{
    if (user_need_frame(user)) {
        user_reset(user);
        user->regs.rip = pc;
        user->regs.rsp = sp;
        user->replaced = true;
    }
}

void hal_user_regs_get(struct hal_user *user, struct hal_user_regs *regs)
{
    memset(regs, 0, sizeof(*regs));
    if (user_need_frame(user)) {
        *regs = user->regs;
    }
}

exo_status_t hal_user_regs_set(struct hal_user *user, const struct hal_user_regs *regs)
{
    if (regs->rip >= HAL_USER_MAX || regs->fs_base >= HAL_USER_MAX ||
        regs->gs_base >= HAL_USER_MAX) {
        return EXO_ERR_INVALID;
    }
    if (user_need_frame(user)) {
        user->regs = *regs;
        user->regs.rflags = (regs->rflags & USER_RFLAGS) | USER_RFLAGS_SET;
        user->edited = true;
        user->replaced = true;
    }
    return EXO_OK;
}

exo_status_t hal_user_tls_set(struct hal_user *user, vaddr_t base)
{
    if (base >= HAL_USER_MAX) {
        return EXO_ERR_INVALID;
    }
    if (user_need_frame(user)) {
        user->regs.fs_base = base;
    }
    return EXO_OK;
}
