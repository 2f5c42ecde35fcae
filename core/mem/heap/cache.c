/*
 * core/mem/heap/cache.c - what happens when a thread's cache is empty or full, and the depot.
 *
 * A bin has an array in use and a spare one, each of array_limit() pointers. What does not fit goes
 * on as a full array into the depot, out of which any thread takes it: objects freed on one CPU
 * reach the thread that allocates on another one an array at a time, without a lock.
 *
 * Invariants:
 *   (1) an array in the depot is full, of its class's limit; a spare array is full if its bit in
 *       spare_full is set, else empty;
 *   (2) a bin without arrays has top, slots and end NULL: as empty as it is full;
 *   (3) a slot of the depot holds NULL or an array that belongs to who takes it out by exchange:
 *       acquire there pairs with release of who put it in, for the array and for the objects.
 */
#include "exo/lib/assert.h"
#include "exo/lib/string.h"
#include "heap_private.h"

#define ARRAY_LIMIT_MAX 64u
#define ARRAY_LIMIT_MIN 16u
#define ARRAY_LIMIT_BIG 4u     /* of objects above a page */
#define ARRAY_BYTES_MAX 16384u /* of the objects in an array that is longer than ARRAY_LIMIT_MIN */
#define DEPOT_SLOTS     64u    /* arrays kept per class */
#define BATCH_FIRST     4u

struct depot {
    _Atomic uint32_t hint; /* [a] where something was put or taken last; any value is right */
    _Atomic(void **) slot[DEPOT_SLOTS]; /* [a] */
    _Atomic uint64_t allocs;            /* [a] reported by caches */
} EXO_ALIGNED(128);

static struct depot g_depot[HEAP_CLASSES];
static _Atomic uint32_t g_reclaim; /* number of requests to give memory back */

static uint32_t array_limit(uint32_t class)
{
    const uint64_t size = slab_class_size(class);

    if (size > PAGE_SIZE) {
        return ARRAY_LIMIT_BIG;
    }
    return (uint32_t)max_u64(ARRAY_LIMIT_MIN, min_u64(ARRAY_LIMIT_MAX, ARRAY_BYTES_MAX / size));
}

static void **array_alloc(uint32_t class)
{
    void *array = NULL;

    (void)slab_take(SLAB_PLAIN, heap_class_of(array_limit(class) * sizeof(void *)), &array, 1);
    return array;
}

static void array_free(void **array)
{
    void *const object = array;

    if (object != NULL) {
        slab_give(&object, 1);
    }
}

/* ---- depot ---- */

static bool depot_put(uint32_t class, void **array)
{
    struct depot *const depot = &g_depot[class];
    const uint32_t start = atomic_load_explicit(&depot->hint, memory_order_relaxed);

    for (uint32_t i = 0; i < DEPOT_SLOTS; i++) { /* upwards, as get() goes downwards */
        const uint32_t at = (start + i) % DEPOT_SLOTS;
        void **expected = NULL;

        if (atomic_load_explicit(&depot->slot[at], memory_order_relaxed) == NULL &&
            atomic_compare_exchange_strong_explicit(&depot->slot[at], &expected, array,
                                                    memory_order_release, memory_order_relaxed)) {
            atomic_store_explicit(&depot->hint, at, memory_order_relaxed);
            return true;
        }
    }
    return false;
}

static void **depot_get(uint32_t class)
{
    struct depot *const depot = &g_depot[class];
    const uint32_t start = atomic_load_explicit(&depot->hint, memory_order_relaxed);

    for (uint32_t i = 0; i < DEPOT_SLOTS; i++) {
        const uint32_t at = (start - i) % DEPOT_SLOTS;

        if (atomic_load_explicit(&depot->slot[at], memory_order_relaxed) != NULL) {
            void **const array =
                atomic_exchange_explicit(&depot->slot[at], NULL, memory_order_acquire);

            if (array != NULL) {
                atomic_store_explicit(&depot->hint, at, memory_order_relaxed);
                return array;
            }
        }
    }
    return NULL;
}

void depot_drain(void)
{
    atomic_fetch_add_explicit(&g_reclaim, 1, memory_order_relaxed);
    for (uint32_t class = 1; class < HEAP_CLASSES; class ++) {
        for (void **array = depot_get(class); array != NULL; array = depot_get(class)) {
            slab_give(array, array_limit(class));
            array_free(array);
        }
    }
}

uint64_t cache_allocs(uint32_t class)
{
    return atomic_load_explicit(&g_depot[class].allocs, memory_order_relaxed);
}

/* ---- a thread's cache ---- */

static uint32_t bin_count(const struct heap_bin *bin)
{
    return (uint32_t)(bin->top - bin->slots);
}

static uint32_t bin_limit(const struct heap_bin *bin)
{
    return (uint32_t)(bin->end - bin->slots);
}

static void allocs_report(struct heap_bin *bin, uint32_t class)
{
    atomic_fetch_add_explicit(&g_depot[class].allocs, bin->allocs, memory_order_relaxed);
    bin->allocs = 0;
}

static bool spare_is_full(const struct heap_cache *cache, uint32_t class)
{
    return (cache->spare_full >> class & 1) != 0;
}

static void bin_flush(struct heap_cache *cache, uint32_t class)
{
    struct heap_bin *const bin = &cache->bin[class];
    void **const slots = bin->slots;
    void **const spare = cache->spare[class];
    const uint32_t count = bin_count(bin);
    const uint32_t more = spare_is_full(cache, class) ? bin_limit(bin) : 0;

    allocs_report(bin, class);
    *bin = (struct heap_bin){ .slots = NULL };
    cache->spare[class] = NULL;
    cache->spare_full &= ~(1ull << class);
    cache->batch[class] = 0;
    slab_give(slots, count);
    slab_give(spare, more);
    array_free(slots);
    array_free(spare);
}

void cache_flush(struct heap_cache *cache)
{
    for (uint32_t class = 1; class < HEAP_CLASSES; class ++) {
        if (cache->bin[class].slots != NULL) {
            bin_flush(cache, class);
        }
    }
}

void heap_thread_exit(struct heap_cache *cache)
{
    cache_flush(cache);
}

/* Follow a request to give memory back that came since the last miss. */
static void reclaim_follow(struct heap_cache *cache)
{
    const uint32_t asked = atomic_load_explicit(&g_reclaim, memory_order_relaxed);

    if (EXO_UNLIKELY(cache->reclaim_seen != asked)) {
        cache->reclaim_seen = asked;
        cache_flush(cache);
    }
}

/* Make `slots`, with `count` objects, the array in use. */
static void bin_use(struct heap_bin *bin, uint32_t class, void **slots, uint32_t count)
{
    bin->slots = slots;
    bin->top = slots + count;
    bin->end = slots + array_limit(class);
}

static bool bin_open(struct heap_bin *bin, uint32_t class)
{
    if (bin->slots == NULL) {
        void **const slots = array_alloc(class);

        if (slots == NULL) {
            return false;
        }
        bin_use(bin, class, slots, 0);
    }
    return true;
}

/* Exchange the array in use for the spare one, which has `count` objects. */
static void swap(struct heap_cache *cache, uint32_t class, uint32_t count)
{
    void **const slots = cache->bin[class].slots;

    bin_use(&cache->bin[class], class, cache->spare[class], count);
    cache->spare[class] = slots;
}

/* Fill the empty array from the CPU's slabs, more each time. */
static void fetch(struct heap_cache *cache, uint32_t class)
{
    struct heap_bin *const bin = &cache->bin[class];
    const uint32_t doubled = cache->batch[class] == 0 ? BATCH_FIRST : cache->batch[class] * 2u;
    const uint32_t batch = (uint32_t)min_u64(doubled, bin_limit(bin));

    cache->batch[class] = (uint8_t)batch;
    bin->top += slab_take(SLAB_PLAIN, class, bin->slots, batch);
}

void *cache_refill(struct heap_cache *cache, uint32_t class)
{
    struct heap_bin *const bin = &cache->bin[class];
    void *object = NULL;

    KASSERT(bin->top == bin->slots);
    reclaim_follow(cache);
    if (!bin_open(bin, class)) {
        return slab_take(SLAB_PLAIN, class, &object, 1) == 1 ? object : NULL;
    }
    allocs_report(bin, class);
    if (spare_is_full(cache, class)) {
        swap(cache, class, bin_limit(bin));
        cache->spare_full &= ~(1ull << class);
        return heap_bin_pop(bin);
    }
    void **const full = depot_get(class);

    if (full == NULL) {
        fetch(cache, class);
        return heap_bin_pop(bin);
    }
    array_free(cache->spare[class]);
    cache->spare[class] = full;
    swap(cache, class, bin_limit(bin));
    return heap_bin_pop(bin);
}

bool cache_make_room(struct heap_cache *cache, uint32_t class)
{
    struct heap_bin *const bin = &cache->bin[class];

    reclaim_follow(cache);
    if (bin->slots == NULL) {
        return bin_open(bin, class);
    }
    allocs_report(bin, class);
    if (spare_is_full(cache, class)) {
        if (depot_put(class, cache->spare[class])) {
            cache->spare[class] = NULL;
        } else {
            slab_give(cache->spare[class], bin_limit(bin));
        }
        cache->spare_full &= ~(1ull << class);
    }
    if (cache->spare[class] == NULL) {
        cache->spare[class] = array_alloc(class);
        if (cache->spare[class] == NULL) {
            return false;
        }
    }
    swap(cache, class, 0);
    cache->spare_full |= 1ull << class;
    return true;
}
