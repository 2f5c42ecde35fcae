/*
 * exo_std/memory.h - memory: the program's own, and what it shares with others.
 *
 * Addresses and offsets are multiples of 4096 bytes; lengths are rounded up to that.
 */
#ifndef EXO_STD_MEMORY_H
#define EXO_STD_MEMORY_H

#include "exo/abi/cap.h"
#include "exo/abi/memory.h"
#include "exo/abi/status.h"

/* Get len_bytes of zeroed memory to read and write.
 * Errors: EXO_ERR_NO_MEMORY, EXO_ERR_NO_RESOURCES (too many mappings). */
exo_status_t exo_memory_get(uint64_t len_bytes, void **out);

/* Make memory of zeroes that can be given to other processes, up to 1 GiB; a page of it takes room
 * once it is touched.  Errors: EXO_ERR_INVALID (size), EXO_ERR_NO_MEMORY, EXO_ERR_NO_RESOURCES. */
exo_status_t exo_memory_create(uint64_t size_bytes, exo_cap_t *out);

/* A file of the initial RAM file system, to read and execute.
 * Errors: EXO_ERR_NOT_FOUND, EXO_ERR_ACCESS_DENIED (not a regular file), and those of create. */
exo_status_t exo_memory_open(const char *path, exo_cap_t *out);

exo_status_t exo_memory_size(exo_cap_t memory, uint64_t *size_bytes);

struct exo_mapping {
    exo_cap_t memory; /* EXO_CAP_NONE: zeroes of the program's own */
    uint64_t address; /* a wish; 0 for none */
    uint64_t len_bytes;
    uint64_t offset; /* into the memory */
    uint32_t prot;   /* EXO_PROT_* */
    uint32_t flags;  /* EXO_MAP_* */
};

/* Map memory; *out is where.
 * Errors: EXO_ERR_INVALID (length, alignment, writing and executing at once, past the end of the
 *         memory), EXO_ERR_BAD_CAP, EXO_ERR_WRONG_TYPE, EXO_ERR_ACCESS_DENIED (rights),
 *         EXO_ERR_BAD_ADDRESS, EXO_ERR_EXISTS, EXO_ERR_NO_MEMORY, EXO_ERR_NO_RESOURCES. */
exo_status_t exo_memory_map(const struct exo_mapping *mapping, void **out);

/* Unmap whatever lies in the range.  Errors: EXO_ERR_INVALID, EXO_ERR_BAD_ADDRESS. */
exo_status_t exo_memory_unmap(void *address, uint64_t len_bytes);

/* Change a range's protection.  Errors: EXO_ERR_INVALID, EXO_ERR_ACCESS_DENIED (the capability it
 * was mapped by has no such right), EXO_ERR_NOT_FOUND (a hole in the range). */
exo_status_t exo_memory_protect(void *address, uint64_t len_bytes, uint32_t prot);

#endif /* EXO_STD_MEMORY_H */
