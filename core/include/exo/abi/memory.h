/*
 * exo/abi/memory.h - mapping memory, as programs ask for it.
 */
#ifndef EXO_ABI_MEMORY_H
#define EXO_ABI_MEMORY_H

/* Protection of pages. Writing and executing imply reading; both at once are refused. */
#define EXO_PROT_NONE  0u /* a guard: every access faults */
#define EXO_PROT_READ  1u
#define EXO_PROT_WRITE 2u
#define EXO_PROT_EXEC  4u

/* Flags of a mapping. */
#define EXO_MAP_FIXED 1u /* at that address or not at all, EXO_ERR_EXISTS if something is there */

#endif /* EXO_ABI_MEMORY_H */
