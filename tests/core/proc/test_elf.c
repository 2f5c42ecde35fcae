/* tests/core/proc/test_elf.c - the ELF parser: every field it uses, spoiled one at a time; the
 * mapper. */
#include "exo/hal.h"
#include "exo/mem/phys.h"
#include "exo/mem/user.h"
#include "exo/proc/elf.h"
#include "exo_check.h"
#include "image.h"

static uint8_t g_file[IMAGE_SIZE] EXO_ALIGNED(8);
static const uint8_t g_code[] = { 0xf4 };
static struct elf_plan g_plan;

#define SLIDE_MAX (((1ull << ELF_SLIDE_PAGES) - 1) * PAGE_SIZE)

static struct image fresh(void)
{
    return image_make(g_file, g_code, sizeof(g_code));
}

static exo_status_t parse(void)
{
    return elf_parse(g_file, sizeof(g_file), 0, &g_plan);
}

#define REJECTS(change, expected)                                                                  \
    do {                                                                                           \
        struct image i = fresh();                                                                  \
        (change);                                                                                  \
        (void)i.file;                                                                              \
        ck_assert_int_eq(parse(), expected);                                                       \
    } while (0)

/* A sound file becomes a plan with the facts that the file states. */
START_TEST(elf_plan_states_the_file)
{
    fresh();
    ck_assert_int_eq(parse(), EXO_OK);
    ck_assert_uint_eq(g_plan.bias, 0);
    ck_assert_uint_eq(g_plan.entry, IMAGE_BASE + IMAGE_CODE);
    ck_assert_uint_eq(g_plan.start, IMAGE_BASE);
    ck_assert_uint_eq(g_plan.end, IMAGE_BASE + IMAGE_DATA + IMAGE_DATA_MEM);
    ck_assert_uint_eq(g_plan.headers, IMAGE_BASE + 64);
    ck_assert_uint_eq(g_plan.header_count, 4);
    ck_assert_uint_eq(g_plan.header_size, 56);
    ck_assert_uint_eq(g_plan.segment_count, 3);
    ck_assert_uint_eq(g_plan.interp_len, 0);
    ck_assert(!g_plan.stack_exec);
    ck_assert_uint_eq(g_plan.segment[1].prot, VM_PROT_READ | VM_PROT_EXEC);
    ck_assert_uint_eq(g_plan.segment[2].file_end, IMAGE_BASE + IMAGE_DATA + IMAGE_DATA_FILE);
    ck_assert_uint_eq(g_plan.segment[2].mem_end, g_plan.end);
    ck_assert_uint_eq(g_plan.segment[2].offset, IMAGE_DATA);
}
END_TEST

/* A position-independent program gets the bias, aligned as its strictest segment wants. */
START_TEST(elf_plan_biases_dyn)
{
    struct image i = fresh();

    image_make_pie(&i);
    ck_assert_int_eq(parse(), EXO_OK);
    ck_assert_uint_eq(g_plan.bias, ELF_PIE_BASE);
    ck_assert_uint_eq(g_plan.entry, ELF_PIE_BASE + IMAGE_CODE);
    ck_assert_uint_eq(g_plan.start, ELF_PIE_BASE);
    ck_assert_uint_eq(g_plan.headers, ELF_PIE_BASE + 64);
    i.program[1].align = 0x200000;
    ck_assert_int_eq(parse(), EXO_OK);
    ck_assert_uint_eq(g_plan.bias % 0x200000, 0);
    ck_assert_uint_eq(g_plan.entry, g_plan.bias + IMAGE_CODE);
    ck_assert_int_eq(elf_parse(g_file, sizeof(g_file), SLIDE_MAX, &g_plan), EXO_OK);
    ck_assert_uint_eq(g_plan.bias, align_down(ELF_PIE_BASE + SLIDE_MAX, 0x200000));
}
END_TEST

/* How far it may reach does not depend on where it is put; a static program is put nowhere. */
START_TEST(elf_plan_is_sound_at_every_slide)
{
    for (uint32_t at_end = 0; at_end < 2; at_end++) {
        const uint64_t slide = at_end ? SLIDE_MAX : 0;
        struct image i = fresh();

        image_make_pie(&i);
        i.program[2].vaddr = ELF_PIE_SIZE - PAGE_SIZE + IMAGE_DATA % PAGE_SIZE;
        i.program[2].mem_size = PAGE_SIZE - IMAGE_DATA % PAGE_SIZE;
        ck_assert_int_eq(elf_parse(g_file, sizeof(g_file), slide, &g_plan), EXO_OK);
        ck_assert_uint_eq(g_plan.bias, ELF_PIE_BASE + slide);
        ck_assert_uint_eq(g_plan.end, ELF_PIE_BASE + slide + ELF_PIE_SIZE);
        ck_assert_uint_le(g_plan.end, ELF_PLACE_END);
        i.program[2].mem_size++;
        ck_assert_int_eq(elf_parse(g_file, sizeof(g_file), slide, &g_plan), EXO_ERR_BAD_FORMAT);
        fresh();
        ck_assert_int_eq(elf_parse(g_file, sizeof(g_file), slide, &g_plan), EXO_OK);
        ck_assert_uint_eq(g_plan.bias, 0);
    }
}
END_TEST

/* The identification and the header. */
START_TEST(elf_rejects_bad_headers)
{
    REJECTS(i.file[0] = 0x7e, EXO_ERR_BAD_FORMAT);
    REJECTS(i.file[3] = 'G', EXO_ERR_BAD_FORMAT);
    REJECTS(i.file[ELF_IDENT_VERSION] = 2, EXO_ERR_BAD_FORMAT);
    REJECTS(i.file[ELF_IDENT_CLASS] = 1, EXO_ERR_NOT_SUPPORTED); /* 32-bit, and x32 */
    REJECTS(i.file[ELF_IDENT_DATA] = 2, EXO_ERR_NOT_SUPPORTED);
    REJECTS(i.header->machine = 183, EXO_ERR_NOT_SUPPORTED); /* AArch64 */
    REJECTS(i.header->machine = 3, EXO_ERR_NOT_SUPPORTED);
    REJECTS(i.header->type = 1, EXO_ERR_BAD_FORMAT); /* relocatable */
    REJECTS(i.header->type = 4, EXO_ERR_BAD_FORMAT); /* core dump */
    REJECTS(i.header->version = 0, EXO_ERR_BAD_FORMAT);
    REJECTS(i.header->header_size = 63, EXO_ERR_BAD_FORMAT);
    REJECTS(i.header->program_entry_size = 32, EXO_ERR_BAD_FORMAT);
    REJECTS(i.header->program_count = 0, EXO_ERR_BAD_FORMAT);
    REJECTS(i.header->program_count = ELF_HEADERS_MAX + 1, EXO_ERR_NO_RESOURCES);
    REJECTS(i.header->program_count = 0xffff, EXO_ERR_NO_RESOURCES);
    REJECTS(i.header->program_offset = IMAGE_SIZE - 55, EXO_ERR_BAD_FORMAT);
    REJECTS(i.header->program_offset = UINT64_MAX - 7, EXO_ERR_BAD_FORMAT);
    REJECTS(i.header->entry = IMAGE_BASE, EXO_ERR_BAD_FORMAT); /* not executable */
    REJECTS(i.header->entry = IMAGE_BASE + IMAGE_CODE + 0x200, EXO_ERR_BAD_FORMAT);
    REJECTS(i.header->entry = 0, EXO_ERR_BAD_FORMAT);
}
END_TEST

/* The loadable segments: sizes, sums that wrap, alignment, ranges, order. */
START_TEST(elf_rejects_bad_segments)
{
    REJECTS(i.program[1].file_size = 0x201,
            EXO_ERR_BAD_FORMAT); /* more in the file than in memory */
    REJECTS(i.program[1].mem_size = 0, EXO_ERR_BAD_FORMAT);
    REJECTS(i.program[2].offset = IMAGE_SIZE + 0x100, EXO_ERR_BAD_FORMAT);
    REJECTS(i.program[2].offset = UINT64_MAX - 0xeff, EXO_ERR_BAD_FORMAT);
    REJECTS((i.program[2].file_size = UINT64_MAX, i.program[2].mem_size = UINT64_MAX),
            EXO_ERR_BAD_FORMAT);
    REJECTS(i.program[2].mem_size = UINT64_MAX - IMAGE_BASE, EXO_ERR_BAD_FORMAT);
    REJECTS(i.program[2].mem_size = ELF_PLACE_END, EXO_ERR_BAD_FORMAT);
    REJECTS(i.program[2].vaddr += 8, EXO_ERR_BAD_FORMAT); /* not congruent to its offset */
    REJECTS(i.program[2].align = 0x1800, EXO_ERR_BAD_FORMAT);
    REJECTS(i.program[2].align = ELF_ALIGN_MAX * 2, EXO_ERR_BAD_FORMAT);
    REJECTS(i.program[0].vaddr = 0, EXO_ERR_BAD_FORMAT);
    REJECTS(i.program[0].vaddr = HAL_USER_MIN - PAGE_SIZE, EXO_ERR_BAD_FORMAT);
    REJECTS(i.program[2].vaddr = ELF_PLACE_END + 0x100, EXO_ERR_BAD_FORMAT);
    REJECTS(i.program[2].vaddr = 0xffffffff80000100ull, EXO_ERR_BAD_FORMAT);
    REJECTS(i.program[1].vaddr = IMAGE_BASE, EXO_ERR_BAD_FORMAT); /* on the first one's page */
    REJECTS(i.program[2].vaddr = IMAGE_BASE - PAGE_SIZE + 0x100, EXO_ERR_BAD_FORMAT); /* descends */
    REJECTS((i.program[0].type = 0, i.program[1].type = 0, i.program[2].type = 0),
            EXO_ERR_BAD_FORMAT);
}
END_TEST

/* What Linux takes is taken: an empty segment, writable code, no headers in memory, executable
 * stacks. */
START_TEST(elf_accepts_what_linux_accepts)
{
    struct image i = fresh();

    i.program[2].mem_size = 0;
    i.program[2].file_size = 0;
    ck_assert_int_eq(parse(), EXO_OK);
    ck_assert_uint_eq(g_plan.segment_count, 2);
    i = fresh();
    i.program[1].flags |= ELF_FLAG_WRITE;
    ck_assert_int_eq(parse(), EXO_OK);
    ck_assert_uint_eq(g_plan.segment[1].prot, VM_PROT_ALL);
    i = fresh();
    i.program[0].file_size = 64; /* the table of headers is not inside any more */
    ck_assert_int_eq(parse(), EXO_OK);
    ck_assert_uint_eq(g_plan.headers, 0);
    i = fresh();
    i.program[3].flags |= ELF_FLAG_EXEC;
    ck_assert_int_eq(parse(), EXO_OK);
    ck_assert(g_plan.stack_exec);
}
END_TEST

/* ELF_SEGMENTS_MAX loadable segments and no more. */
START_TEST(elf_limits_the_segments)
{
    struct image i = fresh();

    for (uint32_t n = 2; n <= ELF_SEGMENTS_MAX; n++) {
        i.program[n] = (struct elf_program){ .type = ELF_SEGMENT_LOAD,
                                             .vaddr = IMAGE_BASE + (n + 8) * PAGE_SIZE,
                                             .mem_size = 8,
                                             .align = PAGE_SIZE };
    }
    i.header->program_count = ELF_SEGMENTS_MAX;
    ck_assert_int_eq(parse(), EXO_OK);
    ck_assert_uint_eq(g_plan.segment_count, ELF_SEGMENTS_MAX);
    i.header->program_count = ELF_SEGMENTS_MAX + 1;
    ck_assert_int_eq(parse(), EXO_ERR_NO_RESOURCES);
}
END_TEST

/* An interpreter is found and checked: one, inside the file, one NUL, at its end. */
START_TEST(elf_checks_the_interpreter)
{
    struct image i = fresh();

    i.program[3] =
        (struct elf_program){ .type = ELF_SEGMENT_INTERP, .offset = 0x180, .file_size = 7 };
    memcpy(g_file + 0x180, "/ld.so", 7);
    ck_assert_int_eq(parse(), EXO_OK);
    ck_assert_uint_eq(g_plan.interp_offset, 0x180);
    ck_assert_uint_eq(g_plan.interp_len, 7);
    i.program[3].file_size = 6;
    ck_assert_int_eq(parse(), EXO_ERR_BAD_FORMAT);
    i.program[3].file_size = 8;
    ck_assert_int_eq(parse(), EXO_ERR_BAD_FORMAT);
    i.program[3].file_size = 1;
    i.program[3].offset = 0x186; /* a NUL alone */
    ck_assert_int_eq(parse(), EXO_ERR_BAD_FORMAT);
    i.program[3].file_size = 0;
    ck_assert_int_eq(parse(), EXO_ERR_BAD_FORMAT);
    i.program[3].offset = 0x180;
    i.program[3].file_size = ELF_INTERP_MAX + 1;
    ck_assert_int_eq(parse(), EXO_ERR_NO_RESOURCES);
    i.program[3].file_size = 7;
    i.program[3].offset = IMAGE_SIZE - 6;
    ck_assert_int_eq(parse(), EXO_ERR_BAD_FORMAT);
    i.program[3].offset = 0x180;
    i.program[2] = i.program[3];
    ck_assert_int_eq(parse(), EXO_ERR_BAD_FORMAT);
}
END_TEST

/* However short the file is cut, there is a status. Each cut ends with a frame, so that
 * AddressSanitizer sees whoever reads past it. */
START_TEST(elf_rejects_every_cut)
{
    const size_t whole = IMAGE_DATA + IMAGE_DATA_FILE;
    paddr_t frames = 0;

    fresh();
    ck_assert_int_eq(phys_alloc(IMAGE_SIZE / PAGE_SIZE, 1, &frames), EXO_OK);
    uint8_t *end = (uint8_t *)hal_phys_to_virt(frames) + IMAGE_SIZE;

    for (size_t len = 0; len < whole; len++) {
        memcpy(end - len, g_file, len);
        ck_assert_int_eq(elf_parse(end - len, len, 0, &g_plan), EXO_ERR_BAD_FORMAT);
    }
    memcpy(end - whole, g_file, whole);
    ck_assert_int_eq(elf_parse(end - whole, whole, 0, &g_plan), EXO_OK);
    phys_free(frames, IMAGE_SIZE / PAGE_SIZE);
}
END_TEST

/* Each byte of header and table replaced by each of a few values: a status, never a crash. */
START_TEST(elf_survives_any_byte)
{
    static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };

    for (size_t at = 0; at < 64 + 4 * 56; at++) {
        for (size_t v = 0; v < sizeof(values); v++) {
            fresh();
            g_file[at] = values[v];
            const exo_status_t status = parse();

            ck_assert(status == EXO_OK || status == EXO_ERR_BAD_FORMAT ||
                      status == EXO_ERR_NOT_SUPPORTED || status == EXO_ERR_NO_RESOURCES);
        }
    }
}
END_TEST

/* Mapped, the file's bytes are at their places, what lies past them is zero, and rights are the
 * file's. */
/* A note says that a program is native; what is no such note, or cut off, says nothing. */
START_TEST(elf_reads_the_note)
{
    struct image i = fresh();

    ck_assert_int_eq(parse(), EXO_OK);
    ck_assert_uint_eq(g_plan.native_abi, 0);
    image_make_native(&i, 1);
    ck_assert_int_eq(parse(), EXO_OK);
    ck_assert_uint_eq(g_plan.native_abi, 1);
    for (uint32_t size = 0; size < i.program[4].file_size; size++) {
        struct image cut = fresh();

        image_make_native(&cut, 1);
        cut.program[4].file_size = size;
        ck_assert_int_eq(parse(), EXO_OK);
        ck_assert_uint_eq(g_plan.native_abi, 0);
    }
    for (uint32_t at = 0; at < 19; at++) { /* sizes, type and name, each byte spoiled */
        struct image other = fresh();

        image_make_native(&other, 1);
        other.file[IMAGE_NOTE + at] ^= 0x40;
        ck_assert_int_eq(parse(), EXO_OK);
        ck_assert_uint_eq(g_plan.native_abi, 0);
    }
    struct image outside = fresh();

    image_make_native(&outside, 1);
    outside.program[4].offset = IMAGE_SIZE - 8;
    ck_assert_int_eq(parse(), EXO_OK);
    ck_assert_uint_eq(g_plan.native_abi, 0);
}
END_TEST

/* The note may stand behind another. */
START_TEST(elf_reads_the_second_note)
{
    static const uint32_t first[] = { 4, 3, 3, 0x00554e47, 0x00ccbbaa }; /* "GNU", 3 bytes */
    struct image i = fresh();
    uint8_t note[24];

    image_make_native(&i, 7);
    memcpy(note, i.file + IMAGE_NOTE, sizeof(note));
    memcpy(i.file + IMAGE_NOTE, first, sizeof(first));
    memcpy(i.file + IMAGE_NOTE + sizeof(first), note, sizeof(note));
    i.program[4].file_size = sizeof(first) + sizeof(note);
    ck_assert_int_eq(parse(), EXO_OK);
    ck_assert_uint_eq(g_plan.native_abi, 7);
}
END_TEST

START_TEST(elf_map_shows_the_file)
{
    struct vm_space *space = NULL;
    struct vm_object *object = NULL;
    const vaddr_t data = IMAGE_BASE + IMAGE_DATA;
    uint8_t byte[2] = { 1, 1 };

    fresh();
    ck_assert_int_eq(parse(), EXO_OK);
    ck_assert_int_eq(vm_space_create(&space), EXO_OK);
    ck_assert_int_eq(vm_object_bytes_create(g_file, sizeof(g_file), &object), EXO_OK);
    ck_assert_int_eq(elf_map(&g_plan, object, space), EXO_OK);
    vm_object_unref(object);
    vm_check(space);
    ck_assert_int_eq(user_copy_in(space, byte, IMAGE_BASE + 1, 2, NULL), EXO_OK);
    ck_assert_mem_eq(byte, "EL", 2);
    ck_assert_int_eq(user_copy_in(space, byte, data + IMAGE_DATA_FILE - 1, 2, NULL), EXO_OK);
    ck_assert_mem_eq(byte, "\x5a\0", 2);
    ck_assert_int_eq(user_copy_in(space, byte, data + IMAGE_DATA_MEM - 2, 2, NULL), EXO_OK);
    ck_assert_mem_eq(byte, "\0\0", 2);
    ck_assert_int_eq(user_copy_out(space, data, byte, 2, NULL), EXO_OK);
    ck_assert_int_eq(user_copy_out(space, IMAGE_BASE + IMAGE_CODE, byte, 2, NULL),
                     EXO_ERR_BAD_ADDRESS);
    ck_assert_int_eq(vm_fault(space, data, HAL_ACCESS_EXEC), EXO_ERR_ACCESS_DENIED);
    vm_space_destroy(space);
}
END_TEST

EXO_SUITE(elf, EXO_TEST(elf_plan_states_the_file), EXO_TEST(elf_plan_biases_dyn),
          EXO_TEST(elf_plan_is_sound_at_every_slide), EXO_TEST(elf_rejects_bad_headers),
          EXO_TEST(elf_rejects_bad_segments), EXO_TEST(elf_accepts_what_linux_accepts),
          EXO_TEST(elf_limits_the_segments), EXO_TEST(elf_checks_the_interpreter),
          EXO_TEST(elf_rejects_every_cut), EXO_TEST(elf_survives_any_byte),
          EXO_TEST(elf_map_shows_the_file), EXO_TEST(elf_reads_the_note),
          EXO_TEST(elf_reads_the_second_note))
