#!/bin/sh
# tools/check-kernel counts a crashed test as failed, goes on at the next, and never takes silence for success.
# The machine is a script that plays QEMU.
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

mkdir -p "$tree/tools"
cp "$here/../../tools/check-kernel" "$tree/tools/"
: >"$tree/exo-test.elf"

# machine: write standard input as the script that runs instead of QEMU; $append is the command line.
machine()
{
    {
        echo '#!/bin/sh'
        echo 'while [ $# -gt 0 ]; do if [ "$1" = --append ]; then append=$2; fi; shift; done'
        cat
    } >"$tree/tools/qemu-run"
    chmod +x "$tree/tools/qemu-run"
}

# says TEXT STATUS: check-kernel's last line and exit status.
says()
{
    code=0
    "$tree/tools/check-kernel" --check some "$tree/exo-test.elf" >"$tree/said" 2>&1 || code=$?
    if [ "$(tail -n 1 "$tree/said")" != "check-kernel: $1" ] || [ "$code" != "$2" ]; then
        echo "expected '$1' and status $2, got status $code and:"
        cat "$tree/said"
        exit 1
    fi
}

machine <<'END'
echo "# run s.a then s.b"; echo "ok 1 - s.a"
echo "# run s.b then -"; echo "ok 2 - s.b"
echo "# check: 2 passed, 0 failed"
END
says "2 passed, 0 failed, 0 skipped" 0

machine <<'END'
case $append in
    *check-from=s.c*) echo "# run s.c then -"; echo "ok 1 - s.c"; echo "# check: 1 passed, 0 failed" ;;
    *) echo "# run s.a then s.b"; echo "ok 1 - s.a"; echo "# run s.b then s.c"; echo "a panic" ;;
esac
END
says "2 passed, 1 failed, 0 skipped" 1
grep -q "not ok - s.b # the machine ended during it" "$tree/said"

machine <<'END'
echo "# run s.a then -"; echo "ok 1 - s.a"
END
says "1 passed, 1 failed, 0 skipped" 1

machine <<'END'
echo "# run s.a then -"
END
says "0 passed, 1 failed, 0 skipped" 1

machine <<'END'
exit 1
END
says "0 passed, 1 failed, 0 skipped" 1

machine <<'END'
echo 'Bail out! no test matches "some"'
END
says "0 passed, 1 failed, 0 skipped" 1
