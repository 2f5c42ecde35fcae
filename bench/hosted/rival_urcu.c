/*
 * rival_urcu.c - liburcu's hash table, by the same numbers in the same order as the table of
 * capabilities; and the claims against it.
 *
 * One of its entries holds what one of ours does, object and rights, and a look-up checks the
 * rights. The hash is one multiplication. Read sections are those of the flavour "memb", the
 * library's own choice; the rows "bare" leave them out, as the flavour "qsbr" would. Interrupts are
 * off while it runs: it knows its threads by their host threads.
 */
#include <stdlib.h>

#define URCU_INLINE_SMALL_FUNCTIONS
#include <urcu/urcu-memb.h>

#include <urcu/rculfhash.h>

#include "bench/cap_bench.h"
#include "exo/hal.h"
#include "exo_bench.h"

#define RIGHTS 0xfu

struct entry {
    struct cds_lfht_node node;
    uint64_t key;
    void *object;
    uint64_t rights;
};

struct table {
    struct cds_lfht *hash;
    struct entry *entry;
    uint64_t *key; /* in random order */
    uint32_t count;
};

static unsigned long hash_of(uint64_t key)
{
    const uint64_t product = key * 0x9e3779b97f4a7c15ull;

    return product >> 32 | product << 32;
}

static int match(struct cds_lfht_node *node, const void *key)
{
    return caa_container_of(node, struct entry, node)->key == *(const uint64_t *)key;
}

static bool table_create(struct table *table, uint32_t count)
{
    const unsigned long buckets = 1ul << (64 - __builtin_clzl(count - 1));

    table->count = count;
    table->entry = calloc(count, sizeof(*table->entry));
    table->key = calloc(count, sizeof(*table->key));
    table->hash = cds_lfht_new_flavor(buckets, buckets, buckets, 0, &urcu_memb_flavor, NULL);
    if (table->entry == NULL || table->key == NULL || table->hash == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct entry *const entry = &table->entry[i];

        /* Shaped like our numbers: slots in frames of 84, generation 1. */
        table->key[i] = 1ul << 22 | (uint64_t)(i / 84) << 7 | i % 84;
        *entry = (struct entry){ .key = table->key[i], .object = entry, .rights = RIGHTS };
        urcu_memb_read_lock();
        cds_lfht_add(table->hash, hash_of(entry->key), &entry->node);
        urcu_memb_read_unlock();
    }
    cap_bench_shuffle(table->key, count);
    return true;
}

static inline void *look_up_one(const struct table *table, uint64_t key)
{
    struct cds_lfht_iter iter;

    cds_lfht_lookup(table->hash, hash_of(key), match, &key, &iter);
    struct cds_lfht_node *const node = cds_lfht_iter_get_node(&iter);

    if (node == NULL) {
        return NULL;
    }
    const struct entry *const entry = caa_container_of(node, struct entry, node);

    return (entry->rights & 4u) != 0 ? entry->object : NULL;
}

static void look_up(struct bench_run *run, const struct table *table, bool is_bare)
{
    uint32_t at = 0;

    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        if (!is_bare) {
            urcu_memb_read_lock();
        }
        void *const object = look_up_one(table, table->key[at]);

        __asm__ volatile("" ::"r"(object));
        if (!is_bare) {
            urcu_memb_read_unlock();
        }
        at = at + 1 == table->count ? 0 : at + 1;
    }
    bench_stop(run);
}

/* Tables are made once and stay. */
static void rival_run(struct bench_run *run, struct table *table, uint32_t count, bool is_bare)
{
    const hal_irq_t irq = hal_irq_save();

    urcu_memb_register_thread();
    if (table->hash == NULL && !table_create(table, count)) {
        run->skipped = true;
    } else if (is_bare) {
        look_up(run, table, true);
    } else {
        look_up(run, table, false);
    }
    urcu_memb_unregister_thread();
    hal_irq_restore(irq);
}

static struct table g_few;
static struct table g_many;

BENCH(rival_urcu_lookup_1000, "liburcu's hash table, 1000 entries, read section included", false)
{
    rival_run(run, &g_few, CAP_BENCH_FEW, false);
}

BENCH(rival_urcu_bare_1000, "the same without the read section", false)
{
    rival_run(run, &g_few, CAP_BENCH_FEW, true);
}

BENCH(rival_urcu_lookup_million, "liburcu's hash table, a random million", false)
{
    rival_run(run, &g_many, CAP_BENCH_MANY, false);
}

BENCH_CLAIM(cap_lookup_1000, rival_urcu_lookup_1000, 25);
BENCH_CLAIM(cap_lookup_1000, rival_urcu_bare_1000, 0);
BENCH_CLAIM(cap_lookup_million, rival_urcu_lookup_million, 0);
