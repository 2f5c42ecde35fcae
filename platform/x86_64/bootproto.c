/*
 * bootproto.c - multiboot2 tags and the PVH start structure.
 *
 * Invariant (1): every read goes through mem_range(), which proves that it lies in the given
 * memory.
 */
#include "bootproto.h"

#define MB2_TAG_END      0u
#define MB2_TAG_CMDLINE  1u
#define MB2_TAG_MODULE   3u
#define MB2_TAG_MMAP     6u
#define MB2_TAG_ACPI_OLD 14u
#define MB2_TAG_ACPI_NEW 15u
#define MB2_INFO_MAX     (1u << 20) /* bytes; more is no tag list */

#define PVH_MAGIC        0x336ec578u
#define PVH_HEAD_BYTES   40u /* version 0 */
#define PVH_V1_BYTES     56u
#define PVH_MODULE_BYTES 32u
#define PVH_MMAP_BYTES   24u

#define MMAP_RAM      1u
#define MMAP_ACPI     3u
#define MMAP_ACPI_NVS 4u

/* The bytes of [start, start + len), or NULL if any of them is outside. */
static const uint8_t *mem_range(const struct bootproto_mem *mem, uint64_t start, uint64_t len_bytes)
{
    if (start > mem->limit || len_bytes > mem->limit - start) {
        return NULL;
    }
    return mem->base + start;
}

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t read_u64(const uint8_t *at)
{
    return read_u32(at) | (uint64_t)read_u32(at + 4) << 32;
}

/* The string at `text`, or "" if no NUL ends it within len_bytes. */
static const char *text_checked(const uint8_t *text, uint64_t len_bytes)
{
    for (uint64_t i = 0; i < len_bytes; i++) {
        if (text[i] == 0) {
            return (const char *)text;
        }
    }
    return "";
}

static void memory_add(struct bootproto *out, uint64_t base, uint64_t len_bytes, uint32_t type)
{
    enum boot_region_kind kind = BOOT_REGION_FIRMWARE;

    if (type == MMAP_RAM) {
        kind = BOOT_REGION_FREE;
    } else if (type == MMAP_ACPI || type == MMAP_ACPI_NVS) {
        kind = BOOT_REGION_ACPI;
    }
    (void)memmap_add(&out->map, base, len_bytes, kind); /* what it passes over it counts */
}

static void module_add(const struct bootproto_mem *mem, struct bootproto *out, uint64_t start,
                       uint64_t len_bytes, const char *name)
{
    if (len_bytes == 0 || mem_range(mem, start, len_bytes) == NULL ||
        out->module_count == BOOT_MODULES_MAX) {
        out->broken_count++;
        return;
    }
    out->module[out->module_count++] =
        (struct bootproto_module){ .start = start, .len_bytes = len_bytes, .name = name };
}

/* Tag 6: size of an entry at +8, entries of base, length and type from +16. */
static void mb2_mmap(const uint8_t *tag, uint32_t size, struct bootproto *out)
{
    const uint32_t entry_size = size >= 16 ? read_u32(tag + 8) : 0;

    if (entry_size < 24) {
        out->broken_count++;
        return;
    }
    for (uint32_t at = 16; size - at >= entry_size; at += entry_size) {
        memory_add(out, read_u64(tag + at), read_u64(tag + at + 8), read_u32(tag + at + 16));
    }
}

static void mb2_rsdp(const uint8_t *tag, uint32_t size, struct bootproto *out)
{
    const uint32_t len_bytes = size - 8 < BOOTPROTO_RSDP_MAX ? size - 8 : BOOTPROTO_RSDP_MAX;

    if (len_bytes <= out->rsdp_len_bytes) {
        return; /* the longer one is the newer */
    }
    for (uint32_t i = 0; i < len_bytes; i++) {
        out->rsdp_copy[i] = tag[8 + i];
    }
    out->rsdp_len_bytes = len_bytes;
}

static void mb2_tag(const struct bootproto_mem *mem, const uint8_t *tag, uint32_t size,
                    struct bootproto *out)
{
    switch (read_u32(tag)) {
    case MB2_TAG_CMDLINE:
        out->cmdline = text_checked(tag + 8, size - 8);
        break;
    case MB2_TAG_MODULE:
        if (size < 16 || read_u32(tag + 12) < read_u32(tag + 8)) {
            out->broken_count++;
            break;
        }
        module_add(mem, out, read_u32(tag + 8), read_u32(tag + 12) - read_u32(tag + 8),
                   text_checked(tag + 16, size - 16));
        break;
    case MB2_TAG_MMAP:
        mb2_mmap(tag, size, out);
        break;
    case MB2_TAG_ACPI_OLD:
    case MB2_TAG_ACPI_NEW:
        mb2_rsdp(tag, size, out);
        break;
    default:
        break; /* information that this kernel does not ask for */
    }
}

static exo_status_t multiboot2_read(const struct bootproto_mem *mem, paddr_t info,
                                    struct bootproto *out)
{
    const uint8_t *head = mem_range(mem, info, 8);
    const uint32_t total = head != NULL ? read_u32(head) : 0;

    if (total < 16 || total > MB2_INFO_MAX || mem_range(mem, info, total) == NULL) {
        return EXO_ERR_BAD_FORMAT;
    }
    uint32_t at = 8;

    while (total - at >= 8) {
        const uint32_t size = read_u32(head + at + 4);

        if (size < 8 || size > total - at) {
            out->broken_count++;
            break;
        }
        if (read_u32(head + at) == MB2_TAG_END) {
            break;
        }
        mb2_tag(mem, head + at, size, out);
        if (align_up(size, 8) > total - at) {
            break;
        }
        at += (uint32_t)align_up(size, 8);
    }
    return EXO_OK;
}

static const char *pvh_text(const struct bootproto_mem *mem, uint64_t paddr)
{
    if (paddr == 0 || paddr >= mem->limit) {
        return "";
    }
    return text_checked(mem->base + paddr, min_u64(mem->limit - paddr, BOOT_CMDLINE_MAX * 2));
}

static void pvh_modules(const struct bootproto_mem *mem, const uint8_t *head, struct bootproto *out)
{
    const uint32_t count = read_u32(head + 12);
    const uint64_t list_paddr = read_u64(head + 16);
    const uint8_t *list = mem_range(mem, list_paddr, (uint64_t)count * PVH_MODULE_BYTES);

    if (count == 0) {
        return;
    }
    if (list_paddr == 0 || list == NULL || count > BOOT_MODULES_MAX) {
        out->broken_count++;
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *entry = list + (size_t)i * PVH_MODULE_BYTES;

        module_add(mem, out, read_u64(entry), read_u64(entry + 8),
                   pvh_text(mem, read_u64(entry + 16)));
    }
}

static exo_status_t pvh_read(const struct bootproto_mem *mem, paddr_t info, struct bootproto *out)
{
    const uint8_t *head = mem_range(mem, info, PVH_HEAD_BYTES);

    if (head == NULL || read_u32(head) != PVH_MAGIC) {
        return EXO_ERR_BAD_FORMAT;
    }
    out->cmdline = pvh_text(mem, read_u64(head + 24));
    out->rsdp = read_u64(head + 32);
    pvh_modules(mem, head, out);
    if (read_u32(head + 4) < 1 || mem_range(mem, info, PVH_V1_BYTES) == NULL) {
        return EXO_OK; /* version 0 has no memory map */
    }
    const uint64_t count = read_u32(head + 48);
    const uint8_t *list = mem_range(mem, read_u64(head + 40), count * PVH_MMAP_BYTES);

    if (list == NULL) {
        out->broken_count++;
        return EXO_OK;
    }
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *entry = list + i * PVH_MMAP_BYTES;

        memory_add(out, read_u64(entry), read_u64(entry + 8), read_u32(entry + 16));
    }
    return EXO_OK;
}

exo_status_t bootproto_read(enum bootproto_kind kind, const struct bootproto_mem *mem, paddr_t info,
                            struct bootproto *out)
{
    exo_status_t status = EXO_ERR_INVALID;

    out->cmdline = "";
    if (kind == BOOTPROTO_MULTIBOOT2) {
        status = multiboot2_read(mem, info, out);
    } else if (kind == BOOTPROTO_PVH) {
        status = pvh_read(mem, info, out);
    }
    if (status != EXO_OK) {
        return status;
    }
    return out->map.count > 0 ? EXO_OK : EXO_ERR_BAD_FORMAT;
}
