/*
 * exo_std/process.h - the program itself: what it was started with, and its end.
 *
 * A program defines `int main(int argc, char **argv, char **env)`; what it returns is its exit
 * status.
 */
#ifndef EXO_STD_PROCESS_H
#define EXO_STD_PROCESS_H

#include "exo/abi/start.h"

/* What the kernel handed over; constant, never NULL. */
const struct exo_start *exo_start_block(void);

/* End the program with a status of 0-255. */
_Noreturn void exo_exit(int status);

#endif /* EXO_STD_PROCESS_H */
