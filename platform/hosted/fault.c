/*
 * fault.c - faults of the kernel itself: SIGSEGV and its kind, told on a stack of their own, then
 * panic.
 *
 * Invariant (1): a fault inside the report of a fault ends the process at once; so does one outside
 * any CPU, where there is no kernel to panic.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

#include "exo/debug/panic.h"
#include "exo/mem/kva.h"

#include "host.h"
#include "sanitizer.h"

#define PAGE_FAULT_WRITE 0x02u /* error code of the CPU's page fault */
#define PAGE_FAULT_EXEC  0x10u
#define TRAP_PAGE_FAULT  14
#define TRAP_PROTECTION  13

static _Atomic bool g_reporting;

static const struct {
    const char *name;
    int reg;
} g_regs[] = {
    { "rax", REG_RAX }, { "rbx", REG_RBX }, { "rcx", REG_RCX }, { "rdx", REG_RDX },
    { "rsi", REG_RSI }, { "rdi", REG_RDI }, { "rbp", REG_RBP }, { "rsp", REG_RSP },
    { "r8 ", REG_R8 },  { "r9 ", REG_R9 },  { "r10", REG_R10 }, { "r11", REG_R11 },
    { "r12", REG_R12 }, { "r13", REG_R13 }, { "r14", REG_R14 }, { "r15", REG_R15 },
    { "rip", REG_RIP }, { "efl", REG_EFL }, { "err", REG_ERR }, { "trp", REG_TRAPNO },
};

static const char *page_fault_text(uint64_t error, int code)
{
    const bool mapped = code == SEGV_ACCERR;

    if ((error & PAGE_FAULT_EXEC) != 0) {
        return mapped ? "execution of memory that is not executable"
                      : "execution of unmapped memory";
    }
    if ((error & PAGE_FAULT_WRITE) != 0) {
        return mapped ? "write to read-only or guarded memory" : "write to unmapped memory";
    }
    return mapped ? "read of guarded memory" : "read of unmapped memory";
}

/* Say in words what `signal` means here. */
static const char *fault_text(int signal, const siginfo_t *info, const mcontext_t *machine)
{
    switch (signal) {
    case SIGSEGV:
        if (machine->gregs[REG_TRAPNO] == TRAP_PAGE_FAULT) {
            return page_fault_text((uint64_t)machine->gregs[REG_ERR], info->si_code);
        }
        return machine->gregs[REG_TRAPNO] == TRAP_PROTECTION
                   ? "general protection (non-canonical address?)"
                   : "segment fault";
    case SIGBUS:
        return info->si_code == BUS_ADRERR ? "access beyond the end of a mapped file" : "bus error";
    case SIGFPE:
        return info->si_code == FPE_INTDIV ? "division by zero" : "arithmetic error";
    case SIGILL:
        return "invalid instruction";
    case SIGTRAP:
        return "breakpoint or trace trap";
    default:
        return "abort by the host's library";
    }
}

static void registers_print(const mcontext_t *machine)
{
    for (size_t i = 0; i < ARRAY_COUNT(g_regs); i++) {
        kprintf("%s %016llx%s", g_regs[i].name, (unsigned long long)machine->gregs[g_regs[i].reg],
                i % 4 == 3 ? "\n" : "  ");
    }
}

/* No CPU, or a fault within a fault: what can still be said goes straight to standard error. */
static _Noreturn void fault_end(int signal, uintptr_t pc, uintptr_t address)
{
    char text[128];
    const int len = snprintf(text, sizeof(text), "exo-hosted: fault %d at pc %#lx, address %#lx\n",
                             signal, (unsigned long)pc, (unsigned long)address);

    hosted_terminal_restore();
    if (len > 0 && write(STDERR_FILENO, text, (size_t)len) < 0) {
        _exit(PANIC_STATUS);
    }
    _exit(PANIC_STATUS);
}

static void on_fault(int signal, void *info_arg, void *context)
{
    const siginfo_t *const info = info_arg;
    const mcontext_t *const machine = &((const ucontext_t *)context)->uc_mcontext;
    const uintptr_t pc = (uintptr_t)machine->gregs[REG_RIP];
    const uintptr_t address = (uintptr_t)info->si_addr;
    const uint32_t cpu = hal_cpu_id();
    void *stack = NULL;
    char place[96];

    hal_irq_disable();
    if (cpu >= hosted_cpu_count() || atomic_exchange(&g_reporting, true)) {
        fault_end(signal, pc, address);
    }
    const char *const text = fault_text(signal, info, machine);
    const char *const where = kva_guard_describe(address, place, sizeof(place));

    kprintf("\nfault on CPU %u: %s, address %#llx, pc %#llx\n", cpu, text,
            (unsigned long long)address, (unsigned long long)pc);
    if (hal_stack_guard_hit(address, &stack)) {
        kprintf("kernel stack overflow: the guard below the stack at %p was hit\n", stack);
    }
    registers_print(machine);
    panic_at(pc, (uintptr_t)machine->gregs[REG_RBP],
             stack != NULL ? "kernel stack overflow: %s%s%s" : "%s%s%s", text,
             where[0] != '\0' ? ": " : "", where);
}

/* Aborts come from the host's library or a sanitizer that has said why: only leave the terminal in
 * order. */
static void on_abort(int signal, void *info, void *context)
{
    (void)info, (void)context;
    hosted_terminal_restore();
    _exit(128 + signal);
}

void hosted_fault_init(void)
{
    static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };

    for (size_t i = 0; i < ARRAY_COUNT(signals); i++) {
        host_signal_install(signals[i], SA_SIGINFO | SA_ONSTACK | SA_NODEFER, on_fault,
                            hosted_restorer);
    }
    host_signal_install(SIGABRT, SA_SIGINFO | SA_ONSTACK, on_abort, hosted_restorer);
}
