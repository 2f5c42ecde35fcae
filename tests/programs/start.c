/* tests/programs/start.c - what a program finds at its start: arguments, environment, auxiliary
 * vector. */
#include <elf.h>
#include <link.h>
#include <stdlib.h>
#include <sys/auxv.h>

#include "case.h"

extern char **environ;
extern const char __ehdr_start[];

int main(int argc, char **argv)
{
    const Elf64_Phdr *headers = (const void *)getauxval(AT_PHDR);
    const unsigned char *random = (const void *)getauxval(AT_RANDOM);
    const char *execfn = (const char *)getauxval(AT_EXECFN);
    int sum = 0;

    for (int i = 0; i < argc; i++) {
        printf("argv[%d]=%s\n", i,
               i == 0 ? strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0] : argv[i]);
    }
    fact("argv ends with NULL", argv[argc] == NULL);
    for (int i = 0; environ[i] != NULL; i++) {
        printf("env[%d]=%s\n", i, environ[i]);
    }
    result("AT_PAGESZ", (long)getauxval(AT_PAGESZ));
    result("AT_CLKTCK", (long)getauxval(AT_CLKTCK));
    result("AT_PHENT", (long)getauxval(AT_PHENT));
    result("AT_BASE", (long)getauxval(AT_BASE));
    result("AT_FLAGS", (long)getauxval(AT_FLAGS));
    result("AT_SECURE", (long)getauxval(AT_SECURE));
    result("AT_UID", (long)getauxval(AT_UID));
    result("AT_EUID", (long)getauxval(AT_EUID));
    result("AT_GID", (long)getauxval(AT_GID));
    result("AT_EGID", (long)getauxval(AT_EGID));
    printf("AT_PLATFORM: %s\n", (const char *)getauxval(AT_PLATFORM));
    fact("AT_PHDR is where the file's header says",
         (const char *)headers ==
             __ehdr_start + ((const Elf64_Ehdr *)(const void *)__ehdr_start)->e_phoff);
    result("AT_PHNUM difference",
           (long)getauxval(AT_PHNUM) - ((const Elf64_Ehdr *)(const void *)__ehdr_start)->e_phnum);
    fact("AT_EXECFN ends with start", strcmp(strrchr(execfn, '/'), "/start") == 0);
    fact("AT_EXECFN lies above environ", (uintptr_t)execfn > (uintptr_t)environ);
    for (int i = 0; i < 16; i++) {
        sum |= random[i];
    }
    fact("AT_RANDOM holds something", sum != 0);
    fact("stack is 16-byte aligned at argc", ((uintptr_t)argv - 8) % 16 == 0);
    return 7;
}
