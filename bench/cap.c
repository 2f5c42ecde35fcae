/*
 * cap.c - what it costs to find a capability, and to make, move and revoke one.
 */
#include "exo/cap/cap.h"

#include "bench/cap_bench.h"
#include "exo/mem/heap.h"
#include "exo_bench.h"

#define TYPE   EXO_TYPE_MAX
#define RIGHTS EXO_RIGHTS_COMMON

static struct cap_quota g_quota = { .entries_max = UINT64_MAX, .bytes_max = UINT64_MAX };

static void object_destroy(struct kobj *object)
{
    heap_free(object);
}

static const struct kobj_ops g_ops = {
    .name = "bench", .type = TYPE, .rights = RIGHTS, .destroy = object_destroy
};

/* A table with `count` entries of one object. */
struct bench_table {
    struct cap_space *space;
    exo_cap_t *cap; /* in random order, so that the slots are */
    uint32_t count;
};

static bool table_fill(struct bench_table *table, struct kobj *object)
{
    for (uint32_t i = 0; i < table->count; i++) {
        if (cap_insert(table->space, object, RIGHTS, 0, &table->cap[i]) != EXO_OK) {
            return false;
        }
    }
    cap_bench_shuffle(table->cap, table->count);
    return true;
}

static void table_destroy(struct bench_table *table)
{
    cap_space_destroy(table->space);
    heap_free(table->cap);
    table->cap = NULL;
}

/* Make a table; false, and nothing is left, if there is no memory for it. */
static bool table_create(struct bench_table *table, uint32_t count)
{
    struct kobj *const object = heap_alloc(sizeof(*object));
    bool is_full = false;

    if (object == NULL) {
        return false;
    }
    kobj_init(object, &g_ops);
    table->count = count;
    table->cap = heap_alloc_any(count * sizeof(*table->cap));
    if (table->cap != NULL) {
        if (cap_space_create(&g_quota, &table->space) == EXO_OK) {
            is_full = table_fill(table, object);
            if (!is_full) {
                table_destroy(table);
            }
        } else {
            heap_free(table->cap);
        }
    }
    kobj_unref(object);
    return is_full;
}

/* Look all of them up by turns. */
static void look_up(struct bench_run *run, const struct bench_table *table)
{
    uint32_t at = 0;

    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        struct kobj *object = NULL;

        epoch_enter();
        const exo_status_t status =
            cap_lookup(table->space, table->cap[at], TYPE, EXO_RIGHT_SEND, &object);

        __asm__ volatile("" ::"r"(status), "r"(object));
        epoch_exit();
        at = at + 1 == table->count ? 0 : at + 1;
    }
    bench_stop(run);
}

BENCH(cap_lookup_1000,
      "find one of 1000 capabilities, section, type and rights included; a hash look-up 60 cycles",
      true)
{
    struct bench_table table;

    if (!table_create(&table, CAP_BENCH_FEW)) {
        run->skipped = true;
        return;
    }
    look_up(run, &table);
    table_destroy(&table);
}

/* The table is made once and stays: it takes longer than all samples together. */
BENCH(cap_lookup_million, "the same of a random million: a cache miss or two", false)
{
    static struct bench_table table;

    if (table.cap == NULL) {
        if (!table_create(&table, CAP_BENCH_MANY)) {
            run->skipped = true;
            return;
        }
        heap_keep(table.cap);
        heap_keep(table.space);
    }
    look_up(run, &table);
}

/* A table with one entry in it, the same for the rows below. */
static exo_cap_t one_begin(struct bench_run *run, struct bench_table *table)
{
    run->skipped = !table_create(table, 1);
    return run->skipped ? EXO_CAP_NONE : table->cap[0];
}

BENCH(cap_duplicate_close, "copy a capability and close the copy", true)
{
    struct bench_table table;
    const exo_cap_t cap = one_begin(run, &table);

    if (run->skipped) {
        return;
    }
    bench_start(run);
    for (uint64_t i = 0; i < run->loops && !run->skipped; i++) {
        exo_cap_t copy = EXO_CAP_NONE;

        run->skipped = cap_duplicate(table.space, cap, RIGHTS, table.space, &copy) != EXO_OK ||
                       cap_close(table.space, copy) != EXO_OK;
    }
    bench_stop(run);
    table_destroy(&table);
}

BENCH(cap_derive_revoke, "derive a capability and revoke it", true)
{
    const struct cap_grant grant = { .rights = RIGHTS };
    struct bench_table table;
    const exo_cap_t cap = one_begin(run, &table);

    if (run->skipped) {
        return;
    }
    bench_start(run);
    for (uint64_t i = 0; i < run->loops && !run->skipped; i++) {
        exo_cap_t child = EXO_CAP_NONE;

        run->skipped = cap_derive(table.space, cap, &grant, table.space, &child) != EXO_OK ||
                       cap_revoke(table.space, cap) != EXO_OK;
    }
    bench_stop(run);
    table_destroy(&table);
}

BENCH(cap_move, "move a capability to another table, as a message does twice", true)
{
    struct bench_table table;
    struct cap_space *space[2] = { NULL, NULL };
    exo_cap_t cap = one_begin(run, &table);

    if (run->skipped) {
        return;
    }
    space[0] = table.space;
    run->skipped = cap_space_create(&g_quota, &space[1]) != EXO_OK;
    bench_start(run);
    for (uint64_t i = 0; i < run->loops && !run->skipped; i++) {
        run->skipped = cap_move(space[i % 2], cap, space[(i + 1) % 2], &cap) != EXO_OK;
    }
    bench_stop(run);
    if (space[1] != NULL) {
        cap_space_destroy(space[1]);
    }
    table_destroy(&table);
}
