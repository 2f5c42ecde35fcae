/*
 * file.c - the files that leave the kernel, as lines of text on an emulator's debug console.
 *
 * Spec: QEMU's isa-debugcon and Bochs's port 0xe9: reading gives 0xe9 where there is one.
 */
#include "exo/hal/file.h"
#include "exo/debug/armour.h"

#include "io.h"

#define PORT_DEBUG_CONSOLE 0xe9u

static const char *const g_name[HAL_FILES] = {
    [HAL_FILE_TRACE] = "trace",
    [HAL_FILE_PROFILE] = "profile",
};

static void line_put(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        outb(PORT_DEBUG_CONSOLE, (uint8_t)line[i]);
    }
}

bool hal_file_begin(enum hal_file file)
{
    if (inb(PORT_DEBUG_CONSOLE) != PORT_DEBUG_CONSOLE) {
        return false;
    }
    armour_begin(g_name[file], line_put);
    return true;
}

void hal_file_write(enum hal_file file, const void *bytes, size_t len_bytes)
{
    armour_write(g_name[file], bytes, len_bytes, line_put);
}
