/*
 * store.c - the store-order model (--weak): each CPU has a buffer of stores that it has made and
 * that the others do not see yet.
 *
 * The model is partial store order with store buffers: memory is one, a store is seen by all others
 * at once when it leaves the buffer, and buffered stores leave in any order that is allowed. So a
 * store is seen after later ones (store-store), and after later loads of its CPU (store-load).
 * Loads are never early: load-load and load-store order is as written.
 *
 *   plain and relaxed stores   are buffered
 *   release stores             are buffered, and leave behind everything before them
 *   release fences             what comes after them leaves after what was before
 *   seq_cst stores and fences, releasing read-modify-writes, most calls of the HAL
 *                              empty the buffer
 *   other read-modify-writes   act on memory: stores to these bytes leave first
 *
 * C11 allows all of that.
 *
 * Invariants:
 *   (1) while its CPU runs, all buffered stores are made, and store.other is what each overwrote;
 *       while another runs, they are not, and store.other is what each will write. Swapped newest
 *       first one way and oldest first the other way, overlapping ones nest;
 *   (2) a store leaves only after all older ones to some of its bytes: each location has one order
 *       of values, and what was seen once stays seen;
 *   (3) which stores leave follows from the seed, the CPU, the store's number on that CPU and how
 *       often it was asked: not from where stops were, so a log without some decisions still
 *       describes a run.
 */
#include <string.h>

#include "sim.h"

#define STORES_MAX 16u
#define IMAGE_END  0x20000000ull /* the kernel's own data lie below */
#define BYTES_MAX  8u

struct store {
    uint8_t *address;
    uint32_t bytes;
    uint32_t number; /* of the CPU's stores */
    uint32_t asked;  /* how often it could have left and did not */
    uint32_t fences; /* that its CPU had passed */
    bool release;
    uint8_t other[BYTES_MAX]; /* (1) */
};

static struct {
    struct store store[STORES_MAX]; /* oldest first */
    uint32_t count;
    uint32_t number;
    uint32_t fences;
} g_of[CPUS_MAX];

static uint64_t g_holders; /* CPUs whose buffer is not empty, one bit each */

/* Memory that stays where it is: the image and the direct map. */
static bool is_kept(uintptr_t address)
{
    return address < IMAGE_END || address - HOSTED_RAM_BASE < hosted_ram_bytes();
}

static bool overlap(const struct store *store, const uint8_t *address, uint32_t bytes)
{
    return store->address < address + bytes && address < store->address + store->bytes;
}

/* The oldest `count` of the CPU that runs leave: they are made already (1). */
static void oldest_leave(uint32_t cpu, uint32_t count)
{
    g_of[cpu].count -= count;
    memmove(g_of[cpu].store, g_of[cpu].store + count, g_of[cpu].count * sizeof(struct store));
    if (g_of[cpu].count == 0) {
        g_holders &= ~(1ull << cpu);
    }
}

void sim_store_note(volatile void *address, uint32_t bytes, bool release)
{
    const uint32_t self = sim_self();

    if (self >= CPUS_MAX) {
        return;
    }
    if (bytes > BYTES_MAX || !is_kept((uintptr_t)address)) {
        if (release) {
            sim_store_order();
        } else {
            sim_store_settle(address, bytes);
        }
        return;
    }
    if (g_of[self].count == STORES_MAX) {
        oldest_leave(self, 1);
    }
    struct store *const store = &g_of[self].store[g_of[self].count++];

    *store = (struct store){ .address = (uint8_t *)(uintptr_t)address,
                             .bytes = bytes,
                             .number = g_of[self].number++,
                             .fences = g_of[self].fences,
                             .release = release };
    memcpy(store->other, store->address, bytes);
    g_holders |= 1ull << self;
}

void sim_store_fence(void)
{
    const uint32_t self = sim_self();

    if (self < CPUS_MAX) {
        g_of[self].fences++;
    }
}

void sim_store_order(void)
{
    const uint32_t self = sim_self();

    if (self < CPUS_MAX) {
        oldest_leave(self, g_of[self].count);
    }
}

/* All up to the newest one that overlaps leave, and all from before a fence: more than must. */
void sim_store_settle(const volatile void *address, uint32_t bytes)
{
    const uint32_t self = sim_self();
    uint32_t leaving = 0;

    for (uint32_t i = 0; self < CPUS_MAX && i < g_of[self].count; i++) {
        const struct store *const store = &g_of[self].store[i];

        if (overlap(store, (const uint8_t *)(uintptr_t)address, bytes) ||
            store->fences != g_of[self].fences) {
            leaving = i + 1;
        }
    }
    if (leaving != 0) {
        oldest_leave(self, leaving);
    }
}

static void swap(struct store *store)
{
    uint8_t now[BYTES_MAX];

    memcpy(now, store->address, store->bytes);
    memcpy(store->address, store->other, store->bytes);
    memcpy(store->other, now, store->bytes);
}

/* Does the order of stores allow that number `i` of the buffer leaves before those in front? (2) */
static bool may_leave(uint32_t cpu, uint32_t i)
{
    const struct store *const store = &g_of[cpu].store[i];

    if (i > 0 && (store->release || g_of[cpu].store[0].fences != store->fences)) {
        return false;
    }
    for (uint32_t j = 0; j < i; j++) {
        if (overlap(&g_of[cpu].store[j], store->address, store->bytes)) {
            return false;
        }
    }
    return true;
}

static uint64_t mixed(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/*
 * One of two the first time; later one of 2, 4, 8 or 16, as the run is (3). In half of the runs one
 * store of eight is held: it leaves one of 64 times, so that what it should have come before is
 * seen and acted upon.
 */
static bool leaves(uint32_t cpu, struct store *store)
{
    const uint64_t run = g_sim.seed * 0x9e3779b97f4a7c15ull;
    const uint64_t which = run + ((uint64_t)store->number << 32) + cpu;
    const bool held = (run >> 61 & 1) != 0 && mixed(which) >> 61 == 0;
    const uint32_t later = 1 + (uint32_t)(run >> 62);
    const uint32_t bits = held ? 6 : store->asked == 0 ? 1 : later;

    store->asked++;
    return mixed(which + ((uint64_t)store->asked << 6)) >> (64 - bits) == 0;
}

/* Ask the stores of a CPU that does not run. */
static void ask(uint32_t cpu)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < g_of[cpu].count; i++) {
        struct store *const store = &g_of[cpu].store[i];

        /* Those that stay have been moved to the front, so `kept` is its place among them. */
        g_of[cpu].store[kept] = *store;
        if (may_leave(cpu, kept) && leaves(cpu, &g_of[cpu].store[kept])) {
            memcpy(store->address, g_of[cpu].store[kept].other, store->bytes);
        } else {
            kept++;
        }
    }
    g_of[cpu].count = kept;
    if (kept == 0) {
        g_holders &= ~(1ull << cpu);
    }
}

void sim_stores_switch(uint32_t from, uint32_t to)
{
    for (uint32_t i = g_of[from].count; i-- > 0;) {
        swap(&g_of[from].store[i]);
    }
    for (uint64_t left = g_holders & ~(1ull << to); left != 0; left &= left - 1) {
        ask((uint32_t)__builtin_ctzll(left));
    }
    for (uint32_t i = 0; i < g_of[to].count; i++) {
        swap(&g_of[to].store[i]);
    }
}

void sim_stores_end(uint32_t cpu)
{
    for (uint32_t i = 0; cpu != sim_self() && i < g_of[cpu].count; i++) {
        swap(&g_of[cpu].store[i]);
    }
    oldest_leave(cpu, g_of[cpu].count);
}
