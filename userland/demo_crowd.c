/*
 * userland/demo_crowd.c - one producer, three consumers, one ring: each message reaches one of
 * them.
 */
#include "exo_std.h"

#define CONSUMERS 3u
#define MESSAGES  300000u
#define SLOTS     1024u
#define SPINS     200u

enum { WORK, RESULT }; /* the rings that a consumer is given */

/* Take numbers to the end, and tell how many there were and their sum. */
static int consume(void)
{
    struct exo_ring_end work;
    struct exo_ring_end result;
    struct exo_ring_message message;
    uint64_t count = 0;
    uint64_t sum = 0;

    if (exo_ring_open(exo_given(WORK), EXO_RING_CONSUMER, &work) != EXO_OK ||
        exo_ring_open(exo_given(RESULT), EXO_RING_PRODUCER, &result) != EXO_OK) {
        return 1;
    }
    work.spins = SPINS;
    while (exo_ring_receive(&work, &message, EXO_FOREVER) == EXO_OK) {
        count++;
        sum += message.word[0];
    }
    message.word[0] = count;
    message.word[1] = sum;
    return exo_ring_send(&result, &message, EXO_FOREVER) == EXO_OK ? 0 : 1;
}

static exo_status_t produce(exo_cap_t work)
{
    struct exo_ring_end end;
    struct exo_ring_message message = { { 0 } };
    exo_status_t status = exo_ring_open(work, EXO_RING_PRODUCER, &end);

    for (uint64_t i = 0; i < MESSAGES && status == EXO_OK; i++) {
        message.word[0] = i;
        status = exo_ring_send(&end, &message, EXO_FOREVER);
    }
    (void)exo_ring_close(work);
    return status;
}

static exo_status_t consumers_start(exo_cap_t work, exo_cap_t result, const char *self)
{
    const char *const args[] = { self, "consumer", NULL };
    const struct exo_gift gift[] = {
        [WORK] = { .cap = work, .rights = EXO_RIGHT_RING_MAP | EXO_RIGHT_RING_TAKE },
        [RESULT] = { .cap = result, .rights = EXO_RIGHT_RING_MAP | EXO_RIGHT_RING_PUT },
    };
    const struct exo_program program = {
        .name = self, .args = args, .gifts = gift, .gift_count = 2
    };
    exo_status_t status = EXO_OK;

    for (uint32_t i = 0; i < CONSUMERS && status == EXO_OK; i++) {
        exo_cap_t process = EXO_CAP_NONE;

        status = exo_spawn(&program, &process);
    }
    return status;
}

static exo_status_t run(const char *self)
{
    const struct exo_ring_info work_info = { .slots = SLOTS, .flags = EXO_RING_MANY_CONSUMERS };
    const struct exo_ring_info result_info = { .slots = 4, .flags = EXO_RING_MANY_PRODUCERS };
    const uint64_t before_ns = exo_clock_ns();
    exo_cap_t work = EXO_CAP_NONE;
    exo_cap_t result = EXO_CAP_NONE;
    struct exo_ring_end results;
    uint64_t count = 0;
    uint64_t sum = 0;
    exo_status_t status = exo_ring_create(&work_info, &work);

    if (status == EXO_OK) {
        status = exo_ring_create(&result_info, &result);
    }
    if (status == EXO_OK) {
        status = exo_ring_open(result, EXO_RING_CONSUMER, &results);
    }
    if (status == EXO_OK) {
        status = consumers_start(work, result, self);
    }
    if (status == EXO_OK) {
        status = produce(work);
    }
    for (uint32_t i = 0; i < CONSUMERS && status == EXO_OK; i++) {
        struct exo_ring_message message;

        status = exo_ring_receive(&results, &message, EXO_FOREVER);
        if (status == EXO_OK) {
            count += message.word[0];
            sum += message.word[1];
            (void)exo_print("  a consumer had ");
            (void)exo_print_number((int64_t)message.word[0]);
            (void)exo_print("\n");
        }
    }
    if (status != EXO_OK) {
        return status;
    }
    (void)exo_print_number((int64_t)count);
    (void)exo_print(" of ");
    (void)exo_print_number(MESSAGES);
    (void)exo_print(" messages, ");
    (void)exo_print_number((int64_t)((exo_clock_ns() - before_ns) / MESSAGES));
    (void)exo_print(" ns each\n");
    return count == MESSAGES && sum == (uint64_t)MESSAGES * (MESSAGES - 1) / 2 ? EXO_OK
                                                                               : EXO_ERR_INVALID;
}

int main(int argc, char **argv, char **env)
{
    (void)env;
    if (argc > 1) {
        return consume();
    }
    const exo_status_t status = run(argv[0]);

    if (status != EXO_OK) {
        (void)exo_print(exo_status_text(status));
        (void)exo_print("\n");
    }
    return status == EXO_OK ? 0 : 1;
}
