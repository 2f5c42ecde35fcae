/*
 * tests/core/lib/test_structures.c - lists, bitmaps, byte rings, the pairing heap.
 */
#include "exo/lib/bitmap.h"
#include "exo/lib/list.h"
#include "exo/lib/pheap.h"
#include "exo/lib/ring.h"
#include "exo/lib/string.h"
#include "exo_check.h"

struct item {
    struct list_node node;
    struct pheap_node heap_node;
    uint32_t key;
    bool in_heap;
};

static uint32_t item_key(const struct list_node *node)
{
    return container_of(node, struct item, node)->key;
}

START_TEST(list_keeps_order_and_forgets_removed_nodes)
{
    struct list_node head = LIST_INIT(head);
    struct list_node other = LIST_INIT(other);
    struct item item[4];

    ck_assert(list_is_empty(&head));
    ck_assert_ptr_null(list_pop_head(&head));
    for (uint32_t i = 0; i < 4; i++) {
        item[i].key = i;
        list_init(&item[i].node);
        ck_assert(!list_is_linked(&item[i].node));
        list_add_tail(&head, &item[i].node);
    }
    list_remove(&item[1].node);
    ck_assert(!list_is_linked(&item[1].node));
    list_remove(&item[1].node); /* harmless */
    list_add_head(&head, &item[1].node);
    list_splice_tail(&other, &head);
    ck_assert(list_is_empty(&head));
    list_splice_tail(&other, &head); /* of nothing */
    static const uint32_t expected[] = { 1, 0, 2, 3 };

    for (size_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(item_key(list_pop_head(&other)), expected[i]);
    }
    ck_assert(list_is_empty(&other));
}
END_TEST

START_TEST(bitmap_runs_cross_words)
{
    uint64_t words[4] = { 0 };

    ck_assert_uint_eq(bitmap_words(0), 0);
    ck_assert_uint_eq(bitmap_words(64), 1);
    ck_assert_uint_eq(bitmap_words(65), 2);
    bitmap_set_run(words, 60, 80);
    ck_assert(!bitmap_test(words, 59));
    ck_assert(bitmap_test(words, 60));
    ck_assert(bitmap_test(words, 139));
    ck_assert(!bitmap_test(words, 140));
    ck_assert_uint_eq(words[1], UINT64_MAX);
    ck_assert_uint_eq(bitmap_next_set(words, 0, 256), 60);
    ck_assert_uint_eq(bitmap_next_clear(words, 60, 256), 140);
    ck_assert_uint_eq(bitmap_next_clear(words, 60, 100), 100);
    ck_assert_uint_eq(bitmap_next_set(words, 140, 256), 256);
    bitmap_clear_run(words, 64, 64);
    ck_assert_uint_eq(words[1], 0);
    ck_assert_uint_eq(bitmap_next_clear(words, 60, 256), 64);
    ck_assert_uint_eq(bitmap_next_set(words, 64, 256), 128);
}
END_TEST

START_TEST(bitmap_find_run_honours_count_alignment_and_end)
{
    uint64_t words[4] = { 0 };
    struct bitmap_query query = { .from = 0, .end = 256, .count = 8, .align = 1, .offset = 0 };

    bitmap_set_run(words, 0, 3);
    bitmap_set_run(words, 10, 1);
    ck_assert_uint_eq(bitmap_find_run(words, &query), 11); /* 3..9 holds only seven */
    query.align = 16;
    ck_assert_uint_eq(bitmap_find_run(words, &query), 16);
    query.offset = 5; /* bit 11 is number 16 */
    ck_assert_uint_eq(bitmap_find_run(words, &query), 11);
    query = (struct bitmap_query){ .from = 11, .end = 256, .count = 245, .align = 1 };
    ck_assert_uint_eq(bitmap_find_run(words, &query), 11);
    query.count = 246;
    ck_assert_uint_eq(bitmap_find_run(words, &query), BITMAP_NONE);
}
END_TEST

START_TEST(byte_ring_wraps_and_fills)
{
    struct byte_ring ring;
    char storage[8];
    char out[8];

    byte_ring_init(&ring, storage, sizeof(storage));
    ck_assert_uint_eq(byte_ring_read(&ring, out, sizeof(out)), 0);
    for (unsigned round = 0; round < 20; round++) {
        ck_assert_uint_eq(byte_ring_write(&ring, "abcde", 5), 5);
        ck_assert_uint_eq(byte_ring_write(&ring, "fghij", 5), 3); /* full */
        ck_assert_uint_eq(byte_ring_used(&ring), 8);
        ck_assert_uint_eq(byte_ring_read(&ring, out, 3), 3);
        ck_assert_mem_eq(out, "abc", 3);
        ck_assert_uint_eq(byte_ring_read(&ring, out, sizeof(out)), 5);
        ck_assert_mem_eq(out, "defgh", 5);
    }
}
END_TEST

static bool item_less(const struct pheap_node *a, const struct pheap_node *b)
{
    return container_of(a, struct item, heap_node)->key <
           container_of(b, struct item, heap_node)->key;
}

#define HEAP_ITEMS 200u

static struct item g_item[HEAP_ITEMS];

/* A small generator: tests need disorder, not randomness. */
static uint32_t next_number(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* The least key among the items that are in the heap, found the slow way. */
static uint32_t least_key(void)
{
    uint32_t least = UINT32_MAX;

    for (uint32_t i = 0; i < HEAP_ITEMS; i++) {
        if (g_item[i].in_heap && g_item[i].key < least) {
            least = g_item[i].key;
        }
    }
    return least;
}

/* Add and remove in a disorderly way, from anywhere, and compare the least with a slow search. */
START_TEST(pheap_least_is_the_least_after_any_change)
{
    struct pheap heap = PHEAP_INIT(item_less);
    uint32_t state = 1;

    memset(g_item, 0, sizeof(g_item));
    for (uint32_t round = 0; round < 3000; round++) {
        struct item *const item = &g_item[next_number(&state) % HEAP_ITEMS];

        if (item->in_heap) {
            pheap_remove(&heap, &item->heap_node);
        } else {
            item->key = next_number(&state) % 50; /* equal keys too */
            pheap_add(&heap, &item->heap_node);
        }
        item->in_heap = !item->in_heap;
        const struct pheap_node *const least = pheap_least(&heap);

        if (least == NULL) {
            ck_assert_uint_eq(least_key(), UINT32_MAX);
        } else {
            ck_assert_uint_eq(container_of(least, struct item, heap_node)->key, least_key());
        }
    }
    for (uint32_t last = 0; pheap_least(&heap) != NULL;) {
        struct item *const item = container_of(pheap_least(&heap), struct item, heap_node);

        ck_assert_uint_ge(item->key, last);
        last = item->key;
        pheap_remove(&heap, &item->heap_node);
    }
}
END_TEST

EXO_SUITE(lib_structures, EXO_TEST(list_keeps_order_and_forgets_removed_nodes),
          EXO_TEST(bitmap_runs_cross_words),
          EXO_TEST(bitmap_find_run_honours_count_alignment_and_end),
          EXO_TEST(byte_ring_wraps_and_fills), EXO_TEST(pheap_least_is_the_least_after_any_change))
