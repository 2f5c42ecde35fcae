/*
 * exo/sched/fence.h - a full fence on every CPU, paid by who asks for it.
 *
 * For protocols with a hot side and a rare one: store, then load what the other stored. The hot
 * side stores and loads in program order and keeps only the compiler from swapping the two; the
 * rare side stores, calls this, and loads. Then one of them sees what the other stored.
 */
#ifndef EXO_SCHED_FENCE_H
#define EXO_SCHED_FENCE_H

/* Return when every online CPU, in kernel or user mode, has passed a full fence that began after
 * the call. An interrupt for each of them.
 * Context: thread, may block, interrupts on, no spinlock held. */
void sched_fence_all(void);

#endif /* EXO_SCHED_FENCE_H */
