# exo_options.m4 - options of the build besides the platform.

# EXO_YES_NO(NAME, VALUE) - stop unless VALUE is yes or no.
AC_DEFUN([EXO_YES_NO],
[AS_CASE([$2], [yes|no], [],
  [AC_MSG_ERROR([--enable-$1 takes no value or yes or no, not '$2'])])])

# EXO_OPTIONS - set exo_switch, exo_sanitizers, exo_coverage, exo_debug and exo_debug_locks.
AC_DEFUN([EXO_OPTIONS],
[AC_ARG_WITH([switch],
  [AS_HELP_STRING([--with-switch=HOW],
    [hosted: how threads are switched, windowed (our assembly, the default) or ucontext (swapcontext)])],
  [exo_switch=$withval], [exo_switch=windowed])
AS_CASE([$exo_switch], [windowed|ucontext], [],
  [AC_MSG_ERROR([unknown switch '$exo_switch': --with-switch is windowed or ucontext])])

AC_ARG_ENABLE([sanitizers],
  [AS_HELP_STRING([--enable-sanitizers=LIST],
    [hosted: build with address, undefined, address,undefined or thread])],
  [exo_sanitizers=$enableval], [exo_sanitizers=])
AS_CASE([$exo_sanitizers],
  [no], [exo_sanitizers=],
  [''|address|undefined|address,undefined|thread], [],
  [undefined,address], [exo_sanitizers=address,undefined],
  [AC_MSG_ERROR([unknown sanitizers '$exo_sanitizers': --enable-sanitizers is address, undefined, address,undefined or thread])])

AC_ARG_ENABLE([coverage],
  [AS_HELP_STRING([--enable-coverage], [hosted: count executed lines for gcov])],
  [exo_coverage=$enableval], [exo_coverage=no])
AC_ARG_ENABLE([debug],
  [AS_HELP_STRING([--disable-debug], [leave out the assertions of hot paths and context checks])],
  [exo_debug=$enableval], [exo_debug=yes])
AC_ARG_ENABLE([debug-locks],
  [AS_HELP_STRING([--disable-debug-locks], [leave out the checks of lock order and owner])],
  [exo_debug_locks=$enableval], [exo_debug_locks=yes])
EXO_YES_NO([coverage], [$exo_coverage])
EXO_YES_NO([debug], [$exo_debug])
EXO_YES_NO([debug-locks], [$exo_debug_locks])

AS_IF([test "$exo_platform" != hosted], [
  AS_IF([test -n "$exo_sanitizers"],
    [AC_MSG_ERROR([--enable-sanitizers needs --platform=hosted: the sanitizers are libraries of a Linux process])])
  AS_IF([test "$exo_coverage" = yes],
    [AC_MSG_ERROR([--enable-coverage needs --platform=hosted: gcov writes its counts to files of the host])])
  AS_IF([test "$exo_switch" != windowed],
    [AC_MSG_ERROR([--with-switch=$exo_switch needs --platform=hosted])])
])
AM_CONDITIONAL([SWITCH_UCONTEXT], [test "$exo_switch" = ucontext])
])
