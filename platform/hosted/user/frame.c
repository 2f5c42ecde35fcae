/*
 * frame.c - the signal frame in a thread's area: read once, checked, written back.
 *
 * The area can be written by user code of the same process at any time. So each word is copied
 * once, what says where to read is checked against the area, and nothing read is believed to be
 * more than what user code could have put into its own registers.
 *
 * If a stop signal meets the thread on its way back, the handler hands the frame that it was
 * leaving over once more (stub.S). The registers are then those it was to go back with, which the
 * kernel still knows.
 */
#include "platform/hosted/user/stub.h"

#define GREGS 23u

#define FX_MXCSR           24u /* in the fpstate */
#define FX_MXCSR_INIT      0x1f80u
#define XSAVE_HEADER       512u
#define XSAVE_HEADER_WORDS 8u
#define SIGINFO_SYSCALL    24u /* SIGSYS: si_syscall, then si_arch, in one word */

/* Order of mcontext's general registers. */
enum greg {
    GREG_R8,
    GREG_R9,
    GREG_R10,
    GREG_R11,
    GREG_R12,
    GREG_R13,
    GREG_R14,
    GREG_R15,
    GREG_RDI,
    GREG_RSI,
    GREG_RBP,
    GREG_RBX,
    GREG_RDX,
    GREG_RAX,
    GREG_RCX,
    GREG_RSP,
    GREG_RIP,
    GREG_RFLAGS,
    GREG_CSGSFS,
    GREG_ERR,
    GREG_TRAPNO,
    GREG_OLDMASK,
    GREG_CR2
};

static uint64_t area_address(const struct hal_user *user)
{
    return STUB_AREAS + (uint64_t)user->slot * STUB_AREA_BYTES;
}

/* Turn a stub address into an offset in the area, where len_bytes must fit. */
static bool area_offset(const struct hal_user *user, uint64_t address, uint32_t len_bytes,
                        uint32_t *offset)
{
    const uint64_t from_start = address - area_address(user);

    if (from_start > STUB_AREA_BYTES - len_bytes || (address & 7) != 0) {
        return false;
    }
    *offset = (uint32_t)from_start;
    return true;
}

static uint64_t word_read(const struct hal_user *user, uint32_t offset)
{
    return __atomic_load_n((uint64_t *)(void *)(user->area + offset), __ATOMIC_RELAXED);
}

static void word_write(struct hal_user *user, uint32_t offset, uint64_t value)
{
    __atomic_store_n((uint64_t *)(void *)(user->area + offset), value, __ATOMIC_RELAXED);
}

bool frame_read(struct hal_user *user, const uint64_t arg[6], struct frame_info *info)
{
    uint64_t greg[GREGS];
    uint32_t uc;

    if (!area_offset(user, arg[1], STUB_UC_BYTES, &uc) || uc < STUB_FRAME_UC + STUB_IRET_BELOW) {
        return false;
    }
    for (uint32_t i = 0; i < GREGS; i++) {
        greg[i] = word_read(user, uc + STUB_UC_GREGS + i * 8);
    }
    *info = (struct frame_info){ .sig = (uint32_t)arg[0],
                                 .err = greg[GREG_ERR],
                                 .trapno = greg[GREG_TRAPNO],
                                 .cr2 = greg[GREG_CR2],
                                 .cs = (uint16_t)greg[GREG_CSGSFS],
                                 .again = arg[4] != 0 && uc == user->frame };
    info->sys_arch = (uint32_t)(word_read(user, uc + STUB_UC_SIGINFO + SIGINFO_SYSCALL) >> 32);
    user->state = USER_AT_FRAME;
    user->edited = false;
    if (info->again) {
        return true;
    }
    user->frame = uc;
    user->regs = (struct hal_user_regs){
        .r8 = greg[GREG_R8],
        .r9 = greg[GREG_R9],
        .r10 = greg[GREG_R10],
        .r11 = greg[GREG_R11],
        .r12 = greg[GREG_R12],
        .r13 = greg[GREG_R13],
        .r14 = greg[GREG_R14],
        .r15 = greg[GREG_R15],
        .rdi = greg[GREG_RDI],
        .rsi = greg[GREG_RSI],
        .rbp = greg[GREG_RBP],
        .rbx = greg[GREG_RBX],
        .rdx = greg[GREG_RDX],
        .rax = greg[GREG_RAX],
        .rcx = greg[GREG_RCX],
        .rsp = greg[GREG_RSP],
        .rip = greg[GREG_RIP],
        .rflags = greg[GREG_RFLAGS],
        .fs_base = arg[2],
        .gs_base = arg[3],
    };
    return true;
}

/* The five words for iretq. Selectors are constants, so a 32-bit excursion ends at the first
 * hand-over. */
static void iret_write(struct hal_user *user)
{
    const uint32_t words = user->frame - STUB_FRAME_UC - STUB_IRET_BELOW;

    word_write(user, words, user->regs.rip);
    word_write(user, words + 8, USER_STUB_CS);
    word_write(user, words + 16, (user->regs.rflags & USER_RFLAGS) | USER_RFLAGS_SET);
    word_write(user, words + 24, user->regs.rsp);
    word_write(user, words + 32, USER_STUB_SS);
}

static void gregs_write(struct hal_user *user)
{
    const struct hal_user_regs *const regs = &user->regs;
    const uint64_t greg[] = {
        [GREG_R8] = regs->r8,   [GREG_R9] = regs->r9,   [GREG_R10] = regs->r10,
        [GREG_R11] = regs->r11, [GREG_R12] = regs->r12, [GREG_R13] = regs->r13,
        [GREG_R14] = regs->r14, [GREG_R15] = regs->r15, [GREG_RDI] = regs->rdi,
        [GREG_RSI] = regs->rsi, [GREG_RBP] = regs->rbp, [GREG_RBX] = regs->rbx,
        [GREG_RDX] = regs->rdx, [GREG_RAX] = regs->rax, [GREG_RCX] = regs->rcx,
    };

    for (uint32_t i = 0; i < ARRAY_COUNT(greg); i++) {
        word_write(user, user->frame + STUB_UC_GREGS + i * 8, greg[i]);
    }
}

/* Make xrstor load the initial state: no component marked as present, and the one word that it
 * loads all the same. A frame whose pointer leads elsewhere is left as it is: its thread will fault
 * on it. */
static void vector_reset(struct hal_user *user)
{
    const uint64_t address = word_read(user, user->frame + STUB_UC_FPSTATE);
    uint32_t offset;

    if (!area_offset(user, address, XSAVE_HEADER + XSAVE_HEADER_WORDS * 8, &offset)) {
        return;
    }
    word_write(user, offset + FX_MXCSR, FX_MXCSR_INIT);
    for (uint32_t i = 0; i < XSAVE_HEADER_WORDS; i++) {
        word_write(user, offset + XSAVE_HEADER + i * 8, 0);
    }
}

void frame_write(struct hal_user *user)
{
    if (user->edited) {
        gregs_write(user);
    }
    if (user->fresh) {
        vector_reset(user);
    }
    iret_write(user);
    word_write(user, user->frame + STUB_UC_FS, user->regs.fs_base);
    word_write(user, user->frame + STUB_UC_GS, user->regs.gs_base);
    user->edited = false;
    user->fresh = false;
}
