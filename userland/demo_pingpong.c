/*
 * userland/demo_pingpong.c - two processes send one message to and fro over two rings. Neither
 * enters the kernel as long as the other answers soon.
 */
#include "exo_std.h"

#define ROUNDS  20000u
#define SAMPLES 1000u /* the last ones are looked at */
#define SPINS   20000u

static uint64_t cycles(void)
{
    return __builtin_ia32_rdtsc();
}

/* The other side: send back whatever comes. */
static int pong(void)
{
    struct exo_ring_end in;
    struct exo_ring_end out;
    struct exo_ring_message message;

    if (exo_ring_open(exo_given(0), EXO_RING_CONSUMER, &in) != EXO_OK ||
        exo_ring_open(exo_given(1), EXO_RING_PRODUCER, &out) != EXO_OK) {
        return 1;
    }
    in.spins = SPINS;
    while (exo_ring_receive(&in, &message, EXO_FOREVER) == EXO_OK) {
        if (exo_ring_send(&out, &message, EXO_FOREVER) != EXO_OK) {
            return 1;
        }
    }
    return 0;
}

static void sort(uint64_t *value, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        const uint64_t moving = value[i];
        uint32_t at = i;

        for (; at > 0 && value[at - 1] > moving; at--) {
            value[at] = value[at - 1];
        }
        value[at] = moving;
    }
}

static exo_status_t ping(struct exo_ring_end *out, struct exo_ring_end *in, uint64_t *sample)
{
    struct exo_ring_message message = { { 0 } };
    exo_status_t status = EXO_OK;

    for (uint64_t i = 0; i < ROUNDS && status == EXO_OK; i++) {
        const uint64_t before = cycles();

        message.word[0] = i;
        status = exo_ring_send(out, &message, EXO_FOREVER);
        if (status == EXO_OK) {
            status = exo_ring_receive(in, &message, EXO_FOREVER);
        }
        sample[i % SAMPLES] = cycles() - before;
        if (status == EXO_OK && message.word[0] != i) {
            status = EXO_ERR_BAD_FORMAT;
        }
    }
    return status;
}

static exo_status_t play(exo_cap_t to, exo_cap_t from, const char *self)
{
    static uint64_t sample[SAMPLES];
    const char *const args[] = { self, "pong", NULL };
    const struct exo_gift gift[] = {
        { .cap = to, .rights = EXO_RIGHT_RING_MAP | EXO_RIGHT_RING_TAKE },
        { .cap = from, .rights = EXO_RIGHT_RING_MAP | EXO_RIGHT_RING_PUT },
    };
    const struct exo_program program = {
        .name = self, .args = args, .gifts = gift, .gift_count = 2
    };
    struct exo_ring_end out;
    struct exo_ring_end in;
    struct exo_end end;
    exo_cap_t process = EXO_CAP_NONE;
    exo_status_t status = exo_ring_open(to, EXO_RING_PRODUCER, &out);

    if (status == EXO_OK) {
        status = exo_ring_open(from, EXO_RING_CONSUMER, &in);
    }
    if (status == EXO_OK) {
        status = exo_spawn(&program, &process);
    }
    if (status != EXO_OK) {
        return status;
    }
    in.spins = SPINS;
    status = ping(&out, &in, sample);
    (void)exo_ring_close(to); /* that is its end */
    (void)exo_process_wait(process, EXO_FOREVER, &end);
    if (status == EXO_OK) {
        sort(sample, SAMPLES);
        (void)exo_print_number(ROUNDS);
        (void)exo_print(" round trips; of the last ");
        (void)exo_print_number(SAMPLES);
        (void)exo_print(" the fastest took ");
        (void)exo_print_number((int64_t)sample[0]);
        (void)exo_print(" cycles, half of them at most ");
        (void)exo_print_number((int64_t)sample[SAMPLES / 2]);
        (void)exo_print("\n");
    }
    return status;
}

int main(int argc, char **argv, char **env)
{
    const struct exo_ring_info info = { .slots = 64 };
    exo_cap_t to = EXO_CAP_NONE;
    exo_cap_t from = EXO_CAP_NONE;

    (void)env;
    if (argc > 1) {
        return pong();
    }
    exo_status_t status = exo_ring_create(&info, &to);

    if (status == EXO_OK) {
        status = exo_ring_create(&info, &from);
    }
    if (status == EXO_OK) {
        status = play(to, from, argv[0]);
    }
    if (status != EXO_OK) {
        (void)exo_print(exo_status_text(status));
        (void)exo_print("\n");
    }
    return status == EXO_OK ? 0 : 1;
}
