#!/bin/sh
# test-native.sh - the native library as it is installed: found by pkg-config, enough to build an example.
# shellcheck source=tests/build/common.sh
. "$(dirname "$0")/common.sh"

installed_library_builds_the_examples()
{
    mkdir build
    cd build
    expect 0 "$top/configure" --platform=hosted --prefix="$work/usr"
    expect 0 make -s install-native
    cd ..
    for example in "$top"/lib/examples/*.c; do
        # shellcheck disable=SC2046 # words
        expect 0 gcc -Wall -Wextra -Werror "$example" \
            $(PKG_CONFIG_PATH="$work/usr/lib/pkgconfig" pkg-config --cflags --libs exo_std) -o example
        expect 0 readelf -n example
        has out 'Exo-OS'
        expect 126 ./example
        has err 'Linux cannot run it'
    done
}

uninstalling_leaves_nothing()
{
    cd "$work/installed_library_builds_the_examples/build"
    expect 0 make -s uninstall-local
    find "$work/usr" -type f >left
    [ ! -s left ]
}

run_tests installed_library_builds_the_examples uninstalling_leaves_nothing
