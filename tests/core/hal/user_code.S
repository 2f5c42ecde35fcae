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

        .section .note.GNU-stack, "", @progbits
