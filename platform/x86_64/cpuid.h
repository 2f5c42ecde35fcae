/*
 * cpuid.h - the processor's own description: features, name, caches, place in the topology, rates.
 *
 * cpuid_init() reads the boot CPU once; features are taken to be those of all CPUs. The topology is
 * per CPU: cpu_topology_read() runs on the CPU in question.
 *
 * Spec: Intel SDM volume 2A CPUID; AMD64 APM volume 3 appendix E.
 */
#ifndef PLATFORM_X86_64_CPUID_H
#define PLATFORM_X86_64_CPUID_H

#include "exo/lib/types.h"

struct cpuid_regs {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_regs r;

    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

#define CPU_CACHES_MAX 8u

enum cpu_cache_kind { CPU_CACHE_DATA = 1, CPU_CACHE_CODE = 2, CPU_CACHE_UNIFIED = 3 };

struct cpu_cache {
    enum cpu_cache_kind kind;
    uint8_t level;
    uint16_t line_bytes;
    uint16_t ways;
    uint16_t sharing_max; /* logical CPUs that may share one */
    uint64_t size_bytes;
};

struct cpuid_info {
    char vendor[13];
    char name[49]; /* brand string without leading blanks, or "vendor family/model" */
    uint32_t max_leaf, max_ext_leaf,
        max_hyper_leaf; /* max_hyper_leaf 0: no hypervisor says its name */
    uint32_t family, model, stepping;
    uint32_t apic_id; /* of the CPU that ran cpuid_init(): x2APIC id if leaf 0xb gives one */
    uint32_t physical_bits, linear_bits;
    uint32_t xsave_bytes_max; /* area for all features the CPU has, 0 without XSAVE */
    uint64_t xsave_features;  /* what XCR0 may hold */

    bool hypervisor; /* leaf 1 ECX bit 31 */
    bool apic, x2apic, tsc_deadline;
    bool tsc, rdtscp, tsc_invariant, arat; /* arat: the APIC timer runs in every sleep state */
    bool nx, pages_1g, pge, pat, pcid, invpcid, la57;
    bool smep, smap, umip, pku, fsgsbase, syscall;
    bool fxsr, sse2, xsave, xsaveopt, xsavec, xsaves, avx, avx2, avx512f;
    bool erms, rdrand, rdseed, mwait, cmpxchg16b;
    bool meltdown_safe; /* ARCH_CAPABILITIES.RDCL_NO, or a vendor that never had it */

    uint32_t cache_count;
    struct cpu_cache cache[CPU_CACHES_MAX];
};

/* Read everything on the boot CPU. Context: once, first thing; needs nothing. */
void cpuid_init(void);
const struct cpuid_info *cpuid_info(void);

/* Rates that CPUID gives in hertz, 0 where it does not: leaf 0x15 (the crystal named), and the
 * hypervisor's 0x40000010. */
uint64_t cpuid_tsc_hz(void);
uint64_t cpuid_apic_timer_hz(void);

/* Where the CPU that runs this stands: logical CPU in core, core in package. */
struct cpu_topology {
    uint32_t apic_id;
    uint32_t package, core, thread;
};
void cpu_topology_read(struct cpu_topology *out);

/* The same from a list of (shift, kind) levels as leaves 0x1f and 0xb give them: pure. Bits below
 * smt_shift are the thread, from there to core_shift the core, the rest the package. */
void cpu_topology_split(uint32_t apic_id, uint32_t smt_shift, uint32_t core_shift,
                        struct cpu_topology *out);

#endif /* PLATFORM_X86_64_CPUID_H */
