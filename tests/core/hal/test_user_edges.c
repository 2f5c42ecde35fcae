/*
 * test_user_edges.c - every exception that user code can raise, and copies at every edge of what it
 * may access.
 */
#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo_check.h"
#include "user_box.h"

BOX_PROGRAM(single_step);
BOX_PROGRAM(debug_trap);
BOX_PROGRAM(x87);
BOX_PROGRAM(sse);
BOX_PROGRAM(odd_stack);
BOX_PROGRAM(segment);
BOX_PROGRAM(port);
BOX_PROGRAM(control);
BOX_PROGRAM(alignment);

#define BIT(vector) (1u << (vector))

/* Each arrives as itself, twice, so that nothing of the first spoils the second; the process is
 * left whole. Where two vectors stand, emulators and hardware, or kernels that do and do not ask
 * for alignment checks, differ. */
START_TEST(user_every_exception_is_told)
{
    const struct {
        const uint8_t *code, *code_end;
        uint32_t vectors; /* BIT()s; bit 31: or a system call */
    } row[] = {
        { user_single_step, user_single_step_end, BIT(1) },
        { user_debug_trap, user_debug_trap_end, BIT(1) | BIT(6) },
        { user_x87, user_x87_end, BIT(16) },
        { user_sse, user_sse_end, BIT(19) | BIT(31) },
        { user_odd_stack, user_odd_stack_end, BIT(12) | BIT(13) },
        { user_segment, user_segment_end, BIT(13) },
        { user_port, user_port_end, BIT(13) },
        { user_control, user_control_end, BIT(13) },
        { user_alignment, user_alignment_end, BIT(17) | BIT(31) },
    };
    struct hal_user_event event;
    struct box box;

    box_open(&box);
    for (uint32_t i = 0; i < 2 * ARRAY_COUNT(row); i++) {
        const uint32_t k = i / 2;

        box_start(&box, box.user, row[k].code, row[k].code_end);
        box_arguments(box.user, USER_DATA, 0);
        box_run(box.user, &event);
        const uint32_t got = event.reason == HAL_USER_EXCEPTION ? BIT(event.vector)
                             : event.reason == HAL_USER_SYSCALL ? BIT(31)
                                                                : 0;

        ck_assert_msg((got & row[k].vectors) != 0, "row %u came as reason %u vector %u", k,
                      event.reason, event.vector);
    }
    box_close(&box);
}
END_TEST

/* ---- copies ---------------------------------------------------------------------------------- */

#define FUZZ_COPIES 6000u
#define FUZZ_BYTES  (2 * PAGE_SIZE + 64)

/* Pages round which the copies go: first and last of the user range, what lies beside them, and
 * some in between with other rights. Those outside the range are in the tables, as user pages. */
static const struct {
    vaddr_t page;
    uint32_t rights; /* 0: not there */
} g_place[] = {
    { HAL_USER_MIN - PAGE_SIZE, DATA_RIGHTS },
    { HAL_USER_MIN, DATA_RIGHTS },
    { USER_ELSE, DATA_RIGHTS },
    { USER_ELSE + PAGE_SIZE, PT_READ | PT_USER },
    { USER_ELSE + 2 * PAGE_SIZE, DATA_RIGHTS },
    { USER_ELSE + 3 * PAGE_SIZE, 0 },
    { HAL_USER_MAX - PAGE_SIZE, DATA_RIGHTS },
    { HAL_USER_MAX, DATA_RIGHTS },
};

struct copy_box {
    paddr_t root;
    struct hal_space *space;
    uint8_t *bytes[ARRAY_COUNT(g_place)]; /* NULL: not there */
};

static void copy_box_open(struct copy_box *box)
{
    ck_assert_int_eq(pt_create(&box->root), EXO_OK);
    ck_assert_int_eq(hal_space_create(box->root, &box->space), EXO_OK);
    for (uint32_t i = 0; i < ARRAY_COUNT(g_place); i++) {
        paddr_t frame = 0;

        box->bytes[i] = NULL;
        if (g_place[i].rights != 0) {
            ck_assert_int_eq(phys_alloc_zeroed(&frame), EXO_OK);
            ck_assert_int_eq(pt_map(box->root, g_place[i].page, frame, 1, g_place[i].rights),
                             EXO_OK);
            box->bytes[i] = hal_phys_to_virt(frame);
        }
    }
}

static void copy_box_close(struct copy_box *box)
{
    hal_space_destroy(box->space);
    for (uint32_t i = 0; i < ARRAY_COUNT(g_place); i++) {
        if (box->bytes[i] != NULL) {
            phys_free(hal_virt_to_phys(box->bytes[i]), 1);
        }
    }
    pt_destroy(box->root, HAL_USER_MAX + PAGE_SIZE);
    phys_free(box->root, 1);
}

/* The byte at `addr` as user code may access it, NULL if it may not. */
static uint8_t *byte_at(const struct copy_box *box, vaddr_t addr, uint32_t need)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(g_place); i++) {
        const vaddr_t offset = addr - g_place[i].page;

        if (offset < PAGE_SIZE && addr >= HAL_USER_MIN && addr < HAL_USER_MAX &&
            (g_place[i].rights & need) == need && box->bytes[i] != NULL) {
            return box->bytes[i] + offset;
        }
    }
    return NULL;
}

static uint64_t g_seed = 0x9e3779b97f4a7c15ull;

static uint64_t draw(uint64_t below)
{
    g_seed ^= g_seed << 13;
    g_seed ^= g_seed >> 7;
    g_seed ^= g_seed << 17;
    return g_seed % below;
}

/* One copy out and one in at the same place; what must be left is found byte by byte. */
static void copy_both_ways(const struct copy_box *box, vaddr_t addr, size_t len_bytes)
{
    static uint8_t out[FUZZ_BYTES], in[FUZZ_BYTES + 1];
    const uint8_t fill = (uint8_t)draw(256);
    size_t written = 0, read = 0;

    while (written < len_bytes && byte_at(box, addr + written, PT_WRITE) != NULL) {
        written++;
    }
    while (read < len_bytes && byte_at(box, addr + read, PT_READ) != NULL) {
        read++;
    }
    memset(out, fill, len_bytes);
    memset(in, (uint8_t)~fill, len_bytes + 1);
    ck_assert_msg(hal_user_copy_out(box->space, addr, out, len_bytes) == len_bytes - written,
                  "out to 0x%llx, %u bytes", (unsigned long long)addr, (unsigned)len_bytes);
    ck_assert_msg(hal_user_copy_in(box->space, in, addr, len_bytes) == len_bytes - read,
                  "in from 0x%llx, %u bytes", (unsigned long long)addr, (unsigned)len_bytes);
    for (size_t i = 0; i < read; i++) {
        ck_assert_uint_eq(in[i], *byte_at(box, addr + i, PT_READ));
        ck_assert(i >= written || in[i] == fill);
    }
    ck_assert_uint_eq(in[read], (uint8_t)~fill); /* nothing behind it was touched */
}

/* Copies of drawn lengths from drawn places, most of them a few bytes from an edge. */
START_TEST(user_copy_obeys_every_edge)
{
    struct copy_box box;

    copy_box_open(&box);
    for (uint32_t i = 0; i < FUZZ_COPIES; i++) {
        const vaddr_t page = g_place[draw(ARRAY_COUNT(g_place))].page;
        const uint64_t reach = draw(4) == 0 ? PAGE_SIZE : 24;
        const size_t len_bytes = draw(8) == 0 ? draw(FUZZ_BYTES) : draw(48);

        copy_both_ways(&box, page - reach + draw(2 * reach), len_bytes);
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(g_place); i++) { /* none got what lies outside */
        if (g_place[i].page < HAL_USER_MIN || g_place[i].page >= HAL_USER_MAX) {
            for (size_t at = 0; at < PAGE_SIZE; at++) {
                ck_assert_uint_eq(box.bytes[i][at], 0);
            }
        }
    }
    copy_box_close(&box);
}
END_TEST

EXO_SUITE(hal_user_edges, EXO_TEST(user_every_exception_is_told),
          EXO_TEST(user_copy_obeys_every_edge))
