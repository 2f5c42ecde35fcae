/* tests/native/native_memory.c - mappings: the program's own, memory objects, files. */
#include "native_check.h"

#define PAGE 4096u
#define RW   (EXO_PROT_READ | EXO_PROT_WRITE)

static exo_status_t map(exo_cap_t memory, uint64_t len_bytes, uint64_t offset, uint32_t prot,
                        void **out)
{
    const struct exo_mapping mapping = {
        .memory = memory, .len_bytes = len_bytes, .offset = offset, .prot = prot
    };

    return exo_memory_map(&mapping, out);
}

static void own(void)
{
    void *at = NULL;
    void *other = NULL;
    struct exo_mapping fixed = { .len_bytes = PAGE, .prot = RW, .flags = EXO_MAP_FIXED };

    CHECK_STATUS(exo_memory_get(3 * PAGE, &at), EXO_OK);
    uint64_t *const words = at;

    CHECK(words[0] == 0 && words[3 * PAGE / 8 - 1] == 0);
    words[PAGE / 8] = 42;
    fixed.address = (uint64_t)at;
    CHECK_STATUS(exo_memory_map(&fixed, &other), EXO_ERR_EXISTS);
    CHECK_STATUS(exo_memory_unmap(at, PAGE), EXO_OK);
    CHECK_STATUS(exo_memory_map(&fixed, &other), EXO_OK);
    CHECK(other == at && words[0] == 0 && words[PAGE / 8] == 42);
    CHECK_STATUS(exo_memory_protect(at, 3 * PAGE, EXO_PROT_READ), EXO_OK);
    CHECK(words[PAGE / 8] == 42);
    CHECK_STATUS(exo_memory_protect(at, 3 * PAGE, EXO_PROT_WRITE | EXO_PROT_EXEC), EXO_ERR_INVALID);
    CHECK_STATUS(exo_memory_protect(at, 3 * PAGE, 8), EXO_ERR_INVALID);
    CHECK_STATUS(exo_memory_unmap(at, 3 * PAGE), EXO_OK);
    CHECK_STATUS(exo_memory_protect(at, PAGE, RW), EXO_ERR_NOT_FOUND);
    CHECK_STATUS(map(EXO_CAP_NONE, 0, 0, RW, &at), EXO_ERR_INVALID);
    CHECK_STATUS(map(EXO_CAP_NONE, PAGE, PAGE, RW, &at), EXO_ERR_INVALID);
    CHECK_STATUS(map(EXO_CAP_NONE, PAGE, 0, RW | EXO_PROT_EXEC, &at), EXO_ERR_INVALID);
    CHECK_STATUS(map(EXO_CAP_NONE, 1ull << 47, 0, RW, &at), EXO_ERR_NO_MEMORY);
    fixed.address = 1ull << 47;
    CHECK_STATUS(exo_memory_map(&fixed, &at), EXO_ERR_BAD_ADDRESS);
    fixed.flags = 2;
    CHECK_STATUS(exo_memory_map(&fixed, &at), EXO_ERR_INVALID);
}

/* Two mappings show the same bytes; what rights forbid stays forbidden. */
static void shared(void)
{
    exo_cap_t memory = EXO_CAP_NONE;
    exo_cap_t reader = EXO_CAP_NONE;
    exo_cap_t nobody = EXO_CAP_NONE;
    uint64_t size = 0;
    void *at = NULL;
    void *other = NULL;

    CHECK_STATUS(exo_memory_create(0, &memory), EXO_ERR_INVALID);
    CHECK_STATUS(exo_memory_create((1ull << 30) + 1, &memory), EXO_ERR_INVALID);
    CHECK_STATUS(exo_memory_create(2 * PAGE + 1, &memory), EXO_OK);
    CHECK_STATUS(exo_memory_size(memory, &size), EXO_OK);
    CHECK(size == 2 * PAGE + 1);
    CHECK_STATUS(map(memory, 4 * PAGE, 0, RW, &at), EXO_ERR_INVALID);
    CHECK_STATUS(map(memory, 3 * PAGE, PAGE, RW, &at), EXO_ERR_INVALID);
    CHECK_STATUS(map(memory, PAGE, UINT64_MAX - PAGE + 1, RW, &at), EXO_ERR_INVALID);
    CHECK_STATUS(map(memory, 3 * PAGE, 0, RW, &at), EXO_OK);
    CHECK_STATUS(exo_cap_duplicate(memory, EXO_RIGHT_MEMORY_READ, &reader), EXO_OK);
    CHECK_STATUS(exo_cap_duplicate(memory, EXO_RIGHT_MEMORY_WRITE, &nobody), EXO_OK);
    CHECK_STATUS(map(nobody, PAGE, 0, EXO_PROT_READ, &other), EXO_ERR_ACCESS_DENIED);
    CHECK_STATUS(map(reader, PAGE, 0, RW, &other), EXO_ERR_ACCESS_DENIED);
    CHECK_STATUS(map(reader, PAGE, 0, EXO_PROT_READ | EXO_PROT_EXEC, &other),
                 EXO_ERR_ACCESS_DENIED);
    CHECK_STATUS(map(reader, PAGE, PAGE, EXO_PROT_READ, &other), EXO_OK);
    volatile uint64_t *const writes = at;
    const volatile uint64_t *const reads = other;

    writes[PAGE / 8] = 7;
    CHECK(reads[0] == 7);
    CHECK_STATUS(exo_memory_protect(other, PAGE, RW), EXO_ERR_ACCESS_DENIED);
    CHECK_STATUS(exo_memory_protect(other, PAGE, EXO_PROT_EXEC), EXO_ERR_ACCESS_DENIED);
    CHECK_STATUS(exo_cap_close(memory), EXO_OK);
    CHECK_STATUS(exo_cap_close(reader), EXO_OK);
    CHECK_STATUS(exo_cap_close(nobody), EXO_OK);
    writes[PAGE / 8] = 8;
    CHECK(reads[0] == 8); /* a mapping outlives the capabilities */
    CHECK_STATUS(exo_memory_unmap(at, 3 * PAGE), EXO_OK);
    CHECK(reads[0] == 8);
    CHECK_STATUS(exo_memory_unmap(other, PAGE), EXO_OK);
    CHECK_STATUS(map(memory, PAGE, 0, RW, &at), EXO_ERR_BAD_CAP);
    CHECK_STATUS(map(exo_start_block()->console, PAGE, 0, RW, &at), EXO_ERR_WRONG_TYPE);
    CHECK_STATUS(exo_memory_size(exo_start_block()->console, &size), EXO_ERR_WRONG_TYPE);
}

static void files(void)
{
    exo_cap_t file = EXO_CAP_NONE;
    uint64_t size = 0;
    void *at = NULL;

    CHECK_STATUS(exo_memory_open("/bin/native_memory", &file), EXO_OK);
    CHECK_STATUS(exo_memory_size(file, &size), EXO_OK);
    CHECK(size > PAGE);
    CHECK_STATUS(map(file, size, 0, RW, &at), EXO_ERR_ACCESS_DENIED);
    CHECK_STATUS(map(file, size, 0, EXO_PROT_READ, &at), EXO_OK);
    CHECK(((const char *)at)[1] == 'E' && ((const char *)at)[3] == 'F');
    CHECK_STATUS(exo_memory_open("/bin/no-such-file", &file), EXO_ERR_NOT_FOUND);
    CHECK_STATUS(exo_memory_open("/bin", &file), EXO_ERR_ACCESS_DENIED);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_memory_open, 0, 0, 0), EXO_ERR_BAD_ADDRESS);
}

int main(int argc, char **argv, char **env)
{
    (void)argc;
    (void)argv;
    (void)env;
    own();
    shared();
    files();
    return check_end("memory");
}
