/* tests/programs/vectors.c - computing in user mode: vector registers, floating point, the stack,
 * big data live across calls, faults and being preempted. */
#include <math.h>
#include <stdlib.h>

#include "case.h"

static volatile long g_terms = 2000000;
static char g_bss[1 << 20];

/* Writes and reads every page of five MiB of stack. */
static int depth(void)
{
    volatile char room[5 << 20];
    int good = 0;

    for (unsigned i = 0; i < sizeof(room); i += PAGE) {
        room[i] = (char)(i >> 12);
    }
    for (unsigned i = 0; i < sizeof(room); i += PAGE) {
        good += room[i] == (char)(i >> 12);
    }
    return good;
}

int main(void)
{
    double sum = 0;
    unsigned check = 0;
    double *heap;

    for (long i = 1; i <= g_terms; i++) {
        sum += 1 / ((double)i * (double)i);
        if (i % 100000 == 0) {
            syscall(SYS_sched_yield);
        }
    }
    printf("sum of inverse squares %.12f\n", sum);
    heap = malloc(500000 * sizeof(*heap));
    for (int i = 0; i < 500000; i++) {
        heap[i] = sqrt(i);
        g_bss[i] = (char)i;
    }
    for (int i = 0; i < 500000; i += 1000) {
        check = check * 31 + (unsigned)(heap[i] * 1000) + (unsigned char)g_bss[i];
    }
    printf("checksum %u\n", check);
    printf("depth %d\n", depth());
    fact("untouched data is zero", g_bss[(1 << 20) - 1] == 0);
    free(heap);
    return 0;
}
