#!/bin/sh
# The layers check catches an upward include, an excluded one, a private header, a bare name of another
# folder and a host header in the core.
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

put core/include/exo/lib/list.h </dev/null
put core/include/exo/sched/thread.h </dev/null
put core/include/exo/fs/cpio.h </dev/null
put core/lib/private.h </dev/null
put core/lib/list.c <<'END'
#include "exo/lib/list.h"
#include "private.h"
#include <stdint.h>
END
put core/net/ip.c <<'END'
#include "exo/sched/thread.h"
END
put platform/hosted/cpu.c <<'END'
#include "exo/sched/thread.h"
#include <pthread.h>
END
clean layers

put core/lib/up.c <<'END'
#include "exo/sched/thread.h"
END
caught layers "core/lib/up.c:1: includes exo/sched/thread.h: sched is above lib"
rm "$tree/core/lib/up.c"

put core/net/files.c <<'END'
#include "exo/fs/cpio.h"
END
caught layers "net may not see fs"
rm "$tree/core/net/files.c"

put core/sched/peek.c <<'END'
#include "core/lib/private.h"
END
caught layers "a core folder's private header"
rm "$tree/core/sched/peek.c"

put core/sched/bare.c <<'END'
#include "private.h"
END
caught layers "bare name of another folder"
rm "$tree/core/sched/bare.c"

put core/lib/host.c <<'END'
#include <stdio.h>
END
caught layers "not a freestanding header"
rm "$tree/core/lib/host.c"

put core/lib/platform.c <<'END'
#include "platform/hosted/hosted.h"
END
put platform/hosted/hosted.h </dev/null
caught layers "core/lib/platform.c:1"
rm "$tree/core/lib/platform.c"

put attic/old.c </dev/null
put tools/ok.c </dev/null
clean layers
