/*
 * irq_entry.c - the assembly round host signals: the way into and out of a handler, and the system
 * call that an interrupt cuts short.
 *
 * All three are short stretches of code in which a signal must not simply be served where it
 * struck. The handler (irq.c) knows them by their labels:
 *   (1) in [hosted_handler, hosted_handler_end) the former handler has not yet turned interrupts
 *       off; it is about to look at the pending mask, so the bit that was left there is enough.
 *   (2) in [hosted_restorer, hosted_restorer_end) the pc goes back to the start, which turns
 *       interrupts off again if there is something to look at. So a handler's frame is gone before
 *       the next one is worked on, and frames never pile up on a kernel stack.
 *   (3) in [hosted_isys_begin, hosted_isys_end) the pc goes to hosted_isys_abort. The pc stands at
 *       _end once the host has taken the call up, so a call that had an effect is never reported as
 *       cut short.
 *
 * Frames: at hosted_restorer the stack pointer stands at the ucontext of the signal frame, which is
 * 16-aligned; its uc_link, of which the host makes no use, holds a HOSTED_LEAVE_* value.
 * Spec: Linux arch/x86 struct rt_sigframe; System V ABI.
 */
#include "host.h"

#define STRING(x)     #x
#define EXPAND(x)     STRING(x)
#define IRQ_ON_FIELD  "%fs:hosted_percpu@tpoff+" EXPAND(HOSTED_IRQ_ON)
#define PENDING_FIELD "%fs:hosted_percpu@tpoff+" EXPAND(HOSTED_PENDING)

/* Read the interrupt flag into the handler's fourth argument and turn interrupts off. */
__asm__(".text\n"
        ".globl hosted_handler, hosted_handler_end\n"
        ".type hosted_handler, @function\n"
        "hosted_handler:\n\t"
        "movzbl " IRQ_ON_FIELD ", %ecx\n\t"
        "movb $0, " IRQ_ON_FIELD "\n"
        "hosted_handler_end:\n\t"
        "jmp hosted_on_signal\n"
        ".size hosted_handler, . - hosted_handler\n");

/* 15 is rt_sigreturn. Looking at the pending mask and turning interrupts on are not one step, but a
 * signal in between starts the sequence again. */
__asm__(".text\n"
        ".globl hosted_restorer, hosted_restorer_end\n"
        ".type hosted_restorer, @function\n"
        "hosted_restorer:\n\t"
        "cmpq $" EXPAND(HOSTED_LEAVE_ON) ", 8(%rsp)\n\t"
                                         "jb 2f\n\t"
                                         "je 1f\n\t"
                                         "movb $0, " IRQ_ON_FIELD "\n\t"
                                         "cmpl $0, " PENDING_FIELD "\n\t"
                                         "jne 3f\n"
                                         "1:\n\t"
                                         "movb $1, " IRQ_ON_FIELD "\n"
                                         "2:\n\t"
                                         "movl $15, %eax\n\t"
                                         "syscall\n"
                                         "hosted_restorer_end:\n\t"
                                         "ud2\n"
                                         "3:\n\t"
                                         "movq %rsp, %rdi\n\t"
                                         "callq hosted_signal_again\n\t"
                                         "jmp hosted_restorer\n"
                                         ".size hosted_restorer, . - hosted_restorer\n");

/* -4 is -EINTR. Arguments of the C call move to where the host wants them. */
__asm__(
    ".text\n"
    ".globl hosted_interruptible_syscall, hosted_isys_begin, hosted_isys_end, hosted_isys_abort\n"
    ".type hosted_interruptible_syscall, @function\n"
    "hosted_interruptible_syscall:\n\t"
    "movq %rdi, %rax\n\t"
    "movq %rsi, %rdi\n\t"
    "movq %rdx, %rsi\n\t"
    "movq %rcx, %rdx\n\t"
    "movq %r8, %r10\n"
    "hosted_isys_begin:\n\t"
    "cmpl $0, " PENDING_FIELD "\n\t"
    "jne hosted_isys_abort\n\t"
    "syscall\n"
    "hosted_isys_end:\n\t"
    "retq\n"
    "hosted_isys_abort:\n\t"
    "movq $-4, %rax\n\t"
    "retq\n"
    ".size hosted_interruptible_syscall, . - hosted_interruptible_syscall\n");

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
