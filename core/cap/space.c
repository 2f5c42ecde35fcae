/*
 * core/cap/space.c - tables: frames of slots, free slots, quota.
 *
 * slot: free -(cap_slot_fill)-> entry -(cap_slot_empty)-> free, generation + 1, or retired
 *
 * Invariants while the table's lock is free:
 *   (1) `free` lists the slots without entries but those whose generations are used up; type is 0
 *       in the word of both;
 *   (2) a word has each generation for one entry only: numbers never come again;
 *   (3) `entries` counts the slots with entries, and quota->entries those of all tables;
 *   (4) once is_dying is set, `entries` only falls. Whoever empties a slot stores nothing more of
 *       the table afterwards than its lock, so the table may go once somebody held the lock and saw
 *       no entries.
 * And always:
 *   (5) a chunk stays in its place as long as the table; chunks 0..chunks - 1 exist;
 *   (6) word and object of a slot are written as docs/memory-order.md has it, "Entries of tables".
 */
#include "cap_private.h"
#include "exo/mem/heap.h"
#include "exo/mem/phys.h"

#define CHUNK_PLACE(index) ((uint64_t)(index) << CAP_CHUNK_SHIFT)

/* ---- quota ---- */

void cap_quota_init(struct cap_quota *quota, uint64_t entries_max, uint64_t bytes_max)
{
    quota->entries_max = entries_max;
    quota->bytes_max = bytes_max;
    atomic_init(&quota->entries, 0);
    atomic_init(&quota->bytes, 0);
}

/* Add to what is used if that stays within `max`. */
static bool quota_charge(_Atomic uint64_t *used, uint64_t amount, uint64_t max)
{
    uint64_t now = atomic_load_explicit(used, memory_order_relaxed);

    do {
        if (now > max || amount > max - now) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(used, &now, now + amount, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

static void quota_give_back(_Atomic uint64_t *used, uint64_t amount)
{
    const uint64_t before = atomic_fetch_sub_explicit(used, amount, memory_order_relaxed);

    KASSERT(before >= amount);
}

/* A frame charged to the quota.  Errors: EXO_ERR_NO_RESOURCES, EXO_ERR_NO_MEMORY. */
static exo_status_t frame_alloc(struct cap_quota *quota, void **out)
{
    paddr_t frame = 0;

    if (!quota_charge(&quota->bytes, PAGE_SIZE, quota->bytes_max)) {
        return EXO_ERR_NO_RESOURCES;
    }
    const exo_status_t status = phys_alloc_zeroed(&frame);

    if (status != EXO_OK) {
        quota_give_back(&quota->bytes, PAGE_SIZE);
        return status;
    }
    *out = hal_phys_to_virt(frame);
    return EXO_OK;
}

static void frame_free(struct cap_quota *quota, void *frame)
{
    if (frame != NULL) {
        phys_free(hal_virt_to_phys(frame), 1);
        quota_give_back(&quota->bytes, PAGE_SIZE);
    }
}

/* ---- growing ---- */

/* The directory for chunk number `index`, made if it is the first one in it. */
static exo_status_t dir_for(struct cap_space *space, uint32_t index, struct cap_dir **out)
{
    _Atomic(struct cap_dir *) *const place = &space->dir[index / CAP_DIR_CHUNKS];
    void *frame = atomic_load_explicit(place, memory_order_relaxed);

    if (frame == NULL) {
        const exo_status_t status = frame_alloc(space->quota, &frame);

        if (status != EXO_OK) {
            return status;
        }
        /* Release: it is empty. Pairs with cap_slot_of(). */
        atomic_store_explicit(place, frame, memory_order_release);
    }
    *out = frame;
    return EXO_OK;
}

/* Free slots in order, none of them with an entry. */
static void chunk_init(struct cap_chunk *chunk, struct cap_space *space, uint32_t index)
{
    chunk->space = space;
    chunk->place = CHUNK_PLACE(index);
    for (uint32_t i = 0; i < CAP_CHUNK_SLOTS; i++) {
        atomic_init(&chunk->slot[i].word, CAP_GENERATION_FIRST);
        chunk->node[i].next = i + 1 < CAP_CHUNK_SLOTS ? (uintptr_t)&chunk->node[i + 1] : 0;
    }
}

/* Add a chunk; `growing` is held. */
static exo_status_t chunk_add(struct cap_space *space)
{
    const uint32_t index = space->chunks;
    struct cap_dir *dir = NULL;
    void *frame = NULL;

    if (index == CAP_CHUNKS_MAX) {
        return EXO_ERR_NO_RESOURCES;
    }
    exo_status_t status = dir_for(space, index, &dir);

    if (status == EXO_OK) {
        status = frame_alloc(space->quota, &frame);
    }
    if (status != EXO_OK) {
        return status;
    }
    struct cap_chunk *const chunk = frame;

    chunk_init(chunk, space, index);
    /* Release: its slots have generations. Pairs with cap_slot_of(). */
    atomic_store_explicit(&dir->chunk[index % CAP_DIR_CHUNKS], chunk, memory_order_release);
    spin_lock(&space->lock);
    chunk->node[CAP_CHUNK_SLOTS - 1].next = (uintptr_t)space->free;
    space->free = chunk->node;
    space->chunks = index + 1;
    spin_unlock(&space->lock);
    return EXO_OK;
}

exo_status_t cap_space_grow(struct cap_space *space)
{
    exo_status_t status = EXO_OK;

    mutex_lock(&space->growing);
    spin_lock(&space->lock);
    const bool is_dying = space->is_dying;
    const bool is_full = space->free == NULL;

    spin_unlock(&space->lock);
    if (is_dying) {
        status = EXO_ERR_DEAD;
    } else if (is_full) { /* still: nobody else has grown it meanwhile */
        status = chunk_add(space);
    }
    mutex_unlock(&space->growing);
    return status;
}

/* ---- slots ---- */

exo_status_t cap_slot_fill(struct cap_space *space, const struct cap_content *content,
                           exo_cap_t *cap, struct cap_node **out)
{
    exo_status_t status = EXO_OK;

    spin_assert_held(&content->object->lock);
    spin_lock(&space->lock);
    struct cap_node *const node = space->free;

    if (space->is_dying) {
        status = EXO_ERR_DEAD;
    } else if (node == NULL) {
        status = EXO_ERR_BUSY;
    } else if (!quota_charge(&space->quota->entries, 1, space->quota->entries_max)) {
        status = EXO_ERR_NO_RESOURCES;
    } else {
        struct cap_slot *const slot = cap_slot_of_node(node);
        const struct cap_chunk *const chunk = cap_chunk_of(node);
        const uint64_t generation = atomic_load_explicit(&slot->word, memory_order_relaxed);
        const uint64_t type = (uint64_t)content->object->ops->type << CAP_TYPE_SHIFT;

        space->free = (struct cap_node *)node->next;
        space->entries++;
        /* Release, these two: who reads them and began with an older word sees that it is old. */
        atomic_store_explicit(&slot->object, content->object, memory_order_release);
        atomic_store_explicit(&node->badge, content->badge, memory_order_release);
        /* Release: who reads this word sees what belongs to it. */
        atomic_store_explicit(&slot->word, generation | type | content->rights,
                              memory_order_release);
        *cap = generation | chunk->place | (uint64_t)(slot - chunk->slot);
        *out = node;
    }
    spin_unlock(&space->lock);
    return status;
}

void cap_slot_empty(struct cap_node *node)
{
    struct cap_slot *const slot = cap_slot_of_node(node);
    struct cap_space *const space = cap_chunk_of(node)->space;
    const uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
    const uint64_t next = (word & CAP_GENERATION_MASK) + CAP_GENERATION_ONE;

    spin_assert_held(&atomic_load_explicit(&slot->object, memory_order_relaxed)->lock);
    spin_lock(&space->lock);
    KASSERT((word & CAP_TYPE_MASK) != 0);
    KASSERT(space->entries != 0);
    /* Release: pairs with the second look of a look-up no less than with the first. */
    atomic_store_explicit(&slot->word, next, memory_order_release);
    if (next == CAP_GENERATION_LAST) {
        space->retired++;
    } else {
        node->next = (uintptr_t)space->free;
        space->free = node;
    }
    space->entries--;
    quota_give_back(&space->quota->entries, 1);
    spin_unlock(&space->lock);
}

/* ---- whole tables ---- */

exo_status_t cap_space_create(struct cap_quota *quota, struct cap_space **out)
{
    struct cap_space *const space = heap_alloc_zeroed(sizeof(*space));

    if (space == NULL) {
        return EXO_ERR_NO_MEMORY;
    }
    space->quota = quota;
    atomic_init(&space->refs, 1);
    spin_init(&space->lock, RANK_CAP_SPACE);
    mutex_init(&space->growing);
    *out = space;
    return EXO_OK;
}

struct cap_space *cap_space_ref(struct cap_space *space)
{
    const uint32_t refs = atomic_fetch_add_explicit(&space->refs, 1, memory_order_relaxed);

    KASSERT(refs != 0);
    return space;
}

/* The chunk number `index`, which exists. */
static struct cap_chunk *chunk_at(const struct cap_space *space, uint32_t index)
{
    struct cap_dir *const dir =
        atomic_load_explicit(&space->dir[index / CAP_DIR_CHUNKS], memory_order_acquire);

    return atomic_load_explicit(&dir->chunk[index % CAP_DIR_CHUNKS], memory_order_acquire);
}

void cap_space_unref(struct cap_space *space)
{
    /* Release and acquire: all uses come before the end. */
    const uint32_t refs = atomic_fetch_sub_explicit(&space->refs, 1, memory_order_acq_rel);

    KASSERT(refs != 0);
    if (refs != 1) {
        return;
    }
    KASSERT(space->is_dying);
    for (uint32_t i = 0; i < space->chunks; i++) {
        frame_free(space->quota, chunk_at(space, i));
    }
    for (uint32_t i = 0; i < CAP_SPACE_DIRS; i++) {
        frame_free(space->quota, atomic_load_explicit(&space->dir[i], memory_order_relaxed));
    }
    mutex_fini(&space->growing);
    heap_free(space);
}

/* Close the entries of one chunk. Others may close some of them at the same time. */
static void chunk_close(struct cap_space *space, struct cap_chunk *chunk)
{
    for (uint32_t i = 0; i < CAP_CHUNK_SLOTS; i++) {
        const uint64_t word = atomic_load_explicit(&chunk->slot[i].word, memory_order_acquire);

        if ((word & CAP_TYPE_MASK) != 0) {
            const exo_status_t status =
                cap_close(space, (word & CAP_GENERATION_MASK) | chunk->place | i);

            KASSERT(status == EXO_OK || status == EXO_ERR_BAD_CAP);
        }
    }
}

void cap_space_destroy(struct cap_space *space)
{
    mutex_lock(&space->growing); /* who grows it has finished, and none will begin */
    spin_lock(&space->lock);
    KASSERT(!space->is_dying);
    space->is_dying = true;
    spin_unlock(&space->lock);
    mutex_unlock(&space->growing);
    for (uint32_t i = 0; i < space->chunks; i++) {
        chunk_close(space, chunk_at(space, i));
    }
    spin_lock(&space->lock); /* invariant (4) */
    KASSERT(space->entries == 0);
    spin_unlock(&space->lock);
    cap_space_unref(space);
}

void cap_space_stats(struct cap_space *space, struct cap_space_stats *out)
{
    spin_lock(&space->lock);
    out->entries = space->entries;
    out->slots = space->chunks * CAP_CHUNK_SLOTS;
    out->slots_retired = space->retired;
    spin_unlock(&space->lock);
}
