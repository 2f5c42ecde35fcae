/*
 * check.c - the debug invariant: what the host has mapped in a stub agrees with the core's tables.
 *
 * Reads /proc/PID/maps. A line of the user range must map the RAM memfd, shared, each page at the
 * offset and with the rights that the tables give. Lines of the reserved range must be the stub's
 * own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "platform/hosted/host.h"
#include "platform/hosted/user/stub.h"

struct maps_line {
    uint64_t start, end, offset, inode;
    char rights[5];
};

/* "start-end rights offset device inode name", numbers but the last in hexadecimal. */
static void line_parse(const char *row, struct maps_line *line)
{
    char *at;

    line->start = strtoull(row, &at, 16);
    line->end = strtoull(at + 1, &at, 16);
    memcpy(line->rights, at + 1, 4);
    line->rights[4] = '\0';
    line->offset = strtoull(at + 6, &at, 16);
    line->inode = strtoull(strchr(at + 1, ' '), NULL, 10);
}

/* Tell the first breach only. */
static void breach(uint32_t *count, char *text, size_t text_bytes, const struct maps_line *line,
                   const char *what)
{
    if ((*count)++ == 0) {
        snprintf(text, text_bytes, "%#llx-%#llx %s offset %#llx: %s",
                 (unsigned long long)line->start, (unsigned long long)line->end, line->rights,
                 (unsigned long long)line->offset, what);
    }
}

static const char *user_line_wrong(const struct hal_space *space, const struct maps_line *line,
                                   uint64_t ram_inode)
{
    if (line->inode != ram_inode || line->rights[3] != 's') {
        return "is not shared physical memory";
    }
    for (uint64_t vaddr = line->start; vaddr < line->end; vaddr += PAGE_SIZE) {
        struct pt_entry entry;

        if (walk_next(space->root, vaddr, vaddr + PAGE_SIZE, &entry) != vaddr) {
            return "holds a page that the tables do not have";
        }
        if (entry.paddr != line->offset + (vaddr - line->start)) {
            return "holds another frame than the tables";
        }
        if ((line->rights[1] == 'w') != ((entry.flags & PT_WRITE) != 0) ||
            (line->rights[2] == 'x') != ((entry.flags & PT_EXEC) != 0)) {
            return "has other rights than the tables";
        }
    }
    return NULL;
}

static const char *reserved_line_wrong(const struct maps_line *line)
{
    if (line->start >= STUB_LIMIT) {
        return NULL; /* the host's vsyscall page */
    }
    if (line->rights[1] == 'w') {
        return line->start >= STUB_AREAS ? NULL : "is writable and not an area";
    }
    return line->end <= STUB_CMD + STUB_CMD_BYTES ? NULL : "is not the stub's";
}

uint32_t hosted_space_check(struct hal_space *space, char *text, size_t text_bytes)
{
    char path[40], row[512];
    struct stat ram;
    uint32_t count = 0;
    const hal_irq_t irq = host_enter();

    text[0] = '\0';
    snprintf(path, sizeof(path), "/proc/%d/maps", space->pid);
    FILE *const file = fopen(path, "re");

    if (file == NULL || fstat(hosted_ram_fd(), &ram) != 0) {
        snprintf(text, text_bytes, "cannot read %s", path);
        count = 1;
    }
    while (file != NULL && fgets(row, sizeof(row), file) != NULL) {
        struct maps_line line;

        line_parse(row, &line);
        const char *const wrong = line.start < HAL_USER_MAX
                                      ? user_line_wrong(space, &line, ram.st_ino)
                                      : reserved_line_wrong(&line);

        if (wrong != NULL) {
            breach(&count, text, text_bytes, &line, wrong);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    host_exit(irq);
    return count;
}
