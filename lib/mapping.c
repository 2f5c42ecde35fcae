/*
 * lib/mapping.c - memory: the program's own, and what it shares.
 */
#include "exo_std/memory.h"
#include "exo_std/syscall.h"
#include "result.h"

exo_status_t exo_memory_map(const struct exo_mapping *mapping, void **out)
{
    const uint64_t arg[6] = { mapping->memory, mapping->address, mapping->len_bytes,
                              mapping->offset, mapping->prot,    mapping->flags };
    const int64_t result = exo_syscall6(EXO_SYSCALL_memory_map, arg);

    if (result < 0) {
        return (exo_status_t)result;
    }
    *out = (void *)result;
    return EXO_OK;
}

exo_status_t exo_memory_get(uint64_t len_bytes, void **out)
{
    const struct exo_mapping mapping = { .len_bytes = len_bytes,
                                         .prot = EXO_PROT_READ | EXO_PROT_WRITE };

    return exo_memory_map(&mapping, out);
}

exo_status_t exo_memory_create(uint64_t size_bytes, exo_cap_t *out)
{
    return result_value(exo_syscall(EXO_SYSCALL_memory_create, size_bytes, 0, 0), out);
}

exo_status_t exo_memory_open(const char *path, exo_cap_t *out)
{
    return result_value(exo_syscall(EXO_SYSCALL_memory_open, (uint64_t)path, 0, 0), out);
}

exo_status_t exo_memory_size(exo_cap_t memory, uint64_t *size_bytes)
{
    return result_value(exo_syscall(EXO_SYSCALL_memory_size, memory, 0, 0), size_bytes);
}

exo_status_t exo_memory_unmap(void *address, uint64_t len_bytes)
{
    return (exo_status_t)exo_syscall(EXO_SYSCALL_memory_unmap, (uint64_t)address, len_bytes, 0);
}

exo_status_t exo_memory_protect(void *address, uint64_t len_bytes, uint32_t prot)
{
    return (exo_status_t)exo_syscall(EXO_SYSCALL_memory_protect, (uint64_t)address, len_bytes,
                                     prot);
}
