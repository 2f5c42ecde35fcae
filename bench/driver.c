/*
 * driver.c - runs benchmark bodies in the kernel, on both back ends, and prints what they cost.
 *
 * Command line: bench=all|name|list (comma-separated, * and ? as in file names), bench-samples=N,
 * bench-count=1 (a fixed number of loops for an instruction counter; only counted benchmarks).
 *
 * Invariants:
 *   (1) a sample takes at least SAMPLE_CYCLES_MIN, so that reading the counter is below a percent;
 *   (2) the two sides of a claim are sampled in turn, with the same number of samples;
 *   (3) a sample never includes another's calibration or printing.
 */
#include "driver.h"

#include "exo/config.h"
#include "exo/debug/boot.h"
#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/lib/number.h"
#include "exo/lib/string.h"
#include "exo/monitor.h"
#include "pattern.h"

#define SAMPLE_CYCLES_MIN 250000u /* short: a busy host seldom comes between */
#define LOOPS_MAX         (1ull << 26)
#define SAMPLES_DEFAULT   51u
#define SAMPLES_MIN       9u /* pairs that a claim needs */
#define COUNT_LOOPS       1000u
#define HUNDREDTHS        100u

extern const struct bench *const __start_exo_benches[];
extern const struct bench *const __stop_exo_benches[];
extern const struct bench_claim *const __start_exo_bench_claims[] __attribute__((weak));
extern const struct bench_claim *const __stop_exo_bench_claims[] __attribute__((weak));

static const char *g_names;
static uint32_t g_samples = SAMPLES_DEFAULT;
static bool g_counting;
static struct bench_series g_series[2];

__attribute__((weak)) void bench_count_begin(const struct bench_run *run)
{
    (void)run;
}

__attribute__((weak)) void bench_count_end(const struct bench_run *run)
{
    (void)run;
}

bool bench_counting(void)
{
    return g_counting;
}

void bench_start(struct bench_run *run)
{
    if (g_counting) {
        bench_count_begin(run);
    }
    run->start = hal_cycles_ordered();
}

void bench_stop(struct bench_run *run)
{
    run->cycles += hal_cycles_ordered() - run->start;
    if (g_counting) {
        bench_count_end(run);
    }
}

/* Run the body once; returns the cycles it took, or 0 if the machine cannot run it. */
static uint64_t body_cycles(const struct bench *bench, uint64_t loops)
{
    struct bench_run run = { .name = bench->name, .loops = loops };

    bench->body(&run);
    return run.skipped ? 0 : max_u64(run.cycles, 1);
}

/* Find the loops of one sample; 0 if the machine cannot run the benchmark. */
static uint64_t calibrate(const struct bench *bench)
{
    uint64_t loops = 1;

    while (loops < LOOPS_MAX) {
        const uint64_t cycles = body_cycles(bench, loops);

        if (cycles == 0 || cycles >= SAMPLE_CYCLES_MIN) {
            return cycles == 0 ? 0 : loops;
        }
        loops *= cycles * 4 < SAMPLE_CYCLES_MIN ? 4 : 2;
    }
    return loops;
}

static void sample(const struct bench *bench, uint64_t loops, struct bench_series *series)
{
    series->cost[series->n++] = body_cycles(bench, loops) * HUNDREDTHS / loops;
}

static uint64_t hundredths_of_ns(uint64_t cycles_hundredths)
{
    return cycles_hundredths * 1000 / (hal_caps()->cycles_hz / 1000000);
}

static void print_row(const struct bench *bench, const struct bench_series *series)
{
    const uint64_t min = series->cost[0];
    const uint64_t p50 = bench_series_at(series, 50);
    const uint64_t p99 = bench_series_at(series, 99);
    const uint64_t ns = hundredths_of_ns(p50);

    kprintf("%-28s %9llu.%02llu %9llu.%02llu %9llu.%02llu  %9llu.%02llu\n", bench->name,
            (unsigned long long)(min / HUNDREDTHS), (unsigned long long)(min % HUNDREDTHS),
            (unsigned long long)(p50 / HUNDREDTHS), (unsigned long long)(p50 % HUNDREDTHS),
            (unsigned long long)(p99 / HUNDREDTHS), (unsigned long long)(p99 % HUNDREDTHS),
            (unsigned long long)(ns / HUNDREDTHS), (unsigned long long)(ns % HUNDREDTHS));
    kprintf("{\"name\":\"%s\",\"platform\":\"%s\",\"commit\":\"%s\",\"unit\":\"cycles\",\"n\":%u,"
            "\"min\":%llu.%02llu,\"p50\":%llu.%02llu,\"p99\":%llu.%02llu,\"debug\":%u}\n",
            bench->name, boot_info_get()->platform, EXO_COMMIT, series->n,
            (unsigned long long)(min / HUNDREDTHS), (unsigned long long)(min % HUNDREDTHS),
            (unsigned long long)(p50 / HUNDREDTHS), (unsigned long long)(p50 % HUNDREDTHS),
            (unsigned long long)(p99 / HUNDREDTHS), (unsigned long long)(p99 % HUNDREDTHS),
            (unsigned)(EXO_CONFIG_DEBUG | EXO_CONFIG_DEBUG_LOCKS));
}

static void run_plain(const struct bench *bench)
{
    struct bench_series *series = &g_series[0];
    const uint64_t loops = calibrate(bench);

    if (loops == 0) {
        kprintf("%-28s not on this machine\n", bench->name);
        return;
    }
    series->n = 0;
    for (uint32_t i = 0; i < g_samples; i++) {
        sample(bench, loops, series);
    }
    bench_series_sort(series);
    print_row(bench, series);
}

/* Run the body with COUNT_LOOPS and twice as many: the difference has no start-up in it. */
static void run_counted(const struct bench *bench)
{
    if (!bench->counted || body_cycles(bench, COUNT_LOOPS) == 0) {
        return;
    }
    const uint64_t once = body_cycles(bench, COUNT_LOOPS);
    const uint64_t twice = body_cycles(bench, 2 * COUNT_LOOPS);
    const uint64_t cost = (twice - once) * HUNDREDTHS / COUNT_LOOPS;

    kprintf("{\"name\":\"%s\",\"platform\":\"%s\",\"commit\":\"%s\",\"unit\":\"counted cycles\","
            "\"n\":1,\"p50\":%llu.%02llu}\n",
            bench->name, boot_info_get()->platform, EXO_COMMIT,
            (unsigned long long)(cost / HUNDREDTHS), (unsigned long long)(cost % HUNDREDTHS));
}

static const struct bench *find(const char *name)
{
    for (const struct bench *const *at = __start_exo_benches; at < __stop_exo_benches; at++) {
        if (str_equal((*at)->name, name)) {
            return *at;
        }
    }
    return NULL;
}

static void print_claim(const struct bench_claim *claim)
{
    const uint64_t ours = bench_series_at(&g_series[0], 50);
    const uint64_t rival = max_u64(bench_series_at(&g_series[1], 50), 1);
    const uint64_t median = ours * 1000 / rival;
    const uint64_t least = g_series[0].cost[0] * 1000 / max_u64(g_series[1].cost[0], 1);
    const char *verdict = ", no bar";

    if (claim->max_percent != 0) {
        /* A bar has two digits, and so has what is compared with it. */
        verdict = (median + 5) / 10 <= claim->max_percent ? ", met" : ", NOT met";
    }
    kprintf("%s / %s: median %llu.%03llu, minimum %llu.%03llu, bar %u.%02u%s\n", claim->ours,
            claim->rival, (unsigned long long)(median / 1000), (unsigned long long)(median % 1000),
            (unsigned long long)(least / 1000), (unsigned long long)(least % 1000),
            claim->max_percent / 100, claim->max_percent % 100, verdict);
    kprintf("{\"name\":\"%s/%s\",\"platform\":\"%s\",\"commit\":\"%s\",\"unit\":\"ratio\","
            "\"n\":%u,\"min\":%llu.%03llu,\"p50\":%llu.%03llu,\"bar\":%u.%02u}\n",
            claim->ours, claim->rival, boot_info_get()->platform, EXO_COMMIT, g_series[0].n,
            (unsigned long long)(least / 1000), (unsigned long long)(least % 1000),
            (unsigned long long)(median / 1000), (unsigned long long)(median % 1000),
            claim->max_percent / 100, claim->max_percent % 100);
}

static void run_claim(const struct bench_claim *claim)
{
    const struct bench *ours = find(claim->ours);
    const struct bench *rival = find(claim->rival);

    if (ours == NULL || rival == NULL) {
        kprintf("%s / %s: one of them is not linked\n", claim->ours, claim->rival);
        return;
    }
    const uint64_t our_loops = calibrate(ours);
    const uint64_t rival_loops = calibrate(rival);

    if (our_loops == 0 || rival_loops == 0) {
        kprintf("%s / %s: not on this machine\n", claim->ours, claim->rival);
        return;
    }
    g_series[0].n = 0;
    g_series[1].n = 0;
    for (uint32_t i = 0; i < max_u64(g_samples, SAMPLES_MIN); i++) {
        sample(ours, our_loops, &g_series[0]);
        sample(rival, rival_loops, &g_series[1]);
    }
    bench_series_sort(&g_series[0]);
    bench_series_sort(&g_series[1]);
    print_claim(claim);
}

/* Run what `names` names; false if nothing did. */
static bool run_named(const char *names)
{
    bool any = false;

    if (!g_counting) {
        kprintf("%-28s %12s %12s %12s  %12s\n", "cycles for one", "min", "p50", "p99", "p50 in ns");
    }
    for (const struct bench *const *at = __start_exo_benches; at < __stop_exo_benches; at++) {
        if (pattern_list_matches(names, (*at)->name)) {
            any = true;
            if (g_counting) {
                run_counted(*at);
            } else {
                run_plain(*at);
            }
        }
    }
    for (const struct bench_claim *const *at = __start_exo_bench_claims;
         !g_counting && at < __stop_exo_bench_claims; at++) {
        if (pattern_list_matches(names, (*at)->ours)) {
            run_claim(*at);
        }
    }
    return any;
}

static void list(void)
{
    for (const struct bench *const *at = __start_exo_benches; at < __stop_exo_benches; at++) {
        kprintf("%-28s %s\n", (*at)->name, (*at)->question);
    }
}

static exo_status_t names_set(const char *value)
{
    g_names = value;
    return EXO_OK;
}

static exo_status_t samples_set(const char *value)
{
    uint32_t samples = 0;
    const exo_status_t status = number_parse_max(value, BENCH_SAMPLES_MAX, &samples);

    if (status != EXO_OK || samples == 0) {
        return status != EXO_OK ? status : EXO_ERR_INVALID;
    }
    g_samples = samples;
    return EXO_OK;
}

static exo_status_t count_set(const char *value)
{
    g_counting = str_equal(value, "1");
    return EXO_OK;
}

/* How long the boot took up to here. With -icount a nanosecond is an instruction. */
static void print_boot(void)
{
    const unsigned long long boot_ns = hal_clock_ns();

    kprintf("boot to benchmarks           %llu ns since the first kernel instruction\n", boot_ns);
    kprintf("{\"name\":\"boot_to_benchmarks\",\"platform\":\"%s\",\"commit\":\"%s\","
            "\"unit\":\"%s\",\"n\":1,\"p50\":%llu}\n",
            boot_info_get()->platform, EXO_COMMIT, g_counting ? "counted cycles" : "ns", boot_ns);
}

static void bench_step(void)
{
    if (g_names == NULL) {
        return;
    }
    print_boot();
    if (str_equal(g_names, "list")) {
        list();
        hal_shutdown(0);
    }
    const bool any = run_named(g_names);

    kprintf("# bench: %s\n", any ? "done" : "no benchmark has that name");
    hal_shutdown(any ? 0 : 1);
}

static void monitor_bench(uint32_t argc, const char *const *argv)
{
    if (argc < 2) {
        list();
        return;
    }
    for (uint32_t i = 1; i < argc; i++) {
        if (!run_named(argv[i])) {
            kprintf("no benchmark is named %s\n", argv[i]);
        }
    }
}

EXO_BOOT_PARAM(bench, "bench", "benchmarks to run: all, name, list; comma-separated", names_set);
EXO_BOOT_PARAM(bench_samples, "bench-samples", "samples of each benchmark, 1 to 201", samples_set);
EXO_BOOT_PARAM(bench_count, "bench-count", "1: fixed loops, for an instruction counter", count_set);
EXO_BOOT_STEP(benchmarks, BOOT_NORMAL, BOOT_ORDER_TESTS + 1, bench_step);
EXO_MONITOR_COMMAND(bench, "run benchmarks: bench all|name ...; bench lists them", monitor_bench);
