/*
 * lib/console.c - text for people.
 */
#include "exo_std/console.h"

#include "exo_std/process.h"
#include "exo_std/syscall.h"

#define NUMBER_DIGITS 20 /* of the longest 64-bit number, or 19 and a sign */

exo_status_t exo_console_write(exo_cap_t console, const void *bytes, size_t len_bytes)
{
    const char *at = bytes;

    while (len_bytes > 0) {
        const int64_t done =
            exo_syscall(EXO_SYSCALL_console_write, console, (uint64_t)at, len_bytes);

        if (done < 0) {
            return (exo_status_t)done;
        }
        at += done;
        len_bytes -= (size_t)done;
    }
    return EXO_OK;
}

int64_t exo_console_read(exo_cap_t console, void *bytes, size_t len_bytes, uint64_t deadline_ns)
{
    const uint64_t arg[6] = { console, (uint64_t)bytes, len_bytes, deadline_ns };

    return exo_syscall6(EXO_SYSCALL_console_read, arg);
}

exo_status_t exo_print(const char *text)
{
    size_t len = 0;

    while (text[len] != '\0') {
        len++;
    }
    return exo_console_write(exo_start_block()->console, text, len);
}

exo_status_t exo_print_number(int64_t number)
{
    char text[NUMBER_DIGITS];
    char *at = text + sizeof(text);
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

    do {
        *--at = (char)('0' + left % 10);
        left /= 10;
    } while (left != 0);
    if (number < 0) {
        *--at = '-';
    }
    return exo_console_write(exo_start_block()->console, at, (size_t)(text + sizeof(text) - at));
}
