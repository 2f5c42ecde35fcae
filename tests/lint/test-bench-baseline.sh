#!/bin/sh
# tools/bench-baseline fails at 3 % more, lets less than that be, wants every row in both lists, and does not
# compare across compilers. The machine is a script that plays QEMU.
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

mkdir -p "$tree/tools"
cp "$here/../../tools/bench-baseline" "$tree/tools/"
cat >"$tree/tools/qemu-run" <<'END'
#!/bin/sh
echo '{"name":"row","platform":"x86_64","commit":"c","unit":"counted cycles","n":1,"p50":103.50}'
END
chmod +x "$tree/tools/qemu-run"
printf 'int main(void) { return 0; }\n' | gcc -g -std=gnu17 -x c -o "$tree/image" -
compiler="GNU C17 $(gcc -dumpfullversion)"

# says TEXT STATUS, with a baseline of COMPILER and the rows on standard input.
says()
{
    { echo "compiler $3"; cat; } >"$tree/baseline"
    code=0
    "$tree/tools/bench-baseline" --file "$tree/baseline" x86_64 "$tree/image" >"$tree/said" 2>&1 ||
        code=$?
    if [ "$(tail -n 1 "$tree/said")" != "baseline: $1" ] || [ "$code" != "$2" ]; then
        echo "expected '$1' and status $2, got status $code and:"
        cat "$tree/said"
        exit 1
    fi
}

echo "row 103.00" | says "1 passed, 0 failed, 0 skipped" 0 "$compiler"
echo "row 100.00" | says "0 passed, 1 failed, 0 skipped" 1 "$compiler"
printf 'row 103.00\nlost 5.00\n' | says "1 passed, 1 failed, 0 skipped" 1 "$compiler"
echo "other 5.00" | says "0 passed, 2 failed, 0 skipped" 1 "$compiler"
echo "row 1.00" | says "0 passed, 0 failed, 1 skipped" 0 "another compiler 1.0"
