/*
 * stub_layout.h - what the stub program and the kernel agree on: addresses, numbers, the signal
 * frame.
 *
 * The reserved range of a user address space (design.md section 11) begins at HAL_USER_MAX:
 *   STUB_TEXT   the stub program, readable and executable
 *   STUB_CMD    command pages, written by the kernel, read-only in the stub
 *   STUB_AREAS  one area per user thread: its signal handler's stack, user code may write it too
 * Spec: Linux, arch/x86/include/uapi/asm/sigcontext.h for the frame.
 */
#ifndef STUB_LAYOUT_H
#define STUB_LAYOUT_H

#define STUB_TEXT       0x7fff00000000
#define STUB_CMD        0x7fff00100000
#define STUB_CMD_BYTES  0x4000
#define STUB_AREAS      0x7fff01000000
#define STUB_AREA_BYTES 0x10000
#define STUB_LIMIT      0x7ffffffff000

/* Descriptors of the stub. The listener is the lowest free one, because nothing else is ever
 * open. */
#define STUB_FD_SOCKET   3 /* commands and answers, lengths only */
#define STUB_FD_CONTROL  4 /* memfd of command pages and areas */
#define STUB_FD_RAM      5 /* memfd that is physical memory */
#define STUB_FD_LISTENER 6

/* System call numbers that no kernel has: the call by which the signal handler hands over. Bit 30
 * is clear (it means a native Exo-OS call). Alone it proves nothing: the caller's pc must fit as
 * well. */
#define STUB_HANDOVER_NR 0x3f584f45

/* A command list: entries of seven words, ended by STUB_LIST_END in the number's place. */
#define STUB_CALL_BYTES   56
#define STUB_LIST_END     -1
#define STUB_CALL_IGNORE  32 /* bit of the number word: an error does not end the list */
#define STUB_BATCH_MAX    31 /* calls in a batch */
#define STUB_CHILD_DONE   32 /* added to the calls done when a new user thread answers */
#define STUB_BATCH_OFFSET 0
#define STUB_CHILD_OFFSET 0x700

/* An answer is the length of a packet: 1 + calls done + errno << STUB_ERRNO_SHIFT. A length cannot
 * be forged or changed by user code, as bytes in memory could. */
#define STUB_ERRNO_SHIFT 6
#define STUB_ERRNO_MAX                                                                             \
    140 /* above the host's greatest errno; 1 + 63 + (140 << 6) fits STUB_CMD_BYTES */

/* Signal frame as offsets from the ucontext, which lies 8 bytes above the handler's stack pointer.
 * Words of it that the way back does not need carry what it needs besides: see STUB_UC_FS and
 * _GS. */
#define STUB_FRAME_UC   8
#define STUB_UC_FS      8  /* uc_link: FS base to restore */
#define STUB_UC_GS      16 /* uc_stack.ss_sp: GS base to restore */
#define STUB_UC_GREGS   40
#define STUB_UC_FPSTATE 224
#define STUB_UC_SIGINFO 304
#define STUB_UC_BYTES   432
#define STUB_IRET_BELOW 40 /* rip cs rflags rsp ss for iretq end where the handler's stack begins */

#endif /* STUB_LAYOUT_H */
