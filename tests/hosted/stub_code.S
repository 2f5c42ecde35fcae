/*
 * stub_code.S - hostile user programs for test_stub_hostile.c. They take their orders from the data
 *   page: +0 a system call number or an address, +8 six arguments, +56 a stack pointer.
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
        .macro  load_arguments
        mov     USER_DATA + 8, %rdi
        mov     USER_DATA + 16, %rsi
        mov     USER_DATA + 24, %rdx
        mov     USER_DATA + 32, %r10
        mov     USER_DATA + 40, %r8
        mov     USER_DATA + 48, %r9
        .endm

/* Whatever call is ordered, for ever. */
        program any_call
1:      load_arguments
        mov     USER_DATA, %rax
        syscall
        jmp     1b
        program_end any_call

/* The same by the 32-bit gate. */
        program any_int80
1:      load_arguments
        mov     USER_DATA, %rax
        int     $0x80
        jmp     1b
        program_end any_int80

/* Go to an address of the stub with registers made up. */
        program any_jump
        load_arguments
        mov     $USER_DATA + 0x100, %ebx
        mov     $USER_DATA + 0x100, %ebp
        mov     $0x400f00, %r14d
        mov     USER_DATA + 56, %rsp
        mov     $9, %eax
        mov     USER_DATA, %r11
        jmp     *%r11
        program_end any_jump

/* Call the host's page for old programs. */
        program vsyscall
        mov     $USER_DATA, %edi
        xor     %esi, %esi
        mov     $0xffffffffff600000, %rax
        call    *%rax
        mov     $39, %eax
        syscall
        program_end vsyscall

/* Take every flag that can be had, then trap. */
        program flags
        push    $0x254ed5               /* NT, AC, ID, OF, DF and the arithmetic ones */
        popfq
        mov     $56, %eax
        syscall
        mov     $39, %eax
        syscall
        ud2
        program_end flags

/* Single step. */
        program step
        push    $0x302
        popfq
        nop
        nop
        program_end step

/* Fill what the order names with bytes of the order, for ever. */
        program scribble
        cld
1:      mov     USER_DATA + 0x800, %rdi
        mov     USER_DATA + 0x808, %rcx
        mov     USER_DATA + 0x810, %rax
        rep     stosq
        rdtsc
        mov     %rax, USER_DATA + 0x810
        jmp     1b
        program_end scribble

        .section .note.GNU-stack, "", @progbits
