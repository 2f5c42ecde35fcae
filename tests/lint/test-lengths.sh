#!/bin/sh
# The lengths check catches a function of 72 lines and a file of 801, and lets a flat switch be.
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

# function N: a function whose body has N lines between its braces.
function_of()
{
    printf 'void f(void)\n{\n'
    for i in $(seq "$1"); do
        echo "    g($i);"
    done
    echo '}'
}

function_of 68 | put core/lib/short.c
{
    printf 'int f(int n)\n{\n    switch (n) {\n'
    for i in $(seq 60); do
        printf '    case %s:\n        return %s;\n' "$i" "$i"
    done
    printf '    }\n    return 0;\n}\n'
} | put core/lib/flat.c
clean lengths

function_of 70 | put core/lib/long.c
caught lengths "core/lib/long.c:2: function of 72 lines"
rm "$tree/core/lib/long.c"

seq 801 | sed 's#.*#/* & */#' | put core/lib/file.c
caught lengths "core/lib/file.c: 801 lines"
