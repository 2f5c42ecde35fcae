/*
 * features.c - EFER, CR0, CR4, XCR0, PAT and the SYSCALL registers.
 *
 * Invariant (1): every CPU gets the same bits, those that the boot CPU offers.
 *
 * Spec: Intel SDM volume 3A section 2.5, volume 1 section 13.3 (XSAVE), volume 3A
 * section 11.12 (PAT); AMD64 APM volume 2 section 6.1.
 */
#include "features.h"

#include "cpuid.h"
#include "io.h"
#include "layout.h"

#define CR0_MP (1ull << 1)
#define CR0_EM (1ull << 2)
#define CR0_TS (1ull << 3)
#define CR0_NE (1ull << 5)
#define CR0_WP (1ull << 16)
#define CR0_CD (1ull << 30)
#define CR0_NW (1ull << 29)

#define CR4_DE         (1ull << 3)
#define CR4_PAE        (1ull << 5)
#define CR4_MCE        (1ull << 6)
#define CR4_PGE        (1ull << 7)
#define CR4_OSFXSR     (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define CR4_UMIP       (1ull << 11)
#define CR4_FSGSBASE   (1ull << 16)
#define CR4_PCIDE      (1ull << 17)
#define CR4_OSXSAVE    (1ull << 18)
#define CR4_SMEP       (1ull << 20)
#define CR4_SMAP       (1ull << 21)

#define MSR_EFER    0xc0000080u
#define MSR_STAR    0xc0000081u
#define MSR_LSTAR   0xc0000082u
#define MSR_CSTAR   0xc0000083u
#define MSR_FMASK   0xc0000084u
#define MSR_TSC_AUX 0xc0000103u
#define MSR_PAT     0x277u

/* Memory types by page attribute (bits PAT, PCD, PWT of an entry). Entries 0, 2 and 3 are as after
 * a reset: write-back, uncached unless the MTRRs say write-combining, uncached. Entry 1, write-
 * through after a reset and used by nobody, is write-combining, so that bit PAT of an entry, whose
 * place depends on the page's size, is never needed; entries 4-7 repeat 0-3. A CPU writes it
 * before it can use a page of type 1, and drops all translations before it runs threads, so no
 * cached line has to be given up (section 11.12.4 asks for that when a type in use changes). */
#define PAT_WRITE_BACK    6ull
#define PAT_WRITE_COMBINE 1ull
#define PAT_UNCACHED_WEAK 7ull
#define PAT_UNCACHED      0ull
#define PAT_HALF                                                                                   \
    (PAT_WRITE_BACK | PAT_WRITE_COMBINE << 8 | PAT_UNCACHED_WEAK << 16 | PAT_UNCACHED << 24)

#define EFER_SCE (1ull << 0)
#define EFER_LME (1ull << 8)
#define EFER_NXE (1ull << 11)

/* Cleared by SYSCALL: trap, interrupt, direction, I/O privilege, nested task, alignment check. */
#define FMASK_BITS 0x47700u

#define XCR0_X87_SSE 0x3ull
#define XCR0_AVX     0x4ull
#define XCR0_AVX512  0xe0ull

#define FXSAVE_BYTES      512u
#define XSAVE_HEAD_BYTES  64u
#define XSAVE_ALIGN_BYTES 64u

extern char syscall_door[];
extern const uint64_t trap_clac_sites[], trap_clac_sites_end[];

static struct features g_features;
static uint64_t g_cr4;

const struct features *features(void)
{
    return &g_features;
}

/* Bytes that XSAVE in its standard form needs for the states in xcr0: where the last one ends. */
static uint32_t xsave_bytes(uint64_t xcr0)
{
    uint32_t bytes = FXSAVE_BYTES + XSAVE_HEAD_BYTES;

    for (uint32_t state = 2; state < 63; state++) {
        if ((xcr0 & (1ull << state)) != 0) {
            const struct cpuid_regs r = cpuid(0xd, state); /* eax: size, ebx: offset */

            bytes = r.eax + r.ebx > bytes ? r.eax + r.ebx : bytes;
        }
    }
    return (uint32_t)align_up(bytes, XSAVE_ALIGN_BYTES);
}

/* Put CLAC where trap.asm left room for it. The image is still mapped writable (entry.asm). */
static void clac_patch(void)
{
    static const uint8_t clac[3] = { 0x0f, 0x01, 0xca };

    for (const uint64_t *site = trap_clac_sites; site < trap_clac_sites_end; site++) {
        uint8_t *code = (uint8_t *)*site;

        for (uint32_t i = 0; i < sizeof(clac); i++) {
            code[i] = clac[i];
        }
    }
}

void features_init(void)
{
    const struct cpuid_info *cpu = cpuid_info();
    struct features *f = &g_features;
    const uint32_t leaf1_edx = cpuid(1, 0).edx;

    f->smap = cpu->smap;
    f->fsgsbase = cpu->fsgsbase;
    f->pcid = cpu->pcid && cpu->pge;
    f->xsave = cpu->xsave && (cpu->xsave_features & XCR0_X87_SSE) == XCR0_X87_SSE;
    f->xsaveopt = f->xsave && cpu->xsaveopt;
    f->vector_bytes = FXSAVE_BYTES;
    if (f->xsave) {
        f->xcr0 = XCR0_X87_SSE | (cpu->xsave_features & XCR0_AVX);
        if ((f->xcr0 & XCR0_AVX) != 0 && (cpu->xsave_features & XCR0_AVX512) == XCR0_AVX512) {
            f->xcr0 |= XCR0_AVX512;
        }
        f->vector_bytes = xsave_bytes(f->xcr0);
    }
    g_cr4 = CR4_PAE | CR4_DE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    g_cr4 |= (leaf1_edx & (1u << 7)) != 0 ? CR4_MCE : 0;
    g_cr4 |= cpu->pge ? CR4_PGE : 0;
    g_cr4 |= cpu->umip ? CR4_UMIP : 0;
    g_cr4 |= cpu->smep ? CR4_SMEP : 0;
    g_cr4 |= cpu->smap ? CR4_SMAP : 0;
    g_cr4 |= cpu->fsgsbase ? CR4_FSGSBASE : 0;
    g_cr4 |= f->pcid ? CR4_PCIDE : 0;
    g_cr4 |= f->xsave ? CR4_OSXSAVE : 0;
    if (cpu->smap) {
        clac_patch();
    }
}

void features_enable(void)
{
    uint64_t cr0;

    __asm__ volatile("movq %%cr0, %0" : "=r"(cr0));
    cr0 &= ~(CR0_EM | CR0_TS | CR0_CD | CR0_NW);
    cr0 |= CR0_MP | CR0_NE | CR0_WP;
    __asm__ volatile("movq %0, %%cr0" : : "r"(cr0) : "memory");
    __asm__ volatile("movq %0, %%cr4" : : "r"(g_cr4) : "memory");
    if (g_features.xsave) {
        __asm__ volatile("xsetbv"
                         :
                         : "c"(0), "a"((uint32_t)g_features.xcr0),
                           "d"((uint32_t)(g_features.xcr0 >> 32)));
    }
    if (cpuid_info()->pat) {
        msr_write(MSR_PAT, PAT_HALF | PAT_HALF << 32);
    }
    msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SCE | EFER_LME | EFER_NXE);
    msr_write(MSR_STAR,
              (uint64_t)(SELECTOR_SYSRET_BASE | 3) << 48 | (uint64_t)SELECTOR_KERNEL_CODE << 32);
    msr_write(MSR_LSTAR, (uint64_t)syscall_door);
    msr_write(MSR_CSTAR, 0); /* 32-bit code cannot run: it has no segment */
    msr_write(MSR_FMASK, FMASK_BITS);
    if (cpuid_info()->rdtscp) {
        msr_write(MSR_TSC_AUX, hal_cpu_id());
    }
}
