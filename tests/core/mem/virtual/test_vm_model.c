/*
 * tests/core/mem/virtual/test_vm_model.c - random calls on a space agree with an array of pages.
 *
 * A walker owns a run of pages and knows what each must be; two walkers on one space share its
 * array of areas, its tables and the area across their border, so each call of one may split, merge
 * or move what the other looks for.
 */
#include "exo/lib/string.h"
#include "vm_fixture.h"

#define MODEL_PAGES 48u
#define MODEL_STEPS 3000u
#define PAIR_STEPS  400u

struct walker {
    struct vm_space *space;
    vaddr_t base;
    uint32_t steps;
    uint32_t random;
    uint8_t model[MODEL_PAGES]; /* of each page: 0 unmapped, else rights + 1 */
};

static void model_compare(const struct walker *walker)
{
    const vaddr_t end = walker->base + MODEL_PAGES * PAGE_SIZE;
    struct vm_area_info area = { .end = walker->base };
    uint8_t seen[MODEL_PAGES] = { 0 };

    while (vm_area_next(walker->space, area.end, &area) && area.start < end) {
        const vaddr_t stop = min_u64(area.end, end);

        for (vaddr_t page = max_u64(area.start, walker->base); page < stop; page += PAGE_SIZE) {
            seen[(page - walker->base) / PAGE_SIZE] = (uint8_t)(area.prot + 1);
        }
    }
    ck_assert_mem_eq(seen, walker->model, MODEL_PAGES);
}

static void model_fault(const struct walker *walker, uint32_t page)
{
    const uint8_t state = walker->model[page];
    exo_status_t expected = EXO_OK;

    if (state == 0) {
        expected = EXO_ERR_BAD_ADDRESS;
    } else if (((state - 1u) & VM_PROT_WRITE) == 0) {
        expected = EXO_ERR_ACCESS_DENIED;
    }
    ck_assert_int_eq(vm_fault(walker->space, walker->base + page * PAGE_SIZE, HAL_ACCESS_WRITE),
                     expected);
}

static void model_step(struct walker *walker)
{
    const uint32_t first = next_random(&walker->random) % MODEL_PAGES;
    const uint32_t count = 1 + next_random(&walker->random) % (MODEL_PAGES - first);
    const uint32_t prot = next_random(&walker->random) % 8;
    const vaddr_t addr = walker->base + first * PAGE_SIZE;
    uint32_t stop = first;

    switch (next_random(&walker->random) % 4) {
    case 0:
        ck_assert_int_eq(map_zero(walker->space, addr, count, prot), EXO_OK);
        memset(walker->model + first, (int)prot + 1, count);
        break;
    case 1:
        ck_assert_int_eq(vm_unmap(walker->space, addr, count * PAGE_SIZE), EXO_OK);
        memset(walker->model + first, 0, count);
        break;
    case 2:
        while (stop < first + count && walker->model[stop] != 0) {
            walker->model[stop++] = (uint8_t)(prot + 1);
        }
        ck_assert_int_eq(vm_protect(walker->space, addr, count * PAGE_SIZE, prot),
                         stop == first + count ? EXO_OK : EXO_ERR_NOT_FOUND);
        break;
    default:
        model_fault(walker, first);
        break;
    }
}

static void walk(void *arg)
{
    struct walker *walker = arg;

    for (uint32_t i = 0; i < walker->steps; i++) {
        model_step(walker);
        vm_check(walker->space);
        model_compare(walker);
    }
}

/* Thousands of random calls agree with an array of pages, and the space with itself, after each. */
START_TEST(vm_agrees_with_a_model)
{
    const uint64_t before = frames_free();
    struct walker walker = {
        .space = space_make(), .base = BASE, .steps = MODEL_STEPS, .random = 20231
    };

    walk(&walker);
    vm_space_destroy(walker.space);
    ck_assert_uint_eq(frames_free(), before);
}
END_TEST

/* The same from two threads at a time, on neighbouring runs of pages of one space. */
START_TEST(vm_agrees_with_two_models_at_once)
{
    struct vm_space *space = space_make();
    struct walker walker[2] = {
        { .space = space, .base = BASE, .steps = PAIR_STEPS, .random = 1 },
        { .space = space,
          .base = BASE + MODEL_PAGES * PAGE_SIZE,
          .steps = PAIR_STEPS,
          .random = 2 },
    };

    run_threads(walk, walker, sizeof(walker[0]), ARRAY_COUNT(walker));
    vm_space_destroy(space);
}
END_TEST

EXO_SUITE(vm_model, EXO_TEST(vm_agrees_with_a_model), EXO_TEST(vm_agrees_with_two_models_at_once))
