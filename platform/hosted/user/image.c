/*
 * image.c - the stub program as a file without a name: a sealed memfd that the service executes.
 *
 * The build embeds the linked program between two labels. Its addresses for the kernel stand behind
 * the jump that is its first instruction.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exo/lib/assert.h"
#include "platform/hosted/host.h"
#include "platform/hosted/user/stub.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u /* Linux 6.3; older hosts refuse it and need it not */
#endif
#define IMAGE_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

extern const uint8_t hosted_stub_image[], hosted_stub_image_end[];

/* The bytes of the program at virtual address `vaddr`. */
static const void *image_at(uint64_t vaddr)
{
    const Elf64_Ehdr *const header = (const Elf64_Ehdr *)hosted_stub_image;
    const Elf64_Phdr *const segment = (const Elf64_Phdr *)(hosted_stub_image + header->e_phoff);

    for (uint32_t i = 0; i < header->e_phnum; i++) {
        if (segment[i].p_type == PT_LOAD && vaddr >= segment[i].p_vaddr &&
            vaddr < segment[i].p_vaddr + segment[i].p_filesz) {
            return hosted_stub_image + segment[i].p_offset + (vaddr - segment[i].p_vaddr);
        }
    }
    kassert_fail("the address lies in the stub program", __FILE__, __LINE__, __func__);
}

const struct stub_sites *stub_sites(void)
{
    static const struct stub_sites *_Atomic g_sites;
    const struct stub_sites *sites = atomic_load_explicit(&g_sites, memory_order_relaxed);

    if (sites == NULL) {
        const Elf64_Ehdr *const header = (const Elf64_Ehdr *)hosted_stub_image;

        sites = image_at(align_up(header->e_entry + 1, 8));
        KASSERT(stub_holds(header->e_entry));
        atomic_store_explicit(&g_sites, sites, memory_order_relaxed);
    }
    return sites;
}

bool stub_holds(uint64_t pc)
{
    return pc >= STUB_TEXT && pc < STUB_CMD;
}

static bool image_write(int fd)
{
    const size_t len = (size_t)(hosted_stub_image_end - hosted_stub_image);
    size_t done = 0;

    while (done < len) {
        const ssize_t n = write(fd, hosted_stub_image + done, len - done);

        if (n < 0 && errno != EINTR) {
            return false;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return fcntl(fd, F_ADD_SEALS, IMAGE_SEALS) == 0;
}

exo_status_t stub_image_open(int *fd)
{
    const unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    long memfd = host_syscall(SYS_memfd_create, (long)"exo-stub", (long)(flags | MFD_EXEC), 0, 0);

    if (memfd == -EINVAL) {
        memfd = host_syscall(SYS_memfd_create, (long)"exo-stub", (long)flags, 0, 0);
    }
    if (memfd < 0) {
        return memfd == -EACCES ? EXO_ERR_NOT_SUPPORTED : EXO_ERR_NO_RESOURCES;
    }
    if (!image_write((int)memfd)) {
        close((int)memfd);
        return EXO_ERR_NO_MEMORY;
    }
    *fd = (int)memfd;
    return EXO_OK;
}
