/*
 * core/drivers/console_object.c - the machine's console as an object that capabilities can name.
 *
 * Invariant: its first reference is never given back, so it lasts as long as the kernel.
 */
#include "exo/drivers/console.h"
#include "exo/lib/assert.h"

static void console_destroy(struct kobj *object);

static const struct kobj_ops g_console_ops = { .name = "console",
                                               .type = EXO_TYPE_CONSOLE,
                                               .rights = CONSOLE_RIGHTS,
                                               .destroy = console_destroy };

static struct kobj g_console = KOBJ_INIT(&g_console_ops);

static void console_destroy(struct kobj *object)
{
    KASSERT(object != &g_console); /* never: see above */
}

struct kobj *console_object(void)
{
    return &g_console;
}
