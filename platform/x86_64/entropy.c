/*
 * entropy.c - random bytes from the CPU.
 *
 * Invariant: a source is used only after entropy_init() has seen it give different words.
 */
#include "entropy.h"

#include "exo/debug/log.h"
#include "exo/hal.h"

#include "cpuid.h"

#define TRIES      10u /* the manufacturer's advice for RDRAND; RDSEED may need a pause between */
#define TEST_WORDS 8u

static bool g_rdseed;
static bool g_rdrand;

static bool rdseed_read(uint64_t *out)
{
    for (unsigned i = 0; i < TRIES; i++) {
        bool good;

        __asm__ volatile("rdseed %0" : "=r"(*out), "=@ccc"(good));
        if (good) {
            return true;
        }
        hal_pause();
    }
    return false;
}

static bool rdrand_read(uint64_t *out)
{
    for (unsigned i = 0; i < TRIES; i++) {
        bool good;

        __asm__ volatile("rdrand %0" : "=r"(*out), "=@ccc"(good));
        if (good) {
            return true;
        }
    }
    return false;
}

/* Some processors return one constant after a resume, claiming success: such a source is none. */
static bool varies(bool (*read)(uint64_t *), const char *name)
{
    uint64_t first = 0;
    uint64_t word = 0;
    unsigned different = 0;

    if (read(&first)) {
        for (unsigned i = 1; i < TEST_WORDS; i++) {
            different += read(&word) && word != first ? 1 : 0;
        }
    }
    if (different == 0) {
        klog(KLOG_WARN, "entropy", "source is stuck, left off name=%s", name);
    }
    return different != 0;
}

void entropy_init(void)
{
    g_rdseed = cpuid_info()->rdseed && varies(rdseed_read, "rdseed");
    g_rdrand = cpuid_info()->rdrand && varies(rdrand_read, "rdrand");
}

size_t hal_entropy(void *buf, size_t len_bytes)
{
    uint8_t *bytes = buf;
    size_t done = 0;

    while (done < len_bytes) {
        uint64_t word = 0;

        if (!(g_rdseed && rdseed_read(&word)) && !(g_rdrand && rdrand_read(&word))) {
            break;
        }
        for (unsigned i = 0; i < sizeof(word) && done < len_bytes; i++) {
            bytes[done++] = (uint8_t)(word >> (8 * i));
        }
    }
    return done;
}
