# common.sh - plant a breach in a small tree and expect lint to catch it; sourced by the tests beside it.
# shellcheck shell=sh
set -eu

here=$(cd "$(dirname "$0")" && pwd)
lint=$here/../../tools/check-lint
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

# put FILE: write standard input to FILE of the small tree.
put()
{
    mkdir -p "$tree/$(dirname "$1")"
    cat >"$tree/$1"
}

# clean CHECK: the small tree passes.
clean()
{
    if ! "$lint" --root "$tree" "$1" >"$tree/said" 2>&1; then
        echo "$1 complains of a clean tree:"
        cat "$tree/said"
        exit 1
    fi
}

# caught CHECK TEXT: the check fails and names TEXT.
caught()
{
    if "$lint" --root "$tree" "$1" >"$tree/said" 2>&1; then
        echo "$1 did not catch the planted breach ($2)"
        exit 1
    fi
    if ! grep -qF "$2" "$tree/said"; then
        echo "$1 failed without naming $2:"
        cat "$tree/said"
        exit 1
    fi
}
