/*
 * userland/init.c - the first program: starts services, restarts what failed, shuts down in order.
 *
 *     init [FILE]
 *
 * FILE (/etc/services) has a line for each service; its head says how they read. A service that
 * failed is started again after 100 ms, after twice that the next time, up to ten seconds; one that
 * had run for ten seconds begins anew. Services are given the console, derived from ours. When the
 * final one ends, or none is left, the others are ended in reverse order.
 */
#include "exo_std.h"

#define SERVICES_MAX   16u
#define WORDS_MAX      10u /* of a line */
#define FILE_BYTES_MAX 4096u
#define MS             1000000ull
#define BACKOFF_MIN_NS (100 * MS)
#define BACKOFF_MAX_NS (10000 * MS)
#define STOP_NS        (5000 * MS) /* how long an end may take */
#define KEY_TIMER      SERVICES_MAX

enum when { ONCE, FAILURE, ALWAYS, FINAL, WHENS };

struct service {
    const char *word[WORDS_MAX + 1]; /* name, when, program, arguments; NULL-terminated */
    enum when when;
    exo_cap_t process; /* EXO_CAP_NONE while it does not run */
    uint64_t started_ns;
    uint64_t backoff_ns;    /* before the next start, if it fails again */
    uint64_t restart_at_ns; /* UINT64_MAX: not at all */
};

static char g_text[FILE_BYTES_MAX + 1];
static struct service g_service[SERVICES_MAX];
static uint32_t g_count;
static exo_cap_t g_port;
static exo_cap_t g_timer;

static void say(const char *name, const char *text)
{
    (void)exo_print("init: ");
    (void)exo_print(name);
    (void)exo_print(text[0] == ':' ? "" : " ");
    (void)exo_print(text);
    (void)exo_print("\n");
}

static int same(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

/* ---- the file ---- */

/* Cut the next word off, end it with a NUL; NULL at the end of the line. */
static char *word_next(char **at)
{
    while (**at == ' ' || **at == '\t') {
        ++*at;
    }
    if (**at == '\0' || **at == '#') {
        return NULL;
    }
    char *const word = *at;

    while (**at != '\0' && **at != ' ' && **at != '\t') {
        ++*at;
    }
    if (**at != '\0') {
        *(*at)++ = '\0';
    }
    return word;
}

static int when_parse(const char *word, enum when *out)
{
    static const char *const name[WHENS] = { "once", "failure", "always", "final" };

    for (uint32_t i = 0; i < WHENS; i++) {
        if (same(word, name[i])) {
            *out = (enum when)i;
            return 1;
        }
    }
    return 0;
}

/* A line that cannot be understood is said and left out: the others may still do. */
static void line_parse(char *line)
{
    struct service service = { .backoff_ns = BACKOFF_MIN_NS, .restart_at_ns = UINT64_MAX };
    uint32_t words = 0;
    char *word = NULL;

    while (words < WORDS_MAX && (word = word_next(&line)) != NULL) {
        service.word[words++] = word;
    }
    if (words == 0) {
        return;
    }
    if (g_count == SERVICES_MAX) {
        say(service.word[0], "is left out: there are too many services");
    } else if (words < 3 || word_next(&line) != NULL ||
               !when_parse(service.word[1], &service.when)) {
        say(service.word[0], "is left out: a line is NAME once|failure|always|final PROGRAM "
                             "[ARGUMENT...], up to ten words");
    } else {
        g_service[g_count++] = service;
    }
}

static exo_status_t file_read(const char *path)
{
    struct exo_mapping mapping = { .prot = EXO_PROT_READ };
    void *at = NULL;
    exo_status_t status = exo_memory_open(path, &mapping.memory);

    if (status == EXO_OK) {
        status = exo_memory_size(mapping.memory, &mapping.len_bytes);
    }
    if (status == EXO_OK && mapping.len_bytes > FILE_BYTES_MAX) {
        status = EXO_ERR_NO_RESOURCES;
    }
    if (status == EXO_OK && mapping.len_bytes > 0) {
        status = exo_memory_map(&mapping, &at);
    }
    if (status != EXO_OK) {
        return status;
    }
    for (uint64_t i = 0; i < mapping.len_bytes; i++) {
        g_text[i] = ((const char *)at)[i];
    }
    return EXO_OK;
}

static void file_parse(void)
{
    char *at = g_text;

    while (*at != '\0') {
        char *const line = at;

        while (*at != '\0' && *at != '\n') {
            at++;
        }
        if (*at == '\n') {
            *at++ = '\0';
        }
        line_parse(line);
    }
}

/* ---- services ---- */

static exo_status_t service_spawn(struct service *service, uint64_t key)
{
    const struct exo_gift console = { .cap = exo_start_block()->console,
                                      .rights = EXO_RIGHTS_COMMON | EXO_RIGHT_CONSOLE_WRITE |
                                                EXO_RIGHT_CONSOLE_READ,
                                      .how = EXO_GIFT_DERIVE };
    const struct exo_program program = {
        .name = service->word[2], .args = service->word + 2, .gifts = &console, .gift_count = 1
    };
    exo_status_t status = exo_spawn(&program, &service->process);

    if (status != EXO_OK) {
        return status;
    }
    service->started_ns = exo_clock_ns();
    return exo_port_bind(g_port, service->process, EXO_SIGNAL_PROCESS_ENDED, key, EXO_BIND_ONCE);
}

static void later(struct service *service)
{
    if (exo_clock_ns() - service->started_ns >= BACKOFF_MAX_NS) {
        service->backoff_ns = BACKOFF_MIN_NS;
    }
    service->restart_at_ns = exo_clock_ns() + service->backoff_ns;
    (void)exo_print("init: ");
    (void)exo_print(service->word[0]);
    (void)exo_print(" starts again in ");
    (void)exo_print_number((int64_t)(service->backoff_ns / MS));
    (void)exo_print(" ms\n");
    service->backoff_ns *= 2;
    if (service->backoff_ns > BACKOFF_MAX_NS) {
        service->backoff_ns = BACKOFF_MAX_NS;
    }
}

static void service_start(struct service *service)
{
    const exo_status_t status = service_spawn(service, (uint64_t)(service - g_service));

    service->restart_at_ns = UINT64_MAX;
    if (status != EXO_OK) {
        say(service->word[0], "cannot be started:");
        say(service->word[2], exo_status_text(status));
        service->process = EXO_CAP_NONE;
    }
}

/* Its end; returns its status if that is the system's, else -1. */
static int service_ended(struct service *service)
{
    struct exo_end end = { .status = 0 };

    (void)exo_process_wait(service->process, UINT64_MAX, &end);
    (void)exo_cap_close(service->process);
    service->process = EXO_CAP_NONE;
    const int failed = end.reason != EXO_END_EXIT || end.status != 0;

    if (end.reason != EXO_END_EXIT) {
        say(service->word[0], exo_end_text(end.reason));
    }
    if (service->when == FINAL) {
        return end.status;
    }
    if (service->when == ALWAYS || (service->when == FAILURE && failed)) {
        later(service);
    }
    return -1;
}

static void restart_due(void)
{
    const uint64_t now_ns = exo_clock_ns();

    for (uint32_t i = 0; i < g_count; i++) {
        if (g_service[i].restart_at_ns <= now_ns) {
            service_start(&g_service[i]);
        }
    }
}

/* Set the timer to the next restart; returns how many services run or will run. */
static uint32_t plan(void)
{
    uint64_t next_ns = UINT64_MAX;
    uint32_t alive = 0;

    for (uint32_t i = 0; i < g_count; i++) {
        const struct service *const service = &g_service[i];

        alive += service->process != EXO_CAP_NONE || service->restart_at_ns != UINT64_MAX ? 1 : 0;
        if (service->restart_at_ns < next_ns) {
            next_ns = service->restart_at_ns;
        }
    }
    (void)exo_timer_set(g_timer, next_ns, 0);
    return alive;
}

static void shut_down(void)
{
    for (uint32_t i = g_count; i-- > 0;) {
        struct service *const service = &g_service[i];
        struct exo_end end;

        if (service->process == EXO_CAP_NONE) {
            continue;
        }
        (void)exo_process_kill(service->process);
        if (exo_process_wait(service->process, exo_clock_ns() + STOP_NS, &end) == EXO_OK) {
            say(service->word[0], "has been ended");
        } else {
            say(service->word[0], "does not end");
        }
    }
}

static int run(void)
{
    struct exo_packet packet;
    int status = -1;

    for (uint32_t i = 0; i < g_count; i++) {
        service_start(&g_service[i]);
    }
    while (status < 0 && plan() > 0 && exo_port_wait(g_port, UINT64_MAX, &packet) == EXO_OK) {
        if (packet.key < g_count) {
            status = service_ended(&g_service[packet.key]);
        } else {
            restart_due(); /* plan() sets the timer anew, which clears it */
        }
    }
    shut_down();
    return status < 0 ? 0 : status;
}

int main(int argc, char **argv, char **env)
{
    const char *const path = argc > 1 ? argv[1] : "/etc/services";
    exo_status_t status = file_read(path);

    (void)env;
    if (status != EXO_OK) {
        say(path, exo_status_text(status));
        return 1;
    }
    file_parse();
    status = exo_port_create(&g_port);
    if (status == EXO_OK) {
        status = exo_timer_create(&g_timer);
    }
    if (status == EXO_OK) {
        status = exo_port_bind(g_port, g_timer, EXO_SIGNAL_TIMER_EXPIRED, KEY_TIMER, 0);
    }
    if (status != EXO_OK) {
        say("no port", exo_status_text(status));
        return 1;
    }
    return run();
}
