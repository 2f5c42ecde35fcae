/*
 * irq.c - interrupts of simulated CPUs: they arrive by events, wait in the pending mask, and are
 * taken where the CPU stops with interrupts on.
 *
 * Invariants:
 *   (1) a pending bit of a CPU with interrupts on is taken at one of its next stops, as the policy
 *       decides; one of a CPU with interrupts off is found by whoever turns them on;
 *   (2) the core is called with interrupts off, between core_irq_enter() and core_irq_exit(), with
 *       every bit that was taken from the mask.
 */
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exo/debug/fault.h"
#include "exo/debug/trace.h"
#include "sim.h"

#define IPI_NS             400u /* from sending to arrival */
#define IPI_COST_NS        60u
#define IPI_LATE_NS        200000u /* when the plan has it late */
#define HOSTED_SA_RESTORER 0x04000000ul

static _Thread_local bool g_is_machine; /* this host thread plays the CPUs */

void sim_timer_fire(struct sim_event *event);
void sim_ipi_fire(struct sim_event *event);

/* ---- arrival --------------------------------------------------------------------------------- */

void sim_irq_arrive(uint32_t cpu, uint32_t bits)
{
    if (atomic_load(&hosted_cpu(cpu)->state) != HOSTED_CPU_ONLINE) {
        return;
    }
    sim_trace(SIM_TRACE_ARRIVE, (uint64_t)cpu << 32 | bits);
    atomic_fetch_or(&g_sim_cpu[cpu].percpu.pending, bits);
    g_sim_ready |= 1ull << cpu;
}

/* Host threads beside the machine's (platform/hosted/user/service.c) change nothing in it: when one
 * of them comes to run is in no seed. */
void hosted_irq_raise(uint32_t cpu, uint32_t bits)
{
    if (!g_is_machine) {
        return;
    }
    const hal_irq_t irq = host_enter();

    sim_irq_arrive(cpu, bits);
    host_exit(irq);
}

/* The deadline has passed. */
void sim_timer_fire(struct sim_event *event)
{
    sim_irq_arrive(event->cpu, HOSTED_IRQ_TIMER);
}

void sim_ipi_fire(struct sim_event *event)
{
    struct sim_cpu *const cpu = &g_sim_cpu[event->cpu];
    const uint32_t bits = cpu->ipi_bits;

    cpu->ipi_bits = 0;
    sim_irq_arrive(event->cpu, bits);
}

void hal_cpu_send_ipi(uint32_t cpu, enum hal_ipi kind)
{
    const uint32_t bits = kind == HAL_IPI_RESCHED ? HOSTED_IRQ_RESCHED : HOSTED_IRQ_CALL;
    const hal_irq_t irq = host_enter();

    trace_event(TRACE_IPI_SEND, cpu, kind);
    if (cpu == sim_self()) {
        sim_irq_arrive(cpu, bits);
    } else {
        g_sim_cpu[cpu].ipi_bits |= bits;
        if (g_sim_cpu[cpu].ipi.place == 0) {
            sim_event_set(&g_sim_cpu[cpu].ipi,
                          sim_now_ns() + (EXO_FAULT(irq_late) ? IPI_LATE_NS : IPI_NS));
        }
        sim_call(IPI_COST_NS);
    }
    if (EXO_FAULT(irq_spurious)) {
        sim_irq_arrive(cpu, HOSTED_IRQ_RESCHED | HOSTED_IRQ_CALL | HOSTED_IRQ_TIMER_TEST);
    }
    host_exit(irq);
}

/* ---- taking ---------------------------------------------------------------------------------- */

/* Take all pending bits of this CPU and serve them. Interrupts off; may return on another CPU. */
static void irq_serve(void)
{
    const uint32_t bits = atomic_exchange(&sim_percpu->pending, 0);

    if (bits == 0) {
        return;
    }
    sim_trace(SIM_TRACE_TAKE, bits);
    core_irq_enter();
    const bool due = (bits & HOSTED_IRQ_TIMER) != 0 && hosted_timer_due(hosted_cpu(sim_self()));

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

bool hal_irq_interrupted(struct hal_interrupted *out)
{
    const struct hosted_cpu *const cpu = hosted_cpu(sim_self());

    *out = (struct hal_interrupted){ .pc = cpu->irq_pc, .frame = cpu->irq_frame };
    return true;
}

/* Take interrupts until none is pending, as if they had struck at `at`. */
void sim_irq_take(struct sim_place at)
{
    do {
        hal_irq_disable();
        hosted_cpu(sim_self())->irq_pc = at.pc;
        hosted_cpu(sim_self())->irq_frame = at.frame;
        irq_serve();
        sim_percpu->irq_on = 1;
    } while (atomic_load_explicit(&sim_percpu->pending, memory_order_relaxed) != 0);
}

void hosted_irq_deliver(void)
{
    sim_irq_take(SIM_CALLER);
}

/* ---- host signals: faults only --------------------------------------------------------------- */

/* What the host's rt_sigaction takes. */
struct host_sigaction {
    void (*handler)(int, void *, void *);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

__asm__(".text\n"
        ".globl hosted_restorer\n"
        ".type hosted_restorer, @function\n"
        "hosted_restorer:\n\t"
        "movl $15, %eax\n\t" /* rt_sigreturn */
        "syscall\n"
        ".size hosted_restorer, . - hosted_restorer\n");

void host_signal_install(int signal, unsigned long flags, void (*handler)(int, void *, void *),
                         void (*restorer)(void))
{
    struct host_sigaction action = { .handler = handler,
                                     .flags = flags | HOSTED_SA_RESTORER,
                                     .restorer = restorer };
    const long result =
        host_syscall(SYS_rt_sigaction, signal, (long)&action, 0, sizeof(action.mask));

    if (result != 0) {
        host_fail("the host refuses a handler for signal %d (error %ld)", signal, -result);
    }
}

void hosted_signals_init(void)
{
    static char fault_stack[FAULT_STACK_BYTES];
    const stack_t stack = { .ss_sp = fault_stack, .ss_size = sizeof(fault_stack) };

    g_is_machine = true;
    if (sigaltstack(&stack, NULL) != 0) {
        host_fail("cannot make the stack for faults");
    }
}

long host_syscall(long nr, long arg0, long arg1, long arg2, long arg3)
{
    register long r10 __asm__("r10") = arg3;
    long result = nr;

    __asm__ volatile("syscall"
                     : "+a"(result)
                     : "D"(arg0), "S"(arg1), "d"(arg2), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}

/* No interrupt comes while the one host thread waits. */
long hosted_interruptible_syscall(long nr, long arg0, long arg1, long arg2, long arg3)
{
    if (atomic_load_explicit(&sim_percpu->pending, memory_order_relaxed) != 0) {
        return -4; /* EINTR */
    }
    return host_syscall(nr, arg0, arg1, arg2, arg3);
}
