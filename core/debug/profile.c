/*
 * core/debug/profile.c - tables of sampled stacks.
 *
 * Invariants:
 *   (1) a table has one writer, its CPU, in its timer interrupt;
 *   (2) a stack with hash 0 is free; its words are written before the hash, which is stored by
 *       release and never changes afterwards. Only `count` grows.
 */
#include "exo/debug/profile.h"

#include <stdatomic.h>

#include "exo/debug/panic.h"
#include "exo/debug/symbols.h"
#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"

#define PROBES_MAX 16u /* places that a stack may lie behind the one of its hash */

/* Beside indices of the symbol table: */
#define SYMBOL_UNKNOWN UINT32_MAX
#define SYMBOL_IDLE    (UINT32_MAX - 1) /* the bottom of an idle CPU's stack */
#define SYMBOL_USER    (UINT32_MAX - 2) /* user code */
#define SYMBOL_CUT     (UINT32_MAX - 3) /* frames are left out */

#define HASH_START 0x811c9dc5u /* FNV-1a, a word at a time */
#define HASH_PRIME 0x01000193u

struct stack {
    _Atomic uint32_t count;
    _Atomic uint32_t hash;
    uint32_t depth;
    uint32_t symbol[PROFILE_DEPTH_MAX + 1]; /* innermost first */
};

struct table {
    _Atomic uint64_t samples;
    _Atomic uint64_t lost;
    _Atomic uint32_t stacks;
    uint32_t size; /* [c] */
    struct stack stack[] EXO_ALIGNED(CACHE_LINE);
};

_Static_assert(sizeof(struct stack) == PROFILE_STACK_BYTES, "PROFILE_TABLE_BYTES counts on it");
_Static_assert(offsetof(struct table, stack) == CACHE_LINE, "PROFILE_TABLE_BYTES counts on it");

static _Atomic(struct table *) g_table[CPUS_MAX];

void profile_table_set(uint32_t cpu, void *memory, uint32_t stacks)
{
    struct table *const table = memory;

    KASSERT(cpu < CPUS_MAX);
    if (table != NULL) {
        KASSERT(stacks != 0 && (stacks & (stacks - 1)) == 0);
        memset(table, 0, PROFILE_TABLE_BYTES(stacks));
        table->size = stacks;
    }
    atomic_store_explicit(&g_table[cpu], table, memory_order_release);
}

static struct table *table_of(uint32_t cpu)
{
    return atomic_load_explicit(&g_table[cpu], memory_order_acquire);
}

/* ---- sampling ---- */

static void push(struct stack *stack, uint32_t symbol)
{
    if (stack->depth < PROFILE_DEPTH_MAX) {
        stack->symbol[stack->depth++] = symbol;
    } else {
        stack->symbol[PROFILE_DEPTH_MAX] = SYMBOL_CUT;
        stack->depth = PROFILE_DEPTH_MAX + 1;
    }
}

/* The stack that was struck, as functions. An idle CPU's is not walked: it began in code that is
 * not the kernel's, whose frames mean nothing. */
static void stack_read(struct stack *out)
{
    struct hal_interrupted struck;
    uintptr_t pc[PROFILE_DEPTH_MAX + 1];
    uintptr_t low = 0;
    uintptr_t high = 0;

    out->depth = 0;
    if (!hal_irq_interrupted(&struck)) {
        push(out, SYMBOL_USER);
        return;
    }
    push(out, symbol_index(struck.pc));
    if (!debug_stack_bounds((uintptr_t)&pc, &low, &high)) {
        push(out, SYMBOL_IDLE);
        return;
    }
    if (struck.caller != 0) {
        push(out, symbol_index(struck.caller - 1));
    }
    const size_t count = backtrace_walk(struck.frame, pc, PROFILE_DEPTH_MAX + 1);

    for (size_t i = 0; i < count; i++) {
        push(out, symbol_index(pc[i] - 1)); /* inside the call */
    }
}

static uint32_t stack_hash(const struct stack *stack)
{
    uint32_t hash = HASH_START;

    for (uint32_t i = 0; i < stack->depth; i++) {
        hash = (hash ^ stack->symbol[i]) * HASH_PRIME;
        hash ^= hash >> 15;
    }
    return hash | 1; /* never 0 */
}

static bool stack_equal(const struct stack *a, const struct stack *b)
{
    for (uint32_t i = 0; i < a->depth && a->depth == b->depth; i++) {
        if (a->symbol[i] != b->symbol[i]) {
            return false;
        }
    }
    return a->depth == b->depth;
}

/* The place of this stack in the table, made if there is room; NULL if not. */
static struct stack *place_find(struct table *table, const struct stack *seen, uint32_t hash)
{
    for (uint32_t i = 0; i < PROBES_MAX; i++) {
        struct stack *const at = &table->stack[(hash / 2 + i) & (table->size - 1)];
        const uint32_t found = atomic_load_explicit(&at->hash, memory_order_relaxed);

        if (found == hash && stack_equal(at, seen)) {
            return at;
        }
        if (found == 0) {
            at->depth = seen->depth;
            memcpy(at->symbol, seen->symbol, sizeof(at->symbol));
            atomic_fetch_add_explicit(&table->stacks, 1, memory_order_relaxed);
            atomic_store_explicit(&at->hash, hash, memory_order_release); /* (2) */
            return at;
        }
    }
    return NULL;
}

void profile_sample(void)
{
    struct table *const table = table_of(hal_cpu_id());
    struct stack seen = { .depth = 0 };

    if (table == NULL) {
        return;
    }
    stack_read(&seen);
    struct stack *const at = place_find(table, &seen, stack_hash(&seen));

    if (at != NULL) {
        atomic_fetch_add_explicit(&at->count, 1, memory_order_relaxed);
    } else {
        atomic_fetch_add_explicit(&table->lost, 1, memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&table->samples, 1, memory_order_relaxed);
}

/* ---- reading ---- */

void profile_stats(uint32_t cpu, struct profile_stats *out)
{
    const struct table *const table = table_of(cpu);

    *out = (struct profile_stats){ 0 };
    if (table != NULL) {
        out->samples = atomic_load_explicit(&table->samples, memory_order_relaxed);
        out->lost = atomic_load_explicit(&table->lost, memory_order_relaxed);
        out->stacks = atomic_load_explicit(&table->stacks, memory_order_relaxed);
        out->size = table->size;
    }
}

static bool is_taken(const struct stack *stack)
{
    return atomic_load_explicit(&stack->hash, memory_order_acquire) != 0; /* (2) */
}

static const char *symbol_text(uint32_t symbol)
{
    switch (symbol) {
    case SYMBOL_UNKNOWN:
        return "[unknown]";
    case SYMBOL_IDLE:
        return "[idle]";
    case SYMBOL_USER:
        return "[user]";
    case SYMBOL_CUT:
        return "[cut]";
    default:
        return g_ksyms[symbol].name;
    }
}

/* How many samples of the table have `symbol` innermost. */
static uint64_t leaf_count(const struct table *table, uint32_t symbol)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < table->size; i++) {
        if (is_taken(&table->stack[i]) && table->stack[i].symbol[0] == symbol) {
            count += atomic_load_explicit(&table->stack[i].count, memory_order_relaxed);
        }
    }
    return count;
}

const char *profile_top(uint32_t cpu, uint64_t *count)
{
    const struct table *const table = table_of(cpu);
    const char *top = NULL;

    *count = 0;
    for (uint32_t i = 0; table != NULL && i < table->size; i++) {
        if (is_taken(&table->stack[i])) {
            const uint64_t times = leaf_count(table, table->stack[i].symbol[0]);

            top = times > *count ? symbol_text(table->stack[i].symbol[0]) : top;
            *count = max_u64(times, *count);
        }
    }
    return top;
}

static void put_text(struct fmt_sink *sink, const char *text)
{
    sink->put(sink, text, strlen(text));
}

static void stack_write(struct fmt_sink *sink, const struct stack *stack)
{
    char count[24];

    for (uint32_t i = stack->depth; i > 0; i--) {
        put_text(sink, symbol_text(stack->symbol[i - 1]));
        put_text(sink, i > 1 ? ";" : " ");
    }
    fmt_print(count, sizeof(count), "%u\n",
              atomic_load_explicit(&stack->count, memory_order_relaxed));
    put_text(sink, count);
}

void profile_export(struct fmt_sink *sink)
{
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        const struct table *const table = table_of(cpu);

        for (uint32_t i = 0; table != NULL && i < table->size; i++) {
            if (is_taken(&table->stack[i])) {
                stack_write(sink, &table->stack[i]);
            }
        }
    }
}
