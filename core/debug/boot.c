/*
 * core/debug/boot.c - boot steps in phases and the bootchart.
 *
 * Invariants:
 *   (1) steps of a phase run by rising order; on a tie the core's come first, then link order;
 *   (2) the chart is written by one CPU at a time: the boot CPU, later the main thread, and
 *       bootchart_mark() claims its place atomically.
 */
#include "exo/debug/boot.h"

#include <stdatomic.h>

#include "exo/debug/log.h"
#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"

#define CHART_MAX 48u /* further entries are not noted */

struct chart_entry {
    const char *name;
    const char *phase;
    uint64_t start_ns;
    uint64_t len_ns;
};

extern const struct boot_step *const __start_exo_boot_steps[] __attribute__((weak));
extern const struct boot_step *const __stop_exo_boot_steps[] __attribute__((weak));

static const struct boot_info *g_info;
static struct chart_entry g_chart[CHART_MAX];
static _Atomic uint32_t g_chart_count;

void boot_info_set(const struct boot_info *info)
{
    g_info = info;
}

const struct boot_info *boot_info_get(void)
{
    KASSERT(g_info != NULL);
    return g_info;
}

exo_status_t boot_module_find(const char *name, const struct boot_module **out)
{
    const struct boot_info *const info = boot_info_get();

    for (uint32_t i = 0; i < info->module_count; i++) {
        if (str_equal(info->module[i].name, name)) {
            *out = &info->module[i];
            return EXO_OK;
        }
    }
    return EXO_ERR_NOT_FOUND;
}

static void chart_add(const struct chart_entry *entry)
{
    const uint32_t at = atomic_fetch_add_explicit(&g_chart_count, 1, memory_order_relaxed);

    if (at < CHART_MAX) {
        g_chart[at] = *entry;
    }
}

void bootchart_mark(const char *name)
{
    const struct chart_entry entry = { .name = name, .phase = "mark", .start_ns = hal_clock_ns() };

    chart_add(&entry);
}

struct step_choice {
    const struct boot_step *step;
    uint64_t key; /* order and place, one number: steps run by rising key */
};

static uint64_t step_key(const struct boot_step *step, size_t place)
{
    return (uint64_t)step->order << 32 | (uint32_t)place;
}

/* Make `step` the best so far if it comes after key `done` and before the best. */
static void consider(struct step_choice *best, uint64_t done, const struct boot_step *step,
                     enum boot_phase phase, size_t place)
{
    const uint64_t key = step_key(step, place);

    if (step->phase == phase && key > done && (best->step == NULL || key < best->key)) {
        *best = (struct step_choice){ .step = step, .key = key };
    }
}

/* The step with the least key above `done`. Few steps: looking at all of them each time costs less
 * than memory to sort them in, of which there is none yet. */
static struct step_choice next_step(enum boot_phase phase, const struct boot_step *core_steps,
                                    size_t count, uint64_t done)
{
    struct step_choice best = { 0 };
    const size_t registered = (size_t)(__stop_exo_boot_steps - __start_exo_boot_steps);

    for (size_t i = 0; i < count; i++) {
        consider(&best, done, &core_steps[i], phase, i + 1);
    }
    for (size_t i = 0; i < registered; i++) {
        consider(&best, done, __start_exo_boot_steps[i], phase, count + i + 1);
    }
    return best;
}

void boot_phase_run(enum boot_phase phase, const struct boot_step *core_steps, size_t count)
{
    static const char *const phase_name[] = { "critical", "normal", "deferred" };
    uint64_t done = 0;

    for (;;) {
        const struct step_choice choice = next_step(phase, core_steps, count, done);

        if (choice.step == NULL) {
            break;
        }
        struct chart_entry entry = { .name = choice.step->name,
                                     .phase = phase_name[phase],
                                     .start_ns = hal_clock_ns() };
        choice.step->run();
        entry.len_ns = hal_clock_ns() - entry.start_ns;
        chart_add(&entry);
        done = choice.key;
    }
}

void bootchart_print(void)
{
    const uint32_t count = atomic_load_explicit(&g_chart_count, memory_order_relaxed);

    kprintf("%-20s %-9s %14s %14s\n", "step", "phase", "start ns", "length ns");
    for (uint32_t i = 0; i < count && i < CHART_MAX; i++) {
        const struct chart_entry *const entry = &g_chart[i];

        kprintf("%-20s %-9s %14lu %14lu\n", entry->name, entry->phase, entry->start_ns,
                entry->len_ns);
    }
}
