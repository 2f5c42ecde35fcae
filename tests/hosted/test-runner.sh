#!/bin/sh
# The hosted runner sees each way in which a test can fail (tests/kernel/test_planted.c), by its message,
# and nothing in a test that passes.
set -eu
cd "$EXO_BUILD"

# expect TEST TEXT: the planted test fails, and libcheck's report has TEXT.
expect()
{
    if said=$(CK_TIMEOUT_MULTIPLIER=1 ./exo-unit "planted.$1" 2>&1); then
        echo "planted.$1 passed"
        exit 1
    fi
    if ! echo "$said" | grep -q "$2"; then
        echo "planted.$1 failed without saying '$2':"
        echo "$said"
        exit 1
    fi
}

./exo-unit planted.passes | grep -q '^check-hosted: 1 passed, 0 failed, 0 skipped$'
expect fails_an_assertion "two + 1 == 3, 2 == 2"
expect fails_a_text '"this" == "this", "that" == "that"'
expect fails_in_a_helper_thread "the helper says 7"
expect leaks_a_frame "leak: free frames"
expect leaks_heap_objects "heap objects [0-9]* before, [0-9]* after"
expect leaks_heap_objects "leak: count=[36] size=32769 allocated by leak_objects+"
expect leaks_once "leak: count=3 size=32770 allocated by leak_objects+"
expect leaks_once "3 objects of the heap are left"
expect leaks_a_thread "leak: free frames"
expect hangs "still running after its time limit\|Test timeout expired"
expect panics "Early exit"
expect overflows_a_stack "thread=deep-one .*kernel stack overflow"
expect returns_with_interrupts_off "interrupts or preemption off"
expect 'no_such_test' "no test matches"

# The monitor shows the heap by class and by caller, and the end of the machine names what is left;
# of small objects only debug builds know who allocated them.
said=$(printf 'test_leak\nheap\npoweroff\n' | ./exo-unit --boot 2>&1)
monitor_says()
{
    if ! echo "$said" | grep -q "$1"; then
        echo "the monitor did not say '$1':"
        echo "$said"
        exit 1
    fi
}
monitor_says 'leak: count=3 size=32771 allocated by leak_objects+'
if echo "$said" | grep -q 'callers: of large objects only'; then
    monitor_says '^ *80 *[0-9]* *[0-9]* *1$'
    monitor_says '^ *3 *98313  leak_objects+0x'
else
    monitor_says '^ *112 *3 *3 *1$'
    monitor_says '^ *6 *98529  leak_objects+0x'
    monitor_says 'leak: count=3 size=72 allocated by leak_objects+'
fi
