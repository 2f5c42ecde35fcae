/*
 * exo_test.h - what test bodies may use beside the assertions of exo_check.h: fixtures of both back
 * ends.
 */
#ifndef EXO_TEST_H
#define EXO_TEST_H

#include "exo/abi/status.h"
#include "exo/lib/types.h"

/* Run fn(arg) with the first, second, ... allocation in it failing, until a run makes fewer: every
 * failed run must return EXO_ERR_NO_MEMORY and leave as many free frames as it found. On success
 * `fn` must have given back what it took. First the frame allocator's allocations are made to fail,
 * then the heap's, then the platform's (stacks, spaces, user contexts). Context: test thread; fails
 * the test through ck_assert. Returns how many failed runs there were. */
uint32_t fault_sweep(exo_status_t (*fn)(void *arg), void *arg);

/* Busy-wait, interrupts as they are, for `duration_ns` of the cycle counter: moving the clock by
 * hal_test_clock_advance() does not shorten it. */
void test_spin_ns(uint64_t duration_ns);

/* Wait until *word is at least `value`, yielding the CPU, for at most `timeout_ns` of the cycle
 * counter; true if it became so. */
bool test_wait_for(const _Atomic uint32_t *word, uint32_t value, uint64_t timeout_ns);

/* True in check-long: bodies that scale take their long form. */
bool test_is_long(void);

#endif /* EXO_TEST_H */
