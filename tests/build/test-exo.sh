#!/bin/sh
# test-exo.sh - the newcomer's script: its words, its package installer, what it hands on.
#
# Most tests run a copy of ./exo in a folder of its own with a toy build tree, so that nothing is built.
# shellcheck source=tests/build/common.sh
. "$(dirname "$0")/common.sh"

# A copy of ./exo beside a tree whose programs print their arguments.
toy()
{
    mkdir -p build/hosted build/x86_64 tools
    cp "$top/exo" .
    echo 'some-tool | build | sh | always there' >packages.txt
    for tree in hosted x86_64; do
        printf 'exo-hosted exo.elf initrd.cpio: ;\n' >build/$tree/Makefile
        : >build/$tree/exo.elf
        : >build/$tree/initrd.cpio
    done
    script build/hosted/exo-hosted <<'SCRIPT'
#!/bin/sh
for word in "$@"; do printf '<%s>' "$word"; done
exit 7
SCRIPT
    cp build/hosted/exo-hosted tools/qemu-run
}

help_and_unknown_words()
{
    expect 0 "$top/exo" help
    has out 'run [options] [-- PROGRAM ARGUMENT...]'
    has out 'test [SUITE...]'
    expect 2 "$top/exo" frobnicate
    has err "unknown command 'frobnicate'"
    expect 1 "$top/exo" run --frobnicate
    has err "unknown option '--frobnicate'"
    expect 1 "$top/exo" run --platform=riscv
    has err "unknown platform 'riscv'"
    expect 1 "$top/exo" run --cpus=many
    has err "--cpus wants a number, not 'many'"
    expect 1 "$top/exo" run --cpus
    has err '--cpus needs a value'
    expect 1 "$top/exo" run --env HOME
    has err "--env wants NAME=VALUE, not 'HOME'"
}

arguments_and_status_pass_unchanged()
{
    toy
    expect 7 ./exo run --cpus 2 --mem=64 -- busybox expr 6 '*' 7 '' '--cpus' 'a  b'
    printf '<--initrd><build/hosted/initrd.cpio><--cpus><2><--mem><64><--><busybox><expr><6><*><7><><--cpus><a  b>' >want
    cmp out want
}

environment_goes_encoded_into_the_command_line()
{
    toy
    expect 7 ./exo run --env 'A=b c%' --append log=debug --env=PATH=/bin -- hello
    printf '<--initrd><build/hosted/initrd.cpio><--append><env=A=b%%20c%%25 log=debug env=PATH=/bin><--><hello>' >want
    cmp out want
}

platform_chooses_the_runner()
{
    toy
    printf 'qemu | qemu | sh | there\n' >>packages.txt
    expect 7 ./exo run --platform=x86_64 --cpus 1 -- hello
    printf '<--reboot><--initrd><build/x86_64/initrd.cpio><build/x86_64/exo.elf><--cpus><1><--><hello>' >want
    cmp out want
}

nothing_but_the_program_is_printed()
{
    toy
    printf 'exo-hosted initrd.cpio: made\nmade:\n\t@echo noise; touch made\n' >build/hosted/Makefile
    expect 7 ./exo run -- hello
    hasnt out noise
    has err noise
    expect 7 ./exo run -- hello
    [ ! -s err ]
}

a_failed_build_does_not_run()
{
    toy
    printf 'exo-hosted initrd.cpio:\n\t@echo broken; false\n.PHONY: exo-hosted\n' >build/hosted/Makefile
    expect 1 ./exo run -- hello
    [ ! -s out ]
    has err 'the build failed'
}

missing_package_without_root_prints_the_line()
{
    toy
    printf 'frobtool | build | no-such-frobtool | for the test\nfrobdata | build | /nonexistent | x\n' >>packages.txt
    mkdir bin
    echo 'echo 1000' | script bin/id
    expect 1 env PATH="$PWD/bin:$PATH" ./exo run -- hello
    has err 'apt-get install --no-install-recommends frobtool frobdata'
    [ ! -s out ]
}

missing_package_as_root_is_installed()
{
    toy
    printf 'frobtool | build | no-such-frobtool | for the test\n' >>packages.txt
    mkdir bin
    echo 'echo 0' | script bin/id
    script bin/apt-get <<SCRIPT
#!/bin/sh
echo "\$@" >>$PWD/apt.log
ln -sf /bin/true $PWD/bin/no-such-frobtool
SCRIPT
    expect 7 env PATH="$PWD/bin:$PATH" EXO_DEBIAN_VERSION=/dev/null ./exo run -- hello
    has apt.log 'install -y --no-install-recommends frobtool'
    [ "$(wc -l <apt.log)" = 1 ]
    expect 7 env PATH="$PWD/bin:$PATH" ./exo run -- hello
    [ "$(wc -l <apt.log)" = 1 ]
}

packages_of_other_commands_are_not_asked_for()
{
    toy
    printf 'frobtool | test | no-such-frobtool | only for ./exo test\n' >>packages.txt
    expect 7 ./exo run -- hello
    expect 1 env PATH="$PWD/bin:$PATH" EXO_DEBIAN_VERSION=/nonexistent ./exo test
    has err 'frobtool'
}

every_package_has_group_probe_and_reason()
{
    awk -F'|' '!/^#/ && NF && (NF != 4 || $2 !~ /^ (build|qemu|test) $/ || $3 ~ /^ *$/ || length($4) < 5) {
        print; bad = 1 } END { exit bad }' "$top/packages.txt"
}

demonstrations_check_their_words()
{
    toy
    expect 1 ./exo trace --seed
    has err '--seed needs a value'
    expect 1 ./exo profile --seed=x
    has err "--seed wants a number, not 'x'"
    expect 1 ./exo trace --platform=x86_64 --seed 7
    has err '--seed needs --platform=hosted'
    expect 1 ./exo compare --bogus
    has err "unknown option '--bogus'"
}

test_lists_its_suites()
{
    expect 0 "$top/exo" test --list
    has out check-gcc
    has out lint
}

run_tests help_and_unknown_words arguments_and_status_pass_unchanged \
    environment_goes_encoded_into_the_command_line platform_chooses_the_runner \
    nothing_but_the_program_is_printed a_failed_build_does_not_run \
    missing_package_without_root_prints_the_line missing_package_as_root_is_installed \
    packages_of_other_commands_are_not_asked_for every_package_has_group_probe_and_reason \
    demonstrations_check_their_words test_lists_its_suites
