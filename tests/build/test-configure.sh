#!/bin/sh
# test-configure.sh - the options of configure, their errors, and targets of the other platform.
# shellcheck source=tests/build/common.sh
. "$(dirname "$0")/common.sh"

platform_with_equals_sign()
{
    mkdir "$work/x86_64"
    cd "$work/x86_64"
    expect 0 "$top/configure" --platform=x86_64
    has Makefile 'EXO_PLATFORM = x86_64'
    hasnt out 'unrecognized'
    hasnt err 'unrecognized'
    [ ! -s err ]
    [ ! -e confdefs.h ]
}

platform_as_two_words()
{
    mkdir "$work/hosted"
    cd "$work/hosted"
    expect 0 "$top/configure" --enable-debug-locks=no --platform hosted 'CFLAGS=-O1 -g'
    has Makefile 'EXO_PLATFORM = hosted'
    has Makefile 'CFLAGS = -O1 -g'
    has Makefile 'EXO_CONFIG_DEBUG_LOCKS=0'
}

# As in a build inside the source tree.
folder_named_core_is_no_trouble()
{
    mkdir core
    expect 0 "$top/configure" --platform=x86_64
    [ ! -s err ]
    [ ! -e confdefs.h ]
    [ -d core ]
}

recheck_keeps_the_platform()
{
    cd "$work/x86_64"
    expect 0 ./config.status --recheck
    expect 0 ./config.status
    has Makefile 'EXO_PLATFORM = x86_64'
}

unknown_platform_names_the_choices()
{
    expect 1 "$top/configure" --platform=riscv
    has err "unknown platform 'riscv': --platform is hosted or x86_64"
    expect 1 "$top/configure" --platform
    has err "unknown platform ''"
}

help_shows_the_spelling()
{
    expect 0 "$top/configure" --help
    has out '--platform=NAME'
    has out '--with-switch=HOW'
    has out '--enable-sanitizers=LIST'
    has out '--enable-coverage'
    has out '--disable-debug-locks'
    expect 0 "$top/configure" --platform=x86_64 --help
}

bad_values_are_refused()
{
    expect 1 "$top/configure" --with-switch=setjmp
    has err '--with-switch is windowed or ucontext'
    expect 1 "$top/configure" --enable-sanitizers=memory
    has err '--enable-sanitizers is address, undefined, address,undefined or thread'
    expect 1 "$top/configure" --enable-sanitizers=thread CC=clang-14
    has err '--enable-sanitizers=thread needs gcc: try again with CC=gcc'
    expect 1 "$top/configure" --enable-debug-locks=maybe
    has err "not 'maybe'"
}

hosted_options_need_hosted()
{
    expect 1 "$top/configure" --platform=x86_64 --enable-sanitizers=thread
    has err '--enable-sanitizers needs --platform=hosted'
    expect 1 "$top/configure" --platform=x86_64 --enable-coverage
    has err '--enable-coverage needs --platform=hosted'
    expect 1 "$top/configure" --platform=x86_64 --with-switch=ucontext
    has err '--with-switch=ucontext needs --platform=hosted'
}

missing_tool_names_its_package()
{
    path_without nasm
    expect 1 env PATH="$PWD/bin" "$top/configure"
    has err "nasm not found; it is in the Debian package 'nasm'"
    has err 'apt-get install nasm'
    path_without musl-gcc
    expect 1 env PATH="$PWD/bin" "$top/configure"
    has err "musl-gcc not found; it is in the Debian package 'musl-tools'"
    expect 1 env BUSYBOX=/nonexistent/busybox "$top/configure"
    has err "/nonexistent/busybox not found; it is in the Debian package 'busybox-static'"
}

missing_compiler_names_its_package()
{
    path_without gcc cc clang c99
    expect 1 env PATH="$PWD/bin" "$top/configure"
    has err "a C compiler not found; it is in the Debian package 'gcc'"
}

targets_of_the_other_platform_say_what_to_do()
{
    cd "$work/hosted"
    for target in iso check-kernel; do
        expect 2 make "$target"
        has err "this tree is configured for hosted"
        has err "configure --platform=x86_64 && make -j2 $target"
    done
    cd "$work/x86_64"
    for target in check-san check-valgrind check-asan check-tsan check-concurrent; do
        expect 2 make "$target"
        has err "this tree is configured for x86_64"
        has err "configure --platform=hosted && make -j2 $target"
    done
}

bootstrap_names_the_package()
{
    path_without autoreconf
    expect 1 env PATH="$PWD/bin" "$top/bootstrap"
    has err "autoreconf not found; it is in the Debian package 'autoconf'"
}

run_tests platform_with_equals_sign platform_as_two_words folder_named_core_is_no_trouble recheck_keeps_the_platform \
    unknown_platform_names_the_choices help_shows_the_spelling bad_values_are_refused \
    hosted_options_need_hosted missing_tool_names_its_package missing_compiler_names_its_package \
    targets_of_the_other_platform_say_what_to_do bootstrap_names_the_package
