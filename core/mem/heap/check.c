/*
 * core/mem/heap/check.c - objects with a red zone, for debug builds: who overran, freed twice or
 * wrote after freeing is found at the latest when the object is freed or used again.
 *
 * A slot of `size` bytes: the object, a red zone of FILL_ZONE bytes, and in the last bytes the
 * trailer with the size that was asked for and who asked. A free slot is full of FILL_FREE but its
 * trailer. The checkers of the host may look at the object alone while it is out, at nothing while
 * it is free; this file asks for the whole slot before it looks.
 *
 * Invariant: trailer.state is TRAILER_OUT or TRAILER_KEPT exactly while the object is out.
 */
#include "exo/debug/log.h"
#include "exo/debug/panic.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"
#include "exo/mem/fill.h"
#include "heap_private.h"

#define FILL_NEW  fill_byte(FILL_HEAP_NEW)
#define FILL_ZONE fill_byte(FILL_HEAP_ZONE)
#define FILL_FREE fill_byte(FILL_HEAP_FREED)

#define TRAILER_OUT  0x6f757421u
#define TRAILER_KEPT 0x6b657074u /* out, and for as long as the kernel lives */
#define TRAILER_FREE 0x66726565u

struct trailer {
    const void *caller;
    uint32_t size;
    uint32_t state;
};

_Static_assert(sizeof(struct trailer) + 16 <= CHECK_TRAILER_BYTES, "16 bytes of red zone at least");

static _Atomic bool g_checked = EXO_CONFIG_DEBUG;

bool check_is_on(void)
{
    return EXO_CONFIG_DEBUG && atomic_load_explicit(&g_checked, memory_order_relaxed);
}

bool heap_test_checked_set(bool checked)
{
    return atomic_exchange_explicit(&g_checked, checked && EXO_CONFIG_DEBUG, memory_order_relaxed);
}

static struct trailer *trailer_of(const struct slab *slab, const void *object)
{
    return (struct trailer *)((uintptr_t)object + slab->size - sizeof(struct trailer));
}

/* Index of the first byte of start[0, len) that is not `byte`, or len. */
static size_t first_other(const void *start, size_t len, uint8_t byte)
{
    const uint8_t *const bytes = start;
    size_t i = 0;

    while (i < len && bytes[i] == byte) {
        i++;
    }
    return i;
}

void check_slab_new(struct slab *slab)
{
    memset(slab->base, FILL_FREE, slab_bytes(slab));
    for (uint32_t i = 0; i < slab->objects; i++) {
        *trailer_of(slab, slab->base + i * slab->size) = (struct trailer){ .state = TRAILER_FREE };
    }
    hal_mem_freed(slab->base, slab_bytes(slab));
}

void check_slab_dead(struct slab *slab)
{
    hal_mem_allocated(slab->base, slab_bytes(slab));
}

void *check_alloc(size_t size, uint32_t class, const void *caller)
{
    void *object = NULL;

    if (slab_take(SLAB_CHECKED, class, &object, 1) == 0) {
        return NULL;
    }
    const struct slab *const slab = table_find(object);
    struct trailer *const trailer = trailer_of(slab, object);
    const size_t room = slab->size - sizeof(*trailer);

    hal_mem_allocated(object, slab->size);
    const size_t at = first_other(object, room, FILL_FREE);

    if (at != room) {
        panic("heap: object 0x%lx of %u bytes written at +%zu after it was freed, from 0x%lx",
              (uintptr_t)object, trailer->size, at, (uintptr_t)trailer->caller);
    }
    KASSERT(trailer->state == TRAILER_FREE);
    *trailer = (struct trailer){ .caller = caller, .size = (uint32_t)size, .state = TRAILER_OUT };
    memset(object, FILL_NEW, size);
    memset((char *)object + size, FILL_ZONE, room - size);
    hal_mem_freed(object, slab->size);
    hal_mem_allocated(object, size);
    return object;
}

/* The trailer of an object of ours; panics if there is no object. */
static struct trailer *trailer_check(const struct slab *slab, const void *object)
{
    const uint32_t index = slab_index(slab, object);

    if (index == UINT32_MAX) {
        heap_fault(object, "is not the beginning of one");
    }
    if (!slab_is_out(slab, index)) {
        heap_fault(object, "is free already");
    }
    return trailer_of(slab, object);
}

size_t check_size(const struct slab *slab, const void *object)
{
    struct trailer *const trailer = trailer_check(slab, object);

    hal_mem_allocated(trailer, sizeof(*trailer));
    const size_t size = trailer->size;

    hal_mem_freed(trailer, sizeof(*trailer));
    return size;
}

void check_keep(struct slab *slab, const void *object)
{
    struct trailer *const trailer = trailer_check(slab, object);

    hal_mem_allocated(trailer, sizeof(*trailer));
    trailer->state = TRAILER_KEPT;
    hal_mem_freed(trailer, sizeof(*trailer));
}

void check_free(struct slab *slab, void *object)
{
    (void)*(volatile char *)object; /* a checker of the host sees here that it is free already */
    struct trailer *const trailer = trailer_check(slab, object);
    const size_t room = slab->size - sizeof(*trailer);

    hal_mem_allocated(object, slab->size);
    if ((trailer->state != TRAILER_OUT && trailer->state != TRAILER_KEPT) || trailer->size > room) {
        panic("heap: trailer of object 0x%lx in slots of %lu bytes overwritten", (uintptr_t)object,
              slab->size);
    }
    const size_t size = trailer->size;
    const size_t at = first_other((char *)object + size, room - size, FILL_ZONE);

    if (at != room - size) {
        panic("heap: object 0x%lx of %zu bytes from 0x%lx overrun at +%zu", (uintptr_t)object, size,
              (uintptr_t)trailer->caller, size + at);
    }
    trailer->state = TRAILER_FREE;
    memset(object, FILL_FREE, room);
    hal_mem_freed(object, slab->size);
    slab_give(&object, 1);
}

/* ---- who holds what ---- */

struct census {
    struct heap_caller *out;
    size_t max;
    size_t count;
    bool leaks_only; /* nothing that heap_keep() was told of */
};

/* Leaks of one caller are told apart by their size. */
static bool census_is_same(const struct census *census, const struct heap_caller *entry,
                           const void *caller, uint64_t bytes)
{
    return entry->caller == caller &&
           (!census->leaks_only || entry->bytes == bytes * entry->objects);
}

static void census_add(struct census *census, const void *caller, uint64_t bytes)
{
    size_t i = 0;

    while (i < census->count && !census_is_same(census, &census->out[i], caller, bytes)) {
        i++;
    }
    if (i == census->max) { /* the last one stands for all the rest */
        census->out[--i].caller = NULL;
    } else if (i == census->count) {
        census->out[census->count++] = (struct heap_caller){ .caller = caller };
    }
    census->out[i].objects++;
    census->out[i].bytes += bytes;
}

static void census_large(struct census *census, const struct slab *slab)
{
    const bool kept = atomic_load_explicit(&slab->remote[LARGE_KEPT], memory_order_relaxed) != 0;
    const uintptr_t caller =
        atomic_load_explicit(&slab->remote[LARGE_CALLER], memory_order_relaxed);

    if (!kept || !census->leaks_only) {
        census_add(census, (const void *)caller, slab->size);
    }
}

static void census_slab(struct slab *slab, void *arg)
{
    struct census *const census = arg;

    if (slab->class == SLAB_LARGE) {
        census_large(census, slab);
        return;
    }
    for (uint32_t i = 0; slab->kind == SLAB_CHECKED && i < slab->objects; i++) {
        if (slab_is_out(slab, i)) {
            struct trailer *const trailer = trailer_of(slab, slab->base + i * slab->size);

            hal_mem_allocated(trailer, sizeof(*trailer));
            if (trailer->state != TRAILER_KEPT || !census->leaks_only) {
                census_add(census, trailer->caller, trailer->size);
            }
            hal_mem_freed(trailer, sizeof(*trailer));
        }
    }
}

static void sort_by_bytes(struct heap_caller *list, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const struct heap_caller one = list[i];
        size_t at = i;

        for (; at > 0 && list[at - 1].bytes < one.bytes; at--) {
            list[at] = list[at - 1];
        }
        list[at] = one;
    }
}

static size_t census_take(struct heap_caller *out, size_t max, bool leaks_only)
{
    struct census census = { .out = out, .max = max, .leaks_only = leaks_only };

    if (max > 0) {
        table_walk(census_slab, &census);
        sort_by_bytes(out, census.count);
    }
    return census.count;
}

size_t heap_callers(struct heap_caller *out, size_t max)
{
    return census_take(out, max, false);
}

uint64_t heap_leak_report(void)
{
    struct heap_caller list[16];
    const size_t count = census_take(list, ARRAY_COUNT(list), true);
    uint64_t objects = 0;

    for (size_t i = 0; i < count; i++) {
        uintptr_t offset = 0;
        /* The call is in front of where it returns to, which another function may begin. */
        const char *const name =
            list[i].caller == NULL ? NULL : symbol_find((uintptr_t)list[i].caller - 1, &offset);

        klog(KLOG_WARN, "heap", "leak: count=%lu size=%lu allocated by %s+0x%lx (0x%lx)",
             list[i].objects, list[i].bytes / list[i].objects, name == NULL ? "?" : name,
             offset + (name != NULL), (uintptr_t)list[i].caller);
        objects += list[i].objects;
    }
    return objects;
}
