/*
 * stub.S - the program that is a user address space: it maps what the kernel says, and catches all
 * else.
 *
 * Two kinds of threads:
 *   the mm thread, the initial one, carries out batches of system calls that stand in the read-only
 *     command pages. It has no stack and keeps everything in registers, because all other memory of
 *     the process can be written by user code. It answers by the length of a packet, for the same
 *     reason.
 *   user threads, cloned by it, run a list of calls to set themselves up. The last but one makes
 *     every later call a notification to the kernel; the last takes back the exception that allowed
 *     the list itself. Then they trap once, so that a signal frame exists, and hand over.
 *
 * Invariants:
 *   (1) nothing in this process runs a system call of its own choice but the mm thread;
 *   (2) a user thread leaves the handler without sigreturn, so that no forged frame can mask a
 *       signal;
 *   (3) in the handler the stack pointer stands at the frame being handed over or left (at
 *       stub_iret: at its words for iretq, at stub_popf: one word below), so a second signal finds
 *       it there. Those words lie in the 128 bytes below the frame that no signal overwrites.
 */
#include "platform/hosted/user/stub_layout.h"

#define NR_MMAP       9
#define NR_CLONE      56
#define NR_EXIT       60
#define NR_SENDTO     44
#define NR_RECVFROM   45
#define NR_EXIT_GROUP 231
#define EINTR         4
#define SIGUSR1       10
#define MSG_TRUNC     0x20
#define MSG_NOSIGNAL  0x4000
#define CHILD_SENT    5 /* calls of a child's list after which the kernel holds its listener */

    .text
    .globl _start
_start:
    jmp stub_main

    /* Addresses the kernel needs, straight after the first instruction: struct stub_sites. */
    .balign 8
    .quad stub_handler, stub_entered, stub_restore, stub_child_done, stub_boot, stub_end

stub_main:
    movl $NR_MMAP, %eax
    movabsq $STUB_CMD, %rdi
    movl $STUB_CMD_BYTES, %esi
    movl $1, %edx              /* PROT_READ */
    movl $0x11, %r10d          /* MAP_SHARED | MAP_FIXED */
    movl $STUB_FD_CONTROL, %r8d
    xorl %r9d, %r9d
    syscall
    xorl %r12d, %r12d          /* calls done */
    xorl %r13d, %r13d          /* errno << STUB_ERRNO_SHIFT */
    cmpq $-4095, %rax
    jae stub_fail_all          /* without command pages there is nothing to answer from */

stub_answer:
    movl $NR_SENDTO, %eax
    movl $STUB_FD_SOCKET, %edi
    movabsq $STUB_CMD, %rsi
    leaq 1(%r12,%r13), %rdx
    movl $MSG_NOSIGNAL, %r10d
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    syscall

stub_wait:
    movl $NR_RECVFROM, %eax
    movl $STUB_FD_SOCKET, %edi
    xorl %esi, %esi
    xorl %edx, %edx
    movl $MSG_TRUNC, %r10d     /* the packet's length, although nothing is copied: 0 is the end */
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    syscall
    cmpq $-EINTR, %rax
    je stub_wait
    testq %rax, %rax
    jle stub_fail_all

    movabsq $STUB_CMD + STUB_BATCH_OFFSET, %rbx
    xorl %r12d, %r12d
    xorl %r13d, %r13d
stub_next:
    cmpq $STUB_LIST_END, (%rbx)
    je stub_answer
    movl (%rbx), %eax
    movq 8(%rbx), %rdi
    movq 16(%rbx), %rsi
    movq 24(%rbx), %rdx
    movq 32(%rbx), %r10
    movq 40(%rbx), %r8
    movq 48(%rbx), %r9
    syscall
    cmpq $-4095, %rax
    jae stub_failed
    testq %rax, %rax
    jnz stub_advance
    cmpl $NR_CLONE, (%rbx)
    je stub_child
stub_advance:
    incl %r12d
    addq $STUB_CALL_BYTES, %rbx
    jmp stub_next
stub_failed:
    btq $STUB_CALL_IGNORE, (%rbx)
    jc stub_advance
    negq %rax
    shlq $STUB_ERRNO_SHIFT, %rax
    movq %rax, %r13
    jmp stub_answer

stub_fail_all:
    movl $NR_EXIT_GROUP, %eax
    movl $1, %edi
    syscall
    ud2

    /* A new user thread. All its calls are made at one instruction, whose address its filters know;
     * %r14 is where to go on. */
stub_child:
    movabsq $STUB_CMD + STUB_CHILD_OFFSET, %rbx
    xorl %r12d, %r12d
    leaq stub_child_next(%rip), %r14
stub_child_call:
    cmpq $STUB_LIST_END, (%rbx)
    je stub_boot
    movl (%rbx), %eax
    movq 8(%rbx), %rdi
    movq 16(%rbx), %rsi
    movq 24(%rbx), %rdx
    movq 32(%rbx), %r10
    movq 40(%rbx), %r8
    movq 48(%rbx), %r9
stub_child_syscall:
    syscall
stub_child_done:
    jmp *%r14

stub_child_next:
    cmpq $-4095, %rax
    jae stub_child_failed
stub_child_advance:
    incl %r12d
    addq $STUB_CALL_BYTES, %rbx
    jmp stub_child_call
stub_child_failed:
    btq $STUB_CALL_IGNORE, (%rbx)
    jc stub_child_advance
    cmpl $CHILD_SENT, %r12d    /* the kernel waits on the listener: only our end tells it */
    leaq stub_child_failed(%rip), %r14
    movl $NR_EXIT_GROUP, %edx
    movl $1, %edi
    cmovael %edx, %eax
    jae stub_child_syscall
    negq %rax
    shlq $STUB_ERRNO_SHIFT, %rax
    leaq 1 + STUB_CHILD_DONE(%r12,%rax), %rdx
    movl $NR_SENDTO, %eax
    movl $STUB_FD_SOCKET, %edi
    movabsq $STUB_CMD, %rsi
    movl $MSG_NOSIGNAL, %r10d
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    leaq stub_child_exit(%rip), %r14
    jmp stub_child_syscall
stub_child_exit:
    movl $NR_EXIT, %eax
    movl $1, %edi
    jmp stub_child_syscall

stub_boot:
    ud2                        /* makes the first frame; the kernel replaces its registers */

    /* The one signal handler, on the thread's area; all it works with follows from the stack
     * pointer, which stands at the signal frame. It hands the frame over by a call and, when that
     * returns, leaves by it.
     *
     * A second signal may strike anywhere in here. Then the frame tells where (%rax, counted from
     * stub_handler):
     *   before the call: a stop signal is dropped and the entry begins again with the first frame,
     *     for which the kernel gets a hand-over anyway;
     *   after it: the first frame was being left and is whole, so it is handed over again, with a
     *     mark.
     * Either way the second frame is gone in one instruction, so frames do not pile up. What comes
     * before that instruction counts as before the call, what comes after it as after. */
#define GREG(n) STUB_FRAME_UC + STUB_UC_GREGS + 8 * n(%rsp)
    .balign 16
stub_handler:
    pushq $2
stub_popf:
    popfq                      /* user flags that would trap here: NT */
stub_entry:
    movq GREG(16), %rax        /* rip */
    leaq stub_handler(%rip), %rcx
    subq %rcx, %rax
    cmpq $(stub_iret - stub_handler), %rax
    ja stub_hand_over
    cmpq $(stub_entered - stub_handler), %rax
    je stub_back
    cmpq $(stub_again - stub_handler), %rax
    jae stub_back
    cmpl $SIGUSR1, STUB_FRAME_UC + STUB_UC_SIGINFO(%rsp)
    jne stub_hand_over
    xorl %ecx, %ecx
    cmpq $(stub_popf - stub_handler), %rax
    sete %cl
    movq GREG(15), %rax        /* rsp */
    leaq (%rax, %rcx, 8), %rsp
    jmp stub_entry

stub_hand_over:
    movl STUB_FRAME_UC + STUB_UC_SIGINFO(%rsp), %edi
    leaq STUB_FRAME_UC(%rsp), %rsi
    rdfsbase %rdx
    rdgsbase %r10
    xorl %r8d, %r8d
    movl $STUB_HANDOVER_NR, %eax
    syscall
stub_entered:
    jmp stub_restore

stub_back:
    movl STUB_FRAME_UC + STUB_UC_SIGINFO(%rsp), %edi
    xorl %ecx, %ecx
    movl $STUB_IRET_BELOW, %edx
    cmpq $(stub_iret - stub_handler), %rax
    cmovel %edx, %ecx
    movq GREG(15), %rax
    leaq (%rax, %rcx), %rsp
stub_again:
    leaq STUB_FRAME_UC(%rsp), %rsi
    movl $1, %r8d
    movl $STUB_HANDOVER_NR, %eax
    syscall
stub_restore:
    movq STUB_FRAME_UC + STUB_UC_FS(%rsp), %rax
    wrfsbase %rax
    movq STUB_FRAME_UC + STUB_UC_GS(%rsp), %rax
    wrgsbase %rax
    movq STUB_FRAME_UC + STUB_UC_FPSTATE(%rsp), %rcx
    movl $-1, %eax
    movl $-1, %edx
    xrstor64 (%rcx)
    movq GREG(0), %r8
    movq GREG(1), %r9
    movq GREG(2), %r10
    movq GREG(3), %r11
    movq GREG(4), %r12
    movq GREG(5), %r13
    movq GREG(6), %r14
    movq GREG(7), %r15
    movq GREG(8), %rdi
    movq GREG(9), %rsi
    movq GREG(10), %rbp
    movq GREG(11), %rbx
    movq GREG(12), %rdx
    movq GREG(13), %rax
    movq GREG(14), %rcx
    leaq -STUB_IRET_BELOW(%rsp), %rsp
stub_iret:
    iretq
stub_end:

    .section .note.GNU-stack, "", @progbits
