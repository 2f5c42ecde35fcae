/*
 * lib/start.c - from the first instruction of a native program to main().
 *
 * The program is position-independent and nobody relocates it but itself, so nothing here may need
 * a relocation before relocate() has run: every symbol is hidden, its address relative.
 */
#include <stddef.h>

#include "exo_std/process.h"
#include "exo_std/syscall.h"

int main(int argc, char **argv, char **env);
_Noreturn void exo_start_c(const struct exo_start *start);

/* The note that makes the file a native program, and the entry: the stack pointer is the
 * argument. */
__asm__(".pushsection .note.exo, \"a\", @note\n"
        "    .balign 4\n"
        "    .long 7, 4, 1\n" /* bytes of the name, bytes of the content, EXO_NOTE_ABI */
        "    .asciz \"Exo-OS\"\n"
        "    .balign 4\n"
        "    .long 1\n" /* EXO_ABI_VERSION */
        ".popsection\n"
        ".text\n"
        ".globl _start\n"
        ".type _start, @function\n"
        "_start:\n"
        "    xorl %ebp, %ebp\n"
        "    movq %rsp, %rdi\n"
        "    call exo_start_c\n"
        ".size _start, . - _start\n");

_Static_assert(sizeof(EXO_NOTE_NAME) == 7, "the note above");
_Static_assert(EXO_NOTE_ABI == 1, "the note above");
_Static_assert(EXO_ABI_VERSION == 1, "the note above");

/* System V ABI, chapter 5: the dynamic section's entries and relocations with addends. */
struct dynamic {
    int64_t tag;
    uint64_t value;
};
struct relocation {
    uint64_t offset;
    uint64_t info;
    int64_t addend;
};
#define TAG_RELOCATIONS      7
#define TAG_RELOCATIONS_SIZE 8
#define RELOCATION_RELATIVE  8u /* base + addend: the only kind in a static program */

extern const struct dynamic _DYNAMIC[] __attribute__((visibility("hidden")));
extern const char __ehdr_start[]
    __attribute__((visibility("hidden"))); /* first byte of the image */

static const struct exo_start *g_start;

static void relocate(uint64_t base)
{
    const struct relocation *relocation = NULL;
    uint64_t size = 0;

    for (const struct dynamic *at = _DYNAMIC; at->tag != 0; at++) {
        if (at->tag == TAG_RELOCATIONS) {
            relocation = (const struct relocation *)(base + at->value);
        } else if (at->tag == TAG_RELOCATIONS_SIZE) {
            size = at->value;
        }
    }
    for (uint64_t i = 0; relocation != NULL && i < size / sizeof(*relocation); i++) {
        if ((uint32_t)relocation[i].info == RELOCATION_RELATIVE) {
            *(uint64_t *)(base + relocation[i].offset) = base + (uint64_t)relocation[i].addend;
        }
    }
}

/* Linux found no interpreter and no reason to refuse: tell whoever started this there. */
#define LINUX_WRITE 1
#define LINUX_EXIT  231 /* exit_group */

static int64_t linux_call(int64_t number, int64_t a, const char *b, uint64_t c)
{
    __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return number;
}

static _Noreturn void foreign_end(void)
{
    static const char text[] = "this is a program for Exo-OS; Linux cannot run it\n";

    (void)linux_call(LINUX_WRITE, 2, text, sizeof(text) - 1);
    for (;;) {
        (void)linux_call(LINUX_EXIT, 126, NULL, 0);
    }
}

_Noreturn void exo_start_c(const struct exo_start *start)
{
    if (start->magic != EXO_START_MAGIC) {
        foreign_end();
    }
    relocate((uint64_t)__ehdr_start);
    g_start = start;
    exo_exit(main((int)start->arg_count, (char **)start->args, (char **)start->env));
}

const struct exo_start *exo_start_block(void)
{
    return g_start;
}

_Noreturn void exo_exit(int status)
{
    for (;;) {
        (void)exo_syscall(EXO_SYSCALL_process_exit, (uint64_t)status, 0, 0);
    }
}
