/*
 * exo/abi/syscall_list.h - the one list of native system calls:
 * X(NAME, number, PATH, "what it does"). No guard: include it with X defined. docs/syscalls has a
 * page for each.
 *
 * PATH: FAST calls neither block nor lock nor wake anybody, touch no user memory and need nothing
 * of the process, so any program may make them, and they may be answered with interrupts off before
 * the processor has left the program for good; SLOW is any other.
 *
 * Numbers are given for ever, by group: 0 misc, 16 process and thread, 48 memory and space,
 * 80 capability, 112 event, timer and port, 144 ring and channel; below EXO_SYSCALLS_MAX.
 */
X(abi_version, 0, FAST, "which version of these calls the kernel has")
X(clock_read, 1, FAST, "the monotonic clock")
X(console_write, 2, SLOW, "write bytes to a console")
X(process_exit, 16, SLOW, "end the process")
X(thread_yield, 17, SLOW, "let others go first")
X(thread_sleep, 18, SLOW, "sleep until a time")
X(cap_close, 80, SLOW, "forget a capability")
X(cap_duplicate, 81, SLOW, "make a capability beside another")
X(cap_derive, 82, SLOW, "make a capability below another")
X(cap_revoke, 83, SLOW, "take back all that was derived from a capability")
X(cap_query, 84, SLOW, "say what a capability is")
