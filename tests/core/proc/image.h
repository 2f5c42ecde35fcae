/*
 * tests/core/proc/image.h - small ELF files made in memory, to be parsed, spoiled and run.
 */
#ifndef TESTS_CORE_PROC_IMAGE_H
#define TESTS_CORE_PROC_IMAGE_H

#include "elf_format.h"
#include "exo/abi/start.h"
#include "exo/lib/string.h"

#define IMAGE_SIZE      (3 * PAGE_SIZE)
#define IMAGE_BASE      0x400000ull
#define IMAGE_CODE      PAGE_SIZE               /* offset of the code in the file */
#define IMAGE_DATA      (2 * PAGE_SIZE + 0x100) /* offset of the data */
#define IMAGE_DATA_FILE 0x20ull                 /* bytes of data in the file */
#define IMAGE_DATA_MEM  0x2000ull               /* bytes of data in memory */

#define IMAGE_NOTE 0x180ull /* offset of the note of a native program */

struct image {
    uint8_t *file; /* file[IMAGE_SIZE] */
    struct elf_header *header;
    /* [0] headers R, [1] code RX, [2] data RW, [3] stack flags, [4] note if native */
    struct elf_program *program;
};

/* Make the image of a static program whose code is code[len_bytes], in file[IMAGE_SIZE]. */
static inline struct image image_make(uint8_t *file, const uint8_t *code, size_t len_bytes)
{
    struct image image = { .file = file,
                           .header = (struct elf_header *)(void *)file,
                           .program = (struct elf_program *)(void *)(file + 64) };

    memset(file, 0, IMAGE_SIZE);
    *image.header = (struct elf_header){ .ident = { 0x7f, 'E', 'L', 'F', 2, 1, 1 },
                                         .type = ELF_TYPE_EXEC,
                                         .machine = ELF_MACHINE_AMD64,
                                         .version = 1,
                                         .entry = IMAGE_BASE + IMAGE_CODE,
                                         .program_offset = 64,
                                         .header_size = 64,
                                         .program_entry_size = 56,
                                         .program_count = 4 };
    image.program[0] = (struct elf_program){ .type = ELF_SEGMENT_LOAD,
                                             .flags = ELF_FLAG_READ,
                                             .vaddr = IMAGE_BASE,
                                             .file_size = 0x200,
                                             .mem_size = 0x200,
                                             .align = PAGE_SIZE };
    image.program[1] = (struct elf_program){ .type = ELF_SEGMENT_LOAD,
                                             .flags = ELF_FLAG_READ | ELF_FLAG_EXEC,
                                             .offset = IMAGE_CODE,
                                             .vaddr = IMAGE_BASE + IMAGE_CODE,
                                             .file_size = 0x200,
                                             .mem_size = 0x200,
                                             .align = PAGE_SIZE };
    image.program[2] = (struct elf_program){ .type = ELF_SEGMENT_LOAD,
                                             .flags = ELF_FLAG_READ | ELF_FLAG_WRITE,
                                             .offset = IMAGE_DATA,
                                             .vaddr = IMAGE_BASE + IMAGE_DATA,
                                             .file_size = IMAGE_DATA_FILE,
                                             .mem_size = IMAGE_DATA_MEM,
                                             .align = PAGE_SIZE };
    image.program[3] = (struct elf_program){ .type = ELF_SEGMENT_GNU_STACK,
                                             .flags = ELF_FLAG_READ | ELF_FLAG_WRITE,
                                             .align = 16 };
    memcpy(file + IMAGE_CODE, code, len_bytes);
    memset(file + IMAGE_DATA, 0x5a, PAGE_SIZE - 0x100); /* also behind the segment's own bytes */
    return image;
}

/* Make it a native program of that version. */
static inline void image_make_native(struct image *image, uint32_t abi_version)
{
    const uint32_t head[] = { sizeof(EXO_NOTE_NAME), sizeof(abi_version), EXO_NOTE_ABI };
    uint8_t *note = image->file + IMAGE_NOTE;

    memcpy(note, head, sizeof(head));
    memcpy(note + sizeof(head), EXO_NOTE_NAME, sizeof(EXO_NOTE_NAME)); /* 7 bytes: padded to 8 */
    memcpy(note + sizeof(head) + 8, &abi_version, sizeof(abi_version));
    image->header->program_count = 5;
    image->program[4] = (struct elf_program){ .type = ELF_SEGMENT_NOTE,
                                              .offset = IMAGE_NOTE,
                                              .file_size = sizeof(head) + 8 + sizeof(abi_version),
                                              .align = 4 };
}

/* Make it position-independent. */
static inline void image_make_pie(struct image *image)
{
    image->header->type = ELF_TYPE_DYN;
    image->header->entry -= IMAGE_BASE;
    for (uint32_t i = 0; i < 3; i++) {
        image->program[i].vaddr -= IMAGE_BASE;
    }
}

#endif /* TESTS_CORE_PROC_IMAGE_H */
