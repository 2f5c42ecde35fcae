/*
 * service.c - birth and death of stubs: one host thread that lives as long as the kernel.
 *
 * A stub gets SIGKILL when the thread that started it ends (PR_SET_PDEATHSIG), so none of the CPUs
 * may be that thread. It also waits for the end of every stub, marks the space dead and interrupts
 * all CPUs, so that one that waits for a dead thread's notification looks again.
 *
 * Invariants:
 *   (1) a space is in the epoll set from its stub's start to its end, and only the service thread
 *       touches the set or waits for the process;
 *   (2) a stub that has ended stays a zombie until stub_service_kill(), so that its numbers, to
 *       which CPUs may still send signals, go to nobody else;
 *   (3) the thread blocks all signals and never runs kernel code.
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exo/debug/log.h"
#include "exo/lib/assert.h"
#include "platform/hosted/host.h"
#include "platform/hosted/user/stub.h"

#define EVENTS_MAX      16
#define HWCAP2_FSGSBASE 2u /* of AT_HWCAP2 */

enum request_op { REQUEST_SPAWN, REQUEST_KILL, REQUEST_BREAK };

struct request {
    enum request_op op;
    struct hal_space *space;
    int stub_socket;
    exo_status_t status;
    sem_t done;
};

static struct {
    pthread_once_t once;
    exo_status_t status; /* of starting the service */
    const char *lack;    /* what the processor or host kernel lacks, if that was the reason */
    int epoll;
    int request[2]; /* pipe of struct request pointers: read end, write end */
    int image;
} g_service = { .once = PTHREAD_ONCE_INIT };

static exo_status_t status_of_errno(int error)
{
    switch (error) {
    case ENOMEM:
        return EXO_ERR_NO_MEMORY;
    case EAGAIN:
    case EMFILE:
    case ENFILE:
        return EXO_ERR_NO_RESOURCES;
    default:
        return EXO_ERR_NOT_SUPPORTED;
    }
}

/* Run the stub program with the space's descriptors at 3, 4 and 5 (it closes whatever else it
 * inherits), all signals blocked (its mm thread wants none), in a process group of its own: keys of
 * the terminal are not for it. Not in a session of its own: the host then schedules it in a group
 * of its own too, which makes each hand-over 0.8 us longer (measured). */
static int spawn(const struct hal_space *space, int stub_socket, pid_t *pid)
{
    const int from[] = { stub_socket, space->control, hosted_ram_fd() };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t all;
    char path[32];
    char *const argv[] = { (char *)"exo-user", NULL };
    char *const envp[] = { NULL };
    int high[3];
    int error = 0;

    sigfillset(&all);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_init(&actions);
    /* Copies out of the way of the final numbers. */
    for (int i = 0; i < 3; i++) {
        high[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 16);
        error = high[i] < 0 ? errno : error;
        posix_spawn_file_actions_adddup2(&actions, high[i], STUB_FD_SOCKET + i);
    }
    for (int fd = 0; fd < STUB_FD_SOCKET; fd++) {
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", g_service.image);
    if (error == 0) {
        error = posix_spawn(pid, path, &actions, &attr, argv, envp);
    }
    for (int i = 0; i < 3; i++) {
        if (high[i] >= 0) {
            close(high[i]);
        }
    }
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return error;
}

static void interrupt_cpus(void)
{
    for (uint32_t cpu = 0; cpu < hosted_cpu_count(); cpu++) {
        if (atomic_load(&hosted_cpu(cpu)->state) == HOSTED_CPU_ONLINE) {
            hosted_irq_raise(cpu, HOSTED_IRQ_RESCHED);
        }
    }
}

/* Wait for the end of a stub that is ending, but leave the zombie (2). */
static void end_await(struct hal_space *space)
{
    siginfo_t info = { .si_pid = 0 };

    if (atomic_load(&space->dead)) {
        return;
    }
    epoll_ctl(g_service.epoll, EPOLL_CTL_DEL, space->socket, NULL);
    while (waitid(P_PID, (id_t)space->pid, &info, WEXITED | WNOWAIT | __WALL) != 0 &&
           errno == EINTR) {
    }
    space->end_by_signal = info.si_code != CLD_EXITED;
    space->end_status = info.si_status;
    atomic_store(&space->dead, true);
}

static void kill_and_reap(struct hal_space *space)
{
    kill(space->pid, SIGKILL);
    end_await(space);
    while (waitpid(space->pid, NULL, __WALL) < 0 && errno == EINTR) {
    }
}

static void serve_spawn(struct request *request)
{
    struct hal_space *const space = request->space;
    struct epoll_event event = { .events = 0, .data.ptr = space }; /* its hang-up is always told */
    pid_t pid = 0;
    const int error = spawn(space, request->stub_socket, &pid);

    if (error != 0) {
        request->status = status_of_errno(error);
        return;
    }
    space->pid = pid;
    if (epoll_ctl(g_service.epoll, EPOLL_CTL_ADD, space->socket, &event) != 0) {
        kill_and_reap(space);
        request->status = EXO_ERR_NO_RESOURCES;
    }
}

static void serve_request(void)
{
    struct request *request = NULL;

    if (read(g_service.request[0], &request, sizeof(request)) != (ssize_t)sizeof(request)) {
        return;
    }
    if (request->op == REQUEST_SPAWN) {
        serve_spawn(request);
    } else if (request->op == REQUEST_KILL) {
        kill_and_reap(request->space);
    } else {
        kill(request->space->pid, SIGKILL);
        end_await(request->space);
        interrupt_cpus();
    }
    sem_post(&request->done);
}

static void *service_main(void *arg)
{
    struct epoll_event event[EVENTS_MAX];

    (void)arg;
    personality(ADDR_NO_RANDOMIZE); /* of this thread, and so of what it starts */
    for (;;) {
        const int count = epoll_wait(g_service.epoll, event, EVENTS_MAX, -1);
        bool requested = false;

        /* Ends first: a request may free the space that an event names. */
        for (int i = 0; i < count; i++) {
            if (event[i].data.ptr == NULL) {
                requested = true;
            } else {
                end_await(event[i].data.ptr);
                interrupt_cpus();
            }
        }
        if (requested) {
            serve_request();
        }
    }
    return NULL;
}

/* As many descriptors as the host allows: each user thread needs one. */
static void limits_raise(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* What the way back from the stub's handler needs, or NULL if the host has it all. */
static const char *processor_lacks(void)
{
    unsigned int eax, ebx, ecx, edx;

    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || (ecx & bit_OSXSAVE) == 0) {
        return "XSAVE";
    }
    /* Valgrind hides this one, but the stub does not run under it. */
    if ((getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE) == 0 && !hosted_under_valgrind()) {
        return "FSGSBASE";
    }
    return NULL;
}

static exo_status_t service_init(void)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t all, before;

    g_service.lack = processor_lacks();
    if (g_service.lack != NULL) {
        return EXO_ERR_NOT_SUPPORTED;
    }
    limits_raise();
    const exo_status_t status = stub_image_open(&g_service.image);

    if (status != EXO_OK) {
        return status;
    }
    g_service.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (g_service.epoll < 0 || pipe2(g_service.request, O_CLOEXEC) != 0 ||
        epoll_ctl(g_service.epoll, EPOLL_CTL_ADD, g_service.request[0], &event) != 0) {
        return EXO_ERR_NO_RESOURCES;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    const int error = pthread_create(&thread, &attr, service_main, NULL);

    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 ? EXO_OK : EXO_ERR_NO_RESOURCES;
}

static void service_start(void)
{
    g_service.status = service_init();
}

/* Hand the request to the service and wait until it is done. Interrupts off. */
static exo_status_t request_run(struct request *request)
{
    ssize_t written;

    sem_init(&request->done, 0, 0);
    do {
        written = write(g_service.request[1], &request, sizeof(request));
    } while (written < 0 && errno == EINTR);
    KASSERT(written == (ssize_t)sizeof(request));
    while (sem_wait(&request->done) != 0) {
    }
    sem_destroy(&request->done);
    return request->status;
}

exo_status_t stub_service_spawn(struct hal_space *space, int stub_socket)
{
    struct request request = { .op = REQUEST_SPAWN, .space = space, .stub_socket = stub_socket };
    const hal_irq_t irq = host_enter();

    pthread_once(&g_service.once, service_start);
    exo_status_t status = g_service.status;

    if (status == EXO_OK) {
        status = request_run(&request);
    }
    host_exit(irq);
    if (status == EXO_ERR_NOT_SUPPORTED) {
        klog(KLOG_ERROR, "user", "host cannot start a stub: needs %s",
             g_service.lack != NULL ? g_service.lack : "executable memfds and /proc");
    }
    return status;
}

/* Have the service end the stub. */
static void stub_end(struct hal_space *space, enum request_op op)
{
    struct request request = { .op = op, .space = space };
    const hal_irq_t irq = host_enter();
    const exo_status_t status = request_run(&request);

    KASSERT(status == EXO_OK);
    host_exit(irq);
}

void stub_service_kill(struct hal_space *space)
{
    stub_end(space, REQUEST_KILL);
}

void stub_break(struct hal_space *space)
{
    stub_end(space, REQUEST_BREAK);
}
