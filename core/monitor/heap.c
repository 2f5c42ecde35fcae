/*
 * core/monitor/heap.c - the monitor's command about the kernel heap: by size class and by caller.
 */
#include "exo/mem/heap.h"
#include "exo/debug/panic.h"
#include "exo/monitor.h"

#define CALLERS_SHOWN_MAX 32u

static struct heap_caller g_callers[CALLERS_SHOWN_MAX];

static void classes_show(void)
{
    struct heap_class_stats class;

    kprintf("size  allocations      out  slabs   (allocations: as far as caches told; out: alive "
            "or in caches)\n");
    for (uint32_t i = 1; heap_class_stats(i, &class); i++) {
        if (class.slabs > 0 || class.allocs > 0) {
            kprintf("%5lu %12lu %8lu %6lu\n", class.size_bytes, class.allocs, class.objects,
                    class.slabs);
        }
    }
}

/* What the figures say is wrong for a moment where others allocate meanwhile. */
static void callers_show(void)
{
    const size_t count = heap_callers(g_callers, CALLERS_SHOWN_MAX);

    if (!EXO_CONFIG_DEBUG) {
        kprintf("callers: of large objects only, without debug checks\n");
    }
    kprintf("   objects        bytes  allocated by\n");
    for (size_t i = 0; i < count; i++) {
        const uintptr_t caller = (uintptr_t)g_callers[i].caller;
        uintptr_t offset = 0;
        const char *const name = caller == 0 ? "others" : symbol_find(caller - 1, &offset);

        kprintf("%10lu %12lu  %s+0x%lx\n", g_callers[i].objects, g_callers[i].bytes,
                name == NULL ? "?" : name, offset);
    }
}

static void command_heap(uint32_t argc, const char *const *argv)
{
    struct heap_stats stats;

    (void)argc;
    (void)argv;
    heap_stats(&stats);
    kprintf("frames %lu (most so far %lu, tables %lu), small objects out %lu, large %lu, freed on "
            "another CPU %lu\n",
            stats.frames, stats.frames_peak, stats.frames_metadata, stats.small_objects,
            stats.large_objects, stats.remote_frees);
    classes_show();
    callers_show();
}
EXO_MONITOR_COMMAND(heap, "kernel heap: by size class and by caller", command_heap);
