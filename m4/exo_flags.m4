# exo_flags.m4 - compiler flags that follow from the options.
#
# CFLAGS stays the user's. The sanitizers' flags are kept apart (SAN_CFLAGS), because the stub program
# of the hosted back end, which has no C library, must be built without them.

# EXO_FLAG_WORKS(FLAG, PACKAGE) - stop unless a program can be compiled and linked with FLAG.
AC_DEFUN([EXO_FLAG_WORKS],
[AC_MSG_CHECKING([whether $CC links with $1])
exo_saved_CFLAGS=$CFLAGS
CFLAGS="$CFLAGS $1"
AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AC_MSG_RESULT([yes])],
  [AC_MSG_RESULT([no])
   AC_MSG_ERROR([$CC cannot link with $1; its libraries are in the Debian package '$2'])])
CFLAGS=$exo_saved_CFLAGS
])

# EXO_FLAGS - substitute SAN_CFLAGS, EXO_DEFINES and what else Makefile.am needs to know.
AC_DEFUN([EXO_FLAGS],
[SAN_CFLAGS=
exo_runtime_package=libgcc-12-dev
AS_IF([test "$exo_clang" = yes], [exo_runtime_package=libclang-rt-14-dev])
# An interrupt waits while ThreadSanitizer's runtime is at work, which is told by the address
# (platform/hosted/irq.c). gcc's runtime is a library of its own. clang links it into the program's text, and
# its shared form ends even an empty program of C before main().
AS_IF([test "$exo_clang:$exo_sanitizers" = yes:thread],
  [AC_MSG_ERROR([--enable-sanitizers=thread needs gcc: try again with CC=gcc])])
AS_IF([test -n "$exo_sanitizers"], [
  SAN_CFLAGS="-fsanitize=$exo_sanitizers"
  AS_CASE([$exo_sanitizers], [*undefined*], [SAN_CFLAGS="$SAN_CFLAGS -fno-sanitize-recover=undefined"])
])
AS_IF([test "$exo_coverage" = yes], [SAN_CFLAGS="$SAN_CFLAGS --coverage"])
AS_IF([test -n "$SAN_CFLAGS"], [EXO_FLAG_WORKS([$SAN_CFLAGS], [$exo_runtime_package])])
AC_SUBST([SAN_CFLAGS])

exo_debug_bit=1
AS_IF([test "$exo_debug" = no], [exo_debug_bit=0])
exo_locks_bit=1
AS_IF([test "$exo_debug_locks" = no], [exo_locks_bit=0])
EXO_DEFINES="-DEXO_CONFIG_DEBUG=$exo_debug_bit -DEXO_CONFIG_DEBUG_LOCKS=$exo_locks_bit"
AC_SUBST([EXO_DEFINES])
AC_SUBST([EXO_SWITCH], [$exo_switch])
AC_SUBST([EXO_SANITIZERS], [$exo_sanitizers])

# The sanitizers' own code in the core needs no vector registers, but clang's refuses the flag together
# with the coverage of floating-point code that it may insert: only plain builds promise their absence.
CORE_REGS_CFLAGS=-mgeneral-regs-only
AS_IF([test -n "$SAN_CFLAGS"], [CORE_REGS_CFLAGS=])
AC_SUBST([CORE_REGS_CFLAGS])

# The simulator wants the calls that the thread sanitizer's instrumentation makes, and no sanitizer. gcc's
# alone: it leaves out the calls at entry and exit of functions when told to.
exo_sim=no
AS_IF([test "$exo_platform" = hosted && test -z "$SAN_CFLAGS" && test "$exo_switch" = windowed &&
       test "$exo_clang" != yes], [exo_sim=yes])
AM_CONDITIONAL([SIM], [test "$exo_sim" = yes])
AC_SUBST([SIM_INSTRUMENT_CFLAGS],
  ['-fsanitize=thread --param tsan-instrument-func-entry-exit=0'])

# Substituted, because Automake takes no linker options among libraries.
AC_SUBST([WHOLE_BEGIN], [-Wl,--whole-archive])
AC_SUBST([WHOLE_END], [-Wl,--no-whole-archive])
])
