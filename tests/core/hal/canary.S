/*
 * canary.S - a loop that keeps a canary in every general register and the carry flag.
 *
 * uint64_t hal_test_canary(const uint64_t expected[15], uint64_t rounds, uint64_t tear)
 *
 * Loads the 15 registers beside the stack pointer from `expected`, copies of which stand on the
 * stack, and compares each with its copy `rounds` times. Returns 0, or 1 if one differed. An
 * interrupt may come between any two instructions. `tear` is changed in r15 on purpose: 0, but for
 * the test of the loop itself.
 */

/* What kernel and user mode have in common: 15 registers and their copies from the stack pointer
 * on. */
        .macro  registers_load
        .set    canary_at, 0
        .irp    r, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
        mov     canary_at(%rsp), %\r
        .set    canary_at, canary_at + 8
        .endr
        .endm

        .macro  registers_compare differs
        .set    canary_at, 0
        .irp    r, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
        cmp     canary_at(%rsp), %\r
        jne     \differs
        .set    canary_at, canary_at + 8
        .endr
        .endm

        .text
        .globl  hal_test_canary
        .type   hal_test_canary, @function
hal_test_canary:
        push    %rbp
        push    %rbx
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        sub     $136, %rsp              /* 15 copies, the rounds left, what to tear */
        mov     %rsi, 120(%rsp)
        mov     %rdx, 128(%rsp)
        mov     %rdi, %rax
        xor     %ecx, %ecx
1:      mov     (%rax, %rcx, 8), %rdx   /* the copies */
        mov     %rdx, (%rsp, %rcx, 8)
        inc     %ecx
        cmp     $15, %ecx
        jne     1b
        registers_load
        xor     128(%rsp), %r15
2:      registers_compare 3f
        stc
        mov     %rax, %rax              /* room for an interrupt that loses the flag */
        mov     %rbx, %rbx
        jnc     3f
        decq    120(%rsp)
        jnz     2b
        xor     %eax, %eax
        jmp     4f
3:      mov     $1, %eax
4:      add     $136, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbx
        pop     %rbp
        ret
        .size   hal_test_canary, . - hal_test_canary

/*
 * user_storm: the same in user mode, a program of user_box.h. The page at USER_DATA has the
 * canaries: 15 registers from 0 on, 16 SSE registers from 256 on, 32 whole vector registers of 64
 * bytes from 1024 on, 8 mask registers from 3072 on, the rounds of a turn at 128. Scratch: the
 * rounds left at 136, half a register at 144, what the CPU and its kernel offer at 152 (AVX 1,
 * AVX-512 2), a whole register at 3328. The stack pointer is the page's address all the time. Each
 * turn ends with call 39, argument 0, or 1 if something differed, argument 1 what was offered.
 */
        .section .rodata
        .balign 16
        .globl  user_storm
user_storm:
        mov     $0x600000, %esp
        mov     128(%rsp), %rax
        mov     %rax, 136(%rsp)
        movl    $0, 152(%rsp)
        mov     $1, %eax
        cpuid
        and     $0x18000000, %ecx       /* AVX, and XGETBV may be used */
        cmp     $0x18000000, %ecx
        jne     1f
        xor     %ecx, %ecx
        xgetbv
        mov     %eax, %ecx
        and     $0x06, %ecx
        cmp     $0x06, %ecx
        jne     1f
        movl    $1, 152(%rsp)
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        vmovdqu 1024 + 64 * \n(%rsp), %ymm\n
        .endr
        and     $0xe0, %eax
        cmp     $0xe0, %eax
        jne     1f
        movl    $3, 152(%rsp)
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, \
                   16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        vmovdqu64 1024 + 64 * \n(%rsp), %zmm\n
        .endr
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7
        kmovw   3072 + 8 * \n(%rsp), %k\n
        .endr
1:      .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        movdqu  256 + 16 * \n(%rsp), %xmm\n
        .endr
        registers_load
2:      mov     0(%rsp), %rax
        mov     16(%rsp), %rcx
        stc
        nop
        jnc     3f
        cmp     $0x600000, %rsp
        jne     3f
        registers_compare 3f
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        movq    %xmm\n, %rax
        cmp     256 + 16 * \n(%rsp), %rax
        jne     3f
        movhps  %xmm\n, 144(%rsp)
        mov     144(%rsp), %rax
        cmp     264 + 16 * \n(%rsp), %rax
        jne     3f
        .endr
        testb   $2, 152(%rsp)
        jnz     5f
        testb   $1, 152(%rsp)
        jz      6f
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        vmovdqu %ymm\n, 3328(%rsp)
        mov     $0x600000 + 3328, %esi
        mov     $0x600000 + 1024 + 64 * \n, %edi
        mov     $4, %ecx
        repe cmpsq
        jne     3f
        .endr
        jmp     6f
5:
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, \
                   16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        vmovdqu64 %zmm\n, 3328(%rsp)
        mov     $0x600000 + 3328, %esi
        mov     $0x600000 + 1024 + 64 * \n, %edi
        mov     $8, %ecx
        repe cmpsq
        jne     3f
        .endr
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7
        kmovw   %k\n, %ecx
        cmpw    3072 + 8 * \n(%rsp), %cx
        jne     3f
        .endr
6:      mov     32(%rsp), %rsi          /* these two helped to compare */
        mov     40(%rsp), %rdi
        decq    136(%rsp)
        jnz     2b
        xor     %edi, %edi
        jmp     4f
3:      mov     $1, %edi
4:      mov     152(%rsp), %esi
        mov     $39, %eax
        syscall
        jmp     user_storm
        .globl  user_storm_end
user_storm_end:

        .section .note.GNU-stack, "", @progbits
