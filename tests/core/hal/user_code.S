/*
 * user_code.S - small user programs for test_user.c, each position-independent, at most a page.
 *
 * They run at USER_CODE with a page for data at USER_DATA (test_user.c). Number 39 stands for calls
 * that a platform may answer without the registers, 56 (Linux's clone) for those where it needs
 * them.
 */
#define USER_DATA 0x600000

        .section .rodata
        .macro  program name
        .balign 64
        .globl  user_\name, user_\name\()_end
user_\name:
        .endm
        .macro  program_end name
user_\name\()_end:
        .endm

/* Calls with every argument, each passing on the result of the one before. */
        program calls
        mov     $39, %eax
        mov     $101, %edi
        mov     $102, %esi
        mov     $103, %edx
        mov     $104, %r10d
        mov     $105, %r8d
        mov     $106, %r9d
        syscall
        mov     %rax, %rdi
        mov     $0x40000005, %eax
        syscall
        mov     %rax, %rdi
        mov     $56, %eax
        syscall
        mov     %rax, %rdi
        mov     $39, %eax
        syscall
        program_end calls

/* For ever: fill registers with values that depend on the seed at USER_DATA, make the call whose
 * number is at USER_DATA + 8, and compare. Argument 0 counts up, argument 1 is 0 or says what was
 * lost. */
        program canary
        mov     USER_DATA, %rbx
        xor     %ebp, %ebp
        xor     %edi, %edi
        xor     %esi, %esi
1:      lea     1(%rbx), %r8
        lea     2(%rbx), %r9
        lea     3(%rbx), %r10
        lea     4(%rbx), %r12
        lea     5(%rbx), %r13
        lea     6(%rbx), %r14
        lea     7(%rbx), %r15
        lea     8(%rbx), %rdx
        movq    %r8, %xmm0
        movq    %r9, %xmm7
        movq    %r12, %xmm15
        punpcklqdq %xmm15, %xmm15
        movl    $0x5f80, -8(%rsp)       /* round up */
        ldmxcsr -8(%rsp)
        fninit
        mov     %r13, -16(%rsp)
        fildll  -16(%rsp)
        mov     USER_DATA + 8, %eax
        std
        stc
        mov     %rbp, %rdi
        syscall
        jnc     9f
        pushfq
        cld
        pop     %rcx
        xor     %esi, %esi
        test    $0x400, %ecx            /* the direction flag was kept */
        jz      9f
        inc     %esi
        lea     1(%rbp), %rcx           /* the result is the argument plus one */
        cmp     %rcx, %rax
        jne     9f
        mov     $16, %esi
        lea     1(%rbx), %rcx
        cmp     %rcx, %r8
        jne     9f
        inc     %esi
        lea     2(%rbx), %rcx
        cmp     %rcx, %r9
        jne     9f
        inc     %esi
        lea     3(%rbx), %rcx
        cmp     %rcx, %r10
        jne     9f
        inc     %esi
        lea     4(%rbx), %rcx
        cmp     %rcx, %r12
        jne     9f
        inc     %esi
        lea     5(%rbx), %rcx
        cmp     %rcx, %r13
        jne     9f
        inc     %esi
        lea     6(%rbx), %rcx
        cmp     %rcx, %r14
        jne     9f
        inc     %esi
        lea     7(%rbx), %rcx
        cmp     %rcx, %r15
        jne     9f
        inc     %esi
        lea     8(%rbx), %rcx
        cmp     %rcx, %rdx
        jne     9f
        cmp     %rbp, %rdi
        jne     9f
        mov     $32, %esi
        movq    %xmm0, %rcx
        cmp     %r8, %rcx
        jne     9f
        inc     %esi
        movq    %xmm7, %rcx
        cmp     %r9, %rcx
        jne     9f
        inc     %esi
        psrldq  $8, %xmm15
        movq    %xmm15, %rcx
        cmp     %r12, %rcx
        jne     9f
        inc     %esi
        stmxcsr -8(%rsp)
        cmpl    $0x5f80, -8(%rsp)
        jne     9f
        inc     %esi
        fistpll -16(%rsp)
        cmp     %r13, -16(%rsp)
        jne     9f
        inc     %rbp
        xor     %esi, %esi
        jmp     1b
9:      cld
        mov     %rbp, %rdi
        inc     %esi
        mov     $99, %eax
        syscall
        program_end canary

/* Report all registers that should be zero or initial at the start. */
        program fresh
        or      %rbx, %rax
        or      %rcx, %rax
        or      %rdx, %rax
        or      %rsi, %rax
        or      %rdi, %rax
        or      %rbp, %rax
        or      %r8, %rax
        or      %r9, %rax
        or      %r10, %rax
        or      %r11, %rax
        or      %r12, %rax
        or      %r13, %rax
        or      %r14, %rax
        or      %r15, %rax
        mov     %rax, %rdi
        movq    %xmm0, %rsi
        movq    %xmm15, %rdx
        or      %rdx, %rsi
        stmxcsr -8(%rsp)
        mov     -8(%rsp), %edx
        fnstcw  -8(%rsp)
        movzwl  -8(%rsp), %r10d
        mov     $39, %eax
        syscall
        program_end fresh

/* Read, write or run what is at rdi. */
        program touch
        mov     (%rdi), %rsi
        mov     $39, %eax
        syscall
        program_end touch

        program store
        mov     %rsi, (%rdi)
        mov     $39, %eax
        syscall
        program_end store

        program jump
        jmp     *%rdi
        program_end jump

        program divide
        xor     %ecx, %ecx
        div     %ecx
        program_end divide

        program break
        int3
        program_end break

        program undefined
        ud2
        program_end undefined

        program privileged
        hlt
        program_end privileged

        program int80
        mov     $20, %eax
        int     $0x80
        mov     $39, %eax
        syscall
        program_end int80

/* A loop without calls: counts in rbx, and in the word at rdi if that is not 0. */
        program spin
        test    %rdi, %rdi
        jnz     2f
1:      inc     %rbx
        jmp     1b
2:      incq    (%rdi)
        jmp     2b
        program_end spin

/* The word at the thread pointer, for ever. */
        program tls
1:      mov     %fs:0, %rdi
        mov     $39, %eax
        syscall
        jmp     1b
        program_end tls

/* Make call 39 for ever. */
        program null
1:      mov     $39, %eax
        syscall
        jmp     1b
        program_end null

/* For ever: fill all 16 wide vector registers from the seed at rdi, make call 39, and compare.
 * Argument 0 is 0, or says what was lost; argument 1 is 1 where the processor has no such
 * registers. */
        program wide
        mov     %rdi, %r12
        mov     $1, %eax
        cpuid
        and     $0x18000000, %ecx       /* OSXSAVE, AVX */
        cmp     $0x18000000, %ecx
        jne     8f
        xor     %ecx, %ecx
        xgetbv
        and     $6, %eax
        cmp     $6, %eax
        jne     8f
1:      xor     %r13d, %r13d
        vbroadcastsd (%r12), %ymm0
        .irp    n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        vmovapd %ymm0, %ymm\n
        .endr
        xor     %edi, %edi
        xor     %esi, %esi
2:      mov     $39, %eax
        syscall
        mov     (%r12), %rbx
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        inc     %r13d
        vextractf128 $1, %ymm\n, -16(%rsp)
        cmp     -16(%rsp), %rbx
        jne     9f
        cmp     -8(%rsp), %rbx
        jne     9f
        .endr
        jmp     1b
8:      mov     $1, %esi
        xor     %edi, %edi
        mov     $39, %eax
        syscall
        jmp     8b
9:      mov     %r13d, %edi
        xor     %esi, %esi
        mov     $39, %eax
        syscall
        program_end wide

/* The word at the GS base, for ever. */
        program gs
1:      mov     %gs:0, %rdi
        mov     $39, %eax
        syscall
        jmp     1b
        program_end gs

/* The same, after user code itself has set the base. */
        program wrgs
        wrgsbase %rdi
1:      mov     %gs:0, %rdi
        mov     $39, %eax
        syscall
        jmp     1b
        program_end wrgs

/* Exceptions that user code can raise, and that test_user.c does not. */
        program single_step
        pushfq
        orl     $0x100, (%rsp)
        popfq
        nop
        nop
        program_end single_step

        program debug_trap
        .byte   0xf1
        program_end debug_trap

        program x87
        fninit
        movw    $0x37b, -8(%rsp)        /* division by zero is told */
        fldcw   -8(%rsp)
        fld1
        fldz
        fdivrp  %st, %st(1)
        fwait
        program_end x87

        program sse
        movl    $0x1d80, -8(%rsp)       /* division by zero is told */
        ldmxcsr -8(%rsp)
        xorps   %xmm1, %xmm1
        mov     $0x3f800000, %eax
        movd    %eax, %xmm0
        divss   %xmm1, %xmm0
        mov     $39, %eax
        syscall
        program_end sse

        program odd_stack
        movabs  $0x8000000000000000, %rbp
        mov     (%rbp), %rax
        program_end odd_stack

        program segment
        mov     $0x73, %eax             /* no such descriptor */
        mov     %eax, %ds
        program_end segment

        program port
        in      $0x80, %al
        program_end port

        program control
        mov     %cr0, %rax
        program_end control

        program alignment
        pushfq
        orl     $0x40000, (%rsp)
        popfq
        mov     1(%rdi), %rax
        pushfq
        andl    $~0x40000, (%rsp)
        popfq
        mov     $39, %eax
        syscall
        program_end alignment

        .section .note.GNU-stack, "", @progbits
