# exo_platform.m4 - `--platform=NAME`, spelled just so.
#
# Autoconf itself knows only --with-X and --enable-X, and warns about the rest. So the arguments are
# rewritten to --with-platform before Autoconf's own parser sees them: the DEFAULTS diversion stands
# between the shell's initialisation and that parser. config.status records the rewritten form, which is
# why --recheck and distcheck need nothing more.

# EXO_PLATFORM_OPTION - rewrite `--platform=X` and `--platform X`.
AC_DEFUN([EXO_PLATFORM_OPTION],
[m4_divert_text([DEFAULTS],
[# Rewrite --platform to --with-platform (m4/exo_platform.m4).
exo_args_left=$[]#
exo_take_value=no
while test $exo_args_left -gt 0; do
  exo_arg=$[]1
  shift
  exo_args_left=`expr $exo_args_left - 1`
  if test $exo_take_value = yes; then
    exo_arg=--with-platform=$exo_arg
    exo_take_value=no
  else
    case $exo_arg in
      --platform=*) exo_arg=--with-platform=`expr "X$exo_arg" : 'X--platform=\(.*\)'` ;;
      --platform)
        if test $exo_args_left -gt 0; then
          exo_take_value=yes
          continue
        fi
        exo_arg=--with-platform= ;;
    esac
  fi
  set X ${1+"$[]@"} "$exo_arg"
  shift
done
])])

# EXO_PLATFORM_CHOOSE - set exo_platform and the conditionals HOSTED and X86_64.
AC_DEFUN([EXO_PLATFORM_CHOOSE],
[AC_ARG_WITH([platform],
  [AS_HELP_STRING([--platform=NAME],
    [what to build the kernel for: hosted (a Linux process, the default) or x86_64 (boots on a PC)])],
  [exo_platform=$withval], [exo_platform=hosted])
AC_MSG_CHECKING([which platform to build for])
AS_CASE([$exo_platform],
  [hosted|x86_64], [AC_MSG_RESULT([$exo_platform])],
  [AC_MSG_RESULT([unknown])
   AC_MSG_ERROR([unknown platform '$exo_platform': --platform is hosted or x86_64])])
AC_SUBST([EXO_PLATFORM], [$exo_platform])
AM_CONDITIONAL([HOSTED], [test "$exo_platform" = hosted])
AM_CONDITIONAL([X86_64], [test "$exo_platform" = x86_64])
])

# EXO_CORE_IS_A_FOLDER - Autoconf clears dumped cores away with `rm -f core ...`; in a build inside the source
# tree that is our folder, so each of its tests would complain. The shell's rm passes that word over.
AC_DEFUN([EXO_CORE_IS_A_FOLDER],
[m4_divert_text([DEFAULTS],
[# Let no `rm -f core` near the folder of that name (m4/exo_platform.m4).
rm ()
{
  case "$[]1 $[]2" in
    '-f core') shift; shift; command rm -f "$[]@" ;;
    *) command rm "$[]@" ;;
  esac
}
])])
