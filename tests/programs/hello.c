/* tests/programs/hello.c - the smallest program: one line, exit status 0. */
#include <stdio.h>

int main(void)
{
    puts("hello from a static musl program");
    return 0;
}
