; usercopy.asm - copying from and to user memory, with faults as results.
;
; Invariant (1): each instruction here that touches user memory has an entry in the exception
; table. A fault in the copy of words goes on byte by byte from the word that faulted, so that the
; last byte copied is exact.

section .text
bits 64
global user_copy_bytes

; size_t user_copy_bytes(void *to, const void *from, size_t len_bytes, bool smap): returns the
; bytes left.
align 16
user_copy_bytes:
    mov r8d, ecx
    test r8d, r8d
    jz .words
    stac
.words:
    mov rcx, rdx
    shr rcx, 3
    and edx, 7
.copy_words:
    rep movsq
.after_words:
    lea rcx, [rcx * 8 + rdx]            ; words that a fault left, and the odd bytes
.copy_bytes:
    rep movsb
.after_bytes:
    mov rax, rcx
    test r8d, r8d
    jz .done
    clac
.done:
    ret

section .exception_table progbits alloc noexec nowrite align=8
    dq user_copy_bytes.copy_words, user_copy_bytes.after_words
    dq user_copy_bytes.copy_bytes, user_copy_bytes.after_bytes

section .note.GNU-stack noalloc noexec nowrite progbits
