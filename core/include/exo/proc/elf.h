/*
 * exo/proc/elf.h - ELF64 executables: a file becomes a plan, a plan becomes mappings.
 *
 * The parser checks every field that it uses against the file and the user range and changes
 * nothing. Static ET_EXEC, and ET_DYN with a load bias; an interpreter is reported, who loads it is
 * the caller's business. Writable and executable segments are mapped as the file says, as Linux
 * does.
 *
 * Locks:   none. Context: elf_parse any; elf_map thread, may block.
 * Spec:    System V ABI chapters 4 and 5; AMD64 supplement.
 */
#ifndef EXO_PROC_ELF_H
#define EXO_PROC_ELF_H

#include "exo/abi/status.h"
#include "exo/mem/vm.h"

#define ELF_HEADERS_MAX  128u              /* program headers */
#define ELF_SEGMENTS_MAX 32u               /* loadable segments */
#define ELF_INTERP_MAX   256u              /* bytes of the interpreter's path, NUL included */
#define ELF_ALIGN_MAX    0x40000000ull     /* largest segment alignment: 1 GiB */
#define ELF_PIE_BASE     0x555555554000ull /* lowest place of position-independent programs, */
#define ELF_PIE_SIZE     0x100000000000ull /* the most that they reach from there: 16 TiB, */
#define ELF_SLIDE_PAGES  28u               /* and how far they are moved up: bits, in pages */
#define ELF_PLACE_END    0x7f0000000000ull /* images end below: above lie mappings and the stack */

/* One loadable segment; addresses as in the file, without the bias. */
struct elf_segment {
    vaddr_t vaddr;    /* first byte, not aligned */
    vaddr_t file_end; /* first byte that does not come from the file */
    vaddr_t mem_end;  /* first byte after the segment */
    uint64_t offset;  /* in the file, of vaddr; congruent to it modulo the page size */
    uint32_t prot;    /* VM_PROT_* */
};

struct elf_plan {
    uint64_t bias;   /* added to every address: 0 for ET_EXEC */
    vaddr_t entry;   /* these four with the bias added */
    vaddr_t start;   /* page-aligned */
    vaddr_t end;     /* end of the highest segment, where the break begins; not aligned */
    vaddr_t headers; /* program headers in memory, 0 if no segment holds them */
    uint32_t header_count;
    uint32_t header_size;   /* bytes of one */
    bool stack_exec;        /* PT_GNU_STACK asks for an executable stack */
    uint32_t native_abi;    /* what the note of exo/abi/start.h says; 0: not a native program */
    uint64_t interp_offset; /* in the file */
    uint32_t interp_len;    /* bytes with the NUL; 0: no interpreter */
    uint32_t segment_count;
    struct elf_segment segment[ELF_SEGMENTS_MAX]; /* ascending, on separate pages */
};

/* Parse file[len_bytes]. A position-independent image is planned `slide` bytes above ELF_PIE_BASE
 * (a multiple of the page size below PAGE_SIZE << ELF_SLIDE_PAGES), less what its alignment wants;
 * whether a file is sound does not depend on it.
 * Errors: EXO_ERR_BAD_FORMAT (no ELF, malformed, inconsistent), EXO_ERR_NOT_SUPPORTED (32-bit, x32,
 *         other machine or byte order), EXO_ERR_NO_RESOURCES (a limit above). */
EXO_MUST_CHECK exo_status_t elf_parse(const uint8_t *file, size_t len_bytes, uint64_t slide,
                                      struct elf_plan *out);

/* Map the plan's segments; `object` shows the file. On failure the space holds a part: destroy it.
 * Errors: those of vm_map and vm_write. */
EXO_MUST_CHECK exo_status_t elf_map(const struct elf_plan *plan, struct vm_object *object,
                                    struct vm_space *space);

#endif /* EXO_PROC_ELF_H */
