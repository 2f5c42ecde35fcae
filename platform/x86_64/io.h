/*
 * io.h - ports, device registers and model-specific registers, one instruction each.
 *
 * Device registers are reached only through mmio_map() (mmio.h), never through the cached direct
 * map.
 */
#ifndef PLATFORM_X86_64_IO_H
#define PLATFORM_X86_64_IO_H

#include "exo/lib/types.h"

static inline void outb(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outw(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outl(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t inb(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline uint16_t inw(uint16_t port)
{
    uint16_t value;

    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline uint32_t inl(uint16_t port)
{
    uint32_t value;

    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

/* Give an old device the microsecond it needs between two accesses: port 0x80 takes one and does
 * nothing. */
static inline void io_wait(void)
{
    outb(0x80, 0);
}

static inline uint32_t mmio_read32(const volatile void *base, size_t offset)
{
    return *(const volatile uint32_t *)((const volatile uint8_t *)base + offset);
}

static inline void mmio_write32(volatile void *base, size_t offset, uint32_t value)
{
    *(volatile uint32_t *)((volatile uint8_t *)base + offset) = value;
}

static inline uint64_t msr_read(uint32_t msr)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return ((uint64_t)high << 32) | low;
}

static inline void msr_write(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

#endif /* PLATFORM_X86_64_IO_H */
