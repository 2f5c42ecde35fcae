/*
 * core/ipc/alarm.c - timer objects.
 *
 * Invariant: nothing is signalled for a time that has been replaced: the callback looks at the time
 * under the lock, and signals under it.
 */
#include "exo/ipc/event.h"
#include "exo/mem/heap.h"
#include "exo/time/timer.h"

/* Keys: [l] guarded by lock. */
struct alarm {
    struct kobj object;
    struct source source;
    struct spinlock lock; /* RANK_ALARM */
    struct timer timer;
    uint64_t at_ns;     /* [l] CLOCK_NEVER: it is not set */
    uint64_t period_ns; /* [l] 0: once */
};

static struct alarm *alarm_of(struct kobj *object)
{
    return container_of(object, struct alarm, object);
}

static struct source *alarm_source(struct kobj *object)
{
    return &alarm_of(object)->source;
}

/* The next time after `now_ns` that is a whole number of periods away. */
static uint64_t next_ns(const struct alarm *alarm, uint64_t now_ns)
{
    if (alarm->period_ns == 0) {
        return CLOCK_NEVER;
    }
    const uint64_t periods = (now_ns - alarm->at_ns) / alarm->period_ns + 1;
    uint64_t next = 0;

    if (__builtin_mul_overflow(periods, alarm->period_ns, &next) ||
        __builtin_add_overflow(next, alarm->at_ns, &next)) {
        return CLOCK_NEVER;
    }
    return next;
}

static void alarm_fire(struct timer *timer)
{
    struct alarm *const alarm = container_of(timer, struct alarm, timer);
    const hal_irq_t irq = spin_lock_irq(&alarm->lock);
    const uint64_t now_ns = hal_clock_ns();

    if (alarm->at_ns != CLOCK_NEVER && alarm->at_ns <= now_ns) {
        alarm->at_ns = next_ns(alarm, now_ns);
        timer_arm(timer, alarm->at_ns);
        source_set(&alarm->source, EXO_SIGNAL_TIMER_EXPIRED);
    }
    spin_unlock_irq(&alarm->lock, irq);
}

static void set(struct alarm *alarm, uint64_t at_ns, uint64_t period_ns)
{
    const hal_irq_t irq = spin_lock_irq(&alarm->lock);

    source_clear(&alarm->source, EXO_SIGNAL_TIMER_EXPIRED);
    alarm->at_ns = at_ns;
    alarm->period_ns = period_ns;
    timer_arm(&alarm->timer, at_ns);
    spin_unlock_irq(&alarm->lock, irq);
}

exo_status_t alarm_set(struct kobj *object, uint64_t at_ns, uint64_t period_ns)
{
    if (period_ns != 0 && period_ns < EXO_TIMER_PERIOD_MIN_NS) {
        return EXO_ERR_INVALID;
    }
    set(alarm_of(object), at_ns, period_ns);
    return EXO_OK;
}

static void alarm_destroy(struct kobj *object)
{
    struct alarm *const alarm = alarm_of(object);

    set(alarm, CLOCK_NEVER, 0); /* a callback that runs now does not set the timer again */
    (void)timer_cancel_sync(&alarm->timer);
    source_fini(&alarm->source);
    heap_free_sized(alarm, sizeof(*alarm));
}

static const struct kobj_ops g_alarm_ops = { .name = "timer",
                                             .type = EXO_TYPE_TIMER,
                                             .rights = ALARM_RIGHTS,
                                             .source = alarm_source,
                                             .destroy = alarm_destroy };

exo_status_t alarm_create(struct kobj **out)
{
    struct alarm *const alarm = heap_alloc(sizeof(*alarm));

    if (alarm == NULL) {
        return EXO_ERR_NO_MEMORY;
    }
    kobj_init(&alarm->object, &g_alarm_ops);
    source_init(&alarm->source, 0);
    spin_init(&alarm->lock, RANK_ALARM);
    timer_init(&alarm->timer, alarm_fire);
    alarm->at_ns = CLOCK_NEVER;
    alarm->period_ns = 0;
    *out = &alarm->object;
    return EXO_OK;
}
