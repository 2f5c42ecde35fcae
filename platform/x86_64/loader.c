/*
 * loader.c - the boot information of this machine, in memory of the kernel's own.
 *
 * Invariant (1): after loader_read() nothing points into the loader's structures any more: the
 * frames that hold them are free.
 */
#include "loader.h"

#include "exo/debug/log.h"
#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/lib/string.h"

#include "layout.h"
#include "memmap.h"

#define BOOT_MAP_LIMIT  (4ull << 30) /* what the boot tables map */
#define REGIONS_SPARE   16u          /* room for what is carved out later */
#define MODULE_NAME_MAX 64u

static struct bootproto g_proto;
static struct boot_info g_info;
static char g_cmdline[BOOT_CMDLINE_MAX];
static char g_module_name[BOOT_MODULES_MAX][MODULE_NAME_MAX];

const struct bootproto *loader_proto(void)
{
    return &g_proto;
}

/* Copy with an end in every case; false if it was cut. */
static bool text_copy(char *to, size_t size, const char *from)
{
    size_t len = strlen(from);
    const bool fits = len < size;

    len = fits ? len : size - 1;
    memcpy(to, from, len);
    to[len] = '\0';
    return fits;
}

/* What the core does for a program's sake, but early enough for what this file and the drivers have
 * to say: nothing but errors may come between its output and the reader. */
static void quiet_for_program(void)
{
    for (const char *at = g_cmdline; *at != '\0'; at++) {
        if (at[0] == '-' && at[1] == '-' && (at == g_cmdline || at[-1] == ' ') &&
            (at[2] == ' ' || at[2] == '\0')) {
            klog_console_level_set(KLOG_ERROR);
            return;
        }
    }
}

static void texts_take(void)
{
    if (!text_copy(g_cmdline, sizeof(g_cmdline), g_proto.cmdline)) {
        klog(KLOG_WARN, "boot", "command line cut max=%u", BOOT_CMDLINE_MAX - 1);
    }
    g_proto.cmdline = g_cmdline;
    g_info.cmdline = g_cmdline;
    quiet_for_program();
    for (uint32_t i = 0; i < g_proto.module_count; i++) {
        struct bootproto_module *module = &g_proto.module[i];
        /* A loader that has no names for them can bring but one. */
        const char *name = module->name[0] == '\0' && i == 0 ? "initrd" : module->name;

        if (!text_copy(g_module_name[i], MODULE_NAME_MAX, name)) {
            klog(KLOG_WARN, "boot", "module name cut name=%s", g_module_name[i]);
        }
        module->name = g_module_name[i];
    }
}

static void map_report(const struct memmap *map)
{
    if (map->absurd_count > 0 || map->dropped_count > 0 || g_proto.broken_count > 0) {
        klog(KLOG_WARN, "boot",
             "passed over absurd_ranges=%u surplus_ranges=%u broken_structures=%u",
             map->absurd_count, map->dropped_count, g_proto.broken_count);
    }
    if (map->overlap_count > 0) {
        klog(KLOG_WARN, "boot", "memory map contradicts itself pieces=%u", map->overlap_count);
    }
}

/* Sort the loader's map once by itself, to tell its contradictions from our own claims, and once
 * more with image and modules in it. */
static void regions_build(void)
{
    struct memmap *map = &g_proto.map;
    const uint32_t max = BOOT_REGIONS_MAX - REGIONS_SPARE;

    g_info.region_count = memmap_build(map, g_info.region, max);
    map_report(map);
    (void)memmap_add(map, 0, PAGE_SIZE, BOOT_REGION_FIRMWARE); /* address 0 names nothing */
    (void)memmap_add(map, layout_image_phys(kernel_image_start),
                     (uint64_t)(kernel_image_end - kernel_image_start), BOOT_REGION_KERNEL);
    for (uint32_t i = 0; i < g_proto.module_count; i++) {
        (void)memmap_add(map, g_proto.module[i].start, g_proto.module[i].len_bytes,
                         BOOT_REGION_MODULE);
    }
    g_info.region_count = memmap_build(map, g_info.region, max);
}

/* Give module `i` a place that begins on a page; its old one stays reserved. */
static bool module_move(struct bootproto_module *module)
{
    paddr_t place = 0;

    if (memmap_carve(&g_info, align_up(module->len_bytes, PAGE_SIZE), BOOT_MAP_LIMIT,
                     BOOT_REGION_MODULE, &place) != EXO_OK) {
        return false;
    }
    memcpy(hal_phys_to_virt(place), hal_phys_to_virt(module->start), module->len_bytes);
    module->start = place;
    return true;
}

static void modules_take(void)
{
    for (uint32_t i = 0; i < g_proto.module_count; i++) {
        struct bootproto_module *module = &g_proto.module[i];

        if ((module->start & PAGE_MASK) != 0 && !module_move(module)) {
            klog(KLOG_ERROR, "boot", "no memory to align module name=%s", module->name);
            continue;
        }
        uint8_t *data = hal_phys_to_virt(module->start);
        const uint64_t tail = align_up(module->len_bytes, PAGE_SIZE) - module->len_bytes;

        memset(data + module->len_bytes, 0, tail);
        g_info.module[g_info.module_count++] = (struct boot_module){
            .name = module->name, .data = data, .len_bytes = module->len_bytes
        };
    }
}

struct boot_info *loader_read(enum bootproto_kind kind, paddr_t paddr)
{
    const struct bootproto_mem mem = { .base = hal_phys_to_virt(0), .limit = BOOT_MAP_LIMIT };

    if (bootproto_read(kind, &mem, paddr, &g_proto) != EXO_OK) {
        panic("the boot loader gave no memory map: kind %u at 0x%lx", (unsigned)kind, paddr);
    }
    texts_take();
    regions_build();
    modules_take();
    g_info.platform = "x86_64";
    return &g_info;
}
