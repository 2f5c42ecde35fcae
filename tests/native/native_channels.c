/* tests/native/native_channels.c - a server and its client in two processes; capabilities that
 * travel; typed messages; what is refused. */
#include "native_check.h"

#define SECOND 1000000000ull

/* What they talk about. */
struct question {
    uint64_t what;
    int32_t a;
    int32_t b;
};
EXO_CHANNEL_OF(question, struct question)

enum { ADD, EVENT_PLEASE, LEAVE };

/* The server, given its end: adds, hands events out, leaves without an answer. */
static int serve(void)
{
    const exo_cap_t end = exo_given(0);
    struct exo_message message;
    struct question question;

    while (question_receive(end, &question, &message, UINT64_MAX) == EXO_OK) {
        message.cap_count = 0;
        message.word[0] = (uint64_t)(question.a + question.b);
        message.word[1] = message.badge;
        if (question.what == EVENT_PLEASE) {
            message.cap_count = 1;
            if (exo_event_create(&message.cap[0]) != EXO_OK ||
                exo_event_signal(message.cap[0], 32) != EXO_OK) {
                return 1;
            }
        }
        if (question.what == LEAVE) {
            return 5;
        }
        if (exo_channel_reply(end, &message) != EXO_OK) {
            return 2;
        }
    }
    return 0;
}

static void ask(exo_cap_t end)
{
    struct exo_message message = { .cap_count = 0 };
    struct question question = { .what = ADD, .a = 40, .b = 2 };
    exo_cap_t badged = EXO_CAP_NONE;
    uint64_t got = 0;
    uint32_t right = 0;

    for (int32_t i = 0; i < 200; i++) {
        question = (struct question){ .what = ADD, .a = i, .b = 2 };
        right +=
            question_call(end, &question, UINT64_MAX) == EXO_OK && question.what == (uint64_t)i + 2
                ? 1
                : 0;
    }
    CHECK(right == 200);
    CHECK_STATUS(exo_cap_derive(end, EXO_RIGHT_CHANNEL_SEND, 9, &badged), EXO_OK);
    message.word[0] = EVENT_PLEASE;
    CHECK_STATUS(exo_channel_call(badged, &message, UINT64_MAX), EXO_OK);
    CHECK(message.word[1] == 9);
    CHECK(message.cap_count == 1);
    CHECK_STATUS(exo_signal_wait(message.cap[0], 32, 0, &got), EXO_OK);
    CHECK_STATUS(exo_channel_receive(badged, &message, 0), EXO_ERR_ACCESS_DENIED);
    CHECK_STATUS(exo_channel_reply(badged, &message), EXO_ERR_ACCESS_DENIED);
    CHECK_STATUS(exo_cap_close(badged), EXO_OK);
}

static void server(void)
{
    const char *const args[] = { "native_channels", "serve", NULL };
    struct exo_end end = { .reason = UINT32_MAX };
    struct exo_message message = { .cap_count = 0 };
    exo_cap_t ends[2] = { EXO_CAP_NONE };
    exo_cap_t process = EXO_CAP_NONE;
    exo_cap_t port = EXO_CAP_NONE;
    struct exo_packet packet = { 0 };

    CHECK_STATUS(exo_channel_create(4, ends), EXO_OK);
    const struct exo_gift gift = { .cap = ends[1],
                                   .rights = EXO_RIGHT_CHANNEL_RECEIVE | EXO_RIGHT_WAIT };
    const struct exo_program program = {
        .name = "native_channels", .args = args, .gifts = &gift, .gift_count = 1
    };

    CHECK_STATUS(exo_spawn(&program, &process), EXO_OK);
    CHECK_STATUS(exo_cap_close(ends[1]), EXO_OK); /* the server's is the only one */
    ask(ends[0]);
    CHECK_STATUS(exo_port_create(&port), EXO_OK);
    CHECK_STATUS(exo_port_bind(port, ends[0], EXO_SIGNAL_CHANNEL_CLOSED, 3, 0), EXO_OK);
    message.word[0] = LEAVE;
    CHECK_STATUS(exo_channel_call(ends[0], &message, UINT64_MAX), EXO_ERR_DEAD);
    CHECK_STATUS(exo_port_wait(port, exo_clock_ns() + 60 * SECOND, &packet), EXO_OK);
    CHECK(packet.key == 3 && packet.signals == EXO_SIGNAL_CHANNEL_CLOSED);
    CHECK_STATUS(exo_channel_send(ends[0], &message, UINT64_MAX), EXO_ERR_DEAD);
    CHECK_STATUS(exo_process_wait(process, exo_clock_ns() + 60 * SECOND, &end), EXO_OK);
    CHECK(end.reason == EXO_END_EXIT && end.status == 5);
    CHECK_STATUS(exo_cap_close(process), EXO_OK);
    CHECK_STATUS(exo_cap_close(port), EXO_OK);
    CHECK_STATUS(exo_cap_close(ends[0]), EXO_OK);
}

static void refused(void)
{
    const exo_cap_t console = exo_start_block()->console;
    struct exo_message message = { .cap_count = 0 };
    exo_cap_t ends[2] = { EXO_CAP_NONE };

    CHECK_STATUS(exo_channel_create(0, ends), EXO_ERR_INVALID);
    CHECK_STATUS(exo_channel_create(EXO_CHANNEL_DEPTH_MAX + 1, ends), EXO_ERR_INVALID);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_channel_create, 1ull << 32, (uint64_t)ends, 0),
                 EXO_ERR_INVALID);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_channel_create, 1, 8, 0), EXO_ERR_BAD_ADDRESS);
    CHECK_STATUS(exo_channel_create(1, ends), EXO_OK);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_channel_send, ends[0], 8, 0), EXO_ERR_BAD_ADDRESS);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_channel_call, ends[0], 8, 0), EXO_ERR_BAD_ADDRESS);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_channel_reply, ends[0], 8, 0), EXO_ERR_BAD_ADDRESS);
    message.cap_count = EXO_CHANNEL_CAPS + 1;
    CHECK_STATUS(exo_channel_send(ends[0], &message, 0), EXO_ERR_INVALID);
    message.cap_count = 1;
    message.cap[0] = ends[1];
    CHECK_STATUS(exo_channel_send(ends[0], &message, 0), EXO_ERR_INVALID);
    message.cap[0] = console;
    CHECK_STATUS(exo_channel_send(ends[0], &message, 0), EXO_OK);
    CHECK_STATUS(exo_channel_send(ends[0], &message, 0), EXO_ERR_TIMED_OUT);
    CHECK_STATUS(exo_syscall(EXO_SYSCALL_channel_receive, ends[1], 8, 0), EXO_ERR_BAD_ADDRESS);
    CHECK_STATUS(exo_channel_receive(ends[1], &message, 0), EXO_ERR_TIMED_OUT);
    CHECK_STATUS(exo_channel_reply(ends[1], &message), EXO_ERR_NOT_FOUND);
    CHECK_STATUS(exo_channel_send(console, &message, 0), EXO_ERR_WRONG_TYPE);
    CHECK_STATUS(exo_channel_receive(console, &message, 0), EXO_ERR_WRONG_TYPE);
    CHECK_STATUS(exo_cap_close(ends[0]), EXO_OK);
    CHECK_STATUS(exo_channel_receive(ends[1], &message, UINT64_MAX), EXO_ERR_DEAD);
    CHECK_STATUS(exo_cap_close(ends[1]), EXO_OK);
}

int main(int argc, char **argv, char **env)
{
    (void)argv;
    (void)env;
    if (argc > 1) {
        return serve();
    }
    server();
    refused();
    return check_end("channels");
}
