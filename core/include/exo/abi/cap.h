/*
 * exo/abi/cap.h - capability numbers, object types and rights, as programs see them.
 */
#ifndef EXO_ABI_CAP_H
#define EXO_ABI_CAP_H

#include <stdint.h>

/* A place in a process's table and the generation of what lies there, which never comes again. Not
 * to be taken apart by programs. */
typedef uint64_t exo_cap_t;

#define EXO_CAP_NONE ((exo_cap_t)0) /* never a capability */

/* What kind of object a capability names; fixed for ever. */
enum exo_type {
    EXO_TYPE_NONE,
    EXO_TYPE_PROCESS,
    EXO_TYPE_THREAD,
    EXO_TYPE_SPACE,
    EXO_TYPE_MEMORY,
    EXO_TYPE_CHANNEL,
    EXO_TYPE_RING,
    EXO_TYPE_EVENT,
    EXO_TYPE_TIMER,
    EXO_TYPE_INTERRUPT,
    EXO_TYPE_PORT,
    EXO_TYPE_CONSOLE,
    EXO_TYPE_MAX = 63, /* the last there can be */
};

/* A set of rights: what its holder may do with a capability and with the object. */
typedef uint32_t exo_rights_t;

#define EXO_RIGHT_DUPLICATE 0x0001u /* make another one beside it */
#define EXO_RIGHT_DERIVE    0x0002u /* make one below it, which it can revoke */
#define EXO_RIGHT_SEND      0x0004u /* give it, or one made from it, to another table */
#define EXO_RIGHT_REVOKE    0x0008u /* take back all that was derived from it */
#define EXO_RIGHTS_COMMON   0x000fu /* those that mean the same for every type */
#define EXO_RIGHTS_ALL      0xffffu /* the other twelve belong to the type */

/* Of every type that can be waited for: event, timer, port, process. */
#define EXO_RIGHT_WAIT 0x0010u

#define EXO_RIGHT_EVENT_SIGNAL 0x0020u
#define EXO_RIGHT_TIMER_SET    0x0020u
#define EXO_RIGHT_PORT_BIND    0x0020u

/* Rights of a console. */
#define EXO_RIGHT_CONSOLE_WRITE 0x0010u
#define EXO_RIGHT_CONSOLE_READ  0x0020u

/* Rights of a process, beside EXO_RIGHT_WAIT. */
#define EXO_RIGHT_PROCESS_KILL 0x0020u

/* Rights of a memory object: what it may be mapped for. Whatever is mapped can be read. */
#define EXO_RIGHT_MEMORY_READ  0x0010u
#define EXO_RIGHT_MEMORY_WRITE 0x0020u
#define EXO_RIGHT_MEMORY_EXEC  0x0040u

/* Rights of a channel's end, beside EXO_RIGHT_WAIT. */
#define EXO_RIGHT_CHANNEL_SEND    0x0020u /* and call */
#define EXO_RIGHT_CHANNEL_RECEIVE 0x0040u /* and reply */

/* Rights of a ring. */
#define EXO_RIGHT_RING_PUT   0x0040u
#define EXO_RIGHT_RING_TAKE  0x0080u
#define EXO_RIGHT_RING_CLOSE 0x0100u
#define EXO_RIGHT_RING_MAP   0x0200u /* see its memory, which is to put and to take */

#endif /* EXO_ABI_CAP_H */
