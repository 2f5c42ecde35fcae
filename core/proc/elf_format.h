/*
 * core/proc/elf_format.h - the parts of the ELF64 file format that the parser reads.
 *
 * Spec: System V ABI, chapters 4 (header) and 5 (program header).
 */
#ifndef EXO_PROC_ELF_FORMAT_H
#define EXO_PROC_ELF_FORMAT_H

#include "exo/lib/types.h"

#define ELF_IDENT_SIZE    16u
#define ELF_IDENT_CLASS   4u
#define ELF_IDENT_DATA    5u
#define ELF_IDENT_VERSION 6u

#define ELF_CLASS_64      2u
#define ELF_DATA_LITTLE   1u
#define ELF_VERSION_1     1u
#define ELF_TYPE_EXEC     2u
#define ELF_TYPE_DYN      3u
#define ELF_MACHINE_AMD64 62u

#define ELF_SEGMENT_LOAD      1u
#define ELF_SEGMENT_INTERP    3u
#define ELF_SEGMENT_NOTE      4u
#define ELF_SEGMENT_GNU_STACK 0x6474e551u

#define ELF_FLAG_EXEC  1u
#define ELF_FLAG_WRITE 2u
#define ELF_FLAG_READ  4u

struct elf_header {
    uint8_t ident[ELF_IDENT_SIZE];
    uint16_t type;
    uint16_t machine;
    uint32_t version;
    uint64_t entry;
    uint64_t program_offset;
    uint64_t section_offset;
    uint32_t flags;
    uint16_t header_size;
    uint16_t program_entry_size;
    uint16_t program_count;
    uint16_t section_entry_size;
    uint16_t section_count;
    uint16_t section_names;
};

struct elf_program {
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t vaddr;
    uint64_t paddr;
    uint64_t file_size;
    uint64_t mem_size;
    uint64_t align;
};

struct elf_note {
    uint32_t name_size; /* bytes with the NUL; each part is padded to 4 bytes */
    uint32_t content_size;
    uint32_t type;
};

_Static_assert(sizeof(struct elf_header) == 64, "ELF64 header");
_Static_assert(sizeof(struct elf_program) == 56, "ELF64 program header");

#endif /* EXO_PROC_ELF_FORMAT_H */
