#!/bin/sh
# The compiler checks catch a header that needs another, a core file that needs the C library, a warning
# of gcc, and a lock taken against its annotation, which only clang sees.
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

put core/include/exo/lib/good.h <<'END'
#ifndef GOOD_H
#define GOOD_H
#include <stdint.h>
uint32_t good(uint32_t a);
#endif
END
put core/lib/good.c <<'END'
#include "exo/lib/good.h"

uint32_t good(uint32_t a)
{
    return a + 1;
}
END
clean headers
clean freestanding

put core/include/exo/lib/lame.h <<'END'
uint32_t lame(uint32_t a);
END
caught headers "core/include/exo/lib/lame.h"
rm "$tree/core/include/exo/lib/lame.h"

put core/lib/libc.c <<'END'
#include <string.h>
END
caught freestanding "core/lib/libc.c"
rm "$tree/core/lib/libc.c"

put core/lib/shadow.c <<'END'
int shadow(int a);
int shadow(int a)
{
    {
        int a = 1;
        (void)a;
    }
    return a;
}
END
caught freestanding "core/lib/shadow.c (gcc"
rm "$tree/core/lib/shadow.c"

put core/lib/narrow.c <<'END'
unsigned char narrow(int a);
unsigned char narrow(int a)
{
    return a;
}
END
caught freestanding "core/lib/narrow.c (clang"
rm "$tree/core/lib/narrow.c"

put core/lib/lock.c <<'END'
#ifdef __clang__
#define NEEDS(lock) __attribute__((requires_capability(lock)))
#define LOCK        __attribute__((capability("mutex")))
#else
#define NEEDS(lock)
#define LOCK
#endif
struct LOCK lock {
    int word;
};
extern struct lock the_lock;
void needs_it(void) NEEDS(the_lock);
void forgets_it(void);
void forgets_it(void)
{
    needs_it();
}
END
caught freestanding "requires holding"
rm "$tree/core/lib/lock.c"

put tools/leak.c <<'END'
int main(void)
{
    int never_used;
    return 0;
}
END
caught warnings "tools/leak.c"
