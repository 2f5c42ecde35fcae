; trap.asm - the 256 doors into the kernel, SYSCALL, and the way to user code and back.
;
; Invariants:
;   (1) a frame (struct trap_frame) is 22 words: 15 registers, vector, error code and what the CPU
;       pushed;
;   (2) from user code the CPU pushes at TSS.rsp0, and SYSCALL at percpu.frame_top, which are the
;       same: the end of the frame inside the hal_user that runs. So user registers are saved in
;       place and never copied;
;   (3) the kernel stack of the thread that runs user code waits in percpu.run_sp, with the
;       callee-saved registers of user_enter() on it; leaving user code is returning from
;       user_enter();
;   (4) doors with a stack of their own (NMI, machine check, debug, double fault) may interrupt
;       anything, the first instructions of SYSCALL included. They know their CPU from the top of
;       that stack, put its block into GS base if something else is there, and put back what was
;       there.
;
; Spec: AMD64 APM volume 2 sections 6.1 (SYSCALL), 8.9 (interrupts in long mode).

PERCPU_RUN_SP equ 32
PERCPU_SCRATCH equ 40
PERCPU_FRAME_TOP equ 48

SELECTOR_USER_DATA equ 0x23
SELECTOR_USER_CODE equ 0x2b

FRAME_BYTES equ 22 * 8
FRAME_VECTOR equ 120
FRAME_RIP equ 136
FRAME_CS equ 144
KEPT_BYTES equ 6 * 8

VECTOR_SYSCALL equ 256
SYSCALL_NATIVE equ 0x40000000
MSR_GS_BASE equ 0xc0000101

extern trap_kernel
extern trap_ist
extern syscall_fast
global trap_doors
global syscall_door
global syscall_door_end
global user_enter
global trap_clac_sites
global trap_clac_sites_end

; A place where CLAC goes if the CPU has SMAP: three bytes that paging.c overwrites before the code
; becomes read-only. Interrupts do not clear AC by themselves.
%macro clac_site 0
%%site:
    nop dword [rax]
    [section .rodata]
    dq %%site
    __?SECT?__
%endmacro

; The registers that C functions may change, and those that they keep.
%macro save_scratch 0
    push rdi
    push rsi
    push rdx
    push rcx
    push rax
    push r8
    push r9
    push r10
    push r11
%endmacro

%macro save_kept 0
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
%endmacro

%macro save_regs 0
    save_scratch
    save_kept
%endmacro

%macro restore_scratch 0
    pop r11
    pop r10
    pop r9
    pop r8
    pop rax
    pop rcx
    pop rdx
    pop rsi
    pop rdi
%endmacro

%macro restore_regs 0
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    restore_scratch
%endmacro

section .rodata
align 8
trap_clac_sites:

section .text
bits 64

; 256 doors of 16 bytes. Vectors 8, 10-14, 17, 21, 29 and 30 come with an error code.
align 16
trap_doors:
%assign vector 0
%rep 256
    align 16
%if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
    ; the CPU has pushed an error code
%elif vector != 29 && vector != 30
    push 0
%endif
%if vector < 128
    push vector
%else
    push dword vector
%endif
%if vector == 1 || vector == 2 || vector == 8 || vector == 18
    jmp near ist_door
%else
    jmp near common_door
%endif
%assign vector vector + 1
%endrep

align 16
common_door:
    save_regs
    test byte [rsp + FRAME_CS], 3
    jnz from_user
    clac_site
    cld
    mov rdi, rsp
    push qword [rsp + FRAME_RIP]        ; a link of the frame chain: backtraces go through
    push rbp
    mov rbp, rsp
    call trap_kernel                    ; (frame)
    add rsp, 16
    restore_regs
    add rsp, 16
    iretq

; RSP is at the beginning of the frame in the hal_user. Go on where user_enter() was called.
from_user:
    swapgs
leave_user:
    clac_site
    cld
    mov eax, [rsp + FRAME_VECTOR]
    mov rsp, [gs:PERCPU_RUN_SP]
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    pop rbp
    ret

align 16
syscall_door:
    swapgs
    mov [gs:PERCPU_SCRATCH], rsp
    mov rsp, [gs:PERCPU_FRAME_TOP]
    push SELECTOR_USER_DATA
    push qword [gs:PERCPU_SCRATCH]
    push r11                            ; RFLAGS
    push SELECTOR_USER_CODE
    push rcx                            ; RIP
syscall_door_end:
    push 0
    push VECTOR_SYSCALL
    save_scratch
    test eax, SYSCALL_NATIVE
    jnz .native
.leave:
    save_kept
    jmp leave_user

; A native call may be answered here. RIP and RFLAGS are in rcx and r11 too, where SYSCALL put them
; and SYSRET wants them. The flags that C must not see (AC, DF) SYSCALL has cleared.
.native:
    mov rdi, rsp
    mov rsp, [gs:PERCPU_RUN_SP]         ; 8 off a multiple of 16: user_enter() pushed six words
    sub rsp, 8
    call syscall_fast                   ; (registers): true if rax there is the result
    mov rsp, [gs:PERCPU_FRAME_TOP]
    sub rsp, FRAME_BYTES - KEPT_BYTES
    test al, al
    jz .leave
    restore_scratch
    mov rsp, [rsp + 40]                 ; behind vector, error code, RIP, CS, RFLAGS
    swapgs
    o64 sysret

; uint32_t user_enter(struct trap_frame *frame, bool by_sysret): run user code until it traps and
; return the vector, 256 for a system call. Interrupts off on entry and on return.
align 16
user_enter:
    push rbp
    push rbx
    push r12
    push r13
    push r14
    push r15
    mov [gs:PERCPU_RUN_SP], rsp
    mov rsp, rdi
    test esi, esi
    jz .by_iret
    restore_regs
    mov rcx, [rsp + 16]                 ; RIP, behind vector and error code
    mov r11, [rsp + 32]                 ; RFLAGS
    mov rsp, [rsp + 40]
    swapgs
    o64 sysret
.by_iret:
    restore_regs
    add rsp, 16
    swapgs
    iretq

; The CPU's own address lies above the frame, where percpu_prepare() put it.
align 16
ist_door:
    save_regs
    cld
    test byte [rsp + FRAME_CS], 3
    jz .trusted
    cmp byte [rsp + FRAME_VECTOR], 1
    je .debug_from_user
.trusted:
    mov ecx, MSR_GS_BASE
    rdmsr
    shl rdx, 32
    or rax, rdx
    mov r12, rax                        ; what was there
    mov r13, [rsp + FRAME_BYTES]        ; this CPU's block
    cmp r12, r13
    je .inside
    mov rax, r13
    mov rdx, r13
    shr rdx, 32
    wrmsr
.inside:
    clac_site
    mov rdi, rsp
    push qword [rsp + FRAME_RIP]
    push rbp
    mov rbp, rsp
    call trap_ist                       ; (frame)
    add rsp, 16
    cmp r12, r13
    je .same
    mov ecx, MSR_GS_BASE
    mov rax, r12
    mov rdx, r12
    shr rdx, 32
    wrmsr
.same:
    restore_regs
    add rsp, 16
    iretq

; A single step or breakpoint of user code is an ordinary event of that code: its frame moves to
; the hal_user.
.debug_from_user:
    swapgs
    mov rsi, rsp
    mov rdi, [gs:PERCPU_FRAME_TOP]
    sub rdi, FRAME_BYTES
    mov rax, rdi
    mov ecx, FRAME_BYTES / 8
    rep movsq
    mov rsp, rax
    jmp leave_user

section .rodata
trap_clac_sites_end:

section .note.GNU-stack noalloc noexec nowrite progbits
