/*
 * stub.h - what the files of platform/hosted/user offer each other.
 *
 * Layers, low to high: image and service (the stub's program, its birth and death), filter, mm
 * (commands to a living stub), space and copy (hal_space_*, hal_user_copy_*), frame, user
 * (hal_user_*). docs/hosted-user.md has the protocol.
 */
#ifndef STUB_H
#define STUB_H

#include <sched.h>
#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/hal/user.h"
#include "exo/sync/spinlock.h"
#include "platform/hosted/user/stub_layout.h"

/* Addresses in the stub program, at its start (stub.S). */
struct stub_sites {
    uint64_t handler;    /* first instruction of the signal handler */
    uint64_t entered;    /* after its hand-over call */
    uint64_t again;      /* after the call by which it hands a frame over again */
    uint64_t child_done; /* after the system call instruction that sets a user thread up */
    uint64_t boot;       /* the instruction by which a new user thread traps */
    uint64_t end;
};

/* One system call for the mm thread or a new user thread. */
struct stub_call {
    uint64_t nr; /* STUB_CALL_IGNORE may be set */
    uint64_t arg[6];
};

_Static_assert(sizeof(struct stub_call) == STUB_CALL_BYTES, "the stub steps by it");

#define STUB_THREADS_MAX                                                                           \
    4096u /* user threads of one space; each costs a host thread and a descriptor */

struct hal_user;

/* Keys: [c] constant after create, [l] guarded by lock, [a] atomic, [v] the service thread's. */
struct hal_space {
    struct spinlock lock;    /* RANK_PLATFORM: one batch at a time, and the lists below */
    paddr_t root;            /* [c] */
    int pid;                 /* [c] host process */
    int socket;              /* [c] to the mm thread */
    int control;             /* [c] memfd of command pages and areas */
    uint8_t *cmd;            /* [c] the command pages, as the kernel sees them */
    int mm_cpu;              /* [l] host CPU that the mm thread is bound to, plus 1; 0: none */
    cpu_set_t mm_cpus;       /* [l] those that it may run on, if it is bound */
    uint32_t batch_count;    /* [l] calls written so far */
    uint32_t threads;        /* [l] areas in use, for ever: threads are kept for the next user */
    struct hal_user *parked; /* [l] threads without a user */
    uint32_t users;          /* [l] live hal_users */
    _Atomic bool dead;       /* [a] the stub has ended */
    _Atomic bool attacked;   /* [a] a thread of it handed over what no handler would */
    bool end_by_signal;      /* [v] until dead: how it ended, */
    int end_status;          /* [v] until dead: by which signal or status */
};

/* ---- image.c, service.c
 * ----------------------------------------------------------------------------- */

/* Descriptor of the sealed memfd that holds the stub's program, and its addresses.
 * Errors: EXO_ERR_NOT_SUPPORTED (the host allows no executable memfd). Context: service thread. */
EXO_MUST_CHECK exo_status_t stub_image_open(int *fd);
const struct stub_sites *stub_sites(void);
bool stub_holds(uint64_t pc); /* pc lies in the stub's program */

/* Start a stub with the descriptors of `space` and store its pid; watch for its end.
 * Errors: EXO_ERR_NO_MEMORY, EXO_ERR_NO_RESOURCES, EXO_ERR_NOT_SUPPORTED. */
EXO_MUST_CHECK exo_status_t stub_service_spawn(struct hal_space *space, int stub_socket);

/* Kill the stub, wait for its end, stop watching. */
void stub_service_kill(struct hal_space *space);

/* End the whole stub, a thread of which made no sense: it is dead on return, and all that wait for
 * it know. The space still wants stub_service_kill().  Interrupts off. */
void stub_break(struct hal_space *space);

/* ---- filter.c
 * ---------------------------------------------------------------------------------------- */

/* Write what a new user thread needs into the command pages: its list of calls, filters, handler
 * table. The area's address goes in per thread. */
void stub_cmd_init(uint8_t *cmd);
void stub_cmd_child(uint8_t *cmd, uint64_t area);

/* The calls that every stub makes once (handlers, death with the kernel, its own leftovers
 * unmapped). */
#define STUB_SETUP_CALLS_MAX 16u
uint32_t stub_cmd_setup(struct stub_call *out, uint32_t max);

/* ---- mm.c: all with space->lock held, interrupts off
 * --------------------------------------------------- */

/* Add one call to the batch; it runs at the latest with mm_run(). A full batch runs at once.
 * Errors: as mm_run(). */
EXO_MUST_CHECK exo_status_t mm_add(struct hal_space *space, const struct stub_call *call);

/* Send the batch off; mm_answer() must follow. At least one call is in it.  Errors:
 * EXO_ERR_DEAD. */
EXO_MUST_CHECK exo_status_t mm_send(struct hal_space *space);

/* Run the batch. On failure *failed_errno is the host's errno and the calls after the failed one
 * did not run. Errors: EXO_ERR_DEAD, EXO_ERR_NO_MEMORY (ENOMEM, EAGAIN), EXO_ERR_IO (anything
 * else). */
EXO_MUST_CHECK exo_status_t mm_run(struct hal_space *space, int *failed_errno);

/* Let the mm thread run on every host CPU again that it might at its start. */
void mm_loosen(struct hal_space *space);

/* Wait for the stub's answer: calls done and errno, and a descriptor if one came along (else -1).
 * Errors: EXO_ERR_DEAD. */
EXO_MUST_CHECK exo_status_t mm_answer(struct hal_space *space, uint32_t *done, int *failed_errno,
                                      int *fd);

/* ---- walk.c
 * ------------------------------------------------------------------------------------------- */

/* The next user page mapped in [vaddr, limit): its address, or limit if there is none. Absent
 * tables are passed over whole. */
vaddr_t walk_next(paddr_t root, vaddr_t vaddr, vaddr_t limit, struct pt_entry *out);

/* ---- frame.c, thread.c, user.c
 * --------------------------------------------------------------------------- */

enum user_state {
    USER_AT_CALL,  /* a notified system call waits for its result */
    USER_AT_FRAME, /* the handler waits to be told to go back */
};

/* One user thread. Keys: [c] constant, [o] the owning kernel thread's, [a] atomic. */
struct hal_user {
    struct hal_space *space; /* [c] */
    struct hal_user *next;   /* [space->lock] in the list of parked threads */
    int listener;            /* [c] its notifications */
    int tid;                 /* [c] its host thread */
    uint32_t slot;           /* [c] index of its area */
    uint8_t *area;         /* [c] the area as the kernel sees it; user code may write it any time */
    enum user_state state; /* [o] */
    uint64_t cookie;       /* [o] of the notification that waits */
    int64_t result;        /* [o] AT_CALL: what it returns */
    struct hal_user_regs regs; /* [o] AT_FRAME: the registers to go back with */
    uint32_t frame;            /* [o] AT_FRAME: offset in the area of its signal frame's ucontext */
    bool edited;               /* [o] regs differ from the frame */
    bool replaced;             /* [o] regs were set as a whole: they win over a result */
    bool fresh;                /* [o] the vector state is to be initial */
    bool stop_sent;            /* [o] a stop signal may be on its way */
    bool broken;               /* [o] its frame made no sense: it will not run again */
    _Atomic bool interrupt;    /* [a] hal_user_interrupt() asked */
    _Atomic uint32_t cpu;      /* [a] where hal_user_run() is under way, plus 1; 0 if nowhere */
};

#define USER_STUB_CS 0x33u /* Linux's selectors of 64-bit user code and data */
#define USER_STUB_SS 0x2bu

#define USER_RFLAGS     0x250dd5u /* user code may own: CF PF AF ZF SF TF DF OF RF AC ID */
#define USER_RFLAGS_SET 0x202u    /* bit 1, IF */

/* Facts of one hand-over that are not general registers. */
struct frame_info {
    uint64_t err, trapno, cr2;
    uint32_t sig;
    uint32_t sys_arch; /* SIGSYS: AUDIT_ARCH_* */
    uint16_t cs;
    bool again; /* a frame that was being left: user->regs are as they were */
};

/* Read the frame that a hand-over's arguments name (signal, ucontext address, FS and GS base, mark
 * of a frame handed over again) into user->regs and *info. Returns false if it does not lie in the
 * area. */
bool frame_read(struct hal_user *user, const uint64_t arg[6], struct frame_info *info);

/* Write back what the way back reads. */
void frame_write(struct hal_user *user);

/* One notification of the host. */
struct user_notice {
    uint64_t cookie;
    uint64_t pc;
    uint64_t arg[6];
    uint32_t nr;
    int tid;
};

enum notice_status {
    NOTICE_GOT,
    NOTICE_AGAIN, /* an interrupt waits, or the notification was withdrawn */
    NOTICE_DEAD,
};

/* Wait for the thread's next notification. With `interruptible`, an interrupt of this CPU ends the
 * wait. */
enum notice_status notice_receive(const struct hal_user *user, bool interruptible,
                                  struct user_notice *out);
void notice_answer(const struct hal_user *user, int64_t value);

/* Stop signal to the thread: it will hand over from wherever it is in user code. */
void thread_stop(const struct hal_user *user);

/* Make a thread in the stub: mapped area, listener, first frame reached.
 * Locks: space->lock held, interrupts off.  Errors: as hal_user_create(). */
EXO_MUST_CHECK exo_status_t thread_create_locked(struct hal_space *space, struct hal_user *user);

/* True if the notification is the handler's. */
bool notice_is_hand_over(const struct user_notice *notice);

/* Bring a thread from USER_AT_CALL to USER_AT_FRAME. False if it has died. */
bool user_to_frame(struct hal_user *user);

/* ---- check.c: test helper
 * ----------------------------------------------------------------------------- */

/* Compare the stub's mappings, as the host lists them, with the tables: every user page mapped in
 * the stub must be the page and rights of the tables, every mapping outside the user range one of
 * the stub's own. Pages that only the tables have are no error (they fault and are mapped then).
 * Returns the number of breaches; the first is written to text[text_bytes]. */
uint32_t hosted_space_check(struct hal_space *space, char *text, size_t text_bytes);

#endif /* STUB_H */
