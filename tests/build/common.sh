# common.sh - what the tests of the build share; sourced, not run.
# shellcheck shell=sh disable=SC2034

top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'chmod -R u+w "$work" 2>/dev/null; rm -rf "$work"' EXIT

# run_tests FUNCTION...: each in a subshell and a folder of its own; a test fails at its first failing
# command. The function's name is the fact.
run_tests()
{
    for fact in "$@"; do
        mkdir "$work/$fact"
        # Not in a condition: set -e would not hold inside.
        (
            cd "$work/$fact" || exit 1
            set -e
            "$fact"
        ) >"$work/$fact.log" 2>&1
        # shellcheck disable=SC2181 # see above
        if [ $? = 0 ]; then
            echo "ok - $fact"
        else
            echo "not ok - $fact"
            sed 's/^/#   /' "$work/$fact.log"
        fi
    done
}

# expect STATUS COMMAND...: run it, output to ./out and ./err, and compare the exit status.
expect()
{
    wanted=$1
    shift
    got=0
    "$@" >out 2>err </dev/null || got=$?
    if [ "$got" != "$wanted" ]; then
        echo "exit status $got, not $wanted: $*"
        tail -n 30 out err
        return 1
    fi
}

# has FILE TEXT: the file holds the text, taken literally.
has()
{
    grep -qF -e "$2" "$1" || {
        echo "no '$2' in $1:"
        tail -n 30 "$1"
        return 1
    }
}

# hasnt FILE TEXT
hasnt()
{
    ! grep -qF -e "$2" "$1" || {
        echo "'$2' must not be in $1:"
        tail -n 30 "$1"
        return 1
    }
}

# path_without PROGRAM...: make ./bin, a PATH of links to everything but these programs.
path_without()
{
    mkdir -p bin
    for folder in /usr/local/bin /usr/bin /bin /usr/sbin /sbin; do
        [ ! -d "$folder" ] || ln -sf "$folder"/* bin/ 2>/dev/null || true
    done
    for program in "$@"; do
        rm -f "bin/$program"
    done
}

# script NAME: an executable from standard input.
script()
{
    cat >"$1"
    chmod +x "$1"
}
