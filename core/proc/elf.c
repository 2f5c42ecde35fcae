/*
 * core/proc/elf.c - the ELF64 parser.
 *
 * Invariants of a plan that elf_parse() gave:
 *   (1) segments ascend, and no two share a page;
 *   (2) vaddr <= file_end <= mem_end, vaddr < mem_end, all inside the user range with the bias
 *       added;
 *   (3) the file bytes of each segment lie inside the file;
 *   (4) the entry lies in an executable segment.
 */
#include "exo/proc/elf.h"

#include "elf_format.h"
#include "exo/abi/start.h"
#include "exo/hal/user.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"

/* What the parser reads from; the headers are copied out, since the file need not be aligned. */
struct reader {
    const uint8_t *file;
    size_t len_bytes;
    struct elf_header header;
    uint64_t align; /* largest of the loadable segments */
    vaddr_t min;    /* the file's addresses lie from here, */
    vaddr_t end;    /* to below here */
};

static exo_status_t ident_check(const uint8_t *ident)
{
    static const uint8_t magic[] = { 0x7f, 'E', 'L', 'F' };

    if (memcmp(ident, magic, sizeof(magic)) != 0 || ident[ELF_IDENT_VERSION] != ELF_VERSION_1) {
        return EXO_ERR_BAD_FORMAT;
    }
    /* The class decides the layout of all that follows; x32 files are of the 32-bit class too. */
    if (ident[ELF_IDENT_CLASS] != ELF_CLASS_64 || ident[ELF_IDENT_DATA] != ELF_DATA_LITTLE) {
        return EXO_ERR_NOT_SUPPORTED;
    }
    return EXO_OK;
}

static exo_status_t header_read(struct reader *reader)
{
    struct elf_header *header = &reader->header;

    if (reader->len_bytes < ELF_IDENT_SIZE) {
        return EXO_ERR_BAD_FORMAT;
    }
    const exo_status_t status = ident_check(reader->file);

    if (status != EXO_OK) {
        return status;
    }
    if (reader->len_bytes < sizeof(*header)) {
        return EXO_ERR_BAD_FORMAT;
    }
    memcpy(header, reader->file, sizeof(*header));
    if (header->machine != ELF_MACHINE_AMD64) {
        return EXO_ERR_NOT_SUPPORTED;
    }
    if ((header->type != ELF_TYPE_EXEC && header->type != ELF_TYPE_DYN) ||
        header->version != ELF_VERSION_1 || header->header_size != sizeof(*header) ||
        header->program_entry_size != sizeof(struct elf_program) || header->program_count == 0) {
        return EXO_ERR_BAD_FORMAT;
    }
    if (header->program_count > ELF_HEADERS_MAX) {
        return EXO_ERR_NO_RESOURCES;
    }
    const uint64_t table_size = header->program_count * sizeof(struct elf_program);

    if (header->program_offset > reader->len_bytes ||
        table_size > reader->len_bytes - header->program_offset) {
        return EXO_ERR_BAD_FORMAT;
    }
    return EXO_OK;
}

static void program_read(const struct reader *reader, uint32_t index, struct elf_program *out)
{
    const uint64_t at = reader->header.program_offset + index * sizeof(*out);

    memcpy(out, reader->file + at, sizeof(*out));
}

/* Are the bytes that the header names inside the file? */
static bool inside_file(const struct reader *reader, const struct elf_program *program)
{
    return program->offset <= reader->len_bytes &&
           program->file_size <= reader->len_bytes - program->offset;
}

static uint32_t prot_of(uint32_t flags)
{
    uint32_t prot = 0;

    prot |= (flags & ELF_FLAG_READ) != 0 ? VM_PROT_READ : 0;
    prot |= (flags & ELF_FLAG_WRITE) != 0 ? VM_PROT_WRITE : 0;
    prot |= (flags & ELF_FLAG_EXEC) != 0 ? VM_PROT_EXEC : 0;
    return prot;
}

/* Is the segment's place sound, and above all earlier ones? Addresses stay below the limit, so that
 * no sum below can overflow. */
static bool load_sound(const struct reader *reader, const struct elf_program *program,
                       const struct elf_plan *plan)
{
    const struct elf_segment *last =
        plan->segment_count > 0 ? &plan->segment[plan->segment_count - 1] : NULL;

    if (!inside_file(reader, program) || program->file_size > program->mem_size ||
        (program->align & (program->align - 1)) != 0 || program->align > ELF_ALIGN_MAX) {
        return false;
    }
    if (((program->vaddr ^ program->offset) & PAGE_MASK) != 0) {
        return false; /* its pages could not show the file's */
    }
    if (program->vaddr >= reader->end || program->mem_size > reader->end - program->vaddr ||
        align_down(program->vaddr, PAGE_SIZE) < reader->min) {
        return false;
    }
    return last == NULL ||
           align_down(program->vaddr, PAGE_SIZE) >= align_up(last->mem_end, PAGE_SIZE);
}

static exo_status_t load_add(struct reader *reader, const struct elf_program *program,
                             struct elf_plan *plan)
{
    if (program->mem_size == 0) {
        return program->file_size == 0 ? EXO_OK : EXO_ERR_BAD_FORMAT;
    }
    if (!load_sound(reader, program, plan)) {
        return EXO_ERR_BAD_FORMAT;
    }
    if (plan->segment_count == ELF_SEGMENTS_MAX) {
        return EXO_ERR_NO_RESOURCES;
    }
    plan->segment[plan->segment_count++] =
        (struct elf_segment){ .vaddr = program->vaddr,
                              .file_end = program->vaddr + program->file_size,
                              .mem_end = program->vaddr + program->mem_size,
                              .offset = program->offset,
                              .prot = prot_of(program->flags) };
    reader->align = max_u64(reader->align, program->align);
    return EXO_OK;
}

static exo_status_t interp_add(const struct reader *reader, const struct elf_program *program,
                               struct elf_plan *plan)
{
    if (plan->interp_len != 0 || !inside_file(reader, program) || program->file_size < 2) {
        return EXO_ERR_BAD_FORMAT;
    }
    if (program->file_size > ELF_INTERP_MAX) {
        return EXO_ERR_NO_RESOURCES;
    }
    const uint8_t *path = reader->file + program->offset;

    for (uint64_t i = 0; i < program->file_size; i++) {
        if ((path[i] == 0) != (i == program->file_size - 1)) {
            return EXO_ERR_BAD_FORMAT; /* no NUL at its end, or one before */
        }
    }
    plan->interp_offset = program->offset;
    plan->interp_len = (uint32_t)program->file_size;
    return EXO_OK;
}

/* Find out from a note segment whether the program is native. As on Linux, notes that make no sense
 * are none. */
static void notes_read(const struct reader *reader, const struct elf_program *program,
                       struct elf_plan *plan)
{
    uint64_t at = program->offset;
    uint64_t left = inside_file(reader, program) ? program->file_size : 0;

    while (left >= sizeof(struct elf_note)) {
        struct elf_note note;

        memcpy(&note, reader->file + at, sizeof(note));
        const uint64_t content_at = sizeof(note) + align_up(note.name_size, 4);
        const uint64_t size = content_at + align_up(note.content_size, 4);

        if (size > left) {
            return;
        }
        if (note.type == EXO_NOTE_ABI && note.name_size == sizeof(EXO_NOTE_NAME) &&
            note.content_size == sizeof(plan->native_abi) &&
            memcmp(reader->file + at + sizeof(note), EXO_NOTE_NAME, sizeof(EXO_NOTE_NAME)) == 0) {
            memcpy(&plan->native_abi, reader->file + at + content_at, sizeof(plan->native_abi));
        }
        at += size;
        left -= size;
    }
}

static exo_status_t programs_read(struct reader *reader, struct elf_plan *plan)
{
    for (uint32_t i = 0; i < reader->header.program_count; i++) {
        struct elf_program program;
        exo_status_t status = EXO_OK;

        program_read(reader, i, &program);
        if (program.type == ELF_SEGMENT_LOAD) {
            status = load_add(reader, &program, plan);
        } else if (program.type == ELF_SEGMENT_INTERP) {
            status = interp_add(reader, &program, plan);
        } else if (program.type == ELF_SEGMENT_NOTE) {
            notes_read(reader, &program, plan);
        } else if (program.type == ELF_SEGMENT_GNU_STACK) {
            plan->stack_exec = (program.flags & ELF_FLAG_EXEC) != 0;
        }
        if (status != EXO_OK) {
            return status;
        }
    }
    return EXO_OK;
}

/* Where the program headers come to lie: in the segment that holds their bytes of the file, or
 * nowhere. */
static vaddr_t headers_find(const struct reader *reader, const struct elf_plan *plan)
{
    const uint64_t at = reader->header.program_offset;
    const uint64_t size = reader->header.program_count * sizeof(struct elf_program);

    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct elf_segment *segment = &plan->segment[i];
        const uint64_t file_size = segment->file_end - segment->vaddr;

        if (at >= segment->offset && at - segment->offset <= file_size &&
            size <= file_size - (at - segment->offset)) {
            return plan->bias + segment->vaddr + (at - segment->offset);
        }
    }
    return 0;
}

static bool entry_sound(const struct elf_plan *plan, uint64_t entry)
{
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct elf_segment *segment = &plan->segment[i];

        if (entry >= segment->vaddr && entry < segment->mem_end) {
            return (segment->prot & VM_PROT_EXEC) != 0;
        }
    }
    return false;
}

exo_status_t elf_parse(const uint8_t *file, size_t len_bytes, uint64_t slide, struct elf_plan *out)
{
    struct reader reader = { .file = file, .len_bytes = len_bytes };
    struct elf_plan plan = { 0 };
    exo_status_t status = header_read(&reader);

    if (status != EXO_OK) {
        return status;
    }
    reader.min = HAL_USER_MIN;
    reader.end = ELF_PLACE_END;
    if (reader.header.type == ELF_TYPE_DYN) {
        plan.bias = ELF_PIE_BASE + slide;
        reader.min = 0;
        reader.end = ELF_PIE_SIZE;
    }
    status = programs_read(&reader, &plan);
    if (status != EXO_OK) {
        return status;
    }
    if (!entry_sound(&plan, reader.header.entry)) {
        return EXO_ERR_BAD_FORMAT;
    }
    if (plan.bias != 0 && reader.align > PAGE_SIZE) {
        plan.bias = align_down(plan.bias, reader.align);
    }
    plan.entry = plan.bias + reader.header.entry;
    plan.start = plan.bias + align_down(plan.segment[0].vaddr, PAGE_SIZE);
    plan.end = plan.bias + plan.segment[plan.segment_count - 1].mem_end;
    plan.headers = headers_find(&reader, &plan);
    plan.header_count = reader.header.program_count;
    plan.header_size = sizeof(struct elf_program);
    *out = plan;
    return EXO_OK;
}
