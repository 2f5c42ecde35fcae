/*
 * exo/abi/syscall_list.h - the one list of native system calls: X(NAME, number, "what it does").
 * No guard: include it with X defined. docs/syscalls has a page for each.
 *
 * Numbers are given for ever, by group: 0 misc, 16 process and thread, 48 memory and space,
 * 80 capability, 112 event, timer and port, 144 ring and channel; below EXO_SYSCALLS_MAX.
 */
X(abi_version, 0, "which version of these calls the kernel has")
X(clock_read, 1, "the monotonic clock")
X(console_write, 2, "write bytes to a console")
X(process_exit, 16, "end the process")
X(thread_yield, 17, "let others go first")
X(thread_sleep, 18, "sleep until a time")
X(cap_close, 80, "forget a capability")
X(cap_duplicate, 81, "make a capability beside another")
X(cap_derive, 82, "make a capability below another")
X(cap_revoke, 83, "take back all that was derived from a capability")
X(cap_query, 84, "say what a capability is")
