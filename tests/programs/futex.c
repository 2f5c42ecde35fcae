/* tests/programs/futex.c - futexes where nobody else is: wakes, refused waits, waits that end. */
#include <time.h>

#include "case.h"

#define FUTEX_WAIT             0
#define FUTEX_WAKE             1
#define FUTEX_WAIT_BITSET      9
#define FUTEX_WAKE_BITSET      10
#define FUTEX_PRIVATE_FLAG     128
#define FUTEX_CLOCK_REALTIME   256
#define FUTEX_WAIT_PRIVATE     (FUTEX_WAIT | FUTEX_PRIVATE_FLAG)
#define FUTEX_WAKE_PRIVATE     (FUTEX_WAKE | FUTEX_PRIVATE_FLAG)
#define FUTEX_BITSET_MATCH_ANY -1

static int g_word = 5;

int main(void)
{
    const struct timespec soon = { 0, 10000000 };
    const struct timespec bad = { 0, 1000000000 };
    struct timespec now = { 0 };
    char *odd = (char *)&g_word + 1;

    CALL(SYS_futex, &g_word, FUTEX_WAKE, 1, 0, 0, 0);
    CALL(SYS_futex, &g_word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, 0, 0);
    CALL(SYS_futex, &g_word, FUTEX_WAKE_BITSET, 1, 0, 0, 1);
    CALL(SYS_futex, &g_word, FUTEX_WAKE_BITSET, 1, 0, 0, 0);
    CALL(SYS_futex, odd, FUTEX_WAKE, 1, 0, 0, 0);
    CALL(SYS_futex, NOWHERE, FUTEX_WAKE, 1, 0, 0, 0);
    CALL(SYS_futex, NOWHERE, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
    CALL(SYS_futex, KERNEL, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
    CALL(SYS_futex, &g_word, FUTEX_WAIT, 4, 0, 0, 0);
    CALL(SYS_futex, &g_word, FUTEX_WAIT_PRIVATE, 4, 0, 0, 0);
    CALL(SYS_futex, &g_word, FUTEX_WAIT, 5, &soon, 0, 0);
    CALL(SYS_futex, &g_word, FUTEX_WAIT, 5, &bad, 0, 0);
    CALL(SYS_futex, &g_word, FUTEX_WAIT, 5, NOWHERE, 0, 0);
    CALL(SYS_futex, odd, FUTEX_WAIT, 5, &soon, 0, 0);
    CALL(SYS_futex, NOWHERE, FUTEX_WAIT, 5, &soon, 0, 0);
    CALL(SYS_futex, KERNEL, FUTEX_WAIT, 5, &soon, 0, 0);
    clock_gettime(CLOCK_MONOTONIC, &now);
    CALL(SYS_futex, &g_word, FUTEX_WAIT_BITSET, 5, &now, 0, FUTEX_BITSET_MATCH_ANY);
    CALL(SYS_futex, &g_word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5, &now, 0, 1);
    CALL(SYS_futex, &g_word, FUTEX_WAIT_BITSET, 5, &now, 0, 0);
    CALL(SYS_futex, &g_word, FUTEX_WAIT_BITSET, 6, &now, 0, 1);
    CALL(SYS_futex, &g_word, 99, 5, 0, 0, 0);
    return 0;
}
