/*
 * tests/core/cap/test_model.c - random operations, compared with a plain list of what should be
 * there: who was derived from whom, in which table, with what rights and badge.
 *
 * The model is loops over one array, without trees or generations. A test of one thread also models
 * the quota and ends of tables. In that of several, each has objects and a model of its own, and
 * all work in the same tables: what one does must not show in what another finds. The random source
 * is the machine's, so in the simulator all of it follows from the seed (make check-long: 10 000).
 */
#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/sched/thread.h"

#include "objects.h"

#define WORKERS     3u
#define SPACES      3u
#define OBJECTS     2u
#define RECORDS     48u /* entries of one model, living and dead */
#define QUOTA       30u /* entries, where the model knows all of them */
#define STEPS_ALONE 600u
#define STEPS_MANY  250u
#define NOBODY      UINT32_MAX

/* An entry as it should be. Dead ones keep their number, which must stay dead. */
struct record {
    exo_cap_t cap; /* NONE: this record is free */
    bool is_alive;
    uint32_t space;
    uint32_t object;
    uint32_t parent; /* record that it was derived from, NOBODY for a first one */
    exo_rights_t rights;
    uint64_t badge;
};

struct model {
    uint64_t seed;
    uint64_t random;
    uint32_t step;
    bool is_alone;
    struct kobj *object[OBJECTS];
    struct record record[RECORDS];
};

static struct cap_space *g_space[SPACES];
static struct model g_model[WORKERS];

#define EXPECT(model, condition)                                                                   \
    ck_assert_msg(condition, "seed %#lx step %u: %s", (unsigned long)(model)->seed, (model)->step, \
                  #condition)

static uint32_t pick(struct model *model, uint32_t count)
{
    model->random = model->random * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(model->random >> 33) % count;
}

static void model_init(struct model *model, bool is_alone)
{
    memset(model, 0, sizeof(*model));
    model->is_alone = is_alone;
    if (hal_entropy(&model->seed, sizeof(model->seed)) != sizeof(model->seed)) {
        model->seed = hal_cycles(); /* not every machine has a random source */
    }
    model->random = model->seed;
    for (uint32_t i = 0; i < OBJECTS; i++) {
        model->object[i] = object_create(TYPE_ONE + i);
    }
}

static uint32_t alive_count(const struct model *model, uint32_t object)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < RECORDS; i++) {
        const struct record *const record = &model->record[i];

        count += record->is_alive && (object == NOBODY || record->object == object) ? 1 : 0;
    }
    return count;
}

/* A record for a new entry, NULL if all are of living ones; a dead one may be forgotten for it. */
static struct record *record_new(struct model *model)
{
    const uint32_t from = pick(model, RECORDS);

    for (uint32_t i = 0; i < RECORDS; i++) {
        struct record *const record = &model->record[(from + i) % RECORDS];

        if (!record->is_alive) {
            return record;
        }
    }
    return NULL;
}

/* ---- what the model says that operations do ---- */

/* Take one out; who was derived from it is then derived from what it was. */
static void model_close(struct model *model, uint32_t index)
{
    model->record[index].is_alive = false;
    for (uint32_t i = 0; i < RECORDS; i++) {
        if (model->record[i].is_alive && model->record[i].parent == index) {
            model->record[i].parent = model->record[index].parent;
        }
    }
}

/* Take out all below one: its children, which leaves theirs to it, until it has none. */
static void model_revoke(struct model *model, uint32_t index)
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        if (model->record[i].is_alive && model->record[i].parent == index) {
            model_close(model, i);
            i = UINT32_MAX; /* from the start: some have come up */
        }
    }
}

/* What making one more entry comes to, when rights allow it. */
static exo_status_t model_quota(const struct model *model)
{
    return model->is_alone && alive_count(model, NOBODY) == QUOTA ? EXO_ERR_NO_RESOURCES : EXO_OK;
}

/* ---- operations, done and modelled ---- */

static void do_insert(struct model *model, uint32_t to)
{
    struct record *const record = record_new(model);
    const uint32_t object = pick(model, OBJECTS);
    const exo_rights_t rights = pick(model, 4) == 0 ? pick(model, RIGHTS_TEST + 1) : RIGHTS_TEST;
    const uint64_t badge = pick(model, 4) == 0 ? pick(model, 3) : 0;
    exo_cap_t cap = EXO_CAP_NONE;

    if (record == NULL) {
        return;
    }
    const exo_status_t status = cap_insert(g_space[to], model->object[object], rights, badge, &cap);

    EXPECT(model, status == model_quota(model));
    if (status == EXO_OK) {
        *record = (struct record){ cap, true, to, object, NOBODY, rights, badge };
    }
}

static void do_copy(struct model *model, uint32_t index, uint32_t to, bool is_child)
{
    const struct record from = model->record[index];
    struct record *const record = record_new(model);
    const exo_rights_t need = (is_child ? EXO_RIGHT_DERIVE : EXO_RIGHT_DUPLICATE) |
                              (to == from.space ? 0 : EXO_RIGHT_SEND);
    const exo_rights_t chosen = pick(model, RIGHTS_TEST + 1);
    const exo_rights_t rights = pick(model, 4) == 0   ? chosen
                                : pick(model, 4) == 0 ? from.rights & chosen
                                                      : from.rights;
    const uint64_t badge = is_child && pick(model, 4) == 0 ? pick(model, 3) : 0;
    const struct cap_grant grant = { rights, badge };
    exo_cap_t cap = EXO_CAP_NONE;
    exo_status_t expected = EXO_ERR_BAD_CAP;

    if (record == NULL) {
        return;
    }
    if (from.is_alive) {
        const bool is_allowed = (from.rights & need) == need && (rights & ~from.rights) == 0 &&
                                (badge == 0 || from.badge == 0);

        expected = is_allowed ? model_quota(model) : EXO_ERR_ACCESS_DENIED;
    }
    const exo_status_t status =
        is_child ? cap_derive(g_space[from.space], from.cap, &grant, g_space[to], &cap)
                 : cap_duplicate(g_space[from.space], from.cap, rights, g_space[to], &cap);

    EXPECT(model, status == expected);
    if (status == EXO_OK) {
        *record = (struct record){ cap,
                                   true,
                                   to,
                                   from.object,
                                   is_child ? index : from.parent,
                                   rights,
                                   badge != 0 ? badge : from.badge };
    }
}

static void do_move(struct model *model, uint32_t index, uint32_t to)
{
    struct record *const record = &model->record[index];
    exo_status_t expected = EXO_ERR_BAD_CAP;
    exo_cap_t cap = EXO_CAP_NONE;

    if (record->is_alive) {
        expected =
            (record->rights & EXO_RIGHT_SEND) != 0 ? model_quota(model) : EXO_ERR_ACCESS_DENIED;
    }
    const exo_status_t status = cap_move(g_space[record->space], record->cap, g_space[to], &cap);

    EXPECT(model, status == expected);
    if (status == EXO_OK) {
        struct cap_info info;

        EXPECT(model, cap_query(g_space[record->space], record->cap, &info) == EXO_ERR_BAD_CAP);
        record->cap = cap;
        record->space = to;
    }
}

static void do_revoke(struct model *model, uint32_t index)
{
    const struct record *const record = &model->record[index];
    exo_status_t expected = EXO_ERR_BAD_CAP;

    if (record->is_alive) {
        expected = (record->rights & EXO_RIGHT_REVOKE) != 0 ? EXO_OK : EXO_ERR_ACCESS_DENIED;
    }
    EXPECT(model, cap_revoke(g_space[record->space], record->cap) == expected);
    if (expected == EXO_OK) {
        model_revoke(model, index);
    }
}

static void do_close(struct model *model, uint32_t index)
{
    const struct record *const record = &model->record[index];
    const exo_status_t expected = record->is_alive ? EXO_OK : EXO_ERR_BAD_CAP;

    EXPECT(model, cap_close(g_space[record->space], record->cap) == expected);
    if (expected == EXO_OK) {
        model_close(model, index);
    }
}

/* A new table in the place of an old one: numbers of the old one mean nothing in it. */
static void do_destroy(struct model *model, uint32_t space)
{
    cap_space_destroy(g_space[space]);
    g_space[space] = space_create();
    for (uint32_t i = 0; i < RECORDS; i++) {
        if (model->record[i].space == space) {
            if (model->record[i].is_alive) {
                model_close(model, i);
            }
            model->record[i].cap = EXO_CAP_NONE;
        }
    }
}

/* ---- comparing ---- */

static void compare_one(struct model *model, const struct record *record)
{
    struct kobj *found = NULL;
    struct cap_info info;
    const exo_status_t status = cap_query(g_space[record->space], record->cap, &info);

    EXPECT(model, status == (record->is_alive ? EXO_OK : EXO_ERR_BAD_CAP));
    if (record->is_alive) {
        EXPECT(model, info.type == TYPE_ONE + record->object);
        EXPECT(model, info.rights == record->rights);
        EXPECT(model, info.badge == record->badge);
        EXPECT(model, find(g_space[record->space], record->cap, info.type, record->rights,
                           &found) == EXO_OK);
        EXPECT(model, found == model->object[record->object]);
    }
}

static void compare(struct model *model)
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        compare_one(model, &model->record[i]);
    }
    for (uint32_t i = 0; i < OBJECTS; i++) {
        EXPECT(model, cap_check(model->object[i]) == alive_count(model, i));
    }
}

static void one_step(struct model *model)
{
    const uint32_t index = pick(model, RECORDS);
    const uint32_t to = pick(model, SPACES);

    switch (pick(model, 20)) {
    case 0:
    case 1:
    case 2:
        do_insert(model, to);
        break;
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
        do_copy(model, index, to, true);
        break;
    case 9:
    case 10:
    case 11:
        do_copy(model, index, to, false);
        break;
    case 12:
    case 13:
    case 14:
        do_move(model, index, to);
        break;
    case 15:
    case 16:
        do_revoke(model, index);
        break;
    case 17:
        if (model->is_alone && pick(model, 8) == 0) {
            do_destroy(model, to);
        }
        break;
    default:
        do_close(model, index);
        break;
    }
}

static void run_model(void *arg)
{
    struct model *const model = arg;
    const uint32_t steps = model->is_alone ? STEPS_ALONE : STEPS_MANY;

    for (model->step = 0; model->step < steps; model->step++) {
        one_step(model);
        if (model->step % 8 == 0) {
            compare(model);
        }
    }
    compare(model);
}

static void spaces_create(void)
{
    for (uint32_t i = 0; i < SPACES; i++) {
        g_space[i] = space_create();
    }
}

/* The tables go, and with them all entries; then each model's objects have its own reference. */
static void end(uint32_t models)
{
    for (uint32_t i = 0; i < SPACES; i++) {
        cap_space_destroy(g_space[i]);
    }
    for (uint32_t i = 0; i < models * OBJECTS; i++) {
        struct kobj *const object = g_model[i / OBJECTS].object[i % OBJECTS];

        ck_assert_uint_eq(cap_check(object), 0);
        ck_assert_uint_eq(atomic_load(&object->refs), 1);
        kobj_unref(object);
    }
    quota_end();
    objects_end();
}

START_TEST(cap_model_of_one_thread)
{
    cap_quota_init(&g_quota, QUOTA, UINT64_MAX);
    spaces_create();
    model_init(&g_model[0], true);
    run_model(&g_model[0]);
    end(1);
}
END_TEST

START_TEST(cap_model_of_threads_that_share_tables)
{
    struct thread *thread[WORKERS];

    quota_begin();
    spaces_create();
    for (uint32_t i = 0; i < WORKERS; i++) {
        const struct thread_spec spec = {
            .name = "model", .entry = run_model, .arg = &g_model[i], .cpu = THREAD_ANY_CPU
        };

        model_init(&g_model[i], false);
        ck_assert_int_eq(thread_create(&spec, &thread[i]), EXO_OK);
    }
    for (uint32_t i = 0; i < WORKERS; i++) {
        thread_join(thread[i], NULL);
    }
    end(WORKERS);
}
END_TEST

EXO_SUITE(cap_model, EXO_TEST(cap_model_of_one_thread),
          EXO_TEST(cap_model_of_threads_that_share_tables))
