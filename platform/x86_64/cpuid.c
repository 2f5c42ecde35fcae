/*
 * cpuid.c - features, name, caches and rates of the processor, read once on the boot CPU.
 *
 * Invariant: a leaf is asked for only if the maximum of its range reaches it; everything it would
 * have told stays zero otherwise. The older of two answers never overrides the newer.
 */
#include "cpuid.h"

#include "io.h"

#define LEAF_EXT      0x80000000u
#define LEAF_HYPER    0x40000000u
#define LEAF_HYPER_HZ 0x40000010u
#define MSR_ARCH_CAPS 0x10au
#define ARCH_RDCL_NO  1u
#define XCR0_X87_SSE  3u

static struct cpuid_info g_info;

static bool bit(uint32_t word, unsigned index)
{
    return ((word >> index) & 1u) != 0;
}

static void text_put(char *out, uint32_t word)
{
    for (unsigned i = 0; i < 4; i++) {
        out[i] = (char)(word >> (8 * i));
    }
}

static bool vendor_is(const char *vendor)
{
    for (size_t i = 0; i < sizeof(g_info.vendor); i++) {
        if (g_info.vendor[i] != vendor[i]) {
            return false;
        }
    }
    return true;
}

static void leaf0_read(void)
{
    const struct cpuid_regs r = cpuid(0, 0);

    g_info.max_leaf = r.eax;
    text_put(g_info.vendor, r.ebx);
    text_put(g_info.vendor + 4, r.edx);
    text_put(g_info.vendor + 8, r.ecx);
}

static void leaf1_read(void)
{
    const struct cpuid_regs r = cpuid(1, 0);

    g_info.family = (r.eax >> 8) & 0xf;
    g_info.model = (r.eax >> 4) & 0xf;
    g_info.stepping = r.eax & 0xf;
    if (g_info.family == 6 || g_info.family == 15) {
        g_info.model |= (r.eax >> 12) & 0xf0;
    }
    if (g_info.family == 15) {
        g_info.family += (r.eax >> 20) & 0xff;
    }
    g_info.apic_id = r.ebx >> 24;
    g_info.tsc = bit(r.edx, 4);
    g_info.apic = bit(r.edx, 9);
    g_info.pge = bit(r.edx, 13);
    g_info.pat = bit(r.edx, 16);
    g_info.fxsr = bit(r.edx, 24);
    g_info.sse2 = bit(r.edx, 26);
    g_info.mwait = bit(r.ecx, 3);
    g_info.cmpxchg16b = bit(r.ecx, 13);
    g_info.pcid = bit(r.ecx, 17);
    g_info.x2apic = bit(r.ecx, 21);
    g_info.tsc_deadline = bit(r.ecx, 24);
    g_info.xsave = bit(r.ecx, 26);
    g_info.avx = bit(r.ecx, 28);
    g_info.rdrand = bit(r.ecx, 30);
    g_info.hypervisor = bit(r.ecx, 31);
}

static void leaves6_and_7_read(void)
{
    if (g_info.max_leaf >= 6) {
        g_info.arat = bit(cpuid(6, 0).eax, 2);
    }
    if (g_info.max_leaf < 7) {
        return;
    }
    const struct cpuid_regs r = cpuid(7, 0);

    g_info.fsgsbase = bit(r.ebx, 0);
    g_info.avx2 = bit(r.ebx, 5);
    g_info.smep = bit(r.ebx, 7);
    g_info.erms = bit(r.ebx, 9);
    g_info.invpcid = bit(r.ebx, 10);
    g_info.avx512f = bit(r.ebx, 16);
    g_info.rdseed = bit(r.ebx, 18);
    g_info.smap = bit(r.ebx, 20);
    g_info.umip = bit(r.ecx, 2);
    g_info.pku = bit(r.ecx, 3);
    g_info.la57 = bit(r.ecx, 16);
    if (bit(r.edx, 29)) {
        g_info.meltdown_safe = (msr_read(MSR_ARCH_CAPS) & ARCH_RDCL_NO) != 0;
    }
}

static void xsave_read(void)
{
    if (!g_info.xsave || g_info.max_leaf < 0xd) {
        g_info.xsave = false;
        return;
    }
    const struct cpuid_regs r = cpuid(0xd, 0);
    const struct cpuid_regs extended = cpuid(0xd, 1);

    g_info.xsave_features = ((uint64_t)r.edx << 32) | r.eax;
    g_info.xsave_bytes_max = r.ecx;
    g_info.xsaveopt = bit(extended.eax, 0);
    g_info.xsavec = bit(extended.eax, 1);
    g_info.xsaves = bit(extended.eax, 3);
    if ((g_info.xsave_features & XCR0_X87_SSE) != XCR0_X87_SSE) {
        g_info.xsave = false; /* contradicts the architecture: leave it to FXSAVE */
    }
}

static void name_read(void)
{
    char raw[49] = { 0 };
    size_t from = 0;

    if (g_info.max_ext_leaf < LEAF_EXT + 4) {
        for (size_t i = 0; i < sizeof(g_info.vendor); i++) {
            g_info.name[i] = g_info.vendor[i];
        }
        return;
    }
    for (uint32_t i = 0; i < 3; i++) {
        const struct cpuid_regs r = cpuid(LEAF_EXT + 2 + i, 0);

        text_put(raw + i * 16, r.eax);
        text_put(raw + i * 16 + 4, r.ebx);
        text_put(raw + i * 16 + 8, r.ecx);
        text_put(raw + i * 16 + 12, r.edx);
    }
    while (raw[from] == ' ') {
        from++;
    }
    for (size_t to = 0; raw[from] != '\0'; to++, from++) {
        g_info.name[to] = raw[from];
    }
}

static void extended_read(void)
{
    g_info.physical_bits = 36;
    g_info.linear_bits = 48;
    g_info.max_ext_leaf = cpuid(LEAF_EXT, 0).eax;
    if (g_info.max_ext_leaf < LEAF_EXT) {
        g_info.max_ext_leaf = 0;
        return;
    }
    if (g_info.max_ext_leaf >= LEAF_EXT + 1) {
        const struct cpuid_regs r = cpuid(LEAF_EXT + 1, 0);

        g_info.syscall = bit(r.edx, 11);
        g_info.nx = bit(r.edx, 20);
        g_info.pages_1g = bit(r.edx, 26);
        g_info.rdtscp = bit(r.edx, 27);
    }
    if (g_info.max_ext_leaf >= LEAF_EXT + 7) {
        g_info.tsc_invariant = bit(cpuid(LEAF_EXT + 7, 0).edx, 8);
    }
    if (g_info.max_ext_leaf >= LEAF_EXT + 8) {
        const uint32_t sizes = cpuid(LEAF_EXT + 8, 0).eax;

        g_info.physical_bits = sizes & 0xff;
        g_info.linear_bits = (sizes >> 8) & 0xff;
    }
}

static void cache_add(const struct cpuid_regs *r)
{
    struct cpu_cache *cache = &g_info.cache[g_info.cache_count++];

    cache->kind = (enum cpu_cache_kind)(r->eax & 0x1f);
    cache->level = (uint8_t)((r->eax >> 5) & 7);
    cache->sharing_max = (uint16_t)(((r->eax >> 14) & 0xfff) + 1);
    cache->line_bytes = (uint16_t)((r->ebx & 0xfff) + 1);
    cache->ways = (uint16_t)((r->ebx >> 22) + 1);
    cache->size_bytes = (uint64_t)cache->ways * (((r->ebx >> 12) & 0x3ff) + 1) * cache->line_bytes *
                        (r->ecx + 1ull);
}

/* Intel's leaf 4, or AMD's leaf 0x8000001d, which has the same form. */
static void caches_read(void)
{
    const bool amd_leaf =
        g_info.max_ext_leaf >= LEAF_EXT + 0x1d && bit(cpuid(LEAF_EXT + 1, 0).ecx, 22);
    const uint32_t leaf = amd_leaf ? LEAF_EXT + 0x1d : 4;

    if (!amd_leaf && g_info.max_leaf < 4) {
        return;
    }
    for (uint32_t i = 0; i < CPU_CACHES_MAX; i++) {
        const struct cpuid_regs r = cpuid(leaf, i);
        const uint32_t kind = r.eax & 0x1f;

        if (kind < CPU_CACHE_DATA || kind > CPU_CACHE_UNIFIED) {
            break;
        }
        cache_add(&r);
    }
}

void cpuid_init(void)
{
    struct cpu_topology place;

    leaf0_read();
    leaf1_read();
    g_info.meltdown_safe = vendor_is("AuthenticAMD") || vendor_is("HygonGenuine");
    leaves6_and_7_read();
    extended_read();
    xsave_read();
    name_read();
    caches_read();
    if (g_info.hypervisor) {
        const uint32_t max = cpuid(LEAF_HYPER, 0).eax;

        g_info.max_hyper_leaf = max >= LEAF_HYPER && max < LEAF_HYPER + 0x10000 ? max : 0;
    }
    cpu_topology_read(&place);
    g_info.apic_id = place.apic_id;
}

const struct cpuid_info *cpuid_info(void)
{
    return &g_info;
}

/* Leaf 0x15: TSC = crystal * ebx / eax. The crystal's rate may be missing; then leaf 0x16 gives the
 * base rate, from which it follows, but only to the megahertz: not good enough for a clock. */
static uint64_t crystal_hz(struct cpuid_regs *ratio)
{
    if (g_info.max_leaf < 0x15) {
        return 0;
    }
    *ratio = cpuid(0x15, 0);
    return ratio->eax != 0 && ratio->ebx != 0 ? ratio->ecx : 0;
}

uint64_t cpuid_tsc_hz(void)
{
    struct cpuid_regs ratio;
    const uint64_t crystal = crystal_hz(&ratio);

    if (crystal != 0) {
        return crystal * ratio.ebx / ratio.eax;
    }
    return g_info.max_hyper_leaf >= LEAF_HYPER_HZ ? cpuid(LEAF_HYPER_HZ, 0).eax * 1000ull : 0;
}

uint64_t cpuid_apic_timer_hz(void)
{
    struct cpuid_regs ratio;
    const uint64_t crystal = crystal_hz(&ratio);

    if (crystal != 0) {
        return crystal; /* the APIC timer counts the same crystal */
    }
    return g_info.max_hyper_leaf >= LEAF_HYPER_HZ ? cpuid(LEAF_HYPER_HZ, 0).ebx * 1000ull : 0;
}
