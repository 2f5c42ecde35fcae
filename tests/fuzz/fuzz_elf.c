/*
 * tests/fuzz/fuzz_elf.c - any bytes as an executable: the parser refuses them, or gives a plan that
 * keeps what exo/proc/elf.h promises, worked out here anew.
 *
 * sources: core/proc/elf.c
 */
#include "exo/hal.h"
#include "exo/proc/elf.h"
#include "fuzz.h"

static bool overlap(const struct elf_segment *a, const struct elf_segment *b)
{
    return a->vaddr / PAGE_SIZE <= (b->mem_end - 1) / PAGE_SIZE &&
           b->vaddr / PAGE_SIZE <= (a->mem_end - 1) / PAGE_SIZE;
}

static void segment_check(const struct elf_plan *plan, uint32_t index, size_t len_bytes)
{
    const struct elf_segment *segment = &plan->segment[index];
    const uint64_t file_size = segment->file_end - segment->vaddr;

    FUZZ_ASSERT(segment->vaddr < segment->mem_end);
    FUZZ_ASSERT(segment->vaddr <= segment->file_end && segment->file_end <= segment->mem_end);
    FUZZ_ASSERT(segment->mem_end + plan->bias > plan->bias);
    FUZZ_ASSERT(segment->mem_end + plan->bias <= ELF_PLACE_END);
    FUZZ_ASSERT((segment->vaddr + plan->bias) / PAGE_SIZE >= HAL_USER_MIN / PAGE_SIZE);
    FUZZ_ASSERT(segment->offset <= len_bytes && file_size <= len_bytes - segment->offset);
    FUZZ_ASSERT(segment->offset % PAGE_SIZE == segment->vaddr % PAGE_SIZE);
    FUZZ_ASSERT((segment->prot & ~(VM_PROT_READ | VM_PROT_WRITE | VM_PROT_EXEC)) == 0);
    for (uint32_t i = 0; i < index; i++) {
        FUZZ_ASSERT(!overlap(segment, &plan->segment[i]));
        FUZZ_ASSERT(plan->segment[i].vaddr < segment->vaddr);
    }
}

static bool is_code(const struct elf_plan *plan, vaddr_t entry)
{
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct elf_segment *segment = &plan->segment[i];

        if (entry - plan->bias >= segment->vaddr && entry - plan->bias < segment->mem_end) {
            return (segment->prot & VM_PROT_EXEC) != 0;
        }
    }
    return false;
}

static void plan_check(const struct elf_plan *plan, const uint8_t *file, size_t len_bytes)
{
    FUZZ_ASSERT(plan->segment_count > 0 && plan->segment_count <= ELF_SEGMENTS_MAX);
    FUZZ_ASSERT(plan->bias % PAGE_SIZE == 0);
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        segment_check(plan, i, len_bytes);
    }
    FUZZ_ASSERT(is_code(plan, plan->entry));
    FUZZ_ASSERT(plan->start % PAGE_SIZE == 0 && plan->start < plan->end);
    FUZZ_ASSERT(plan->header_count <= ELF_HEADERS_MAX);
    if (plan->headers != 0) {
        const uint64_t size = (uint64_t)plan->header_count * plan->header_size;

        FUZZ_ASSERT(plan->headers >= plan->start && plan->headers + size <= plan->end);
    }
    if (plan->interp_len != 0) {
        FUZZ_ASSERT(plan->interp_len >= 2 && plan->interp_len <= ELF_INTERP_MAX);
        FUZZ_ASSERT(plan->interp_offset <= len_bytes &&
                    plan->interp_len <= len_bytes - plan->interp_offset);
        FUZZ_ASSERT(file[plan->interp_offset + plan->interp_len - 1] == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    static const uint64_t slides[] = { 0, ((1ull << ELF_SLIDE_PAGES) - 1) * PAGE_SIZE };
    exo_status_t status[2];

    for (uint32_t i = 0; i < 2; i++) {
        struct elf_plan plan;

        status[i] = elf_parse(data, len_bytes, slides[i], &plan);
        if (status[i] == EXO_OK) {
            plan_check(&plan, data, len_bytes);
        }
    }
    FUZZ_ASSERT(status[0] == status[1]);
    return 0;
}
