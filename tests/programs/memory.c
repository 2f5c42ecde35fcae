/* tests/programs/memory.c - mmap, munmap, mprotect, brk. */
#include "case.h"

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW   (PROT_READ | PROT_WRITE)

static void mapping(void)
{
    char *pages = (char *)syscall(SYS_mmap, 0, 4 * PAGE, RW, ANON, -1, 0);
    char *again;

    fact("aligned", (uintptr_t)pages % PAGE == 0);
    fact("zero at both ends", pages[0] == 0 && pages[4 * PAGE - 1] == 0);
    pages[PAGE] = 5;
    again = (char *)syscall(SYS_mmap, pages + PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
    fact("fixed is where it was asked", again == pages + PAGE);
    fact("fixed is zero again", pages[PAGE] == 0);
    CALL(SYS_mmap, pages, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
    CALL(SYS_mmap, pages + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0);
    CALL(SYS_mmap, 0, 0, RW, ANON, -1, 0);
    CALL(SYS_mmap, 0, -1ul, RW, ANON, -1, 0);
    CALL(SYS_mmap, 0, 1ul << 47, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
    CALL(SYS_mmap, 0x7ffffffff000ul, PAGE, RW, ANON | MAP_FIXED, -1, 0);
    CALL(SYS_mmap, KERNEL, PAGE, RW, ANON | MAP_FIXED, -1, 0);
    CALL(SYS_mmap, 0, PAGE, RW, ANON, -1, 5);
    CALL(SYS_mmap, 0, PAGE, RW, MAP_ANONYMOUS, -1, 0);
    CALL(SYS_mmap, 0, PAGE, RW, MAP_PRIVATE, 17, 0);
    CALL(SYS_mmap, 0, PAGE, RW, MAP_PRIVATE, -1, 0);
    CALL(SYS_mmap, 0, PAGE, RW, ANON | 0xc, -1, 0);
    CALL_OK(SYS_mmap, 0, 1ul << 40, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
    CALL_OK(SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, ANON, -1, 0);
    CALL_OK(SYS_mmap, 0, PAGE, RW, ANON | MAP_STACK | MAP_POPULATE, -1, 0);
    again = (char *)syscall(SYS_mmap, pages + 4 * PAGE + 1, PAGE, RW, ANON, -1, 0);
    fact("a wish is rounded down", (uintptr_t)again % PAGE == 0);
}

static void unmapping(void)
{
    char *pages = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);

    pages[3 * PAGE] = 9;
    CALL(SYS_munmap, pages + PAGE, PAGE);
    CALL(SYS_munmap, pages + PAGE, PAGE); /* nothing there: fine */
    CALL(SYS_write, 1, pages + PAGE, 1);
    fact("the rest stays", pages[3 * PAGE] == 9);
    CALL(SYS_munmap, pages + 1, PAGE);
    CALL(SYS_munmap, pages, 0);
    CALL(SYS_munmap, pages, -1ul);
    CALL(SYS_munmap, 0x7ffffffff000ul, PAGE);
    CALL(SYS_munmap, KERNEL, PAGE);
    CALL(SYS_munmap, 0, PAGE);
    CALL(SYS_munmap, pages, 4 * PAGE);
    CALL(SYS_write, 1, pages, 1);
}

static void protecting(void)
{
    char *pages = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);
    char *hole;

    memset(pages, 'p', 4 * PAGE);
    CALL(SYS_mprotect, pages + PAGE, PAGE, PROT_READ);
    CALL(SYS_fstat, 0, pages + PAGE); /* the kernel may not write there either */
    CALL(SYS_mprotect, pages + PAGE, PAGE, PROT_NONE);
    fflush(stdout);
    CALL(SYS_write, 1, pages + PAGE, 1);
    CALL(SYS_mprotect, pages + PAGE, PAGE, RW);
    fact("its bytes are still there", pages[PAGE] == 'p' && pages[2 * PAGE - 1] == 'p');
    CALL(SYS_mprotect, pages, 0, PROT_READ);
    CALL(SYS_mprotect, pages + 1, PAGE, PROT_READ);
    CALL(SYS_mprotect, pages, PAGE, 0x100);
    CALL(SYS_mprotect, pages, -1ul, PROT_READ);
    CALL(SYS_mprotect, pages, -PAGE, PROT_READ);
    CALL(SYS_mprotect, NOWHERE - 8, PAGE, PROT_READ);
    CALL(SYS_mprotect, KERNEL, PAGE, PROT_READ);
    hole = pages + 2 * PAGE;
    munmap(hole, PAGE);
    CALL(SYS_mprotect, pages + PAGE, 3 * PAGE, PROT_READ);
    CALL(SYS_fstat, 0, pages + PAGE);     /* below the hole: changed */
    CALL(SYS_fstat, 0, pages + 3 * PAGE); /* above: not */
}

static void breaking(void)
{
    char *start = (char *)syscall(SYS_brk, 0);

    fact("brk grows", (char *)syscall(SYS_brk, start + 3 * PAGE) == start + 3 * PAGE);
    fact("new memory is zero", start[2 * PAGE + 100] == 0);
    start[2 * PAGE + 100] = 7;
    fact("brk by bytes", (char *)syscall(SYS_brk, start + 5) == start + 5);
    fact("brk grows again", (char *)syscall(SYS_brk, start + 3 * PAGE) == start + 3 * PAGE);
    fact("given back memory is zero", start[2 * PAGE + 100] == 0);
    fact("brk too far answers the old end", (char *)syscall(SYS_brk, KERNEL) == start + 3 * PAGE);
    fact("brk below its start answers the old end",
         (char *)syscall(SYS_brk, 4096) == start + 3 * PAGE);
    fact("brk shrinks", (char *)syscall(SYS_brk, start) == start);
}

int main(void)
{
    mapping();
    unmapping();
    protecting();
    breaking();
    return 0;
}
