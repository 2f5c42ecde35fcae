#!/bin/sh
# test-suites.sh - tools/run-suites: what counts as a failure, and the last line.
# shellcheck source=tests/build/common.sh
. "$(dirname "$0")/common.sh"

suites="$top/tools/run-suites --logs logs"

last_line_is()
{
    if [ "$(tail -n 1 out)" != "$1" ]; then
        echo "last line is '$(tail -n 1 out)', not '$1'"
        return 1
    fi
}

good_suites_are_added()
{
    # shellcheck disable=SC2086 # a command and its words
    expect 0 $suites 'a=echo noise; echo "a: 3 passed, 0 failed, 1 skipped"' \
        'b=echo "b: 4 passed, 0 failed, 0 skipped"'
    last_line_is '7 passed, 0 failed, 1 skipped'
}

a_failed_test_fails_the_run()
{
    # shellcheck disable=SC2086
    expect 1 $suites 'a=echo "a: 3 passed, 2 failed, 0 skipped"; exit 1' \
        'b=echo "b: 4 passed, 0 failed, 0 skipped"'
    last_line_is '7 passed, 2 failed, 0 skipped'
}

zero_tests_fail()
{
    # shellcheck disable=SC2086
    expect 1 $suites 'a=echo "a: 0 passed, 0 failed, 0 skipped"'
    last_line_is '0 passed, 1 failed, 0 skipped'
    has out 'ran no test'
    # shellcheck disable=SC2086
    expect 1 $suites 'a=echo "a: 0 passed, 0 failed, 7 skipped"'
    last_line_is '0 passed, 1 failed, 7 skipped'
}

no_suite_fails()
{
    : >empty.list
    # shellcheck disable=SC2086
    expect 1 $suites --list empty.list
    last_line_is '0 passed, 1 failed, 0 skipped'
}

a_suite_without_result_fails()
{
    # shellcheck disable=SC2086
    expect 1 $suites 'a=echo "a: 1 passed, 0 failed, 0 skipped"; echo and then something else'
    has out 'printed no result as its last line'
    # shellcheck disable=SC2086
    expect 1 $suites 'a=/nonexistent/command'
    last_line_is '0 passed, 1 failed, 0 skipped'
}

a_crash_after_the_result_fails()
{
    # shellcheck disable=SC2086,SC2016
    expect 1 $suites 'a=echo "a: 5 passed, 0 failed, 0 skipped"; kill -SEGV $$'
    has out 'killed by signal 11'
    last_line_is '5 passed, 1 failed, 0 skipped'
    # shellcheck disable=SC2086
    expect 1 $suites 'a=echo "a: 5 passed, 0 failed, 0 skipped"; exit 3'
    has out 'exited with status 3'
}

a_suite_that_hangs_is_ended()
{
    echo 'slow 1 0.005 echo begun; sleep 60' >slow.list
    # shellcheck disable=SC2086
    expect 1 $suites --list slow.list
    has out 'ran longer than'
    has out 'begun'
}

a_suite_of_two_cores_runs_alone()
{
    cat >three.list <<'LIST'
a 1 1 touch a.on; sleep 0.3; rm a.on; echo "a: 1 passed, 0 failed, 0 skipped"
b 2 1 test ! -e a.on && touch b.on && sleep 0.3 && rm b.on && echo "b: 1 passed, 0 failed, 0 skipped"
c 1 1 test ! -e b.on && echo "c: 1 passed, 0 failed, 0 skipped"
LIST
    # shellcheck disable=SC2086
    expect 0 $suites --jobs 2 --list three.list
    last_line_is '3 passed, 0 failed, 0 skipped'
}

results_come_in_the_order_of_the_list()
{
    # shellcheck disable=SC2086
    expect 0 $suites --jobs 2 'slow=sleep 0.4; echo "slow: 1 passed, 0 failed, 0 skipped"' \
        'quick=echo "quick: 1 passed, 0 failed, 0 skipped"'
    [ "$(grep -o 'slow:\|quick:' out | tr '\n' ' ')" = 'slow: quick: ' ]
}

an_unknown_name_is_refused()
{
    echo 'a 1 1 true' >one.list
    # shellcheck disable=SC2086
    expect 1 $suites --list one.list b
    has err "no suite 'b'; there are: a"
}

step_counts_one_test()
{
    expect 0 "$top/tools/step" build true
    last_line_is 'build: 1 passed, 0 failed, 0 skipped'
    expect 1 "$top/tools/step" build false
    last_line_is 'build: 0 passed, 1 failed, 0 skipped'
}

# A source tree whose configure notes its words and writes a Makefile with the given line for `test-binaries`.
toy_source()
{
    mkdir source
    script source/configure <<SCRIPT
#!/bin/sh
echo "\$@" >>$PWD/configured.log
printf 'test-binaries:\n\t@$1\ncheck:\n\t@echo "check: 5 passed, 0 failed, 0 skipped"\n' >Makefile
SCRIPT
}

sub_build_configures_once_and_prints_the_result_only()
{
    toy_source 'echo noise'
    for _ in 1 2; do
        expect 0 env EXO_SOURCE="$PWD/source" "$top/tools/sub-build" tsan --enable-x 'CC=my cc' -- check
        hasnt out noise
        last_line_is 'check: 5 passed, 0 failed, 0 skipped'
    done
    [ "$(cat configured.log)" = '--platform=hosted --enable-x CC=my cc' ]
    expect 0 env EXO_SOURCE="$PWD/source" "$top/tools/sub-build" tsan --enable-y -- check
    has configured.log '--platform=hosted --enable-y'
}

sub_build_that_does_not_build_fails()
{
    toy_source 'echo "x.c:1: error: bad"; false'
    expect 1 env EXO_SOURCE="$PWD/source" "$top/tools/sub-build" asan -- check
    has out 'x.c:1: error: bad'
    hasnt out passed
}

the_lists_of_ci_are_well_formed()
{
    for list in "$top"/configs/*.list; do
        awk '!/^#/ && NF && (NF < 4 || $2 !~ /^[12]$/ || $3 !~ /^[0-9]+$/) { print FILENAME ": " $0; bad = 1 }
             !/^#/ && NF && seen[$1]++ { print FILENAME ": twice " $1; bad = 1 }
             END { exit bad }' "$list"
    done
}

run_tests good_suites_are_added a_failed_test_fails_the_run zero_tests_fail no_suite_fails \
    a_suite_without_result_fails a_crash_after_the_result_fails a_suite_that_hangs_is_ended \
    a_suite_of_two_cores_runs_alone results_come_in_the_order_of_the_list an_unknown_name_is_refused \
    step_counts_one_test sub_build_configures_once_and_prints_the_result_only \
    sub_build_that_does_not_build_fails the_lists_of_ci_are_well_formed
