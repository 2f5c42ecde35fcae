/*
 * rival_uml.c - getppid in User-Mode Linux (Debian's package user-mode-linux, if it is there).
 *
 * One machine is booted when the first sample is taken, its root a folder with one program: the
 * init below, which waits for a line on its console, times GUEST_CALLS calls by the cycle counter
 * that host and guest share, writes the cycles as "Z" and 16 letters a-p, and waits again. A
 * process beside it ends all of it when ours has ended. Host and guest run on the CPU of whoever
 * takes the samples, as the stub does.
 */
#include <elf.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exo/hal.h"
#include "exo_bench.h"

#define UML          "/usr/bin/linux.uml"
#define GUEST_CALLS  256u /* as the program below has it */
#define LETTERS      16u
#define WAIT_MS      2000
#define BOOT_TRIES   15u /* rounds asked for: what comes before init reads is lost */
#define INIT_BASE    0x400000ull
#define PATH_MAX_LEN 64

__asm__(".pushsection .rodata\n"
        "uml_init:\n"
        "1: xorl %eax, %eax\n xorl %edi, %edi\n leaq 8f(%rip), %rsi\n movl $64, %edx\n syscall\n"
        "   testq %rax, %rax\n jle 9f\n"
        "   movl $256, %ebx\n lfence\n rdtsc\n shlq $32, %rdx\n orq %rdx, %rax\n movq %rax, %r12\n"
        "2: movl $110, %eax\n syscall\n decl %ebx\n jnz 2b\n" /* getppid */
        "   lfence\n rdtsc\n shlq $32, %rdx\n orq %rdx, %rax\n subq %r12, %rax\n"
        "   leaq 8f(%rip), %rdi\n movb $'Z', (%rdi)\n movl $16, %ecx\n"
        "3: rolq $4, %rax\n movl %eax, %edx\n andl $15, %edx\n addl $'a', %edx\n incq %rdi\n"
        "   movb %dl, (%rdi)\n decl %ecx\n jnz 3b\n movb $10, 1(%rdi)\n"
        "   movl $1, %eax\n movl $1, %edi\n leaq 8f(%rip), %rsi\n movl $18, %edx\n syscall\n"
        "   jmp 1b\n"
        "9: movl $169, %eax\n movl $0xfee1dead, %edi\n movl $672274793, %esi\n"
        "   movl $0x4321fedc, %edx\n syscall\n ud2\n" /* reboot: power off */
        "8: .skip 64\n"
        "uml_init_end:\n"
        ".popsection\n");
extern const char uml_init[], uml_init_end[];

static struct {
    bool tried;
    int console; /* -1: there is no machine */
    char folder[PATH_MAX_LEN];
    char init[PATH_MAX_LEN];
} g_uml = { .console = -1 };

/* A static program of one segment that may be read, written and executed. */
static bool init_write(const char *path)
{
    const size_t len_bytes = (size_t)(uml_init_end - uml_init);
    const uint64_t offset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
    const Elf64_Ehdr header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB,
                                             EV_CURRENT },
                                .e_type = ET_EXEC,
                                .e_machine = EM_X86_64,
                                .e_version = EV_CURRENT,
                                .e_entry = INIT_BASE + offset,
                                .e_phoff = sizeof(Elf64_Ehdr),
                                .e_ehsize = sizeof(Elf64_Ehdr),
                                .e_phentsize = sizeof(Elf64_Phdr),
                                .e_phnum = 1 };
    const Elf64_Phdr segment = { .p_type = PT_LOAD,
                                 .p_flags = PF_R | PF_W | PF_X,
                                 .p_vaddr = INIT_BASE,
                                 .p_filesz = offset + len_bytes,
                                 .p_memsz = offset + len_bytes,
                                 .p_align = 4096 };
    FILE *const file = fopen(path, "wbe");

    if (file == NULL) {
        return false;
    }
    const bool written = fwrite(&header, sizeof(header), 1, file) == 1 &&
                         fwrite(&segment, sizeof(segment), 1, file) == 1 &&
                         fwrite(uml_init, len_bytes, 1, file) == 1;

    return fclose(file) == 0 && written && chmod(path, 0755) == 0;
}

/* In the process beside it: when `life` ends, so do all processes of the machine, a session. */
static _Noreturn void keeper_main(int life, pid_t machine)
{
    char byte;

    close(g_uml.console);
    while (read(life, &byte, 1) < 0) {
    }
    kill(-machine, SIGKILL);
    _exit(0);
}

static _Noreturn void uml_main(int console)
{
    char root[PATH_MAX_LEN + 16];
    cpu_set_t here;
    sigset_t none;

    setsid();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    CPU_ZERO(&here);
    CPU_SET((size_t)sched_getcpu(), &here);
    sched_setaffinity(0, sizeof(here), &here);
    snprintf(root, sizeof(root), "rootflags=%s", g_uml.folder);
    dup2(console, 0);
    dup2(console, 1);
    dup2(console, 2);
    closefrom(3);
    execl(UML, UML, "root=/dev/root", "rootfstype=hostfs", root, "ro", "init=/init", "mem=64M",
          "con=null", "con0=fd:0,fd:1", "quiet", (char *)NULL);
    _exit(127);
}

/* Ask for one round and wait for its figure; 0 if none comes. */
static uint64_t uml_round(void)
{
    struct pollfd wait = { .fd = g_uml.console, .events = POLLIN };
    uint64_t cycles = 0;
    uint32_t letters = LETTERS + 1; /* no Z seen yet */
    char byte = '\n';

    if (write(g_uml.console, &byte, 1) != 1) {
        return 0;
    }
    while (letters != LETTERS) {
        int ready;

        do {
            ready = poll(&wait, 1, WAIT_MS);
        } while (ready < 0); /* cut short by the machine's timer */
        if (ready == 0 || read(g_uml.console, &byte, 1) != 1) {
            return 0;
        }
        if (byte == 'Z') {
            letters = 0;
            cycles = 0;
        } else if (letters < LETTERS && byte >= 'a' && byte <= 'p') {
            cycles = cycles << 4 | (uint64_t)(byte - 'a');
            letters++;
        } else {
            letters = LETTERS + 1;
        }
    }
    return cycles;
}

/* Until the first figure has come, and no other is on its way. */
static bool uml_booted(void)
{
    bool booted = false;
    char rest[64];

    for (uint32_t i = 0; i < BOOT_TRIES && !booted; i++) {
        booted = uml_round() != 0;
    }
    usleep(WAIT_MS * 100);
    while (recv(g_uml.console, rest, sizeof(rest), MSG_DONTWAIT) > 0) {
    }
    return booted;
}

/* Start the keeper and, as its child, the machine. The write end of `life` stays open in us. */
static bool machine_start(int console)
{
    int life[2];

    if (pipe2(life, O_CLOEXEC) != 0) {
        return false;
    }
    const pid_t pid = fork();

    if (pid == 0) {
        const pid_t machine = fork();

        if (machine == 0) {
            uml_main(console);
        }
        close(console);
        close(life[1]);
        keeper_main(life[0], machine);
    }
    close(life[0]);
    return pid > 0;
}

static void uml_start(void)
{
    int pair[2];

    g_uml.tried = true;
    if (access(UML, X_OK) != 0) {
        fprintf(stderr, "# no %s (package user-mode-linux): that rival is left out\n", UML);
        return;
    }
    strcpy(g_uml.folder, "/tmp/exo-uml-XXXXXX");
    if (mkdtemp(g_uml.folder) == NULL) {
        return;
    }
    snprintf(g_uml.init, sizeof(g_uml.init), "%s/init", g_uml.folder);
    if (init_write(g_uml.init) && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
        g_uml.console = pair[0];
        const bool started = machine_start(pair[1]);

        close(pair[1]);
        if (!started || !uml_booted()) {
            fprintf(stderr, "# User-Mode Linux does not boot here: that rival is left out\n");
            close(g_uml.console);
            g_uml.console = -1;
        }
    }
    unlink(g_uml.init); /* the guest holds it open */
    rmdir(g_uml.folder);
}

BENCH(rival_uml_getppid, "getppid in User-Mode Linux, rounds of 256; 13 us", false)
{
    const hal_irq_t irq = hal_irq_save();

    if (!g_uml.tried) {
        uml_start();
    }
    const uint64_t cycles = g_uml.console < 0 ? 0 : uml_round();

    run->skipped = cycles == 0;
    run->cycles += cycles * run->loops / GUEST_CALLS;
    hal_irq_restore(irq);
}

BENCH_CLAIM(null_system_call, rival_uml_getppid, 35);
