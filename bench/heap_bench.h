/*
 * heap_bench.h - the loops that the kernel heap and its rivals are measured by.
 */
#ifndef HEAP_BENCH_H
#define HEAP_BENCH_H

#include "exo/lib/types.h"
#include "exo_bench.h"

#define HEAP_BURST_OBJECTS 1000u
#define HEAP_BURST_BYTES   4096u
#define HEAP_PAIR_BYTES    64u

struct heap_ops {
    void *(*alloc)(size_t size);
    void (*free)(void *object);
    uint64_t (*resident_bytes)(void); /* now, of the allocator */
};

/* Allocate and free one object of HEAP_PAIR_BYTES, again and again. */
void heap_bench_pair(struct bench_run *run, const struct heap_ops *ops);

/* HEAP_BURST_OBJECTS of HEAP_BURST_BYTES, then all of them back; one operation is one object. */
void heap_bench_burst(struct bench_run *run, const struct heap_ops *ops);

/* Allocate on CPU 0, free on CPU 1. */
void heap_bench_remote(struct bench_run *run, const struct heap_ops *ops);

/* One deterministic trace of a million operations: sizes of kernel objects and random ones, the mix
 * changing three times. Returns the peak of resident bytes over the peak of live bytes, in
 * thousandths, 0 if the memory did not suffice. */
uint64_t heap_bench_trace(const struct heap_ops *ops);

/* Hosted, in a process of its own: run the trace on the rival of that number and print its answer;
 * returns the exit status. */
int heap_rival_trace(const char *rival);

#endif /* HEAP_BENCH_H */
