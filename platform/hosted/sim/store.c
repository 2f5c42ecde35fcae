/*
 * store.c - the store-order model: stores that no release has put in order become visible to other
 * CPUs late, each for itself (--weak).
 *
 * The last plain and relaxed stores of a CPU are kept with what they overwrote. When another CPU
 * goes on, some of them are taken back; when the CPU itself goes on again, they are made again. So
 * the others may see a later store without an earlier one, as on machines weaker than x86, until
 * the CPU makes a release store, a releasing read-modify-write or a fence, or calls the HAL.
 *
 * Invariants:
 *   (1) while a CPU runs, none of its own stores is taken back: it always sees what it wrote;
 *   (2) a store is taken back only together with all newer ones to the same bytes, so each location
 *       has one order of values; who finds another CPU's value there when he comes back leaves it;
 *   (3) which stores are taken back follows from the seed, the CPU, its points and the store.
 * Not modelled: loads that are early, and stores that later loads overtake (store buffering).
 */
#include <string.h>

#include "sim.h"

#define STORES_MAX 16u
#define IMAGE_END  0x20000000ull /* the kernel's own data lie below */
#define BYTES_MAX  8u

struct store {
    uint8_t *address;
    uint32_t bytes;
    bool away;
    uint8_t old[BYTES_MAX];
    uint8_t fresh[BYTES_MAX];
};

static struct {
    struct store store[STORES_MAX]; /* oldest first */
    uint32_t count;
} g_of[CPUS_MAX];

/* Memory that stays where it is: the image and the direct map. */
static bool is_kept(uintptr_t address)
{
    return address < IMAGE_END || address - HOSTED_RAM_BASE < hosted_ram_bytes();
}

static bool overlap(const struct store *a, const uint8_t *address, uint32_t bytes)
{
    return a->address < address + bytes && address < a->address + a->bytes;
}

void sim_store_note(void *address, uint32_t bytes)
{
    const uint32_t self = sim_self();

    if (self >= CPUS_MAX || bytes > BYTES_MAX || !is_kept((uintptr_t)address)) {
        return;
    }
    if (g_of[self].count == STORES_MAX) {
        memmove(g_of[self].store, g_of[self].store + 1, (STORES_MAX - 1) * sizeof(struct store));
        g_of[self].count--;
    }
    struct store *const store = &g_of[self].store[g_of[self].count++];

    *store = (struct store){ .address = address, .bytes = bytes };
    memcpy(store->old, address, bytes);
}

void sim_store_order(void)
{
    const uint32_t self = sim_self();

    if (self < CPUS_MAX) {
        g_of[self].count = 0;
    }
}

void sim_store_settle(const volatile void *address, uint32_t bytes)
{
    const uint32_t self = sim_self();
    uint32_t kept = 0;

    for (uint32_t i = 0; self < CPUS_MAX && i < g_of[self].count; i++) {
        if (!overlap(&g_of[self].store[i], (const uint8_t *)address, bytes)) {
            g_of[self].store[kept++] = g_of[self].store[i];
        }
    }
    if (self < CPUS_MAX) {
        g_of[self].count = kept;
    }
}

/* One of two, from what names this store at this switch (3). */
static bool goes_away(uint32_t cpu, uint32_t index)
{
    uint64_t z =
        g_sim.seed * 0x9e3779b97f4a7c15ull + g_sim_cpu[cpu].points * 64 + cpu + index * 4096ull;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return (z >> 63) != 0;
}

/* May store `i` go? Not if a newer one to some of its bytes stays, or covers others too (2). */
static bool may_go(uint32_t cpu, uint32_t i)
{
    const struct store *const store = &g_of[cpu].store[i];

    for (uint32_t j = i + 1; j < g_of[cpu].count; j++) {
        const struct store *const newer = &g_of[cpu].store[j];

        if (overlap(newer, store->address, store->bytes) &&
            (!newer->away || newer->address != store->address || newer->bytes != store->bytes)) {
            return false;
        }
    }
    return true;
}

void sim_stores_take_back(uint32_t cpu)
{
    for (uint32_t i = g_of[cpu].count; i-- > 0;) {
        struct store *const store = &g_of[cpu].store[i];

        store->away = goes_away(cpu, i) && may_go(cpu, i);
        if (store->away) {
            memcpy(store->fresh, store->address, store->bytes);
            memcpy(store->address, store->old, store->bytes);
        }
    }
}

void sim_stores_make_again(uint32_t cpu)
{
    for (uint32_t i = 0; i < g_of[cpu].count; i++) {
        struct store *const store = &g_of[cpu].store[i];

        if (store->away && memcmp(store->address, store->old, store->bytes) == 0) {
            memcpy(store->address, store->fresh, store->bytes);
        }
        store->away = false;
    }
}
