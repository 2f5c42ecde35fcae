/*
 * ram.c - physical memory: one sealed memfd, mapped whole at HOSTED_RAM_BASE.
 *
 * Invariants:
 *   (1) Physical address p is byte p of the memfd and lies at HOSTED_RAM_BASE + p.
 *   (2) The memfd never changes its size: sealed, since stub processes have it open too.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u /* Linux 6.3; user text lies in this memory */
#endif

static int g_ram_fd = -1;
static uint64_t g_ram_bytes;

int hosted_ram_fd(void)
{
    return g_ram_fd;
}

uint64_t hosted_ram_bytes(void)
{
    return g_ram_bytes;
}

void hosted_ram_init(uint64_t bytes)
{
    g_ram_bytes = bytes;
    g_ram_fd = memfd_create("exo-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (g_ram_fd < 0 && errno == EINVAL) {
        g_ram_fd = memfd_create("exo-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }
    if (g_ram_fd < 0 || ftruncate(g_ram_fd, (off_t)bytes) != 0 ||
        fcntl(g_ram_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        host_fail("cannot make a memfd of %llu MiB: %s", (unsigned long long)(bytes >> 20),
                  strerror(errno));
    }
    void *const base = (void *)(uintptr_t)HOSTED_RAM_BASE;

    if (mmap(base, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_NORESERVE,
             g_ram_fd, 0) != base) {
        host_fail("cannot map %llu MiB of memory at %p: %s", (unsigned long long)(bytes >> 20),
                  base, strerror(errno));
    }
}
