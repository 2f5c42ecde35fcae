/*
 * hooks.c - what the compiler's thread instrumentation calls: every access to memory that others
 * may see is a point where another CPU may go on (stop.c).
 *
 * The core is compiled with -fsanitize=thread, but no sanitizer's runtime is linked: these are all
 * its functions. An access to the running stack is no point: what lies there is nobody else's, or
 * was handed to others by an access that is one.
 *
 * Invariants:
 *   (1) stacks lie in slots of SLOT_BYTES, aligned to that (stack.c), so two addresses are on the
 *       same stack exactly if they differ in the low bits only;
 *   (2) the point is before the access, and the access before the next point: between the hook and
 *       the access that it announces, no other CPU runs.
 */
#include "sim.h"

#define SLOT_BYTES (128u * 1024u)

_Static_assert((SLOT_BYTES & (SLOT_BYTES - 1)) == 0, "slots are told apart by a mask");

static inline void point(struct sim_place at)
{
    if (EXO_UNLIKELY(--g_sim_countdown <= 0)) {
        sim_access_stop(at);
    }
}

static inline bool on_own_stack(const void *address)
{
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    return (((uintptr_t)address ^ here) & ~(uintptr_t)(SLOT_BYTES - 1)) == 0;
}

static inline void access(const void *address, struct sim_place at)
{
    if (!on_own_stack(address)) {
        point(at);
    }
}

static inline void write_access(void *address, uint32_t bytes, struct sim_place at)
{
    if (!on_own_stack(address)) {
        point(at);
        if (EXO_UNLIKELY(g_sim.weak)) {
            sim_store_note(address, bytes, false);
        }
    }
}

void sim_read(const void *address, struct sim_place at)
{
    access(address, at);
}

void sim_write(void *address, uint32_t bytes, struct sim_place at)
{
    write_access(address, bytes, at);
}

/* What a read-modify-write does to the stores before it. */
static inline void change_order(const volatile void *address, uint32_t bytes, int order)
{
    if (EXO_UNLIKELY(g_sim.weak)) {
        if (order >= __ATOMIC_RELEASE) {
            sim_store_order();
        } else {
            sim_store_settle(address, bytes);
        }
    }
}

/* What an atomic store does, and whether it is buffered behind them. */
static inline void store_order(volatile void *address, uint32_t bytes, int order)
{
    if (EXO_UNLIKELY(g_sim.weak)) {
        if (order == __ATOMIC_SEQ_CST) {
            sim_store_order();
        } else {
            sim_store_note(address, bytes, order == __ATOMIC_RELEASE);
        }
    }
}

/* One function for reads and one for writes of each size; prototypes as the compiler has them. */
#define HOOK(name)                                                                                 \
    void name(void *address);                                                                      \
    void name(void *address)                                                                       \
    {                                                                                              \
        access(address, SIM_CALLER);                                                               \
    }

#define HOOK_WRITE(name, bytes)                                                                    \
    void name(void *address);                                                                      \
    void name(void *address)                                                                       \
    {                                                                                              \
        write_access(address, bytes, SIM_CALLER);                                                  \
    }

HOOK(__tsan_read1)
HOOK(__tsan_read2)
HOOK(__tsan_read4)
HOOK(__tsan_read8)
HOOK(__tsan_read16)
HOOK_WRITE(__tsan_write1, 1)
HOOK_WRITE(__tsan_write2, 2)
HOOK_WRITE(__tsan_write4, 4)
HOOK_WRITE(__tsan_write8, 8)
HOOK_WRITE(__tsan_write16, 16)
HOOK(__tsan_unaligned_read2)
HOOK(__tsan_unaligned_read4)
HOOK(__tsan_unaligned_read8)
HOOK(__tsan_unaligned_read16)
HOOK_WRITE(__tsan_unaligned_write2, 2)
HOOK_WRITE(__tsan_unaligned_write4, 4)
HOOK_WRITE(__tsan_unaligned_write8, 8)
HOOK_WRITE(__tsan_unaligned_write16, 16)

void __tsan_read_range(void *address, unsigned long bytes);
void __tsan_read_range(void *address, unsigned long bytes)
{
    (void)bytes;
    access(address, SIM_CALLER);
}

void __tsan_write_range(void *address, unsigned long bytes);
void __tsan_write_range(void *address, unsigned long bytes)
{
    write_access(address, bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes, SIM_CALLER);
}

void __tsan_init(void);
void __tsan_init(void)
{
}

void __tsan_func_entry(void *pc);
void __tsan_func_entry(void *pc)
{
    (void)pc;
}

void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
}

/* ---- atomic operations ------------------------------------------------------------------------
 *
 * The instrumentation leaves these to us whole. One host thread runs, so plain operations would do;
 * the host's own are used so that memory shared with user processes is right as well. Every one is
 * a point, on the own stack too: what is atomic is shared. */

#define ATOMIC(bits, type)                                                                         \
    type __tsan_atomic##bits##_load(const volatile type *a, int order);                            \
    type __tsan_atomic##bits##_load(const volatile type *a, int order)                             \
    {                                                                                              \
        (void)order;                                                                               \
        point(SIM_CALLER);                                                                         \
        return __atomic_load_n(a, __ATOMIC_SEQ_CST);                                               \
    }                                                                                              \
    void __tsan_atomic##bits##_store(volatile type *a, type value, int order);                     \
    void __tsan_atomic##bits##_store(volatile type *a, type value, int order)                      \
    {                                                                                              \
        point(SIM_CALLER);                                                                         \
        store_order(a, sizeof(*a), order);                                                         \
        __atomic_store_n(a, value, __ATOMIC_RELEASE);                                              \
    }                                                                                              \
    ATOMIC_CHANGE(bits, type, exchange, __atomic_exchange_n)                                       \
    ATOMIC_CHANGE(bits, type, fetch_add, __atomic_fetch_add)                                       \
    ATOMIC_CHANGE(bits, type, fetch_sub, __atomic_fetch_sub)                                       \
    ATOMIC_CHANGE(bits, type, fetch_and, __atomic_fetch_and)                                       \
    ATOMIC_CHANGE(bits, type, fetch_or, __atomic_fetch_or)                                         \
    ATOMIC_CHANGE(bits, type, fetch_xor, __atomic_fetch_xor)                                       \
    ATOMIC_COMPARE(bits, type, compare_exchange_strong)                                            \
    ATOMIC_COMPARE(bits, type, compare_exchange_weak)

#define ATOMIC_CHANGE(bits, type, name, operation)                                                 \
    type __tsan_atomic##bits##_##name(volatile type *a, type value, int order);                    \
    type __tsan_atomic##bits##_##name(volatile type *a, type value, int order)                     \
    {                                                                                              \
        point(SIM_CALLER);                                                                         \
        change_order(a, sizeof(*a), order);                                                        \
        return operation(a, value, __ATOMIC_SEQ_CST);                                              \
    }

#define ATOMIC_COMPARE(bits, type, name)                                                           \
    int __tsan_atomic##bits##_##name(volatile type *a, type *expected, type value, int order,      \
                                     int failure_order);                                           \
    int __tsan_atomic##bits##_##name(volatile type *a, type *expected, type value, int order,      \
                                     int failure_order)                                            \
    {                                                                                              \
        (void)failure_order;                                                                       \
        point(SIM_CALLER);                                                                         \
        change_order(a, sizeof(*a), order);                                                        \
        return __atomic_compare_exchange_n(a, expected, value, false, __ATOMIC_SEQ_CST,            \
                                           __ATOMIC_SEQ_CST);                                      \
    }

ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_thread_fence(int order)
{
    point(SIM_CALLER);
    if (g_sim.weak && order == __ATOMIC_SEQ_CST) {
        sim_store_order();
    } else if (g_sim.weak && order >= __ATOMIC_RELEASE) {
        sim_store_fence();
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_signal_fence(int order)
{
    (void)order;
}
