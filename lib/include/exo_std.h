/*
 * exo_std.h - the native library, whole: #include this, link with libexo_std.a.
 */
#ifndef EXO_STD_H
#define EXO_STD_H

#include "exo_std/cap.h"
#include "exo_std/channel.h"
#include "exo_std/console.h"
#include "exo_std/memory.h"
#include "exo_std/process.h"
#include "exo_std/ring.h"
#include "exo_std/signal.h"
#include "exo_std/spawn.h"
#include "exo_std/syscall.h"
#include "exo_std/time.h"

#endif /* EXO_STD_H */
