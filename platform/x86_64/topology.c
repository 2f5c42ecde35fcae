/*
 * topology.c - which logical CPUs share a core and a package, from CPUID leaves 0x1f, 0xb, or 1 and
 * 4.
 *
 * Invariant: shifts never go down from the thread to the core level, whatever CPUID says.
 */
#include "cpuid.h"

#define LEVEL_INVALID 0u
#define LEVEL_SMT     1u
#define LEVELS_MAX    8u

/* Bits needed to number `count` things. */
static uint32_t bits_for(uint32_t count)
{
    uint32_t bits = 0;

    while (bits < 31 && (1u << bits) < count) {
        bits++;
    }
    return bits;
}

void cpu_topology_split(uint32_t apic_id, uint32_t smt_shift, uint32_t core_shift,
                        struct cpu_topology *out)
{
    const uint32_t smt = smt_shift < 32 ? smt_shift : 31;
    const uint32_t package = core_shift < smt ? smt : (core_shift < 32 ? core_shift : 31);

    out->apic_id = apic_id;
    out->thread = apic_id & ((1u << smt) - 1);
    out->core = (apic_id & ((1u << package) - 1)) >> smt;
    out->package = apic_id >> package;
}

/* Read the levels of leaf 0x1f or 0xb; false if this CPU does not have it. */
static bool levels_read(uint32_t leaf, struct cpu_topology *out)
{
    uint32_t smt_shift = 0;
    uint32_t core_shift = 0;
    uint32_t apic_id = 0;
    uint32_t level = 0;

    for (; level < LEVELS_MAX; level++) {
        const struct cpuid_regs r = cpuid(leaf, level);
        const uint32_t kind = (r.ecx >> 8) & 0xff;

        if (kind == LEVEL_INVALID || r.ebx == 0) {
            break;
        }
        if (kind == LEVEL_SMT) {
            smt_shift = r.eax & 0x1f;
        }
        core_shift = r.eax & 0x1f; /* the last level's shift leads to the package */
        apic_id = r.edx;
    }
    if (level == 0) {
        return false;
    }
    cpu_topology_split(apic_id, smt_shift, core_shift, out);
    return true;
}

void cpu_topology_read(struct cpu_topology *out)
{
    const uint32_t max_leaf = cpuid(0, 0).eax;
    const struct cpuid_regs one = cpuid(1, 0);
    uint32_t logical = 1;
    uint32_t cores = 1;

    if ((max_leaf >= 0x1f && levels_read(0x1f, out)) ||
        (max_leaf >= 0xb && levels_read(0xb, out))) {
        return;
    }
    if ((one.edx & (1u << 28)) != 0) {
        logical = (one.ebx >> 16) & 0xff; /* logical CPUs in the package */
    }
    if (max_leaf >= 4) {
        cores = (cpuid(4, 0).eax >> 26) + 1;
    }
    const uint32_t core_shift = bits_for(logical > cores ? logical : cores);
    const uint32_t core_bits = bits_for(cores);

    cpu_topology_split(one.ebx >> 24, core_shift > core_bits ? core_shift - core_bits : 0,
                       core_shift, out);
}
