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
X(console_read, 3, SLOW, "read what is typed at a console")
X(process_exit, 16, SLOW, "end the process")
X(thread_yield, 17, SLOW, "let others go first")
X(thread_sleep, 18, SLOW, "sleep until a time")
X(process_spawn, 19, SLOW, "start a program with the capabilities that it shall have")
X(process_wait, 20, SLOW, "wait for a process's end and say why it ended")
X(process_kill, 21, SLOW, "end another process")
X(memory_create, 48, SLOW, "make memory that processes can share")
X(memory_open, 49, SLOW, "a file of the initial RAM file system as memory")
X(memory_size, 50, SLOW, "how large a memory object is")
X(memory_map, 51, SLOW, "map memory")
X(memory_unmap, 52, SLOW, "unmap a range")
X(memory_protect, 53, SLOW, "change the protection of a range")
X(cap_close, 80, SLOW, "forget a capability")
X(cap_duplicate, 81, SLOW, "make a capability beside another")
X(cap_derive, 82, SLOW, "make a capability below another")
X(cap_revoke, 83, SLOW, "take back all that was derived from a capability")
X(cap_query, 84, SLOW, "say what a capability is")
X(event_create, 112, SLOW, "make an event")
X(event_signal, 113, SLOW, "set signals of an event")
X(timer_create, 114, SLOW, "make a timer")
X(timer_set, 115, SLOW, "say when a timer expires")
X(signal_wait, 116, SLOW, "wait for signals of one object")
X(port_create, 117, SLOW, "make a port")
X(port_bind, 118, SLOW, "have a port tell of an object's signals")
X(port_unbind, 119, SLOW, "have it tell no more of them")
X(port_wait, 120, SLOW, "wait for whatever a port has to tell")
X(ring_create, 144, SLOW, "make a ring")
X(ring_query, 145, SLOW, "say what a ring was made with")
X(ring_map, 146, SLOW, "map a ring")
X(ring_wait, 147, SLOW, "sleep until there may be room in a ring, or a message")
X(ring_wake, 148, SLOW, "wake who sleeps on a ring")
X(ring_close, 149, SLOW, "let no more messages into a ring")
X(channel_create, 150, SLOW, "make a channel")
X(channel_send, 151, SLOW, "send a message")
X(channel_receive, 152, SLOW, "take the oldest message")
X(channel_call, 153, SLOW, "send a message and wait for its answer")
X(channel_reply, 154, SLOW, "answer a call")
