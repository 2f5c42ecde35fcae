/*
 * exo/abi/end_list.h - the one list of reasons why a program ended: X(NAME, value, "text").
 *
 * Never renumbered. The text goes on from the program's name: "crash touched address 0 ...".
 * No guard: include it with X defined.
 */
X(EXIT, 0, "ended by itself")
X(KILLED, 1, "was killed by somebody else")
X(NULL, 2, "followed a null pointer")
X(STACK, 3, "overflowed its stack")
X(UNMAPPED, 4, "touched memory that is not mapped")
X(DENIED, 5, "touched memory in a way that its mapping forbids")
X(EXEC_DATA, 6, "executed data")
X(SYSTEM, 7, "touched memory that is the system's")
X(DIVIDE, 8, "divided by zero")
X(PRIVILEGED, 9, "did what only the system may do, or used an address that is none")
X(EXCEPTION, 10, "raised an exception of the processor")
X(NO_MEMORY, 11, "needed a page when memory was out")
X(IO, 12, "needed a page that could not be read")
X(HOSTILE, 13, "attacked what runs it")
X(LOST, 14, "lost what runs it")
