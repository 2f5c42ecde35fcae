#!/bin/sh
# The format, tidy and shell checks catch what they are there for, with the tree's own configuration.
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

cp "$here/../../.clang-format" "$here/../../.clang-tidy" "$tree/"
put core/lib/good.c <<'END'
int good(int a);

int good(int a)
{
    if (a > 0) {
        return a + 1;
    }
    return 0;
}
END
put tools/good <<'END'
#!/bin/sh
echo "$1"
END
clean format
clean tidy
clean shell

put core/lib/ugly.c <<'END'
int ugly( int a );
END
caught format "core/lib/ugly.c"
rm "$tree/core/lib/ugly.c"

put core/lib/deep.c <<'END'
int deep(int a);

int deep(int a)
{
    return a == 0 ? 0 : deep(a - 1);
}
END
caught tidy "recursive"
rm "$tree/core/lib/deep.c"

put core/lib/braces.c <<'END'
int braces(int a);

int braces(int a)
{
    if (a > 0)
        return 1;
    return 0;
}
END
caught tidy "braces"
rm "$tree/core/lib/braces.c"

put tools/bad <<'END'
#!/bin/sh
cd $1
rm -rf "$undefined/"*
END
caught shell "tools/bad"
