/*
 * core/proc/elf_map.c - the mapper of an ELF plan.
 *
 * Each segment becomes at most two areas: pages that show the file, and pages of zeroes behind
 * them.
 */
#include "exo/proc/elf.h"

static exo_status_t map_at(struct vm_space *space, vaddr_t start, vaddr_t end, uint32_t prot,
                           struct vm_object *object, uint64_t offset)
{
    const struct vm_map_spec spec = { .addr = start,
                                      .len_bytes = end - start,
                                      .prot = prot,
                                      .flags = VM_MAP_FIXED | VM_MAP_NOREPLACE,
                                      .object = object,
                                      .offset = offset };
    vaddr_t at = 0;

    return start < end ? vm_map(space, &spec, &at) : EXO_OK;
}

static exo_status_t segment_map(const struct elf_segment *segment, uint64_t bias,
                                struct vm_object *object, struct vm_space *space)
{
    const vaddr_t start = bias + align_down(segment->vaddr, PAGE_SIZE);
    const vaddr_t end = bias + align_up(segment->mem_end, PAGE_SIZE);
    const bool has_file = segment->file_end > segment->vaddr;
    const vaddr_t split = has_file ? bias + align_up(segment->file_end, PAGE_SIZE) : start;
    struct vm_object *zero = vm_object_zero();
    exo_status_t status =
        map_at(space, start, split, segment->prot, object, align_down(segment->offset, PAGE_SIZE));

    if (status == EXO_OK) {
        status = map_at(space, split, end, segment->prot, zero, 0);
    }
    vm_object_unref(zero);
    if (status == EXO_OK && has_file && segment->mem_end > segment->file_end) {
        /* The rest of the last file page is zero, not what follows in the file. */
        const vaddr_t from = bias + segment->file_end;

        status = vm_write(space, from, NULL, (size_t)(split - from));
    }
    return status;
}

exo_status_t elf_map(const struct elf_plan *plan, struct vm_object *object, struct vm_space *space)
{
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const exo_status_t status = segment_map(&plan->segment[i], plan->bias, object, space);

        if (status != EXO_OK) {
            return status;
        }
    }
    return EXO_OK;
}
