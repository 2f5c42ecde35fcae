/* tests/native/native_rings.c - two processes and their rings: talking, sleeping, ending,
 * scribbling. */
#include "native_check.h"

#define SECOND   1000000000ull
#define MESSAGES 2000u
#define SLOTS    8u

#define PUTS  (EXO_RIGHT_RING_MAP | EXO_RIGHT_RING_PUT)
#define TAKES (EXO_RIGHT_RING_MAP | EXO_RIGHT_RING_TAKE)

/* ---- the child: given a ring to take from, and one to put into ---- */

/* Send everything back, one more in the first word. */
static int child_echoes(void)
{
    struct exo_ring_end in;
    struct exo_ring_end out;
    struct exo_ring_message message;
    exo_status_t status = exo_ring_open(exo_given(0), EXO_RING_CONSUMER, &in);

    if (status == EXO_OK) {
        status = exo_ring_open(exo_given(1), EXO_RING_PRODUCER, &out);
    }
    while (status == EXO_OK) {
        status = exo_ring_receive(&in, &message, EXO_FOREVER);
        if (status == EXO_OK) {
            message.word[0]++;
            status = exo_ring_send(&out, &message, EXO_FOREVER);
        }
    }
    return status == EXO_ERR_DEAD ? 0 : 1;
}

/* Write nonsense over all that it can see of the ring it puts into, for ever. */
static int child_scribbles(void)
{
    struct exo_ring_end out;
    uint64_t random = exo_start_block()->random[0] | 1;

    if (exo_ring_open(exo_given(1), EXO_RING_PRODUCER, &out) != EXO_OK) {
        return 1;
    }
    volatile uint64_t *const word = (volatile uint64_t *)out.ring.shared;

    for (;;) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        word[random / 8 % (exo_ring_bytes(SLOTS) / 8)] =
            (random & 1) != 0 ? random : random >> 60; /* wild, or nearly right */
    }
}

/* What its capabilities do not allow. */
static int child_tries(void)
{
    struct exo_ring_end in;
    const uint64_t put[6] = { exo_given(0), EXO_RING_PRODUCER };
    const uint64_t take[6] = { exo_given(1), EXO_RING_CONSUMER };

    return exo_ring_open(exo_given(0), EXO_RING_CONSUMER, &in) == EXO_OK &&
                   exo_syscall6(EXO_SYSCALL_ring_wait, put) == EXO_ERR_ACCESS_DENIED &&
                   exo_syscall6(EXO_SYSCALL_ring_wait, take) == EXO_ERR_ACCESS_DENIED &&
                   exo_syscall(EXO_SYSCALL_ring_wake, exo_given(0), EXO_RING_CONSUMER, 1) ==
                       EXO_ERR_ACCESS_DENIED &&
                   exo_ring_close(exo_given(0)) == EXO_ERR_ACCESS_DENIED
               ? 0
               : 1;
}

/* ---- the parent ---- */

struct pair {
    exo_cap_t to;
    exo_cap_t from;
    exo_cap_t process;
    struct exo_ring_end out;
    struct exo_ring_end in;
};

static void pair_start(struct pair *pair, const char *what, uint32_t flags)
{
    const struct exo_ring_info info = { .slots = SLOTS, .flags = flags };
    const char *const args[] = { "native_rings", what, NULL };

    CHECK_STATUS(exo_ring_create(&info, &pair->to), EXO_OK);
    CHECK_STATUS(exo_ring_create(&info, &pair->from), EXO_OK);
    const struct exo_gift gift[] = {
        { .cap = pair->to, .rights = TAKES, .how = EXO_GIFT_DERIVE },
        { .cap = pair->from, .rights = PUTS, .how = EXO_GIFT_DERIVE },
    };
    const struct exo_program program = {
        .name = "native_rings", .args = args, .gifts = gift, .gift_count = 2
    };

    CHECK_STATUS(exo_ring_open(pair->to, EXO_RING_PRODUCER, &pair->out), EXO_OK);
    CHECK_STATUS(exo_ring_open(pair->from, EXO_RING_CONSUMER, &pair->in), EXO_OK);
    CHECK_STATUS(exo_spawn(&program, &pair->process), EXO_OK);
}

static void pair_end(struct pair *pair, uint32_t reason, int32_t status)
{
    struct exo_end end = { .reason = UINT32_MAX };

    CHECK_STATUS(exo_process_wait(pair->process, exo_clock_ns() + 60 * SECOND, &end), EXO_OK);
    CHECK(end.reason == reason);
    CHECK(end.status == status);
    exo_ring_leave(&pair->out);
    exo_ring_leave(&pair->in);
    CHECK_STATUS(exo_cap_close(pair->to), EXO_OK);
    CHECK_STATUS(exo_cap_close(pair->from), EXO_OK);
    CHECK_STATUS(exo_cap_close(pair->process), EXO_OK);
}

/* Messages go round in order, each side sleeping whenever it has to; the end is seen. */
static void echo(uint32_t flags)
{
    const uint64_t deadline_ns = exo_clock_ns() + 60 * SECOND;
    struct exo_ring_message message = { { 0 } };
    struct pair pair;
    uint64_t in_order = 0;

    pair_start(&pair, "echoes", flags);
    for (uint64_t i = 0; i < MESSAGES; i++) {
        message.word[0] = i;
        message.word[6] = ~i;
        if (exo_ring_send(&pair.out, &message, deadline_ns) == EXO_OK &&
            (i < 3 || exo_ring_receive(&pair.in, &message, deadline_ns) == EXO_OK)) {
            in_order += i < 3 || (message.word[0] == i - 2 && message.word[6] == ~(i - 3)) ? 1 : 0;
        }
    }
    CHECK(in_order == MESSAGES);
    CHECK_STATUS(exo_ring_close(pair.to), EXO_OK);
    CHECK_STATUS(exo_ring_send(&pair.out, &message, deadline_ns), EXO_ERR_DEAD);
    pair_end(&pair, EXO_END_EXIT, 0);
}

/* Who sleeps when its capability goes is still woken; a later sleep is refused. */
static void revoked(void)
{
    struct exo_ring_message message = { { 0 } };
    struct pair pair;

    pair_start(&pair, "echoes", 0);
    CHECK_STATUS(exo_sleep(SECOND / 50), EXO_OK); /* it sleeps by now */
    CHECK_STATUS(exo_cap_revoke(pair.to), EXO_OK);
    CHECK_STATUS(exo_ring_send(&pair.out, &message, 0), EXO_OK);
    CHECK_STATUS(exo_ring_receive(&pair.in, &message, exo_clock_ns() + 60 * SECOND), EXO_OK);
    pair_end(&pair, EXO_END_EXIT, 1);
}

static void killed(void)
{
    struct pair pair;

    pair_start(&pair, "echoes", 0);
    CHECK_STATUS(exo_sleep(SECOND / 50), EXO_OK);
    CHECK_STATUS(exo_process_kill(pair.process), EXO_OK);
    pair_end(&pair, EXO_END_KILLED, 137);
}

/* A peer that writes whatever it likes into a ring cannot hold this side up: each call comes back
 * with a status, in time. */
static void scribbled(uint32_t flags)
{
    static const exo_status_t allowed[] = { EXO_OK, EXO_ERR_TIMED_OUT, EXO_ERR_DEAD,
                                            EXO_ERR_BAD_FORMAT };
    const uint64_t until_ns = exo_clock_ns() + SECOND / 5;
    struct exo_ring_message message;
    struct pair pair;
    uint32_t strange = 0;
    uint32_t calls = 0;

    pair_start(&pair, "scribbles", flags);
    while (exo_clock_ns() < until_ns) {
        const uint64_t deadline_ns = exo_clock_ns() + SECOND / 1000;
        const exo_status_t status = exo_ring_receive(&pair.in, &message, deadline_ns);
        uint32_t known = 0;

        for (uint32_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
            known |= status == allowed[i] ? 1 : 0;
        }
        strange += 1 - known;
        calls++;
    }
    CHECK(calls > 10);
    CHECK(strange == 0);
    CHECK_STATUS(exo_process_kill(pair.process), EXO_OK);
    pair_end(&pair, EXO_END_KILLED, 137);
}

static void limits(void)
{
    struct exo_ring_info info = { .slots = 3 };
    const struct exo_ring_message message = { { 1 } };
    struct exo_ring_message got;
    struct exo_ring_end in;
    struct exo_ring_end out;
    exo_cap_t ring = EXO_CAP_NONE;
    const exo_cap_t console = exo_start_block()->console;

    CHECK_STATUS(exo_ring_create(&info, &ring), EXO_ERR_INVALID);
    info = (struct exo_ring_info){ .slots = 4, .flags = 4 };
    CHECK_STATUS(exo_ring_create(&info, &ring), EXO_ERR_INVALID);
    info = (struct exo_ring_info){ .slots = 4, .full = 4 };
    CHECK_STATUS(exo_ring_create(&info, &ring), EXO_ERR_INVALID);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_ring_create, 4, 1ull << 32, 0), EXO_ERR_INVALID);
    info = (struct exo_ring_info){ .slots = 2, .full = EXO_RING_FULL_REFUSES };
    CHECK_STATUS(exo_ring_create(&info, &ring), EXO_OK);
    CHECK_STATUS(exo_ring_open(ring, EXO_RING_PRODUCER, &out), EXO_OK);
    CHECK_STATUS(exo_ring_open(ring, EXO_RING_CONSUMER, &in), EXO_OK);
    CHECK(out.info.slots == 2 && out.info.full == EXO_RING_FULL_REFUSES);
    CHECK_STATUS(exo_ring_receive(&in, &got, 0), EXO_ERR_TIMED_OUT);
    CHECK_STATUS(exo_ring_send(&out, &message, 0), EXO_OK);
    CHECK_STATUS(exo_ring_send(&out, &message, 0), EXO_OK);
    CHECK_STATUS(exo_ring_send(&out, &message, 0), EXO_ERR_NO_RESOURCES);
    CHECK_STATUS(exo_ring_close(ring), EXO_OK);
    CHECK_STATUS(exo_ring_receive(&in, &got, 0), EXO_OK);
    CHECK_STATUS(exo_ring_receive(&in, &got, 0), EXO_OK);
    CHECK_STATUS(exo_ring_receive(&in, &got, 0), EXO_ERR_DEAD);
    exo_ring_leave(&in);
    exo_ring_leave(&out);
    CHECK_STATUS(exo_cap_close(ring), EXO_OK);

    info = (struct exo_ring_info){ .slots = 2,
                                   .flags = EXO_RING_MANY_CONSUMERS,
                                   .full = EXO_RING_FULL_REPLACES };
    CHECK_STATUS(exo_ring_create(&info, &ring), EXO_OK);
    CHECK_STATUS(exo_ring_open(ring, EXO_RING_PRODUCER, &out), EXO_OK);
    for (uint64_t i = 0; i < 5; i++) {
        CHECK_STATUS(exo_ring_send(&out, &(struct exo_ring_message){ { i } }, 0), EXO_OK);
    }
    CHECK(out.lost == 3);
    CHECK_STATUS(exo_ring_open(ring, EXO_RING_CONSUMER, &in), EXO_OK);
    CHECK_STATUS(exo_ring_receive(&in, &got, 0), EXO_OK);
    CHECK(got.word[0] == 3);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_ring_wait, ring, 2, 0), EXO_ERR_INVALID);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_ring_wake, ring, 2, 1), EXO_ERR_INVALID);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_ring_wake, ring, 0, 1ull << 32), EXO_ERR_INVALID);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_ring_query, ring, 8, 0), EXO_ERR_BAD_ADDRESS);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_ring_query, console, 8, 0), EXO_ERR_WRONG_TYPE);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_ring_map, console, 0, 0), EXO_ERR_WRONG_TYPE);
    CHECK_STATUS(exo_ring_close(console), EXO_ERR_WRONG_TYPE);
    CHECK_STATUS(exo_cap_close(ring), EXO_OK);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_ring_map, ring, 0, 0), EXO_ERR_BAD_CAP);
}

int main(int argc, char **argv, char **env)
{
    (void)env;
    if (argc > 1) {
        return argv[1][0] == 'e'   ? child_echoes()
               : argv[1][0] == 's' ? child_scribbles()
                                   : child_tries();
    }
    struct pair pair;

    echo(0);
    echo(EXO_RING_MANY_PRODUCERS | EXO_RING_MANY_CONSUMERS);
    revoked();
    killed();
    scribbled(0);
    scribbled(EXO_RING_MANY_PRODUCERS | EXO_RING_MANY_CONSUMERS);
    pair_start(&pair, "tries", 0);
    pair_end(&pair, EXO_END_EXIT, 0);
    limits();
    return check_end("rings");
}
