/*
 * exo/debug/log.h - the kernel log: levels, a ring per CPU, echo to the console by level.
 *
 * klog(KLOG_WARN, "acpi", "table checksum bad sig=%.4s len=%u", ...): module, then a lower-case
 * fact, then key=value with units; no newline. ERROR means an operator must act. A user's mistake
 * is not logged. Allocates nothing.  Context: any, NMI and panic included.  Locks: none that a
 * caller could hold.
 */
#ifndef EXO_DEBUG_LOG_H
#define EXO_DEBUG_LOG_H

#include "exo/lib/types.h"

enum klog_level { KLOG_ERROR, KLOG_WARN, KLOG_INFO, KLOG_DEBUG };

#define KLOG_TEXT_MAX 192u /* bytes of one record's text; longer is cut with "..." */

#define KLOG_MODULE_MAX 12u

void klog(enum klog_level level, const char *module, const char *format, ...) EXO_PRINTF(3, 4);

/* Records above `level` stay in the rings only. Set by log=error|warn|info|debug on the command
 * line; the default is warn. */
void klog_console_level_set(enum klog_level level);

/* Give `cpu` a ring of its own over `memory`: KLOG_RING_BYTES bytes, zeroed, kept for ever.
 * Until then its records go to the ring of CPU 0, which is static.  Context: once per CPU. */
#define KLOG_RING_BYTES 32768u
void klog_ring_add(uint32_t cpu, void *memory);

struct klog_record {
    uint64_t time_ns;
    uint32_t cpu;
    enum klog_level level;
    char module[KLOG_MODULE_MAX];
    char text[KLOG_TEXT_MAX];
};

/* Walk the records of all CPUs, oldest first: start with *cursor = 0, false when there are no more.
 * Records overwritten meanwhile are passed over and counted in *lost (may be NULL). */
bool klog_next(uint64_t *cursor, struct klog_record *out, uint64_t *lost);

/* Write "[    0.001234] module: text" for `record`, without a newline; returns as fmt_print() does.
 * */
#define KLOG_LINE_MAX 256u
size_t klog_format(char *buf, size_t size, const struct klog_record *record);

#endif /* EXO_DEBUG_LOG_H */
