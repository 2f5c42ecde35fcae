/* tests/native/native_signals.c - events, timers and ports as programs have them. */
#include "native_check.h"

#define SECOND 1000000000ull
#define MS     1000000ull

/* The child: given an event whose badge lets it set signal 4 alone. */
static int child(void)
{
    const exo_cap_t event = exo_given(0);
    uint64_t got = 0;

    return exo_event_signal(event, 6) == EXO_ERR_ACCESS_DENIED &&
                   exo_event_signal(event, 1) == EXO_ERR_ACCESS_DENIED &&
                   exo_signal_wait(event, 4, 0, &got) == EXO_ERR_ACCESS_DENIED &&
                   exo_event_signal(event, 4) == EXO_OK
               ? 0
               : 1;
}

static void events(void)
{
    const exo_cap_t console = exo_start_block()->console;
    exo_cap_t event = EXO_CAP_NONE;
    uint64_t got = 0;

    CHECK_STATUS(exo_event_create(&event), EXO_OK);
    CHECK_STATUS(exo_signal_wait(event, 1, 0, &got), EXO_ERR_TIMED_OUT);
    CHECK_STATUS(exo_signal_wait(event, 1, exo_clock_ns() + MS, &got), EXO_ERR_TIMED_OUT);
    CHECK_STATUS(exo_event_signal(event, 5), EXO_OK);
    CHECK_STATUS(exo_signal_wait(event, EXO_SIGNALS_ALL, UINT64_MAX, &got), EXO_OK);
    CHECK(got == 5);
    CHECK_STATUS(exo_event_signal(event, 0), EXO_ERR_INVALID);
    CHECK_STATUS(exo_event_signal(event, 1ull << 63), EXO_ERR_INVALID);
    CHECK_STATUS(exo_signal_wait(event, 0, 0, &got), EXO_ERR_INVALID);
    CHECK_STATUS(exo_signal_wait(event, 1ull << 63, 0, &got), EXO_ERR_INVALID);
    CHECK_STATUS(exo_event_signal(console, 1), EXO_ERR_WRONG_TYPE);
    CHECK_STATUS(exo_signal_wait(console, 1, 0, &got), EXO_ERR_WRONG_TYPE);
    CHECK_STATUS(exo_cap_close(event), EXO_OK);
    CHECK_STATUS(exo_signal_wait(event, 1, 0, &got), EXO_ERR_BAD_CAP);
}

static void timers(void)
{
    const uint64_t before_ns = exo_clock_ns();
    exo_cap_t timer = EXO_CAP_NONE;
    uint64_t got = 0;

    CHECK_STATUS(exo_timer_create(&timer), EXO_OK);
    CHECK_STATUS(exo_timer_set(timer, before_ns + 2 * MS, 0), EXO_OK);
    CHECK_STATUS(exo_signal_wait(timer, 1, UINT64_MAX, &got), EXO_OK);
    CHECK(exo_clock_ns() >= before_ns + 2 * MS);
    CHECK_STATUS(exo_timer_set(timer, 0, MS), EXO_OK);
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_STATUS(exo_signal_wait(timer, 1, UINT64_MAX, &got), EXO_OK);
    }
    CHECK_STATUS(exo_timer_set(timer, 0, 9999), EXO_ERR_INVALID);
    CHECK_STATUS(exo_timer_set(timer, UINT64_MAX, 0), EXO_OK);
    CHECK_STATUS(exo_signal_wait(timer, 1, exo_clock_ns() + 3 * MS, &got), EXO_ERR_TIMED_OUT);
    CHECK_STATUS(exo_event_signal(timer, 1), EXO_ERR_WRONG_TYPE);
    CHECK_STATUS(exo_cap_close(timer), EXO_OK);
}

enum { KEY_EVENT = 10, KEY_TIMER, KEY_PROCESS };

/* One wait for three kinds of objects. */
static void ports(void)
{
    const uint64_t until_ns = exo_clock_ns() + 60 * SECOND;
    const char *const args[] = { "native_signals", "child", NULL };
    exo_cap_t port = EXO_CAP_NONE;
    exo_cap_t event = EXO_CAP_NONE;
    exo_cap_t timer = EXO_CAP_NONE;
    exo_cap_t process = EXO_CAP_NONE;
    struct exo_packet packet;
    struct exo_end end = { .reason = UINT32_MAX };
    uint32_t seen = 0;
    uint64_t got = 0;

    CHECK_STATUS(exo_port_create(&port), EXO_OK);
    CHECK_STATUS(exo_event_create(&event), EXO_OK);
    CHECK_STATUS(exo_timer_create(&timer), EXO_OK);
    const struct exo_gift gift = {
        .cap = event, .rights = EXO_RIGHT_EVENT_SIGNAL, .how = EXO_GIFT_DERIVE, .badge = 4
    };
    const struct exo_program program = {
        .name = "native_signals", .args = args, .gifts = &gift, .gift_count = 1
    };

    CHECK_STATUS(exo_spawn(&program, &process), EXO_OK);
    CHECK_STATUS(exo_port_bind(port, event, 4, KEY_EVENT, 0), EXO_OK);
    CHECK_STATUS(exo_port_bind(port, timer, 1, KEY_TIMER, 0), EXO_OK);
    CHECK_STATUS(exo_port_bind(port, process, EXO_SIGNAL_PROCESS_ENDED, KEY_PROCESS, EXO_BIND_ONCE),
                 EXO_OK);
    CHECK_STATUS(exo_port_bind(port, event, 1, KEY_TIMER, 0), EXO_ERR_EXISTS);
    CHECK_STATUS(exo_port_bind(port, event, 0, 1, 0), EXO_ERR_INVALID);
    CHECK_STATUS(exo_port_bind(port, event, 1, 1, 2), EXO_ERR_INVALID);
    CHECK_STATUS(exo_port_bind(port, port, 1, 1, 0), EXO_ERR_WRONG_TYPE);
    CHECK_STATUS(exo_port_bind(event, event, 1, 1, 0), EXO_ERR_WRONG_TYPE);
    CHECK_STATUS(exo_timer_set(timer, exo_clock_ns() + MS, 0), EXO_OK);
    while (seen != 7 && exo_port_wait(port, until_ns, &packet) == EXO_OK) {
        seen |= 1u << (packet.key - KEY_EVENT);
        if (packet.key != KEY_PROCESS) {
            CHECK_STATUS(
                exo_signal_wait(packet.key == KEY_EVENT ? event : timer, packet.signals, 0, &got),
                EXO_OK);
        }
    }
    CHECK(seen == 7);
    CHECK_STATUS(exo_port_wait(port, 0, &packet), EXO_ERR_TIMED_OUT);
    CHECK_STATUS(exo_port_unbind(port, KEY_PROCESS), EXO_ERR_NOT_FOUND);
    CHECK_STATUS(exo_port_unbind(port, KEY_EVENT), EXO_OK);
    CHECK_STATUS(exo_process_wait(process, 0, &end), EXO_OK);
    CHECK(end.reason == EXO_END_EXIT && end.status == 0);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_port_wait, port, 8, 0), EXO_ERR_TIMED_OUT);
    CHECK_STATUS(exo_timer_set(timer, 1, 0), EXO_OK);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_port_wait, port, 8, UINT64_MAX), EXO_ERR_BAD_ADDRESS);
    CHECK_STATUS(exo_cap_close(port), EXO_OK);
    CHECK_STATUS(exo_cap_close(event), EXO_OK);
    CHECK_STATUS(exo_cap_close(timer), EXO_OK);
    CHECK_STATUS(exo_cap_close(process), EXO_OK);
}

int main(int argc, char **argv, char **env)
{
    (void)argv;
    (void)env;
    if (argc > 1) {
        return child();
    }
    events();
    timers();
    ports();
    return check_end("signals");
}
