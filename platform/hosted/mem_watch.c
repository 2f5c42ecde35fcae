/*
 * mem_watch.c - AddressSanitizer and Valgrind hear what the kernel's allocators hand out; and the
 * options with which the sanitizers run here.
 */
#include "host.h"
#include "sanitizer.h"
#include "valgrind_requests.h"

bool hosted_mem_watched = HOSTED_ASAN;

bool hosted_under_valgrind(void)
{
    return hosted_valgrind_running();
}

void hosted_mem_allocated(void *start, size_t len_bytes)
{
    hosted_shadow_unpoison(start, len_bytes);
    hosted_valgrind_allocated(start, len_bytes);
}

void hosted_mem_freed(void *start, size_t len_bytes)
{
    hosted_shadow_poison(start, len_bytes);
    hosted_valgrind_freed(start, len_bytes);
}

/* Fake stacks and pooled kernel stacks do not go together. Leaks are the test fixture's business:
 * the leak checker does not look into simulated memory. Faults are reported by fault.c, aborts by
 * nobody. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_stack_use_after_return=0:detect_leaks=0:handle_segv=0:handle_sigbus=0:handle_"
           "sigfpe=0:"
           "handle_sigill=0:use_sigaltstack=0";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "report_signal_unsafe=0:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:"
           "use_sigaltstack=0:report_thread_leaks=0:second_deadlock_stack=1";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
    return "print_stacktrace=1:halt_on_error=1";
}
