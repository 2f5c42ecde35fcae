/*
 * irq.c - interrupts: host signals on CPU threads, the pending mask, delivery to the core.
 *
 * Invariants:
 *   (1) A pending bit of a CPU that runs with interrupts on has a signal on its way to it, or
 *       delivery under way; one of a CPU with interrupts off is found by whoever turns them on.
 *   (2) The core is called with interrupts off, between core_irq_enter() and core_irq_exit(), with
 *       every bit that was taken from the mask: exit may switch away for long, so none is kept over
 *       it.
 *   (3) All CPU threads have the same signal mask, so a signal frame may be left by a thread other
 *       than the one that it was made on. What differs is the alternate stack, which the host
 *       restores from the frame: it is patched last of all, with interrupts off.
 *   (4) The handler up to the point where it delivers calls nothing that a sanitizer instruments:
 *       it may have struck inside a sanitizer's runtime.
 *
 * Handlers run on the stack of the fiber that was interrupted, so that core_irq_exit() may switch
 * away from inside one; only faults have stacks of their own (fault.c).
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "exo/debug/trace.h"
#include "host.h"
#include "platform/common/leaf.h"
#include "sanitizer.h"

#define HOSTED_SA_RESTORER 0x04000000ul

/* What the host's rt_sigaction takes. */
struct host_sigaction {
    void (*handler)(int, void *, void *);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

/* Labels of irq_entry.c and of the linker. */
extern const char hosted_handler_end[], hosted_restorer_end[];
extern const char hosted_isys_begin[], hosted_isys_end[], hosted_isys_abort[];
extern const char __executable_start[], etext[];
void hosted_handler(int signal, void *info, void *context);
void hosted_on_signal(int signal, void *info, void *context, unsigned was_on);
void hosted_signal_again(ucontext_t *frame);

/* The one CPU that may go on, once the others are told to stop. */
#define SURVIVORS_ALL UINT32_MAX
static _Atomic uint32_t g_survivor = SURVIVORS_ALL;

void host_signal_install(int signal, unsigned long flags, void (*handler)(int, void *, void *),
                         void (*restorer)(void))
{
    struct host_sigaction action = { .handler = handler, .flags = flags | HOSTED_SA_RESTORER };

    action.restorer = restorer;
    const long result =
        host_syscall(SYS_rt_sigaction, signal, (long)&action, 0, sizeof(action.mask));

    if (result != 0) {
        host_fail("the host refuses a handler for signal %d (error %ld)", signal, -result);
    }
}

void hosted_irq_raise(uint32_t cpu, uint32_t bits)
{
    const struct hosted_cpu *target = hosted_cpu(cpu);
    const hal_irq_t irq = host_enter();
    const uint32_t before = atomic_fetch_or(&target->percpu->pending, bits);

    /* If there were bits before, whoever set the first of them sends the signal (1). For the own
     * CPU the mask is looked at when interrupts go on again. */
    if (before == 0 && cpu != hal_cpu_id()) {
        host_syscall(SYS_tgkill, getpid(), target->tid, HOSTED_SIGNAL_IPI, 0);
    }
    host_exit(irq);
}

void hal_cpu_send_ipi(uint32_t cpu, enum hal_ipi kind)
{
    trace_event(TRACE_IPI_SEND, cpu, kind);
    hosted_irq_raise(cpu, kind == HAL_IPI_RESCHED ? HOSTED_IRQ_RESCHED : HOSTED_IRQ_CALL);
}

/* Interrupts off: the next to be served struck here. */
static void irq_struck(uintptr_t pc, uintptr_t frame, uintptr_t stack)
{
    struct hosted_cpu *const cpu = hosted_cpu(hal_cpu_id());

    cpu->irq_pc = pc;
    cpu->irq_frame = frame;
    cpu->irq_stack = stack;
}

bool hal_irq_interrupted(struct hal_interrupted *out)
{
    const struct hosted_cpu *const cpu = hosted_cpu(hal_cpu_id());

    out->pc = cpu->irq_pc;
    out->frame = cpu->irq_frame;
    out->caller = cpu->irq_stack != 0 ? leaf_caller(cpu->irq_pc, cpu->irq_stack) : 0;
    return true; /* user code runs in processes of its own; the kernel waits for it */
}

/* Take all pending bits of this CPU and serve them. Interrupts off; may return on another CPU. */
static void irq_serve(void)
{
    struct hosted_cpu *cpu = hosted_cpu(hal_cpu_id());
    const uint32_t bits = atomic_exchange(&cpu->percpu->pending, 0);

    if (bits == 0) {
        return;
    }
    core_irq_enter();
    const bool due = (bits & HOSTED_IRQ_TIMER) != 0 && hosted_timer_due(cpu);

    if (due || (bits & HOSTED_IRQ_TIMER_TEST) != 0) {
        core_on_timer();
    }
    if ((bits & HOSTED_IRQ_RESCHED) != 0) {
        core_on_ipi(HAL_IPI_RESCHED);
    }
    if ((bits & HOSTED_IRQ_CALL) != 0) {
        core_on_ipi(HAL_IPI_CALL);
    }
    if ((bits & HOSTED_IRQ_INPUT) != 0) {
        hosted_console_deliver();
    }
    core_irq_exit();
}

/* Turn interrupts on; true if something was pending then, which the caller must see to. */
static bool irq_on_and_look(void)
{
    bool pending;

    __asm__ volatile("movb $1, " HOSTED_FIELD(1) "\n\tcmpl $0, " HOSTED_FIELD(2)
                     : "=@ccne"(pending)
                     : "i"(HOSTED_IRQ_ON), "i"(HOSTED_PENDING)
                     : "memory");
    return pending;
}

void hosted_irq_deliver(void)
{
    const uintptr_t *const own = __builtin_frame_address(0);

    do {
        hal_irq_disable();
        irq_struck((uintptr_t)__builtin_return_address(0), own[0], 0);
        irq_serve();
    } while (irq_on_and_look());
}

#define VALGRIND_FRAME_WORDS 360u /* of Valgrind's own signal frame, behind the ucontext */

static uintptr_t thread_pointer(void)
{
    uintptr_t pointer;

    __asm__ volatile("movq %%fs:0, %0" : "=r"(pointer));
    return pointer;
}

/* The host leaves the thread pointer alone when a handler returns; Valgrind puts back the one of
 * the thread that the frame was made on, from a copy of all registers that it keeps in the frame.
 * The frame is left by another thread: give it that one's. Not inline: tests/hosted/valgrind.supp
 * names it, since it looks where only Valgrind itself has business. */
EXO_NOINLINE static void valgrind_frame_move(ucontext_t *frame, uintptr_t from, uintptr_t to)
{
    volatile uintptr_t *const word = (volatile uintptr_t *)(frame + 1);

    for (uint32_t i = 0; i < VALGRIND_FRAME_WORDS; i++) {
        word[i] = word[i] == from ? to : word[i];
    }
}

/* Serve what is pending and make `frame` fit to be left by this thread, whichever it now is (3). */
static void signal_serve(ucontext_t *frame)
{
    const uintptr_t before = thread_pointer();
    const greg_t *const gregs = frame->uc_mcontext.gregs;

    irq_struck((uintptr_t)gregs[REG_RIP], (uintptr_t)gregs[REG_RBP], (uintptr_t)gregs[REG_RSP]);
    irq_serve();
    frame->uc_stack.ss_sp = hosted_cpu(hal_cpu_id())->fault_stack;
    if (EXO_UNLIKELY(hosted_mem_watched) && thread_pointer() != before && hosted_under_valgrind()) {
        valgrind_frame_move(frame, before, thread_pointer());
    }
}

/* Called by hosted_restorer when there is more to serve; interrupts off. */
void hosted_signal_again(ucontext_t *frame)
{
    hal_irq_disable();
    signal_serve(frame);
}

/* In ThreadSanitizer's runtime locks may be held and shadow state half changed. A fiber that is
 * suspended there may stop all others, so the interrupt waits until the pc is in our own text. */
static NO_SANITIZE bool must_wait(uintptr_t pc)
{
    return HOSTED_TSAN && (pc < (uintptr_t)__executable_start || pc >= (uintptr_t)etext);
}

/* Volatile instead of atomic, which would be instrumented: the load is one instruction. */
static NO_SANITIZE bool told_to_stop(void)
{
    const uint32_t survivor = *(volatile uint32_t *)&g_survivor;

    return survivor != SURVIVORS_ALL && survivor != hal_cpu_id();
}

/* If the pc is in one of the stretches of irq_entry.c, see to it and say so. A frame that is being
 * left with HOSTED_LEAVE_ON is one that put its interrupt off: nobody else will think of what is
 * pending. */
static NO_SANITIZE bool stretch_leave(ucontext_t *frame, uintptr_t pc)
{
    greg_t *const gregs = frame->uc_mcontext.gregs;

    if (pc >= (uintptr_t)hosted_isys_begin && pc < (uintptr_t)hosted_isys_end) {
        gregs[REG_RIP] = (greg_t)(uintptr_t)hosted_isys_abort;
        return true;
    }
    if (pc >= (uintptr_t)hosted_restorer && pc < (uintptr_t)hosted_restorer_end) {
        const ucontext_t *const left = (const ucontext_t *)(uintptr_t)gregs[REG_RSP];

        gregs[REG_RIP] = (greg_t)(uintptr_t)hosted_restorer;
        if ((uintptr_t)left->uc_link == HOSTED_LEAVE_ON) {
            hosted_timer_retry(hal_cpu_id());
        }
        return true;
    }
    return false;
}

/* What hosted_handler jumps to, for the timer and cross-CPU signals; interrupts are off now and
 * were as `was_on` says. Invariant (4) holds down to signal_serve(). */
NO_SANITIZE void hosted_on_signal(int signal, void *info, void *context, unsigned was_on)
{
    ucontext_t *const frame = context;
    const uintptr_t pc = (uintptr_t)frame->uc_mcontext.gregs[REG_RIP];
    uintptr_t leave = HOSTED_LEAVE_OFF;

    (void)info;
    if (signal == HOSTED_SIGNAL_TIMER) {
        __asm__ volatile("lock orl %1, " HOSTED_FIELD(0)
                         :
                         : "i"(HOSTED_PENDING), "i"(HOSTED_IRQ_TIMER)
                         : "memory", "cc");
    }
    if (told_to_stop()) {
        if (!must_wait(pc)) {
            hosted_cpu_park();
        }
        hosted_timer_retry(hal_cpu_id());
    }
    if (!stretch_leave(frame, pc) && was_on != 0) {
        leave = HOSTED_LEAVE_LOOK;
        if (pc >= (uintptr_t)hosted_handler && pc < (uintptr_t)hosted_handler_end) {
            leave = HOSTED_LEAVE_ON;
        } else if (must_wait(pc)) {
            hosted_timer_retry(hal_cpu_id());
            leave = HOSTED_LEAVE_ON;
        }
    }
    frame->uc_link = (ucontext_t *)leave;
    if (leave == HOSTED_LEAVE_LOOK) {
        signal_serve(frame);
    }
}

void hosted_signals_init(void)
{
    const unsigned long flags = SA_SIGINFO | SA_NODEFER | SA_RESTART;

    host_signal_install(HOSTED_SIGNAL_IPI, flags, hosted_handler, hosted_restorer);
    host_signal_install(HOSTED_SIGNAL_TIMER, flags, hosted_handler, hosted_restorer);
}

long hosted_user_wait(int listener, int pid, void *notif, bool interruptible)
{
    const long request = (long)SECCOMP_IOCTL_NOTIF_RECV;

    (void)pid;
    return interruptible
               ? hosted_interruptible_syscall(SYS_ioctl, listener, request, (long)notif, 0)
               : host_syscall(SYS_ioctl, listener, request, (long)notif, 0);
}

void hosted_cpu_stop_all(uint32_t survivor)
{
    atomic_store(&g_survivor, survivor);
    for (uint32_t i = 0; i < hosted_cpu_count(); i++) {
        const struct hosted_cpu *cpu = hosted_cpu(i);

        if (i != survivor && atomic_load(&cpu->state) == HOSTED_CPU_ONLINE) {
            host_syscall(SYS_tgkill, getpid(), cpu->tid, HOSTED_SIGNAL_IPI, 0);
        }
    }
    hosted_cpu_wait_stopped(survivor);
}

void hal_cpu_stop_others(void)
{
    const hal_irq_t irq = host_enter();

    hosted_cpu_stop_all(hal_cpu_id());
    host_exit(irq);
}
