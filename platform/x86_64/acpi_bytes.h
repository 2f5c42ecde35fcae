/*
 * acpi_bytes.h - little-endian fields at any alignment. Bounds are the caller's business.
 */
#ifndef PLATFORM_X86_64_ACPI_BYTES_H
#define PLATFORM_X86_64_ACPI_BYTES_H

#include "exo/lib/types.h"

static inline uint16_t get_u16(const uint8_t *bytes, size_t at)
{
    return (uint16_t)(bytes[at] | bytes[at + 1] << 8);
}

static inline uint32_t get_u32(const uint8_t *bytes, size_t at)
{
    return get_u16(bytes, at) | (uint32_t)get_u16(bytes, at + 2) << 16;
}

static inline uint64_t get_u64(const uint8_t *bytes, size_t at)
{
    return get_u32(bytes, at) | (uint64_t)get_u32(bytes, at + 4) << 32;
}

#endif /* PLATFORM_X86_64_ACPI_BYTES_H */
