; entry.asm - from the boot loader's 32-bit protected mode to the kernel at -2 GiB.
;
; Two doors, one path: multiboot2 (GRUB, BIOS and UEFI alike) and PVH (qemu -kernel, Xen). Both
; arrive with flat segments, paging off and the loader's information at a physical address in EBX.
;
; Invariants:
;   (1) EBP holds the information's address and EDI the kind of door until long mode; EBX is lost
;       to CPUID;
;   (2) the tables made here map the first 4 GiB in 2 MiB pages, writable and executable, at 0, in
;       the direct map and (its first 2 GiB) at -2 GiB; paging.c replaces them before the kernel
;       goes on.
;
; Spec: Multiboot2 1.6 section 3.2; Xen x86/HVM direct boot ABI; AMD64 APM volume 2 section 14.6.

KERNEL_BASE equ 0xffffffff80000000

MULTIBOOT2_MAGIC equ 0xe85250d6
MULTIBOOT2_PASSED equ 0x36d76289

BOOT_KIND_MULTIBOOT2 equ 1
BOOT_KIND_PVH equ 2

PAGE_BYTES equ 4096
BOOT_STACK_BYTES equ 16384

extern x86_boot
global entry_multiboot2
global g_boot_tsc
global boot_stack_guard
global boot_stack_bottom
global boot_stack_top

section .boot.header progbits alloc exec nowrite align=8
header:
    dd MULTIBOOT2_MAGIC
    dd 0                                ; architecture: i386 protected mode
    dd header_end - header
    dd -(MULTIBOOT2_MAGIC + 0 + (header_end - header))
    align 8
    dw 6, 0                             ; modules on page boundaries
    dd 8
    align 8
    dw 0, 0
    dd 8
header_end:

section .note.pvh note alloc noexec nowrite align=4
    dd 4                                ; length of the name
    dd 8                                ; length of the address
    dd 18                               ; XEN_ELFNOTE_PHYS32_ENTRY
    db "Xen", 0
    dq entry_pvh

section .boot.text progbits alloc exec nowrite align=16
bits 32
entry_pvh:
    mov edi, BOOT_KIND_PVH
    jmp entry_common

entry_multiboot2:
    xor edi, edi
    cmp eax, MULTIBOOT2_PASSED
    jne entry_common
    mov edi, BOOT_KIND_MULTIBOOT2

entry_common:
    cli
    cld
    mov ebp, ebx
    rdtsc
    mov [g_boot_tsc - KERNEL_BASE], eax
    mov [g_boot_tsc - KERNEL_BASE + 4], edx
    mov esp, boot_stack_top - KERNEL_BASE

    mov eax, 0x80000000
    cpuid
    cmp eax, 0x80000001
    jb no_long_mode
    mov eax, 0x80000001
    cpuid
    test edx, 1 << 29
    jz no_long_mode
    test edx, 1 << 20
    jz no_execute_rights

    ; Four page directories of 2 MiB pages: present, writable, large.
    mov ebx, boot_directories - KERNEL_BASE
    mov eax, 0x83
    mov ecx, 2048
.fill:
    mov [ebx], eax
    mov dword [ebx + 4], 0
    add ebx, 8
    add eax, 1 << 21
    loop .fill

    mov eax, boot_directories - KERNEL_BASE + 3
    mov ebx, boot_pdpt_low - KERNEL_BASE
    mov [ebx], eax
    mov [boot_pdpt_high - KERNEL_BASE + 510 * 8], eax
    add eax, PAGE_BYTES
    mov [ebx + 8], eax
    mov [boot_pdpt_high - KERNEL_BASE + 511 * 8], eax
    add eax, PAGE_BYTES
    mov [ebx + 16], eax
    add eax, PAGE_BYTES
    mov [ebx + 24], eax

    mov ebx, boot_pml4 - KERNEL_BASE
    mov eax, boot_pdpt_low - KERNEL_BASE + 3
    mov [ebx], eax
    mov [ebx + 256 * 8], eax
    mov eax, boot_pdpt_high - KERNEL_BASE + 3
    mov [ebx + 511 * 8], eax

    mov eax, cr4
    or eax, 1 << 5                      ; PAE
    mov cr4, eax
    mov cr3, ebx
    mov ecx, 0xc0000080                 ; EFER
    rdmsr
    or eax, (1 << 8) | (1 << 11)        ; long mode, no-execute
    wrmsr
    mov eax, cr0
    and eax, ~((1 << 30) | (1 << 29) | (1 << 2)) ; caches on, no x87 emulation
    or eax, (1 << 31) | (1 << 16) | (1 << 5) | (1 << 1) | 1 ; paging, write protection, x87 errors
    mov cr0, eax
    lgdt [boot_gdt_pointer]
    jmp 0x08:entry_long

; The serial line and the debug port are all that can be told of this early.
no_long_mode:
    mov esi, text_no_long_mode
    jmp say
no_execute_rights:
    mov esi, text_no_execute
say:
    mov bl, [esi]
    inc esi
    test bl, bl
    jz .end
    mov dx, 0x3fd
    mov ecx, 100000
.wait:
    in al, dx
    test al, 0x20
    loopz .wait
    mov al, bl
    mov dx, 0x3f8
    out dx, al
    out 0xe9, al
    jmp say
.end:
    hlt
    jmp .end

text_no_long_mode:
    db "Exo-OS: this CPU has no 64-bit mode", 13, 10, 0
text_no_execute:
    db "Exo-OS: this CPU cannot forbid execution of data (NX), which the kernel needs", 13, 10, 0

    align 8
boot_gdt:
    dq 0
    dq 0x00af9b000000ffff               ; 64-bit code, accessed
    dq 0x00cf93000000ffff               ; data, accessed
boot_gdt_pointer:
    dw boot_gdt_pointer - boot_gdt - 1
    dd boot_gdt

bits 64
entry_long:
    mov rax, entry_high
    jmp rax

section .text
bits 64
entry_high:
    xor eax, eax
    mov ss, eax
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov rsp, boot_stack_top
    mov esi, ebp
    xor ebp, ebp                        ; the end of every backtrace
    call x86_boot                       ; (kind, information); never returns
    ud2

section .data
g_boot_tsc:
    dq 0                                ; the time stamp counter at the first instruction

section .bss nobits alloc write align=4096
boot_pml4: resb PAGE_BYTES
boot_pdpt_low: resb PAGE_BYTES
boot_pdpt_high: resb PAGE_BYTES
boot_directories: resb 4 * PAGE_BYTES
boot_stack_guard: resb PAGE_BYTES       ; unmapped by paging.c
boot_stack_bottom: resb BOOT_STACK_BYTES
boot_stack_top:

section .note.GNU-stack noalloc noexec nowrite progbits
