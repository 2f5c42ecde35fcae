; trampoline.asm - the first instructions of every CPU but the boot CPU.
;
; smp.c copies this page below 1 MiB, fills in the words at its end, and sends a start-up
; interrupt. The CPU comes in real mode with CS pointing at the page, and goes to long mode in one
; step.
;
; Invariant (1): nothing here is written by the CPU: the page is mapped read-only once paging is
; on, and the descriptors have their accessed bits set.
;
; Spec: Intel SDM volume 3A section 8.4 (start-up), 9.8.5 (long mode).

global trampoline_start
global trampoline_end
global trampoline_words

section .rodata
align 16
bits 16
trampoline_start:
    cli
    cld
    mov ax, cs
    mov ds, ax
    o32 lgdt [words_gdt_pointer - trampoline_start]
    mov eax, [words_cr3 - trampoline_start]
    mov cr3, eax
    mov eax, 1 << 5                     ; PAE
    mov cr4, eax
    mov ecx, 0xc0000080                 ; EFER
    rdmsr
    or eax, (1 << 8) | (1 << 11)        ; long mode, no-execute
    wrmsr
    mov eax, 0x80010031                 ; paging, write protection, x87 errors, protected mode
    mov cr0, eax
    o32 jmp far [words_far_pointer - trampoline_start]

bits 64
trampoline_long:
    xor eax, eax
    mov ss, eax
    mov ds, eax
    mov es, eax
    mov rsp, [rel words_stack]
    mov rdi, [rel words_block]
    xor ebp, ebp
    call [rel words_entry]              ; never returns

align 8
trampoline_gdt:
    dq 0
    dq 0x00af9b000000ffff               ; 64-bit code, accessed

; struct trampoline_words in smp.c
align 8
trampoline_words:
words_gdt_pointer:
    dw 15
    dd trampoline_gdt - trampoline_start ; + the page's address
    dw 0
words_far_pointer:
    dd trampoline_long - trampoline_start ; + the page's address
    dw 8
    dw 0
words_cr3:
    dq 0
words_stack:
    dq 0
words_block:
    dq 0
words_entry:
    dq 0
trampoline_end:

section .note.GNU-stack noalloc noexec nowrite progbits
