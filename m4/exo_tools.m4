# exo_tools.m4 - look for what the build needs; a missing one is an error that names its Debian package.

# EXO_NEED(WHAT, PACKAGE) - stop and say which package brings WHAT.
AC_DEFUN([EXO_NEED],
[AC_MSG_ERROR([$1 not found; it is in the Debian package '$2'. Install it with
    apt-get install $2
or everything at once with ./exo run])])

# EXO_PROG(VARIABLE, PROGRAM, PACKAGE) - a program without which `make all` cannot work.
AC_DEFUN([EXO_PROG],
[AC_PATH_PROG([$1], [$2])
AS_IF([test -z "$$1"], [EXO_NEED([$2], [$3])])])

# EXO_PROG_LATER(VARIABLE, PROGRAM, PACKAGE) - a program that one target needs; the target complains.
AC_DEFUN([EXO_PROG_LATER],
[AC_PATH_PROG([$1], [$2], [missing-$2])])

# EXO_COMPILER - choose a C compiler and ar; AC_PROG_CC and AM_PROG_AR come right after.
AC_DEFUN([EXO_COMPILER],
[AC_CHECK_PROGS([CC], [gcc clang cc])
AS_IF([test -z "$CC"], [EXO_NEED([a C compiler], [gcc])])
AC_CHECK_PROGS([AR], [ar])
AS_IF([test -z "$AR"], [EXO_NEED([ar], [binutils])])
: ${CFLAGS="-O2 -g"}
])

# EXO_TOOLCHAIN - the other tools of both platforms, and what the compiler is.
AC_DEFUN([EXO_TOOLCHAIN],
[AC_CHECK_TOOLS([NM], [nm])
AS_IF([test -z "$NM"], [EXO_NEED([nm], [binutils])])
EXO_PROG([NASM], [nasm], [nasm])
EXO_PROG([PYTHON3], [python3], [python3])

AC_MSG_CHECKING([whether $CC makes x86_64 code])
AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
#ifndef __x86_64__
#error "not x86_64"
#endif
]], [])], [AC_MSG_RESULT([yes])],
  [AC_MSG_RESULT([no])
   AC_MSG_ERROR([$CC does not make x86_64 code: both platforms need an x86_64 compiler])])

AC_MSG_CHECKING([for the compiler's version])
exo_cc_version=`$CC --version 2>/dev/null | sed 1q`
AC_MSG_RESULT([$exo_cc_version])
AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
#ifdef __clang__
#error "clang"
#endif
]], [])], [exo_clang=no], [exo_clang=yes])
AM_CONDITIONAL([CLANG], [test "$exo_clang" = yes])
])

# EXO_TOOLS_HOSTED - libraries of the hosted kernel and its tests.
AC_DEFUN([EXO_TOOLS_HOSTED],
[AC_CHECK_HEADER([valgrind/valgrind.h], [], [EXO_NEED([valgrind/valgrind.h], [valgrind])])
AC_CHECK_HEADER([linux/seccomp.h], [], [EXO_NEED([linux/seccomp.h], [linux-libc-dev])])
CHECK_LIBS=
AC_CHECK_HEADER([check.h], [], [EXO_NEED([check.h], [check])])
exo_saved_LIBS=$LIBS
AC_SEARCH_LIBS([srunner_create], [check],
  [CHECK_LIBS="-lcheck -lsubunit -lrt -lm"], [EXO_NEED([libcheck], [check])],
  [-lsubunit -lrt -lm -lpthread])
BOOST_LIBS=
AC_CHECK_LIB([boost_context], [jump_fcontext], [BOOST_LIBS=-lboost_context],
  [EXO_NEED([libboost_context], [libboost-context-dev])])
URCU_LIBS=
AC_CHECK_LIB([urcu-cds], [cds_lfht_lookup], [URCU_LIBS="-lurcu-memb -lurcu-cds"],
  [EXO_NEED([liburcu-cds], [liburcu-dev])], [-lurcu-memb])
LIBS=$exo_saved_LIBS
# Rings that the benchmarks compare with; without them their rows are skipped.
RIVAL_CPPFLAGS=
AC_CHECK_HEADER([ck_ring.h], [RIVAL_CPPFLAGS=-DEXO_HAVE_CK_RING])
exo_saved_CPPFLAGS=$CPPFLAGS
exo_dpdk="-isystem /usr/include/dpdk -isystem /usr/include/x86_64-linux-gnu/dpdk"
CPPFLAGS="$CPPFLAGS $exo_dpdk"
AC_CHECK_HEADER([rte_ring.h],
  [RIVAL_CPPFLAGS="$RIVAL_CPPFLAGS -DEXO_HAVE_RTE_RING $exo_dpdk"], [], [#include <rte_config.h>])
CPPFLAGS=$exo_saved_CPPFLAGS
AC_SUBST([RIVAL_CPPFLAGS])
AC_SUBST([CHECK_LIBS])
AC_SUBST([BOOST_LIBS])
AC_SUBST([URCU_LIBS])
])

# EXO_TOOLS_X86_64 - the tools of the bootable image; only `make iso`, `run` and `check` use them.
AC_DEFUN([EXO_TOOLS_X86_64],
[EXO_PROG_LATER([GRUB_MKRESCUE], [grub-mkrescue], [grub-common])
EXO_PROG_LATER([GRUB_FILE], [grub-file], [grub-common])
])

# EXO_TOOLS_COMMON - the programs in the initial RAM file system.
AC_DEFUN([EXO_TOOLS_COMMON],
[EXO_PROG([MUSL_GCC], [musl-gcc], [musl-tools])
AC_ARG_VAR([BUSYBOX], [the static busybox that goes into the initial RAM file system])
AS_IF([test -z "$BUSYBOX"], [BUSYBOX=/bin/busybox])
AC_MSG_CHECKING([for a static busybox])
AS_IF([test -x "$BUSYBOX"], [AC_MSG_RESULT([$BUSYBOX])],
  [AC_MSG_RESULT([no])
   EXO_NEED([$BUSYBOX], [busybox-static])])
])
