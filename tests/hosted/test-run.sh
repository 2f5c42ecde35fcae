#!/bin/sh
# The monitor's `run` says in words how a program ended, and goes on.
set -eu
cd "$EXO_BUILD"

said=$(printf 'run\nrun busybox false\nrun crash null\nrun nobody\nrun busybox true\npoweroff\n' |
    ./exo-hosted --append recovery --initrd initrd.cpio 2>&1)
# expect TEXT: a line of what the monitor said has it.
expect()
{
    if ! echo "$said" | grep -q "$1"; then
        echo "the monitor did not say '$1':"
        echo "$said"
        exit 1
    fi
}
expect 'usage: run PROGRAM'
expect 'busybox ended by itself, status 1'
expect 'crash followed a null pointer: .* 0x[0-9a-f]* at pc 0x[0-9a-f]*, status 139'
expect 'nobody cannot be run: nothing has that name'
expect 'busybox ended by itself, status 0'
