/* tests/core/proc/test_spawn.c - processes: small programs run, end in every way, and leak
 * nothing. */
#include "exo/abi/start.h"
#include "exo/abi/syscall.h"
#include "exo/hal.h"
#include "exo/hal/test.h"
#include "exo/mem/heap.h"
#include "exo/mem/kva.h"
#include "exo/mem/phys.h"
#include "exo/proc/proc.h"
#include "exo/sched/thread.h"
#include "exo_check.h"
#include "image.h"

#define SIGNAL(number) (PROC_STATUS_SIGNAL + (number))

static uint8_t g_file[IMAGE_SIZE] EXO_ALIGNED(8);

/* What the heap keeps for later counts as free: it reports objects that leak by itself. */
static uint64_t frames_free(void)
{
    struct phys_stats stats;
    struct heap_stats heap;

    kva_flush(); /* stacks of threads that ended */
    phys_stats(&stats);
    heap_stats(&heap);
    return stats.frames_free + heap.frames;
}

#define SETTLE_STEPS 1000u /* of a millisecond */

/* Every frame must be back; the stack of a thread that ended follows a little later. */
static void expect_frames(uint64_t before)
{
    for (uint32_t i = 0; i < SETTLE_STEPS && frames_free() != before; i++) {
        thread_sleep_ns(1000000);
    }
    ck_assert_uint_eq(frames_free(), before);
}

static exo_status_t spawn(struct proc **out)
{
    static const char *const args[] = { "test", "one", NULL };
    static const char *const env[] = { "A=1", NULL };
    const struct proc_spawn_spec spec = { .path = "/bin/test",
                                          .exe = "/bin/test",
                                          .image = g_file,
                                          .image_size_bytes = sizeof(g_file),
                                          .args = args,
                                          .env = env };

    return proc_spawn(&spec, out);
}

/* Run machine code as a program and return its status; every frame must be back afterwards. */
static int run_image(void)
{
    const uint64_t before = frames_free();
    struct proc *proc = NULL;

    ck_assert_int_eq(spawn(&proc), EXO_OK);
    const int status = proc_wait(proc);

    expect_frames(before);
    return status;
}

static int run(const uint8_t *code, size_t len_bytes)
{
    image_make(g_file, code, len_bytes);
    return run_image();
}

#define RUN(...) run((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

#define EXIT_EDI 0xb8, 60, 0, 0, 0, 0x0f, 0x05 /* mov $60,%eax; syscall */

static const uint8_t g_exit_0[] = { 0x31, 0xff, EXIT_EDI };

/* The status that a program gives to exit comes out, its low eight bits. */
START_TEST(proc_exit_status_comes_out)
{
    ck_assert_int_eq(RUN(0xbf, 42, 0, 0, 0, EXIT_EDI), 42);     /* mov $42,%edi */
    ck_assert_int_eq(RUN(0xbf, 0x07, 0x01, 0, 0, EXIT_EDI), 7); /* mov $0x107,%edi */
}
END_TEST

/* The first stack: argc at its start, then argv[0]; 16-byte aligned. */
START_TEST(proc_starts_with_its_arguments)
{
    ck_assert_int_eq(RUN(0x8b, 0x3c, 0x24, EXIT_EDI), 2); /* mov (%rsp),%edi */
    ck_assert_int_eq(RUN(0x48, 0x8b, 0x44, 0x24, 0x08,    /* mov 8(%rsp),%rax */
                         0x0f, 0xb6, 0x38, EXIT_EDI),
                     't');                             /* movzbl (%rax),%edi */
    ck_assert_int_eq(RUN(0x48, 0x8b, 0x44, 0x24, 0x20, /* mov 32(%rsp),%rax: envp[0] */
                         0x0f, 0xb6, 0x38, EXIT_EDI),
                     'A');
    ck_assert_int_eq(RUN(0x89, 0xe7, 0x83, 0xe7, 0x0f, EXIT_EDI),
                     0); /* mov %esp,%edi; and $15,%edi */
}
END_TEST

/* Memory past the file's bytes is zero, written it stays, and the break area is not there before
 * brk. */
START_TEST(proc_memory_is_demand_paged)
{
    ck_assert_int_eq(RUN(0x8a, 0x04, 0x25, 0x00, 0x31, 0x40, 0x00,       /* mov 0x403100,%al */
                         0x0f, 0xb6, 0xf8,                               /* movzbl %al,%edi */
                         0x83, 0xc7, 0x05,                               /* add $5,%edi */
                         0x40, 0x88, 0x3c, 0x25, 0x00, 0x31, 0x40, 0x00, /* mov %dil,0x403100 */
                         0x40, 0x8a, 0x3c, 0x25, 0x00, 0x31, 0x40, 0x00, /* mov 0x403100,%dil */
                         EXIT_EDI),
                     5);
}
END_TEST

/* What a program must not do ends it alone, with the status that a shell shows on Linux. */
START_TEST(proc_faults_end_the_program)
{
    ck_assert_int_eq(RUN(0x31, 0xc0, 0x8a, 0x00), SIGNAL(11));             /* read address 0 */
    ck_assert_int_eq(RUN(0xc6, 0x04, 0x25, 0, 0, 0x40, 0, 1), SIGNAL(11)); /* write to headers */
    ck_assert_int_eq(RUN(0xb8, 0, 0x21, 0x40, 0, 0xff, 0xe0), SIGNAL(11)); /* execute data */
    ck_assert_int_eq(RUN(0x31, 0xc9, 0x31, 0xd2, 0xf7, 0xf1), SIGNAL(8));  /* divide by 0 */
    ck_assert_int_eq(RUN(0x0f, 0x0b), SIGNAL(4));                          /* ud2 */
    ck_assert_int_eq(RUN(0xcc), SIGNAL(5));                                /* int3 */
    ck_assert_int_eq(RUN(0xf4), SIGNAL(11));                               /* hlt */
    ck_assert_int_eq(RUN(0xcd, 0x80), SIGNAL(11));                         /* int $0x80 */
    ck_assert_int_eq(RUN(0x50, 0xeb, 0xfd), SIGNAL(11));                   /* push for ever */
}
END_TEST

/* A number that no row has is ENOSYS (-38); a native number is a native status, not an errno. */
START_TEST(proc_unknown_calls_are_enosys)
{
    ck_assert_int_eq(RUN(0xb8, 0x2c, 0x01, 0, 0, 0x0f, 0x05, /* call 300 */
                         0x89, 0xc7, 0xf7, 0xdf, EXIT_EDI),
                     38);                                          /* neg */
    ck_assert_int_eq(RUN(0xb8, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x05, /* call -1 */
                         0x89, 0xc7, 0xf7, 0xdf, EXIT_EDI),
                     38);
    ck_assert_int_eq(RUN(0xb8, 0x27, 0, 0, 0x40, 0x0f, 0x05, /* native call 39 */
                         0x89, 0xc7, 0xf7, 0xdf,             /* 4100 = 16 * 256 + 4 */
                         0xc1, 0xef, 0x08, EXIT_EDI),
                     16); /* shr $8,%edi */
}
END_TEST

/* A program in an endless loop without calls is ended from outside, and so is one that sleeps. */
START_TEST(proc_kill_ends_a_loop_and_a_sleep)
{
    static const uint8_t loop[] = { 0xeb, 0xfe };
    static const uint8_t sleep[] = {
        0x6a, 0x00, 0x6a, 0x64,       /* push 0; push 100 */
        0x48, 0x89, 0xe7, 0x31, 0xf6, /* mov %rsp,%rdi; xor %esi,%esi */
        0xb8, 35,   0,    0,    0,    0x0f, 0x05, 0xeb, 0xfe
    };
    const uint64_t before = frames_free();
    struct proc *proc = NULL;

    image_make(g_file, loop, sizeof(loop));
    ck_assert_int_eq(spawn(&proc), EXO_OK);
    thread_sleep_ns(20000000);
    proc_kill(proc);
    ck_assert_int_eq(proc_wait(proc), PROC_STATUS_KILLED);
    image_make(g_file, sleep, sizeof(sleep));
    ck_assert_int_eq(spawn(&proc), EXO_OK);
    thread_sleep_ns(20000000);
    proc_kill(proc);
    ck_assert_int_eq(proc_wait(proc), PROC_STATUS_KILLED);
    expect_frames(before);
}
END_TEST

/* Several programs at once each get their own status. */
START_TEST(proc_many_at_once)
{
    enum { COUNT = 4 };
    static uint8_t files[COUNT][IMAGE_SIZE] EXO_ALIGNED(8);
    static const char *const args[] = { "test", NULL };
    const uint64_t before = frames_free();
    struct proc *proc[COUNT] = { NULL };

    for (uint32_t i = 0; i < COUNT; i++) {
        const uint8_t code[] = { 0xbf, (uint8_t)(10 + i), 0, 0, 0, EXIT_EDI };
        const struct proc_spawn_spec spec = { .path = "/t",
                                              .exe = "/t",
                                              .image = files[i],
                                              .image_size_bytes = IMAGE_SIZE,
                                              .args = args,
                                              .env = args + 1 };

        image_make(files[i], code, sizeof(code));
        ck_assert_int_eq(proc_spawn(&spec, &proc[i]), EXO_OK);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        ck_assert_int_eq(proc_wait(proc[i]), 10 + (int)i);
    }
    expect_frames(before);
}
END_TEST

/* What cannot be loaded gives a status and takes nothing. */
START_TEST(proc_spawn_refuses_and_gives_back)
{
    static const uint8_t code[] = { 0xf4 };
    static const char *const none[] = { NULL };
    static char path[PROC_PATH_MAX + 1];
    const uint64_t before = frames_free();
    struct proc *proc = NULL;
    struct image image = image_make(g_file, code, sizeof(code));
    struct proc_spawn_spec spec = { .path = path,
                                    .exe = "/t",
                                    .image = g_file,
                                    .image_size_bytes = sizeof(g_file),
                                    .args = none,
                                    .env = none };

    memset(path, 'a', PROC_PATH_MAX);
    ck_assert_int_eq(proc_spawn(&spec, &proc), EXO_ERR_NO_RESOURCES);
    image.header->machine = 3;
    ck_assert_int_eq(spawn(&proc), EXO_ERR_NOT_SUPPORTED);
    image = image_make(g_file, code, sizeof(code));
    image.program[3] =
        (struct elf_program){ .type = ELF_SEGMENT_INTERP, .offset = 0x180, .file_size = 7 };
    memcpy(g_file + 0x180, "/ld.so", 7);
    ck_assert_int_eq(spawn(&proc), EXO_ERR_NOT_SUPPORTED);
    ck_assert(proc == NULL);
    expect_frames(before);
}
END_TEST

#define GOOD_RUNS 12u /* without an error end the sweep: some failures are made good on the way */

/* Spawn and run with the n-th frame or platform resource refused; nothing may be lost. */
static void sweep(uint32_t (*fail_after)(uint32_t))
{
    const uint64_t before = frames_free();
    uint32_t good = 0;

    for (uint32_t n = 1; good < GOOD_RUNS; n++) {
        struct proc *proc = NULL;

        ck_assert_uint_lt(n, 200);
        (void)fail_after(n);
        const exo_status_t status = spawn(&proc);

        if (status == EXO_OK) {
            const int end = proc_wait(proc); /* a page that cannot be had kills the program */

            ck_assert(end == 0 || end == PROC_STATUS_KILLED);
            good = end == 0 ? good + 1 : 0;
        } else {
            good = 0;
            ck_assert(status == EXO_ERR_NO_MEMORY || status == EXO_ERR_NO_RESOURCES);
        }
        (void)fail_after(0);
        expect_frames(before);
    }
}

START_TEST(proc_spawn_survives_every_failed_frame)
{
    image_make(g_file, g_exit_0, sizeof(g_exit_0));
    sweep(phys_test_fail_after);
}
END_TEST

START_TEST(proc_spawn_survives_every_failed_resource)
{
    image_make(g_file, g_exit_0, sizeof(g_exit_0));
    sweep(hal_test_fail_after);
}
END_TEST

#define NATIVE_EXIT_EDI 0xb8, 16, 0, 0, 0x40, 0x0f, 0x05 /* process_exit(edi) */

static void native_make(const uint8_t *code, size_t len_bytes)
{
    struct image image = image_make(g_file, code, len_bytes);

    image_make_native(&image, EXO_ABI_VERSION);
}

START_TEST(proc_native_spawn_survives_every_failure)
{
    static const uint8_t code[] = { 0x31, 0xff, NATIVE_EXIT_EDI };

    native_make(code, sizeof(code));
    sweep(phys_test_fail_after);
    sweep(hal_test_fail_after);
    sweep(heap_test_fail_after);
}
END_TEST

/* It finds its block at the stack pointer, with no register set. */
START_TEST(proc_native_starts_with_its_block)
{
    static const uint8_t magic[] = { 0x8b, 0x3c, 0x24, NATIVE_EXIT_EDI }; /* mov (%rsp),%edi */
    static const uint8_t count[] = { 0x8b, 0x7c, 0x24, 0x0c, NATIVE_EXIT_EDI }; /* 12(%rsp) */
    static const uint8_t rdi[] = { NATIVE_EXIT_EDI };

    native_make(magic, sizeof(magic));
    ck_assert_int_eq(run_image(), EXO_START_MAGIC & 0xff);
    native_make(count, sizeof(count));
    ck_assert_int_eq(run_image(), 2);
    native_make(rdi, sizeof(rdi));
    ck_assert_int_eq(run_image(), 0);
}
END_TEST

/* A Linux program has the fast native calls and no other; a native one has no Linux calls; and an
 * ABI of the future is nobody's. */
START_TEST(proc_abis_do_not_mix)
{
    /* mov $nr,%eax; syscall; mov %eax,%edi */
    static const uint8_t version[] = { 0xb8, 0, 0, 0, 0x40, 0x0f, 0x05, 0x89, 0xc7, EXIT_EDI };
    static const uint8_t yield[] = { 0xb8, 17, 0, 0, 0x40, 0x0f, 0x05, 0x89, 0xc7, EXIT_EDI };
    static const uint8_t linux_call[] = {
        0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0x89, 0xc7, NATIVE_EXIT_EDI
    };
    struct proc *proc = NULL;
    struct image image = image_make(g_file, version, sizeof(version));

    ck_assert_int_eq(run_image(), EXO_ABI_VERSION);
    image = image_make(g_file, yield, sizeof(yield));
    ck_assert_int_eq(run_image(), EXO_ERR_NOT_SUPPORTED & 0xff);
    native_make(linux_call, sizeof(linux_call));
    ck_assert_int_eq(run_image(), EXO_ERR_NOT_SUPPORTED & 0xff);
    image_make_native(&image, EXO_ABI_VERSION + 1);
    ck_assert_int_eq(spawn(&proc), EXO_ERR_NOT_SUPPORTED);
}
END_TEST

/* A call keeps all registers but rax, rcx and r11, and the stack: one that is answered at the door
 * as one that is not. The program ends with 9 if a thousand of each left rdx and r8 alone. */
START_TEST(proc_native_calls_keep_registers)
{
    /* mov $1000,%ebx; mov $4,%edx; mov $5,%r8d; mov %rsp,%r9; then round and round: abi_version,
     * thread_yield, dec %rbx, jnz; at last sub %r9,%rsp; lea (%rdx),%edi; add %r8d,%edi;
     * add %esp,%edi */
    static const uint8_t code[] = {
        0xbb, 0xe8, 3,    0,    0,    0xba, 4,    0,    0,    0,    0x41,           0xb8, 5,
        0,    0,    0,    0x49, 0x89, 0xe1, 0xb8, 0,    0,    0,    0x40,           0x0f, 0x05,
        0xb8, 17,   0,    0,    0x40, 0x0f, 0x05, 0x48, 0xff, 0xcb, 0x75,           0xed, 0x4c,
        0x29, 0xcc, 0x8d, 0x3c, 0x22, 0x44, 0x01, 0xc7, 0x01, 0xe7, NATIVE_EXIT_EDI
    };

    native_make(code, sizeof(code));
    ck_assert_int_eq(run_image(), 9);
}
END_TEST

/* Sleeping for ever, it can be killed. */
START_TEST(proc_native_sleep_ends_by_kill)
{
    static const uint8_t code[] = { 0x48, 0xc7, 0xc7,
                                    0xff, 0xff, 0xff,
                                    0xff, /* mov $-1,%rdi */
                                    0xb8, 18,   0,
                                    0,    0x40, 0x0f,
                                    0x05, /* thread_sleep */
                                    0x31, 0xff, NATIVE_EXIT_EDI };
    const uint64_t before = frames_free();
    struct proc *proc = NULL;

    native_make(code, sizeof(code));
    ck_assert_int_eq(spawn(&proc), EXO_OK);
    thread_sleep_ns(2000000);
    proc_kill(proc);
    ck_assert_int_eq(proc_wait(proc), PROC_STATUS_KILLED);
    expect_frames(before);
}
END_TEST

#define EXIT_SHIFTED(bits) 0x48, 0xc1, 0xef, (bits), EXIT_EDI /* shr $bits,%rdi; exit */
#define EXIT_PAGE          EXIT_SHIFTED(12)
#define EXIT_CEILING       EXIT_SHIFTED(36) /* bits in which mappings differ, and stacks do not */
#define RUNS               16u

/* The program tells four or eight bits of an address: of many runs not all tell the same (but in
 * one of 2^60 times). */
static void expect_drawn(const uint8_t *code, size_t len_bytes, bool is_pie)
{
    int first = 0;
    uint32_t others = 0;

    for (uint32_t i = 0; i < RUNS; i++) {
        struct image image = image_make(g_file, code, len_bytes);

        if (is_pie) {
            image_make_pie(&image);
        }
        const int status = run_image();

        first = i == 0 ? status : first;
        others += status != first;
    }
    ck_assert_uint_gt(others, 0);
}

START_TEST(proc_addresses_are_drawn)
{
    static const uint8_t stack[] = { 0x48, 0x89, 0xe7, EXIT_PAGE }; /* mov %rsp,%rdi */
    /* lea (%rip),%rdi */
    static const uint8_t image[] = { 0x48, 0x8d, 0x3d, 0, 0, 0, 0, EXIT_PAGE };
    /* brk(0); mov %rax,%rdi */
    static const uint8_t brk[] = { 0xb8, 12,   0,    0,    0,    0x31,     0xff,
                                   0x0f, 0x05, 0x48, 0x89, 0xc7, EXIT_PAGE };
    /* mmap(0, 4096, 3, 0x22, -1, 0); mov %rax,%rdi */
    static const uint8_t mapping[] = { 0xb8, 9,    0,    0,    0,    0x31, 0xff,        0xbe,
                                       0,    0x10, 0,    0,    0xba, 3,    0,           0,
                                       0,    0x41, 0xba, 0x22, 0,    0,    0,           0x49,
                                       0xc7, 0xc0, 0xff, 0xff, 0xff, 0xff, 0x45,        0x31,
                                       0xc9, 0x0f, 0x05, 0x48, 0x89, 0xc7, EXIT_CEILING };

    expect_drawn(stack, sizeof(stack), false);
    expect_drawn(image, sizeof(image), true);
    expect_drawn(brk, sizeof(brk), false);
    expect_drawn(mapping, sizeof(mapping), false);
}
END_TEST

EXO_SUITE(proc, EXO_TEST(proc_exit_status_comes_out), EXO_TEST(proc_starts_with_its_arguments),
          EXO_TEST(proc_memory_is_demand_paged), EXO_TEST(proc_faults_end_the_program),
          EXO_TEST(proc_unknown_calls_are_enosys), EXO_TEST(proc_kill_ends_a_loop_and_a_sleep),
          EXO_TEST(proc_many_at_once), EXO_TEST(proc_addresses_are_drawn),
          EXO_TEST(proc_native_spawn_survives_every_failure),
          EXO_TEST(proc_native_starts_with_its_block), EXO_TEST(proc_abis_do_not_mix),
          EXO_TEST(proc_native_calls_keep_registers), EXO_TEST(proc_native_sleep_ends_by_kill),
          EXO_TEST(proc_spawn_refuses_and_gives_back),
          EXO_TEST(proc_spawn_survives_every_failed_frame),
          EXO_TEST(proc_spawn_survives_every_failed_resource))
