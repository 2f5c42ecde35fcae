/*
 * core/drivers/console_object.c - the machine's console as an object that capabilities can name.
 *
 * Invariant: its first reference is never given back, so it lasts as long as the kernel.
 */
#include "exo/debug/boot.h"
#include "exo/drivers/console.h"
#include "exo/lib/assert.h"

static struct kobj g_console;

/* Never: see above. */
static void console_destroy(struct kobj *object)
{
    KASSERT(object != &g_console);
}

static const struct kobj_ops g_console_ops = { .name = "console",
                                               .type = EXO_TYPE_CONSOLE,
                                               .rights =
                                                   EXO_RIGHTS_COMMON | EXO_RIGHT_CONSOLE_WRITE,
                                               .destroy = console_destroy };

static void console_object_init(void)
{
    kobj_init(&g_console, &g_console_ops);
}

EXO_BOOT_STEP(console_object, BOOT_NORMAL, BOOT_ORDER_PROGRAM - 10, console_object_init);

struct kobj *console_object(void)
{
    return &g_console;
}
