/*
 * boot.c - from a configuration to a machine that runs core_main(): memory map, module, command
 * line.
 *
 * Memory map, low to high: frame 0 (never handed out, so that physical address 0 stays a mistake),
 * free memory, the initial RAM file system in the last frames.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"
#include "hosted.h"
#include "valgrind_requests.h"

#define MIB (1024ull * 1024ull)

static struct boot_info g_info;

static uint32_t cpus_default(void)
{
    cpu_set_t set;
    const int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

    return (uint32_t)min_u64((uint64_t)count, HOSTED_CPUS_DEFAULT_MAX);
}

static void region_add(uint64_t base, uint64_t end, enum boot_region_kind kind)
{
    if (base < end) {
        g_info.region[g_info.region_count++] =
            (struct boot_region){ .base = base, .len_bytes = end - base, .kind = kind };
    }
}

/* Read the file `path` of `len` bytes to data. */
static void file_read(const char *path, int fd, uint8_t *data, size_t len)
{
    size_t done = 0;

    while (done < len) {
        const ssize_t got = read(fd, data + done, len - done);

        if (got == 0 || (got < 0 && errno != EINTR)) {
            host_fail("cannot read %s: %s", path,
                      got == 0 ? "the file became shorter" : strerror(errno));
        }
        done += got > 0 ? (size_t)got : 0;
    }
}

/* Load the initial RAM file system into the last frames below `end`; the new end of free memory. */
static uint64_t initrd_load(const char *path, uint64_t end)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) != 0) {
        host_fail("cannot open the initrd %s: %s", path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        host_fail("the initrd %s is not a regular file", path);
    }
    const uint64_t bytes = align_up((uint64_t)st.st_size, PAGE_SIZE);

    if (bytes > end / 2) {
        host_fail("the initrd %s has %llu MiB, too much for %llu MiB of memory (--mem)", path,
                  (unsigned long long)((bytes + MIB - 1) / MIB), (unsigned long long)(end / MIB));
    }
    uint8_t *const data = hal_phys_to_virt(end - bytes);

    file_read(path, fd, data, (size_t)st.st_size);
    close(fd);
    g_info.module[g_info.module_count++] =
        (struct boot_module){ .name = "initrd", .data = data, .len_bytes = (size_t)st.st_size };
    return end - bytes;
}

bool hosted_encode(char *out, size_t out_bytes, const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./=,:@+-";
    size_t used = 0;

    if (*text == '\0') {
        return (size_t)snprintf(out, out_bytes, "%%00") < out_bytes;
    }
    for (; *text != '\0'; text++) {
        const bool keep = strchr(plain, *text) != NULL;
        const int len =
            keep ? snprintf(out + used, out_bytes - used, "%c", *text)
                 : snprintf(out + used, out_bytes - used, "%%%02X", (unsigned char)*text);

        used += (size_t)len;
        if (used >= out_bytes) {
            return false;
        }
    }
    return true;
}

/* Refuse what cannot be; fill in defaults. */
static struct hosted_config config_check(const struct hosted_config *given)
{
    struct hosted_config config = *given;

    config.cpus = config.cpus != 0 ? config.cpus : cpus_default();
    config.mem_mib = config.mem_mib != 0 ? config.mem_mib : HOSTED_MEM_MIB_DEFAULT;
    config.nodes = config.nodes != 0 ? config.nodes : 1;
    config.cmdline = config.cmdline != NULL ? config.cmdline : "";
    if (config.cpus > CPUS_MAX) {
        host_fail("%u CPUs asked for, from 1 to %u are possible", config.cpus, CPUS_MAX);
    }
    if (config.mem_mib < HOSTED_MEM_MIB_MIN || config.mem_mib > HOSTED_MEM_MIB_MAX) {
        host_fail("%u MiB of memory asked for, from %u to %u are possible", config.mem_mib,
                  HOSTED_MEM_MIB_MIN, HOSTED_MEM_MIB_MAX);
    }
    if (config.nodes > BOOT_NODES_MAX) {
        host_fail("%u memory nodes asked for, from 1 to %u are possible", config.nodes,
                  BOOT_NODES_MAX);
    }
    if (strlen(config.cmdline) >= BOOT_CMDLINE_MAX) {
        host_fail("the command line has %zu bytes, at most %u are possible", strlen(config.cmdline),
                  BOOT_CMDLINE_MAX - 1);
    }
    return config;
}

/* Give each node an equal stretch of memory and a run of CPUs. */
static void nodes_split(const struct hosted_config *config)
{
    struct boot_numa *const numa = &g_info.numa;
    const uint64_t share = align_down(config->mem_mib * MIB / config->nodes, PAGE_SIZE);

    numa->node_count = config->nodes;
    numa->range_count = config->nodes;
    for (uint32_t node = 0; node < config->nodes; node++) {
        const bool last = node + 1 == config->nodes;

        numa->range[node] = (struct boot_node_range){
            .base = node * share,
            .end = last ? config->mem_mib * MIB : (node + 1) * share,
            .node = node,
        };
    }
    for (uint32_t cpu = 0; cpu < config->cpus; cpu++) {
        numa->cpu_node[cpu] = (uint8_t)(cpu * config->nodes / config->cpus);
    }
}

void hosted_boot(const struct hosted_config *given)
{
    hosted_clock_init();
    const struct hosted_config config = config_check(given);
    uint64_t end = config.mem_mib * MIB;

    hosted_mem_watched = hosted_mem_watched || hosted_under_valgrind();
    hosted_housekeeper_init(config.console_input, config.restart_argv);
    hosted_file_open(HAL_FILE_TRACE, config.trace_path);
    hosted_file_open(HAL_FILE_PROFILE, config.profile_path);
    hosted_ram_init(end);
    hosted_cpu_init(config.cpus, config.pin);
    g_info = (struct boot_info){ .platform = "hosted",
                                 .cmdline = config.cmdline,
                                 .fill_mask = hosted_fill_mask(),
                                 .cpu_count = config.cpus };
    nodes_split(&config);
    region_add(0, PAGE_SIZE, BOOT_REGION_KERNEL);
    if (config.initrd_path != NULL) {
        end = initrd_load(config.initrd_path, end);
    }
    region_add(PAGE_SIZE, end, BOOT_REGION_FREE);
    region_add(end, config.mem_mib * MIB, BOOT_REGION_MODULE);
    hosted_caps_init(config.cpus);
    hosted_signals_init();
    hosted_fault_init();
    if (config.console_input) {
        hosted_terminal_init(config.terminal_raw);
    }
    hosted_cpu_boot(&g_info);
    hosted_housekeeper_run();
}
