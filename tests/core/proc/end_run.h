/*
 * tests/core/proc/end_run.h - run machine code as a program and keep the record of its end.
 */
#ifndef TESTS_CORE_PROC_END_RUN_H
#define TESTS_CORE_PROC_END_RUN_H

#include "exo/proc/proc.h"

#define END_FILE_SIZE 0x3000u     /* bytes of the program's file */
#define END_CODE_AT   0x401000ull /* where the code lies */
#define END_DATA_AT   0x402100ull /* bytes that may be written, not executed */

/* Make the file of a program whose code is code[len_bytes] in file[END_FILE_SIZE], 8-byte aligned,
 * which lives as long as the process, and start it. Fails the test if that does not work. */
struct proc *end_spawn(uint8_t *file, const uint8_t *code, size_t len_bytes);

/* The same, and wait for its end. */
struct exo_end end_run(uint8_t *file, const uint8_t *code, size_t len_bytes);

#endif /* TESTS_CORE_PROC_END_RUN_H */
